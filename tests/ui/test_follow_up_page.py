"""Follow up: what is marked, or all of a filter, is sent, reminded, issued again or revoked."""

from __future__ import annotations

import csv
import hashlib
import io

import pytest

from lib.domain.links import LinkStatus, SetupLink
from lib.reports.follow_up import BoardFilter
from tests.beginnings import made_once
from tests.ui.charge_pages import fetched
from tests.ui.collect_pages import column, keys, press, words
from tests.world import ALICE, ALWAYS_DECLINES, World


@pytest.fixture
@made_once
def links(world: World) -> list[SetupLink]:
    customers = [world.customer(f"Customer {n}") for n in range(3)]
    return [world.services.links.offer(one, occasion="t", by=ALICE)[0] for one in customers]


def marked(at, world: World, *rows: int):
    ids = world.services.reports.follow_up.ids(BoardFilter())
    table = hashlib.sha256("\n".join(ids).encode()).hexdigest()[:12]
    at.session_state[f"follow_up_rows_{table}"] = {
        "selection": {"rows": list(rows), "columns": [], "cells": []}
    }
    at.run()
    assert not at.exception
    return at


def test_nobody(open_page) -> None:
    at = open_page("follow_up", as_="alice")
    assert "Nobody to follow up" in words(at)
    assert "Make a setup link" in ways_on(at)
    assert "Make a setup link" not in ways_on(open_page("follow_up", as_="vera"))


def test_none_of_a_filter_is_not_nobody(open_page, links) -> None:
    at = open_page("follow_up", as_="alice", query={"follow_up_search": "zzz"})
    assert "No link matches" in words(at)
    assert "Nobody to follow up" not in words(at)


def ways_on(at) -> list[str]:
    return [link.proto.label for link in at.get("page_link")]


def test_marked_ones_are_counted_as_sent_and_reminded(open_page, world: World, links) -> None:
    at = marked(open_page("follow_up", as_="alice"), world, 0, 2)
    press(at, "follow_up_sent")
    sent = [link.sent_at for link in (world.services.links.show(one.id)[0] for one in links)]
    assert sent == [world.now, None, world.now]
    world.clock.advance(days=3)
    at = open_page("follow_up", as_="alice")
    assert column(at, "reminder") == ["1st due", "", "1st due"]
    press(marked(at, world, 0), "follow_up_reminded")
    assert world.services.links.show(links[0].id)[0].reminders == 1


def test_all_of_the_filter_are_revoked_after_one_question(open_page, world: World, links) -> None:
    at = open_page("follow_up", as_="alice")
    at.checkbox(key="follow_up_all").check().run()
    assert "Revoke 3 links?" in words(at)
    press(at, "follow_up_revoke")
    states = {world.services.links.show(one.id)[0].status(world.now) for one in links}
    assert states == {LinkStatus.REVOKED}


def test_two_that_are_marked_are_revoked_and_no_other(open_page, world: World, links) -> None:
    at = marked(open_page("follow_up", as_="alice"), world, 0, 2)
    assert "Revoke 2 links?" in words(at)
    press(at, "follow_up_revoke")
    states = [world.services.links.show(one.id)[0].status(world.now) for one in links]
    assert states == [LinkStatus.REVOKED, LinkStatus.OPEN, LinkStatus.REVOKED]


def test_each_says_what_it_is_for(open_page, world: World, links) -> None:
    customer = world.customer("Payer")
    world.charge(customer, method=world.save_card(customer, ALWAYS_DECLINES))
    at = open_page("follow_up", as_="alice")
    assert {str(when)[:4] for when in column(at, "since")} == {"2026"}
    assert column(at, "purpose") == [*["New card"] * 3, "Failed charge: $12.34"]


def test_a_message_goes_to_each_once_and_a_reminder_too(open_page, world: World, links) -> None:
    at = marked(open_page("follow_up", as_="alice"), world, 0, 1)
    press(at, "follow_up_send_link")
    press(marked(open_page("follow_up", as_="alice"), world, 0, 1), "follow_up_send_link")
    world.worker.run_once()
    messages = world.rows("SELECT link_id, kind FROM outbox ORDER BY link_id")
    assert [row["link_id"] for row in messages] == sorted(one.id for one in links[:2])
    world.clock.advance(days=3)
    at = open_page("follow_up", as_="alice")
    at.toggle(key="follow_up_due").set_value(True).run()
    at.checkbox(key="follow_up_all").check().run()
    press(at, "follow_up_send_reminder")
    world.worker.run_once()
    assert [world.services.links.show(one.id)[0].reminders for one in links] == [1, 1, 0]
    assert world.services.reports.follow_up.counts()[1] == 0


def test_what_may_have_gone_before_an_older_file_was_put_back_is_asked_twice(
    open_page, world: World, links
) -> None:
    world.change("INSERT INTO meta VALUES ('behind_since', :now)", now=str(world.now))
    world.change("DELETE FROM meta WHERE name IN ('behind_since', 'outbox_held_since')")
    at = marked(open_page("follow_up", as_="alice"), world, 0, 1)
    assert "follow_up_send_link_all_the_same" not in keys(at)
    press(at, "follow_up_send_link")
    assert world.services.messages.outbox.listing() == []
    assert "2 messages may have been sent before an older database was put back" in words(at)
    press(at, "follow_up_send_link_all_the_same")
    asked = {message.link_id for message in world.services.messages.outbox.listing()}
    assert asked == {one.id for one in links[:2]}
    assert "follow_up_send_link_all_the_same" not in keys(at)


def test_issued_again(open_page, world: World, links) -> None:
    at = marked(open_page("follow_up", as_="alice"), world, 0)
    press(at, "follow_up_reissue")
    with world.services.uow.read() as stores:
        assert stores.links.replacement_of(links[0].id) is not None


def test_the_file_for_a_mail_merge_has_each_open_link(open_page, world: World, links) -> None:
    at = press(open_page("follow_up", as_="alice"), "follow_up_merge")
    text = fetched(at, world.services, by="alice").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == ["Customer 0", "Customer 1", "Customer 2"]
    assert rows[0]["link"] == world.services.links.durable_url(links[0])


def test_a_viewer_sees_and_acts_on_nothing(open_page, links) -> None:
    at = open_page("follow_up", as_="vera")
    assert column(at, "shown") == ["Customer 0", "Customer 1", "Customer 2"]
    assert not [key for key in keys(at) if key.startswith("follow_up_")]
    assert not at.checkbox


def test_who_saved_a_card_is_thanked_once(open_page, world: World, links) -> None:
    link, session = world.services.links.show(links[0].id)
    world.services.links.open_durable(link.token)
    session = world.services.links.show(link.id)[1]
    assert session is not None
    world.finish(session.session_id or "")
    at = open_page("follow_up", as_="alice", query={"follow_up_stage": "saved"})
    assert "follow_up_send_thanks" not in keys(at)
    at.checkbox(key="follow_up_thank_all").set_value(True).run()
    press(at, "follow_up_send_thanks")
    (message,) = world.services.messages.outbox.listing()
    assert message.subject == "Thank you: your payment details are saved"
    press(at, "follow_up_send_thanks")
    assert len(world.services.messages.outbox.listing()) == 1
    viewer = open_page("follow_up", as_="vera", query={"follow_up_stage": "saved"})
    assert "follow_up_thank_all" not in [box.key for box in viewer.checkbox]


def test_pages_of_revoked_links_are_counted_until_they_are_ended(
    open_page, world: World, links
) -> None:
    world.services.links.open_durable(links[0].token)
    world.services.link_ends.revoke([links[0].id], by=ALICE)
    at = open_page("follow_up", as_="alice")
    assert "1 page of revoked links is still to be ended at Stripe" in words(at)
    world.worker.do_links()
    assert "still to be ended" not in words(at.run())
