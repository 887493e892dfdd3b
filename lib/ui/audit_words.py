"""The audit log in words: what each action is called, and its details as plain facts."""

from __future__ import annotations

import json
from datetime import tzinfo

from lib.domain.actors import HOST
from lib.money import format_money
from lib.ui.formats import exact
from lib.ui.layout import Fact

# Groups offered as a filter: words, and the beginnings of their actions.
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "charges": (
        "Charges",
        ("charge", "payment.", "attempt.", "refund.", "manual_outcome.", "incident."),
    ),
    "runs": ("Runs", ("run.", "limits.")),
    "links": ("Links", ("link.",)),
    "customers": (
        "Customers and methods",
        ("customer.", "payment_method.", "person.", "retention."),
    ),
    "messages": (
        "Messages",
        ("message.", "message_rule.", "announcement.", "outbox.", "template."),
    ),
    "webhooks": ("Webhooks and sync", ("webhook.", "job.")),
    "ledger": ("Backups, copies, exports", ("backup.", "ledger.", "audit.", "download", "month.")),
    "access": ("Sign-in and users", ("user.", "admin_change.", "denied")),
}
_ACTIONS: dict[str, str] = {
    "charge.despite": "Charged although something spoke against it",
    "charge.send": "Sent a charge to Stripe",
    "charge.cancel": "Cancelled a charge",
    "charge.cancel_payment": "Asked Stripe to cancel the open payment of a charge",
    "payment.cancel": "Asked Stripe to cancel an open payment that is no try of Onfile",
    "charge.paid_twice_suspected": "Found a second payment for a reference",
    "charges.export": "Exported charges",
    "download": "Downloaded a file",
    "person.export": "Exported what is kept of a person",
    "person.look": "Looked at what erasing a person would do",
    "person.erase": "Erased a person",
    "retention.set": "Set for how long something is kept",
    "retention.look": "Looked at what is kept too long",
    "retention.apply": "Removed what was kept too long",
    "charges.reconcile": "Compared the ledger with Stripe",
    "attempt.succeeded": "Recorded: charged",
    "attempt.processing": "Recorded: processing at the bank",
    "attempt.declined": "Recorded: declined",
    "attempt.needs_customer": "Recorded: needs the customer",
    "attempt.unknown": "Recorded: outcome not known",
    "attempt.not_executed": "Recorded: did not happen",
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
    "refund.outcome_proposed": "Proposed to settle a refund by hand",
    "refund.outcome_withdrawn": "Took a proposal for a refund back",
    "refund.outcome_approved": "Agreed to settle a refund by hand",
    "refund.outcome_rejected": "Rejected a proposal for a refund",
    "refund.outcome_overtaken": "Recorded: evidence came before the proposal for a refund",
    "refund.outcome_approve_refused": "Was not allowed to settle a refund by hand",
    "refund.outcome_reject_refused": "Was not allowed to reject a proposal for a refund",
    "refund.not_executed": "Recorded: refund did not happen",
    "manual_outcome.proposed": "Proposed to settle an outcome by hand",
    "manual_outcome.withdrawn": "Took a proposal back",
    "manual_outcome.approved": "Agreed to settle an outcome by hand",
    "manual_outcome.rejected": "Rejected a proposal",
    "manual_outcome.overtaken": "Recorded: evidence came before the proposal",
    "manual_outcome.approve_refused": "Was not allowed to settle an outcome by hand",
    "manual_outcome.reject_refused": "Was not allowed to reject a proposal",
    "incident.settled": "Settled an incident",
    "incident.taken_up": "Wrote down the payment of an incident, to be given back",
    "incident.refund_requested": "Asked for the payment of an incident back",
    "incident.cancel_payment": "Asked Stripe to cancel the payment of an incident",
    "incident.proposed": "Proposed how to settle an incident",
    "incident.withdrawn": "Took a proposal for an incident back",
    "incident.approved": "Agreed how to settle an incident",
    "incident.rejected": "Rejected a proposal for an incident",
    "incident.approve_refused": "Was not allowed to settle an incident",
    "incident.reject_refused": "Was not allowed to reject a proposal for an incident",
    "run.make": "Made a run",
    "run.check_again": "Checked a run's rows again",
    "run.leave_out": "Left rows out of a run",
    "run.take_back": "Took rows back into a run",
    "run.correct": "Corrected rows of a run",
    "run.replace_file": "Replaced the file of a run",
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
    "charge.wait": "Let a charge wait for a card",
    "charge.wait_ended": "Ended the wait for a card",
    "run.queue_new_card": "Queued a new card for a failed row",
    "run.rests": "Asked to approve a run again",
    "limits.set": "Set a limit for runs",
    "limits.timezone": "Changed the installation's time zone",
    "limits.confirm": "Kept the default limits",
    "link.create": "Made a setup link",
    "link.expire": "Expired a setup link",
    "link.draft_batch": "Had a list of customers checked for links",
    "link.choose_customer": "Chose the customer that a row of a list means",
    "link.make_batch": "Had the links of a list made",
    "link.discard_batch": "Discarded a list of customers",
    "link.sent": "Said that a link was sent",
    "link.remind": "Said that a customer was reminded",
    "link.agreement": "Changed what customers agree to",
    "message.ask": "Asked for a message to a customer",
    "message.hand_over": "Handed a message to the mail server",
    "message.sent": "Recorded: message sent",
    "message.would_send": "Recorded: message that would be sent",
    "message.failed": "Recorded: message refused",
    "message.perhaps_sent": "Recorded: message perhaps sent",
    "message.cancel": "Cancelled a message",
    "message.cancelled": "Recorded: message cancelled, as its link had ended",
    "message.was_sent": "Said that a message was sent",
    "message.send_again": "Had a message sent that was perhaps sent",
    "run.announce": "Had a run announced to its payers",
    "announcement.answer": "Recorded: a payer asked not to be charged",
    "announcement.held": "Switched charges off after a payer's answer",
    "announcement.set_aside": "Had a payer charged despite the answer",
    "message_rule.on": "Had messages sent by themselves",
    "message_rule.off": "Stopped messages that went by themselves",
    "outbox.pause": "Paused the outbox",
    "outbox.go_on": "Let messages leave again",
    "outbox.release": "Released the outbox after an older copy",
    "template.save": "Changed a message's template",
    "template.reset": "Took a message's default template again",
    "customer.create": "Made a customer",
    "customer.hold": "Stopped the charges of a customer",
    "customer.hold_at_stripe": "Read at Stripe that a customer must not be charged",
    "customer.note": "Wrote a note about a customer",
    "customer.print": "Printed the record of a customer",
    "customer.release": "Allowed the charges of a customer again",
    "customer.release_at_stripe": "Read at Stripe that a customer may be charged again",
    "payment_method.attach": "Gave a saved method its customer",
    "payment_method.detach": "Removed a saved method",
    "webhook.replay": "Replayed a webhook delivery",
    "job.cancel": "Stopped a reading of Stripe",
    "month.close": "Closed a month",
    "month.export": "Exported a month",
    "backup.take": "Made a backup",
    "backup.fail": "Could not make a backup",
    "audit.export": "Exported the audit log",
    "ledger.restore": "Put a backup back",
    "ledger.behind": "Found a payment of ours that this database does not know",
    "ledger.rebuild": "Took over what Stripe knows",
    "ledger.take_installation": "Took over another installation",
    "ledger.disown": "Said that payments at Stripe are another installation's",
    "ledger.confirm_decisions": "Confirmed what waits in an older copy",
    "charge.unexpected_payment": "Found a payment under our marks that the ledger did not expect",
    "refund.unexpected": "Found a refund under our marks that the ledger did not expect",
    "admin_change.proposed": "Asked another admin to agree to a change",
    "admin_change.withdrawn": "Took a change back that waited for another admin",
    "admin_change.approved": "Agreed to a change that another admin asked for",
    "admin_change.rejected": "Rejected a change that another admin asked for",
    "user.add": "Added a user",
    "user.set_password": "Set a password",
    "user.turn_on_second_factor": "Turned on a second factor",
    "user.turn_off_second_factor": "Turned off a second factor",
    "user.reset_second_factor": "Reset a second factor",
    "user.unlock": "Let an account sign in again",
    "user.recover": "Recovered an account",
    "user.invite": "Made an invitation",
    "user.link_sso": "Linked a single sign-on to an account",
    "user.unlink_sso": "Unlinked the single sign-on from an account",
    "user.expect_sso": "Let a first single sign-on link an account by e-mail",
    "user.bind_sso": "Linked their single sign-on by their first sign-in",
    "user.accept_invitation": "Chose a password by invitation",
    "denied": "Was not allowed to",
    "user.set_roles": "Set roles",
    "user.vouch": "Vouched for an account on the machine that runs Onfile",
    "user.see_changes": "Has seen what others changed of accounts",
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
    "attempt.not_executed": "did not happen",
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
    if username == HOST.username:
        return HOST.name
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
