"""Badges for every state: one table of words, colours and icons for the whole dashboard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Color = Literal["green", "gray", "blue", "orange", "red", "violet"]

# Cells of a data frame are drawn on a canvas that knows no theme colour names; Streamlit writes on
# them in black or white, whichever is easier to read. Light theme first, then dark.
CELL_COLORS: dict[Color, tuple[str, str]] = {
    "green": ("#C9EBD6", "#1B5A38"),
    "gray": ("#E4E7ED", "#3D4352"),
    "blue": ("#CFE1FD", "#24498C"),
    "orange": ("#FBDFAE", "#744A0F"),
    "red": ("#FAD0D0", "#7E2A2F"),
    "violet": ("#E3D7FC", "#553694"),
}


@dataclass(frozen=True, slots=True)
class Look:
    label: str
    color: Color
    icon: str
    """A Material symbol's name."""


STATES: dict[str, Look] = {
    # Good ends.
    "succeeded": Look("Succeeded", "green", "check_circle"),
    "saved": Look("Saved", "green", "credit_card"),
    "active": Look("Active", "green", "check_circle"),
    "usable": Look("Usable", "green", "check_circle"),
    "completed": Look("Completed", "green", "check_circle"),
    "complete": Look("Completed", "green", "check_circle"),
    "done": Look("Done", "green", "check_circle"),
    "all_paid": Look("All paid", "green", "check_circle"),
    "processed": Look("Processed", "green", "check_circle"),
    "ok": Look("OK", "green", "check_circle"),
    "same": Look("No difference", "green", "check_circle"),
    # Nothing happens, or no longer.
    "planned": Look("Planned", "gray", "schedule"),
    "draft": Look("Draft", "gray", "edit_note"),
    # A run that ended is not good by that: some of its rows may be unpaid.
    "finished": Look("Finished", "gray", "done_all"),
    "nothing_charged": Look("Nothing charged", "gray", "block"),
    "expired": Look("Expired", "gray", "timer_off"),
    "cancelled": Look("Cancelled", "gray", "block"),
    "to_charge": Look("To charge", "gray", "schedule"),
    "left_out": Look("Left out", "gray", "block"),
    "canceled": Look("Cancelled", "gray", "block"),
    "revoked": Look("Revoked", "gray", "link_off"),
    "detached": Look("Removed", "gray", "link_off"),
    "disabled": Look("Disabled", "gray", "person_off"),
    "ignored": Look("Not needed", "gray", "do_not_disturb_on"),
    "queued": Look("Queued", "gray", "schedule"),
    "paused": Look("Paused", "gray", "pause_circle"),
    "not_executed": Look("Did not happen", "gray", "do_not_disturb_on"),
    "off": Look("Off", "gray", "toggle_off"),
    "not_yet": Look("Not yet", "gray", "schedule"),
    # Under way.
    "open": Look("Open", "blue", "link"),
    "approved": Look("Approved", "blue", "thumb_up"),
    "running": Look("Running", "blue", "progress_activity"),
    "attempting": Look("Attempting", "blue", "progress_activity"),
    "processing": Look("Processing", "blue", "hourglass_top"),
    "confirming": Look("Bank is confirming", "blue", "hourglass_top"),
    "with_open": Look("Some still open", "blue", "hourglass_top"),
    "received": Look("Received", "blue", "inbox"),
    "waiting": Look("Waiting", "blue", "inbox"),
    # Somebody has to act.
    "needs_customer": Look("Needs customer", "orange", "person_alert"),
    "awaiting_approval": Look("Awaiting approval", "orange", "pending_actions"),
    "expiring": Look("Expiring", "orange", "event_upcoming"),
    "to_do": Look("To do", "orange", "pending"),
    "unpaid": Look("Not paid", "orange", "credit_card_off"),
    "with_failures": Look("With failures", "orange", "credit_card_off"),
    "finished_with_failures": Look("Finished with failures", "orange", "credit_card_off"),
    "unattached": Look("No customer yet", "orange", "person_add"),
    "retrying": Look("Retrying", "orange", "replay"),
    "locked": Look("Locked", "orange", "lock_clock"),
    "repaired": Look("Repaired", "orange", "build"),
    "not_compared": Look("Not compared", "orange", "warning"),
    # Bad ends.
    "declined": Look("Declined", "red", "cancel"),
    "failed": Look("Failed", "red", "error"),
    "given_up": Look("Given up", "red", "error"),
    "blocked": Look("Blocked", "red", "front_hand"),
    "rejected": Look("Rejected", "red", "thumb_down"),
    "stopped": Look("Stopped", "red", "dangerous"),
    "refused": Look("Stripe makes no page", "red", "link_off"),
    "unusable": Look("Not usable", "red", "credit_card_off"),
    "differs": Look("Differs", "red", "error"),
    # Rows of a list of customers who are asked for a card.
    "link_new": Look("Link to make", "blue", "add_link"),
    "link_new_customer": Look("New customer", "blue", "person_add"),
    "link_created": Look("Link made", "green", "check_circle"),
    "link_existing": Look("Asked already", "gray", "link"),
    "link_has_card": Look("Has a card", "gray", "credit_card"),
    "link_ended": Look("Link ended", "gray", "link_off"),
    "link_failed": Look("Cannot be made", "red", "error"),
    # Messages to customers.
    "message_waiting": Look("Waiting", "blue", "schedule_send"),
    "message_handing_over": Look("Sending", "blue", "progress_activity"),
    "message_sent": Look("Sent", "green", "mark_email_read"),
    "message_would_send": Look("Would send", "gray", "drafts"),
    "message_failed": Look("Refused", "red", "unsubscribe"),
    "message_perhaps_sent": Look("Perhaps sent", "violet", "help"),
    "message_cancelled": Look("Cancelled", "gray", "block"),
    # How far the customer of a link came.
    "stage_made": Look("Not sent", "gray", "drafts"),
    "stage_sent": Look("Sent", "blue", "send"),
    "stage_opened": Look("Opened", "orange", "visibility"),
    "stage_started": Look("Started", "orange", "edit"),
    "stage_confirming": Look("Bank is confirming", "blue", "hourglass_top"),
    "stage_saved": Look("Saved", "green", "credit_card"),
    "stage_failed": Look("Not confirmed", "red", "error"),
    "stage_ended": Look("Ended", "gray", "link_off"),
    # Of refunds, whose words differ from a charge's.
    "refund_requested": Look("Waits for approval", "orange", "pending_actions"),
    "refund_rejected": Look("Rejected", "gray", "thumb_down"),
    "refund_withdrawn": Look("Taken back", "gray", "undo"),
    "refund_sending": Look("Sending", "blue", "progress_activity"),
    "refund_unknown": Look("Unknown", "violet", "help"),
    "refund_pending": Look("On its way", "blue", "hourglass_top"),
    "refund_succeeded": Look("Refunded", "green", "check_circle"),
    "refund_failed": Look("Refund failed", "red", "error"),
    "refund_refused": Look("Not accepted", "red", "error"),
    "refund_not_executed": Look("Did not happen", "gray", "do_not_disturb_on"),
    "refund_cancelled": Look("Cancelled", "gray", "block"),
    # Of disputes, in Stripe's words.
    "dispute_won": Look("Won", "green", "check_circle"),
    "dispute_prevented": Look("Prevented", "green", "check_circle"),
    "dispute_needs_response": Look("To answer", "orange", "gavel"),
    "dispute_warning_needs_response": Look("Inquiry to answer", "orange", "gavel"),
    "dispute_under_review": Look("Under review", "blue", "hourglass_top"),
    "dispute_warning_under_review": Look("Inquiry under review", "blue", "hourglass_top"),
    "dispute_warning_closed": Look("Inquiry ended", "gray", "check"),
    "dispute_lost": Look("Lost", "red", "cancel"),
    "refunded": Look("Refunded", "gray", "undo"),
    "partly_refunded": Look("Partly refunded", "gray", "undo"),
    "disputed": Look("Disputed", "red", "gavel"),
    "proposed": Look("Proposed", "orange", "pending_actions"),
    # Of incidents.
    "incident_open": Look("Open", "red", "report"),
    "incident_proposed": Look("Waits for approval", "orange", "pending_actions"),
    "incident_refund_requested": Look("Refund to approve", "orange", "pending_actions"),
    "incident_refund_pending": Look("Refund on its way", "blue", "hourglass_top"),
    "incident_settled": Look("Settled", "green", "check_circle"),
    # Of payments at Stripe that are not over.
    "requires_payment_method": Look("Not paid", "orange", "credit_card_off"),
    "requires_confirmation": Look("Not confirmed", "orange", "pending"),
    "requires_action": Look("Customer must confirm", "orange", "person_alert"),
    "requires_capture": Look("Held, not captured", "orange", "lock_clock"),
    # Certificates, and their remarks.
    "certificate_green": Look("Agrees", "green", "verified"),
    "certificate_amber": Look("Open", "orange", "pending"),
    "certificate_red": Look("Differs", "red", "error"),
    "difference": Look("Difference", "red", "error"),
    "open_outcome": Look("Open outcome", "orange", "pending"),
    "note": Look("Note", "gray", "info"),
    # Not known.
    "unknown": Look("Unknown", "violet", "help"),
}


def look(state: str) -> Look:
    """A state without an entry is shown as it is, in grey: readable, and easy to notice in a test."""
    return STATES.get(state, Look(state.replace("_", " ").capitalize(), "gray", "label"))


def badge(state: str, *, detail: str = "") -> str:
    """Markdown for `st.markdown`; `detail` stands behind the word, such as the age of an unknown."""
    shown = look(state)
    text = f"{shown.label} · {detail}" if detail else shown.label
    safe = text.replace("[", "(").replace("]", ")")
    return f":{shown.color}-badge[:material/{shown.icon}: {safe}]"


def cell_label(state: str) -> str:
    """The words in a data frame's cell. Unknown carries a sign, as cells cannot hold icons."""
    label = look(state).label
    return f"? {label}" if look(state).color == "violet" else label


def cell_color(state: str, *, dark: bool) -> str:
    return CELL_COLORS[look(state).color][dark]


def cell_labels(cell: object) -> list[str]:
    return [cell_label(state) for state in _states(cell)]


def _states(cell: object) -> list[str]:
    if isinstance(cell, (list, tuple)):
        return [str(part) for part in cell]
    return [cell] if isinstance(cell, str) else []


def cell_colors(cells: Iterable[object], *, dark: bool) -> dict[str, str]:
    """Each label of a column of states and its colour there: “Open” is not the same everywhere."""
    states = sorted({state for cell in cells for state in _states(cell)})
    scheme = {cell_label(state): cell_color(state, dark=dark) for state in states}
    return dict(sorted(scheme.items()))
