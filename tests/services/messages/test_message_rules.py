"""Reminders and thanks that go by themselves: only once a person switched that on, and each once."""

from __future__ import annotations

import os

import pytest

from lib.domain.message_rules import MessageRule
from lib.domain.messages import MessageKind
from lib.errors import NotPermitted
from lib.services.messages.ask import MailNotConfigured
from lib.services.messages.rules import MessageRules
from tests.mail_server import MailServer
from tests.world import ALICE, BOB, VERA, World

DAY = 86_400


def rules(desk: World) -> MessageRules:
    return desk.services.messages.rules


def link(desk: World, email: str = "anna@example.com", *, is_sent: bool = True) -> str:
    customer = desk.customer("Anna Example", email)
    made, _ = desk.services.links.offer(customer, occasion="test", by=ALICE)
    if is_sent:
        desk.services.link_ends.note_sent([made.id], by=ALICE)
    return made.id


def saved(desk: World, email: str = "anna@example.com") -> str:
    """A link by which its customer saved a card."""
    link_id = link(desk, email)
    save(desk, link_id)
    return link_id


def save(desk: World, link_id: str) -> None:
    token = desk.services.links.show(link_id)[0].token
    assert isinstance(desk.services.links.open_durable(token), str)
    session = desk.services.links.show(link_id)[1]
    assert session is not None
    desk.finish(session.session_id or "")


def turn(desk: World, **passed: int) -> int:
    """What the worker does every half minute."""
    desk.clock.advance(**passed)
    asked = rules(desk).ask_due()
    desk.services.messages.delivery.send_due()
    return asked


def audited(desk: World) -> list[tuple[str, str, str]]:
    rows = desk.rows(
        "SELECT actor, action, subject FROM audit_log WHERE action LIKE 'message_rule.%' ORDER BY id"
    )
    return [(row["actor"], row["action"], row["subject"]) for row in rows]


class TestReminders:
    def test_are_off_until_a_person_switches_them_on(self, desk: World, server: MailServer) -> None:
        link(desk)
        assert turn(desk, days=4) == 0
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        assert turn(desk) == 1
        assert [mail["Subject"].split(":")[0] for mail in server.taken] == ["A reminder"]
        assert audited(desk) == [("alice", "message_rule.on", "reminders")]

    def test_go_after_3_and_10_days_and_no_more(self, desk: World, server: MailServer) -> None:
        link_id = link(desk)
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        sent = [day for day in range(1, 25) if turn(desk, days=1)]
        assert sent == [3, 10]
        assert len(server.taken) == 2
        assert desk.services.links.show(link_id)[0].reminders == 2

    def test_a_click_and_the_rule_send_one(self, desk: World, server: MailServer) -> None:
        link_id = link(desk)
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        desk.clock.advance(days=4)
        requests = desk.services.messages.requests
        assert len(requests.send([link_id], kind=MessageKind.REMINDER, by=ALICE).queued) == 1
        assert turn(desk) == 0
        assert turn(desk, days=1) == 0
        assert len(server.taken) == 1

    @pytest.mark.parametrize("state", ["refused", "cancelled"])
    def test_what_was_refused_or_cancelled_is_a_persons(
        self, desk: World, server: MailServer, state: str
    ) -> None:
        link(desk)
        server.at_rcpt["anna@example.com"] = "550 No such user"
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        desk.clock.advance(days=4)
        assert rules(desk).ask_due() == 1
        if state == "cancelled":
            (message,) = desk.services.messages.outbox.listing()
            desk.services.messages.outbox.cancel([message.id], by=ALICE)
        desk.services.messages.delivery.send_due()
        server.at_rcpt.clear()
        for _ in range(3):
            assert turn(desk, days=1) == 0
        assert server.taken == []

    def test_nor_where_it_was_cancelled_while_the_worker_looked(self, desk: World) -> None:
        link_id = link(desk)
        requests, outbox = desk.services.messages.requests, desk.services.messages.outbox
        desk.clock.advance(days=4)
        (message,) = requests.send([link_id], kind=MessageKind.REMINDER, by=ALICE).queued
        outbox.cancel([message], by=ALICE)
        asked = requests.by_rule([link_id], MessageKind.REMINDER, may_go=lambda *_: True)
        assert asked == 0

    def test_nobody_who_must_not_be_charged_is_reminded(self, desk: World) -> None:
        link_id = link(desk)
        customer = desk.services.links.show(link_id)[0].customer or ""
        desk.services.holds.set(customer, reason="Asked us to stop", by=ALICE)
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        assert turn(desk, days=4) == 0

    def test_nor_at_an_address_whose_customer_came_since(self, desk: World) -> None:
        link_id = link(desk)
        customer = desk.services.links.show(link_id)[0].customer or ""
        # As a file of addresses makes it before there is a customer.
        desk.change("UPDATE setup_links SET customer = NULL WHERE id = :id", id=link_id)
        desk.services.holds.set(customer, reason="Asked us to stop", by=ALICE)
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        assert turn(desk, days=4) == 0

    def test_an_ended_link_or_one_without_an_address_is_left_alone(self, desk: World) -> None:
        ended, nobody = link(desk), link(desk, "bob@example.com")
        desk.services.links.expire(ended, by=ALICE)
        desk.change("UPDATE customers SET email = NULL, address_key = NULL WHERE email LIKE 'b%'")
        desk.change("UPDATE setup_links SET email = NULL WHERE id = :id", id=nobody)
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        assert turn(desk, days=4) == 0

    def test_switched_off_while_the_worker_looked(self, desk: World, server: MailServer) -> None:
        link(desk)
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        desk.clock.advance(days=4)
        requests, other = desk.services.messages.requests, rules(desk)

        class Late:
            can_send = True

            def by_rule(self, link_ids, kind, *, may_go):  # type: ignore[no-untyped-def]
                other.switch_off(MessageRule.REMINDERS, by=ALICE)
                return requests.by_rule(link_ids, kind, may_go=may_go)

        late = MessageRules(desk.services.uow, Late(), clock=desk.clock)  # type: ignore[arg-type]
        assert late.ask_due() == 0
        assert audited(desk)[-1] == ("alice", "message_rule.off", "reminders")


class TestThanks:
    def test_once_a_link_and_only_for_what_is_saved_from_now_on(
        self, desk: World, server: MailServer
    ) -> None:
        saved(desk, "early@example.com")
        desk.clock.advance(seconds=5)
        rules(desk).switch_on(MessageRule.THANKS, by=ALICE)
        assert turn(desk) == 0
        link_id = saved(desk)
        assert [turn(desk), turn(desk, hours=1), turn(desk, days=1)] == [1, 0, 0]
        (mail,) = server.taken
        assert mail["Subject"] == "Thank you: your payment details are saved"
        body = mail.get_body(("plain",))
        assert body is not None
        text = body.get_content()
        assert "Saved: Visa •••• 4242" in text
        assert "/l/" not in text
        requests = desk.services.messages.requests
        again = requests.send([link_id], kind=MessageKind.THANKS, by=ALICE)
        assert again.failed == [(link_id, "already_sent")]

    def test_by_a_click_without_the_rule(self, desk: World, server: MailServer) -> None:
        requests = desk.services.messages.requests
        open_link, done = link(desk, is_sent=False), saved(desk, "bob@example.com")
        response = requests.send([open_link, done], kind=MessageKind.THANKS, by=ALICE)
        assert response.failed == [(open_link, "nothing_saved")]
        desk.services.messages.delivery.send_due()
        assert server.addresses() == ["Anna Example <bob@example.com>"]

    def test_says_nothing_of_when_the_link_was_sent(self, desk: World) -> None:
        link_id = link(desk, is_sent=False)
        save(desk, link_id)
        desk.services.messages.requests.send([link_id], kind=MessageKind.THANKS, by=ALICE)
        desk.services.messages.delivery.send_due()
        assert desk.services.links.show(link_id)[0].sent_at is None

    def test_not_while_the_bank_confirms(self, desk: World) -> None:
        link_id = saved(desk)
        desk.change("UPDATE setup_intents SET status = 'processing'")
        requests = desk.services.messages.requests
        response = requests.send([link_id], kind=MessageKind.THANKS, by=ALICE)
        assert response.failed == [(link_id, "nothing_saved")]


class TestAnOlderCopy:
    def test_a_rule_rests_until_it_is_switched_on_again(
        self, desk: World, server: MailServer
    ) -> None:
        link(desk)
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        desk.clock.advance(days=4)
        desk.change("INSERT INTO meta VALUES ('behind_since', '1')")
        desk.change(f"UPDATE meta SET value = '{desk.now}' WHERE name = 'behind_since'")
        desk.change("DELETE FROM meta WHERE name = 'behind_since'")
        assert turn(desk) == 0
        desk.services.messages.outbox.release(by=ALICE)
        assert rules(desk).all()[MessageRule.REMINDERS] is None
        assert turn(desk, seconds=5) == 0
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        assert turn(desk, seconds=5) == 0, "what was sent about this link nobody knows"
        link(desk, "later@example.com")
        assert turn(desk, days=4) == 1
        assert server.addresses() == ["Anna Example <later@example.com>"]


class TestDeath:
    @pytest.mark.parametrize("step", ["before the commit", "after the commit"])
    def test_a_killed_worker_sends_none_twice_and_loses_none(
        self, desk: World, server: MailServer, step: str
    ) -> None:
        for n in range(3):
            link(desk, f"c{n}@example.com")
        rules(desk).switch_on(MessageRule.REMINDERS, by=ALICE)
        desk.clock.advance(days=4)
        desk.services.close()
        pid = os.fork()
        if pid == 0:
            services = desk.rebuild()
            requests = services.messages.requests
            if step == "before the commit":
                kind = type(requests)
                row = kind._queue  # noqa: SLF001 - dies in the middle of its transaction

                def dies(self, stores, *given, **named):  # type: ignore[no-untyped-def]
                    row(self, stores, *given, **named)
                    os._exit(9)

                kind._queue = dies  # type: ignore[method-assign]  # noqa: SLF001
            services.messages.rules.ask_due()
            os._exit(9)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
        desk.rebuild()
        for _ in range(3):
            turn(desk, minutes=1)
        assert sorted(server.addresses()) == [f"Anna Example <c{n}@example.com>" for n in range(3)]


class TestWhoMay:
    def test_who_makes_links(self, desk: World) -> None:
        for who in (VERA, BOB):
            with pytest.raises(NotPermitted):
                rules(desk).switch_on(MessageRule.THANKS, by=who)
            with pytest.raises(NotPermitted):
                rules(desk).switch_off(MessageRule.THANKS, by=who)
        assert rules(desk).all() == dict.fromkeys(MessageRule)

    def test_not_without_a_server(self, desk: World) -> None:
        desk.services.messages.requests.can_send = False
        with pytest.raises(MailNotConfigured):
            rules(desk).switch_on(MessageRule.THANKS, by=ALICE)
        assert rules(desk).ask_due() == 0
