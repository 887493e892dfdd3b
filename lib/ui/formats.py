"""Values written for people: money, times, and text that came from outside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeVar

from lib.money import Money, format_money

Moment = datetime | int
"""An aware datetime, or seconds since 1970 as Stripe and our tables write it."""

T = TypeVar("T")
NONE = "–"
_PUNCTUATION = re.compile(r"([!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~])")
_LINE_BREAKS = re.compile(r"\s+")
# Streamlit makes icons and links of these after Markdown's own escapes are resolved, so a backslash
# does not stop it. It looks at one piece of text at a time, and a span that colours nothing ends a
# piece. A letter that nobody sees would do so as well, and be copied along.
_MADE_INTO_SOMETHING = re.compile(
    r"(?i):(?=(?:material/)?[\w+-]+:)|(?<=\bwww)\.|(?<=https):(?=//)|(?<=http):(?=//)|@(?=[\w-]+\.)"
)


def escape(text: str) -> str:
    """
    Make text from outside inert in Markdown: no emphasis, links, HTML, LaTeX, colours or icons.

    Line breaks become spaces. Where Streamlit has a plain-text element (`st.text`, a table cell),
    use that instead: it needs no escaping. Both copy exactly.
    """
    parts: list[str] = []
    at = 0
    one_line = _LINE_BREAKS.sub(" ", text)
    for match in _MADE_INTO_SOMETHING.finditer(one_line):
        parts += (_escaped(one_line[at : match.start()]), f":color[\\{match.group()}]")
        at = match.end()
    return "".join([*parts, _escaped(one_line[at:])])


def _escaped(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", text)


def money(amount: int | Money, currency: str | None = None) -> str:
    """ "€1,234.50": from Money, or from minor units and a currency. For Markdown, escape it."""
    if isinstance(amount, Money):
        return str(amount)
    return format_money(amount, currency or "")


def moment(value: Moment) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)


def exact(value: Moment | None, timezone: tzinfo) -> str:
    """ "23 Nov 2026, 20:52 CET" in the operator's zone."""
    if value is None:
        return NONE
    local = moment(value).astimezone(timezone)
    return f"{local.day} {local:%b %Y, %H:%M} {local.tzname() or ''}".rstrip()


def day(value: Moment | None, timezone: tzinfo) -> str:
    if value is None:
        return NONE
    local = moment(value).astimezone(timezone)
    return f"{local.day} {local:%b %Y}"


def ago(value: Moment | None, now: datetime) -> str:
    """ "2 hours ago", "in 3 days", "just now"."""
    if value is None:
        return NONE
    gap = now - moment(value)
    past = gap >= timedelta(0)
    seconds = int(abs(gap).total_seconds())
    if seconds < 45:
        return "just now" if past else "in a moment"
    words = _largest_unit(seconds)
    return f"{words} ago" if past else f"in {words}"


def brief(value: Moment | None, now: datetime) -> str:
    """ "2 h ago", "5 min ago", for where there is little room."""
    return (
        ago(value, now)
        .replace(" minutes", " min")
        .replace(" minute", " min")
        .replace(" hours", " h")
        .replace(" hour", " h")
    )


def when(value: Moment | None, now: datetime, timezone: tzinfo) -> str:
    """ "2 hours ago · 23 Nov 2026, 20:52 CET"."""
    return NONE if value is None else f"{ago(value, now)} · {exact(value, timezone)}"


def countdown(until: Moment | None, now: datetime) -> str:
    """ "3 d 4 h left", "23 h 58 min left", "4 min left", "expired"."""
    if until is None:
        return NONE
    seconds = int((moment(until) - now).total_seconds())
    if seconds <= 0:
        return "expired"
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes = rest // 60
    if days:
        return f"{days} d {hours} h left"
    if hours:
        return f"{hours} h {minutes} min left"
    return f"{minutes} min left" if minutes else "under a minute left"


def plural(count: int, singular: str, plural_form: str | None = None) -> str:
    """ "1 link", "3 links", "0 links"."""
    return f"{count:,} {singular if count == 1 else plural_form or singular + 's'}"


def signed(number: int) -> str:
    """ "+1,200" or "−61", with the sign that figures have."""
    return f"{number:+,}".replace("-", "−")


def _largest_unit(seconds: int) -> str:
    for size, name in ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day")):
        if seconds >= size:
            return plural(seconds // size, name)
    if seconds >= 3600:
        return plural(seconds // 3600, "hour")
    return plural(max(seconds // 60, 1), "minute")


def who(row: dict[str, Any]) -> str:
    """The customer of a report's row, by the best name there is."""
    return str(row["name"] or row["email"] or row["customer"] or "Nobody yet")


def distinct(labels: Mapping[T, str], named: Callable[[T], str] = str) -> dict[T, str]:
    """
    Labels of options, with the id behind those that read the same, or what `named` makes of it.

    A browser answers with the label of the option that was clicked, so of two that are the same it
    would always mean the first: another customer, another card.
    """
    times = Counter(labels.values())
    return {
        id_: label if times[label] == 1 else f"{label} ({named(id_)})"
        for id_, label in labels.items()
    }
