"""What comes back from Stripe: charges, refunds and links, each in its state, and nothing twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.domain.agreements import DEFAULT_VERSION, SavedAgreement
from lib.domain.charges import ChargeState
from lib.domain.incidents import UNEXPECTED_REFUND
from lib.domain.links import LinkStatus
from lib.domain.refunds import NOT_KNOWN, RefundOrder, RefundState
from lib.errors import LedgerBehind
from lib.money import Money
from lib.services.collect.links import CreatedLink, LinkGone
from lib.services.continuity.rebuild_result import Rebuilt
from lib.services.staff.users import PRACTICE_PASSWORD
from tests import stripe_account
from tests.charge_runs import approved, payers
from tests.lost_files import copied, lost, put_back
from tests.stripe_account import post
from tests.tries import try_again
from tests.world import ADA, ALICE, BOB, NO_MONEY, World

REFUND_PENDS, REFUND_FAILS = "4000000000007726", "4000000000005126"


def paid(world: World, number: str = "4242424242424242", reference: str = "INV-1") -> str:
    customer = world.customer()
    world.save_card(customer, number)
    return world.charge(customer, reference=reference).charge.id


def asked(world: World, charge_id: str, amount: int = 1_234) -> RefundOrder:
    return world.services.refunds.request(
        charge_id,
        money=Money(amount, "usd"),
        reason="duplicate",
        note="Charged twice by mistake",
        by=ALICE,
    )


def refunded(world: World, charge_id: str, amount: int = 1_234) -> RefundOrder:
    world.services.users.add_practice_users()
    order = asked(world, charge_id, amount)
    return world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)


def taken_over(world: World) -> Rebuilt:
    """A day later, so that nobody has to be asked whether the old one still runs."""
    world.clock.advance(days=1)
    return world.services.rebuilds.rebuild(by=ALICE)


def orders(world: World, charge_id: str) -> list[tuple[str, str, int]]:
    return [
        (order.id, order.state.value, order.amount)
        for order in world.services.refunds.of_charge(charge_id)
    ]


class TestRefunds:
    @pytest.mark.parametrize(
        ("card", "state"),
        [
            ("4242424242424242", RefundState.SUCCEEDED),
            (REFUND_PENDS, RefundState.PENDING),
            (REFUND_FAILS, RefundState.FAILED),
        ],
    )
    def test_an_order_comes_back_in_its_state_and_of_its_charge(
        self, world: World, card: str, state: RefundState
    ) -> None:
        charge = paid(world, card)
        order = refunded(world, charge, 500)
        if state is RefundState.FAILED:
            world.clock.advance(minutes=5)
        lost(world)
        if state is RefundState.PENDING:
            result = world.services.rebuilds.rebuild(by=ALICE, installation=_only_other(world))
        else:
            result = taken_over(world)
        assert result.adopted == {"charges": 1, "attempts": 1, "refunds": 1, "links": 1}
        (back,) = world.services.refunds.of_charge(charge)
        assert (back.id, back.state, back.amount, back.reason) == (
            order.id,
            state,
            500,
            "duplicate",
        )
        assert back.refund is not None
        assert (back.requested_by, back.decided_by) == (NOT_KNOWN, "system")
        kinds = [event.kind for event in world.services.reports.charges.timeline(charge)]
        assert kinds == ["succeeded", f"refund_{state.value}"]

    def test_one_that_waited_in_the_copy_becomes_what_was_made_of_it(self, world: World) -> None:
        charge = paid(world)
        world.services.users.add_practice_users()
        order = asked(world, charge)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
        put_back(world, copy)
        assert orders(world, charge) == [(order.id, "requested", 1_234)]
        result = world.services.rebuilds.rebuild(by=ALICE)
        assert result.adopted == {"charges": 0, "attempts": 0, "refunds": 1, "links": 0}
        assert orders(world, charge) == [(order.id, "succeeded", 1_234)]
        assert result.conflicts == []

    def test_one_that_was_rejected_after_the_copy_gives_way_to_the_next(self, world: World) -> None:
        charge = paid(world)
        world.services.users.add_practice_users()
        first = asked(world, charge)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        world.services.refunds.reject(
            first.id, by=BOB, password=PRACTICE_PASSWORD, note="The sum is wrong"
        )
        world.clock.advance(minutes=1)
        second = refunded(world, charge, 700)
        put_back(world, copy)
        assert world.services.rebuilds.rebuild(by=ALICE).adopted["refunds"] == 1
        assert orders(world, charge) == [
            (first.id, "rejected", 1_234),
            (second.id, "succeeded", 700),
        ]

    def test_a_refund_that_is_unknown_here_says_that_the_file_is_older(self, world: World) -> None:
        charge = paid(world)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        refunded(world, charge)
        world.settings.data_dir.joinpath("onfile.anchor").unlink()
        put_back(world, copy)
        world.services.sync.run_now(by=ALICE)
        with pytest.raises(LedgerBehind):
            world.charge(world.customer(), reference="INV-2")

    def test_marks_that_somebody_copied_stand_as_an_incident(self, world: World) -> None:
        charge = paid(world)
        other = paid(world, reference="INV-2")
        intent = world.services.charges.view(other).attempts[0].payment_intent
        made = post(
            world,
            "/v1/refunds",
            payment_intent=intent,
            amount="100",
            metadata={
                "onfile_refund_id": "rfo_copied",
                "onfile_charge_id": charge,
                "onfile_installation": world.installation,
            },
        )["id"]
        result = taken_over(world)
        assert result.adopted["refunds"] == 0
        assert [(one["refund"], one["reason"]) for one in result.conflicts] == [
            (made, "payment_unknown")
        ]
        with world.uow.read() as stores:
            assert [one.subject for one in stores.incidents.open(kind=UNEXPECTED_REFUND)] == [made]
        assert taken_over(world).conflicts == result.conflicts


class TestDecisions:
    def test_nothing_rests_where_nothing_was_decided(self, world: World) -> None:
        paid(world)
        lost(world)
        taken_over(world)
        assert world.services.completeness.decisions_rest_since() is None

    def test_a_run_of_before_rests_until_an_approver_has_looked(self, world: World) -> None:
        """The copy is from before the first charge; what was decided on its run since is lost."""
        person = payers(world, 1)[0]
        approved(world, [(*person, 1_000, "R-1")])
        copy = copied(world)
        paid(world)
        world.settings.data_dir.joinpath("onfile.anchor").unlink()
        put_back(world, copy)
        world.services.sync.run_now(by=ALICE)
        taken_over(world)
        assert world.services.completeness.decisions_rest_since() is not None


class TestTries:
    def test_a_charge_comes_back_with_all_its_tries_in_any_order(self, world: World) -> None:
        """Made in one second, so that their ids decide which is met first."""
        tried: list[str] = []
        for number in range(6):
            customer = world.customer()
            world.save_card(customer, NO_MONEY)
            charge = world.charge(customer, reference=f"INV-{number}").charge
            good = world.save_card(customer)
            try_again(world.services.charges, charge.id, payment_method=good, by=ALICE)
            tried.append(charge.id)
        lost(world)
        result = taken_over(world)
        assert (result.adopted["charges"], result.adopted["attempts"]) == (6, 12)
        for charge_id in tried:
            view = world.services.charges.view(charge_id)
            assert view.charge.state is ChargeState.SUCCEEDED
            assert [str(attempt.outcome) for attempt in view.attempts] == ["declined", "succeeded"]

    def test_a_reference_that_was_given_up_and_charged_again_is_two_charges(
        self, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer, NO_MONEY)
        first = world.charge(customer, reference="INV-1").charge
        world.services.charges.cancel(first.id, by=ALICE)
        good = world.save_card(customer)
        second = world.charge(customer, reference="INV-1", method=good).charge
        assert second.id != first.id
        lost(world)
        assert taken_over(world).conflicts == []
        states = {row["id"]: row["state"] for row in world.rows("SELECT id, state FROM charges")}
        assert states[second.id] == "succeeded"
        # That it was given up is a decision, which Stripe does not know.
        assert states[first.id] == "declined"

    def test_one_without_its_predecessor_is_followed_by_the_next(self, world: World) -> None:
        """Somebody took the marks off the first of two: the next one is the third, and not another second."""
        customer = world.customer()
        world.save_card(customer, NO_MONEY)
        first = world.charge(customer)
        charge = first.charge.id
        world.clock.advance(days=3)
        try_again(world.services.charges, charge, by=ALICE)
        marks = {"onfile_charge_id", "onfile_attempt", "onfile_key", "onfile_installation"}
        post(
            world,
            f"/v1/payment_intents/{first.attempts[0].payment_intent}",
            metadata=dict.fromkeys(marks, ""),
        )
        lost(world)
        taken_over(world)
        assert [one.number for one in world.services.charges.view(charge).attempts] == [2]
        world.clock.advance(days=3)
        good = world.save_card(customer)
        again = try_again(world.services.charges, charge, by=ALICE, payment_method=good)
        assert [one.number for one in again.attempts] == [2, 3]
        assert again.charge.state is ChargeState.SUCCEEDED


def _only_other(world: World) -> str:
    world.services.sync.run_now(by=ALICE)
    (other,) = world.services.installations.others()
    assert other.id is not None
    return other.id


class TestLinks:
    def test_they_come_back_under_new_addresses_in_their_states(self, world: World) -> None:
        customer = world.customer(email="anna@example.com")
        used = world.save_card(customer)
        open_ = world.services.links.create(
            form_key="open", customer=customer, reference="INV-7", by=ALICE
        ).link
        withdrawn = world.services.links.create(form_key="off", guest=True, by=ALICE).link
        world.services.links.expire(withdrawn.id, by=ALICE)
        world.charge(customer, reference="INV-1", method=used)
        old = lost(world)
        world.clock.advance(hours=2)
        result = world.services.rebuilds.rebuild(by=ALICE)
        assert world.installation == old
        assert result.adopted == {"charges": 1, "attempts": 1, "refunds": 0, "links": 3}
        states = {
            one.link.reference or one.link.id: one.link.status(world.now)
            for one in world.services.links.listing()
        }
        assert states["INV-7"] is LinkStatus.OPEN
        assert states[withdrawn.id] is LinkStatus.REVOKED
        assert sorted(states.values()) == ["completed", "open", "revoked"]
        back, _ = world.services.links.show(open_.id)
        assert (back.customer, back.email, back.reference) == (
            customer,
            "anna@example.com",
            "INV-7",
        )
        assert world.services.links.open_durable(open_.token) == LinkGone(None)
        assert back.token != open_.token

    def test_the_new_address_leads_to_a_page_and_saves_one_card(self, world: World) -> None:
        customer = world.customer()
        link = world.services.links.create(form_key="one", customer=customer, by=ALICE).link
        paid(world)
        lost(world)
        taken_over(world)
        back, session = world.services.links.show(link.id)
        assert session is not None
        address = world.services.links.open_durable(back.token)
        assert isinstance(address, str)
        _, live = world.services.links.show(link.id)
        assert live is not None
        assert (live.number, live.url) == (session.number + 1, address)
        world.finish(str(live.session_id))
        assert world.services.links.show(link.id)[0].status(world.now) is LinkStatus.COMPLETED

    def test_a_page_that_was_open_meanwhile_completes_its_link(self, world: World) -> None:
        customer = world.customer()
        made = world.services.links.create(form_key="one", customer=customer, by=ALICE)
        paid(world)
        lost(world)
        world.clock.advance(hours=2)
        world.services.rebuilds.rebuild(by=ALICE)
        world.finish(made.session_id)
        assert world.services.links.show(made.link.id)[0].status(world.now) is (
            LinkStatus.COMPLETED
        )

    def test_a_recovery_link_is_of_its_charge_again(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, NO_MONEY)
        charge = world.charge(customer, reference="INV-1").charge
        link = world.services.links.recover(charge.id, by=ALICE).link
        lost(world)
        taken_over(world)
        assert world.services.charges.view(charge.id).charge.state is ChargeState.DECLINED
        back, _ = world.services.links.show(link.id)
        assert (back.charge_id, back.status(world.now)) == (charge.id, LinkStatus.OPEN)
        assert world.services.links.recover(charge.id, by=ALICE).link.id == link.id

    def test_one_that_was_never_opened_is_not_at_stripe_and_does_not_come_back(
        self, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer, NO_MONEY)
        charge = world.charge(customer, reference="INV-1").charge
        with world.uow.read() as stores:
            assert stores.links.open_recovery_of(charge.id) is not None
        lost(world)
        assert taken_over(world).adopted["links"] == 1
        with world.uow.read() as stores:
            assert stores.links.open_recovery_of(charge.id) is None

    def test_a_link_that_is_unknown_here_says_that_the_file_is_older(self, world: World) -> None:
        paid(world)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        link = world.services.links.create(form_key="later", guest=True, by=ALICE).link
        world.settings.data_dir.joinpath("onfile.anchor").unlink()
        put_back(world, copy)
        world.services.sync.run_now(by=ALICE)
        assert world.services.completeness.behind_since() is not None
        assert world.services.rebuilds.rebuild(by=ALICE).adopted["links"] == 1
        assert world.services.links.show(link.id)[0].status(world.now) is LinkStatus.OPEN
        world.services.sync.run_now(by=ALICE)
        assert world.services.completeness.behind_since() is None


class TestAgreements:
    """What customers agreed to stands on their pages, which Stripe keeps."""

    def test_of_a_card_that_was_saved_before(self, world: World) -> None:
        session, method, kept = agreed(world)
        lost(world)
        taken_over(world)
        back = world.services.agreements.of_method(method)
        assert back == kept
        assert (kept.session_id, kept.language) == (session, "de")
        world.services.sync.run_now(full=True, by=ALICE)
        assert world.services.agreements.of_method(method) == kept

    def test_of_one_that_is_saved_on_a_page_from_before(self, world: World) -> None:
        made = german_link(world)
        paid(world)
        lost(world)
        world.clock.advance(hours=2)
        world.services.rebuilds.rebuild(by=ALICE)
        kept = world.services.agreements.of_method(world.finish(made.session_id))
        assert kept is not None
        assert kept.text.startswith("Mit dem Speichern dieser Zahlungsart erlauben Sie")
        assert (kept.version, kept.language, kept.agreed_at) == (
            DEFAULT_VERSION,
            "de",
            world.now,
        )

    def test_of_a_page_of_a_link_that_the_older_file_has(self, world: World) -> None:
        paid(world)
        world.services.sync.run_now(by=ALICE)
        link = german_link(world).link
        world.services.links.expire(link.id, by=ALICE)
        (again,) = world.services.link_ends.reissue([link.id], by=ALICE).links
        copy = copied(world)
        world.services.links.open_durable(again.token)
        session = world.services.links.show(again.id)[1]
        assert session is not None
        method = world.finish(str(session.session_id))
        kept = world.services.agreements.of_method(method)
        assert kept is not None
        put_back(world, copy)
        world.services.sync.run_now(by=ALICE)
        taken_over(world)
        assert world.services.agreements.of_method(method) == kept

    def test_what_stripe_does_not_tell_is_not_made_up(self, world: World) -> None:
        session, method, kept = agreed(world)
        texts = stripe_account.get(world, f"/v1/checkout/sessions/{session}")["custom_text"]
        world.stripe.alter(session, {"custom_text": dict.fromkeys(texts)})
        lost(world)
        taken_over(world)
        back = world.services.agreements.of_method(method)
        assert back == replace(kept, text="")

    def test_nothing_of_a_page_that_said_nothing(self, world: World) -> None:
        session, method, _ = agreed(world)
        texts = stripe_account.get(world, f"/v1/checkout/sessions/{session}")["custom_text"]
        world.stripe.alter(
            session,
            {"custom_text": dict.fromkeys(texts), "metadata": {"onfile_agreement": ""}},
        )
        lost(world)
        taken_over(world)
        assert world.services.agreements.of_method(method) is None

    def test_of_a_page_that_an_earlier_release_took_over(self, world: World) -> None:
        """Without its words, which the next reading of everything finds."""
        _, method, kept = agreed(world)
        lost(world)
        taken_over(world)
        world.change(
            "DROP TRIGGER agreements_are_never_deleted",
            "DELETE FROM agreements",
            "UPDATE link_sessions SET params = '{}'",
        )
        world.services.sync.run_now(full=True, by=ALICE)
        assert world.services.agreements.of_method(method) == kept

    def test_what_staff_write_next_has_a_number_of_its_own(self, world: World) -> None:
        assert world.services.agreements.write("de", "Ja, {company} darf.", by=ADA) == 1
        _, method, kept = agreed(world)
        assert kept.version == "1"
        lost(world)
        taken_over(world)
        assert world.services.agreements.of_method(method) == kept
        assert world.services.agreements.write("de", "Nein.", by=ADA) == 2


def german_link(world: World) -> CreatedLink:
    return world.services.links.create(
        form_key="german", customer=world.customer(), locale="de", by=ALICE
    )


def agreed(world: World) -> tuple[str, str, SavedAgreement]:
    """A page, what was saved on it, and what was agreed to; some payment, so that the ledger is missed."""
    session = german_link(world).session_id
    world.clock.advance(minutes=5)
    method = world.finish(session)
    paid(world)
    kept = world.services.agreements.of_method(method)
    assert kept is not None
    return session, method, kept


class TestMarksWithoutAnInstallation:
    def strip(self, world: World) -> None:
        """Made by an Onfile of before there were ids."""
        connection = world.stripe.database.connection()
        connection.execute(
            """UPDATE objects SET payload = json_remove(payload, '$.metadata.onfile_installation')
               WHERE kind = 'payment_intent'"""
        )

    def test_they_are_the_oldest_installations(self, world: World) -> None:
        charge = paid(world)
        self.strip(world)
        world.clock.advance(days=1)
        lost(world)
        second = paid(world, reference="INV-2")
        world.services.sync.run_now(by=ALICE, full=True)
        assert world.services.completeness.behind_since() is not None, "nobody else is there"
        result = world.services.rebuilds.rebuild(by=ALICE)
        assert result.adopted["charges"] == 1
        assert {charge, second} == {row["id"] for row in world.rows("SELECT id FROM charges")}

    def test_they_are_not_those_of_an_installation_that_came_later(self, world: World) -> None:
        charge = paid(world)
        world.clock.advance(days=1)
        paid(world, reference="INV-2")
        connection = world.stripe.database.connection()
        connection.execute(
            """UPDATE objects SET payload = json_remove(payload, '$.metadata.onfile_installation')
               WHERE kind = 'payment_intent' AND payload ->> '$.metadata.onfile_charge_id' = ?""",
            (charge,),
        )
        world.clock.advance(days=1)
        lost(world)
        paid(world, reference="INV-3")
        world.services.sync.run_now(by=ALICE, full=True)
        assert world.services.completeness.behind_since() is None
        assert world.services.rebuilds.rebuild(by=ALICE).adopted["charges"] == 0

    def test_a_ledger_without_charges_does_not_take_them_by_itself(self, world: World) -> None:
        paid(world)
        self.strip(world)
        lost(world)
        for _ in range(2):
            world.worker.run_once()
        assert world.services.completeness.behind_since() is None
        assert world.rows("SELECT id FROM charges") == []
