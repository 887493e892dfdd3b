"""The audit log in words: what each action is called, and its details as plain facts."""

from __future__ import annotations

import json
from datetime import tzinfo

from lib.money import format_money
from lib.ui.formats import exact
from lib.ui.layout import Fact

# Groups offered as a filter: words, and the beginnings of their actions.
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "charges": ("Charges", ("charge", "attempt.", "refund.", "manual_outcome.")),
    "runs": ("Runs", ("run.", "limits.")),
    "links": ("Links", ("link.",)),
    "customers": ("Customers and methods", ("customer.", "payment_method.")),
    "webhooks": ("Webhooks and sync", ("webhook.", "job.")),
    "ledger": ("Backups, copies, exports", ("backup.", "ledger.", "audit.")),
    "access": ("Sign-in and users", ("user.",)),
}
_ACTIONS: dict[str, str] = {
    "charge.despite": "Charged although something spoke against it",
    "charge.send": "Sent a charge to Stripe",
    "charge.cancel": "Cancelled a charge",
    "charge.paid_twice_suspected": "Found a second payment for a reference",
    "charges.reconcile": "Compared the ledger with Stripe",
    "attempt.succeeded": "Recorded: charged",
    "attempt.processing": "Recorded: processing at the bank",
    "attempt.declined": "Recorded: declined",
    "attempt.needs_customer": "Recorded: needs the customer",
    "attempt.unknown": "Recorded: outcome not known",
    "attempt.not_executed": "Recorded: never executed",
    "refund.requested": "Asked for a refund",
    "refund.withdrawn": "Took a refund back",
    "refund.approved": "Approved a refund",
    "refund.rejected": "Rejected a refund",
    "refund.approve_refused": "Was not allowed to approve a refund",
    "refund.reject_refused": "Was not allowed to reject a refund",
    "refund.succeeded": "Recorded: refunded",
    "refund.pending": "Recorded: refund on its way",
    "refund.failed": "Recorded: refund failed",
    "refund.refused": "Recorded: refund not accepted",
    "refund.unknown": "Recorded: refund's outcome not known",
    "refund.not_executed": "Recorded: refund never executed",
    "manual_outcome.proposed": "Proposed to settle an outcome by hand",
    "manual_outcome.withdrawn": "Took a proposal back",
    "manual_outcome.approved": "Agreed to settle an outcome by hand",
    "manual_outcome.rejected": "Rejected a proposal",
    "manual_outcome.overtaken": "Recorded: evidence came before the proposal",
    "manual_outcome.approve_refused": "Was not allowed to settle an outcome by hand",
    "manual_outcome.reject_refused": "Was not allowed to reject a proposal",
    "run.make": "Made a run",
    "run.check_again": "Checked a run's rows again",
    "run.leave_out": "Left rows out of a run",
    "run.take_back": "Took rows back into a run",
    "run.submit": "Submitted a run for approval",
    "run.withdraw": "Took a run back to draft",
    "run.approve": "Approved a run",
    "run.reject": "Rejected a run",
    "run.approve_refused": "Was not allowed to approve a run",
    "run.reject_refused": "Was not allowed to reject a run",
    "run.start": "Started a run",
    "run.pause": "Paused a run",
    "run.resume": "Went on with a run",
    "run.cancel": "Cancelled a run",
    "run.paused": "Recorded: run paused",
    "run.stopped": "Recorded: run stopped",
    "run.finished": "Recorded: run finished",
    "run.certify": "Compared a run with Stripe",
    "run.queue_new_card": "Queued a new card for a failed row",
    "limits.set": "Set a limit for runs",
    "link.create": "Made a setup link",
    "link.expire": "Expired a setup link",
    "customer.create": "Made a customer",
    "payment_method.attach": "Gave a saved method its customer",
    "payment_method.detach": "Removed a saved method",
    "webhook.replay": "Replayed a webhook delivery",
    "job.cancel": "Stopped a reading of Stripe",
    "backup.take": "Made a backup",
    "backup.fail": "Could not make a backup",
    "audit.export": "Exported the audit log",
    "ledger.restore": "Put a backup back",
    "ledger.behind": "Found a payment of ours that this database does not know",
    "ledger.rebuild": "Took over what Stripe knows",
    "ledger.take_installation": "Took over another installation",
    "ledger.confirm_decisions": "Confirmed what waits in an older copy",
    "charge.unexpected_payment": "Found a payment under our marks that the ledger did not expect",
    "refund.unexpected": "Found a refund under our marks that the ledger did not expect",
    "user.add": "Added a user",
    "user.set_password": "Set a password",
    "user.set_roles": "Set roles",
    "user.enable": "Enabled an account",
    "user.disable": "Disabled an account",
    "user.sign_in": "Signed in",
    "user.sign_in_refused": "Refused a sign-in",
    "user.sign_out": "Signed out",
    "user.confirm": "Confirmed with the password",
    "user.confirm_refused": "Gave a wrong password to confirm",
    "user.add_practice_users": "Added the practice accounts",
}
_OUTCOMES: dict[str, str] = {
    "attempt.succeeded": "charged",
    "attempt.processing": "is processing at the bank",
    "attempt.declined": "declined",
    "attempt.needs_customer": "needs the customer",
    "attempt.unknown": "sent, outcome not known",
    "attempt.not_executed": "was never executed",
}


def action(name: str) -> str:
    return _ACTIONS.get(name, name.replace(".", ": ").replace("_", " ").capitalize())


def event(name: str, detail: str) -> str:
    """An outcome with its sum, "€12.34 charged", or the action."""
    values = json.loads(detail)
    outcome = _OUTCOMES.get(name)
    if outcome is None or not isinstance(values.get("amount"), int):
        return action(name)
    return f"{format_money(values['amount'], str(values.get('currency')))} {outcome}"


def actor(username: str, name: str) -> str:
    return "Onfile" if username == "system" else name


def facts(detail: str, *, timezone: tzinfo) -> list[Fact]:
    """The recorded details, amounts with their currency, lists in one line."""
    values = json.loads(detail)
    currency = values.get("currency")
    entries = []
    for name, value in values.items():
        if value in (None, "") or (name == "currency" and "amount" in values):
            continue
        if name == "amount" and isinstance(value, int) and currency:
            text = format_money(value, str(currency))
        elif name.endswith("_at") and isinstance(value, int):
            text = exact(value, timezone)
        elif isinstance(value, list):
            text = ", ".join(str(part) for part in value)
        else:
            text = str(value)
        entries.append(Fact(name.replace("_", " ").capitalize(), text))
    return entries
