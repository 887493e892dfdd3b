"""Rows without a card wait for the link of their own: charged once when it brings one, as it was approved."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import pytest

from lib.domain.charges import ChargeState
from lib.domain.links import SetupLink
from lib.domain.messages import MessageKind
from lib.domain.outbox import MessageState
from lib.domain.runs import RowRequest, RowState, Run, RunOutcome, RunState, Severity
from lib.domain.twins import HAS_TWIN
from lib.domain.waiting_charges import WaitEnd
from lib.errors import InvalidInput, NotAdmitted, NotPermitted, StaleState
from lib.money import Money
from lib.services.charges.charge import ChargeService
from lib.services.collect.return_page import Setup
from lib.services.continuity.completeness import LedgerState
from lib.services.runs.draft import RunSource
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import approve, audited, counts, rows_of, uow
from tests.lost_files import copied, put_back
from tests.mail_server import MailServer
from tests.tries import try_again
from tests.world import ADA, ALICE, ALWAYS_DECLINES, BOB, GOOD, VERA, World


def drafted(world: World, *people: str, first: int = 1) -> str:
    """A draft over customers, each owing 10 USD and a cent more than the one before."""
    rows = [
        RowRequest(number, (), customer, Money(1_000 + number, "usd"), f"INV-{number}")
        for number, customer in enumerate(people, start=first + 1)
    ]
    return world.services.runs.drafts.create(RunSource((), "May"), rows, by=ALICE).id


def waiting_run(world: World, *people: str, first: int = 1) -> Run:
    """Executed; who has no card is asked for one."""
    world.services.users.add_practice_users()
    run = world.services.runs.approvals.submit(
        drafted(world, *people, first=first), by=ALICE, wait_for_cards=True
    )
    world.services.runs.control.start(approve(world, run).id, by=ALICE)
    assert world.services.runs.executor.execute(run.id)
    return world.services.runs.control.find(run.id)


def charge_of(world: World, run: Run, number: int = 2) -> str:
    return next(row.charge_id for row in rows_of(world, run.id) if row.number == number)


def link_of(world: World, charge_id: str) -> SetupLink:
    link = world.services.charges.view(charge_id).recovery_link
    assert link is not None
    return link


def page_of(world: World, link: SetupLink) -> str:
    """The Session of the page that the customer opens."""
    assert isinstance(world.services.links.open_durable(link.token), str)
    with uow(world).read() as stores:
        session = stores.link_sessions.last_of(link.id)
    assert session is not None
    assert session.session_id is not None
    return session.session_id


def saves_a_card(world: World, charge_id: str, number: str = GOOD) -> str:
    world.clock.advance(minutes=5)
    return world.finish(page_of(world, link_of(world, charge_id)), number)


def tick(world: World) -> int:
    world.clock.advance(seconds=1)
    world.services.runs.waiting_charges.end_with_their_approval()
    return world.services.runs.new_cards.charge_due()


def state(world: World, charge_id: str) -> ChargeState:
    return world.services.charges.view(charge_id).charge.state


def wait_of(world: World, charge_id: str) -> WaitEnd | None:
    with uow(world).read() as stores:
        waiting = stores.waiting_charges.find(charge_id)
    assert waiting is not None
    return waiting.end_reason


def told(world: World, charge_id: str) -> list[str]:
    return [event.kind for event in world.services.reports.charges.timeline(charge_id)]


class TestItsLink:
    @pytest.mark.parametrize("way", ["reissued", "revoked and reissued", "revoked and asked for"])
    def test_ends_with_the_approval_however_often_it_is_issued_again(
        self, world: World, way: str
    ) -> None:
        charge = charge_of(world, waiting_run(world, world.customer("Anna Example")))
        first = link_of(world, charge)
        world.clock.advance(days=1)
        if "revoked" in way:
            world.services.link_ends.revoke([first.id], by=ALICE)
        if "reissued" in way:
            world.services.link_ends.reissue([first.id], by=ALICE)
        else:
            world.services.links.recover(charge, by=ALICE)
        again = link_of(world, charge)
        assert again.id != first.id
        assert again.expires_at == first.expires_at


class TestTheRun:
    def test_finishes_without_it(self, world: World) -> None:
        payer = world.customer()
        world.save_card(payer)
        run = waiting_run(world, world.customer(), payer)
        assert run.state is RunState.FINISHED
        assert counts(world, run.id) == {"planned": 1, "succeeded": 1}
        view = world.services.runs.views.run(run.id)
        assert (view.waiting, view.outcome) == (1, RunOutcome.WITH_OPEN)
        assert world.moved() == [(1_003, "usd")]

    def test_the_charge_is_live_and_says_why(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = world.services.charges.view(charge_of(world, run)).as_json(by=ALICE)
        failure = charge["failure"]
        assert isinstance(failure, dict)
        assert (charge["state"], failure["reason"]) == ("planned", "waits_for_card")
        assert charge["payment_method"] is None
        assert failure["recovery_url"]

    def test_results_name_the_link(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        _, rows = world.services.runs.views.results(run.id, by=ALICE)
        (row,) = rows
        assert "planned" in row
        assert "waits_for_card" in row
        assert any("/l/" in cell for cell in row)

    def test_without_being_asked_to_wait_it_is_blocked(self, world: World) -> None:
        payer = world.customer()
        world.save_card(payer)
        world.services.users.add_practice_users()
        run = world.services.runs.approvals.submit(
            drafted(world, world.customer(), payer), by=ALICE
        )
        assert counts(world, run.id) == {"blocked": 1, "planned": 1}

    def test_only_a_card_may_be_missing(self, world: World) -> None:
        customer = world.customer()
        world.services.holds.set(customer, reason="asked us not to", by=ALICE)
        run_id = drafted(world, customer)
        with pytest.raises(InvalidInput, match="No row"):
            world.services.runs.approvals.submit(run_id, by=ALICE, wait_for_cards=True)

    def test_the_digest_covers_it(self, world: World) -> None:
        world.services.users.add_practice_users()
        run = world.services.runs.approvals.submit(
            drafted(world, world.customer()), by=ALICE, wait_for_cards=True
        )
        (row,) = rows_of(world, run.id)
        assert row.is_submitted
        assert row.waits_for_card
        with (
            sqlite3.connect(world.settings.database) as shell,
            pytest.raises(sqlite3.IntegrityError, match="this run was submitted"),
        ):
            shell.execute("UPDATE run_rows SET amount = amount + 1")

    def test_taken_back_it_is_blocked_again(self, world: World) -> None:
        world.services.users.add_practice_users()
        run_id = drafted(world, world.customer())
        before = rows_of(world, run_id)
        world.services.runs.approvals.submit(run_id, by=ALICE, wait_for_cards=True)
        world.services.runs.approvals.withdraw(run_id, by=ALICE)
        (row,) = rows_of(world, run_id)
        assert (row.state, row.payment_method) == (RowState.BLOCKED, None)
        assert [one.code for one in row.findings] == [one.code for one in before[0].findings]
        with pytest.raises(InvalidInput):
            world.services.runs.approvals.submit(run_id, by=ALICE)

    def test_a_customer_who_must_not_be_charged_is_blocked(self, world: World) -> None:
        customer = world.customer()
        world.services.users.add_practice_users()
        run = world.services.runs.approvals.submit(
            drafted(world, customer), by=ALICE, wait_for_cards=True
        )
        approve(world, run)
        world.services.holds.set(customer, reason="asked us not to", by=ALICE)
        world.services.runs.control.start(run.id, by=ALICE)
        world.services.runs.executor.execute(run.id)
        assert counts(world, run.id) == {"blocked": 1}

    def test_the_certificate_is_not_red(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        certificate = world.services.runs.certificates.print_again(run.id, by=ALICE)
        assert certificate.result != "red"
        saves_a_card(world, charge_of(world, run))
        assert tick(world) == 1
        assert world.services.runs.certificates.print_again(run.id, by=ALICE).result == "green"

    def test_cancelled_with_its_run(self, world: World) -> None:
        """The first row waits, the run stops, and somebody gives it up."""
        payer = world.customer()
        world.save_card(payer)
        world.services.users.add_practice_users()
        run = world.services.runs.approvals.submit(
            drafted(world, world.customer(), payer, payer), by=ALICE, wait_for_cards=True, canary=1
        )
        world.services.runs.control.start(approve(world, run).id, by=ALICE)
        world.services.runs.executor.execute(run.id)
        charge = charge_of(world, run)
        assert world.services.runs.control.find(run.id).state is RunState.PAUSED
        world.services.runs.control.cancel(run.id, by=ALICE)
        assert state(world, charge) is ChargeState.CANCELLED
        assert wait_of(world, charge) is WaitEnd.CANCELLED


class TestTheCardArrives:
    def test_charged_once_as_approved(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        card = saves_a_card(world, charge)
        assert tick(world) == 1
        view = world.services.charges.view(charge)
        assert view.charge.state is ChargeState.SUCCEEDED
        assert view.charge.payment_method == card
        assert world.moved() == [(1_002, "usd")]
        params = json.loads(view.attempts[0].params)
        assert params["metadata"]["onfile_run"] == run.id
        assert tick(world) == 0
        assert wait_of(world, charge) is WaitEnd.TRIED
        assert world.services.runs.views.run(run.id).outcome is RunOutcome.ALL_PAID

    def test_webhook_poll_and_return_page_charge_once(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        world.clock.advance(minutes=5)
        session = page_of(world, link_of(world, charge))
        world.fill(session)
        sent = 0
        for look in (
            lambda: world.services.sync.run_now(by=ALICE),
            lambda: world.services.return_page.finish(session),
            lambda: world.services.return_page.refetcher.session(session),
        ):
            look()
            sent += tick(world)
            world.worker.run_once()
        assert sent <= 1
        assert world.moved() == [(1_002, "usd")]
        assert len(world.services.charges.view(charge).attempts) == 1

    def test_the_worker_does_it(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        saves_a_card(world, charge_of(world, run))
        world.worker.run_once()
        assert world.moved() == [(1_002, "usd")]

    def test_two_workers_at_once(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        saves_a_card(world, charge_of(world, run))
        first, second = world.services, world.rebuild()
        charge_it = first.charges.charge
        overtakes = []

        def overtaken(*given: object, **named: object) -> object:
            overtakes.append(second.runs.new_cards.charge_due())
            return charge_it(*given, **named)

        first.charges.charge = overtaken
        first.runs.new_cards.charge_due()
        assert overtakes == [1]
        assert world.moved() == [(1_002, "usd")]

    def test_a_card_of_another_link_is_not_charged(self, world: World) -> None:
        customer = world.customer()
        run = waiting_run(world, customer)
        world.clock.advance(minutes=5)
        world.save_card(customer)
        assert tick(world) == 0
        assert not world.moved()
        assert wait_of(world, charge_of(world, run)) is None

    def test_nor_that_of_another_waiting_charge(self, world: World) -> None:
        customer = world.customer()
        run = waiting_run(world, customer, customer)
        saves_a_card(world, charge_of(world, run, 3))
        assert tick(world) == 1
        assert world.moved() == [(1_003, "usd")]
        assert state(world, charge_of(world, run)) is ChargeState.PLANNED

    def test_a_card_that_is_declined_is_told_as_ever(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        saves_a_card(world, charge, ALWAYS_DECLINES)
        assert tick(world) == 1
        assert state(world, charge) is ChargeState.DECLINED
        saves_a_card(world, charge)
        assert tick(world) == 0
        assert not world.moved()

    def test_a_hold_that_came_meanwhile(self, world: World) -> None:
        customer = world.customer()
        run = waiting_run(world, customer)
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        world.services.holds.set(customer, reason="asked us not to", by=ALICE)
        assert tick(world) == 0
        assert not world.moved()
        assert wait_of(world, charge) is WaitEnd.REFUSED
        assert told(world, charge)[-1] == "new_card_not_charged"

    def test_charged_by_hand_meanwhile(self, world: World) -> None:
        customer = world.customer()
        run = waiting_run(world, customer)
        charge = charge_of(world, run)
        card = world.save_card(customer)
        try_again(world.services.charges, charge, by=ALICE, payment_method=card)
        assert wait_of(world, charge) is WaitEnd.TRIED
        assert tick(world) == 0
        assert world.moved() == [(1_002, "usd")]

    def test_given_up_between_the_look_and_the_claim(self, world: World, monkeypatch) -> None:
        """No other charge of the same reference is made in its place."""
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        charge_it = ChargeService.charge

        def overtaken(self: ChargeService, *given: object, **named: object) -> object:
            world.services.runs.waiting_charges.cancel(charge, by=ALICE)
            return charge_it(self, *given, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(ChargeService, "charge", overtaken)
        assert tick(world) == 0
        assert not world.moved()
        assert state(world, charge) is ChargeState.CANCELLED

    def test_the_schema_takes_no_other_card(self, world: World) -> None:
        customer = world.customer()
        run = waiting_run(world, customer)
        charge = charge_of(world, run)
        world.save_card(customer)
        with sqlite3.connect(world.settings.database) as shell:
            (method,) = shell.execute("SELECT id FROM payment_methods").fetchone()
            with pytest.raises(sqlite3.IntegrityError, match="no approval covers"):
                shell.execute(
                    "INSERT INTO new_card_charges VALUES (?, ?, 2, ?, 0, 1, 1, NULL, NULL)",
                    (charge, run.id, method),
                )
            with pytest.raises(sqlite3.IntegrityError, match="only its own card"):
                shell.execute(
                    """INSERT INTO attempts (charge_id, number, idempotency_key, params,
                           requested_by, requested_at) VALUES (?, 1, 'k', ?, 'system', 1)""",
                    (charge, json.dumps({"payment_method": method})),
                )


class TestItEnds:
    def test_with_its_approval(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        link = link_of(world, charge)
        session = page_of(world, link)
        world.clock.advance(days=14)
        assert tick(world) == 0
        assert state(world, charge) is ChargeState.CANCELLED
        assert wait_of(world, charge) is WaitEnd.APPROVAL_ENDED
        world.services.return_page.refetcher.session(session)
        assert not isinstance(world.services.links.open_durable(link.token), str)

    def test_what_is_saved_later_is_told_and_not_charged(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        session = page_of(world, link_of(world, charge))
        world.services.runs.waiting_charges.cancel(charge, by=ALICE)
        world.clock.advance(minutes=5)
        world.fill(session)
        assert world.services.return_page.finish(session) is Setup.SAVED
        assert tick(world) == 0
        assert tick(world) == 0
        assert not world.moved()
        assert told(world, charge).count("new_card_not_charged") == 1

    def test_saved_in_time_and_seen_too_late(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        saves_a_card(world, charge)
        world.clock.advance(days=14)
        assert tick(world) == 0
        assert tick(world) == 0
        assert not world.moved()
        assert "new_card_not_charged" in told(world, charge)

    def test_not_while_it_is_approved_again(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        world.clock.advance(days=10)
        world.services.users.disable(BOB.username, by=ADA)
        saves_a_card(world, charge)
        assert tick(world) == 0
        assert wait_of(world, charge) is None
        assert not world.moved()

    def test_cancel(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        link = link_of(world, charge)
        world.services.runs.waiting_charges.cancel(charge, by=ALICE)
        assert wait_of(world, charge) is WaitEnd.CANCELLED
        assert not isinstance(world.services.links.open_durable(link.token), str)
        with pytest.raises(StaleState):
            world.services.runs.waiting_charges.cancel(charge, by=ALICE)
        assert audited(world)[-1] == "charge.wait_ended"

    def test_paid_otherwise(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        world.services.runs.waiting_charges.note_paid_otherwise(charge, by=ALICE)
        assert wait_of(world, charge) is WaitEnd.PAID_OTHERWISE
        assert state(world, charge) is ChargeState.CANCELLED

    def test_paid_otherwise_stops_whoever_asks_for_it_again(self, world: World) -> None:
        payer = world.customer()
        run = waiting_run(world, payer)
        charge = charge_of(world, run)
        world.services.runs.waiting_charges.note_paid_otherwise(charge, by=ALICE)
        world.save_card(payer)
        for reference in ("INV-2", "inv 2"):
            order = world.order(payer, reference=reference, amount="10.02")
            [found] = world.services.charges.review(order, by=ALICE).stopped
            assert (found.code, found.about) == ("paid_otherwise", (charge,))
            assert "paid INV-2 in another way, noted by alice on 23 Nov 2026" in found.message
            with pytest.raises(NotAdmitted):
                world.services.charges.charge(order, by=ALICE)
        other = world.order(payer, reference="INV-3", amount="10.02")
        assert world.services.charges.review(other, by=ALICE).stopped == ()
        assert not world.moved()
        order = world.order(payer, reference="INV-2", amount="10.02")
        despite = replace(order, despite={"paid_otherwise": "The transfer was sent back."})
        world.services.charges.charge(despite, by=ALICE)
        assert world.moved() == [(1_002, "usd")]

    def test_paid_otherwise_stops_whoever_charges_a_twin(self, world: World) -> None:
        """Also where somebody chose between the two: that says nothing of what is paid."""
        payer = world.customer("Anna Amber", "anna@example.org")
        charge = charge_of(world, waiting_run(world, payer))
        world.services.runs.waiting_charges.note_paid_otherwise(charge, by=ALICE)
        twin = world.customer("Anna Blue", "Anna@example.org")
        world.save_card(twin)
        order = replace(
            world.order(twin, reference="inv 2", amount="10.02"),
            despite={HAS_TWIN: "The younger."},
            chosen_beside=(payer, twin),
        )
        with pytest.raises(NotAdmitted) as refused:
            world.services.charges.charge(order, by=ALICE)
        assert [(one.code, one.about) for one in refused.value.findings] == [
            ("paid_otherwise", (charge,))
        ]
        assert not world.moved()

    def test_paid_otherwise_stops_a_later_file(self, world: World) -> None:
        payer = world.customer()
        run = waiting_run(world, payer)
        runs = world.services.runs
        runs.waiting_charges.note_paid_otherwise(charge_of(world, run), by=ALICE)
        world.save_card(payer)
        again = drafted(world, payer)
        [row] = rows_of(world, again)
        assert [(one.code, one.severity) for one in row.findings] == [
            ("paid_otherwise", Severity.STOPPED)
        ]
        submitted = runs.approvals.submit(again, by=ALICE)
        with pytest.raises(
            InvalidInput, match=r"^1 row is stopped: row 2: The customer paid INV-2"
        ):
            approve(world, submitted)
        runs.approvals.approve(
            again,
            digest=submitted.digest or "",
            by=BOB,
            password=PRACTICE_PASSWORD,
            note="The transfer was sent back.",
        )
        runs.control.start(again, by=ALICE)
        assert runs.executor.execute(again)
        assert world.moved() == [(1_002, "usd")]

    def test_not_by_a_viewer(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        with pytest.raises(NotPermitted):
            world.services.runs.waiting_charges.cancel(charge_of(world, run), by=VERA)

    def test_a_wait_ends_once(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        world.services.runs.waiting_charges.cancel(charge, by=ALICE)
        with sqlite3.connect(world.settings.database) as shell:
            for change in (
                "UPDATE waiting_charges SET end_reason = 'tried'",
                "UPDATE waiting_charges SET ended_at = NULL, end_reason = NULL, ended_by = NULL",
                "DELETE FROM waiting_charges",
            ):
                with pytest.raises(sqlite3.IntegrityError):
                    shell.execute(change)


class TestWhatTheCustomerIsTold:
    def test_the_page_says_what_is_charged(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        link = link_of(world, charge_of(world, run))
        page_of(world, link)
        text = texts(world, link)
        assert "$10.02 for INV-2" in text
        assert "once" in text

    def test_another_link_says_nothing_of_it(self, world: World) -> None:
        customer = world.customer()
        waiting_run(world, customer)
        made = world.services.links.create(form_key="f", by=ALICE, customer=customer)
        assert "INV-2" not in texts(world, made.link)

    def test_a_page_is_made_anew_when_nothing_is_charged_any_more(self, world: World) -> None:
        """Charged by hand in vain: the link asks for another card, and charges nothing by itself."""
        customer = world.customer()
        run = waiting_run(world, customer)
        charge = charge_of(world, run)
        link = link_of(world, charge)
        first = page_of(world, link)
        card = world.save_card(customer, ALWAYS_DECLINES)
        try_again(world.services.charges, charge, by=ALICE, payment_method=card)
        second = page_of(world, link)
        assert second != first
        assert "$10.02" not in texts(world, link)
        assert world.services.gateway.retrieve_session(first).session.status == "expired"
        assert page_of(world, link) == second
        world.fill(second)
        assert world.services.return_page.finish(second) is Setup.SAVED, "nothing is charged to it"

    def test_nor_does_a_page_that_was_open_while_somebody_charged_another_card(
        self, world: World
    ) -> None:
        customer = world.customer()
        charge = charge_of(world, waiting_run(world, customer))
        session = page_of(world, link_of(world, charge))
        card = world.save_card(customer, ALWAYS_DECLINES)
        try_again(world.services.charges, charge, by=ALICE, payment_method=card)
        world.fill(session)
        assert world.services.return_page.finish(session) is Setup.SAVED

    def test_a_page_that_said_nothing_promises_nothing_whatever_the_next_one_says(
        self, world: World
    ) -> None:
        charge = charge_of(world, waiting_run(world, world.customer()))
        link = link_of(world, charge)
        silent = page_of(world, link)
        world.change(
            """UPDATE link_sessions SET closed_at = requested_at, url = NULL,
                   params = json_remove(params, '$.metadata.onfile_charge_when_saved')"""
        )
        assert page_of(world, link) != silent
        world.fill(silent)
        assert world.services.return_page.finish(silent) is Setup.SAVED

    def test_the_thank_you_page_says_what_happens_next(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        session = page_of(world, link_of(world, charge_of(world, run)))
        world.fill(session)
        assert world.services.return_page.finish(session) is Setup.SAVED_AND_CHARGED

    def test_the_thank_you_page_promises_nothing_while_there_is_a_hold(self, world: World) -> None:
        customer = world.customer()
        run = waiting_run(world, customer)
        session = page_of(world, link_of(world, charge_of(world, run)))
        world.services.holds.set(customer, reason="asked us not to", by=ALICE)
        world.fill(session)
        assert world.services.return_page.finish(session) is Setup.SAVED
        assert tick(world) == 0

    def test_nor_by_an_approval_that_is_over(self, world: World) -> None:
        """The worker has not passed since."""
        run = waiting_run(world, world.customer())
        session = page_of(world, link_of(world, charge_of(world, run)))
        world.fill(session)
        world.clock.advance(days=14)
        assert world.services.return_page.finish(session) is Setup.SAVED
        assert tick(world) == 0

    def test_what_was_charged_before_is_said_whatever_came_later(self, world: World) -> None:
        customer = world.customer()
        run = waiting_run(world, customer)
        charge = charge_of(world, run)
        session = page_of(world, link_of(world, charge))
        world.finish(session)
        assert tick(world) == 1
        world.services.holds.set(customer, reason="asked us not to", by=ALICE)
        assert world.services.return_page.finish(session) is Setup.SAVED_AND_CHARGED

    def test_the_mail_says_it_before(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        link = link_of(world, charge_of(world, run))
        composed = world.services.messages.composer.about_link(link.id)
        assert composed is not None
        assert composed.kind == "card_for_charge"
        assert "$10.02 for INV-2" in composed.message.text
        assert f"/l/{link.token}" in composed.message.text

    @pytest.mark.parametrize(
        "kind", [MessageKind.LINK, MessageKind.RECOVERY, MessageKind.CARD_EXPIRES]
    )
    def test_no_other_message_with_its_link_is_silent_about_it(
        self, world: World, kind: MessageKind
    ) -> None:
        """Theirs say that nothing is charged now, or nothing of it."""
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        link = link_of(world, charge)
        with uow(world).read() as stores:
            composed = world.services.messages.composer.about(stores, link, kind)
        assert composed is not None
        assert composed.kind is MessageKind.CARD_FOR_CHARGE
        assert "$10.02 for INV-2" in composed.message.text
        world.services.runs.waiting_charges.cancel(charge, by=ALICE)
        with uow(world).read() as stores:
            again = world.services.messages.composer.about(stores, link, kind)
        assert again is None or again.kind is kind

    def test_a_card_saved_on_a_page_that_did_not_say_so_is_not_charged(self, world: World) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        session = page_of(world, link_of(world, charge))
        with sqlite3.connect(world.settings.database) as shell:
            shell.execute(
                """UPDATE link_sessions SET params =
                       json_remove(params, '$.metadata.onfile_charge_when_saved')"""
            )
        world.finish(session)
        assert tick(world) == 0
        assert not world.moved()
        assert wait_of(world, charge) is WaitEnd.REFUSED
        assert told(world, charge).count("new_card_not_charged") == 1
        assert tick(world) == 0
        assert told(world, charge).count("new_card_not_charged") == 1
        listed = world.services.reports.waiting_charges.not_charged()
        assert [row["charge_id"] for row in listed] == [charge]

    def test_a_page_that_an_older_file_does_not_know_says_it_all_the_same(
        self, world: World
    ) -> None:
        run = waiting_run(world, world.customer())
        charge = charge_of(world, run)
        link = link_of(world, charge)
        copy = copied(world)
        session = page_of(world, link)
        put_back(world, copy)
        assert world.services.completeness.state() is LedgerState.BEHIND
        world.services.rebuilds.rebuild(by=ALICE)
        world.clock.advance(minutes=5)
        world.finish(session)
        assert tick(world) == 0  # until an approver has looked at what was decided before
        world.services.completeness.confirm_decisions(by=BOB)
        assert tick(world) == 1
        assert world.moved() == [(1_002, "usd")]
        assert wait_of(world, charge) is WaitEnd.TRIED

    @pytest.mark.parametrize("kind", [MessageKind.CARD_FOR_CHARGE, MessageKind.REMINDER])
    def test_a_message_that_waits_is_not_sent_to_who_must_not_be_charged(
        self, desk: World, server: MailServer, kind: MessageKind
    ) -> None:
        customer = desk.customer("Anna", "anna@example.com")
        link = link_of(desk, charge_of(desk, waiting_run(desk, customer)))
        desk.clock.advance(days=1)
        requests, delivery = desk.services.messages.requests, desk.services.messages.delivery
        assert len(requests.send([link.id], kind=kind, by=ALICE).queued) == 1
        desk.services.holds.set(customer, reason="asked us not to", by=ALICE)
        delivery.send_due()
        assert server.taken == []
        (message,) = desk.services.messages.outbox.of_link(link.id)
        assert message.state is MessageState.CANCELLED

    def test_who_must_not_be_charged_reads_of_no_charge(self, world: World) -> None:
        """Neither on the page nor in a message; and what is saved then is not charged once the hold is lifted."""
        customer = world.customer()
        run = waiting_run(world, customer)
        charge = charge_of(world, run)
        link = link_of(world, charge)
        before = page_of(world, link)
        world.services.holds.set(customer, reason="asked us not to", by=ALICE)
        assert world.services.messages.composer.about_link(link.id) is None
        session = page_of(world, link)
        assert session != before
        assert "$10.02" not in texts(world, link)
        world.finish(session)
        with sqlite3.connect(world.settings.database) as shell:
            shell.execute(
                """UPDATE customer_holds SET lifted_at = set_at, lifted_by = 'bob',
                       lift_reason = 'agreed'"""
            )
        assert world.services.holds.covering(customer) is None
        assert world.services.return_page.finish(session) is Setup.SAVED
        assert tick(world) == 0
        assert not world.moved()
        assert wait_of(world, charge) is WaitEnd.REFUSED


def texts(world: World, link: SetupLink) -> str:
    with uow(world).read() as stores:
        session = stores.link_sessions.last_of(link.id)
    assert session is not None
    return str(json.loads(session.params)["custom_text"])


def test_rows_of_a_wait_are_restored_word_for_word(world: World) -> None:
    """What is let in and taken back differs in nothing else."""
    world.services.users.add_practice_users()
    run_id = drafted(world, world.customer())
    (before,) = rows_of(world, run_id)
    world.services.runs.approvals.submit(run_id, by=ALICE, wait_for_cards=True)
    world.services.runs.approvals.withdraw(run_id, by=ALICE)
    (after,) = rows_of(world, run_id)
    assert replace(after, findings=()) == replace(before, findings=())
