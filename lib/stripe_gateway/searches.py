"""Queries in Stripe's search language for what carries our marks: https://docs.stripe.com/search"""

from __future__ import annotations

from collections.abc import Collection

from lib.domain.holds import METADATA_KEY

MOST_CLAUSES = 10

_INSTALLATION, _CHARGE = "metadata['onfile_installation']", "metadata['onfile_charge_id']"


def marked(installation: str | None, *, created_from: int, created_before: int) -> str:
    """By this installation; None for marks of before installations had an id."""
    whose = (
        f"{_INSTALLATION}:null AND -{_CHARGE}:null"
        if installation is None
        else f"{_INSTALLATION}:{_quoted(installation)}"
    )
    return f"{whose} AND created>={created_from} AND created<{created_before}"


def marked_by_others(than: Collection[str], *, created_before: int) -> str | None:
    """By installations that are none of these; None where a query cannot leave out so many."""
    if len(than) > MOST_CLAUSES - 2:
        return None
    left_out = "".join(f" AND -{_INSTALLATION}:{_quoted(one)}" for one in sorted(than))
    return f"-{_INSTALLATION}:null{left_out} AND created<{created_before}"


def labelled_by_hand() -> str:
    """That name a debt and carry no mark of any installation: their metadata may be younger than they are."""
    return f"-metadata['onfile_reference']:null AND {_INSTALLATION}:null AND {_CHARGE}:null"


def of_run(run_id: str) -> str:
    return f"metadata['onfile_run']:{_quoted(run_id)}"


def on_hold() -> str:
    """Of customers: who carries the mark of the do-not-charge switch, on or lifted."""
    return f"-metadata['{METADATA_KEY}']:null"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
