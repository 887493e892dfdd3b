"""The audit log on the command line: whether it is whole, where it ends, a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person
from lib.domain.actors import Actor, Permission

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments


def verify(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    verification = services.audit.verify(arguments.head)
    check = verification.check
    lines = [
        f"{check.entries} entries, {'unbroken' if check.ok else 'BROKEN'}, head {services.audit.head()}"
    ]
    if check.first_broken is not None:
        lines.append(f"The first entry that was changed is {check.first_broken}.")
    lines += [f"NOT THERE: {head}, which was kept outside." for head in verification.missing]
    lines += verification.restores
    return Answer(
        {
            "entries": check.entries,
            "ok": verification.ok,
            "head": services.audit.head(),
            "first_broken": check.first_broken,
            "missing": list(verification.missing),
            "restores": list(verification.restores),
        },
        lines,
        failed=not verification.ok,
    )


def head(services: Services, _: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    newest = services.audit.head()
    return Answer({"head": newest}, [newest])


def export(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    count = services.audit.export(Path(arguments.out), by=person(actor))
    return Answer({"entries": count}, [f"{count:,} entries written to {arguments.out}."])
