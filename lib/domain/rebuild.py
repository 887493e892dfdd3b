"""A rebuild in words: what it reads, what it cannot bring back, and the question before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# A mark this young: the installation that made it may still be running.
STILL_RUNNING_SECONDS = 3600
# Stripe's Search may be an hour behind; what is younger than this is listed instead.
LISTED_SECONDS = 2 * 86_400


@dataclass(frozen=True, slots=True)
class ReadingPlan:
    """What a rebuild is about to read."""

    installation: str
    has_search: bool
    payments: int | None
    """About how many carry marks in the far past; None where nobody can say."""

    def sentences(self) -> list[str]:
        if not self.has_search:
            payments = "Payments: all of them by list, as Stripe does not search for this account."
        else:
            about = "those" if self.payments is None else f"about {self.payments:,}"
            payments = (
                f"Payments: {about} that carry the marks of {self.installation}, by Stripe's Search; "
                "of the last two days all, by list."
            )
        return [payments, "Customers, setup sessions and refunds: all of them, by list."]


@dataclass(frozen=True, slots=True)
class NotRestored:
    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "message": self.message}


NOT_RESTORED = (
    NotRestored("people", "Users, their roles and passwords: add them again."),
    NotRestored("runs", "Charge runs: their files, rows, states and certificates."),
    NotRestored(
        "approvals",
        "Approvals, and who asked for a charge or a refund, or for what reason a stop was opened.",
    ),
    NotRestored(
        "texts",
        "Texts of messages and of the agreement that staff wrote: write them again. What each customer agreed to comes back.",
    ),
    NotRestored("limits", "Limits: set them again."),
    NotRestored("notes", "Notes, reasons and the audit log."),
    NotRestored(
        "unopened_links",
        "Setup links whose page at Stripe nobody had opened, and whether a link was withdrawn more than a day ago.",
    ),
)
"""What Stripe never had. Of an older copy it is missing for the time since it was made."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation that left marks at Stripe; None for those of before there were ids."""

    id: str | None
    payments: int
    newest: int
    """Unix seconds of its newest payment."""

    def may_run(self, now: int) -> bool:
        return now - self.newest < STILL_RUNNING_SECONDS


def question(unclaimed: Sequence[Installation], *, now: int) -> str:
    """What a ledger without charges asks of marks that it meets."""
    payments = sum(one.payments for one in unclaimed)
    were = "payment was" if payments == 1 else "payments were"
    names = [one.id for one in unclaimed if one.id is not None]
    by = (
        f"by the installation {', '.join(names)}"
        if names
        else "by an Onfile of before installations had ids"
    )
    asks = f"{payments:,} {were} made at this Stripe account {by}. Are these yours?"
    if len(names) > 1:
        return f"{asks} They are of several: say which one this database goes on with."
    if any(one.may_run(now) for one in unclaimed):
        return f"{asks} The newest is younger than an hour: is the other one still running?"
    return asks


HOW_TO_ANSWER = (
    "Yes: “python -m lib reconcile --rebuild”, with --installation where there are several or the other one was "
    "stopped just now. No: “python -m lib reconcile --not-ours”. Or answer on Home."
)


def beside(others: Sequence[Installation]) -> str:
    """That this account has other installations, which is no fault."""
    payments = sum(one.payments for one in others)
    names = ", ".join(str(one.id) for one in others)
    return (
        f"Another installation of Onfile charges on this account ({names}; {payments:,} payments). What it "
        "charged for a customer and reference is not charged here again."
    )
