"""The one rule at its callers: at review, inside the claim, and in the rows of runs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.domain.books import JournalFilter
from lib.domain.runs import RowRequest, RowState, Severity
from lib.errors import AlreadyCharged, Blocked, InvalidInput, NotAdmitted
from lib.money import Money
from lib.practice.declines import DECLINES
from lib.services.charges.review import ReviewService
from lib.services.runs.draft import RunSource
from lib.services.staff.users import PRACTICE_PASSWORD
from tests import stripe_account
from tests.charge_runs import approve, approved, counts, draft, rows_of, started
from tests.stripe_account import post
from tests.world import ALICE, ALWAYS_DECLINES, BOB, World

STOLEN = ALWAYS_DECLINES


@pytest.fixture
def stolen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the bank says of the card that is saved and then always declined."""
    monkeypatch.setitem(DECLINES, "generic_decline", DECLINES["stolen_card"])


def payer(world: World, **details: str) -> tuple[str, str]:
    customer = world.customer(**details)
    return customer, world.save_card(customer)


def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is noticed at review: as if it all happened between looking and charging."""
    review = ReviewService.review

    def unseeing(self: ReviewService, *args: object, **more: object) -> object:
        with monkeypatch.context() as patch:
            patch.setattr("lib.services.charges.review.findings_of", lambda *a, **k: ())
            return review(self, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(ReviewService, "review", unseeing)


@pytest.mark.parametrize("is_late", [False, True])
class TestASingleCharge:
    @pytest.fixture(autouse=True)
    def when(self, monkeypatch: pytest.MonkeyPatch, is_late: bool) -> None:
        if is_late:
            blind(monkeypatch)

    def test_a_look_alike_of_the_same_sum_is_stopped_and_opened_with_a_reason(
        self, world: World
    ) -> None:
        customer, _ = payer(world)
        world.charge(customer, reference="INV-1")
        order = world.order(customer, reference="inv 01")
        with pytest.raises(NotAdmitted) as refusal:
            world.services.charges.charge(order, by=ALICE)
        assert [one.code for one in refusal.value.findings] == ["reference_alike"]
        order = replace(order, despite={"reference_alike": "Two deliveries, I asked."})
        charged = world.services.charges.charge(order, by=ALICE)
        (entry,) = world.rows("SELECT * FROM audit_log WHERE action = 'charge.despite'")
        assert (entry["actor"], entry["subject"]) == ("alice", charged.charge.id)
        assert "Two deliveries, I asked." in entry["detail"]
        assert len(world.moved()) == 2

    def test_a_twin_is_stopped(self, world: World) -> None:
        first, _ = payer(world, email="pay@example.com")
        world.charge(first, reference="INV-1")
        second = post(world, "/v1/customers", email="Pay@example.com")["id"]
        world.services.customers.refresh(second)
        world.save_card(second)
        with pytest.raises(NotAdmitted, match=first):
            world.charge(second, reference="INV-1")
        assert len(world.moved()) == 1

    @pytest.mark.parametrize("of_the_twin", [False, True])
    def test_a_run_that_waits_for_the_reference_is_named(
        self, world: World, of_the_twin: bool
    ) -> None:
        customer, method = payer(world, email="pay@example.com")
        waiting = approved(world, [(customer, method, 1_234, "INV-1")])
        charged = customer
        if of_the_twin:
            charged = post(world, "/v1/customers", email="Pay@example.com")["id"]
            world.services.customers.refresh(charged)
            world.save_card(charged)
        with pytest.raises(NotAdmitted, match=f"“{waiting.name}”") as refusal:
            world.charge(charged, reference="INV-1")
        code = "twin_in_another_run" if of_the_twin else "in_another_run"
        assert [one.code for one in refusal.value.findings] == [code]
        assert world.moved() == []

    @pytest.mark.usefixtures("stolen")
    def test_a_stolen_card_that_was_saved_again_pays_no_other_invoice(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, STOLEN)
        world.charge(customer, reference="INV-1")
        again = world.save_card(customer, STOLEN)
        with pytest.raises(Blocked, match="must not be charged again") as refusal:
            world.charge(customer, reference="INV-2", method=again)
        assert refusal.value.code == "card_never_again"

    @pytest.mark.parametrize("amount", [1_234, 5_000])
    def test_a_payment_from_the_dashboard_with_the_reference_is_red(
        self, world: World, amount: int
    ) -> None:
        customer, method = payer(world)
        paid_elsewhere(world, customer, method, amount, onfile_reference="INV-1")
        with pytest.raises(AlreadyCharged, match="was made or changed outside Onfile"):
            world.services.charges.charge(
                replace(world.order(customer), despite={"already_charged": "I insist."}), by=ALICE
            )


def paid_elsewhere(world: World, customer: str, method: str, amount: int, **metadata: str) -> None:
    post(
        world,
        "/v1/payment_intents",
        amount=str(amount),
        currency="usd",
        customer=customer,
        payment_method=method,
        off_session="true",
        confirm="true",
        allowed_payment_method_types=["card"],
        metadata=metadata,
    )
    world.services.sync.run()


class TestReview:
    def test_another_installations_payment_of_the_same_sum_is_told(self, world: World) -> None:
        customer, method = payer(world)
        paid_elsewhere(
            world,
            customer,
            method,
            1_234,
            onfile_charge_id="chg_elsewhere",
            onfile_reference="A-7",
            onfile_installation="ins_second",
        )
        review = world.services.charges.review(world.order(customer), by=ALICE)
        assert any("by another installation of Onfile" in one for one in review.warnings)

    def test_a_blank_reason_opens_nothing(self, world: World) -> None:
        customer, _ = payer(world)
        with pytest.raises(InvalidInput):
            world.services.charges.charge(
                replace(world.order(customer), despite={"reference_alike": "  "}), by=ALICE
            )

    @pytest.mark.usefixtures("stolen")
    def test_the_stopped_default_gives_way_to_another_card(self, world: World) -> None:
        customer = world.customer()
        stolen = world.save_card(customer, STOLEN)
        stripe_account.make_default(world, customer, stolen)
        world.charge(customer, reference="INV-1")
        world.clock.advance(minutes=1)
        other = world.save_card(customer, "5555555555554444")
        review = world.services.charges.review(world.order(customer, reference="INV-2"), by=ALICE)
        assert review.method.id == other
        assert "must not be charged again" in review.warnings[0]


class TestARow:
    @pytest.mark.usefixtures("stolen")
    def test_a_stolen_card_is_not_charged_by_the_worker_though_it_was_approved(
        self, world: World
    ) -> None:
        customer = world.customer()
        first = world.save_card(customer, STOLEN)
        second = world.save_card(customer, STOLEN)
        other, others = payer(world)
        run = started(world, [(customer, second, 1_000, "R-1"), (other, others, 1_000, "R-2")])
        world.charge(customer, reference="INV-1", method=first)
        world.worker.do_runs()
        assert counts(world, run) == {"blocked": 1, "succeeded": 1}
        assert rows_of(world, run)[0].findings[-1].code == "card_never_again"

    @pytest.mark.usefixtures("stolen")
    def test_a_draft_says_it_and_takes_another_card_where_there_is_one(self, world: World) -> None:
        one, two = world.customer(), world.customer()
        world.save_card(one, STOLEN)
        world.charge(one, reference="INV-1")
        world.clock.advance(minutes=1)
        # The same card, saved once more by the same customer and by another one.
        for customer in (one, two):
            world.save_card(customer, STOLEN)
        other = world.save_card(two, "5555555555554444")
        requests = [
            RowRequest(number, (), customer, Money(1_000, "usd"), f"R-{number}")
            for number, customer in ((2, one), (3, two))
        ]
        run = world.services.runs.drafts.create(RunSource((), "May"), requests, by=ALICE)
        first, second = rows_of(world, run.id)
        assert [(f.code, f.severity) for f in first.findings if f.code != "method_chosen"] == [
            ("card_never_again", Severity.RED)
        ]
        assert (second.payment_method, second.state) == (other, RowState.PLANNED)

    def test_the_approver_opens_what_is_stopped_with_a_note(self, world: World) -> None:
        customer, method = payer(world)
        world.charge(customer, reference="INV-1")
        world.services.users.add_practice_users()
        made = draft(world, [(customer, method, 1_234, "inv 01")])
        world.services.runs.drafts.check_again(made, by=ALICE)
        run = world.services.runs.approvals.submit(made, by=ALICE)
        with pytest.raises(InvalidInput, match=r"^1 row is stopped: .+ Say why"):
            approve(world, run)
        world.services.runs.approvals.approve(
            run.id, digest=run.digest or "", by=BOB, password=PRACTICE_PASSWORD, note="Both owed."
        )
        world.services.runs.control.start(run.id, by=ALICE)
        world.worker.do_runs()
        assert counts(world, run.id) == {"succeeded": 1}
        (entry,) = world.rows("SELECT detail FROM audit_log WHERE action = 'charge.despite'")
        assert "bob: Both owed." in entry["detail"]

    def test_what_nobody_opened_is_not_sent(self, world: World) -> None:
        customer, method = payer(world)
        run = started(world, [(customer, method, 1_234, "inv 01")])
        world.charge(customer, reference="INV-1")
        world.worker.do_runs()
        assert counts(world, run) == {"blocked": 1}
        finding = rows_of(world, run)[0].findings[-1]
        assert (finding.code, finding.severity) == ("reference_alike", Severity.RED)


class TestWhatAFailedChargeSaysOnceItsDebtIsSettled:
    """A failed charge and the debt's own payment: one of another sum, so a charge of its own."""

    def declined_and_paid(self, world: World) -> tuple[str, str]:
        customer, _ = payer(world)
        bad = world.save_card(customer, ALWAYS_DECLINES)
        failed = world.charge(customer, reference="INV-1", method=bad).charge
        before = world.services.charges.view(failed.id).as_json(by=ALICE)["failure"]
        assert isinstance(before, dict)
        assert before["retry_allowed"] is True
        return customer, failed.id

    def test_a_payment_of_another_sum(self, world: World) -> None:
        customer, failed = self.declined_and_paid(world)
        world.clock.advance(days=3)
        good = world.save_card(customer)
        world.charge(customer, reference="INV-1", amount="9.99", method=good)
        view = world.services.charges.view(failed)
        failure = view.as_json(by=ALICE)["failure"]
        assert isinstance(failure, dict)
        assert (failure["retry_allowed"], world.told(view)) == (False, "")
        assert "already" in str(failure["next_step"])
        listed = world.services.books.listing(JournalFilter(), by=ALICE)[0]
        assert [one.refusal is None for one in listed if one.charge.id == failed] == [False]

    def test_a_payment_in_the_dashboard(self, world: World) -> None:
        customer, failed = self.declined_and_paid(world)
        paid_elsewhere(world, customer, world.save_card(customer), 777, onfile_reference="INV-1")
        failure = world.services.charges.view(failed).as_json(by=ALICE)["failure"]
        assert isinstance(failure, dict)
        assert failure["retry_allowed"] is False
        assert "made or changed outside Onfile" in str(failure["next_step"])
