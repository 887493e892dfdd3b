"""Progress of a sync, a backfill, a verification or a rebuild in words, for the dashboard and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# As people know them, in the order in which everything is read.
NAMES: dict[str, str] = {
    "customers": "Customers",
    "checkout_sessions": "Setup sessions",
    "setup_intents": "SetupIntents",
    "payment_intents": "Payments",
    "charges": "Charges at Stripe",
    "refunds": "Refunds",
    "disputes": "Disputes",
    "payment_methods": "Saved methods",
}
COUNTED: dict[str, str] = NAMES | {"events": "Events"}
_ORDER = tuple(NAMES)
_STEPS_OF_REBUILD = (
    "plan",
    "customers",
    "checkout_sessions",
    "refunds",
    "payment_intents",
    "marks",
    "taking_over",
)
_ADOPTED = {"charges": "charge", "attempts": "try", "refunds": "refund", "links": "setup link"}
_IN_A_SENTENCE = {"setup_intents": "SetupIntents", "charges": "charges at Stripe"}


def describe(kind: str, progress: Mapping[str, Any]) -> str:
    """ "Reading customers · 12,300 so far · 2,290 a second · about 3 min left in this step"."""
    if "pages" in progress:
        return f"Copied {fraction(kind, progress):.0%}"
    doing = str(progress.get("doing") or "")
    if not doing:
        return "Starting"
    if kind == "verify":
        return _comparing(doing, progress)
    if kind == "rebuild" and (words := _rebuilding(doing, progress)) is not None:
        return words
    of = " customers" if doing == "payment_methods" and "done" in progress else ""
    parts = [f"Reading {_name(doing)}", f"{_done(progress, doing):,}{of} so far"]
    if progress.get("rate"):
        parts.append(f"{_number(progress, 'rate'):,} a second")
    if kind in ("backfill", "rebuild"):
        parts.append(_left(progress))
    return " · ".join(parts)


def adopted(counts_: Mapping[str, int]) -> str:
    """ "12 charges, 14 tries, 1 refund"; "nothing" where all is known already."""
    phrases = [(counts_.get(kind, 0), noun) for kind, noun in _ADOPTED.items()]
    return ", ".join(f"{n:,} {noun if n == 1 else _plural(noun)}" for n, noun in phrases if n) or (
        "nothing"
    )


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"


def _rebuilding(doing: str, progress: Mapping[str, Any]) -> str | None:
    """None where a type is read as in every reading."""
    if doing == "plan":
        return "Finding out what is at Stripe"
    if doing == "marks":
        return f"Searching for our payments · {_number(progress, 'payment_intents'):,} read so far"
    if doing == "taking_over":
        return f"Taking over · {adopted(progress.get('adopted') or {})}"
    return None


def fraction(kind: str, progress: Mapping[str, Any]) -> float:
    """How far it is, from 0 to 1: by steps where nobody knows beforehand how much there is."""
    if pages := _number(progress, "pages"):
        return 1 - _number(progress, "left") / pages
    doing = str(progress.get("doing") or "")
    if kind == "sync":
        return {"": 0.05, "events": 0.3, "checkout_sessions": 0.8}.get(doing, 0.5)
    order = _order(kind)
    if doing not in order:
        return 0.02
    if kind == "verify":
        all_ = _number(progress, "windows_of")
        inside = _number(progress, "windows") / all_ if all_ else 0.0
    else:
        done, left = _done(progress, doing), progress.get("remaining")
        inside = done / (done + int(left)) if left is not None and done + int(left) else 0.0
    return min((order.index(doing) + min(inside, 1.0)) / len(order), 1.0)


def step(kind: str, progress: Mapping[str, Any]) -> str:
    """ "Step 2 of 8", or nothing when steps are not counted."""
    doing, order = str(progress.get("doing") or ""), _order(kind)
    return f"Step {order.index(doing) + 1} of {len(order)}" if doing in order else ""


def _order(kind: str) -> tuple[str, ...]:
    return _STEPS_OF_REBUILD if kind == "rebuild" else _ORDER


def counts(values: Mapping[str, Any]) -> list[tuple[str, int]]:
    """What was read, by plain names; types of which nothing was read are left out."""
    totals = [(name, _number(values, type_)) for type_, name in COUNTED.items()]
    return [(name, number) for name, number in totals if number]


def _comparing(doing: str, progress: Mapping[str, Any]) -> str:
    if not progress.get("windows_of"):
        return "First reading what changed"
    return (
        f"Comparing {_name(doing)} · {_number(progress, 'windows'):,} of "
        f"{_number(progress, 'windows_of'):,} parts"
    )


def _left(progress: Mapping[str, Any]) -> str:
    remaining, seconds = progress.get("remaining"), progress.get("seconds_left")
    if remaining is None:
        return "how many there are is not known yet"
    if not remaining:
        return "nearly done with this step"
    if seconds is None:
        return f"about {int(remaining):,} to go"
    return f"{duration(int(seconds))} left in this step"


def duration(seconds: int) -> str:
    """ "under a minute", "about 3 min", "about 2 h"."""
    if seconds < 60:
        return "under a minute"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"


def _done(progress: Mapping[str, Any], doing: str) -> int:
    """Objects read in this step, where that is known: most of them may be written already."""
    return _number(progress, "done" if "done" in progress else doing)


def _name(type_: str) -> str:
    if type_ == "events":
        return "what changed"
    return _IN_A_SENTENCE.get(type_, NAMES.get(type_, type_.replace("_", " ")).lower())


def _number(values: Mapping[str, Any], name: str) -> int:
    return int(values.get(name) or 0)
