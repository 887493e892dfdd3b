"""
Judges the rows of a batch of links: who is meant, who has a card, and who was asked already.

Pure: all that is known of the people in the rows comes in as `LinkFacts`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from lib.domain import holds, payment_methods
from lib.domain.confirmations import Confirmation
from lib.domain.days import day_in_words, day_of
from lib.domain.holds import Hold
from lib.domain.identity import address_key, difference, drawn_key
from lib.domain.link_batches import LinkBatch, LinkRequest, LinkRow, LinkRowState, will_be_made
from lib.domain.links import EndReason, LinkStatus, SetupLink
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.named_customers import WRITE_THE_ID, NamedCustomers
from lib.domain.reference_keys import reference_key
from lib.domain.runs import Finding, Severity
from lib.domain.twins import Twin, has_twin
from lib.errors import InvalidInput

NOT_CHECKED = "customer_not_checked"
_ENDS_FOR_GOOD = frozenset({EndReason.PAID, EndReason.CARD_SAVED, EndReason.REPLACED})


@dataclass(frozen=True, slots=True)
class LinkFacts:
    """What is known of the people that the rows name."""

    named: NamedCustomers = field(default_factory=NamedCustomers)
    methods: Mapping[str, Sequence[PaymentMethod]] = field(default_factory=dict)
    """By customer, newest first."""
    never_again: Set[str] = frozenset()
    """Fingerprints of cards that must not be charged again."""
    confirming: Mapping[str, Confirmation] = field(default_factory=dict)
    """By customer: whose bank still confirms a method."""
    held: Mapping[str, Hold] = field(default_factory=dict)
    """By customer: who must not be charged."""
    of_customers: Mapping[str, Sequence[SetupLink]] = field(default_factory=dict)
    """Links by customer, newest first."""
    of_addresses: Mapping[str, Sequence[SetupLink]] = field(default_factory=dict)
    """Links whose customer is not made yet, by the key of their address, newest first."""
    unasked: Set[str] = frozenset()
    """Who of the rows may be known to Stripe alone, which could not be asked about them."""
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class _Naming:
    customer: str
    chosen_beside: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Person:
    """Who is meant: a customer, or an address that nobody has."""

    customer: Customer | None
    address: str
    """Empty where the customer has none."""

    @property
    def key(self) -> str:
        return self.customer.id if self.customer else address_key(self.address)


class LinkJudge:
    """Of one file or list, row by row in its order."""

    def __init__(
        self,
        batch: LinkBatch,
        facts: LinkFacts,
        *,
        now: int,
        check_address: Callable[[str], str],
    ) -> None:
        """`check_address` raises InvalidInput for what no mail can reach."""
        self._batch = batch
        self._facts = facts
        self._now = now
        self._check_address = check_address
        self._first_rows: dict[tuple[str, str], int] = {}
        self._people: dict[str, int] = {}
        self._drawn: dict[str, tuple[str, int]] = {}

    def row(self, request: LinkRequest) -> LinkRow:
        findings = list(request.findings)
        person = None if _is_red(findings) else self._person(request, findings)
        if person is None or _is_red(findings):
            return self._row(request, LinkRowState.FAILED, findings, person)
        repeated = self._first_rows.get(self._key(person, request))
        if repeated is not None:
            findings.append(_amber("repeated", f"Row {repeated} asks the same."))
            same = self._row(request, LinkRowState.EXISTING, findings, person)
            return replace(same, same_as=repeated)
        state, link_id = self._state(request, person, findings)
        if self._will_be_made(state):
            self._first_rows[self._key(person, request)] = request.number
            self._people.setdefault(person.key, request.number)
        return self._row(request, state, findings, person, link_id)

    def _row(
        self,
        request: LinkRequest,
        state: LinkRowState,
        findings: Sequence[Finding],
        person: _Person | None,
        link_id: str | None = None,
    ) -> LinkRow:
        return LinkRow(
            batch_id=self._batch.id,
            number=request.number,
            request=request,
            state=state,
            findings=tuple(findings),
            customer=person.customer.id if person and person.customer else None,
            link_id=link_id,
        )

    # Who is meant

    def _person(self, request: LinkRequest, findings: list[Finding]) -> _Person | None:
        is_address = "@" in request.who or not request.customer
        if request.who in self._facts.unasked:
            severity = Severity.AMBER if is_address else Severity.RED
            findings.append(_not_checked(severity))
        chosen = () if request.customer_is_chosen else None
        meant = self._facts.named.of(_Naming(request.who, chosen))
        if isinstance(meant, Finding):
            if meant.code == "customer_unknown" and is_address:
                return self._newcomer(request, findings)
            findings.append(meant)
            return None
        if self._is_drawn_alike(meant, request, findings):
            return None
        self._check(meant, request, findings)
        return _Person(meant, meant.email or "")

    def _check(self, customer: Customer, request: LinkRequest, findings: list[Finding]) -> None:
        if customer.is_deleted:
            findings.append(_red("customer_deleted", "This customer was deleted at Stripe."))
        hold = self._facts.held.get(customer.id)
        if hold is not None:
            findings.append(
                _red(holds.CODE, f"Nobody is asked who must not be charged: {hold.reason}")
            )
        named_twice = request.customer and request.email
        if named_twice and address_key(request.email) != address_key(customer.email or ""):
            findings.append(
                _red(
                    "customer_and_email_differ",
                    f"{customer.id} has the address {customer.email or '(none)'}, and the row says {request.email[:80]}. "
                    "Leave out the one that is wrong.",
                )
            )

    def _newcomer(self, request: LinkRequest, findings: list[Finding]) -> _Person | None:
        try:
            address = self._check_address(request.who)
        except InvalidInput as refused:
            findings.append(_red(refused.code, str(refused)))
            return None
        alike = self._facts.named.drawn_alike(address)
        first, number = self._drawn.setdefault(drawn_key(address), (address, request.number))
        if alike or address_key(first) != address_key(address):
            whose, other = (
                (f"that of {alike[0].label}", alike[0].email or "")
                if alike
                else (f"the one in row {number}", first)
            )
            findings.append(
                _red(
                    "address_looks_like",
                    f"{address} looks like {whose} and is another one: {difference(address, other)}. "
                    "Type it again by hand; if it is right, make its link on its own, where you are asked.",
                )
            )
        return _Person(None, address)

    def _is_drawn_alike(
        self, customer: Customer, request: LinkRequest, findings: list[Finding]
    ) -> bool:
        """Two customers whom a person cannot tell apart by what the file says."""
        if "@" not in request.who or request.customer_is_chosen:
            return False
        alike = self._facts.named.drawn_alike(request.who)
        if alike:
            known = self._facts.named.twins
            both = [known.get(one.id) or Twin(one) for one in (customer, *alike)]
            findings.append(_red("customer_ambiguous", f"{has_twin(both).message} {WRITE_THE_ID}"))
        return bool(alike)

    # What is there already

    def _state(
        self, request: LinkRequest, person: _Person, findings: list[Finding]
    ) -> tuple[LinkRowState, str | None]:
        earlier = self._same(request, person)
        if earlier is not None and earlier.status(self._now) is LinkStatus.OPEN:
            when = day_in_words(earlier.created_at, self._facts.timezone)
            findings.append(
                _amber("link_exists", f"{earlier.created_by} made this link on {when}.")
            )
            return LinkRowState.EXISTING, earlier.id
        card = self._card(request, person)
        if card is not None:
            findings.append(card)
            return LinkRowState.HAS_CARD, None
        ended = _amber_end(earlier, self._now, self._facts.timezone)
        if earlier is not None and ended is not None:
            findings.append(ended)
            return LinkRowState.ENDED, earlier.id
        other = self._people.get(person.key)
        if other is not None:
            findings.append(
                _amber("asked_twice", f"Row {other} asks the same person for something else.")
            )
        if person.customer is not None:
            return LinkRowState.NEW, None
        return LinkRowState.NEW_CUSTOMER, None

    def _same(self, request: LinkRequest, person: _Person) -> SetupLink | None:
        """The newest link that asks the same of the same person; what was completed asked it before."""
        wanted = reference_key(request.reference) if request.reference else None
        links = [
            *(self._facts.of_customers.get(person.customer.id, ()) if person.customer else ()),
            *(self._facts.of_addresses.get(address_key(person.address), ())),
        ]
        same = (
            link
            for link in links
            if (link.charge_id == request.charge_id if request.charge_id else True)
            and (reference_key(link.reference) if link.reference else None) == wanted
            and link.completed_at is None
        )
        return max(same, key=lambda link: (link.created_at, link.id), default=None)

    def _card(self, request: LinkRequest, person: _Person) -> Finding | None:
        if person.customer is None or request.charge_id is not None:
            return None
        confirming = self._facts.confirming.get(person.customer.id)
        if confirming is not None:
            return _amber("method_confirming", confirming.sentence)
        usable = payment_methods.usable(
            self._facts.methods.get(person.customer.id, ()),
            never_again=self._facts.never_again,
            today=day_of(self._now, self._facts.timezone),
            besides=request.expiring_method,
        )
        if not usable:
            return None
        return _amber("has_card", f"{payment_methods.label(usable[0])} can be charged.")

    def _will_be_made(self, state: LinkRowState) -> bool:
        return will_be_made(state, despite_card=self._batch.despite_card, renew=self._batch.renew)

    @staticmethod
    def _key(person: _Person, request: LinkRequest) -> tuple[str, str]:
        return person.key, reference_key(request.reference) if request.reference else ""


def _amber_end(link: SetupLink | None, now: int, timezone: str) -> Finding | None:
    """How the last link that asked the same ended, where a person should say that it is asked again."""
    if link is None or link.end_reason in _ENDS_FOR_GOOD:
        return None
    if link.revoked_at is not None:
        if link.charge_id is not None and link.end_reason is None:
            return None  # withdrawn as it was paid, before reasons were kept
        when = day_in_words(link.revoked_at, timezone)
        return _amber("link_revoked", f"The link that asked for it was revoked on {when}.")
    when = day_in_words(link.expires_at, timezone)
    return _amber("link_expired", f"The link that asked for it expired on {when}.")


def _not_checked(severity: Severity) -> Finding:
    message = "Stripe could not be asked about this customer, and Onfile has not read everything yet (see Sync health)."
    return replace(_red(NOT_CHECKED, message), severity=severity)


def _is_red(findings: Sequence[Finding]) -> bool:
    return any(finding.severity is Severity.RED for finding in findings)


def _red(code: str, message: str) -> Finding:
    return Finding(code, Severity.RED, message, "customer")


def _amber(code: str, message: str) -> Finding:
    return Finding(code, Severity.AMBER, message, "customer")
