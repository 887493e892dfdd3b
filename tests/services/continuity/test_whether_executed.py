"""Whether something was never executed is told by Stripe's clock and its keys, whatever ours says."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lib.domain.charges import ChargeState, Outcome
from lib.domain.idempotency_keys import charge_key
from lib.domain.incidents import PAID_TWICE
from lib.domain.refunds import RefundOrder, RefundState
from lib.errors import AlreadyCharged, StaleState
from lib.money import Money
from lib.services.mirror.webhooks import WebhookService
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.store.unit_of_work import UnitOfWork
from tests.charge_runs import counts, started
from tests.lost_files import copied, put_back
from tests.services.continuity.test_older_copies import payment_of_another
from tests.tries import try_again
from tests.world import ALICE, BOB, World


def ahead(world: World, **by: float) -> None:
    """This machine's clock jumps, and Stripe's does not."""
    stripes = world.clock
    world.clock = lambda: stripes() + timedelta(**by)  # type: ignore[assignment]
    world.rebuild()


def hidden_and_unanswered(world: World, customer: str, *, seconds: int) -> str:
    """Stripe charges, its answer is lost, and it lists the payment only after so long."""
    world.fault("shown_late", detail=str(seconds))
    world.fault("lost_reply")
    charge = world.charge(customer).charge
    assert charge.state is ChargeState.UNKNOWN
    return charge.id


def no_answer(world: World) -> None:
    world.fault("error_500_unsaved", times=30)


def agreed_never_executed(world: World, charge: str) -> None:
    outcomes = world.services.manual_outcomes
    proposal = outcomes.propose(charge, Outcome.NOT_EXECUTED, reason="not there", by=ALICE)
    outcomes.approve(proposal.id, by=BOB, password=PRACTICE_PASSWORD)


def incidents(world: World) -> list[str]:
    return [row["kind"] for row in world.rows("SELECT kind FROM incidents")]


class TestTwoPeopleAgree:
    def test_while_stripe_lists_nothing_for_hours_and_answers_500(
        self, world: World, customer: str
    ) -> None:
        charge = hidden_and_unanswered(world, customer, seconds=20 * 3_600)
        no_answer(world)
        world.clock.advance(hours=2)
        agreed_never_executed(world, charge)
        world.stripe.faults.clear()
        again = try_again(world.services.charges, charge, by=ALICE)
        assert again.charge.state is ChargeState.UNKNOWN
        assert len(world.moved()) == 1
        # Nor by whoever gives it up, and charges the reference anew, with another sum.
        world.clock.advance(hours=20)
        world.services.charge_resolver.resolve_due()
        view = world.services.charges.view(charge)
        assert [one.outcome for one in view.attempts] == [Outcome.SUCCEEDED, Outcome.NOT_EXECUTED]
        assert view.charge.state is ChargeState.SUCCEEDED
        assert incidents(world) == []
        assert len(world.moved()) == 1

    def test_and_the_charge_is_cancelled_and_made_again_with_another_sum(
        self, world: World, customer: str
    ) -> None:
        charge = hidden_and_unanswered(world, customer, seconds=20 * 3_600)
        no_answer(world)
        world.clock.advance(hours=2)
        agreed_never_executed(world, charge)
        world.stripe.faults.clear()
        world.services.charges.cancel(charge, by=ALICE)
        other = world.charge(customer, amount="9.00").charge
        assert other.state is ChargeState.UNKNOWN
        world.clock.advance(hours=20)
        world.services.charge_resolver.resolve_due()
        assert len(world.moved()) == 1
        assert world.services.charges.view(charge).charge.state is ChargeState.SUCCEEDED
        # The person who cancelled it did not want it: somebody looks.
        assert incidents(world) == ["unexpected_payment"]
        with pytest.raises(AlreadyCharged):
            world.charge(customer, amount="9.00")

    def test_a_next_try_without_an_answer_is_no_second_payment(
        self, world: World, customer: str
    ) -> None:
        """Stripe knew the key when that was sent, so it cannot have executed it."""
        charge = hidden_and_unanswered(world, customer, seconds=3 * 3_600)
        no_answer(world)
        world.clock.advance(hours=2)
        agreed_never_executed(world, charge)
        again = try_again(world.services.charges, charge, by=ALICE)
        assert again.charge.state is ChargeState.UNKNOWN
        assert again.attempts[-1].decline.code is None
        world.clock.advance(hours=2)
        world.services.charge_resolver.resolve_due()
        view = world.services.charges.view(charge)
        assert [one.outcome for one in view.attempts] == [Outcome.SUCCEEDED, Outcome.NOT_EXECUTED]
        assert incidents(world) == []

    def test_not_sooner_because_this_clock_says_so(self, world: World, customer: str) -> None:
        charge = hidden_and_unanswered(world, customer, seconds=20 * 3_600)
        no_answer(world)
        ahead(world, hours=30)
        with pytest.raises(StaleState, match="too early"):
            agreed_never_executed(world, charge)


class TestAClockThatJumps:
    @pytest.mark.parametrize("hours", [30, 24 * 400])
    def test_ahead_while_stripe_hides_the_payment(
        self, world: World, customer: str, hours: int
    ) -> None:
        charge = hidden_and_unanswered(world, customer, seconds=4_000)
        no_answer(world)
        ahead(world, hours=hours)
        for _ in range(3):
            world.services.charge_resolver.resolve_due()
            world.services.charge_resolver.reconcile(by=ALICE)
        assert world.services.charges.view(charge).charge.state is ChargeState.UNKNOWN

    def test_back_after_the_key_was_forgotten(self, world: World, customer: str) -> None:
        """Sent again under a key that Stripe forgot, it would be a second charge."""
        charge = hidden_and_unanswered(world, customer, seconds=40 * 3_600)
        world.clock.advance(hours=25)
        ahead(world, hours=-24)
        for _ in range(3):
            world.services.charge_resolver.reconcile(by=ALICE)
        assert len(world.moved()) == 1
        assert world.services.charges.view(charge).charge.state is ChargeState.PLANNED

    def test_of_a_refund(self, world: World, customer: str) -> None:
        order = refund_without_answer(world, customer)
        world.stripe.faults.add("POST", "/v1/refunds", kind="error_500_unsaved", times=30)
        ahead(world, hours=30)
        for _ in range(3):
            world.services.refund_resolver.resolve_due()
            world.services.refund_resolver.reconcile(by=ALICE)
        assert state(world, order) is RefundState.UNKNOWN


def refund_without_answer(world: World, customer: str, *, hidden: int = 4_000) -> RefundOrder:
    """Stripe gave it back, lists it late, and its answer was lost."""
    charge = world.charge(customer).charge.id
    asked = {"money": Money(500, "usd"), "reason": "requested_by_customer", "note": "x"}
    order = world.services.refunds.request(charge, **asked, by=ALICE)
    for kind, detail in (("shown_late", str(hidden)), ("lost_reply", None)):
        world.stripe.faults.add("POST", "/v1/refunds", kind=kind, detail=detail)
    done = world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
    assert done.state is RefundState.UNKNOWN
    return done


def state(world: World, order: RefundOrder) -> RefundState:
    [row] = world.rows("SELECT state FROM refunds WHERE id = ?", order.id)
    return RefundState(row["state"])


def test_a_refund_that_is_not_listed_for_a_day_shows_in_its_payment(
    world: World, customer: str
) -> None:
    order = refund_without_answer(world, customer, hidden=40 * 3_600)
    world.stripe.faults.add("POST", "/v1/refunds", kind="error_500_unsaved", times=99)
    world.clock.advance(hours=25)
    world.services.refund_resolver.resolve_due()
    assert state(world, order) is RefundState.UNKNOWN
    world.clock.advance(hours=16)
    world.services.refund_resolver.resolve_due()
    assert state(world, order) is RefundState.SUCCEEDED


class TestKeys:
    def test_stripe_keeps_none_of_a_request_whose_form_it_refuses(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An older copy does not know of that try either: both use the key that Stripe never kept."""
        copy = copied(world)
        with monkeypatch.context() as patch:
            send = world.services.gateway.create_payment_intent

            def malformed(params: dict[str, object], **more: object) -> object:
                return send(params | {"no_such_parameter": "x"}, **more)  # type: ignore[arg-type]

            patch.setattr(world.services.gateway, "create_payment_intent", malformed)
            view = world.charge(customer)
        assert view.charge.state is ChargeState.DECLINED
        assert view.attempts[-1].decline.code == "parameter_unknown"
        world.fault("shown_late", detail="7200")
        paid = try_again(world.services.charges, view.charge.id, by=ALICE)
        assert paid.charge.state is ChargeState.SUCCEEDED
        assert paid.attempts[0].key_at_stripe == paid.attempts[1].idempotency_key
        world.clock.advance(hours=1)
        put_back(world, copy)
        world.settings.database.with_suffix(".anchor").unlink()
        assert world.charge(customer).charge.state is ChargeState.UNKNOWN
        assert len(world.moved()) == 1

    def test_one_that_another_installation_used_is_settled_as_soon_as_its_payment_is_seen(
        self, world: World, customer: str
    ) -> None:
        with world.uow.read() as stores:
            method = stores.mirror.payment_methods_of(customer)[0].id
        key = charge_key(customer=customer, reference="INV-1", number=1)
        world.fault("shown_late", detail="600")
        payment_of_another(world, customer, method, key)
        charge = world.charge(customer, reference="INV-1").charge
        assert charge.state is ChargeState.UNKNOWN
        world.clock.advance(minutes=20)
        world.services.charge_resolver.resolve_due()
        assert world.services.charges.view(charge.id).charge.state is ChargeState.PLANNED
        with pytest.raises(AlreadyCharged):
            try_again(world.services.charges, charge.id, by=ALICE)
        assert len(world.moved()) == 1


class TestAGivenUpTryThatWasPaid:
    def test_is_not_given_back_as_the_only_payment(self, world: World, customer: str) -> None:
        """Stripe knew its key no more when the next try was sent, whose answer was an error."""
        charge = hidden_and_unanswered(world, customer, seconds=40 * 3_600)
        no_answer(world)
        world.clock.advance(hours=2)
        agreed_never_executed(world, charge)
        world.stripe.faults.clear()
        world.clock.advance(hours=30)
        no_answer(world)
        again = try_again(world.services.charges, charge, by=ALICE).charge
        assert again.state is ChargeState.UNKNOWN
        world.stripe.faults.clear()
        world.clock.advance(hours=10)
        world.services.charge_resolver.resolve_due()
        assert incidents(world) == [PAID_TWICE]
        self.refused(world, "still finds out what became of the other try")
        world.clock.advance(hours=30)
        world.services.charge_resolver.resolve_due()
        outcomes = [one.outcome for one in world.services.charges.view(charge).attempts]
        assert outcomes == [Outcome.SUCCEEDED, Outcome.NOT_EXECUTED]
        self.refused(world, "was made in the end")
        assert world.moved() == [(1_234, "usd")]

    def refused(self, world: World, why: str) -> None:
        (incident,) = world.services.incidents.views.listing(is_open=True, limit=2)
        with pytest.raises(StaleState, match=why):
            world.services.incidents.payments.refund(
                incident.incident.id, note="Paid twice, it says.", by=ALICE
            )
        assert world.rows("SELECT 1 FROM refunds") == []


class TestAFileThatIsReplacedWhileItIsRead:
    def test_does_not_pass_for_complete(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The pages went into the file that was there before, and how far they reached into the older one."""
        copy = copied(world)
        world.charge(customer, reference="INV-1")
        world.clock.advance(hours=26)
        process_due, read = WebhookService.process_due, []

        def replaced(self: WebhookService, *, until: int | None = None) -> int:
            done = process_due(self, until=until)
            if not read:
                read.append(done)
                put_back(world, copy)
                world.settings.database.with_suffix(".anchor").unlink()
            return done

        with monkeypatch.context() as patch:
            patch.setattr(WebhookService, "process_due", replaced)
            world.services.sync.run()
        with UnitOfWork(world.settings.database).read() as stores:
            assert (stores.sync.cursor("events") or 0) < world.now
        world.services.sync.run()
        assert world.services.completeness.behind_since() is not None
        assert PAID_TWICE not in incidents(world)

    def test_a_running_process_notices_without_an_anchor(self, world: World, customer: str) -> None:
        copy = copied(world)
        world.charge(customer, reference="INV-1")
        world.services.completeness.verify()
        running = world.services
        put_back(world, copy)
        world.settings.database.with_suffix(".anchor").unlink()
        assert running.completeness.state().value == "behind"


def test_a_payment_that_another_installation_made_and_stripe_showed_late_stops_the_row_of_a_run(
    world: World, customer: str
) -> None:
    """Its events are older than the news that are read by then, and its key is forgotten."""
    with world.uow.read() as stores:
        method = stores.mirror.payment_methods_of(customer)[0].id
    world.fault("shown_late", detail=str(20 * 3_600))
    payment_of_another(world, customer, method, "its own key")
    for _ in range(5):
        world.services.sync.run()
        # Longer ago than a first look would reach that begins with yesterday.
        world.clock.advance(hours=12)
    world.services.sync.run()
    run_id = started(world, [(customer, method, 1_000, "INV-1")])
    world.services.runs.executor.execute(run_id)
    assert counts(world, run_id) == {"blocked": 1}
    assert len(world.moved()) == 1
