"""A run announced to its payers, and their answers on the pages of staff."""

from __future__ import annotations

import csv
import io

import pytest

from lib.domain.days import day_of
from lib.domain.runs import Run
from lib.store.meta import OUTBOX_DOUBTED
from tests.beginnings import made_once
from tests.charge_runs import approved, invoices, payers
from tests.ui.charge_pages import fetched
from tests.ui.collect_pages import keys, press, words
from tests.world import ALICE, World


class TestAnnouncing:
    """Payers are told before the run begins, and what they answer waits for a person."""

    @pytest.fixture
    @made_once
    def run(self, world: World) -> Run:
        return approved(world, invoices(payers(world, 2)))

    def refused(self, world: World, run: Run) -> str:
        service = world.services.runs.announcements
        on = day_of(world.now, world.services.settings.timezone)
        first, _ = service.announce(run.id, on, by=ALICE).queued
        world.worker.do_mail()
        found = next(one for one in service.of_run(run.id) if one.id == first)
        service.answers.answer(found.token)
        return first

    def test_by_one_click_with_what_they_read_beside_it(self, open_page, world, run) -> None:
        world.change("UPDATE customers SET email = NULL, address_key = NULL WHERE name = 'Payer 1'")
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert "No address is known of 1 payer" in words(at)
        assert any("INV-1: $10.01, Visa •••• 4242" in code.value for code in at.code)
        press(at, "run_announce")
        world.worker.do_mail()
        assert "Announced to 1 payer" in words(at.run())
        assert len(world.services.runs.announcements.of_run(run.id)) == 1

    def test_without_a_mail_server_the_messages_are_taken(
        self, open_page, world, run, monkeypatch
    ) -> None:
        service = world.services.runs.announcements
        monkeypatch.setattr(service, "can_send", False)
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert "run_announce" not in keys(at)
        press(at, "run_announce_take")
        assert all(one.told_at == world.now for one in service.of_run(run.id))
        file = fetched(at, world.services, by="alice").content.decode("utf-8-sig")
        lines = list(csv.DictReader(io.StringIO(file)))
        assert [line["message"].count("/l/answer/") for line in lines] == [1, 1]
        assert "Announced to 2 payers" in words(at.run())

    def test_after_a_restore_a_second_click_says_that_it_is_meant(
        self, open_page, world, run
    ) -> None:
        world.clock.advance(hours=1)
        with world.uow.write() as stores:
            stores.meta.set(OUTBOX_DOUBTED, str(world.now))
        service = world.services.runs.announcements
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert "run_announce_all_the_same" not in keys(at)
        press(at, "run_announce")
        assert service.of_run(run.id) == []
        press(at, "run_announce_all_the_same")
        assert len(service.of_run(run.id)) == 2
        assert "run_announce_all_the_same" not in keys(at)

    def test_nor_are_messages_taken_before_that_is_said(
        self, open_page, world, run, monkeypatch
    ) -> None:
        world.clock.advance(hours=1)
        with world.uow.write() as stores:
            stores.meta.set(OUTBOX_DOUBTED, str(world.now))
        service = world.services.runs.announcements
        monkeypatch.setattr(service, "can_send", False)
        at = open_page("runs", as_="alice", query={"run": run.id})
        press(at, "run_announce_take")
        assert service.of_run(run.id) == []
        assert any("It may have been sent" in error.value for error in at.error)
        at.checkbox(key=f"run_announce_in_doubt_{run.id}").check().run()
        press(at, "run_announce_take")
        assert len(service.of_run(run.id)) == 2

    def test_an_answer_stands_on_home_and_is_one_click_to_the_switch(
        self, open_page, world, run
    ) -> None:
        first = self.refused(world, run)
        assert "1 payer of Run" in words(open_page("home", as_="alice"))
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert "answered “please not”" in words(at)
        press(at, f"answer_hold_{first}")
        assert "not charged any more" in words(at)
        assert "answered “please not”.**" not in words(open_page("home", as_="alice"))
        assert world.services.holds.newest()[0].is_open

    def test_or_it_is_charged_with_a_reason(self, open_page, world, run) -> None:
        first = self.refused(world, run)
        at = open_page("runs", as_="bob", query={"run": run.id})
        at.text_input(key=f"answer_reason_{first}").set_value("Called us")
        press(at, f"answer_aside_{first}")
        assert "charged all the same" in words(at)

    def test_viewers_only_read(self, open_page, world, run) -> None:
        first = self.refused(world, run)
        at = open_page("runs", as_="vera", query={"run": run.id})
        assert "answered “please not”" in words(at)
        assert not {"run_announce", f"answer_hold_{first}"} & keys(at)
