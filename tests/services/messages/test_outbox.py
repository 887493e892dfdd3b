"""The outbox over a real mail server: each message once, whatever clicks, refusals and deaths happen."""

from __future__ import annotations

import os
import smtplib
import sqlite3
from dataclasses import replace

import pytest

from lib.domain.message_rules import MessageRule
from lib.domain.messages import MessageKind
from lib.domain.outbox import MessageState
from lib.domain.twins import HAS_TWIN
from lib.errors import NotPermitted, StaleState
from lib.languages import Language
from lib.mail.mailer import ServerTrouble
from lib.mail.smtp import SmtpMailer, SmtpServer
from lib.services.messages.ask import MailNotConfigured
from lib.services.messages.deliver import OutboxDelivery
from tests.charge_runs import audited, executed
from tests.mail_server import MailServer, mail_server
from tests.services.runs.test_waiting_charges import charge_of, link_of, page_of, waiting_run
from tests.world import ALICE, ALWAYS_DECLINES, BOB, VERA, World

HOUR = 3600


@pytest.fixture
def desk(world: World, server: MailServer) -> World:
    world.settings = replace(
        world.settings,
        smtp_url=server.url,
        mail_from="billing@acme.example",
        company="Acme GmbH",
        contact="help@acme.example",
    )
    world.rebuild()
    return world


def link(world: World, email: str = "anna@example.com", **given: object) -> str:
    customer = world.customer("Anna Example", email)
    meant = {HAS_TWIN: "Each of them is meant."}
    made, _ = world.services.links.offer(customer, occasion="test", by=ALICE, despite=meant)
    for name, value in given.items():
        world.change(f"UPDATE setup_links SET {name} = :value", value=value)
    return made.id


def states(world: World) -> list[str]:
    return [row["state"] for row in world.rows("SELECT state FROM outbox ORDER BY rowid")]


def only(world: World):
    (message,) = world.services.messages.outbox.listing()
    return message


class TestSending:
    def test_a_message_goes_once_whatever_click_comes_again(
        self, desk: World, server: MailServer
    ) -> None:
        link_id, _outbox = link(desk, locale="de"), desk.services.messages.outbox
        requests = desk.services.messages.requests
        response = requests.send([link_id, link_id], by=ALICE)
        assert len(response.queued) == 1
        assert requests.send([link_id], by=BOB_MAKER).failed == [(link_id, "already_sent")]
        assert desk.services.messages.delivery.send_due() == 1
        assert desk.services.messages.delivery.send_due() == 0
        assert requests.send([link_id], by=ALICE).failed == [(link_id, "already_sent")]
        (mail,) = server.taken
        assert mail["Subject"] == "Bitte hinterlegen Sie Ihre Zahlungsdaten für Acme GmbH"
        assert str(mail["From"]) == "Acme GmbH <billing@acme.example>"
        assert str(mail["To"]) == "Anna Example <anna@example.com>"
        assert str(mail["Reply-To"]) == "help@acme.example"
        assert str(mail["Content-Language"]) == "de"
        text = mail.get_body(("plain",)).get_content()
        shown = desk.services.links.show(link_id)[0]
        assert desk.services.links.durable_url(shown) in text
        assert "Guten Tag Anna Example," in text
        assert "Seite öffnen" in mail.get_body(("html",)).get_content()
        assert (only(desk).state, only(desk).reply) == (MessageState.SENT, "250 Taken")

    def test_nothing_leaves_without_a_click(self, desk: World, server: MailServer) -> None:
        link(desk)
        customer = desk.customer()
        desk.save_card(customer, ALWAYS_DECLINES)
        desk.charge(customer)
        desk.worker.do_mail()
        assert server.connections == 0
        assert states(desk) == []

    @pytest.mark.parametrize("address", ["jörg@example.com", "jorg@bücher.example"])
    def test_to_an_address_with_other_letters(
        self, desk: World, server: MailServer, address: str
    ) -> None:
        desk.services.messages.requests.send([link(desk, address)], by=ALICE)
        assert desk.services.messages.delivery.send_due() == 1
        assert states(desk) == ["sent"]
        assert len(server.taken) == 1

    def test_one_connection_carries_many(self, desk: World, server: MailServer) -> None:
        ids = [link(desk, f"c{n}@example.com") for n in range(5)]
        desk.services.messages.requests.send(ids, by=ALICE)
        assert desk.services.messages.delivery.send_due() == 5
        assert (server.connections, len(server.taken)) == (1, 5)
        assert len({mail["Message-ID"] for mail in server.taken}) == 5

    def test_at_most_so_many_a_minute(self, desk: World, server: MailServer) -> None:
        desk.settings = replace(desk.settings, mail_per_minute=2)
        desk.rebuild()
        ids = [link(desk, f"c{n}@example.com") for n in range(5)]
        desk.services.messages.requests.send(ids, by=ALICE)
        handed = []
        for _ in range(4):
            handed.append(desk.services.messages.delivery.send_due())
            desk.rebuild()
            desk.clock.advance(seconds=40)
        assert handed == [2, 0, 2, 0]

    def test_about_a_failed_charge(self, desk: World, server: MailServer) -> None:
        customer = desk.customer("Bob Ltd", "bob@example.com")
        desk.save_card(customer, ALWAYS_DECLINES)
        view = desk.charge(customer, amount="20.50", currency="eur", reference="INV-7")
        assert view.recovery_link is not None
        desk.services.messages.requests.send([view.recovery_link.id], by=ALICE)
        desk.services.messages.delivery.send_due()
        text = server.taken[0].get_body(("plain",)).get_content()
        assert "Your bank declined to pay what is listed below." in text
        assert "- INV-7: €20.50" in text
        assert only(desk).kind is MessageKind.RECOVERY

    def test_the_link_says_since_when_its_customer_has_it(self, desk: World) -> None:
        link_id = link(desk)
        desk.services.messages.requests.send([link_id], by=ALICE)
        assert desk.services.links.show(link_id)[0].sent_at is None
        desk.services.messages.delivery.send_due()
        assert desk.services.links.show(link_id)[0].sent_at == desk.now

    def test_reminders_are_a_day_apart_and_two(self, desk: World, server: MailServer) -> None:
        _outbox, link_id = desk.services.messages.outbox, link(desk)
        requests = desk.services.messages.requests
        requests.send([link_id], by=ALICE)
        desk.services.messages.delivery.send_due()
        codes = []
        for hours in (0, 25, 0, 25, 25):
            desk.clock.advance(hours=hours)
            response = requests.send([link_id], kind=MessageKind.REMINDER, by=ALICE)
            desk.services.messages.delivery.send_due()
            codes.append(response.failed[0][1] if response.failed else "queued")
        assert codes == ["too_soon", "queued", "too_soon", "queued", "reminded_twice"]
        assert desk.services.links.show(link_id)[0].reminders == 2
        assert [mail["Subject"].split(":")[0] for mail in server.taken[1:]] == ["A reminder"] * 2

    def test_an_expiring_card_is_named(self, desk: World, server: MailServer) -> None:
        customer = desk.customer("Anna", "anna@example.com")
        method = desk.save_card(customer, exp_year=2027)
        made, _ = desk.services.links.offer(customer, occasion="expiring", by=ALICE)
        desk.change(
            "UPDATE setup_links SET expiring_method = :m WHERE id = :id", m=method, id=made.id
        )
        desk.services.messages.requests.send([made.id], by=ALICE)
        desk.services.messages.delivery.send_due()
        text = server.taken[0].get_body(("plain",)).get_content()
        assert (
            "The card that Acme GmbH has on file for you expires in December 2027: Visa •••• 4242."
            in text
        )

    def test_of_a_run_each_customer_gets_one_about_all_of_theirs(
        self, desk: World, server: MailServer
    ) -> None:
        customer = desk.customer("Bob Ltd", "bob@example.com")
        method = desk.save_card(customer, ALWAYS_DECLINES)
        rows = [(customer, method, 1_000 + n, f"INV-{n}") for n in range(2)]
        run = executed(desk, rows)
        for expected in (1, 0):
            composed = desk.services.runs.views.composed(run.id)
            result = desk.services.messages.requests.send_composed(composed, by=ALICE)
            assert len(result.queued) == expected, "a second click sends nothing"
        desk.services.messages.delivery.send_due()
        (mail,) = server.taken
        text = mail.get_body(("plain",)).get_content()
        assert "- INV-0: $10.00" in text
        assert "- INV-1: $10.01" in text

    def test_who_may(self, desk: World) -> None:
        for who in (VERA, BOB):
            with pytest.raises(NotPermitted):
                desk.services.messages.requests.send([link(desk)], by=who)
        assert states(desk) == []


BOB_MAKER = replace(ALICE, username="bob", name="Bob Maker")


class TestRefusedBeforeItIsAsked:
    def test_why_not(self, desk: World) -> None:
        requests = desk.services.messages.requests
        ended, nobody = link(desk, "x@example.com"), link(desk, "y@example.com")
        desk.services.links.expire(ended, by=ALICE)
        desk.change("UPDATE customers SET email = NULL, address_key = NULL WHERE email LIKE 'y%'")
        desk.change("UPDATE setup_links SET email = NULL WHERE email LIKE 'y%'")
        odd = link(desk, "z@example.com")
        desk.change("UPDATE customers SET email = 'z@-' WHERE email LIKE 'z%'")
        response = requests.send([ended, nobody, odd, "link_none"], by=ALICE)
        assert response.failed == [
            (ended, "link_ended"),
            (nobody, "no_address"),
            (odd, "address_invalid"),
            ("link_none", "not_found"),
        ]
        assert response.as_json()["queued"] == []

    def test_without_a_server(self, desk: World) -> None:
        requests = desk.services.messages.requests
        requests.can_send = False
        with pytest.raises(MailNotConfigured):
            requests.send([link(desk)], by=ALICE)


class TestRefusedByTheServer:
    def test_for_good_stands_at_the_link_and_can_be_asked_again(
        self, desk: World, server: MailServer
    ) -> None:
        server.at_rcpt["anna@example.com"] = "550 5.1.1 No such user here"
        first, second = link(desk), link(desk, "bob@example.com")
        outbox = desk.services.messages.outbox
        requests = desk.services.messages.requests
        requests.send([first, second], by=ALICE)
        assert desk.services.messages.delivery.send_due() == 1, "the next one is not held up"
        (bounced,) = outbox.of_link(first)
        assert (bounced.state, bounced.reply) == (
            MessageState.FAILED,
            "550 5.1.1 No such user here",
        )
        desk.change("UPDATE customers SET email = 'right@example.com' WHERE email LIKE 'anna%'")
        assert requests.send([first], by=ALICE).queued == [bounced.id]
        desk.services.messages.delivery.send_due()
        assert server.addresses() == [
            "Anna Example <bob@example.com>",
            "Anna Example <right@example.com>",
        ]

    def test_for_now_is_tried_again_with_longer_pauses(
        self, desk: World, server: MailServer
    ) -> None:
        server.at_rcpt["anna@example.com"] = "451 Greylisted, try later"
        desk.services.messages.requests.send([link(desk)], by=ALICE)
        pauses = []
        while states(desk) == ["waiting"]:
            desk.services.messages.delivery.send_due()
            message = only(desk)
            if message.state is MessageState.WAITING:
                pauses.append(message.next_try_at - desk.now)
                desk.clock.advance(seconds=pauses[-1])
        assert pauses[:6] == [60, 300, 900, HOUR, 4 * HOUR, 4 * HOUR]
        assert 47 * HOUR < sum(pauses) < 54 * HOUR
        assert (message.state, message.reply) == (
            MessageState.FAILED,
            "451 Greylisted, try later",
        )
        assert server.taken == []

    def test_not_before_its_time(self, desk: World, server: MailServer) -> None:
        server.at_data["anna@example.com"] = "452 Mailbox full"
        desk.services.messages.requests.send([link(desk)], by=ALICE)
        desk.services.messages.delivery.send_due()
        server.at_data.clear()
        desk.clock.advance(seconds=59)
        assert desk.services.messages.delivery.send_due() == 0
        desk.clock.advance(seconds=1)
        assert desk.services.messages.delivery.send_due() == 1

    def test_after_the_text(self, desk: World, server: MailServer) -> None:
        server.at_data["anna@example.com"] = "554 Looks like spam"
        desk.services.messages.requests.send([link(desk)], by=ALICE)
        desk.services.messages.delivery.send_due()
        assert (only(desk).state, only(desk).reply) == (MessageState.FAILED, "554 Looks like spam")

    def test_no_reply_after_the_text_is_not_known_and_never_repeated(
        self, desk: World, server: MailServer
    ) -> None:
        server.at_data["anna@example.com"] = "drop"
        first, second = link(desk), link(desk, "bob@example.com")
        desk.services.messages.requests.send([first, second], by=ALICE)
        desk.services.messages.delivery.send_due()
        assert states(desk) == ["perhaps_sent", "waiting"]
        assert "without a reply" in str(desk.services.messages.outbox.of_link(first)[0].reply)
        for _ in range(5):
            desk.clock.advance(hours=5)
            desk.services.messages.delivery.send_due()
        assert states(desk) == ["perhaps_sent", "sent"]
        assert len(server.taken) == 2
        again = desk.services.messages.requests.send([first], by=ALICE)
        assert again.failed == [(first, "already_sent")]

    @pytest.mark.parametrize(
        ("reply", "state"),
        [("251 Taken", "sent"), ("OK, taken", "perhaps_sent"), ("354 Go on", "perhaps_sent")],
    )
    def test_a_strange_reply_after_the_text_repeats_nothing(
        self, desk: World, server: MailServer, reply: str, state: str
    ) -> None:
        server.at_data["anna@example.com"] = reply
        desk.services.messages.requests.send([link(desk)], by=ALICE)
        desk.services.messages.delivery.send_due()
        assert states(desk) == [state]
        server.at_data.clear()
        desk.clock.advance(hours=5)
        assert desk.services.messages.delivery.send_due() == 0


class TestTheServerItself:
    def unreachable(self, desk: World) -> None:
        desk.settings = replace(desk.settings, smtp_url="smtp://127.0.0.1:1")
        desk.rebuild()

    def test_nothing_is_counted_against_a_message(self, desk: World, server: MailServer) -> None:
        self.unreachable(desk)
        outbox, delivery = desk.services.messages.outbox, desk.services.messages.delivery
        requests = desk.services.messages.requests
        requests.send([link(desk)], by=ALICE)
        assert delivery.send_due() == 0
        trouble = outbox.status().trouble
        assert trouble is not None
        assert "127.0.0.1:1 does not answer" in trouble.reason
        assert (only(desk).state, only(desk).tries) == (MessageState.WAITING, 0)
        desk.settings = replace(desk.settings, smtp_url=server.url)
        desk.rebuild()
        assert desk.services.messages.delivery.send_due() == 0, "not before a minute"
        desk.services.messages.outbox.try_now(by=ALICE)
        assert desk.services.messages.delivery.send_due() == 1
        assert desk.services.messages.outbox.status().trouble is None

    @pytest.mark.parametrize("step", ["sender", "recipient"])
    def test_a_sender_whom_it_does_not_take_fails_no_message(
        self, desk: World, server: MailServer, step: str
    ) -> None:
        if step == "sender":
            server.at_mail = "553 5.7.1 Sender not owned by user"
        else:
            server.at_rcpt["anna@example.com"] = "530 5.7.0 Authentication required"
        outbox, delivery = desk.services.messages.outbox, desk.services.messages.delivery
        first = [link(desk), link(desk, "bob@example.com")]
        desk.services.messages.requests.send(first, by=ALICE)
        assert delivery.send_due() == 0
        trouble = outbox.status().trouble
        assert trouble is not None
        assert "127.0.0.1 takes nothing: 5" in trouble.reason
        assert states(desk) == ["waiting", "waiting"]
        desk.clock.advance(minutes=1)
        assert delivery.send_due() == 0
        again = outbox.status().trouble
        assert again is not None
        assert again.next_try_at - desk.now == 300, "asked less and less"
        server.at_mail = "250 OK"
        server.at_rcpt.clear()
        desk.clock.advance(minutes=5)
        assert delivery.send_due() == 2
        assert outbox.status().trouble is None

    def test_is_asked_less_and_less(self, desk: World) -> None:
        self.unreachable(desk)
        desk.services.messages.requests.send([link(desk)], by=ALICE)
        pauses = []
        for _ in range(6):
            desk.services.messages.delivery.send_due()
            trouble = desk.services.messages.outbox.status().trouble
            assert trouble is not None
            pauses.append(trouble.next_try_at - desk.now)
            desk.clock.advance(seconds=pauses[-1])
        assert pauses == [60, 300, 900, HOUR, HOUR, HOUR]

    def test_user_and_password(self, desk: World) -> None:
        with mail_server(user="anna@acme", password="p@ss:word") as locked:
            desk.services.messages.requests.send([link(desk)], by=ALICE)
            desk.settings = replace(
                desk.settings, smtp_url=f"smtp://anna:no@127.0.0.1:{locked.port}"
            )
            desk.rebuild()
            desk.services.messages.delivery.send_due()
            trouble = desk.services.messages.outbox.status().trouble
            assert trouble is not None
            assert "does not accept user and password: 535" in trouble.reason
            desk.services.messages.outbox.try_now(by=ALICE)
            url = f"smtp://anna%40acme:p%40ss%3Aword@127.0.0.1:{locked.port}"
            desk.settings = replace(desk.settings, smtp_url=url)
            desk.rebuild()
            assert desk.services.messages.delivery.send_due() == 1

    def test_no_tls_is_refused_unless_it_is_this_machine(self, server: MailServer) -> None:
        elsewhere = SmtpServer("127.0.0.1", server.port, False, "", "", may_be_plain=False)
        with (
            pytest.raises(ServerTrouble, match="does not answer"),
            SmtpMailer(elsewhere).connection(),
        ):
            pass


class TestPeople:
    def test_pause_and_go_on(self, desk: World, server: MailServer) -> None:
        outbox, delivery = desk.services.messages.outbox, desk.services.messages.delivery
        requests = desk.services.messages.requests
        requests.send([link(desk)], by=ALICE)
        outbox.pause(by=ALICE)
        assert delivery.send_due() == 0
        assert outbox.status().paused_by == "alice"
        outbox.go_on(by=ALICE)
        assert delivery.send_due() == 1

    def test_cancel(self, desk: World, server: MailServer) -> None:
        outbox, delivery = desk.services.messages.outbox, desk.services.messages.delivery
        requests = desk.services.messages.requests
        link_id = link(desk)
        (message,) = requests.send([link_id], by=ALICE).queued
        assert outbox.cancel([message], by=ALICE) == 1
        assert outbox.cancel([message], by=ALICE) == 0
        assert delivery.send_due() == 0
        assert requests.send([link_id], by=ALICE).queued == [message], "a person wants it after all"
        assert delivery.send_due() == 1
        assert outbox.cancel([message], by=ALICE) == 0, "it has gone"

    @pytest.mark.parametrize("act", ["cancel", "pause"])
    def test_between_offer_and_text(self, desk: World, server: MailServer, act: str) -> None:
        outbox = desk.services.messages.outbox
        requests = desk.services.messages.requests
        (message,) = requests.send([link(desk)], by=ALICE).queued
        server.when_offered = lambda: (
            outbox.pause(by=ALICE) if act == "pause" else outbox.cancel([message], by=ALICE)
        )
        assert desk.services.messages.delivery.send_due() == 0
        assert server.taken == []
        assert states(desk) == ["waiting" if act == "pause" else "cancelled"]

    @pytest.mark.parametrize("refuses", [False, True], ids=["taken", "refused"])
    def test_asked_for_again_to_another_address_while_the_one_before_left(
        self, desk: World, server: MailServer, refuses: bool
    ) -> None:
        """What was read before is not sent, nor is a refusal of it one of what is asked for now."""
        first, second = link(desk, "one@example.com"), link(desk, "old@example.com")
        requests = desk.services.messages.requests
        message = requests.send([first, second], by=ALICE).queued[1]

        def meanwhile() -> None:
            server.when_taken = lambda: None
            desk.services.messages.outbox.cancel([message], by=ALICE)
            desk.change("UPDATE customers SET email = 'new@example.com' WHERE email LIKE 'old%'")
            assert requests.send([second], by=ALICE).queued == [message]

        server.when_taken = meanwhile
        if refuses:
            server.at_rcpt["old@example.com"] = "550 No such user here"
        for _ in range(2):
            desk.services.messages.delivery.send_due()
        assert server.addresses() == [
            "Anna Example <one@example.com>",
            "Anna Example <new@example.com>",
        ]
        sent = desk.services.messages.outbox.show(message)
        assert (sent.state, sent.address) == (MessageState.SENT, "new@example.com")

    def test_a_test_message_goes_to_oneself(self, desk: World, server: MailServer) -> None:
        desk.services.users.add_practice_users()
        requests = desk.services.messages.requests
        for _ in range(2):
            requests.send_test(MessageKind.REMINDER, Language("it", "it"), form_key="f", by=ALICE)
        desk.services.messages.delivery.send_due()
        (mail,) = server.taken
        assert "alice@" in str(mail["To"])
        assert mail["Subject"] == "Promemoria: i Suoi dati di pagamento per Acme GmbH"
        assert "INV-1042" in mail.get_body(("plain",)).get_content()


class TestAfterItsLinkEnded:
    """What waits for its turn asks nobody for what is done, or not wanted any more."""

    def test_of_a_charge_that_waits_no_more(self, desk: World, server: MailServer) -> None:
        customer = desk.customer("Acme", "acme@example.com")
        charge = charge_of(desk, waiting_run(desk, customer))
        asked, outbox = link_of(desk, charge).id, desk.services.messages.outbox
        outbox.pause(by=ALICE)
        (message,) = desk.services.messages.requests.send([asked], by=ALICE).queued
        desk.services.runs.waiting_charges.cancel(charge, by=ALICE)
        outbox.go_on(by=ALICE)
        assert desk.services.messages.delivery.send_due() == 0
        assert server.taken == []
        kept = outbox.show(message)
        assert (kept.state, kept.reply) == (
            MessageState.CANCELLED,
            "Its link ended before it left.",
        )
        assert audited(desk).count("message.cancelled") == 1

    def test_of_one_whose_card_was_saved_meanwhile(self, desk: World, server: MailServer) -> None:
        desk.settings = replace(desk.settings, mail_per_minute=1)
        desk.rebuild()
        ids = [link(desk, f"{name}@example.com") for name in "ab"]
        desk.services.link_ends.note_sent(ids, by=ALICE)
        desk.clock.advance(days=4)
        desk.services.messages.rules.switch_on(MessageRule.REMINDERS, by=ALICE)
        assert desk.services.messages.rules.ask_due() == 2
        assert desk.services.messages.delivery.send_due() == 1
        for asked in ids:
            desk.finish(page_of(desk, desk.services.links.show(asked)[0]))
        desk.clock.advance(minutes=2)
        assert desk.services.messages.delivery.send_due() == 0
        assert states(desk) == ["sent", "cancelled"]
        requests = desk.services.messages.requests
        requests.send(ids, kind=MessageKind.THANKS, by=ALICE)
        for _ in ids:
            desk.services.messages.delivery.send_due()
            desk.clock.advance(minutes=2)
        assert states(desk) == ["sent", "cancelled", "sent", "sent"], "who saved is thanked"

    def test_of_one_that_ran_out(self, desk: World, server: MailServer) -> None:
        asked, outbox = link(desk), desk.services.messages.outbox
        outbox.pause(by=ALICE)
        desk.services.messages.requests.send([asked], by=ALICE)
        desk.clock.advance(days=400)
        outbox.go_on(by=ALICE)
        assert desk.services.messages.delivery.send_due() == 0
        assert states(desk) == ["cancelled"]


class TestPractice:
    def test_would_send_and_writes_to_nobody(self, world: World) -> None:
        world.settings = replace(world.settings, smtp_url="smtp://mail.example.com")
        world.rebuild()
        world.services.messages.requests.send([link(world)], by=ALICE)
        assert world.services.messages.delivery.send_due() == 1
        assert only(world).state is MessageState.WOULD_SEND
        assert "nobody was written to" in str(only(world).reply)

    def test_a_folder_gets_a_file_each(self, world: World, tmp_path) -> None:
        world.settings = replace(
            world.settings, smtp_url=f"file://{tmp_path}/mails", mail_from="a@b.example"
        )
        world.rebuild()
        world.services.messages.requests.send([link(world)], by=ALICE)
        world.services.messages.delivery.send_due()
        (file,) = (tmp_path / "mails").iterdir()
        assert b"Subject: Please save your payment details" in file.read_bytes()


class TestAnOlderFile:
    """What was due may have gone out since: a person decides."""

    def doubted(self, desk: World) -> list[str]:
        ids = [link(desk), link(desk, "bob@example.com"), link(desk, "eve@example.com")]
        desk.services.messages.requests.send(ids[:2], by=ALICE)
        desk.change("INSERT INTO meta VALUES ('behind_since', '1')")
        desk.change(f"UPDATE meta SET value = '{desk.now}' WHERE name = 'behind_since'")
        return ids

    def test_is_held_whoever_notes_that_it_is_older(self, desk: World, server: MailServer) -> None:
        self.doubted(desk)
        desk.change("DELETE FROM meta WHERE name = 'behind_since'")
        outbox, delivery = desk.services.messages.outbox, desk.services.messages.delivery
        assert states(desk) == ["perhaps_sent", "perhaps_sent"]
        assert delivery.send_due() == 0
        assert outbox.status().held_since == desk.now
        first, second = [message.id for message in outbox.listing()]
        outbox.release(by=ALICE)
        with pytest.raises(StaleState):
            outbox.release(by=ALICE)
        assert delivery.send_due() == 0, "each is decided by itself"
        assert outbox.decide([first], was_sent=True, by=ALICE) == 1
        assert outbox.decide([second], was_sent=False, by=ALICE) == 1
        assert outbox.decide([first], was_sent=False, by=ALICE) == 0
        assert delivery.send_due() == 1
        assert sorted(states(desk)) == ["sent", "sent"]
        assert len(server.taken) == 1

    def test_a_link_without_a_message_is_doubted_too(self, desk: World) -> None:
        third = self.doubted(desk)[2]
        requests = desk.services.messages.requests
        assert requests.send([third], by=ALICE).failed == [(third, "perhaps_sent")]
        assert len(requests.send([third], in_doubt=True, by=ALICE).queued) == 1
        desk.clock.advance(seconds=1)
        later = link(desk, "later@example.com")
        assert len(requests.send([later], by=ALICE).queued) == 1

    def test_a_file_put_back_is_noticed_before_its_first_message(
        self, desk: World, server: MailServer, tmp_path
    ) -> None:
        desk.services.messages.requests.send([link(desk)], by=ALICE)
        with desk.shell() as shell, sqlite3.connect(tmp_path / "copy.db") as copy:
            shell.backup(copy)
        assert desk.services.messages.delivery.send_due() == 1
        with sqlite3.connect(tmp_path / "copy.db") as copy, desk.shell() as shell:
            copy.backup(shell)
        desk.rebuild()
        desk.clock.advance(hours=1)
        assert desk.services.messages.delivery.send_due() == 0
        assert states(desk) == ["perhaps_sent"]
        assert len(server.taken) == 1


def in_a_process(work) -> int:
    """How it ended: 9 where it was killed."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class TestDeath:
    """Killed at each step: no message twice, none gone without a trace."""

    def die_at(self, desk: World, step: str) -> None:
        desk.services.close()

        def work() -> None:
            delivery = desk.rebuild().messages.delivery
            place, name = {
                "before the offer": (OutboxDelivery, "_letter"),
                "before it is written down": (OutboxDelivery, "_audit"),
                "before the text is given": (smtplib.SMTP, "data"),
                "after it was taken": (OutboxDelivery, "_end"),
            }[step]
            setattr(place, name, lambda *_, **__: os._exit(9))
            delivery.send_due()

        assert in_a_process(work) == 9

    @pytest.mark.parametrize(
        ("step", "taken", "state"),
        [
            ("before the offer", 1, "sent"),
            ("before it is written down", 1, "sent"),
            ("before the text is given", 0, "perhaps_sent"),
            ("after it was taken", 1, "perhaps_sent"),
        ],
    )
    def test_at_each_step(
        self, desk: World, server: MailServer, step: str, taken: int, state: str
    ) -> None:
        first, second = link(desk), link(desk, "bob@example.com")
        desk.services.messages.requests.send([first], by=ALICE)
        self.die_at(desk, step)
        desk.rebuild()
        desk.services.messages.requests.send([second], by=ALICE)
        for _ in range(3):
            desk.services.messages.delivery.send_due()
            desk.clock.advance(minutes=10)
        to_first = [mail for mail in server.taken if "anna@" in str(mail["To"])]
        assert len(to_first) == taken
        assert states(desk) == [state, "sent"]

    def test_a_living_process_keeps_what_it_hands_over(
        self, desk: World, server: MailServer
    ) -> None:
        """Another one that looks meanwhile sends nothing and takes nothing over."""
        desk.services.messages.requests.send([link(desk), link(desk, "bob@example.com")], by=ALICE)
        seen: list[tuple[int, list[str]]] = []
        other = desk.services.messages.delivery
        server.when_taken = lambda: seen.append((other.send_due(), states(desk)))
        assert desk.rebuild().messages.delivery.send_due() == 2
        assert seen == [(0, ["handing_over", "waiting"]), (0, ["sent", "handing_over"])]
