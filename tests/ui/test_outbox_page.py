"""The outbox on the page, the message of a link in its drawer, and the texts that staff change."""

from __future__ import annotations

import pytest

from lib.domain.message_rules import MessageRule
from lib.domain.messages import MessageKind
from lib.domain.outbox import MessageState
from tests.ui.collect_pages import NASTY, choose_row, column, fill, keys, press, words
from tests.world import ALICE, World


@pytest.fixture
def link(world: World) -> str:
    customer = world.customer(NASTY, "anna@example.com")
    made, _ = world.services.links.offer(customer, occasion="test", by=ALICE)
    return made.id


def state(world: World) -> MessageState:
    (message,) = world.services.messages.outbox.listing()
    return message.state


def ask(world: World, link: str) -> str:
    (message,) = world.services.messages.requests.send([link], by=ALICE).queued
    return message


class TestFromTheLink:
    def test_is_sent_by_one_click_and_no_second(self, open_page, world, link) -> None:
        at = open_page("setup_links", as_="alice", query={"link": link})
        assert "Send to anna@example.com" in [button.label for button in at.button]
        press(at, "setup_links_message_send")
        assert state(world) is MessageState.WAITING
        assert "setup_links_message_send" not in keys(at)
        world.worker.do_mail()
        assert "Would send" in words(at.run())
        mail, *_ = at.get("link_button")
        assert mail.proto.url.startswith("mailto:anna@example.com?subject=Please")
        assert NASTY not in words(at)

    def test_viewers_get_neither_the_text_with_its_link_nor_the_button(
        self, open_page, link
    ) -> None:
        at = open_page("setup_links", as_="vera", query={"link": link})
        assert not any("/l/" in code.value for code in at.code)
        assert "setup_links_message_send" not in keys(at)

    def test_without_a_server_by_the_clerks_own_program(self, open_page, world, link) -> None:
        world.services.messages.requests.can_send = False
        at = open_page("setup_links", as_="alice", query={"link": link})
        assert "setup_links_message_send" not in keys(at)
        assert "no mail server" in words(at)
        assert at.get("link_button")

    def test_the_servers_words_stand_at_the_link(self, open_page, world, link) -> None:
        ask(world, link)
        world.change(
            "UPDATE outbox SET state = 'failed', reply = '550 No *such* user', settled_at = 1"
        )
        at = open_page("setup_links", as_="alice", query={"link": link})
        assert "550 No \\*such\\* user" in words(at)
        press(at, "setup_links_message_send")
        assert state(world) is MessageState.WAITING, "it may be asked for again"

    def test_what_may_have_gone_before_is_asked(self, open_page, world, link) -> None:
        world.change(f"INSERT INTO meta VALUES ('outbox_doubted_until', '{world.now}')")
        at = open_page("setup_links", as_="alice", query={"link": link})
        press(at, "setup_links_message_send")
        assert world.services.messages.outbox.listing() == []
        assert "may have been sent before" in words(at)
        press(at, "setup_links_message_send_all_the_same")
        assert state(world) is MessageState.WAITING


class TestOutbox:
    @pytest.fixture
    def opened(self, open_page):
        return lambda as_="alice", **query: open_page("outbox", as_=as_, query=query)

    def test_empty(self, opened) -> None:
        at = opened()
        assert "No messages yet" in words(at)
        assert "Nothing leaves by itself" in words(at)

    def test_a_message_opens_with_its_text(self, opened, world, link) -> None:
        ask(world, link)
        at = opened()
        assert column(at, "email") == ["anna@example.com"]
        assert column(at, "kind") == ["Link"]
        choose_row(at, "outbox_rows", 0)
        assert any("Please save your payment details" in code.value for code in at.code)
        press(at, "outbox_cancel")
        assert state(world) is MessageState.CANCELLED

    def test_pause_and_go_on(self, opened, world, link) -> None:
        ask(world, link)
        at = press(opened(), "outbox_pause")
        assert "The outbox is paused." in words(at)
        assert "outbox_pause" not in keys(at)
        world.worker.do_mail()
        assert state(world) is MessageState.WAITING
        press(at, "outbox_go_on")
        world.worker.do_mail()
        assert state(world) is MessageState.WOULD_SEND

    def test_held_after_an_older_copy(self, opened, world, link) -> None:
        message = ask(world, link)
        world.change(f"INSERT INTO meta VALUES ('behind_since', '{world.now}')")
        world.change("DELETE FROM meta WHERE name = 'behind_since'")
        at = opened(message=message)
        assert "Look at what stands as “Perhaps sent”" in words(at)
        press(at, "outbox_was_sent")
        assert state(world) is MessageState.SENT
        press(at, "outbox_release")
        assert world.services.messages.outbox.status().held_since is None

    def test_perhaps_sent_may_be_sent(self, opened, world, link) -> None:
        message = ask(world, link)
        world.change("UPDATE outbox SET state = 'perhaps_sent'")
        press(opened(message=message), "outbox_send_again")
        assert state(world) is MessageState.WAITING

    def test_trouble_of_the_server(self, opened, world) -> None:
        trouble = '{"reason": "mail.example.com says *no*", "at": 1, "tries": 1, "next_try_at": 9}'
        world.change("INSERT INTO meta VALUES ('mail_trouble', :t)", t=trouble)
        at = opened()
        assert "says \\*no\\*" in words(at)
        press(at, "outbox_try_now")
        assert world.services.messages.outbox.status().trouble is None

    def test_filters(self, opened, world, link) -> None:
        ask(world, link)
        at = opened()
        fill(at, outbox_search="nobody")
        assert "No message matches" in words(at)
        fill(at, outbox_search="anna@")
        assert len(column(at, "email")) == 1
        assert column(opened(outbox_state="message_sent"), "email") == []

    def test_a_viewer_changes_nothing(self, opened, world, link) -> None:
        message = ask(world, link)
        at = opened("vera", message=message)
        assert not {"outbox_pause", "outbox_cancel"} & keys(at)


class TestByThemselves:
    def test_a_rule_is_switched_on_and_off(self, open_page, world, link) -> None:
        world.services.link_ends.note_sent([link], by=ALICE)
        world.clock.advance(days=4)
        at = open_page("outbox", as_="alice")
        assert "1 reminder would go at once." in words(at)
        press(at, "rule_on_reminders")
        assert "Switched on by Alice Operator" in words(at)
        world.worker.do_link_ends()
        assert state(world) is MessageState.WAITING
        press(at.run(), "rule_off_reminders")
        assert world.services.messages.rules.all()[MessageRule.REMINDERS] is None
        (message,) = world.services.messages.outbox.listing()
        assert "Onfile, by itself" in words(
            open_page("outbox", as_="alice", query={"message": message.id})
        )

    def test_not_by_viewers_nor_without_a_server(self, open_page, world) -> None:
        assert not [key for key in keys(open_page("outbox", as_="vera")) if "rule_" in key]
        world.services.messages.requests.can_send = False
        assert not [key for key in keys(open_page("outbox", as_="alice")) if "rule_" in key]


class TestTexts:
    @pytest.fixture
    def at(self, open_page):
        return open_page("message_texts", as_="alice")

    def place(self, at) -> str:
        return next(str(area.key) for area in at.text_area).removeprefix("message_texts_body_")

    def write(self, at, body: str):
        at.text_area(key=f"message_texts_body_{self.place(at)}").set_value(body).run()
        return at

    def test_saved_previewed_used_and_back_to_the_default(self, at, world, link) -> None:
        self.write(at, "Dear {name},\n\n{link}\n\nSee you, {company}")
        press(at, "message_texts_save")
        assert "Version 1" in words(at)
        composed = world.services.messages.composer.about_link(link)
        assert composed is not None
        assert composed.message.text.startswith("Dear =1+1")
        press(at, "message_texts_reset")
        assert "The default again" in words(at)
        assert "{greeting}" in at.text_area[0].value

    def test_a_missing_field_is_found_before_it_is_saved(self, at, world) -> None:
        self.write(at, "Hello {name}")
        assert "lacks \\{link\\}" in words(at) or "lacks {link}" in words(at)
        press(at, "message_texts_save")
        assert world.services.messages.templates.changed() == set()

    def test_somebody_was_faster(self, at, world) -> None:
        templates = world.services.messages.templates
        language = world.services.languages.without_a_database([])
        template = templates.current(MessageKind.LINK, language)
        self.write(at, "Dear {name},\n\n{link}")
        templates.save(MessageKind.LINK, language, template, after=0, by=ALICE)
        press(at, "message_texts_save")
        assert "Somebody saved another version" in words(at)
        assert len(templates.versions(MessageKind.LINK, language)) == 1
        assert "Dear" in at.text_area[0].value, "what was written is still there"
        press(at, "message_texts_show_newer")
        assert "{greeting}" in at.text_area[0].value

    def test_another_language(self, at) -> None:
        at.selectbox(key="message_texts_language").set_value("ja").run()
        assert "お支払い情報" in at.text_input[0].value

    def test_a_test_to_oneself(self, at, world) -> None:
        press(at, "message_texts_test")
        press(at, "message_texts_test")
        messages = world.services.messages.outbox.listing()
        assert [(one.is_test, one.address.startswith("alice")) for one in messages] == [
            (True, True),
            (True, True),
        ]

    def test_viewers_read_only(self, open_page) -> None:
        at = open_page("message_texts", as_="vera")
        assert at.text_area[0].disabled
        assert not {"message_texts_save", "message_texts_reset", "message_texts_test"} & keys(at)
