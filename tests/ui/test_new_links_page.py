"""Links for many: rows in, each judged, links made by the worker, and the results by our own route."""

from __future__ import annotations

import csv
import io

import pytest

from lib.domain.links import SetupLink
from tests.spreadsheets.case_files import sheet_of
from tests.ui.charge_pages import fetched
from tests.ui.collect_pages import choose_row, column, keys, press, words
from tests.world import ALICE, World

HEADING = "email\tname\treference\n"


@pytest.fixture
def draft(open_page, world: World):
    """A batch of the rows, as its page shows it."""
    world.services.sync.request(by=ALICE)
    world.worker.run_once()

    def made(rows: str):
        at = open_page("new_links", as_="alice")
        at.segmented_control(key="new_links_source").set_value("paste").run()
        at.text_area(key="new_links_pasted").set_value(HEADING + rows).run()
        assert not at.exception
        at.button(key="new_links_check").click().run()
        (view,) = world.services.link_batches.views.newest()
        return open_page("new_links", as_="alice", query={"batch": view.batch.id})

    return made


def links(world: World) -> list[SetupLink]:
    return [listed.link for listed in world.services.links.listing()]


def test_rows_are_judged_made_and_downloaded(draft, open_page, world: World) -> None:
    world.customer("Acme", "acme@example.com")
    at = draft("acme@example.com\tAcme\tINV-1\nnew@example.com\tNew\tINV-2\nnobody\t\tINV-3\n")
    assert column(at, "state") == [["Link to make"], ["New customer"], ["Cannot be made"]]
    press(at, "batch_make")
    assert "You may close this page" in at.get("progress")[0].proto.text
    (view,) = world.services.link_batches.views.newest()
    world.worker.run_once()
    at = open_page("new_links", as_="alice", query={"batch": view.batch.id})
    assert column(at, "state") == [["Link made"], ["Link made"], ["Cannot be made"]]
    press(at, "batch_csv")
    text = fetched(at, world.services, by="alice").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["onfile_state"] for row in rows] == ["created", "created", "failed"]
    assert {link.email for link in links(world)} == {"acme@example.com", "new@example.com"}


def test_a_hidden_sheet_alone_can_only_be_left_out(open_page) -> None:
    rows = [("new@example.com", "New")]
    at = open_page("new_links", as_="alice")
    data = sheet_of(rows, header=("email", "name"), hidden_sheet=rows)
    at.file_uploader(key="new_links_file").set_value(("links.xlsx", data, "text/csv"))
    (control,) = (one for one in at.run().segmented_control if "_hidden_" in (one.key or ""))
    assert list(control.options) == ["Leave out what is hidden"]


def test_who_has_a_card_is_asked_with_a_tick(draft, world: World) -> None:
    customer = world.customer("Acme", "acme@example.com")
    world.save_card(customer)
    before = len(links(world))
    at = draft("acme@example.com\tAcme\tINV-1\n")
    (box,) = at.checkbox
    assert "1 customer who has a card" in box.label
    box.check().run()
    assert at.button(key="batch_make").label == "Make 1 link"
    press(at, "batch_make")
    world.worker.run_once()
    assert len(links(world)) == before + 1


def test_of_twins_a_person_chooses_one(draft, world: World) -> None:
    first = world.customer("Twin One", "twin@example.com")
    world.customer("Twin Two", "twin@example.com")
    at = draft("twin@example.com\tTwin\tINV-1\n")
    assert column(at, "state") == [["Cannot be made"]]
    choose_row(at, "batch_rows", 0)
    assert "Whom does row 2 mean?" in words(at)
    press(at, f"batch_twin_{first}")
    assert column(at, "state") == [["Link to make"]]
    press(at, "batch_make")
    world.worker.run_once()
    assert [link.customer for link in links(world)] == [first]


def test_a_list_that_was_discarded_makes_nothing(draft, world: World) -> None:
    at = draft("new@example.com\tNew\tINV-1\n")
    press(at, "batch_discard")
    world.worker.run_once()
    assert links(world) == []
    assert "batch_make" not in keys(at)


def test_no_such_list(open_page) -> None:
    at = open_page("new_links", as_="alice", query={"batch": "batch_none"})
    assert "No such list" in words(at)


@pytest.fixture
def choice(open_page, world: World):
    """The page, choosing customers of one kind."""
    world.services.sync.request(by=ALICE)
    world.worker.run_once()

    def shown(kind: str):
        at = open_page("new_links", as_="alice")
        at.segmented_control(key="new_links_source").set_value("customers").run()
        at.get_by_key("new_links_kind").set_value(kind).run()
        assert not at.exception
        return at

    return shown


@pytest.mark.parametrize("kind", ["without", "search"])
def test_customers_are_chosen_by_what_is_known_of_them(choice, world: World, kind: str) -> None:
    customer = world.customer("Acme", "acme@example.com")
    at = choice(kind)
    if kind == "search":
        at.text_input(key="new_links_search").set_value("acme").run()
        at.checkbox(key="new_links_every").check().run()
    at.button(key="new_links_choose").click().run()
    (view,) = world.services.link_batches.views.newest()
    (row,) = world.services.link_batches.views.rows(view.batch.id)
    assert (row.row.customer, row.row.state) == (customer, "new")


@pytest.mark.parametrize("kind", ["without", "expiring", "run"])
def test_where_there_is_nobody_the_page_says_so(choice, kind: str) -> None:
    at = choice(kind)
    if kind == "run":
        assert "There are no runs yet." in words(at)
        return
    at.button(key="new_links_choose").click().run()
    assert "There is nobody to ask" in words(at)
