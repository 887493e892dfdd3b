"""A customer of a failed row saves a new card: charged once, where the approval said so."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest

from lib.domain.charges import ChargeState
from lib.domain.runs import Run
from lib.errors import LedgerBehind
from lib.practice.declines import DECLINES
from lib.store.new_cards import NewCardStore
from tests.charge_runs import approve, audited, draft, executed, uow
from tests.tries import try_again
from tests.world import ADA, ALICE, ALWAYS_DECLINES, GOOD, World

Row = tuple[str, str, int, str]


def failing(world: World, reference: str = "INV-1") -> Row:
    customer = world.customer()
    return (customer, world.save_card(customer, ALWAYS_DECLINES), 1_000, reference)


def charge_of(world: World, run: Run, number: int = 2) -> str:
    with uow(world).read() as stores:
        return stores.run_rows.of(run.id)[number - 2].charge_id


def saves_a_card(world: World, charge_id: str, number: str = GOOD) -> str:
    """By the recovery link of exactly this charge."""
    link = world.services.charges.view(charge_id).recovery_link
    assert link is not None
    world.clock.advance(minutes=5)
    world.services.links.open_durable(link.token)
    with uow(world).read() as stores:
        session = stores.link_sessions.last_of(link.id)
    return world.finish(session.session_id, number)


def state(world: World, charge_id: str) -> ChargeState:
    return world.services.charges.view(charge_id).charge.state


def tick(world: World) -> int:
    world.clock.advance(seconds=1)
    return world.services.runs.new_cards.charge_due()


def queued(world: World) -> list[tuple[object, ...]]:
    with sqlite3.connect(world.settings.database) as shell:
        return shell.execute(
            "SELECT ended_at IS NOT NULL, refusal FROM new_card_charges"
        ).fetchall()


class TestCovered:
    def test_the_new_card_is_charged_once(self, world: World) -> None:
        run = executed(world, [failing(world), failing(world, "INV-2")], charge_new_cards=True)
        charge = charge_of(world, run)
        card = saves_a_card(world, charge)
        assert tick(world) == 1
        view = world.services.charges.view(charge)
        assert view.charge.state is ChargeState.SUCCEEDED
        assert view.charge.payment_method == card
        assert view.attempts[-1].requested_by == "system"
        assert world.moved() == [(1_000, "usd")]
        assert "run.queue_new_card" in audited(world)
        assert tick(world) == 0
        assert state(world, charge_of(world, run, 3)) is ChargeState.DECLINED

    def test_once_even_when_that_card_fails_too(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge, ALWAYS_DECLINES)
        assert tick(world) == 1
        assert state(world, charge) is ChargeState.DECLINED
        saves_a_card(world, charge)
        assert tick(world) == 0
        assert not world.moved()

    def test_the_worker_does_it(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        saves_a_card(world, charge_of(world, run))
        world.worker.run_once()
        assert world.moved() == [(1_000, "usd")]

    def test_two_workers_at_once(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        first = world.services
        second = world.rebuild()
        charge_it = first.charges.charge
        overtakes = []

        def overtaken(*given: object, **named: object) -> object:
            overtakes.append(second.runs.new_cards.charge_due())
            return charge_it(*given, **named)

        first.charges.charge = overtaken
        first.runs.new_cards.charge_due()
        assert overtakes == [1]
        assert world.moved() == [(1_000, "usd")]
        assert queued(world) == [(1, None)]

    def test_died_after_writing_down_what_it_would_send(self, world: World, monkeypatch) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(world.services.charges.sender, "send", die)
            with pytest.raises(KeyboardInterrupt):
                tick(world)
        world.clock.advance(minutes=2)
        world.rebuild()
        tick(world)
        world.services.charge_resolver.resolve_due()
        tick(world)
        assert state(world, charge) is ChargeState.SUCCEEDED
        assert world.moved() == [(1_000, "usd")]
        assert queued(world) == [(1, None)]

    def test_died_after_the_answer(self, world: World, monkeypatch) -> None:
        """The new card failed, too, and nobody wrote down that this was the one try."""
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge, ALWAYS_DECLINES)

        def die(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(NewCardStore, "end", die)
            with pytest.raises(KeyboardInterrupt):
                tick(world)
        # Long enough that the card could be tried again by its own rules.
        world.clock.advance(days=3)
        world.rebuild()
        tick(world)
        assert len(world.services.charges.view(charge).attempts) == 2
        assert queued(world) == [(1, None)]

    def test_a_lost_answer_is_found_out_and_never_sent_again(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        world.stripe.faults.add("POST", "/v1/payment_intents$", kind="lost_reply")
        tick(world)
        assert state(world, charge) is ChargeState.UNKNOWN
        tick(world)
        world.clock.advance(minutes=2)
        world.services.charge_resolver.resolve_due()
        assert world.moved() == [(1_000, "usd")]

    def test_stripe_out_of_reach_is_tried_again_later(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        world.stripe.faults.add("GET", "/v1/payment_methods", kind="missing_permission", times=2)
        assert tick(world) == 0
        assert tick(world) == 0
        world.clock.advance(minutes=6)
        assert tick(world) == 1
        assert world.moved() == [(1_000, "usd")]

    def test_the_approved_sum_needs_no_other_approval(self, world: World) -> None:
        """Over the limit of one charge, so two people had agreed."""
        run = executed(world, [failing(world)], charge_new_cards=True)
        world.services.limits.set("usd", per_charge="5", per_run="", per_day="", by=ADA)
        saves_a_card(world, charge_of(world, run))
        assert tick(world) == 1
        assert world.moved() == [(1_000, "usd")]

    def test_the_days_limit_holds(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        world.services.limits.set("usd", per_charge="", per_run="", per_day="5", by=ADA)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        assert tick(world) == 0
        ((ended, refusal),) = queued(world)
        assert ended
        assert "today" in str(refusal)
        kinds = [e.kind for e in world.services.reports.charges.timeline(charge)]
        assert kinds[-1] == "new_card_not_charged"
        assert not world.moved()

    def test_tried_by_hand_meanwhile(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        card = saves_a_card(world, charge)
        try_again(world.services.charges, charge, by=ALICE, payment_method=card)
        assert tick(world) == 0
        assert world.moved() == [(1_000, "usd")]

    def test_exactly_what_was_approved_is_sent(self, world: World) -> None:
        """Also description and text on the statement, which are part of the digest."""
        run_id = draft(world, [failing(world)])
        with uow(world).write() as stores:
            (row,) = stores.run_rows.of(run_id)
            stores.run_rows.drop(run_id)
            stores.run_rows.add([replace(row, suffix="NOV FEE", description="November")])
        world.services.users.add_practice_users()
        approve(
            world,
            world.services.runs.approvals.submit(run_id, by=ALICE, charge_new_cards=True),
        )
        world.services.runs.control.start(run_id, by=ALICE)
        world.services.runs.executor.execute(run_id)
        card = saves_a_card(world, row.charge_id)
        assert tick(world) == 1
        attempts = world.services.charges.view(row.charge_id).attempts
        first, second = (json.loads(attempt.params) for attempt in attempts)
        assert second["metadata"]["onfile_run"] == run_id
        assert second.pop("payment_method") == card
        first.pop("payment_method")
        for params in (first, second):
            for of_the_try in ("onfile_attempt", "onfile_key"):
                params["metadata"].pop(of_the_try)
        assert second == first

    def test_the_row_counts_and_not_what_its_charge_was_made_with(self, world: World) -> None:
        """The charge is older than the run, and had another description."""
        customer, bad, amount, reference = failing(world)
        order = world.order(customer, amount="10.00", reference=reference, method=bad)
        world.services.charges.charge(replace(order, description="October"), by=ALICE)
        world.clock.advance(days=8)
        run = executed(world, [(customer, bad, amount, reference)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        assert tick(world) == 1
        last = world.services.charges.view(charge).attempts[-1]
        assert last.number == 3
        assert "description" not in json.loads(last.params)

    def test_the_certificate_knows_it(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        saves_a_card(world, charge_of(world, run))
        assert tick(world) == 1
        assert world.services.runs.certificates.certify(run.id, by=ALICE).result == "green"

    def test_the_newest_of_two_cards(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        world.services.links.recover(charge, by=ALICE)
        newest = saves_a_card(world, charge, "5555555555554444")
        (arrived,) = world.services.runs.new_cards.arrived(run.id)
        assert arrived.payment_method == newest
        assert tick(world) == 1
        assert world.services.charges.view(charge).charge.payment_method == newest


class TestNotCovered:
    def test_only_where_the_approval_said_so(self, world: World) -> None:
        run = executed(world, [failing(world)])
        saves_a_card(world, charge_of(world, run))
        assert tick(world) == 0
        assert not world.moved()
        (card,) = world.services.runs.new_cards.arrived(run.id)
        assert card.run_row == 2, "it is offered instead"

    def test_other_rows_of_the_customer_are_offered_and_not_charged(self, world: World) -> None:
        """One message has one link: only the charge whose own it was is charged by itself."""
        customer, card, amount, _ = failing(world)
        rows = [(customer, card, amount, "INV-1"), (customer, card, amount, "INV-2")]
        run = executed(world, [*rows, failing(world, "INV-3")], charge_new_cards=True)
        new = saves_a_card(world, charge_of(world, run))
        arrived = world.services.runs.new_cards.arrived(run.id)
        assert {(one.run_row, one.payment_method) for one in arrived} == {(2, new), (3, new)}
        _, messages = world.services.runs.views.messages(run.id)
        assert [line[2] for line in messages] == ["INV-3"], (
            "who has done their part gets no message"
        )
        assert tick(world) == 1
        assert state(world, charge_of(world, run, 3)) is ChargeState.DECLINED
        assert world.moved() == [(amount, "usd")]
        (left,) = world.services.runs.new_cards.arrived(run.id)
        assert left.run_row == 3
        newer = saves_a_card(world, charge_of(world, run, 3))
        (left,) = world.services.runs.new_cards.arrived(run.id)
        assert left.payment_method == newer

    def test_a_card_saved_by_another_link_is_no_consent_to_this(self, world: World) -> None:
        row = failing(world)
        executed(world, [row], charge_new_cards=True)
        world.clock.advance(minutes=5)
        world.save_card(row[0])
        assert tick(world) == 0

    def test_an_approval_does_not_last_for_ever(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        world.clock.advance(days=29)
        saves_a_card(world, charge)
        world.clock.advance(days=2)
        assert tick(world) == 0

    def test_nor_while_the_charge_waits_for_stripe(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        world.stripe.faults.add("GET", "/v1/payment_methods", kind="missing_permission", times=2)
        assert tick(world) == 0
        world.clock.advance(days=60)
        assert tick(world) == 0
        assert world.moved() == []
        ((ended, refusal),) = queued(world)
        assert ended
        assert "more than 30 days" in str(refusal)

    def test_a_ledger_that_is_behind_for_a_while_ends_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)

        def behind(*_: object, **__: object) -> None:
            raise LedgerBehind

        with monkeypatch.context() as patch:
            patch.setattr("lib.services.charges.charge.claim_attempt", behind)
            assert tick(world) == 0
        assert queued(world) == [(0, None)]
        world.clock.advance(minutes=5)
        assert tick(world) == 1
        assert state(world, charge) is ChargeState.SUCCEEDED

    def test_one_that_does_not_wait_any_more_is_not_charged(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Over since it was taken up, or in another file than the one that lies there now."""
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        read = world.services.completeness.read_customer

        def ended_meanwhile(customer: str) -> None:
            read(customer)
            world.change("UPDATE new_card_charges SET ended_at = 1, refusal = 'Given up'")

        monkeypatch.setattr(world.services.completeness, "read_customer", ended_meanwhile)
        tick(world)
        assert state(world, charge) is ChargeState.DECLINED
        assert world.moved() == []

    @pytest.mark.parametrize("hours", [2, 7_200])
    def test_what_was_queued_under_a_fast_clock_does_not_wait_for_that_date(
        self, world: World, hours: int
    ) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        # Queued an hour before, as that process saw it; then Stripe was out of reach, and the clock was set.
        world.stripe.faults.add("GET", "/v1/payment_methods", kind="missing_permission", times=2)
        assert tick(world) == 0
        world.change(
            "UPDATE new_card_charges SET next_try_at = next_try_at + :ahead", ahead=hours * 3_600
        )
        assert tick(world) == 1
        assert state(world, charge) is ChargeState.SUCCEEDED

    def test_the_card_that_a_bank_stopped_saved_anew_is_not_charged(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(DECLINES, "generic_decline", DECLINES["stolen_card"])
        run = executed(world, [failing(world)], charge_new_cards=True)
        charge = charge_of(world, run)
        saves_a_card(world, charge, ALWAYS_DECLINES)
        assert tick(world) == 0
        ((ended, refusal),) = queued(world)
        assert ended
        assert "must not be charged again" in str(refusal)
        assert len(world.services.charges.view(charge).attempts) == 1

    def test_detached_again(self, world: World) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        card = saves_a_card(world, charge_of(world, run))
        world.services.payment_methods.detach(card, by=ALICE)
        assert tick(world) == 0

    @pytest.mark.parametrize("said", [False, True])
    def test_the_schema_asks_for_the_approval(self, world: World, said: bool) -> None:
        run = executed(world, [failing(world)], charge_new_cards=said)
        saves_a_card(world, charge_of(world, run))
        (card,) = world.services.runs.new_cards.arrived(run.id)
        with uow(world).write() as stores:
            if said:
                with pytest.raises(sqlite3.IntegrityError):
                    stores.new_cards.queue(replace(card, run_row=3), at=1)
                stores.new_cards.queue(card, at=1)
            with pytest.raises(sqlite3.IntegrityError):
                stores.new_cards.queue(card, at=1)
            if said:
                stores.new_cards.end(card.charge_id, at=2, refusal=None)
        for change in (
            (
                "UPDATE new_card_charges SET ended_at = NULL",
                "DELETE FROM new_card_charges",
            )
            if said
            else ()
        ):
            with (
                sqlite3.connect(world.settings.database) as shell,
                pytest.raises(sqlite3.IntegrityError),
            ):
                shell.execute(change)


def test_the_certificate_says_that_a_new_card_paid_and_agrees(world: World) -> None:
    run = executed(world, [failing(world)], charge_new_cards=True)
    saves_a_card(world, charge_of(world, run))
    assert tick(world) == 1
    certificate = world.services.runs.certificates.certify(run.id, by=ALICE)
    assert certificate.result == "green", certificate.content["remarks"]
    remarks = [remark["text"] for remark in certificate.content["remarks"]]
    assert any("with a new card, as this run's approval allowed" in text for text in remarks)
