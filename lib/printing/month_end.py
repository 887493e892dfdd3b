"""The summary of a month on one page of A4."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.books import Line, local
from lib.domain.month_end import Closing, month_of
from lib.money import format_money
from lib.printing import printed

_AGES = ("0 to 7 days", "8 to 30 days", "31 to 60 days", "older than 60 days")
_RESULTS = {
    "green": "agrees with Stripe",
    "amber": "something is still open",
    "red": "does NOT agree with Stripe",
    None: "no certificate yet",
}


def to_html(closing: Closing) -> bytes:
    """A page that prints as it is, the same for the same closing; times in its time zone."""
    facts = closing.facts
    return printed(
        "month_end.html",
        month=month_of(closing.month).in_words,
        closing=closing,
        closed=local(closing.closed_at, facts["timezone"]).strftime("%-d %b %Y, %H:%M"),
        facts=facts,
        charges=[
            (one["currency"], one["state"], one["count"], _money(one)) for one in facts["sums"]
        ],
        settled=[
            (
                one["currency"],
                one["charges"],
                format_money(one["net"] + one["fee"], one["currency"]),
                format_money(one["fee"], one["currency"]),
                format_money(one["net"], one["currency"]),
            )
            for one in facts["settled"]
        ],
        failures=_grouped(facts["failures"], "age", _AGES),
        refunds=_grouped(facts["refunds"], "state"),
        disputes=_grouped(facts["disputes"], "state"),
        payouts=_grouped(facts["payouts"], "state"),
        runs=[(run["name"], _RESULTS.get(run["certificate"], "")) for run in facts["runs"]],
        is_sound=all(check["ok"] for check in facts["checks"]),
    )


def _money(line: Line) -> str:
    return format_money(int(line["amount"] or 0), str(line["currency"]).lower())


def _grouped(
    lines: Sequence[Line], by: str, order: Sequence[str] = ()
) -> list[tuple[str, str, int, str]]:
    """Group, currency, how many, and their sum."""
    groups: dict[tuple[str, str], list[int]] = {}
    for line in lines:
        key = (str(line[by]), str(line["currency"]))
        groups.setdefault(key, []).append(int(line["amount"] or 0))
    place = {name: at for at, name in enumerate(order)}
    return [
        (group, code, len(amounts), format_money(sum(amounts), code.lower()))
        for (group, code), amounts in sorted(
            groups.items(), key=lambda item: (place.get(item[0][0], 99), item[0])
        )
    ]
