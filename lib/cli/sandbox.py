"""The sandbox script on the command line: asked for first, then a table of assumed and seen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from lib.cli.answers import Answer

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.services.staff.sandbox import Trial

_QUESTION = (
    "This makes a customer, setup links and charges of test cards, in {where}. They carry the metadata "
    "onfile_sandbox. It takes up to two minutes. Go on? [y/N] "
)


def run(services: Services, arguments: Arguments) -> Answer:
    settings = services.settings
    # A live key is refused whatever the answer.
    if not settings.livemode and not arguments.yes and not _agreed(settings.mode.value):
        message = "Nothing was sent. Answer y, or give --yes."
        return Answer({}, [], error={"code": "not_confirmed", "message": message})
    trials = list(services.doctor.sandbox())
    return Answer(
        {
            "mode": settings.mode.value,
            "sandbox": [
                {"name": one.name, "assumed": one.assumed, "seen": one.seen, "ok": one.ok}
                for one in trials
            ],
        },
        _table(trials),
        failed=not all(one.ok for one in trials),
    )


def _agreed(mode: str) -> bool:
    where = "practice Stripe" if mode == "practice" else "the Stripe sandbox of this test key"
    sys.stderr.write(_QUESTION.format(where=where))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _table(trials: list[Trial]) -> list[str]:
    rows = [("", "tried", "assumed", "seen")]
    rows += [("ok" if t.ok else "DIFFERS", t.name, t.assumed, t.seen) for t in trials]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
