"""
A debt is paid once: whatever marks are copied or changed at Stripe, however late it shows a try, whichever look-alike
nobody was shown, and whoever does the same thing at once.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lib import bootstrap
from lib.domain.charges import ChargeState, Outcome
from lib.domain.holds import METADATA_KEY
from lib.domain.runs import RowRequest
from lib.errors import AlreadyCharged, InvalidInput, OnfileError, StaleState
from lib.money import Money
from lib.practice import tampering
from lib.services.continuity.completeness import Completeness
from lib.services.runs.draft import RunSource
from lib.services.runs.row_judge import RowJudge
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.worker.loop import Worker
from tests.charge_runs import approve, counts, draft, rows_of, started
from tests.lost_files import copied, lost, put_back
from tests.services.continuity.test_whether_executed import (
    agreed_never_executed,
    no_answer,
)
from tests.stripe_account import get, listed, post
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, BOB, World


def method_of(world: World, customer: str) -> str:
    with world.uow.read() as stores:
        return stores.mirror.payment_methods_of(customer)[0].id


def by_hand(
    world: World, customer: str, *, amount: str = "1234", method: str | None = None, **marks: str
) -> str:
    """Another payment of this customer, in the Dashboard or by another program; perhaps declined."""
    reply = world.stripe.handle(
        "POST",
        "/v1/payment_intents",
        {
            "amount": amount,
            "currency": "usd",
            "customer": customer,
            "payment_method": method or method_of(world, customer),
            "off_session": "true",
            "confirm": "true",
            "allowed_payment_method_types": ["card"],
            "metadata": marks,
        },
        {"Authorization": "Bearer sk_test_practice"},
    )
    body = reply.body if reply.status == 200 else reply.body["error"]["payment_intent"]
    return str(body["id"])


@contextmanager
def shown_late(world: World, *, hours: int) -> Iterator[None]:
    """What Stripe makes meanwhile, also what it declines."""
    before = world.stripe.write(lambda ledger: tampering.newest(ledger.connection))
    yield
    world.stripe.write(
        lambda ledger: tampering.show_later(ledger.connection, before, ledger.now + hours * 3_600)
    )


def payments_of(world: World, reference: str) -> list[str]:
    """That moved money for it, by Stripe's own books."""
    return [
        one["id"]
        for one in listed(world, "/v1/payment_intents")
        if one["metadata"].get("onfile_reference") == reference and one["status"] == "succeeded"
    ]


class TestMarks:
    @pytest.mark.parametrize("names_its_key", [True, False])
    def test_a_payment_that_was_repeated_by_hand_moves_no_key_past_one_that_is_hidden(
        self, world: World, customer: str, names_its_key: bool
    ) -> None:
        """The marks were copied along; without a key, as they once were, Stripe seems to know one try more."""
        bad = world.save_card(customer, ALWAYS_DECLINES)
        first = world.charge(customer, method=bad).charge
        assert first.state is ChargeState.DECLINED
        (declined,) = listed(world, "/v1/payment_intents", customer=customer)
        if not names_its_key:
            post(world, f"/v1/payment_intents/{declined['id']}", metadata={"onfile_key": ""})
            del declined["metadata"]["onfile_key"]
        good = world.save_card(customer)
        charging = ("POST", "/v1/payment_intents$")
        world.stripe.faults.add(*charging, kind="shown_late", detail=str(20 * 3_600))
        world.stripe.faults.add(*charging, kind="lost_reply")
        charge = world.charge(customer, method=good).charge
        assert charge.state is ChargeState.UNKNOWN
        by_hand(world, customer, method=bad, **declined["metadata"])
        no_answer(world)
        world.clock.advance(hours=2)
        agreed_never_executed(world, charge.id)
        world.stripe.faults.clear()
        again = try_again(world.services.charges, charge.id, by=ALICE, payment_method=good)
        assert again.charge.state is ChargeState.UNKNOWN
        world.clock.advance(hours=20)
        world.services.charge_resolver.resolve_due()
        assert world.moved() == [(1_234, "usd")]
        assert world.services.charges.view(charge.id).charge.state is ChargeState.SUCCEEDED

    def test_a_payment_of_ours_that_was_given_another_reference_pays_that_one_too(
        self, world: World, customer: str
    ) -> None:
        """Somebody in the Dashboard: it was for INV-2, really."""
        world.charge(customer, reference="INV-1")
        (paid,) = listed(world, "/v1/payment_intents", customer=customer)
        post(world, f"/v1/payment_intents/{paid['id']}", metadata={"onfile_reference": "INV-2"})
        for reference in ("INV-1", "INV-2"):
            with pytest.raises(AlreadyCharged):
                world.charge(customer, reference=reference)
        assert len(world.moved()) == 1

    def test_two_people_settle_no_charge_by_the_payment_of_another_reference(
        self, world: World, customer: str
    ) -> None:
        """INV-2 would be free to be charged again."""
        world.fault("error_500_saved")
        charge = world.charge(customer, reference="INV-1").charge
        other = by_hand(world, customer, onfile_reference="INV-2")
        world.clock.advance(hours=2)
        with pytest.raises(InvalidInput, match="INV-2"):
            world.services.manual_outcomes.propose(
                charge.id, Outcome.SUCCEEDED, reason="there", by=ALICE, payment_intent=other
            )
        with pytest.raises(AlreadyCharged):
            world.charge(customer, reference="INV-2")
        assert payments_of(world, "INV-2") == [other]


class TestShownLate:
    def test_a_failed_payment_that_nobody_knew_is_closed_before_the_next_try(
        self, world: World, customer: str
    ) -> None:
        """Else somebody could still confirm it: two payments of one debt."""
        bad = world.save_card(customer, ALWAYS_DECLINES)
        world.fault("lost_reply")
        with shown_late(world, hours=3):
            charge = world.charge(customer, method=bad).charge
        assert charge.state is ChargeState.UNKNOWN
        no_answer(world)
        world.clock.advance(hours=2)
        agreed_never_executed(world, charge.id)
        world.stripe.faults.clear()
        world.clock.advance(hours=2)
        good = world.save_card(customer)
        try_again(world.services.charges, charge.id, by=ALICE, payment_method=good)
        assert world.moved() == [(1_234, "usd")]
        states = [one["status"] for one in listed(world, "/v1/payment_intents", customer=customer)]
        assert sorted(states) == ["canceled", "succeeded"]


class TestLookAlikes:
    def test_an_approver_opens_what_they_were_shown_and_no_other(
        self, world: World, customer: str
    ) -> None:
        world.charge(customer, amount="10.00", reference="INV-01")
        made = draft(world, [(customer, method_of(world, customer), 1_000, "INV-1")])
        world.services.runs.drafts.check_again(made, by=ALICE)
        run = world.services.runs.approvals.submit(made, by=ALICE)
        world.services.runs.approvals.approve(
            run.id, digest=run.digest or "", by=BOB, password=PRACTICE_PASSWORD, note="Both owed."
        )
        # Meanwhile somebody charges it, written in a third way.
        third = replace(
            world.order(customer, amount="10.00", reference="INV 1"),
            despite={"reference_alike": "The second of two"},
        )
        world.services.charges.charge(third, by=ALICE)
        world.services.runs.control.start(run.id, by=ALICE)
        world.worker.do_runs()
        assert counts(world, run.id) == {"blocked": 1}
        assert rows_of(world, run.id)[0].findings[-1].code == "reference_alike"
        assert len(world.moved()) == 2

    def test_rows_of_one_file_that_were_opened_are_both_charged(
        self, world: World, customer: str
    ) -> None:
        method = method_of(world, customer)
        rows = [
            RowRequest(at, (), customer, Money(1_000, "usd"), reference, method)
            for at, reference in ((2, "INV-1"), (3, "INV-01"))
        ]
        made = world.services.runs.drafts.create(RunSource((), "May"), rows, by=ALICE)
        run = world.services.runs.approvals.submit(made.id, by=ALICE)
        world.services.runs.approvals.approve(
            run.id, digest=run.digest or "", by=BOB, password=PRACTICE_PASSWORD, note="Both owed."
        )
        world.services.runs.control.start(run.id, by=ALICE)
        world.worker.do_runs()
        assert counts(world, run.id) == {"succeeded": 2}


class TestAtOnce:
    def test_six_people_charge_one_reference_with_different_sums(
        self, world: World, customer: str
    ) -> None:
        others = [world.rebuild() for _ in range(3)]
        start = threading.Barrier(6)

        def charge(at: int) -> str:
            order = world.order(customer, amount=f"{10 + at % 2}.00")
            start.wait(10)
            try:
                return others[at % 3].charges.charge(order, by=ALICE).charge.state.value
            except OnfileError as error:
                return error.code

        with ThreadPoolExecutor(6) as pool:
            came = list(pool.map(charge, range(6)))
        assert came.count("succeeded") == 1, came
        assert len(world.moved()) == 1


class TestABareFolder:
    @pytest.mark.parametrize("days", [2, 40, 400])
    def test_last_months_file_charges_nothing_again(
        self, world: World, customer: str, days: int
    ) -> None:
        """Nothing was read, no worker runs, and nobody was asked whose the payments are."""
        method = method_of(world, customer)
        world.charge(customer, amount="10.00", reference="INV-1")
        lost(world)
        world.services.users.add_practice_users()
        world.clock.advance(days=days)
        rows = [RowRequest(2, (), customer, Money(1_000, "usd"), "INV-1", method)]
        made = world.services.runs.drafts.create(RunSource((), "May"), rows, by=ALICE)
        run = world.services.runs.approvals.submit(made.id, by=ALICE)
        approve(world, run)
        world.services.runs.control.start(run.id, by=ALICE)
        world.services.runs.executor.execute(run.id)
        assert counts(world, run.id) == {"blocked": 1}
        assert len(world.moved()) == 1


class TestClocks:
    def test_a_clock_that_was_ahead_when_everything_was_read_hides_no_later_payment(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stripes = world.clock
        world.clock = lambda: stripes() + timedelta(days=3)  # type: ignore[assignment]
        world.rebuild().sync.run_now(full=True, by=ALICE)
        world.clock = stripes
        world.rebuild()
        stripes.advance(hours=1)
        by_hand(world, customer, amount="777", onfile_reference="INV-1")
        # The news alone do not tell: it is the customer's own list that must.
        monkeypatch.setattr(Completeness, "verify", lambda self: None)
        with pytest.raises(AlreadyCharged):
            world.charge(customer)
        assert len(world.moved()) == 1


class TestDrafts:
    def test_a_file_that_is_replaced_while_the_draft_is_submitted_and_approved(
        self, world: World, customer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        method = method_of(world, customer)
        rows = [RowRequest(2, (), customer, Money(1_000, "usd"), "INV-1", method)]
        made = world.services.runs.drafts.create(RunSource((), "May"), rows, by=ALICE)
        judge = RowJudge.judged

        def slow(self: RowJudge, *args: object, **more: object) -> object:
            result = judge(self, *args, **more)  # type: ignore[arg-type]
            run = world.services.runs.approvals.submit(made.id, by=ALICE)
            approve(world, run)
            return result

        monkeypatch.setattr(RowJudge, "judged", slow)
        others = [RowRequest(2, (), customer, Money(99_900, "usd"), "INV-2", method)]
        with pytest.raises(StaleState):
            world.services.runs.drafts.replace_file(made.id, RunSource((), "May"), others, by=ALICE)
        world.services.runs.control.start(made.id, by=ALICE)
        world.services.runs.executor.execute(made.id)
        assert world.moved() == [(1_000, "usd")]


class TestNewCards:
    def test_a_new_card_that_a_run_covers_and_a_person_at_the_same_moment(
        self, world: World, customer: str
    ) -> None:
        bad = world.save_card(customer, ALWAYS_DECLINES)
        run = started(world, [(customer, bad, 1_000, "INV-1")], charge_new_cards=True)
        world.services.runs.executor.execute(run)
        charge_id = rows_of(world, run)[0].charge_id
        world.clock.advance(minutes=5)
        good = world.save_card(customer, "5555555555554444")
        other = bootstrap.build_services(
            world.settings, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
        )
        start = threading.Barrier(2)

        def by_worker() -> None:
            start.wait(10)
            Worker(other).run_once()

        def by_person() -> None:
            start.wait(10)
            with suppress(OnfileError):
                try_again(world.services.charges, charge_id, by=ALICE, payment_method=good)

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(by_worker), pool.submit(by_person)]:
                done.result()
        other.close()
        for _ in range(3):
            world.clock.advance(minutes=10)
            world.worker.run_once()
        assert world.moved() == [(1_000, "usd")]


class TestMoneyBack:
    def test_what_was_given_back_disputed_and_adopted_is_never_charged_again(
        self, world: World, customer: str
    ) -> None:
        world.charge(customer)
        (paid,) = listed(world, "/v1/payment_intents", customer=customer)
        second = by_hand(world, customer, **paid["metadata"])
        world.services.sync.run_now(by=ALICE)
        incident = next(
            one for one in world.services.incidents.views.listing(is_open=True, limit=9)
        )
        assert incident.incident.payment_intent == second
        # First the debt's own goes back, in the Dashboard; then the other is asked back from here.
        post(world, "/v1/refunds", payment_intent=paid["id"])
        order = world.services.incidents.payments.refund(
            incident.incident.id, note="Twice", by=ALICE
        )
        world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
        for _ in range(3):
            world.clock.advance(hours=1)
            world.worker.run_once()
        for amount in ("12.34", "9.00"):
            with pytest.raises(OnfileError) as refused:
                world.charge(customer, amount=amount)
            assert refused.value.code in ("already_charged", "incident_open")
        assert len(world.moved()) == 2, "ours, and the one by hand"


class TestWhereEventsCannotTell:
    """
    A payment of another Onfile that failed, and that its customer paid later, is in no list of what is new.

    One that failed in the Dashboard keeps its debt back from the first failure on.
    """

    @pytest.fixture(params=["no_permission", "too_long_ago"])
    def paid_later(self, request: pytest.FixtureRequest, world: World, customer: str) -> str:
        bad = world.save_card(customer, ALWAYS_DECLINES)
        marks = {
            "onfile_reference": "INV-1",
            "onfile_charge_id": "chg_0other",
            "onfile_attempt": "1",
            "onfile_installation": "ins_0other",
        }
        made = by_hand(world, customer, amount="1000", method=bad, **marks)
        world.clock.advance(days=3)
        world.services.sync.run_now(full=True, by=ALICE)
        if request.param == "no_permission":
            world.stripe.faults.add("GET", "/v1/events", kind="missing_permission", times=999)
            world.services.completeness.verify()
            world.clock.advance(minutes=30)
        else:
            world.clock.advance(days=40)
        world.stripe.alter(made, {"status": "succeeded", "amount_received": 1_000})
        return made

    @pytest.mark.usefixtures("paid_later")
    def test_a_single_charge(self, world: World, customer: str) -> None:
        with pytest.raises(AlreadyCharged):
            world.charge(customer)
        assert world.moved() == []

    @pytest.mark.usefixtures("paid_later")
    def test_a_row_of_a_run(self, world: World, customer: str) -> None:
        with world.uow.read() as stores:
            good = stores.mirror.payment_methods_of(customer)[-1].id
        run = started(world, [(customer, good, 1_000, "INV-1")])
        world.services.runs.executor.execute(run)
        assert counts(world, run) == {"blocked": 1}
        assert world.moved() == []


class TestLabelledLater:
    """A payment by hand in the Dashboard gets its metadata afterwards, and Stripe has no event of that."""

    @pytest.fixture
    def labelled(self, world: World, customer: str) -> str:
        made = by_hand(world, customer, amount="1000")
        world.clock.advance(days=3)
        world.services.sync.run_now(full=True, by=ALICE)
        for _ in range(3):
            world.services.sync.run_now(by=ALICE)
            world.clock.advance(days=1)
        post(world, f"/v1/payment_intents/{made}", metadata={"onfile_reference": "INV-1"})
        return made

    @pytest.mark.usefixtures("labelled")
    def test_a_single_charge(self, world: World, customer: str) -> None:
        with pytest.raises(AlreadyCharged):
            world.charge(customer)
        assert len(world.moved()) == 1

    @pytest.mark.usefixtures("labelled")
    def test_a_row_of_a_run(self, world: World, customer: str) -> None:
        run = started(world, [(customer, method_of(world, customer), 1_000, "INV-1")])
        world.services.runs.executor.execute(run)
        assert counts(world, run) == {"blocked": 1}
        assert len(world.moved()) == 1

    @pytest.mark.usefixtures("labelled")
    def test_where_stripe_does_not_search_a_run_goes_on(self, world: World, customer: str) -> None:
        """As in India; its own payments are known all the same."""
        world.stripe.faults.add(
            "GET", "/v1/payment_intents/search", kind="search_unavailable", times=9
        )
        run = started(world, [(customer, method_of(world, customer), 1_000, "INV-9")])
        world.services.runs.executor.execute(run)
        assert counts(world, run) == {"succeeded": 1}


class TestTwoFoldersOfOneInstallation:
    """A copied machine, or a taking over while the first one still runs: both write the same marks."""

    @pytest.fixture
    def second(self, world: World, customer: str, tmp_path: Path) -> Iterator[World]:
        folder = tmp_path / "second"
        folder.mkdir()
        settings = replace(world.settings, data_dir=folder)
        shutil.copy(copied(world), settings.database)
        services = bootstrap.build_services(
            settings, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
        )
        yield World(settings, world.clock, world.stripe, world.server, services)
        services.close()

    def test_each_in_turn_with_what_the_other_has_charged(
        self, world: World, second: World, customer: str
    ) -> None:
        refusals: list[str] = []
        for turn in range(6):
            one, other = (world, second) if turn % 2 else (second, world)
            for who in (one, other, one):
                try:
                    who.charge(customer, reference=f"INV-{turn // 2}")
                except OnfileError as refused:
                    refusals.append(refused.code)
            world.clock.advance(minutes=20)
            # As the worker does by itself: what the other one made is taken over.
            other.worker.run_once()
            other.worker.run_once()
        assert set(refusals) <= {"already_charged", "ledger_behind", "outcome_unknown"}
        assert max(Counter(debts(world)).values()) == 1

    def test_both_execute_the_same_run_while_they_rebuild(
        self, world: World, customer: str, tmp_path: Path
    ) -> None:
        run = started(
            world, [(customer, method_of(world, customer), 1_000, f"R-{at}") for at in range(4)]
        )
        folder = tmp_path / "third"
        folder.mkdir()
        settings = replace(world.settings, data_dir=folder)
        shutil.copy(copied(world), settings.database)
        services = bootstrap.build_services(
            settings, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
        )
        third = World(settings, world.clock, world.stripe, world.server, services)
        world.fault("lost_reply")
        world.services.runs.executor.execute(run)
        for _ in range(3):
            for who in (third, world):
                who.worker.run_once()
                who.services.runs.executor.execute(run)
                with suppress(OnfileError):
                    who.services.completeness.confirm_decisions(by=BOB)
                with suppress(OnfileError):
                    who.services.runs.control.resume(run, by=ALICE)
            world.clock.advance(hours=1)
        services.close()
        assert max(Counter(debts(world)).values()) == 1
        assert len(world.moved()) == 4


def debts(world: World) -> list[str]:
    """Of each payment that moved money, by Stripe's own books."""
    return [
        one["metadata"]["onfile_reference"]
        for one in listed(world, "/v1/payment_intents")
        if one["status"] == "succeeded"
    ]


def test_a_lift_that_waits_in_an_older_copy_does_not_lift_what_was_set_since(
    world: World, customer: str
) -> None:
    """Written to Stripe by the worker before anybody looked, it would be gone there as well."""
    holds = world.services.holds
    holds.set(customer, reason="Disputes it", by=ALICE)
    world.stripe.faults.add("POST", f"/v1/customers/{customer}", kind="error_500_unsaved", times=9)
    holds.lift(customer, reason="Settled", by=BOB)
    copy = copied(world)
    world.stripe.faults.clear()
    world.clock.advance(hours=1)
    world.worker.run_once()
    holds.set(customer, reason="Disputes the next one", by=ALICE)
    world.clock.advance(hours=1)
    put_back(world, copy)
    for _ in range(4):
        world.worker.run_once()
        world.clock.advance(minutes=20)
        with suppress(OnfileError):
            world.services.completeness.confirm_decisions(by=BOB)
    mark = get(world, f"/v1/customers/{customer}")["metadata"][METADATA_KEY]
    assert mark.startswith("on ")
    assert world.services.holds.covering(customer) is not None
