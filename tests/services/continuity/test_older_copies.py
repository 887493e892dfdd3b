"""An older copy of the database, or none at all, never charges twice (docs/decisions/008)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from lib.domain.charges import ChargeState, Outcome
from lib.domain.idempotency_keys import charge_key
from lib.domain.incidents import CHARGE_CANCELLED, CONFLICT, UNEXPECTED
from lib.domain.mirror import Decline
from lib.domain.runs import RunState
from lib.errors import (
    AlreadyCharged,
    Blocked,
    DecisionsRest,
    InvalidInput,
    LedgerBehind,
    NotPermitted,
)
from lib.money import Money
from lib.services.continuity.completeness import LedgerState
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.store.meta import INSTALLATION
from tests.charge_runs import approve as approve_run
from tests.charge_runs import counts, payers, started, submitted
from tests.lost_files import copied, lost, put_back
from tests.stripe_account import post
from tests.tries import try_again
from tests.world import ADA, ALICE, BOB, NO_MONEY, World


def payer(world: World, number: str | None = None) -> str:
    customer = world.customer()
    if number is None:
        world.save_card(customer)
    else:
        world.save_card(customer, number)
    return customer


class TestAnOlderCopy:
    def test_one_rebuild_is_enough_though_nothing_had_told_of_it(self, world: World) -> None:
        """Asked for on the page and done by the worker, before anything looked at the anchor beside the file."""
        customer = payer(world)
        copy = copied(world)
        world.charge(customer, reference="INV-1")
        put_back(world, copy)
        assert world.services.rebuilds.request(by=ALICE)
        assert world.services.rebuilds.rebuild_due()
        world.charge(customer, reference="INV-2")
        assert len(world.moved()) == 2

    def test_a_single_charge_is_not_made_again(self, world: World) -> None:
        customer = payer(world)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        world.charge(customer, reference="INV-1")
        world.clock.advance(days=2)
        put_back(world, copy)
        with pytest.raises(LedgerBehind):
            world.charge(customer, reference="INV-1")
        assert len(world.moved()) == 1
        assert world.services.completeness.state() is LedgerState.BEHIND

    def test_a_run_that_was_running_is_not_executed_again_by_the_worker_alone(
        self, world: World
    ) -> None:
        people = payers(world, 3)
        run = started(world, [(*person, 2_000, f"R-{n}") for n, person in enumerate(people)])
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        world.worker.do_runs()
        assert len(world.moved()) == 3
        world.clock.advance(days=2)
        put_back(world, copy)
        for _ in range(3):
            world.worker.run_once()
        assert len(world.moved()) == 3
        assert world.services.runs.views.run(run).run.state is RunState.STOPPED
        # The worker has taken over what Stripe knows; what people decided waits for one of them.
        assert world.services.completeness.state() is LedgerState.COMPLETE
        with pytest.raises(DecisionsRest):
            world.services.completeness.must_not_rest()
        with pytest.raises(NotPermitted):
            world.services.completeness.confirm_decisions(by=ALICE)
        world.services.completeness.confirm_decisions(by=BOB)
        world.services.runs.control.resume(run, by=ALICE)
        for _ in range(2):
            world.worker.run_once()
        assert len(world.moved()) == 3

    @pytest.fixture
    def replaced_after(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[str], None]:
        """
        `replaced_after("verify")`: once Onfile has asked that, the file is an older copy, in which R-1 is about
        to be executed and INV-1 was never charged.
        """
        started(world, [(*payers(world, 1)[0], 2_000, "R-1")])
        completeness = world.services.completeness

        def replaced(name: str) -> None:
            question, copy = getattr(completeness, name), copied(world)
            world.charge(payer(world), reference="INV-1")

            def answered(*given: object) -> None:
                question(*given)
                with (
                    sqlite3.connect(copy) as origin,
                    sqlite3.connect(world.settings.database) as target,
                ):
                    origin.backup(target)

            monkeypatch.setattr(completeness, name, answered)

        return replaced

    def test_a_file_put_in_its_place_while_a_charge_is_prepared_charges_nothing(
        self, world: World, replaced_after: Callable[[str], None]
    ) -> None:
        """It was another file that was verified."""
        other = payer(world)
        replaced_after("read_customer")
        with pytest.raises(LedgerBehind):
            world.charge(other, reference="INV-2")
        assert len(world.moved()) == 1
        assert world.services.completeness.state() is LedgerState.BEHIND

    def test_nor_once_a_run_was_verified(
        self, world: World, replaced_after: Callable[[str], None]
    ) -> None:
        replaced_after("must_not_rest")
        world.worker.do_runs()
        assert len(world.moved()) == 1
        [run] = world.rows("SELECT state, stop_code FROM runs")
        assert tuple(run) == ("stopped", "ledger_behind")

    def test_nor_is_a_refund_sent(
        self, world: World, replaced_after: Callable[[str], None]
    ) -> None:
        refunds = world.services.refunds
        paid = world.charge(payer(world), reference="INV-2").charge
        order = refunds.request(
            paid.id,
            money=Money(paid.amount, paid.currency),
            reason="duplicate",
            note="Charged by mistake",
            by=ALICE,
        )
        replaced_after("verify")
        with pytest.raises(LedgerBehind):
            refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
        assert [row["state"] for row in world.rows("SELECT state FROM refunds")] == ["requested"]

    def test_a_copy_that_came_with_its_anchor_is_told_by_stripes_news(self, world: World) -> None:
        people = payers(world, 3)
        run = started(world, [(*person, 2_000, f"R-{n}") for n, person in enumerate(people)])
        world.services.sync.run_now(by=ALICE)
        anchor = world.settings.database.with_suffix(".anchor")
        older = anchor.read_bytes()
        copy = copied(world)
        world.worker.do_runs()
        world.clock.advance(days=2)
        put_back(world, copy)
        anchor.write_bytes(older)
        for _ in range(3):
            world.worker.do_runs()
        assert len(world.moved()) == 3
        assert world.services.runs.views.run(run).run.stop_code == "ledger_behind"

    def test_news_in_the_hands_of_a_process_that_died_are_read_from_the_list(
        self, world: World
    ) -> None:
        """They lie in the inbox, claimed: nobody has looked at them, and nobody will for minutes."""
        people = payers(world, 1)
        started(world, [(*people[0], 2_000, "R-1")])
        world.services.sync.run_now(by=ALICE)
        anchor = world.settings.database.with_suffix(".anchor")
        older = anchor.read_bytes()
        copy = copied(world)
        world.worker.do_runs()
        world.clock.advance(days=2)
        put_back(world, copy)
        anchor.write_bytes(older)
        page = world.services.gateway.list_events(
            types=("payment_intent.created", "payment_intent.succeeded")
        )
        world.services.webhooks.take_listed(page.items)
        with world.uow.write() as stores:
            assert stores.deliveries.claim(now=world.now, waits=(30,), lease=300)
        world.worker.do_runs()
        assert len(world.moved()) == 1

    def test_after_a_rebuild_the_same_references_are_refused_and_the_next_is_charged(
        self, world: World
    ) -> None:
        paid, failed = payer(world), payer(world, NO_MONEY)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        charge = world.charge(paid, reference="INV-1").charge
        world.charge(failed, reference="INV-2")
        world.clock.advance(days=2)
        put_back(world, copy)
        with pytest.raises(LedgerBehind):
            world.charge(paid, reference="INV-3")
        result = world.services.rebuilds.rebuild(by=ALICE)
        assert result.adopted["charges"] == 2
        assert result.adopted["attempts"] == 2
        assert result.conflicts == []
        assert world.services.completeness.state() is LedgerState.COMPLETE
        again = world.services.charges.view(charge.id).charge
        assert (again.state, again.reference, again.amount) == (
            ChargeState.SUCCEEDED,
            "INV-1",
            charge.amount,
        )
        with pytest.raises(AlreadyCharged):
            world.charge(paid, reference="INV-1")
        world.charge(paid, reference="INV-3")
        assert len(world.moved()) == 2

    def test_a_rebuild_changes_nothing_the_second_time(self, world: World) -> None:
        customer = payer(world)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        world.charge(customer, reference="INV-1")
        put_back(world, copy)
        assert world.services.rebuilds.rebuild(by=ALICE).adopted["attempts"] == 1
        assert world.services.rebuilds.rebuild(by=ALICE).adopted["attempts"] == 0
        assert world.services.audit.verify().check.ok

    def test_a_key_that_may_not_read_events_changes_nothing_of_this(self, world: World) -> None:
        customer = payer(world)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        world.charge(customer, reference="INV-1")
        world.clock.advance(days=2)
        put_back(world, copy)
        world.stripe.faults.add("GET", "/v1/events", kind="missing_permission", times=99)
        with pytest.raises(LedgerBehind):
            world.charge(customer, reference="INV-9")

    def test_news_older_than_stripes_events_are_read_from_the_list(self, world: World) -> None:
        customer = payer(world)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        world.charge(customer, reference="INV-1")
        world.clock.advance(days=40)
        put_back(world, copy)
        with pytest.raises(LedgerBehind):
            world.charge(payer(world), reference="INV-9")


class TestNoDatabaseAtAll:
    @pytest.mark.parametrize("days", [2, 40])
    def test_a_payment_of_the_old_installation_is_never_made_again(
        self, world: World, days: int
    ) -> None:
        """After 40 days Stripe has no events of it any more, and the customer's list tells."""
        customer = payer(world)
        world.charge(customer, reference="INV-1")
        lost(world)
        world.clock.advance(days=days)
        with pytest.raises(AlreadyCharged, match="Stripe has a payment"):
            world.charge(customer, reference="INV-1")
        assert len(world.moved()) == 1

    def test_the_old_installation_is_taken_over_and_its_payments_with_it(
        self, world: World
    ) -> None:
        customer = payer(world)
        charge = world.charge(customer, reference="INV-1").charge
        with world.uow.read() as stores:
            old = stores.meta.value(INSTALLATION)
        lost(world)
        with pytest.raises(InvalidInput, match="still running"):
            world.services.rebuilds.rebuild(by=ALICE)
        world.clock.advance(hours=2)
        assert world.services.rebuilds.rebuild(by=ALICE).adopted["charges"] == 1
        with world.uow.read() as stores:
            assert stores.meta.value(INSTALLATION) == old
        assert world.services.charges.view(charge.id).charge.state is ChargeState.SUCCEEDED

    def test_an_installation_that_nobody_knows_is_refused(self, world: World) -> None:
        world.charge(payer(world), reference="INV-1")
        lost(world)
        with pytest.raises(InvalidInput, match="No payment at Stripe"):
            world.services.rebuilds.rebuild(by=ALICE, installation="ins_invented")


class TestAnotherInstallation:
    def test_its_marks_do_not_make_this_ledger_behind(self, world: World) -> None:
        customer = payer(world)
        world.charge(customer, reference="INV-1")
        with sqlite3.connect(world.settings.database) as database:
            database.execute("UPDATE meta SET value = 'ins_second' WHERE name = 'installation'")
            database.execute("DROP TRIGGER attempts_are_never_deleted")
            database.execute("DROP TRIGGER charges_are_never_deleted")
            database.execute("DROP TRIGGER charge_events_are_never_deleted")
            database.execute("PRAGMA foreign_keys = OFF")
            for name in ("attempts", "charge_events", "charges"):
                database.execute(f"DELETE FROM {name}")
        world.rebuild()
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="INV-1")
        assert world.services.completeness.state() is LedgerState.COMPLETE
        world.charge(customer, reference="INV-2")
        assert len(world.moved()) == 2
        assert [one.payments for one in world.services.installations.others()] == [1]
        # Nor are they missing here: they are in the other one's ledger.
        assert world.services.charge_resolver.reconcile(by=ALICE).drift == []

    def test_the_worker_never_takes_its_marks_for_ours(self, world: World) -> None:
        """An older copy of a ledger that never charged is behind its anchor, and nothing of ours is at Stripe."""
        customer = payer(world)
        method = world.rows("SELECT id FROM payment_methods")[0]["id"]
        payment_of_another(world, customer, method, "its-key")
        copy = copied(world)
        world.services.limits.set("usd", per_charge="9", per_run="", per_day="", by=ADA)
        world.clock.advance(days=2)
        put_back(world, copy)
        assert world.services.completeness.state() is LedgerState.BEHIND
        before = world.installation
        assert world.services.rebuilds.rebuild_due()
        assert world.installation == before
        assert world.services.completeness.state() is LedgerState.COMPLETE

    def test_a_key_that_it_used_first_is_found_out_and_not_waited_for_for_ever(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The event under our key names its payment, which is not this try."""
        customer = payer(world)
        world.services.sync.run_now(by=ALICE)
        with world.uow.read() as stores:
            method = stores.mirror.payment_methods_of(customer)[0].id
        key = charge_key(customer=customer, reference="INV-1", number=1)
        other = payment_of_another(world, customer, method, key)
        # Stripe does not show it yet.
        monkeypatch.setattr(world.services.completeness, "verify", lambda: None)
        monkeypatch.setattr(world.services.completeness, "read_customer", lambda _: None)
        charge = world.charge(customer, reference="INV-1").charge
        assert charge.state is ChargeState.UNKNOWN
        for _ in range(2):
            world.clock.advance(hours=25)
            world.services.charge_resolver.resolve_due()
        assert world.services.charges.view(charge.id).charge.state is ChargeState.PLANNED
        with pytest.raises(AlreadyCharged):
            try_again(world.services.charges, charge.id, by=ALICE)
        assert [one.payment_intent for one in world.stripe.money_moved()] == [other]

    def test_the_next_key_is_past_every_try_here_and_at_stripe(self, world: World) -> None:
        """
        A failed payment of another installation is the first. What Stripe turned away is no try: another
        file may not know of it, and the next has its key.
        """
        customer = world.customer()
        bad, good = world.save_card(customer, NO_MONEY), world.save_card(customer)
        world.services.sync.run_now(by=ALICE)
        keys = [
            charge_key(customer=customer, reference="INV-1", number=number) for number in (1, 2)
        ]
        failed = payment_of_another(world, customer, bad, keys[0])
        post(world, f"/v1/payment_intents/{failed}/cancel")
        for method in (bad, good):
            world.fault("rate_limited", times=4)
            tried = world.charge(customer, reference="INV-1", method=method)
            assert tried.charge.state is ChargeState.PLANNED
        paid = world.charge(customer, reference="INV-1", method=good)
        charge = paid.charge.id
        assert [one.idempotency_key for one in paid.attempts] == [
            f"{keys[1]}:not_executed:{charge}:1",
            f"{keys[1]}:not_executed:{charge}:2",
            keys[1],
        ]
        assert len(world.moved()) == 1

    @pytest.mark.parametrize("is_lost", [False, True])
    def test_a_failed_try_that_gets_another_reference_leads_past_no_key(
        self, world: World, monkeypatch: pytest.MonkeyPatch, is_lost: bool
    ) -> None:
        """Its key says which debt was tried; also where it is known from Stripe alone."""
        customer = world.customer()
        bad, good = world.save_card(customer, NO_MONEY), world.save_card(customer)
        tried = world.charge(customer, reference="INV-2", method=bad).attempts[0].payment_intent
        post(world, f"/v1/payment_intents/{tried}", metadata={"onfile_reference": "INV-1"})
        if is_lost:
            before = world.installation
            lost(world)
            world.clock.advance(hours=2)
            world.services.rebuilds.rebuild(by=ALICE, installation=before)
            assert world.rows("SELECT * FROM attempts")
        post(world, f"/v1/payment_intents/{tried}/cancel")
        world.services.sync.run(full=True)
        key = charge_key(customer=customer, reference="INV-1", number=1)
        other = payment_of_another(world, customer, good, key)
        # Stripe does not show it yet.
        monkeypatch.setattr(world.services.completeness, "verify", lambda: None)
        monkeypatch.setattr(world.services.completeness, "read_customer", lambda _: None)
        charge = world.charge(customer, reference="INV-1", method=good).charge
        assert charge.state is ChargeState.UNKNOWN
        assert [one.payment_intent for one in world.stripe.money_moved()] == [other]


def payment_of_another(world: World, customer: str, method: str, key: str) -> str:
    """By another installation, under the key of the first try of INV-1."""
    reply = world.stripe.handle(
        "POST",
        "/v1/payment_intents",
        {
            "amount": "1000",
            "currency": "usd",
            "customer": customer,
            "payment_method": method,
            "off_session": "true",
            "confirm": "true",
            "allowed_payment_method_types": ["card"],
            "metadata": {
                "onfile_charge_id": "chg_elsewhere",
                "onfile_attempt": "1",
                "onfile_reference": "INV-1",
                "onfile_installation": "ins_second",
            },
        },
        {"Authorization": "Bearer sk_test_practice", "Idempotency-Key": key},
    )
    made = reply.body if reply.status == 200 else reply.body["error"]["payment_intent"]
    return str(made["id"])


def lost_payment(world: World, customer: str, reference: str) -> str:
    """Made by this very installation, in a file that is gone."""
    with world.uow.read() as stores:
        installation = stores.meta.value(INSTALLATION)
        method = stores.mirror.payment_methods_of(customer)[0].id
    return str(
        post(
            world,
            "/v1/payment_intents",
            amount="1234",
            currency="usd",
            customer=customer,
            payment_method=method,
            off_session="true",
            confirm="true",
            allowed_payment_method_types=["card"],
            metadata={
                "onfile_charge_id": "chg_lost",
                "onfile_attempt": "1",
                "onfile_reference": reference,
                "onfile_installation": installation,
            },
        )["id"]
    )


class TestConflicts:
    def test_two_payments_of_one_reference_stand_as_a_conflict(self, world: World) -> None:
        """The copy charged on before anybody noticed: both payments are there, and both are named."""
        customer = payer(world)
        world.services.sync.run_now(by=ALICE)
        world.charge(customer, reference="INV-1")
        other = lost_payment(world, customer, "INV-1")
        world.clock.advance(days=1)
        with pytest.raises(LedgerBehind):
            world.charge(customer, reference="INV-2")
        result = world.services.rebuilds.rebuild(by=ALICE)
        assert [conflict["payment_intent"] for conflict in result.conflicts] == [other]
        with world.uow.read() as stores:
            assert [one.subject for one in stores.incidents.open(kind=CONFLICT)] == [other]
        assert world.services.completeness.state() is LedgerState.COMPLETE
        world.charge(customer, reference="INV-2")

    def test_it_blocks_its_customer_and_reference_only(self, world: World) -> None:
        """What could not be taken over was declined, so that only the conflict itself can block."""
        customer, other = payer(world), payer(world)
        with world.uow.write() as stores:
            stores.incidents.add(
                "inc_1",
                kind=CONFLICT,
                subject="pi_1",
                details={"reason": "charge_differs", "customer": customer, "reference": "INV-1"},
                at=world.now,
            )
        with pytest.raises(Blocked, match="open incident") as refused:
            world.charge(customer, reference="INV-1")
        assert refused.value.code == "incident_open"
        world.charge(customer, reference="INV-2")
        world.charge(other, reference="INV-1")

    def test_one_without_a_reference_may_be_any_of_its_customers(self, world: World) -> None:
        customer, other = payer(world), payer(world)
        with world.uow.write() as stores:
            stores.incidents.add(
                "inc_1",
                kind=CONFLICT,
                subject="pi_1",
                details={"reason": "marks_incomplete", "customer": customer, "reference": None},
                at=world.now,
            )
        with pytest.raises(Blocked, match="open incident"):
            world.charge(customer, reference="INV-1")
        world.charge(other, reference="INV-1")

    def test_a_row_of_a_run_is_blocked_at_its_claim_too(self, world: World) -> None:
        people = payers(world, 2)
        run = started(world, [(*person, 2_000, f"R-{n}") for n, person in enumerate(people)])
        with world.uow.write() as stores:
            stores.incidents.add(
                "inc_1",
                kind=CONFLICT,
                subject="pi_1",
                details={"customer": people[0][0], "reference": "R-0"},
                at=world.now,
            )
        world.worker.do_runs()
        assert len(world.moved()) == 1
        assert counts(world, run)["blocked"] == 1


class TestRuns:
    def test_an_approved_run_started_again_charges_nothing_twice(self, world: World) -> None:
        people = payers(world, 3)
        run = approve_run(
            world,
            submitted(world, [(*person, 2_000, f"R-{n}") for n, person in enumerate(people)]),
        )
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        world.services.runs.control.start(run.id, by=ALICE)
        world.worker.do_runs()
        assert len(world.moved()) == 3
        world.clock.advance(days=2)
        put_back(world, copy)
        world.services.rebuilds.rebuild(by=ALICE)
        world.services.completeness.confirm_decisions(by=BOB)
        world.services.runs.control.start(run.id, by=ALICE)
        world.worker.do_runs()
        assert len(world.moved()) == 3
        assert counts(world, run.id).get("succeeded", 0) == 0


class TestPaidTwice:
    def test_a_late_payment_of_a_cancelled_charge_stops_the_planned_one_beside_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A try without trace, given up after a day; the same debt waits with another sum; it was paid."""
        customer = payer(world)
        monkeypatch.setattr(world.services.charge_resolver, "by_event", lambda *_: None)
        world.lose_reply()
        first = world.charge(customer, reference="INV-1", amount="10")
        assert first.charge.state is ChargeState.UNKNOWN
        with world.uow.write() as stores:
            intent = first.attempts[0]
            assert stores.charges.record_outcome(
                first.charge.id,
                intent.number,
                before=Outcome.UNKNOWN,
                after=Outcome.NOT_EXECUTED,
                evidence="no_trace",
                at=world.now,
                next_look_at=None,
                payment_intent=None,
                http_status=None,
                request_id=None,
                decline=Decline(),
            )
            assert stores.charges.move(
                first.charge.id,
                before=ChargeState.UNKNOWN,
                after=ChargeState.PLANNED,
                at=world.now,
            )
        world.services.charges.cancel(first.charge.id, by=ALICE)
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="INV-1", amount="11")
        assert world.moved() == [(1000, "usd")]
        late = world.services.charges.view(first.charge.id)
        assert late.charge.state is ChargeState.SUCCEEDED
        assert late.incident is not None
        assert (late.incident.kind, late.incident.reason) == (UNEXPECTED, CHARGE_CANCELLED)

    def test_the_schema_refuses_a_second_try_of_a_paid_debt(self, world: World) -> None:
        customer = payer(world)
        paid = world.charge(customer, reference="INV-1").charge
        with sqlite3.connect(world.settings.database) as database:
            for (name,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'charges'"
            ).fetchall():
                database.execute(f"DROP TRIGGER {name}")
            database.execute("UPDATE charges SET state = 'cancelled' WHERE id = ?", (paid.id,))
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="INV-1", amount="77")
        with (
            sqlite3.connect(world.settings.database) as database,
            pytest.raises(sqlite3.IntegrityError, match="another try of this debt"),
        ):
            database.execute(
                """INSERT INTO attempts (charge_id, customer, reference, number, idempotency_key,
                       params, requested_by, requested_at)
                   SELECT id, customer, reference, 9, 'k', '{}', 'x', 1 FROM charges"""
            )

    def test_a_second_payment_under_our_marks_is_an_incident(self, world: World) -> None:
        customer = payer(world)
        charge = world.charge(customer, reference="INV-1").charge
        with world.uow.read() as stores:
            installation = stores.meta.value(INSTALLATION)
            method = stores.mirror.payment_methods_of(customer)[0].id
        second = post(
            world,
            "/v1/payment_intents",
            amount=str(charge.amount),
            currency="usd",
            customer=customer,
            payment_method=method,
            off_session="true",
            confirm="true",
            allowed_payment_method_types=["card"],
            metadata={
                "onfile_charge_id": charge.id,
                "onfile_attempt": "1",
                "onfile_reference": "INV-1",
                "onfile_installation": installation,
            },
        )["id"]
        for _ in range(2):
            world.services.sync.run_now(by=ALICE, full=True)
        with world.uow.read() as stores:
            incidents = stores.incidents.open(kind=UNEXPECTED)
        assert [one.subject for one in incidents] == [second]
        assert incidents[0].details["charge_id"] == charge.id

    def test_two_installations_in_one_second_meet_the_same_key(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second one's answer is that the key was used for something else: no second payment."""
        customer = payer(world)
        world.services.sync.run_now(by=ALICE)
        world.services.completeness.verify()
        copy = copied(world)
        world.charge(customer, reference="INV-1")
        put_back(world, copy)
        world.settings.database.with_suffix(".anchor").unlink()
        monkeypatch.setattr(world.services.completeness, "verify", lambda: None)
        monkeypatch.setattr(world.services.completeness, "read_customer", lambda _: None)
        second = world.charge(customer, reference="INV-1")
        assert second.charge.state is ChargeState.UNKNOWN
        assert len(world.moved()) == 1
