"""The page of charges that wait for a card: sent, cancelled, noted as paid, and what came too late."""

from __future__ import annotations

import csv
import io

import pytest

from lib.domain.charges import ChargeState
from lib.domain.runs import Run
from lib.reports.follow_up import BoardFilter
from lib.reports.frames import records
from lib.ui.board import purpose
from tests.beginnings import made_once
from tests.services.runs.test_waiting_charges import (
    charge_of,
    link_of,
    page_of,
    saves_a_card,
    state,
    tick,
    waiting_run,
)
from tests.ui.charge_pages import button, exported, ran, text
from tests.world import ALICE, ALWAYS_DECLINES, World


@pytest.fixture
@made_once
def run(world: World) -> Run:
    return waiting_run(world, world.customer("Anna Example"))


def test_names_it_with_its_link(open_page, world, run) -> None:
    page_text = text(open_page("waiting", as_="alice"))
    assert "$10.02" in page_text.replace("\\", "")
    assert "Anna Example" in page_text
    assert "INV-2" in page_text.replace("\\", "")
    assert "not asked yet" in page_text


def test_no_link_of_it_says_that_it_failed(world, run) -> None:
    made = link_of(world, charge_of(world, run))
    (row,) = records(world.services.reports.follow_up.page(BoardFilter()))
    assert purpose(row) == "Card for an approved charge: $10.02"
    merged = world.services.link_files.mail_merge([made.id], by=ALICE).decode("utf-8-sig")
    (line,) = csv.DictReader(io.StringIO(merged))
    assert line["purpose"] == "card_for_charge"
    saves_a_card(world, charge_of(world, run), ALWAYS_DECLINES)
    tick(world)
    world.clock.advance(minutes=1)
    (row,) = records(world.services.reports.follow_up.page(BoardFilter(stage="saved")))
    assert purpose(row) == "Card for an approved charge: $10.02", "it was asked for by this one"
    again = world.services.links.recover(charge_of(world, run), by=ALICE).link
    (row,) = records(world.services.reports.follow_up.page(BoardFilter()))
    assert (row["id"], purpose(row)) == (again.id, "Failed charge: $10.02")


def test_all_links_go_once(open_page, world, run) -> None:
    at = open_page("waiting", as_="alice")
    ran(button(at, "waiting_send_all").click().run())
    (message,) = world.services.messages.outbox.of_link(link_of(world, charge_of(world, run)).id)
    assert message.kind == "card_for_charge"


def test_one_whose_link_was_revoked_says_so_and_gets_a_new_one(open_page, world, run) -> None:
    charge = charge_of(world, run)
    old = link_of(world, charge)
    world.services.link_ends.revoke([old.id], by=ALICE)
    world.clock.advance(minutes=1)
    at = open_page("waiting", as_="alice")
    assert "its link was revoked" in text(at)
    assert "waiting_send_all" not in {one.key for one in at.button}, "nobody is sent a dead link"
    ran(button(at, f"waiting_link_{charge}").click().run())
    assert link_of(world, charge).id != old.id
    assert "not asked yet" in text(at)
    assert button(at, "waiting_send_all").label == "Send 1 link"


def test_cancel(open_page, world, run) -> None:
    charge = charge_of(world, run)
    at = open_page("waiting", as_="alice")
    ran(button(at, f"waiting_cancel_{charge}").click().run())
    assert state(world, charge) is ChargeState.CANCELLED
    assert "No charge waits" in text(open_page("waiting", as_="alice"))


def test_paid_otherwise(open_page, world, run) -> None:
    charge = charge_of(world, run)
    at = open_page("waiting", as_="alice")
    ran(button(at, f"waiting_paid_{charge}").click().run())
    assert state(world, charge) is ChargeState.CANCELLED


def test_a_card_that_came_too_late_is_told(open_page, world, run) -> None:
    charge = charge_of(world, run)
    session = page_of(world, link_of(world, charge))
    world.services.runs.waiting_charges.note_paid_otherwise(charge, by=ALICE)
    world.finish(session)
    tick(world)
    assert "paid otherwise before the card came" in text(open_page("waiting", as_="alice"))


def test_one_that_was_charged_is_gone(open_page, world, run) -> None:
    saves_a_card(world, charge_of(world, run))
    tick(world)
    page_text = text(open_page("waiting", as_="alice"))
    assert "No charge waits" in page_text
    assert "not charged" not in page_text


def test_a_viewer_ends_nothing(open_page, world, run) -> None:
    keys = {str(button.key) for button in open_page("waiting", as_="vera").button}
    assert not any(
        key.startswith(("waiting_cancel", "waiting_paid", "waiting_send")) for key in keys
    )


def test_what_waits_leaves_as_a_file(open_page, world, services, run) -> None:
    file = exported(open_page("waiting", as_="vera"), services, "waiting_export", "csv")
    assert file.name == "waiting-for-a-card.csv"
    (line,) = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))
    assert (line["Reference"], line["Amount"], line["Currency"], line["State"]) == (
        "INV-2",
        "10.02",
        "USD",
        "Planned",
    )
    world.services.runs.waiting_charges.note_paid_otherwise(charge_of(world, run), by=ALICE)
    assert not open_page("waiting", as_="vera").menu_button, "nothing waits any more"


def test_submitted_on_the_page(open_page, world) -> None:
    from tests.services.runs.test_waiting_charges import drafted

    run_id = drafted(world, world.customer())
    at = open_page("runs", as_="alice", query={"run": run_id})
    at.checkbox(key="run_wait_for_cards").check()
    ran(button(at, "run_submit").click().run())
    assert world.services.runs.control.find(run_id).wait_for_cards
