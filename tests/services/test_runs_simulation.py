"""
Random people, runs, faults, deaths, second executors and clocks against practice Stripe, from a seed.

After each step: no reference was paid twice, no key was sent with other parameters. At each sending:
enough other people approved exactly this. At the end, when everything is quiet: every run is over, no
row was lost, the ledger says of every payment what Stripe says, and the totals tie.
ONFILE_SIMULATION_SEED=7 runs that seed alone; ONFILE_SIMULATION_RUNS=1000 runs as many.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.bootstrap import Services
from lib.clock import epoch
from lib.domain.actors import Actor
from lib.domain.charges import Outcome
from lib.domain.runs import RowRequest, RowState, Run, RunRow, RunState
from lib.errors import OnfileError
from lib.ids import new_id
from lib.money import Money
from lib.practice.replies import ConnectionDropped
from lib.services.reviewing import ChargeOrder
from lib.services.runs.approving import digest_now
from lib.services.users import PRACTICE_PASSWORD
from lib.store.unit_of_work import UnitOfWork
from tests.simulating import Died, House, Life, copy_of, made_once
from tests.world import (
    ADA,
    ALICE,
    ALWAYS_DECLINES,
    BOB,
    GOOD,
    NO_MONEY,
    WANTS_AUTHENTICATION,
    World,
    card_form,
)

KEY = {"Authorization": "Bearer sk_test_practice"}
STEPS = 20
RUNS = int(os.environ.get("ONFILE_SIMULATION_RUNS", "60"))
FIRST = int(os.environ.get("ONFILE_SIMULATION_SEED", "0"))
SEEDS = [FIRST] if "ONFILE_SIMULATION_SEED" in os.environ else range(RUNS)
AMOUNTS = (1_000, 1_000, 1_200)
REFERENCES = ("INV-1", "INV-2", "INV-3", "INV-4")
ON_CHARGE = (
    "lost_reply lost_request error_500_saved error_500_unsaved conflict_409 truncated_json "
    "rate_limited lock_timeout missing_permission"
).split()
ON_READ = "lost_reply error_500_unsaved rate_limited missing_permission empty_page_has_more".split()


@dataclass
class Simulation:
    folder: Path
    people: dict[str, list[str]]
    """The methods of each customer."""
    random: random.Random
    patch: pytest.MonkeyPatch
    skew: timedelta = timedelta()
    """How far our clock is from Stripe's."""
    sent: dict[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    is_nested: bool = False

    def __post_init__(self) -> None:
        self.house = House(self.folder, self.patch, self.watch)
        self.uow = UnitOfWork(self.house.settings.database)
        self.services, self.life = self.begin()

    def begin(self) -> tuple[Services, Life]:
        return self.house.process(self.now)

    def now(self) -> datetime:
        return self.house.clock() + self.skew

    # Around every call to Stripe

    def watch(self, ask: Callable[[], Any], given: tuple[Any, ...]) -> Any:
        method, path, params, key = given
        if (method, path) == ("post", "/v1/payment_intents"):
            exact = json.dumps(params, sort_keys=True)
            assert self.sent.setdefault(key, exact) == exact, "one key, two sets of parameters"
            if "onfile_run" in params["metadata"]:
                self.check_approval(params, key)
        self.meanwhile()
        answer = ask()
        self.meanwhile()
        return answer

    def meanwhile(self) -> None:
        """While a request is out, somebody else has a turn."""
        if self.is_nested or self.random.random() > 0.04:
            return
        self.is_nested = True
        mine = self.services, self.life
        try:
            self.services, self.life = self.begin()
            self.step()
        finally:
            self.services, self.life = mine
            self.is_nested = False

    def check_approval(self, params: dict[str, Any], key: str) -> None:
        with self.uow.read() as stores:
            run = stores.runs.find(params["metadata"]["onfile_run"])
            assert run is not None
            assert run.digest == digest_now(stores, run)
            makers = {run.created_by, run.submitted_by}
            assert len({one.by for one in stores.runs.approvals(run)} - makers) >= 1
            found = stores.runs._database.query(
                """SELECT r.*, coalesce(q.payment_method, r.payment_method) AS agreed
                   FROM attempts a
                   LEFT JOIN new_card_charges q ON q.charge_id = a.charge_id AND a.run_id IS NULL
                   JOIN run_rows r ON r.run_id = coalesce(a.run_id, q.run_id)
                       AND r.number = coalesce(a.run_row, q.run_row) WHERE a.idempotency_key = ?""",
                (key,),
            )
            row = next(found)
        assert row["is_submitted"] == 1
        asked = [params[name] for name in ("amount", "currency", "customer", "payment_method")]
        assert asked == [row[name] for name in ("amount", "currency", "customer", "agreed")]
        said = params.get("description"), params.get("statement_descriptor_suffix")
        assert said == (row["description"], row["suffix"])

    # What can happen

    def step(self) -> None:
        actions = {
            self.make: 16, self.decide: 6, self.start: 5, self.execute: 40, self.people_act: 16,
            self.withdraw: 3, self.charge: 6, self.settle: 8, self.sync: 1, self.fault: 14,
            self.wait: 16, self.clock_is_set: 3, self.dashboard_confirm: 4, self.refund: 5,
            self.settle_by_hand: 3, self.card_arrives: 3,
        }  # fmt: skip
        action = self.random.choices(list(actions), list(actions.values()))[0]
        self.steps.append(("  meanwhile " if self.is_nested else "") + action.__name__)
        at = len(self.steps) - 1
        if self.random.random() < 0.25:
            self.life.left = self.random.randint(1, 30)
        try:
            action()
        except OnfileError as error:
            self.steps[at] += f": {error.code}"
        except Died:
            self.steps[at] += ": died"
        self.life.left = None
        if self.life.is_over:
            self.services, self.life = self.begin()
        self.check()

    def say(self, more: object) -> None:
        self.steps[-1] += f" {more}"

    def make(self) -> None:
        run_id = new_id("run")
        rows = []
        for number in range(2, 2 + self.random.randint(1, 5)):
            customer = self.random.choice(list(self.people))
            method = self.random.choice(self.people[customer])
            money = Money(self.random.choice(AMOUNTS), "usd")
            reference = self.random.choice(REFERENCES)
            rows.append(
                RunRow(
                    run_id=run_id, number=number, cells=(), customer=customer,
                    request=RowRequest(number, (), customer, money, reference),
                    payment_method=method, amount=money.amount, currency="usd",
                    reference=reference, description=None, suffix=None, state=RowState.PLANNED,
                    charge_id=new_id("chg"),
                )
            )  # fmt: skip
        with self.services.runs.executor._uow.write() as stores:
            stores.runs.add(
                Run(
                    id=run_id, name="Simulated", state=RunState.DRAFT, header=(), file_name=None,
                    file_digest=None, follows=None, created_by="alice",
                    created_at=epoch(self.now()),
                ),
                livemode=False,
            )  # fmt: skip
            stores.run_rows.add(rows)
        canary = self.random.choice([0, 0, 1, 2])
        run = self.services.runs.approvals.submit(
            run_id, by=ALICE, canary=canary, charge_new_cards=self.random.random() < 0.5
        )
        if self.random.random() < 0.7:
            self.agree(run, BOB)
            self.services.runs.control.start(run_id, by=ALICE)

    def agree(self, run: Run, by: Actor, digest: str | None = None) -> None:
        self.services.runs.approvals.approve(
            run.id, digest=digest or run.digest or "", by=by, password=PRACTICE_PASSWORD
        )

    def pick(self, *states: RunState) -> Run | None:
        with self.uow.read() as stores:
            found = stores.runs._database.query("SELECT id, state FROM runs ORDER BY rowid")
            ids = [row["id"] for row in found if row["state"] in states]
            return stores.runs.find(self.random.choice(ids)) if ids else None

    def decide(self) -> None:
        run = self.pick(RunState.AWAITING_APPROVAL)
        if run is None:
            return
        by: Actor = self.random.choice([BOB, BOB, BOB, BOB, ADA, ALICE])
        self.agree(run, by, self.random.choice([None, None, None, "another"]))

    def start(self) -> None:
        run = self.pick(RunState.APPROVED, RunState.APPROVED, RunState.AWAITING_APPROVAL)
        if run is not None:
            self.services.runs.control.start(run.id, by=ALICE)

    def execute(self) -> None:
        run = self.pick(RunState.RUNNING)
        if run is None:
            return
        rounds = self.random.choice([1_000, 1_000, 3, 8])
        asked = iter(range(1_000_000))
        self.services.runs.executor.execute(run.id, should_stop=lambda: next(asked) >= rounds)

    def people_act(self) -> None:
        control = self.services.runs.control
        run = self.pick(RunState.RUNNING, RunState.PAUSED, RunState.STOPPED)
        if run is None:
            return
        acts = [control.resume, control.resume, control.resume, control.cancel]
        if run.state is RunState.RUNNING:
            acts = [control.pause, control.pause, control.pause, control.cancel]
        act = self.random.choice(acts)
        self.say(act.__name__)
        act(run.id, by=ALICE)

    def withdraw(self) -> None:
        run = self.pick(RunState.AWAITING_APPROVAL, RunState.APPROVED)
        if run is None:
            return
        self.services.runs.approvals.withdraw(run.id, by=ALICE)
        with self.services.runs.executor._uow.write() as stores:
            stores.run_rows.mark(run.id, 2, before=RowState.PLANNED, after=RowState.CANCELLED)
        self.services.runs.approvals.submit(run.id, by=ALICE)

    def charge(self) -> None:
        customer = self.random.choice(list(self.people))
        self.services.charging.charge(
            ChargeOrder(
                customer=customer, money=Money(self.random.choice(AMOUNTS), "usd"),
                reference=self.random.choice(REFERENCES),
                payment_method=self.random.choice(self.people[customer]),
            ),
            by=ALICE,
        )  # fmt: skip

    def settle(self) -> None:
        self.services.settling.settle_due()

    def sync(self) -> None:
        self.services.sync.run()

    def fault(self) -> None:
        faults = self.house.stripe.faults
        times = self.random.choice([1, 1, 1, 2, 5])
        if self.random.random() < 0.75:
            kind = self.random.choice(ON_CHARGE)
            path = self.random.choice(["/v1/payment_intents"] * 4 + ["/v1/refunds"])
            faults.add("POST", path, kind=kind, times=times)
        else:
            kind = self.random.choice(ON_READ)
            faults.add("GET", "/v1/", kind=kind, times=times * 3)
        self.say(f"{times} {kind}")

    def wait(self) -> None:
        seconds = self.random.choice([1, 5, 5, 61, 400, 4_000, 23 * 3_600, 25 * 3_600])
        self.house.clock.advance(seconds=seconds)
        self.say(seconds)

    def clock_is_set(self) -> None:
        self.skew = timedelta(seconds=self.random.choice([0, 0, -30, 90, -3_600, 7_200]))
        self.say(self.skew)

    def dashboard_confirm(self) -> None:
        """Somebody pays a failed PaymentIntent by hand."""
        failed = [i for i in self.intents() if i["status"] == "requires_payment_method"]
        if not failed:
            return
        intent = self.random.choice(failed)
        method = self.random.choice(self.people[intent["customer"]])
        try:
            self.house.stripe.handle(
                "POST", f"/v1/payment_intents/{intent['id']}/confirm",
                {"payment_method": method, "off_session": "true"}, KEY,
            )  # fmt: skip
        except ConnectionDropped:
            return

    def refund(self) -> None:
        """Asked for, or decided; whatever was asked for before may be decided now."""
        refunds = self.services.refunds
        waiting = refunds.to_decide()
        if waiting:
            order = self.random.choice(waiting)
            by: Actor = self.random.choice([BOB, BOB, BOB, ADA, ALICE])
            refunds.approve(order.id, by=by, password=PRACTICE_PASSWORD)
            return
        paid = self.charges("succeeded")
        if paid:
            charge_id, amount = self.random.choice(paid)
            part = self.random.choice([amount, amount, amount // 2, 1])
            refunds.request(
                charge_id, money=Money(part, "usd"), reason="duplicate", note="x", by=ALICE
            )

    def settle_by_hand(self) -> None:
        verdicts = self.services.verdicts
        waiting = verdicts.to_decide()
        if waiting:
            by: Actor = self.random.choice([BOB, BOB, ADA, ALICE])
            verdicts.approve(waiting[0].id, by=by, password=PRACTICE_PASSWORD)
            return
        unknown = self.charges("unknown")
        if unknown:
            charge_id, _ = self.random.choice(unknown)
            verdicts.propose(charge_id, Outcome.NOT_EXECUTED, reason="looked", by=ALICE)

    def card_arrives(self) -> None:
        """A customer of a failed charge uses its link; the worker looks for what may be charged."""
        with self.uow.read() as stores:
            open_ids = [
                row["id"]
                for row in stores.links._database.query(
                    """SELECT l.id FROM setup_links l JOIN charges h ON h.id = l.charge_id
                       WHERE l.completed_at IS NULL AND l.revoked_at IS NULL
                           AND h.state IN ('declined', 'needs_customer') ORDER BY l.rowid"""
                )
            ]
            link = stores.links.find(self.random.choice(open_ids)) if open_ids else None
        if link is not None:
            opened = self.services.links.open_durable(link.token)
            with self.uow.read() as stores:
                session = stores.links.last_session(link.id)
            if isinstance(opened, str) and session is not None and session.session_id is not None:
                number = self.random.choice([GOOD, ALWAYS_DECLINES])
                self.house.stripe.submit_card(session.session_id, card_form(number))
                self.services.returns.finish(session.session_id)
        self.services.runs.new_cards.charge_due()

    def charges(self, state: str) -> list[tuple[str, int]]:
        with self.uow.read() as stores:
            found = stores.charges._database.query(
                "SELECT id, amount FROM charges WHERE state = ? ORDER BY rowid", (state,)
            )
            return [(row["id"], row["amount"]) for row in found]

    # What must hold

    def intents(self) -> list[dict[str, Any]]:
        rows = self.house.stripe.database.connection().execute(
            "SELECT payload FROM objects WHERE id LIKE 'pi_%' ORDER BY rowid"
        )
        return [json.loads(row["payload"]) for row in rows]

    def check(self) -> None:
        paid = Counter(
            (intent["customer"], intent["metadata"]["onfile_reference"])
            for intent in self.intents()
            if intent["status"] in ("succeeded", "processing")
        )
        assert not paid or max(paid.values()) == 1, "a reference was paid twice"
        paid_back = Counter[str]()
        for refund in self.refunds():
            paid_back[refund["metadata"]["onfile_refund_id"]] += 1
        assert not paid_back or max(paid_back.values()) == 1, "an order was paid back twice"

    def refunds(self) -> list[dict[str, Any]]:
        rows = self.house.stripe.database.connection().execute(
            "SELECT payload FROM objects WHERE id LIKE 're_%' ORDER BY rowid"
        )
        return [json.loads(row["payload"]) for row in rows]

    def come_to_rest(self) -> None:
        self.house.stripe.faults.clear()
        self.skew = timedelta()
        self.is_nested = True  # nobody interrupts any more
        for state in (RunState.DRAFT, RunState.AWAITING_APPROVAL, RunState.APPROVED):
            while (run := self.pick(state)) is not None:
                self.services.runs.control.cancel(run.id, by=ALICE)
        for _ in range(40):
            self.house.clock.advance(seconds=100)
            run = self.pick(RunState.RUNNING, RunState.PAUSED, RunState.STOPPED)
            if run is None:
                break
            if run.state is not RunState.RUNNING:
                self.services.runs.control.resume(run.id, by=ALICE)
            assert self.services.runs.executor.execute(run.id)
        assert run is None, "a run has no end"
        for hours in (1, 25):
            self.house.clock.advance(hours=hours)
            for _ in range(2):
                self.services.settling.settle_due()
                self.services.refund_settling.settle_due()
                self.services.runs.new_cards.charge_due()
                self.house.clock.advance(hours=1)
        assert self.services.settling.reconcile(by=ALICE).drift == []
        self.check()
        self.check_rows()
        self.check_ledger()
        self.check_refunds()
        self.check_certificates()

    def check_refunds(self) -> None:
        """Our orders say what Stripe did, and nobody approved their own."""
        with self.uow.read() as stores:
            orders = list(stores.refunds._database.query("SELECT * FROM refund_orders"))
        assert not {"sending", "unknown", "pending"} & {order["state"] for order in orders}
        assert all(order["requested_by"] != order["decided_by"] for order in orders)
        assert {
            (refund["metadata"]["onfile_refund_id"], refund["id"], refund["amount"])
            for refund in self.refunds()
        } == {
            (order["id"], order["refund"], order["amount"])
            for order in orders
            if order["state"] == "succeeded"
        }

    def check_certificates(self) -> None:
        with self.uow.read() as stores:
            rows = stores.runs._database.query(
                "SELECT id FROM runs WHERE state IN ('finished', 'cancelled') AND started_at"
            )
            ended = [row["id"] for row in rows]
        for run_id in ended:
            certificate = self.services.runs.certifier.certify(run_id, by=ALICE)
            assert certificate.verdict == "green", certificate.content["remarks"]

    def check_rows(self) -> None:
        with self.uow.read() as stores:
            ids = [row["id"] for row in stores.runs._database.query("SELECT id FROM runs")]
            for run_id in ids:
                rows = stores.run_rows.of(run_id)
                planned = [row for row in rows if row.state is RowState.PLANNED]
                assert planned == [], "a row was lost"
                assert sum(stores.run_rows.counts(run_id).values()) == len(rows)
                totals = stores.run_rows.totals(run_id)
                assert sum(totals["usd"].values()) == sum(row.amount or 0 for row in rows)
                for row in rows:
                    if row.state is RowState.SENT:
                        charge = stores.charges.find(row.charge_id)
                        assert charge is not None
                        assert (charge.amount, charge.reference) == (row.amount, row.reference)

    def check_ledger(self) -> None:
        with self.uow.read() as stores:
            database = stores.charges._database
            states = Counter(row["state"] for row in database.query("SELECT state FROM charges"))
            in_ledger = {
                tuple(row.values())
                for row in database.query(
                    """SELECT a.payment_intent, c.amount, c.customer FROM attempts a
                           JOIN charges c ON c.id = a.charge_id AND c.state = 'succeeded'
                       WHERE a.outcome = 'succeeded'"""
                )
            }
            actions = {row["action"] for row in database.query("SELECT action FROM audit_log")}
            assert stores.audit.verify().ok
        assert not {"attempting", "unknown", "processing"} & set(states), states
        assert in_ledger == {
            (intent["id"], intent["amount"], intent["customer"])
            for intent in self.intents()
            if intent["status"] == "succeeded"
        }
        assert states["succeeded"] == len(in_ledger)
        assert "charge.paid_twice_suspected" not in actions


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[str]]]:
    folder = tmp_path_factory.mktemp("template")

    def prepare(world: World) -> dict[str, list[str]]:
        world.services.users.add_practice_users()
        cards = (GOOD, GOOD, ALWAYS_DECLINES, NO_MONEY, WANTS_AUTHENTICATION)
        people = {
            customer: [world.save_card(customer, number) for number in cards]
            for customer in (world.customer("Acme"), world.customer("Globex"))
        }
        world.services.sync.run(full=True)
        return people

    return folder, made_once(folder, prepare)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_to_runs(
    template: tuple[Path, dict[str, list[str]]], monkeypatch: pytest.MonkeyPatch, seed: int,
) -> None:  # fmt: skip
    made, people = template
    with copy_of(made) as folder:
        live(Simulation(folder, people, random.Random(seed), monkeypatch), seed)


def live(simulation: Simulation, seed: int) -> None:
    try:
        for _ in range(STEPS):
            simulation.step()
        simulation.steps.append("rest")
        simulation.come_to_rest()
    except BaseException:
        print(f"seed {seed}, step {len(simulation.steps)}:", *simulation.steps, sep="\n  ")
        raise
