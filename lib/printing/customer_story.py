"""All that happened with one customer on paper, as evidence for a dispute."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from lib.domain import payment_methods
from lib.domain.agreements import LANGUAGES, SavedAgreement
from lib.domain.charges import Attempt, Outcome
from lib.domain.customer_story import ChargeStory, CustomerStory, GivenBack, MethodLife
from lib.domain.declines import explain
from lib.domain.holds import AT_STRIPE, Hold
from lib.domain.method_types import debit_terms
from lib.domain.mirror import PaymentMethod
from lib.domain.refunds import why
from lib.domain.retries import method_of
from lib.money import format_money
from lib.printing import printed

_OUTCOMES: dict[Outcome | None, str] = {
    Outcome.SUCCEEDED: "paid",
    Outcome.PROCESSING: "on its way at the bank",
    Outcome.DECLINED: "declined",
    Outcome.NEEDS_CUSTOMER: "the bank wants the customer to confirm",
    Outcome.UNKNOWN: "outcome not known",
    Outcome.NOT_EXECUTED: "never executed",
    None: "sent, no answer yet",
}
_FAILED = (Outcome.DECLINED, Outcome.NEEDS_CUSTOMER)

At = Callable[[int | None], str]
Person = Callable[[str | None], str]


def to_html(story: CustomerStory) -> bytes:
    """A page of A4 that prints as it is; nothing is loaded and nothing runs."""
    zone = ZoneInfo(story.timezone)

    def at(seconds: int | None) -> str:
        if seconds is None:
            return ""
        return datetime.fromtimestamp(seconds, zone).strftime("%-d %b %Y, %H:%M:%S %Z")

    def person(username: str | None) -> str:
        names = {"system": "Onfile", AT_STRIPE: "somebody at Stripe", None: ""}
        return names.get(username) or story.people.get(username or "", username or "")

    labels = {one.method.id: payment_methods.label(one.method) for one in story.methods}
    customer = story.customer
    return printed(
        "customer_story.html",
        name=customer.label,
        facts=[
            ("Customer", f"{customer.label} ({customer.id})"),
            ("E-mail", customer.email or "none"),
            ("Customer since", at(customer.created) + (", deleted" if customer.is_deleted else "")),
            ("Stripe account", story.account or "practice"),
            ("Printed", f"{at(story.printed_at)}, by {person(story.printed_by)}"),
            ("End of the audit log", story.audit_head),
            ("Times", f"in {story.timezone}"),
        ],
        holds=[
            (at(one.set_at), person(one.set_by), one.reason, _lifted(one, at, person))
            for one in story.holds
        ],
        methods=[_method(one, at, person) for one in story.methods],
        agreements=[
            _agreement(one.method, story.agreements[one.method.id], at)
            for one in story.methods
            if one.method.id in story.agreements
        ],
        links=[
            (
                at(one.created_at),
                person(one.created_by),
                one.reference or "",
                f"used {at(one.completed_at)}"
                if one.completed_at
                else f"withdrawn {at(one.revoked_at)}"
                if one.revoked_at
                else f"valid until {at(one.expires_at)}",
                one.id,
                one.sessions,
            )
            for one in story.links
        ],
        charges=[row for one in story.charges for row in _tries(one, labels, at, person)],
        totals=_totals(story),
        refunds=[
            (
                at(one.at),
                one.reference or "",
                format_money(one.amount, one.currency),
                one.state.replace("_", " "),
                " · ".join(
                    filter(
                        None,
                        [why(one.reason), one.note or "", _by(one, person)],
                    )
                ),
                one.id,
            )
            for one in story.refunds
        ],
        disputes=[
            (
                at(one.at),
                one.reference or "",
                format_money(one.amount, one.currency),
                one.status.replace("_", " "),
                (one.reason or "").replace("_", " "),
                at(one.due_by),
                one.id,
            )
            for one in story.disputes
        ],
        notes=[(at(one.written_at), person(one.written_by), one.text) for one in story.notes],
    )


def _lifted(hold: Hold, at: At, person: Person) -> str:
    if hold.lifted_at is None:
        return "still on"
    return f"lifted {at(hold.lifted_at)} by {person(hold.lifted_by)}: {hold.lift_reason}"


def _method(life: MethodLife, at: At, person: Person) -> tuple[str, ...]:
    method = life.method
    expiry = f"{method.exp_month:02d} / {method.exp_year}" if method.exp_year else ""
    how = []
    if life.session:
        how.append(f"on Stripe's page, finished {at(life.completed_at)}")
    if life.link:
        how.append(f"by a link of {person(life.link_by)}")
    agreed = ""
    if life.usage == "off_session":
        agreed = "The customer saved it there to be charged later (usage off_session)."
    if terms := debit_terms(method.type):
        agreed = f"{agreed} {terms.sentence}".strip()
    became = [f"new details from the bank {at(life.renewed_at)}"] if life.renewed_at else []
    if method.is_detached:
        became.append(f"removed {at(life.removed_at)}".strip())
    return (
        f"{payment_methods.label(method)} {expiry}".strip(),
        at(method.created),
        ", ".join(how) or "elsewhere at Stripe",
        agreed,
        ", ".join(became),
        " ".join(filter(None, [method.id, life.setup_intent, life.session, life.link])),
    )


def _agreement(method: PaymentMethod, agreed: SavedAgreement, at: At) -> tuple[str, ...]:
    """What the page said on which the customer saved it; of a page of before a file was lost, what is known."""
    return (
        payment_methods.label(method),
        at(agreed.agreed_at),
        " · ".join(filter(None, [agreed.version, LANGUAGES.get(agreed.language, agreed.language)])),
        agreed.text or "not kept here: ask Stripe for the page",
        agreed.session_id,
    )


def _tries(
    story: ChargeStory, labels: dict[str, str], at: At, person: Person
) -> Iterator[tuple[str, ...]]:
    """A line for each try, the first with what is owed."""
    charge = story.charge
    owed = (charge.reference, format_money(charge.amount, charge.currency))
    state = charge.state.value.replace("_", " ")
    if not story.attempts:
        yield *owed, state, at(charge.created_at), person(charge.created_by), "", charge.id
    for number, attempt in enumerate(story.attempts):
        yield (
            *(owed if number == 0 else ("", "")),
            _outcome(attempt),
            at(attempt.requested_at),
            " · ".join(
                filter(
                    None,
                    [
                        person(attempt.requested_by),
                        f"run “{story.run}”"
                        if story.run and number == len(story.attempts) - 1
                        else "",
                    ],
                )
            ),
            labels.get(method_of(attempt), method_of(attempt)),
            attempt.payment_intent or charge.id,
        )


def _outcome(attempt: Attempt) -> str:
    words = _OUTCOMES[attempt.outcome]
    if attempt.outcome not in _FAILED:
        return words
    failure = explain(attempt.decline, http_status=attempt.http_status, at=attempt.outcome_at or 0)
    return f"{words}. {failure.explanation.staff}"


def _totals(story: CustomerStory) -> list[tuple[str, str]]:
    """What was paid, given back and is disputed, by currency."""
    sums: dict[tuple[str, str], int] = {}
    for one in story.charges:
        if one.charge.state.value == "succeeded":
            key = (one.charge.currency, "Paid")
            sums[key] = sums.get(key, 0) + one.charge.amount
    for back in story.refunds:
        if back.state == "succeeded":
            key = (back.currency, "Given back")
            sums[key] = sums.get(key, 0) + back.amount
    for case in story.disputes:
        key = (case.currency, "Disputed")
        sums[key] = sums.get(key, 0) + case.amount
    return [
        (f"{word}, {code.upper()}", format_money(amount, code))
        for (code, word), amount in sorted(sums.items())
    ]


def _by(refund: GivenBack, person: Person) -> str:
    if refund.requested_by is None:
        return "made outside Onfile"
    approved = f", decided by {person(refund.decided_by)}" if refund.decided_by else ""
    return f"asked for by {person(refund.requested_by)}{approved}"
