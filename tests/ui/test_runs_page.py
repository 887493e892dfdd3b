"""Runs: the list, one run from draft to its end, and what each person may do."""

from __future__ import annotations

import csv
import io
import re
import sqlite3
from hashlib import sha256
from types import SimpleNamespace

import pytest
import python_calamine

from lib.domain.actors import Actor, Role
from lib.domain.limits import Limits
from lib.domain.runs import RUNS_AT_ONCE, RowState, RunState
from lib.errors import Refused
from lib.reports.waiting import Approvals
from lib.spreadsheets.reading import read_file
from lib.ui import navigation, run_certificate, run_words
from tests.beginnings import made_once
from tests.charge_runs import (
    approve,
    approved,
    counts,
    draft,
    executed,
    rows_of,
    started,
    submitted,
    uow,
)
from tests.services.runs.test_new_cards import charge_of, failing, saves_a_card, tick
from tests.spreadsheets.case_files import csv_of
from tests.tries import try_again
from tests.ui.charge_pages import button, buttons, choose, confirm, fetched, ran, sent, text
from tests.ui.conftest import PASSWORD
from tests.world import ADA, ALICE, ALWAYS_DECLINES, NO_MONEY, World


def row(world: World, reference: str = "INV-1", number: str = "4242424242424242"):
    customer = world.customer()
    return (customer, world.save_card(customer, number), 1234, reference)


def toasts(at) -> list[str]:
    return [toast.value.replace("\\", "") for toast in at.toast]


def state_of(world: World, run_id: str) -> RunState:
    return world.services.runs.control.find(run_id).state


def submit(world: World, run_id: str):
    return world.services.runs.approvals.submit(run_id, by=ALICE)


class TestApprovedAgain:
    """An approval that no longer holds: said, asked for, given again, all from the page."""

    def test_from_the_page(self, open_page, world) -> None:
        run = approved(world, [row(world)])
        world.clock.advance(days=15)
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert "14 days old" in at.warning[0].value
        assert "run_start" not in buttons(at)
        ran(button(at, "run_ask_again").click().run())
        assert "run_ask_again" not in buttons(open_page("runs", as_="alice", query={"run": run.id}))
        assert "Approve again" in text(open_page("approvals", as_="bob"))
        labels = [link.proto.label for link in open_page("home", as_="bob").get("page_link")]
        assert "**1 waits for your approval**" in labels
        at = open_page("runs", as_="bob", query={"run": run.id})
        assert "Waits to be approved again" in text(at)
        at.text_input(key="run_password").set_value(PASSWORD)
        ran(button(at, "run_approve").click().run())
        assert "goes on when somebody starts" in toasts(at)[0]
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert not at.warning
        assert "Approved again" in text(at)
        assert "Holds until" in text(at)
        ran(button(confirm(at), "run_start").click().run())
        assert state_of(world, run.id) is RunState.RUNNING

    def test_a_new_card_that_waits_for_it(self, open_page, world) -> None:
        run = executed(world, [failing(world)], charge_new_cards=True)
        saves_a_card(world, charge_of(world, run))
        world.services.users.disable("bob", by=ADA)
        tick(world)
        at = open_page("runs", as_="ada", query={"run": run.id})
        assert "Customers of rows that failed saved a new card" in text(at)
        at.text_input(key="run_password").set_value(PASSWORD)
        ran(button(at, "run_approve").click().run())
        assert "charged within minutes" in toasts(at)[0]
        assert world.services.runs.control.find(run.id).stop_code is None

    def test_its_maker_only_reads_it(self, open_page, world) -> None:
        run = approved(world, [row(world)])
        world.services.users.set_roles("alice", {Role.OPERATOR, Role.APPROVER}, by=ADA)
        world.services.users.disable("bob", by=ADA)
        world.services.runs.control.ask_again(run.id, by=ALICE)
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert "somebody else decides" in text(at)
        assert "run_approve" not in buttons(at)


def test_rows_are_counted_as_they_are_searched(open_page, world) -> None:
    run = executed(world, [row(world), row(world, "INV-2"), failing(world, "INV-3")])
    at = open_page("runs", as_="vera", query={"run": run.id, "view": "rows"})
    assert at.pills(key="run_rows_state").options == ["Declined · 1", "Succeeded · 2"]
    assert "3 rows" in text(at)
    at.text_input(key="run_rows_search").set_value("INV-2").run()
    assert at.pills(key="run_rows_state").options == ["Declined · 0", "Succeeded · 1"]
    assert "1 row" in text(at)


def mend(at, press: str, why: str, *, row: int = 2, **cells: str) -> None:
    """In the form beside the table; whatever is pressed there."""

    def named(kind, ending: str):
        return next(
            one
            for one in kind
            if (one.key or "").startswith(f"run_row_{row}_") and (one.key or "").endswith(ending)
        )

    for cell, text_ in cells.items():
        kind = at.selectbox if cell in ("currency", "method") else at.text_input
        named(kind, f"_{cell}").set_value(text_)
    named(at.text_input, "_reason").set_value(why)
    ran(named(at.button, f"_{press}").click().run())


class TestList:
    def test_empty(self, open_page) -> None:
        assert "No runs yet" in text(open_page("runs", as_="alice"))

    def test_a_row_opens_its_run(self, open_page, world) -> None:
        run_id = draft(world, [row(world)])
        at = open_page("runs", as_="vera")
        assert list(at.dataframe[0].value["sums"]) == ["$12.34"]
        ran(choose(at, "runs_rows"))
        assert at.query_params["run"] == run_id

    def test_finished_with_failures_is_said_so(self, open_page, world) -> None:
        executed(world, [row(world)])
        executed(world, [row(world, "INV-2"), row(world, "INV-3", ALWAYS_DECLINES)])
        [frame] = open_page("runs", as_="vera").dataframe
        assert sorted(state[0] for state in frame.value["state"]) == [
            "Finished",
            "Finished with failures",
        ]

    def test_an_address_that_means_nothing(self, open_page) -> None:
        at = open_page("runs", as_="alice", query={"run": "run_nothing"})
        assert "No such run" in text(at)


class TestDraft:
    def test_is_submitted_with_control_totals(self, open_page, world) -> None:
        run_id = draft(world, [row(world)])
        at = open_page("runs", as_="alice", query={"run": run_id})
        assert not any(c.isdigit() for c in at.text_input(key="run_control_rows").placeholder)
        at.text_input(key="run_control_rows").set_value("1")
        at.text_input(key="run_control_totals").set_value("12.34 usd; 0 eur")
        ran(button(at, "run_submit").click().run())
        assert state_of(world, run_id) is RunState.AWAITING_APPROVAL
        at = open_page("runs", as_="bob", query={"run": run_id})
        assert "The maker expected 1 row, $12.34, €0.00 in all" in text(at)

    def test_takes_the_totals_as_the_draft_shows_them(self, open_page, world) -> None:
        customer = row(world)[0]
        file = csv_of([(customer, "1234.50", "eur", "INV-1"), (customer, "120", "gbp", "INV-2")])
        runs = world.services.runs
        run_id = runs.files.create_run(runs.files.open(file, "f.csv"), name="f", by=ALICE).id
        at = open_page("runs", as_="alice", query={"run": run_id})
        at.text_input(key="run_control_totals").set_value("€1,234.50 · £120.00")
        ran(button(at, "run_submit").click().run())
        assert state_of(world, run_id) is RunState.AWAITING_APPROVAL

    def test_a_total_that_can_mean_two_sums_is_asked(self, open_page, world) -> None:
        run_id = draft(world, [(*row(world)[:2], 123_400, "INV-1")])
        at = open_page("runs", as_="alice", query={"run": run_id})
        at.text_input(key="run_control_totals").set_value("1.234 usd")
        button(at, "run_submit").click().run()
        assert state_of(world, run_id) is RunState.DRAFT
        (sums,) = [one for one in at.button_group if "can mean two sums" in one.label]
        sums.set_value("comma")
        ran(button(at, "run_submit").click().run())
        assert state_of(world, run_id) is RunState.AWAITING_APPROVAL

    @pytest.mark.parametrize(
        ("rows", "totals", "says"),
        [
            ("2", "", "You expect 2 rows, but this run holds 1."),
            ("1", "12.35 usd", "but the file's rows add up to"),
            ("one", "", "in digits"),
            ("", "12.34", "with its currency"),
        ],
    )
    def test_is_not_when_the_maker_expects_something_else(
        self, open_page, world, rows, totals, says
    ) -> None:
        run_id = draft(world, [row(world)])
        at = open_page("runs", as_="alice", query={"run": run_id})
        at.text_input(key="run_control_rows").set_value(rows)
        at.text_input(key="run_control_totals").set_value(totals)
        button(at, "run_submit").click().run()
        assert says in text(at)
        assert state_of(world, run_id) is RunState.DRAFT

    def test_a_row_is_left_out_and_taken_back(self, open_page, world) -> None:
        run_id = draft(world, [row(world), row(world, "INV-2")])
        at = open_page("runs", as_="alice", query={"run": run_id, "view": "rows"})
        choose(at, "run_rows")
        mend(at, "leave_out", "paid by cheque")
        assert [one.state for one in rows_of(world, run_id)] == ["cancelled", "planned"]
        at = open_page("runs", as_="alice", query={"run": run_id, "view": "rows"})
        choose(at, "run_rows")
        mend(at, "leave_out", "it bounced")
        assert [one.state for one in rows_of(world, run_id)] == ["planned", "planned"]

    def test_a_viewer_only_looks(self, open_page, world) -> None:
        run_id = draft(world, [row(world)])
        at = open_page("runs", as_="vera", query={"run": run_id})
        assert not buttons(at) & {"run_submit", "run_check", "run_cancel"}


class TestDeciding:
    def test_the_approver_types_the_password_again(self, open_page, world) -> None:
        run_id = draft(world, [row(world)])
        submit(world, run_id)
        at = open_page("runs", as_="bob", query={"run": run_id})
        at.text_input(key="run_password").set_value("wrong password")
        button(at, "run_approve").click().run()
        assert "not your password" in at.error[0].value
        at.text_input(key="run_password").set_value(PASSWORD)
        at = ran(button(at, "run_approve").click().run())
        assert toasts(at) == ["Approved. Nothing is charged until somebody starts it."]
        assert state_of(world, run_id) is RunState.APPROVED

    def test_the_approver_reads_what_else_is_approved(self, open_page, world) -> None:
        plain = submitted(world, [row(world)])
        page_text = text(open_page("runs", as_="bob", query={"run": plain.id}))
        assert "Pauses after" not in page_text
        assert "one more try" not in page_text
        rows = [row(world, f"INV-{n}") for n in range(2, 5)]
        run = submitted(world, rows, canary=2, charge_new_cards=True)
        page_text = text(open_page("runs", as_="bob", query={"run": run.id}))
        assert "Pauses after the first 2 rows to be looked at." in page_text
        assert "Also allows one more try when a customer saves a new card." in page_text

    @pytest.mark.parametrize(
        ("count", "words"), [(1, "1 row is stopped: "), (2, "2 rows are stopped: ")]
    )
    def test_the_approver_reads_how_many_rows_are_stopped(
        self, open_page, world, count, words
    ) -> None:
        alike = [(*row(world)[:3], "inv 01") for _ in range(count)]
        for customer, *_ in alike:
            world.charge(customer, reference="INV-1")
        run_id = draft(world, alike)
        world.services.runs.drafts.check_again(run_id, by=ALICE)
        assert "0 rows can be charged. " in text(
            open_page("runs", as_="alice", query={"run": run_id})
        )
        submit(world, run_id)
        page_text = text(open_page("runs", as_="bob", query={"run": run_id}))
        assert words in page_text
        apart = f"{count} more {'row' if count == 1 else 'rows'}, ${count * 12.34:.2f}, "
        for page in (page_text, text(open_page("approvals", as_="bob"))):
            assert apart in page
            assert "0 rows" in page
        assert f"and {count} stopped" in page_text

    def test_a_second_approver_is_needed(self, open_page, world) -> None:
        with uow(world).write() as stores:
            stores.limits.set("usd", Limits(per_run=1), by="ada", at=world.now)
        run = submitted(world, [row(world)])
        at = open_page("runs", as_="bob", query={"run": run.id})
        at.text_input(key="run_password").set_value(PASSWORD)
        at = ran(button(at, "run_approve").click().run())
        said = "Approved by you. One more person has to approve."
        assert toasts(at) == [said]
        assert said in text(at)
        assert "run_approve" not in buttons(at)
        at = open_page("runs", as_="ada", query={"run": run.id})
        assert "Approved once, by Bob" in text(at)

    def test_rejecting_needs_a_reason(self, open_page, world) -> None:
        run_id = draft(world, [row(world)])
        submit(world, run_id)
        at = open_page("runs", as_="bob", query={"run": run_id})
        at.text_input(key="run_password").set_value(PASSWORD)
        button(at, "run_reject").click().run()
        assert "Say why" in at.error[0].value
        assert at.get("form")[0].get("error"), "beside the field"
        at.text_input(key="run_password").set_value(PASSWORD)
        at.text_input(key="run_reason").set_value("Wrong month")
        ran(button(at, "run_reject").click().run())
        assert state_of(world, run_id) is RunState.REJECTED

    @pytest.mark.parametrize("press", ["run_approve", "run_reject"])
    def test_only_what_stood_on_the_page(self, open_page, world, press) -> None:
        """Meanwhile the maker took a row back in that was left out."""
        run_id = draft(world, [row(world), row(world, "INV-2")])
        world.services.runs.corrections.leave_out(run_id, [3], reason="not now", by=ALICE)
        submit(world, run_id)
        at = open_page("runs", as_="bob", query={"run": run_id})
        world.services.runs.approvals.withdraw(run_id, by=ALICE)
        world.services.runs.corrections.take_back(run_id, [3], reason="not now", by=ALICE)
        submit(world, run_id)
        at.text_input(key="run_password").set_value(PASSWORD)
        at.text_input(key="run_reason").set_value("Wrong month")
        button(confirm(at), press).click().run()
        assert "not what you looked at" in at.error[0].value
        assert state_of(world, run_id) is RunState.AWAITING_APPROVAL
        at.text_input(key="run_password").set_value(PASSWORD)
        button(confirm(at), press).click().run()
        assert state_of(world, run_id) is not RunState.AWAITING_APPROVAL, "it was shown since"

    def test_the_maker_cannot(self, open_page, world) -> None:
        run_id = draft(world, [row(world)])
        submit(world, run_id)
        at = open_page("runs", as_="alice", query={"run": run_id})
        assert "run_approve" not in buttons(at)
        ran(button(at, "run_withdraw").click().run())
        assert state_of(world, run_id) is RunState.DRAFT


class TestExecuting:
    def test_start_pause_and_resume(self, open_page, world) -> None:
        run = approved(world, [row(world)])
        for press, after in (
            ("run_start", RunState.RUNNING),
            ("run_pause", RunState.PAUSED),
            ("run_resume", RunState.RUNNING),
        ):
            at = open_page("runs", as_="alice", query={"run": run.id})
            ran(button(confirm(at), press).click().run())
            assert state_of(world, run.id) is after

    def test_the_button_says_what_starting_charges(self, open_page, world) -> None:
        run = approved(world, [row(world), row(world, "INV-2")])
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert button(at, "run_start").label.replace("\\", "") == "Charge 2 rows: $24.68"

    def test_the_button_stays_short(self) -> None:
        sums = {code: {"planned": 100} for code in ("eur", "gbp", "usd")} | {"chf": {"blocked": 5}}
        view = SimpleNamespace(counts={"planned": 1, "blocked": 1}, totals=sums)
        assert run_words.to_charge(view) == "Charge 1 row: €1.00 · £1.00 and more"

    def test_cancelling_keeps_what_was_sent(self, open_page, world) -> None:
        run = approved(world, [row(world)])
        at = open_page("runs", as_="alice", query={"run": run.id})
        ran(button(at, "run_cancel").click().run())
        assert state_of(world, run.id) is RunState.CANCELLED

    def test_failures_stand_with_reason_and_next_step(self, open_page, world) -> None:
        run = executed(world, [row(world), row(world, "INV-2", ALWAYS_DECLINES)])
        at = open_page("runs", as_="vera", query={"run": run.id, "view": "rows"})
        shown = at.dataframe[-1].value
        assert [state[0] for state in shown["state"]] == ["Succeeded", "Declined"]
        assert "The bank refused" in shown["why"].iloc[1]
        at = open_page("runs", as_="vera", query={"run": run.id, "view": "failures"})
        [failed] = [frame.value for frame in at.dataframe]
        assert list(failed["reference"]) == ["INV-2"]
        assert "The bank refused" in failed["why"].iloc[0]
        assert "another card" in failed["next_step"].iloc[0]

    def test_finished_is_not_green_while_something_is_unpaid(self, open_page, world) -> None:
        paid = executed(world, [row(world)])
        at = open_page("runs", as_="vera", query={"run": paid.id})
        assert ":gray-badge[:material/done_all: Finished]" in text(at)
        assert ":green-badge[:material/check_circle: All paid]" in text(at)
        unpaid = executed(world, [row(world, "INV-2"), row(world, "INV-3", ALWAYS_DECLINES)])
        at = open_page("runs", as_="vera", query={"run": unpaid.id})
        assert ":orange-badge[:material/credit_card_off: With failures · 1]" in text(at)
        assert "All paid" not in text(at)


class TestViews:
    """One thing is told in one place, and each place has an address."""

    def names(self, at) -> list[str]:
        return [option.split(" · ")[0] for option in at.segmented_control(key="run_view").options]

    def test_the_first_says_what_came_in_and_what_is_left(self, open_page, world) -> None:
        run = executed(world, [row(world), row(world, "INV-2", ALWAYS_DECLINES)])
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert self.names(at) == ["Overview", "Failures", "Rows", "Certificate"]
        page_text = text(at)
        assert "1 row failed and is still owed." in page_text
        assert "Not compared with Stripe yet." in page_text
        # The sums, and no list of rows.
        assert [list(frame.value.columns) for frame in at.dataframe] == [
            ["code", "succeeded", "declined"]
        ]
        ran(button(at, "run_left_declined").click().run())
        assert at.query_params["view"] == "failures"
        assert "still owed" not in text(at)

    def test_only_views_of_what_there_is(self, open_page, world) -> None:
        run_id = draft(world, [row(world)])
        assert self.names(open_page("runs", as_="alice", query={"run": run_id})) == [
            "Overview",
            "Rows",
        ]
        paid = executed(world, [row(world, "INV-2")])
        query = {"run": paid.id, "view": "failures"}
        assert "Nothing: all that was sent is paid" in text(
            open_page("runs", as_="alice", query=query)
        )

    def test_what_is_processing_is_not_counted_as_paid(self, open_page, world) -> None:
        run = executed(world, [row(world), row(world, "INV-2")])
        world.change(
            "DROP TRIGGER attempts_take_steps_in_order",
            "UPDATE attempts SET outcome = 'processing' WHERE run_row = 3",
        )
        at = open_page("runs", as_="vera", query={"run": run.id})
        figures = {metric.label: metric.value for metric in at.metric}
        assert (figures["Paid"], figures["Processing"]) == ("1", "1")
        assert "1 row is processing" in text(at)
        assert "Some still open]" in text(at)
        assert "All paid" not in text(at)

    def test_failures_of_one_reason_are_taken_together(self, open_page, world) -> None:
        rows = [row(world, "INV-1", ALWAYS_DECLINES), row(world, "INV-2", NO_MONEY)]
        run = executed(world, rows)
        at = open_page("runs", as_="alice", query={"run": run.id, "view": "failures"})
        assert len(at.dataframe[0].value) == 2
        at.pills(key="run_failures_reason").set_value("not_enough_money").run()
        assert list(at.dataframe[0].value["reference"]) == ["INV-2"]
        ran(button(at, "run_recover_again").click().run())
        made = at.query_params["run"]
        assert [one.reference for one in rows_of(world, made)] == ["INV-2"]
        assert "view" not in at.query_params

    def test_an_address_that_names_a_row_means_the_rows(self, open_page, world) -> None:
        run_id = draft(world, [row(world), row(world, "INV-2")])
        at = open_page("runs", as_="alice", query={"run": run_id, "row": "3"})
        assert "**Row 3**" in text(at)
        at.segmented_control(key="run_view").set_value("overview").run()
        assert "row" not in at.query_params
        assert "**Row 3**" not in text(at)


class TestLive:
    @pytest.fixture
    @made_once
    def run_id(self, world: World) -> str:
        """Seven rows: one left out, one blocked, two charged, one refused, two to come; it is running."""
        rows = [row(world, f"INV-{n}") for n in (1, 2)]
        rows += [row(world, "INV-3", ALWAYS_DECLINES), row(world, "INV-4"), row(world, "INV-5")]
        gone = row(world, "INV-6")
        run_id = draft(world, [gone, *rows, row(world, "INV-7")])
        with uow(world).write() as stores:
            stores.run_rows.mark(run_id, 8, before=RowState.PLANNED, after=RowState.CANCELLED)
        submit(world, run_id)
        approve(world, world.services.runs.control.find(run_id))
        world.services.payment_methods.detach(gone[1], by=ALICE)
        world.services.runs.control.start(run_id, by=ALICE)
        executor = world.services.runs.executor
        executor.in_flight = 1
        assert executor.execute(run_id, should_stop=lambda: counts(world, run_id).get("declined"))
        return run_id

    def progress(self, at) -> str:
        return next(e.proto.text for e in at.get("progress"))

    def test_counts_what_is_sent_and_says_nothing_of_time_without_a_rate(
        self, open_page, world, run_id
    ) -> None:
        at = open_page("runs", as_="vera", query={"run": run_id})
        assert self.progress(at) == "3 of 5 rows"
        line = next(m.value for m in at.markdown if "Planned" in m.value)
        assert re.findall(r": ([^]]+)]", line) == [
            "Succeeded · 2",
            "Declined · 1",
            "Planned · 2",
            "Blocked · 1",
            "Cancelled · 1",
        ]
        assert "It goes on by itself within seconds" in text(at)

    def test_the_rate_is_of_rows_that_ended(self, open_page, world, run_id) -> None:
        world.clock.advance(seconds=10)
        with sqlite3.connect(world.settings.database) as shell:
            shell.execute("UPDATE attempts SET outcome_at = outcome_at + 5")
        at = open_page("runs", as_="vera", query={"run": run_id})
        assert self.progress(at) == "3 of 5 rows · 0.3 a second · about 7 seconds left"

    def test_one_that_waits_says_for_which_runs(self, open_page, world, run_id) -> None:
        others = []
        for number in range(RUNS_AT_ONCE):
            world.clock.advance(seconds=1)
            others.append(started(world, [row(world, f"O-{number}")]))
        for other in others:
            world.services.runs.executor.take(other)
        names = [world.services.runs.control.find(other).name for other in others]
        page_text = text(open_page("runs", as_="vera", query={"run": run_id}))
        assert f"Waits for its turn. Being charged now: {', '.join(names)}." in page_text
        page_text = text(open_page("runs", as_="vera", query={"run": others[0]}))
        assert "Waits for" not in page_text
        assert "No process" not in page_text


def test_waiting_runs_are_counted(world) -> None:
    assert world.services.reports.waiting.counts()["runs"] == 0
    run = submitted(world, [row(world)])
    assert world.services.reports.waiting.counts()["runs"] == 1
    world.services.runs.control.start(approve(world, run).id, by=ALICE)
    assert world.services.reports.waiting.counts()["runs"] == 0


def test_what_waits_is_counted_for_each_person(world) -> None:
    submitted(world, [row(world)])
    waiting = world.services.reports.waiting
    assert waiting.approvals("bob") == Approvals(to_decide=1, mine=0)
    assert waiting.approvals("alice") == Approvals(to_decide=0, mine=1)
    other = Actor("olga", "Olga", frozenset({Role.OPERATOR}))
    assert navigation.waiting(world.services, other)["approvals"] == 0
    assert navigation.waiting(world.services, ALICE)["approvals"] == 1


def test_home_tells_approvers_and_nobody_else(open_page, world) -> None:
    submitted(world, [row(world)])
    labels = [link.proto.label for link in open_page("home", as_="bob").get("page_link")]
    assert "**1 waits for your approval**" in labels
    labels = [link.proto.label for link in open_page("home", as_="alice").get("page_link")]
    assert not any("your approval" in label for label in labels)


def test_a_charge_and_the_audit_log_name_their_run(open_page, world) -> None:
    run = executed(world, [row(world)])
    charge = world.services.reports.charges.page().frame["id"].iloc[0]
    at = open_page("charges", as_="vera", query={"charge": charge})
    labels = [link.proto.label for link in at.get("page_link")]
    assert f"Run: {run.name}" in labels
    log = world.services.reports.audit.page(actions=("run.",)).frame
    assert set(log["about"]) == {run.name}


def test_failures_become_a_new_draft(open_page, world) -> None:
    run = executed(world, [row(world), row(world, "INV-2", ALWAYS_DECLINES)])
    at = open_page("runs", as_="alice", query={"run": run.id, "view": "failures"})
    ran(button(at, "run_recover_again").click().run())
    made = world.services.runs.control.find(at.query_params["run"])
    assert (made.follows, made.state) == (run.id, RunState.DRAFT)


def test_open_references_become_a_draft(open_page, world) -> None:
    customer, method, _, reference = row(world, "INV-9", ALWAYS_DECLINES)
    world.charge(customer, reference=reference, method=method)
    at = open_page("new_run", as_="alice")
    at.segmented_control(key="new_run_source").set_value("open").run()
    ran(button(at, "new_run_open").click().run())
    assert list(world.services.reports.runs.page().frame["name"]) == ["Open references"]


class TestCertificate:
    def test_compared_and_printed_from_the_page(self, open_page, world) -> None:
        run = executed(world, [row(world), row(world, "INV-2", ALWAYS_DECLINES)])
        at = open_page("runs", as_="alice", query={"run": run.id, "view": "certificate"})
        assert "compares a finished run with Stripe by itself" in text(at)
        ran(at.button(key="run_certify").click().run())
        assert "agree to the cent" in text(at)
        sums = next(d.value for d in at.dataframe if "stripe" in d.value.columns)
        assert not {"open", "refunded", "elsewhere"} & set(sums.columns)
        assert list(sums["stripe"]) == ["$12.34"]
        assert world.services.runs.certificates.last(run.id).by == "alice"

    def test_whoever_prints_it_has_it_made_again(self, open_page, world) -> None:
        run = executed(world, [row(world)])
        world.services.runs.certificates.certify(run.id, by=ALICE)
        at = open_page("runs", as_="vera", query={"run": run.id, "view": "certificate"})
        ran(at.button(key="run_certificate").click().run())
        assert world.services.runs.certificates.last(run.id).by == "vera"

    def test_the_list_says_what_it_holds(self, open_page, world) -> None:
        run = executed(world, [row(world), row(world, "INV-2", ALWAYS_DECLINES)])
        world.services.runs.certificates.certify(run.id, by=ALICE)
        at = open_page("runs", as_="vera", query={"run": run.id, "view": "certificate"})
        assert [one.label for one in at.expander if "paid" in one.label] == [
            "1 row not paid, each with its reason"
        ]

    def test_its_parts_are_counted_apart(self) -> None:
        weights = ["red", "red", "amber", "note", "note", "note"]
        assert run_certificate.counted(weights, {"declined": 1, "blocked": 1, "succeeded": 3}) == (
            "2 differences · 1 open outcome · 2 rows not paid, each with its reason · 1 note"
        )

    def test_a_difference_cannot_be_overlooked(self, open_page, world) -> None:
        run = executed(world, [row(world)])
        charge = rows_of(world, run.id)[0].charge_id
        intent = world.services.charges.view(charge).last.payment_intent
        world.stripe.alter(intent, {"amount_received": 1_233})
        at = open_page("runs", as_="alice", query={"run": run.id, "view": "certificate"})
        ran(at.button(key="run_certify").click().run())
        assert "do not agree" in text(at)
        assert any(
            "Stripe moved $12.33" in str(d.value["text"].tolist())
            for d in at.dataframe
            if "text" in d.value.columns
        )

    def test_viewers_only_read_it(self, open_page, world) -> None:
        run = executed(world, [row(world)])
        at = open_page("runs", as_="vera", query={"run": run.id, "view": "certificate"})
        assert "run_certify" not in buttons(at)


class TestCollectedElsewhere:
    def test_counts_there_and_is_told_here(self, open_page, world) -> None:
        run = executed(world, [row(world), row(world, "INV-2", ALWAYS_DECLINES)])
        failed = rows_of(world, run.id)[1]
        world.clock.advance(days=3)
        card = world.save_card(failed.customer)
        try_again(world.services.charges, failed.charge_id, by=ALICE, payment_method=card)
        at = open_page("runs", as_="alice", query={"run": run.id})
        assert "Collected later of what failed here: $12.34 singly. These sums count there" in text(
            at
        )
        assert "failures" not in at.segmented_control(key="run_view").options
        assert "Nothing: all that was sent is paid, or was collected since." in text(at)
        at = open_page("runs", as_="alice", query={"run": run.id, "view": "rows"})
        shown = at.dataframe[-1].value
        assert [state[0] for state in shown["state"]] == ["Succeeded", "Declined"]
        assert shown["why"].iloc[1].endswith("Collected later singly.")


def test_a_chosen_row_is_told_in_full(open_page, world) -> None:
    run = executed(world, [row(world, "INV-2", ALWAYS_DECLINES)])
    at = open_page("runs", as_="vera", query={"run": run.id, "view": "rows"})
    told = at.dataframe[-1].value["why"].iloc[0]
    assert told not in text(at)
    assert told in text(choose(at, "run_rows"))


def test_approvals_tells_what_would_be_charged_and_who_asks(open_page, world) -> None:
    run_id = draft(world, [row(world), row(world, "INV-2"), row(world, "INV-3")])
    world.services.runs.corrections.leave_out(run_id, [3], reason="not now", by=ALICE)
    submit(world, run_id)
    page_text = text(open_page("approvals", as_="bob"))
    assert "2 rows to charge, $24.68" in page_text
    assert "Submitted by Alice" in page_text


class TestOutlook:
    def test_an_approver_reads_what_is_unusual(self, open_page, world) -> None:
        first = row(world)
        executed(world, [first, row(world, "INV-2")])
        world.clock.advance(days=7)
        run = submitted(world, [(*first[:2], 3_851, "INV-3"), row(world, "INV-4")])
        page_text = text(open_page("runs", as_="bob", query={"run": run.id}))
        assert "1 new payer" in page_text
        assert "1 usual one missing" in page_text
        assert "+212 %" in page_text
        assert "2 earlier charges: too few" in page_text

    def test_the_first_run(self, open_page, world) -> None:
        run_id = draft(world, [row(world)])
        assert "The first run" in text(open_page("runs", as_="alice", query={"run": run_id}))


class TestBringingBack:
    def test_only_the_chosen_rows(self, open_page, world) -> None:
        run = executed(world, [row(world, f"INV-{at}", ALWAYS_DECLINES) for at in range(3)])
        at = open_page("runs", as_="alice", query={"run": run.id, "view": "failures"})
        rows = sha256(b"2\n3\n4").hexdigest()[:12]
        ran(choose(at, f"run_failed_{rows}", 1))
        assert "INV-1" in text(at)
        ran(button(at, "run_recover_again").click().run())
        made = at.query_params["run"]
        made = made[0] if isinstance(made, list) else made
        assert [one.reference for one in rows_of(world, made)] == ["INV-1"]

    def test_blocked_rows_that_come_along_are_told(self, open_page, world) -> None:
        gone = row(world, "INV-0")
        run_id = draft(
            world,
            [
                gone,
                row(world, "INV-1", ALWAYS_DECLINES),
                row(world, "INV-2"),
                row(world, "INV-3", ALWAYS_DECLINES),
            ],
        )
        world.services.users.add_practice_users()
        world.services.runs.corrections.leave_out(run_id, [4], reason="not now", by=ALICE)
        run = approve(world, submit(world, run_id))
        world.services.payment_methods.detach(gone[1], by=ALICE)
        world.services.runs.control.start(run.id, by=ALICE)
        assert world.services.runs.executor.execute(run.id)
        at = open_page("runs", as_="alice", query={"run": run.id, "view": "failures"})
        taken = "all 2 failed and 1 blocked rows"
        assert f"With none chosen, Try again takes {taken}." in text(at)
        assert taken in button(at, "run_recover_again").help
        assert "all 2 failed rows" in button(at, "run_recover_links").help
        overview = text(open_page("runs", as_="alice", query={"run": run.id}))
        assert "4 rows in all, 1 left out or cancelled" in overview
        ran(button(at, "run_recover_again").click().run())
        assert len(rows_of(world, at.query_params["run"])) == 3

    def test_links_and_messages_to_copy(self, open_page, world) -> None:
        run = executed(world, [row(world, "INV-2", ALWAYS_DECLINES)])
        world.clock.advance(days=31)
        at = open_page("runs", as_="alice", query={"run": run.id, "view": "failures"})
        assert "No customer has to do anything" in text(at)
        ran(button(at, "run_recover_links").click().run())
        (message,) = [code.value for code in at.code if "/l/" in code.value]
        assert "http" in message
        assert "- INV-2: $12.34" in message

    def test_links_that_stripe_refuses_are_not_sent_in_bulk_unawares(
        self, open_page, world
    ) -> None:
        run = executed(world, [row(world, "INV-2", ALWAYS_DECLINES)])
        assert not open_page("runs", as_="alice", query={"run": run.id, "view": "failures"}).error
        world.stripe.configure({"payment_method_types": ["link"]})
        with pytest.raises(Refused):
            world.services.links.create(form_key="a", guest=True, by=ALICE)
        [error] = open_page("runs", as_="alice", query={"run": run.id, "view": "failures"}).error
        assert "Setup links do not work" in error.value
        assert "allowed payment method types" in error.value

    def test_a_new_card_is_told_for_every_row_of_its_customer(self, open_page, world) -> None:
        first = row(world, "INV-1", ALWAYS_DECLINES)
        run = executed(world, [first, (*first[:3], "INV-2")])
        link = world.services.charges.view(rows_of(world, run.id)[0].charge_id).recovery_link
        world.clock.advance(minutes=5)
        world.services.links.open_durable(link.token)
        with uow(world).read() as stores:
            session = stores.link_sessions.last_of(link.id).session_id
        world.finish(session)
        at = open_page("runs", as_="alice", query={"run": run.id, "view": "failures"})
        assert "2 rows wait for another try" in text(at)

    def test_viewers_see_no_buttons(self, open_page, world) -> None:
        run = executed(world, [row(world, "INV-2", ALWAYS_DECLINES)])
        assert not any(
            "recover" in key
            for key in buttons(
                open_page("runs", as_="vera", query={"run": run.id, "view": "failures"})
            )
        )


def test_results_for_accounting_have_amounts_dates_and_sums(open_page, world, services) -> None:
    customer = world.customer("Acme Ltd")
    good, bad = world.save_card(customer), world.save_card(customer, NO_MONEY)
    run = executed(world, [(customer, good, 1234, "INV-1"), (customer, bad, 500, "INV-2")])
    at = open_page("runs", as_="vera", query={"run": run.id})
    file = fetched(ran(at.button(key="run_accounting_csv").click().run()), services)
    assert file.name == f"{run.name}-accounting.csv"
    lines = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    cells = [(line["Row"], line["Amount"], line["Currency"], line["State"]) for line in lines]
    assert [cell[1:] for cell in cells] == [
        ("12.34", "USD", "Succeeded"),
        ("5.00", "USD", "Declined"),
    ]
    assert lines[0]["Payment id"].startswith("pi_")
    assert lines[1]["What happened"]
    book = fetched(ran(at.button(key="run_accounting_xlsx").click().run()), services)
    sheets = python_calamine.load_workbook(io.BytesIO(book.content))
    sums = sheets.get_sheet_by_name("Sums").to_python()
    assert ["USD", "Succeeded", 1, 12.34] in sums
    assert ["USD", "Declined", 1, 5] in sums
    assert at.button(key="run_results_csv"), "the file to charge again stays"


@pytest.mark.parametrize(("name", "is_sent"), [("alice", True), ("bob", False), ("vera", False)])
def test_open_links_are_sent_to_whoever_makes_links(
    open_page, world, services, name: str, is_sent: bool
) -> None:
    run = executed(world, [row(world, "INV-2", ALWAYS_DECLINES)])
    (link,) = world.rows("SELECT token, charge_id FROM setup_links WHERE charge_id IS NOT NULL")
    at = open_page("runs", as_=name, query={"run": run.id})
    for kind in ("csv", "xlsx"):
        click = at.button(key=f"run_results_{kind}").click().run()
        file = fetched(ran(click), services, by=name)
        cells = [cell for one in read_file(file.content, file.name).rows for cell in one.cells]
        assert any(link["token"] in cell for cell in cells) is is_sent
        click = at.button(key=f"run_accounting_{kind}").click().run()
        file = fetched(ran(click), services, by=name)
        assert link["token"] not in str(read_file(file.content, file.name).rows)
    at = open_page("runs", as_=name, query={"run": run.id, "view": "failures"})
    assert (link["token"] in sent(at)) is is_sent
    at = open_page("charges", as_=name, query={"charge": link["charge_id"]})
    assert (link["token"] in sent(at)) is is_sent
