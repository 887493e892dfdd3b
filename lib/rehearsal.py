"""
Gives practice mode a past: links in every state and charges of every outcome, made by the product.

The practice account has customers and cards (lib/practice/seed.py). What Onfile itself would have
done with them is done here, by its own services under a clock that starts weeks ago, so that
nothing on the screens is invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.actors import Actor
from lib.domain.runs import RowRequest
from lib.errors import RuleViolation
from lib.money import Money, format_major
from lib.practice.engine import PracticeStripe
from lib.practice.server import PracticeServer
from lib.practice.steps import CardForm, NeedsAuthentication
from lib.services.charges.orders import ChargeOrder
from lib.services.runs.draft import RunSource
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.settings import Settings

_DAYS = 45
_CHARGED_DAYS = 14
# Amounts in minor units of a wholesaler's everyday invoices.
_INVOICES = (
    (123450, "eur"),
    (48000, "eur"),
    (9990, "usd"),
    (250000, "usd"),
    (52000, "jpy"),
    (31995, "gbp"),
    (7450, "eur"),
    (119900, "eur"),
)

# On which day, what became of it, and for which reference: each for another customer. Those that nobody opened
# yet come last.
_LINKS: tuple[tuple[int, str, str | None], ...] = (
    (0, "open", "INV-2044"),  # its thirty days are over by now
    (32, "4242424242424242", "INV-2101"),
    (34, "4000000000000341", "INV-2107"),
    (37, "4000002500003155", None),
    (40, "", "INV-2110"),
    (43, "open", "INV-2131"),
    (44, "open", None),
)


def rehearse(settings: Settings, now: datetime) -> bool:
    """
    Make the past, once: False when anything was charged or any link made before, also by another, or
    when the practice account or its staff were somebody's own before they could be made.
    """
    with _past(settings, now - timedelta(days=_DAYS)) as (services, stripe, clock):
        staff = {user.username: user.actor for user in services.users.list()}
        if not {"alice", "bob"} <= staff.keys():
            return False
        actor, checker = staff["alice"], staff["bob"]
        if services.reports.links.counts().every:
            return False
        if any(made.installation for made in services.gateway.list_page("payment_intents").items):
            return False  # In a database that was lost: Home asks whose it is.
        services.sync.run(full=True)
        customers = [cid for cid, _ in services.reports.customers.choices("", limit=40)]
        if len(customers) < len(_LINKS):
            return False
        _make_links(services, stripe, clock, customers, actor)
        clock.now = now - timedelta(days=_CHARGED_DAYS)
        _make_charges(services, clock, actor, until=now)
        _make_runs(services, clock, actor, checker, until=now)
        clock.now = now - timedelta(hours=2)
        _make_refunds(services, actor, checker)
        clock.now = now
        services.sync.run(full=True)
    return True


class _Clock:
    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now


@contextmanager
def _past(settings: Settings, start: datetime) -> Iterator[tuple[Services, PracticeStripe, _Clock]]:
    clock = _Clock(start)
    stripe = PracticeStripe(settings.practice_database, clock=clock, public_url=settings.public_url)
    server = PracticeServer(stripe)
    server.start()
    try:
        yield (
            bootstrap.build_services(
                replace(settings, max_rps=0.0), clock=clock, api_base=server.base_url
            ),
            stripe,
            clock,
        )
    finally:
        server.stop()


def _make_links(
    services: Services, stripe: PracticeStripe, clock: _Clock, customers: list[str], actor: Actor
) -> None:
    """Completed, ended by hand, and still open; those that nobody opened yet come last."""
    start = clock.now
    for index, (day, what, reference) in enumerate(_LINKS):
        clock.now = start + timedelta(days=day, hours=2)
        made = services.links.create(
            form_key=f"rehearsal-{index}", customer=customers[index], reference=reference, by=actor
        )
        if what == "open":
            continue
        if not what:
            services.links.expire(made.link.id, by=actor)
            continue
        step = stripe.submit_card(
            made.session_id,
            CardForm(
                number=what,
                exp_month=11,
                exp_year=clock.now.year + 3,
                cvc="123",
                name="Practice Customer",
                email="practice@example.com",
                country="DE",
            ),
        )
        if isinstance(step, NeedsAuthentication):
            stripe.answer_authentication(made.session_id, approve=True)
        services.return_page.finish(made.session_id)


def _make_charges(services: Services, clock: _Clock, actor: Actor, *, until: datetime) -> None:
    """One invoice after the other, with whatever outcome each card has."""
    methods = services.reports.payment_methods.page(state="usable", rows=40).frame
    step = (until - clock.now - timedelta(hours=1)) / max(len(methods), 1)
    for index, method in enumerate(methods.itertuples()):
        clock.now += step
        amount, currency = _INVOICES[index % len(_INVOICES)]
        order = ChargeOrder(
            customer=str(method.customer),
            money=Money(amount, currency),
            reference=f"INV-{2200 + index}",
            payment_method=str(method.id),
        )
        try:
            services.charges.charge(order, by=actor)
        except RuleViolation:
            # A card that cannot be charged is refused before any call, as it should be.
            continue


def _make_runs(
    services: Services, clock: _Clock, actor: Actor, checker: Actor, *, until: datetime
) -> None:
    """One that was executed, one that waits for approval, and a draft with rows to look at."""
    methods = services.reports.payment_methods.page(rows=40).frame
    payers = list(dict.fromkeys(str(customer) for customer in methods["customer"] if customer))
    runs = services.runs
    for days, name, most in (
        (9, "Invoices, week 45", 12),
        (2, "Invoices, week 46", 8),
        (0, "Invoices, week 47", 16),
    ):
        clock.now = until - timedelta(days=days, hours=3)
        requests = []
        for at, customer in enumerate(payers[:most]):
            amount, currency = _INVOICES[(at + days) % len(_INVOICES)]
            reference = f"INV-{2300 + days * 20 + at}"
            cells = (customer, format_major(amount, currency), currency, reference)
            requests.append(RowRequest(at + 2, cells, customer, Money(amount, currency), reference))
        run = runs.drafts.create(
            RunSource(("customer", "amount", "currency", "reference"), name, "invoices.csv"),
            requests,
            by=actor,
        )
        if not days:
            continue
        digest = runs.approvals.submit(run.id, by=actor).digest or ""
        if days > 5:
            runs.approvals.approve(
                run.id,
                digest=digest,
                by=checker,
                password=PRACTICE_PASSWORD,
                note="Both companies of the group are meant, each with invoices of its own",
            )
            runs.control.start(run.id, by=actor)
            runs.executor.execute(run.id)


def _make_refunds(services: Services, actor: Actor, checker: Actor) -> None:
    """One that went back in part, and one that waits for somebody to approve it."""
    paid = services.reports.charges.page(states=("succeeded",), rows=2).frame
    for row, reason, note, share in zip(
        paid.to_dict("records"),
        ("requested_by_customer", "duplicate"),
        ("One of four boxes came back", "Paid by bank transfer, too"),
        (4, 1),
        strict=True,
    ):
        order = services.refunds.request(
            str(row["id"]),
            money=Money(int(row["amount"]) // share, str(row["currency"])),
            reason=reason,
            note=note,
            by=actor,
        )
        if share > 1:
            services.refunds.approve(order.id, by=checker, password=PRACTICE_PASSWORD)
