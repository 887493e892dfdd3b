"""Payers are told of an approved run before it is executed, and what they answer stops their rows."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lib.domain.announcements import CODE
from lib.domain.days import day_of
from lib.domain.outbox import MessageState
from lib.domain.runs import Run, RunState
from lib.errors import InvalidInput, NotAdmitted, NotPermitted, RuleViolation, StaleState
from lib.services.messages.ask import MailNotConfigured
from lib.services.runs.announce import RunAnnouncements
from lib.services.runs.messages import message_file
from tests.charge_runs import approve, approved, audited, counts, invoices, payers, rows_of
from tests.mail_server import MailServer
from tests.world import ALICE, BOB, VERA, World


def service(desk: World) -> RunAnnouncements:
    return desk.services.runs.announcements


def today(desk: World, *, days: int = 0) -> date:
    return day_of(desk.now, desk.services.settings.timezone) + timedelta(days=days)


def ready(desk: World, count: int = 2) -> Run:
    """Approved, one row a payer."""
    return approved(desk, invoices(payers(desk, count)))


def told(desk: World, run: Run, *, days: int = 0) -> list[str]:
    """Announced for so many days from now, and every message left; the ids."""
    queued = service(desk).announce(run.id, today(desk, days=days), by=ALICE).queued
    desk.services.messages.delivery.send_due()
    return queued


def token_of(desk: World, announcement_id: str) -> str:
    (row,) = desk.rows("SELECT token FROM announcements WHERE id = ?", announcement_id)
    return str(row["token"])


def refuse(desk: World, announcement_id: str) -> None:
    """As the button on the payer's page does."""
    service(desk).answers.answer(token_of(desk, announcement_id))


def execute(desk: World, run: Run) -> dict[str, int]:
    desk.services.runs.control.start(run.id, by=ALICE)
    assert desk.services.runs.executor.execute(run.id)
    return counts(desk, run.id)


class TestTelling:
    def test_each_payer_reads_what_when_and_from_what(
        self, desk: World, server: MailServer
    ) -> None:
        ((customer, method),) = payers(desk, 1)
        run = approved(desk, [(customer, method, 1_050, "INV-1"), (customer, method, 200, "INV-2")])
        desk.change("UPDATE customers SET preferred_locales = 'de'")
        told(desk, run, days=3)
        (mail,) = server.taken
        assert str(mail["Subject"]).startswith("Ihre Zahlung an Acme GmbH am ")
        body = mail.get_body(("plain",))
        assert body is not None
        text = body.get_content().replace("\r\n", "\n")
        assert "- INV-1: 10,50\xa0$, Visa •••• 4242" in text
        assert "- INV-2: 2,00\xa0$, Visa •••• 4242" in text
        assert re.search(r"^http\S+/l/answer/[A-Za-z0-9_-]{16,}$", text, re.MULTILINE)
        page = mail.get_body(("html",))
        assert page is not None
        assert "Bitte nicht abbuchen" in page.get_content()

    def test_an_account_is_named_in_the_payers_language(
        self, desk: World, server: MailServer
    ) -> None:
        ((customer, method),) = payers(desk, 1)
        run = approved(desk, [(customer, method, 1_050, "INV-1")])
        desk.change(
            "UPDATE customers SET preferred_locales = 'fr'",
            "UPDATE payment_methods SET type = 'us_bank_account', brand = NULL, last4 = '6789'",
        )
        told(desk, run, days=3)
        (mail,) = server.taken
        body = mail.get_body(("plain",))
        assert body is not None
        assert "Compte bancaire américain •••• 6789" in body.get_content()

    def test_goes_once_whoever_clicks_again(self, desk: World, server: MailServer) -> None:
        run = ready(desk)
        told(desk, run, days=1)
        again = service(desk).announce(run.id, today(desk, days=1), by=ALICE)
        assert [code for _, code in again.failed] == ["already_told"] * 2
        desk.services.messages.delivery.send_due()
        assert len(server.taken) == 2
        assert audited(desk).count("run.announce") == 2

    def test_whose_address_is_missing_is_listed(self, desk: World, server: MailServer) -> None:
        run = ready(desk)
        missing, _ = [payer.customer for payer in service(desk).payers(run.id)]
        desk.change(
            "UPDATE customers SET email = NULL, address_key = NULL WHERE id = :id", id=missing
        )
        assert [one.address == "" for one in service(desk).payers(run.id)] == [True, False]
        asked = service(desk).announce(run.id, today(desk), by=ALICE)
        assert asked.failed == [(missing, "no_address")]
        assert len(asked.queued) == 1

    @pytest.mark.parametrize("most", [1, 20])
    def test_an_overview_says_what_reading_every_row_says(self, desk: World, most: int) -> None:
        people = payers(desk, 4)
        # Two rows of one payer, and an order that is not that of the ids.
        run = approved(desk, invoices([people[2], people[0], people[3], people[0], people[1]]))
        desk.change(
            "UPDATE customers SET email = NULL, address_key = NULL WHERE name IN ('Payer 1', 'Payer 2')"
        )
        every = service(desk).payers(run.id)
        overview = service(desk).overview(run.id, most=most)
        able = [one for one in every if one.address]
        missing = [one for one in every if not one.address]
        assert (
            (overview.with_address, overview.without_address) == (len(able), len(missing)) == (2, 2)
        )
        assert overview.example == able[0]
        assert list(overview.some_without) == missing[:most]

    def test_who_must_not_be_charged_is_not_told(self, desk: World) -> None:
        run = ready(desk)
        held = service(desk).payers(run.id)[0].customer
        desk.services.holds.set(held, reason="Asked us", by=ALICE)
        asked = service(desk).announce(run.id, today(desk), by=ALICE)
        assert asked.failed == [(held, "do_not_charge")]

    def test_nor_who_must_not_be_before_the_message_has_left(
        self, desk: World, server: MailServer
    ) -> None:
        run = ready(desk)
        service(desk).announce(run.id, today(desk), by=ALICE)
        held = service(desk).of_run(run.id)[0]
        desk.services.holds.set(held.customer, reason="Asked us to stop", by=ALICE)
        desk.services.messages.delivery.send_due()
        assert len(server.taken) == 1
        message = desk.services.messages.outbox.show(held.message_id)
        assert (message.state, message.reply) == (
            MessageState.CANCELLED,
            "Its customer must not be charged any more.",
        )
        assert {one.told_at is None for one in service(desk).of_run(run.id)} == {True, False}

    def test_what_was_refused_goes_to_the_new_address_with_the_same_page(
        self, desk: World, server: MailServer
    ) -> None:
        run = ready(desk, 1)
        server.at_rcpt["customer1@example.com"] = "550 No such user"
        (first,) = told(desk, run)
        assert server.taken == []
        token = token_of(desk, first)
        desk.change("UPDATE customers SET email = 'right@example.com'")
        assert told(desk, run) == [first]
        (mail,) = server.taken
        assert "right@example.com" in str(mail["To"])
        body = mail.get_body(("plain",))
        assert body is not None
        assert f"/l/answer/{token}\r\n" in body.get_content()

    def test_only_of_an_approved_run_and_a_day_to_come(self, desk: World) -> None:
        run = ready(desk)
        with pytest.raises(InvalidInput, match="day is over"):
            service(desk).announce(run.id, today(desk, days=-1), by=ALICE)
        desk.services.runs.approvals.withdraw(run.id, by=ALICE)
        with pytest.raises(StaleState):
            service(desk).announce(run.id, today(desk), by=ALICE)

    def test_who_may(self, desk: World) -> None:
        run = ready(desk)
        for who in (VERA, BOB):
            with pytest.raises(NotPermitted):
                service(desk).announce(run.id, today(desk), by=who)
        service(desk).can_send = False
        with pytest.raises(MailNotConfigured):
            service(desk).announce(run.id, today(desk), by=ALICE)


class TestTheDay:
    def test_a_run_is_not_started_before_what_its_payers_were_told(self, desk: World) -> None:
        run = ready(desk)
        told(desk, run, days=2)
        with pytest.raises(StaleState) as refused:
            execute(desk, run)
        assert refused.value.code == "announced_for_later"
        desk.clock.advance(days=2)
        assert execute(desk, run) == {"succeeded": 2}

    def test_nor_before_everybody_was_told(self, desk: World, server: MailServer) -> None:
        run = ready(desk)
        service(desk).announce(run.id, today(desk), by=ALICE)
        with pytest.raises(StaleState) as refused:
            execute(desk, run)
        assert refused.value.code == "announcement_waits"
        outbox = desk.services.messages.outbox
        outbox.cancel([one.id for one in outbox.listing()], by=ALICE)
        assert execute(desk, run) == {"succeeded": 2}
        desk.services.messages.delivery.send_due()
        assert server.taken == []

    def test_an_earlier_day_is_announced_anew(self, desk: World, server: MailServer) -> None:
        run = ready(desk, 1)
        told(desk, run, days=5)
        desk.clock.advance(seconds=1)
        told(desk, run)
        assert execute(desk, run) == {"succeeded": 1}
        assert len(server.taken) == 2

    @pytest.mark.parametrize("end", ["withdraw", "cancel"])
    def test_what_has_not_left_is_taken_back_with_its_run(
        self, desk: World, server: MailServer, end: str
    ) -> None:
        run = ready(desk)
        service(desk).announce(run.id, today(desk), by=ALICE)
        runs = desk.services.runs
        if end == "withdraw":
            runs.approvals.withdraw(run.id, by=ALICE)
        else:
            runs.control.cancel(run.id, by=ALICE)
        desk.services.messages.delivery.send_due()
        assert server.taken == []
        states = {one.state for one in desk.services.messages.outbox.listing()}
        assert states == {MessageState.CANCELLED}


class TestTheAnswer:
    def test_keeps_the_row_back_until_somebody_decides(self, desk: World) -> None:
        run = ready(desk)
        first, _ = told(desk, run)
        refuse(desk, first)
        assert execute(desk, run) == {"blocked": 1, "succeeded": 1}
        (kept,) = [row for row in rows_of(desk, run.id) if row.findings]
        assert [one.code for one in kept.findings] == [CODE]
        assert "should not be charged" in kept.findings[0].message

    def test_one_click_is_the_do_not_charge_switch(self, desk: World) -> None:
        run = ready(desk)
        first, _ = told(desk, run)
        refuse(desk, first)
        service(desk).answers.hold(first, by=BOB)
        held = service(desk).of_run(run.id)[-1].customer
        (hold,) = desk.services.holds.of(held)
        assert hold.reason == f"Answered “please not” when told of the run {run.name}"
        assert execute(desk, run) == {"blocked": 1, "succeeded": 1}
        with pytest.raises(StaleState):
            service(desk).answers.hold(first, by=ALICE)

    def test_set_aside_with_a_reason_it_is_charged(self, desk: World) -> None:
        run = ready(desk)
        first, _ = told(desk, run)
        refuse(desk, first)
        with pytest.raises(InvalidInput):
            service(desk).answers.set_aside(first, reason=" ", by=ALICE)
        service(desk).answers.set_aside(first, reason="Called: it was a mistake", by=ALICE)
        assert execute(desk, run) == {"succeeded": 2}
        assert "announcement.set_aside" in audited(desk)

    def test_comes_while_the_run_is_executed(self, desk: World) -> None:
        """Before its own row's turn: from the commit on nothing of it is charged."""
        run = ready(desk)
        _, second = told(desk, run)
        desk.services.runs.control.start(run.id, by=ALICE)
        refuse(desk, second)
        assert desk.services.runs.executor.execute(run.id)
        assert counts(desk, run.id) == {"blocked": 1, "succeeded": 1}

    def test_also_singly_until_somebody_says_why(self, desk: World) -> None:
        ((customer, method),) = payers(desk, 1)
        run = approved(desk, [(customer, method, 1_000, "INV-1")])
        (first,) = told(desk, run)
        refuse(desk, first)
        desk.services.runs.control.cancel(run.id, by=ALICE)
        with pytest.raises(NotAdmitted) as stopped:
            desk.charge(customer, amount="10.00", reference="INV-1")
        assert stopped.value.code == CODE
        assert desk.moved() == []

    def test_is_written_down_once_and_not_once_it_is_over(self, desk: World) -> None:
        run = ready(desk)
        first, second = told(desk, run)
        refuse(desk, first)
        desk.clock.advance(hours=1)
        refuse(desk, first)
        assert audited(desk).count("announcement.answer") == 1
        execute(desk, run)
        refuse(desk, second)
        found, is_open = service(desk).answers.find(token_of(desk, second))
        assert found is not None
        assert (found.answered_at, is_open) == (None, False)

    def test_nobody_decides_where_there_is_no_answer(self, desk: World) -> None:
        run = ready(desk, 1)
        (first,) = told(desk, run)
        with pytest.raises(StaleState):
            service(desk).answers.hold(first, by=ALICE)
        with pytest.raises(NotPermitted):
            service(desk).answers.set_aside(first, reason="No", by=VERA)


class TestTheCertificate:
    def test_says_when_and_for_which_day(self, desk: World) -> None:
        run = ready(desk)
        told(desk, run)
        execute(desk, run)
        certificate = desk.services.runs.certificates.certify(run.id, by=ALICE)
        notes = [one["text"] for one in certificate.content["remarks"]]
        assert certificate.result == "green"
        (note,) = [text for text in notes if "announced" in text]
        assert note.startswith("2 of 2 rows were announced to their payers (")
        assert note.endswith(f"to be charged on {today(desk)}.")

    def test_and_nothing_where_nobody_was_told(self, desk: World) -> None:
        run = ready(desk)
        execute(desk, run)
        certificate = desk.services.runs.certificates.certify(run.id, by=ALICE)
        assert "announced" not in str(certificate.content["remarks"])

    def test_what_was_told_of_a_row_stays_with_it(self, desk: World) -> None:
        run = ready(desk)
        told(desk, run, days=1)
        (told_of,) = service(desk).told_of(run.id, rows_of(desk, run.id)[0].number)
        assert (told_of.told_at, told_of.is_as_told) == (desk.now, True)
        assert told_of.charge_on == today(desk, days=1).isoformat()
        with pytest.raises(Exception, match="what a payer was told stays"):
            desk.change("UPDATE announcement_rows SET amount = 1")


class TestByHand:
    """Where there is no mail server, or a person would rather write."""

    def test_messages_that_are_taken_count_as_sent_and_the_day_binds(
        self, desk: World, server: MailServer
    ) -> None:
        run = ready(desk)
        result = service(desk).announce(run.id, today(desk, days=2), by=ALICE, by_hand=True)
        assert (result.queued, result.failed, len(result.taken)) == ([], [], 2)
        desk.services.messages.delivery.send_due()
        assert server.taken == []
        entries = service(desk).of_run(run.id)
        assert [one.told_at for one in entries] == [desk.now] * 2
        for one, composed in zip(reversed(entries), result.taken, strict=True):
            assert one.customer == composed.customer
            assert f"/l/answer/{one.token}" in composed.message.text
        with pytest.raises(StaleState, match="Its payers were told"):
            desk.services.runs.control.start(run.id, by=ALICE)

    def test_taken_again_they_are_the_same(self, desk: World) -> None:
        run = ready(desk)
        first = service(desk).announce(run.id, today(desk), by=ALICE, by_hand=True).taken
        desk.clock.advance(minutes=5)
        again = service(desk).announce(run.id, today(desk), by=ALICE, by_hand=True).taken
        assert message_file(again) == message_file(first)
        assert len(service(desk).of_run(run.id)) == 2

    def test_what_onfile_sent_is_not_taken_too(self, desk: World) -> None:
        run = ready(desk)
        told(desk, run)
        result = service(desk).announce(run.id, today(desk), by=ALICE, by_hand=True)
        assert [code for _, code in result.failed] == ["already_told"] * 2
        assert result.taken == []


class TestTheResultsFile:
    def test_says_when_and_for_which_day(self, desk: World, server: MailServer) -> None:
        run = ready(desk)
        (second,) = [row.request.customer for row in rows_of(desk, run.id) if row.number == 3]
        customer = desk.services.reports.customers.find(second)
        assert customer is not None
        server.at_rcpt[str(customer["email"])] = "550 No such person"
        told(desk, run)
        moment = datetime.fromtimestamp(desk.now, ZoneInfo(desk.services.settings.timezone))
        header, lines = desk.services.runs.views.results(run.id, by=ALICE)
        assert header[-2:] == ("onfile_announced_at", "onfile_announced_for")
        assert [line[-2:] for line in lines] == [
            (moment.isoformat(), today(desk).isoformat()),
            ("", ""),
        ]

    def test_has_no_such_columns_where_nobody_was_told(self, desk: World) -> None:
        header, _ = desk.services.runs.views.results(ready(desk).id, by=ALICE)
        assert not [name for name in header if "announced" in name]


class TestApprovedAgain:
    def test_an_answer_from_before_is_seen_by_the_next_approval(self, desk: World) -> None:
        run = ready(desk, 1)
        (first,) = told(desk, run)
        refuse(desk, first)
        runs = desk.services.runs
        runs.approvals.withdraw(run.id, by=ALICE)
        runs.drafts.check_again(run.id, by=ALICE)
        assert CODE in [one.code for row in rows_of(desk, run.id) for one in row.findings]
        again = runs.approvals.submit(run.id, by=ALICE)
        with pytest.raises(RuleViolation):
            approve(desk, again)
        assert runs.control.find(run.id).state is RunState.AWAITING_APPROVAL
