"""What people do in the simulation, alone and in the middle of what others do."""

from __future__ import annotations

from lib.clock import epoch
from lib.domain.actors import Actor
from lib.domain.charges import Outcome
from lib.domain.correction_fields import Field
from lib.domain.runs import RowRequest, RowState, Run, RunRow, RunState
from lib.ids import new_id
from lib.money import Money, format_major
from lib.services.charges.orders import ChargeOrder
from lib.services.runs.draft import RunSource
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.simulation.state import debt_of
from tests.simulation.truths import Truths
from tests.tries import try_again
from tests.world import ADA, ALICE, BOB

AMOUNTS = (1_000, 1_000, 1_200)
GOOD_METHODS = 2
"""The first so many of each customer can be charged."""
REFERENCES = ("INV-1", "INV-2", "INV-3", "INV-4")
# Per charge, run and day in major units: low, so that a few payments meet them.
LIMITS = (
    ("", "", ""),
    ("11", "", ""),
    ("", "21", ""),
    ("", "", "11"),
    ("", "", "21"),
    ("11", "25", "32"),
)


class People(Truths):
    def debt(self) -> tuple[str, str]:
        """Whose, and what for; with hazards about, people often come again with what was paid."""
        if self.stage.hazards and self.random.random() < 0.5:
            paid = [debt_of(one) for one in self.intents() if one["status"] == "succeeded"]
            paid = [
                (customer, self.look_alike(reference)) for customer, reference in paid if reference
            ]
            if paid:
                return self.random.choice(paid)
        return self.random.choice(list(self.people)), self.look_alike(
            self.random.choice(REFERENCES)
        )

    def look_alike(self, reference: str) -> str:
        """Now and then one that a person takes for the same."""
        if "look-alikes" not in self.stage.hazards or self.random.random() < 0.7:
            return reference
        self.stage.happened["a look-alike reference"] += 1
        return self.random.choice(
            [reference.lower(), reference.replace("-", "\u2011"), reference.replace("-", "-0")]
        )

    def method(self, customer: str) -> str:
        """Any of theirs; where hazards are about more often a good one, as only what is paid can be paid twice."""
        methods = self.people[customer]
        if self.stage.hazards and self.random.random() < 0.6:
            methods = methods[:GOOD_METHODS]
        return self.random.choice(methods)

    def make(self) -> None:
        """Rows without a preflight, so that the executor meets whatever there is."""
        run_id = new_id("run")
        rows = []
        for number in range(2, 2 + self.random.randint(1, 5)):
            customer, reference = self.debt()
            method = self.method(customer)
            money = Money(self.random.choice(AMOUNTS), "usd")
            rows.append(
                RunRow(
                    run_id=run_id,
                    number=number,
                    cells=(),
                    customer=customer,
                    request=RowRequest(number, (), customer, money, reference),
                    payment_method=method,
                    amount=money.amount,
                    currency="usd",
                    reference=reference,
                    description=None,
                    suffix=None,
                    state=RowState.PLANNED,
                    charge_id=new_id("chg"),
                )
            )
        with self.services.uow.write() as stores:
            stores.runs.add(
                Run(
                    id=run_id,
                    name="Simulated",
                    state=RunState.DRAFT,
                    header=(),
                    file_name=None,
                    file_digest=None,
                    follows=None,
                    created_by="alice",
                    created_at=epoch(self.now()),
                ),
                livemode=False,
            )
            stores.run_rows.add(rows)
        self.go_on(run_id)

    def make_from_file(self) -> None:
        """As the page does: judged before anybody approves."""
        requests = []
        for number in range(2, 2 + self.random.randint(1, 5)):
            customer, reference = self.debt()
            method = self.random.choice([None, self.method(customer)])
            money = Money(self.random.choice(AMOUNTS), "usd")
            requests.append(RowRequest(number, (), customer, money, reference, method))
        maker, step = self.services.runs.drafts, len(self.steps)
        run = maker.create(RunSource((), "From a file"), requests, by=ALICE)
        if len(self.steps) == step:  # nobody changed a default meanwhile
            self.check_judged(run)
        if self.random.random() < 0.2:
            self.services.runs.corrections.leave_out(run.id, [2], reason="not now", by=ALICE)
        if self.random.random() < 0.2:
            maker.check_again(run.id, by=ALICE)
        self.go_on(run.id)

    def make_again(self) -> None:
        """The failures of a run, or every open reference."""
        follower = self.services.runs.retry_runs
        run = self.pick(RunState.FINISHED, RunState.CANCELLED)
        if run is not None and self.random.random() < 0.8:
            made = follower.create(run.id, by=ALICE)
        else:
            made = follower.create_from_open(by=ALICE)
        self.go_on(made.id)

    def go_on(self, run_id: str) -> None:
        canary = self.random.choice([0, 0, 1, 2])
        run = self.submit(run_id, canary, self.random.random() < 0.5)
        if self.random.random() < 0.7:
            self.agree(run, BOB)
            if run.approvals_needed > 1:
                self.agree(run, ADA)
            self.services.runs.control.start(run_id, by=ALICE)
            if self.stage.hazards and self.random.random() < 0.7:
                self.services.runs.executor.execute(run_id)

    def submit(self, run_id: str, canary: int = 0, new_cards: bool = False) -> Run:
        self.needed[run_id] = self.approvals_needed(run_id)
        return self.services.runs.approvals.submit(
            run_id, by=ALICE, canary=canary, charge_new_cards=new_cards
        )

    def agree(self, run: Run, by: Actor, digest: str | None = None) -> None:
        self.services.runs.approvals.approve(
            run.id, digest=digest or run.digest or "", by=by, password=PRACTICE_PASSWORD
        )

    def hold_or_lift(self) -> None:
        """The do-not-charge switch; whoever set it cannot lift it."""
        customer = self.random.choice(list(self.people))
        act, by = self.random.choice(
            [("set", ALICE), ("lift", BOB), ("lift", BOB), ("lift", ADA), ("lift", ALICE)]
        )
        self.say(f"{act} by {by.username}")
        getattr(self.services.holds, act)(customer, reason="Simulated", by=by)

    def decide(self) -> None:
        run = self.pick(RunState.AWAITING_APPROVAL)
        if run is None:
            return
        by: Actor = self.random.choice([BOB, BOB, BOB, ADA, ADA, ALICE])
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

    def steer(self) -> None:
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
        self.mend(run.id)
        self.submit(run.id)

    def mend(self, run_id: str) -> None:
        """A row is left out or taken back, or a cell of it corrected: the reference, the sum, the payer."""
        corrections, rows = self.services.runs.corrections, [self.random.choice([2, 2, 3])]
        changes = {
            Field.AMOUNT: format_major(self.random.choice(AMOUNTS), "usd"),
            Field.REFERENCE: self.random.choice(REFERENCES),
            Field.CUSTOMER: self.random.choice(list(self.people)),
        }
        field = self.random.choice([None, *changes])
        if field is not None:
            corrections.correct(
                run_id, rows, {field: changes[field]}, reason="as on the invoice", by=ALICE
            )
        elif self.random.random() < 0.7:
            corrections.leave_out(run_id, rows, reason="not now", by=ALICE)
        else:
            corrections.take_back(run_id, rows, reason="now", by=ALICE)

    def limit(self) -> None:
        amounts = self.random.choice(LIMITS)
        per_charge, per_run, per_day = amounts
        self.say(amounts)
        self.services.limits.set(
            "usd", per_charge=per_charge, per_run=per_run, per_day=per_day, by=ADA
        )

    def charge(self) -> None:
        customer, reference = self.debt()
        self.services.charges.charge(
            ChargeOrder(
                customer=customer,
                money=Money(self.random.choice(AMOUNTS), "usd"),
                reference=reference,
                payment_method=self.random.choice([None, *[self.method(customer)] * 3]),
            ),
            by=ALICE,
        )

    def retry(self) -> None:
        """Perhaps the same card, perhaps by somebody who saw another number of tries."""
        failed = self.charges("declined", "needs_customer", "planned")
        if failed:
            charge_id, _ = self.random.choice(failed)
            charge = self.services.charges.view(charge_id).charge
            method = self.random.choice(
                [charge.payment_method, None, *self.people[charge.customer]]
            )
            try_again(self.services.charges, charge_id, by=ALICE, payment_method=method)

    def give_up(self) -> None:
        """Somebody cancels what is not paid, and the reference is free."""
        failed = self.charges("declined", "needs_customer", "planned", "unknown", "succeeded")
        if failed:
            self.services.charges.cancel(self.random.choice(failed)[0], by=ALICE)

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
        outcomes = self.services.manual_outcomes
        waiting = outcomes.to_decide()
        if waiting:
            by: Actor = self.random.choice([BOB, BOB, ADA, ALICE])
            outcomes.approve(waiting[0].id, by=by, password=PRACTICE_PASSWORD)
            return
        unknown = self.charges("unknown")
        if unknown:
            charge_id, _ = self.random.choice(unknown)
            outcomes.propose(charge_id, Outcome.NOT_EXECUTED, reason="looked", by=ALICE)
