"""
Random people, faults, crashes and clocks against practice Stripe, from a seed.

After each step: no debt was paid twice, no key was sent with other parameters. At the end, when
everything is quiet: the ledger says of every payment what Stripe says, and nothing is left open.
ONFILE_SIMULATION_SEED=7 runs that seed alone; ONFILE_SIMULATION_RUNS=1000 runs as many.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lib.domain.charges import ChargeState
from lib.errors import OnfileError
from lib.practice.replies import ConnectionDropped
from lib.services.charges.orders import ChargeOrder
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, NO_MONEY, WANTS_AUTHENTICATION, World, new_world

pytestmark = pytest.mark.server

KEY = {"Authorization": "Bearer sk_test_practice"}
STEPS = 45
RUNS = int(os.environ.get("ONFILE_SIMULATION_RUNS", "10"))
FIRST = int(os.environ.get("ONFILE_SIMULATION_SEED", "0"))
SEEDS = [FIRST] if "ONFILE_SIMULATION_SEED" in os.environ else range(RUNS)
DEBIT = "DE89370400440532013000"

ON_CHARGE = (
    "lost_reply lost_request error_500_saved error_500_unsaved conflict_409 truncated_json "
    "rate_limited lock_timeout missing_permission"
).split()
ON_READ = "lost_reply error_500_unsaved rate_limited missing_permission empty_page_has_more".split()


class Died(BaseException):
    """The process is gone."""


@dataclass
class Simulation:
    world: World
    random: random.Random
    customers: dict[str, list[str]] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    """Charges that were ever in a state where nobody knows."""

    def prepare(self) -> None:
        for name in ("Acme", "Globex"):
            customer = self.world.customer(name)
            numbers = ["4242424242424242", "5555555555554444"]
            numbers += self.random.sample([ALWAYS_DECLINES, NO_MONEY, WANTS_AUTHENTICATION], 2)
            self.customers[customer] = [self.world.save_card(customer, n) for n in numbers]
            debit = self.world.save_card(customer, DEBIT, currency="eur")
            self.customers[customer].append(debit)
        self.wrap()

    def wrap(self) -> None:
        """Watch what is sent, and die around it when told to."""
        gateway = self.world.services.gateway
        send = gateway.create_payment_intent

        def watched(params, *, idempotency_key, **more):
            exact = json.dumps(params, sort_keys=True)
            if self.world.rows(
                "SELECT 1 FROM attempts WHERE idempotency_key LIKE ?",
                f"{idempotency_key}:not_executed:%",
            ):
                # A try that was not executed left its key to the next one.
                self.sent.pop(idempotency_key, None)
            assert self.sent.setdefault(idempotency_key, exact) == exact
            fate = self.random.random()
            if fate < 0.08:
                raise Died
            found = send(params, idempotency_key=idempotency_key, **more)
            if fate < 0.16:
                raise Died
            return found

        gateway.create_payment_intent = watched  # type: ignore[method-assign]

    def step(self) -> None:
        actions = {
            self.charge: 30,
            self.retry: 12,
            self.cancel: 4,
            self.settle: 14,
            self.sync: 6,
            self.reconcile: 3,
            self.stale_settler: 3,
            self.dashboard_confirm: 6,
            self.dashboard_edit: 3,
            self.bank_answers: 4,
            self.fault: 14,
            self.wait: 18,
            self.restart: 2,
        }
        action = self.random.choices(list(actions), list(actions.values()))[0]
        self.steps.append(action.__name__)
        try:
            action()
        except OnfileError as error:
            self.steps[-1] += f": {error.code}"
        except Died:
            self.steps[-1] += ": died"
            self.restart()
        self.check()

    def charge(self) -> None:
        customer = self.random.choice(list(self.customers))
        method = self.random.choice(self.customers[customer])
        currency = "eur" if method == self.customers[customer][-1] else "usd"
        order = ChargeOrder(
            customer=customer,
            money=self.world.order(
                customer, amount=self.random.choice(["10.00", "10.00", "12.00"]), currency=currency
            ).money,
            reference=self.random.choice(["INV-1", "INV-2", "INV-3"]),
            payment_method=self.random.choice([method, method, method, None]),
        )
        order = replace(order, attempt=self.random.choice([None, None, 1, 2]))
        view = self.world.services.charges.charge(order, by=ALICE)
        self.steps[-1] += f" {order.reference} {order.money}: {view.charge.state}"

    def retry(self) -> None:
        row = self.pick("declined", "needs_customer", "planned")
        if row is None:
            return
        method = self.random.choice(self.customers[row["customer"]])
        view = try_again(self.world.services.charges, row["id"], by=ALICE, payment_method=method)
        self.steps[-1] += f" {view.charge.reference}: {view.charge.state}"

    def cancel(self) -> None:
        row = self.pick("declined", "needs_customer", "planned", "attempting", "unknown")
        if row is not None:
            self.world.services.charges.cancel(row["id"], by=ALICE)

    def settle(self) -> None:
        self.world.services.charge_resolver.resolve_due()

    def sync(self) -> None:
        self.world.services.sync.run(full=self.random.random() < 0.3)

    def reconcile(self) -> None:
        self.world.services.charge_resolver.reconcile(by=ALICE)

    def stale_settler(self) -> None:
        """A second worker read its list, and comes to it after a person acted."""
        settling = self.world.services.charge_resolver
        with self.world.services.uow.read() as stores:
            due = stores.charges.due(now=self.world.now)
        for act in (self.settle, self.retry, self.charge):
            with contextlib.suppress(OnfileError):
                act()
        for attempt in due:
            settling.resolve_or_postpone(attempt)

    def dashboard_confirm(self) -> None:
        """Somebody pays a failed PaymentIntent by hand."""
        intent = self.pick_intent("requires_payment_method")
        if intent is not None:
            method = self.random.choice(self.customers[intent["customer"]])
            self.by_hand(
                f"{intent['id']}/confirm", {"payment_method": method, "off_session": "true"}
            )

    def dashboard_edit(self) -> None:
        intent = self.pick_intent("requires_payment_method", "succeeded", "canceled")
        if intent is not None:
            self.by_hand(intent["id"], {"description": "looked at"})

    def by_hand(self, path: str, params: dict[str, str]) -> None:
        with contextlib.suppress(ConnectionDropped):
            self.world.stripe.handle("POST", f"/v1/payment_intents/{path}", params, KEY)

    def bank_answers(self) -> None:
        intent = self.pick_intent("processing")
        if intent is not None:
            self.world.stripe.settle_processing(intent["id"], succeed=self.random.random() < 0.5)

    def fault(self) -> None:
        faults = self.world.stripe.faults
        times = self.random.choice([1, 1, 1, 2, 5])
        if self.random.random() < 0.7:
            faults.add(
                "POST", "/v1/payment_intents", kind=self.random.choice(ON_CHARGE), times=times
            )
        else:
            path = self.random.choice(["/v1/payment_intents", "/v1/events", "/v1/"])
            faults.add("GET", path, kind=self.random.choice(ON_READ), times=times * 3)

    def wait(self) -> None:
        seconds = self.random.choice([1, 11, 61, 400, 4000, 23 * 3600, 25 * 3600, 4 * 86_400])
        self.world.clock.advance(seconds=seconds)
        self.steps[-1] += f" {seconds}"

    def restart(self) -> None:
        self.world.rebuild()
        self.wrap()

    def pick(self, *states: str) -> dict[str, str] | None:
        charges = map(dict, self.world.rows("SELECT * FROM charges ORDER BY id"))
        rows = [charge for charge in charges if charge["state"] in states]
        rows.sort(key=lambda row: (row["customer"], row["reference"], row["amount"], row["state"]))
        return self.random.choice(rows) if rows else None

    def intents(self) -> list[dict[str, object]]:
        rows = self.world.stripe.database.connection().execute(
            "SELECT payload FROM objects WHERE id LIKE 'pi_%' ORDER BY rowid"
        )
        return [json.loads(row["payload"]) for row in rows]

    def pick_intent(self, *statuses: str) -> dict[str, str] | None:
        found = [i for i in self.intents() if i["status"] in statuses]
        return self.random.choice(found) if found else None  # type: ignore[return-value]

    def check(self) -> None:
        paid: Counter[tuple[object, object]] = Counter()
        for intent in self.intents():
            if intent["status"] in ("succeeded", "processing"):
                paid[intent["customer"], intent["metadata"]["onfile_reference"]] += 1  # type: ignore[index]
        assert not paid or max(paid.values()) == 1, "a debt was paid twice"

    def come_to_rest(self) -> None:
        self.world.stripe.faults.clear()
        for _ in range(3):
            for intent in self.intents():
                if intent["status"] == "processing":
                    self.world.stripe.settle_processing(str(intent["id"]))
            self.world.clock.advance(hours=25)
            for _ in range(9):
                try:
                    self.settle()
                except Died:
                    self.restart()
        self.world.services.sync.run(full=True)
        self.check()
        charges = {row["id"]: row for row in self.world.rows("SELECT * FROM charges")}
        attempts = self.world.rows("SELECT * FROM attempts")
        audit = Counter(row["action"] for row in self.world.rows("SELECT * FROM audit_log"))
        states = Counter(row["state"] for row in charges.values())
        for state in (ChargeState.ATTEMPTING, ChargeState.UNKNOWN, ChargeState.PROCESSING):
            assert states[state] == 0, f"{state} for ever"
        moved = {
            (i["id"], i["amount"], i["currency"], i["customer"])
            for i in self.intents()
            if i["status"] == "succeeded"
        }
        in_ledger = {
            (a["payment_intent"], c["amount"], c["currency"], c["customer"])
            for a in attempts
            if a["outcome"] == "succeeded"
            and (c := charges[a["charge_id"]])["state"] == "succeeded"
        }
        assert in_ledger == moved
        assert states[ChargeState.SUCCEEDED] == len(moved)
        assert audit["charge.paid_twice_suspected"] == 0
        drift = self.world.services.charge_resolver.reconcile(by=ALICE).drift
        assert drift == []


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_no_debt_is_paid_twice_and_the_ledger_is_true(
    tmp_path: Path, seed: int
) -> None:
    with new_world(tmp_path) as world:
        simulation = Simulation(world, random.Random(seed))
        simulation.prepare()
        try:
            for _ in range(STEPS):
                simulation.step()
            simulation.steps.append("rest")
            simulation.come_to_rest()
        except BaseException:
            print(f"seed {seed}, step {len(simulation.steps)}:", *simulation.steps, sep="\n  ")
            raise
