"""
A whole Onfile over fresh files, against practice Stripe by real HTTP, with a clock that tests move.

People are always Alice (operator), Bob (approver), Vera (viewer) and Ada (admin).
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib import bootstrap
from lib.bootstrap import Services
from lib.clock import epoch
from lib.domain.actors import Actor, Role
from lib.domain.charges import Charge
from lib.domain.idempotency_keys import charge_key
from lib.domain.runs import RunRow
from lib.domain.twins import HAS_TWIN
from lib.money import parse_amount
from lib.practice.engine import PracticeStripe
from lib.practice.steps import CardForm, NeedsAuthentication
from lib.services.charges.orders import ChargeOrder
from lib.services.charges.view import ChargeView
from lib.settings import Settings, load_settings
from lib.store import connection
from lib.store.meta import INSTALLATION
from lib.store.unit_of_work import UnitOfWork
from lib.worker.loop import Worker
from tests.databases import migrated, new_account
from tests.shared_server import Address, served

ALICE = Actor("alice", "Alice Operator", frozenset({Role.OPERATOR}))
BOB = Actor("bob", "Bob Approver", frozenset({Role.APPROVER}))
VERA = Actor("vera", "Vera Viewer", frozenset({Role.VIEWER}))
ADA = Actor("ada", "Ada Admin", frozenset({Role.ADMIN}))

GOOD = "4242424242424242"
ALWAYS_DECLINES = "4000000000000341"
WANTS_AUTHENTICATION = "4000002760003184"
NO_MONEY = "4000008260003178"
BLOCKED_BY_STRIPE = "4100000000000019"


class FakeClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class World:
    settings: Settings
    clock: FakeClock
    stripe: PracticeStripe
    server: Address
    services: Services
    counter: int = 0
    """Of what its customers are called."""
    copied_from: object = None
    """A beginning that another world was made into; see `tests.beginnings`."""
    _beginning: object = None

    @property
    def now(self) -> int:
        return epoch(self.clock())

    def is_untouched(self) -> bool:
        """Nothing was written, here or at Stripe, and no time went by since it was made."""
        return self._beginning == self._looks()

    def begins(self) -> None:
        self._beginning = self._looks()

    def _looks(self) -> object:
        looks: list[object] = [self.clock.now, self.counter]
        for database in (self.settings.database, self.settings.practice_database):
            log = database.with_name(f"{database.name}-wal")
            status = database.stat()
            looks += status.st_size, status.st_mtime_ns, log.exists() and log.stat().st_size
        return looks

    @property
    def uow(self) -> UnitOfWork:
        """The database, for what no service says."""
        return UnitOfWork(self.settings.database)

    @property
    def installation(self) -> str | None:
        """Whose marks this Onfile writes at Stripe."""
        with self.services.uow.read() as stores:
            return stores.meta.value(INSTALLATION)

    @property
    def worker(self) -> Worker:
        """The background work, for one pass; it holds no state of its own."""
        return Worker(self.services)

    @contextmanager
    def shell(self) -> Iterator[sqlite3.Connection]:
        """Onfile's file, as somebody with a SQLite shell sees it."""
        connection = sqlite3.connect(self.settings.database, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, sql: str, *parameters: object) -> list[sqlite3.Row]:
        with self.shell() as shell:
            return shell.execute(sql, parameters).fetchall()

    def change(self, *statements: str, **parameters: object) -> None:
        """By hand and behind Onfile's back."""
        with self.shell() as shell:
            for statement in statements:
                shell.execute(statement, parameters)

    def rebuild(self, **overrides: object) -> Services:
        """New services over the same files, as after a restart."""
        self.services = bootstrap.build_services(
            self.settings, clock=self.clock, api_base=self.server.base_url, bcrypt_rounds=4
        )
        return self.services

    def customer(self, name: str = "Acme Ltd", email: str | None = None) -> str:
        """A customer made at Stripe by us, known to the mirror."""
        self.counter += 1
        made = self.services.customers.create(
            email=email or f"customer{self.counter}@example.com",
            name=name,
            request_key=f"test-customer-{self.counter}",
            by=ALICE,
        )
        return made.id

    def save_card(
        self,
        customer: str | None,
        number: str = GOOD,
        *,
        exp_year: int = 2030,
        currency: str | None = None,
    ) -> str:
        """
        Through a link and the hosted page, as a customer does; returns the PaymentMethod id.

        A `currency` lets the page take more than cards.
        """
        self.counter += 1
        link = self.services.links.create(
            form_key=f"test-form-{self.counter}",
            customer=customer,
            guest=customer is None,
            currency=currency,
            despite={HAS_TWIN: "Chosen by the test."},
            by=ALICE,
        )
        return self.finish(link.session_id, number, exp_year=exp_year)

    def finish(self, session_id: str, number: str = GOOD, *, exp_year: int = 2030) -> str:
        """Fill in the hosted page and come back by the return page."""
        self.fill(session_id, number, exp_year=exp_year)
        assert self.services.return_page.finish(session_id)
        session = self.services.reports.sessions.find(session_id)
        assert session is not None
        return str(session["payment_method"])

    def fill(self, session_id: str, number: str = GOOD, *, exp_year: int = 2030) -> None:
        """Fill in the hosted page and close the browser before it returns."""
        step = self.stripe.submit_card(session_id, card_form(number, exp_year=exp_year))
        if isinstance(step, NeedsAuthentication):
            self.stripe.answer_authentication(session_id, approve=True)

    def order(
        self,
        customer: str,
        *,
        amount: str = "12.34",
        currency: str = "usd",
        reference: str = "INV-1",
        method: str | None = None,
    ) -> ChargeOrder:
        return ChargeOrder(
            customer=customer,
            money=parse_amount(amount, currency),
            reference=reference,
            payment_method=method,
        )

    def charge(self, customer: str, **order: str | None) -> ChargeView:
        return self.services.charges.charge(
            self.order(customer, **order),  # type: ignore[arg-type]
            by=ALICE,
        )

    def told(self, view: ChargeView) -> str:
        """What the customer of this charge may be told; empty: nothing."""
        with self.uow.read() as stores:
            composed = self.services.messages.composer.about_charges(stores, [view])
        return composed.message.text if composed else ""

    def lose_reply(self, times: int = 1) -> None:
        """Stripe acts on the next charge, and the answer never arrives."""
        self.stripe.faults.add("POST", "/v1/payment_intents", kind="lost_reply", times=times)

    def fault(self, kind: str, *, times: int = 1, detail: str | None = None) -> None:
        self.stripe.faults.add("POST", "/v1/payment_intents", kind=kind, times=times, detail=detail)

    def moved(self) -> list[tuple[int, str]]:
        """Every movement of money at practice Stripe, as (minor units, currency)."""
        return [(m.amount, m.currency) for m in self.stripe.money_moved() if m.kind == "charge"]


def key_of(debt: Charge | RunRow, number: int = 1) -> str:
    """The idempotency key of a try of this debt, in practice mode."""
    return charge_key(customer=debt.customer or "", reference=debt.reference or "", number=number)


def card_form(number: str, *, exp_year: int = 2030) -> CardForm:
    """What a customer types on the hosted page."""
    return CardForm(
        number=number,
        exp_month=12,
        exp_year=exp_year,
        cvc="123",
        name="Anna Example",
        email="anna@example.com",
        country="US",
    )


@contextmanager
def new_world(
    folder: Path,
    *,
    prepare: Callable[[Settings], None] | None = None,
    data: Path | None = None,
    **environ: str,
) -> Iterator[World]:
    """
    Args:
        prepare: writes what a database begins with, once for all worlds of its kind.
        data: the data folder of an earlier world, to go on from a copy of; the clock is at its beginning.
    """
    settings = load_settings(
        folder,
        {
            "ONFILE_DATA_DIR": str(folder / "data"),
            "ONFILE_MAX_RPS": "0",
            "ONFILE_TIMEZONE": "UTC",
            **environ,
        },
    )
    with world_over(settings, prepare=prepare, data=data) as world:
        yield world


@contextmanager
def world_over(
    settings: Settings,
    *,
    prepare: Callable[[Settings], None] | None = None,
    data: Path | None = None,
) -> Iterator[World]:
    """See `new_world`."""
    if data is None:
        migrated(settings, prepare)
        new_account(settings.practice_database)
    else:
        shutil.copytree(data, settings.data_dir, dirs_exist_ok=True)
    clock = FakeClock()
    stripe = PracticeStripe(settings.practice_database, clock=clock, public_url=settings.public_url)
    with served(stripe) as server:
        services = bootstrap.build_services(
            settings, clock=clock, api_base=server.base_url, bcrypt_rounds=4
        )
        world = World(settings, clock, stripe, server, services)
        world.begins()
        try:
            yield world
        finally:
            world.services.close()


def impatient(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for the write lock, not even with a connection that is open already."""
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 0.02)
    world.services.close()
