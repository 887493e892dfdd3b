"""A draft on its page: rows mended beside the table, one answer for all rows of a kind, another file."""

from __future__ import annotations

import pytest

from lib.domain.correction_fields import Field
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import Choices, Hidden
from lib.domain.runs import RowState, RunState
from lib.errors import Misconfigured
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import approve, rows_of
from tests.spreadsheets.case_files import sheet_of
from tests.stripe_account import delete
from tests.ui.charge_pages import button, buttons, choose, ran, text
from tests.world import ALICE, World

HEADER = "customer,amount,currency,reference,description"


def imported(world: World, *lines: str) -> str:
    files = world.services.runs.files
    upload = files.open("\n".join([HEADER, *lines, ""]).encode(), "may.csv")
    return files.create_run(upload, name="May", by=ALICE).id


def payer(world: World, email: str) -> str:
    customer = world.customer(f"Payer {email}", email=email)
    world.save_card(customer)
    return customer


def of_row(elements, row: int, ending: str):
    """In the form beside the table, whose keys change with every decision about the row."""
    return next(
        one
        for one in elements
        if (one.key or "").startswith(f"run_row_{row}_") and (one.key or "").endswith(ending)
    )


@pytest.fixture
def opened(open_page):
    def opened(run_id: str, row: int | None = None, as_: str = "alice", **more: str):
        query = {"run": run_id, **more} | ({"row": str(row)} if row else {})
        return open_page("runs", as_=as_, query=query)

    return opened


def test_a_row_left_out_is_called_so_until_the_run_starts(world: World, opened) -> None:
    customer = payer(world, "a@example.com")
    run_id = imported(world, f"{customer},5,usd,INV-1,", f"{customer},6,usd,INV-2,")
    world.services.runs.corrections.leave_out(run_id, [3], reason="paid in cash", by=ALICE)
    at = opened(run_id, 3)
    states = next(one.value["state"] for one in at.dataframe if "why" in one.value.columns)
    assert [state for cell in states for state in cell] == ["To charge", "Left out"]
    assert "Left out]" in text(at)
    assert "Cancelled" not in text(at)


def test_what_keeps_a_row_back_is_read_first(world: World, opened) -> None:
    customer = payer(world, "a@example.com")
    world.charge(customer, reference="INV-1", method=world.save_card(customer))
    at = opened(imported(world, f"{customer},5,usd,INV-1,"), view="rows")
    (why,) = next(one.value["why"] for one in at.dataframe if "why" in one.value.columns)
    assert why.startswith("INV-1 was charged already")
    assert "2 saved methods" in why


class TestTheRowBesideTheTable:
    def test_says_what_was_found_and_what_the_file_says(self, world: World, opened) -> None:
        run_id = imported(world, f"{payer(world, 'a@example.com')},12x,usd,INV-1,")
        at = opened(run_id, view="rows")
        assert "Row 2" not in text(at)
        choose(at, "run_rows")
        assert at.query_params["row"] == "2"
        page_text = text(at)
        assert "“12x” is not an amount" in page_text
        assert "Amount, file" in page_text
        assert of_row(at.text_input, 2, "_amount").value == ""
        ran(button(at, "run_row_close").click().run())
        assert "row" not in at.query_params
        assert "is not an amount" not in text(at)

    def test_a_click_on_any_cell_opens_its_row(self, world: World, opened) -> None:
        customer = payer(world, "a@example.com")
        run_id = imported(world, f"{customer},5,usd,INV-1,", f"{customer},6,usd,INV-2,")
        at = opened(run_id, view="rows")
        at.session_state["run_rows"] = {
            "selection": {"rows": [], "columns": [], "cells": [(1, "reference")]}
        }
        ran(at.run())
        assert at.query_params["row"] == "3"

    def test_a_cell_is_corrected_and_the_next_blocked_row_opens(self, world: World, opened) -> None:
        customer = payer(world, "a@example.com")
        run_id = imported(
            world, f"{customer},12x,usd,INV-1,", f"{customer},5,usd,INV-2,", f"{customer},x,usd,C,"
        )
        at = opened(run_id)
        ran(button(at, "run_first_blocked").click().run())
        assert at.query_params["row"] == "2"
        of_row(at.text_input, 2, "_amount").set_value("1,234.50")
        of_row(at.text_input, 2, "_description").set_value("For May")
        of_row(at.button, 2, "_save").click().run()
        assert "Say why" in at.error[0].value
        of_row(at.text_input, 2, "_reason").set_value("read from the invoice")
        ran(of_row(at.button, 2, "_save").click().run())
        mended = rows_of(world, run_id)[0]
        assert (mended.amount, mended.description) == (123_450, "For May")
        assert mended.cells[1] == "12x"
        page_text = text(at)
        assert "read from the invoice (alice)" in page_text
        overview = text(opened(run_id))
        assert (
            "1 row corrected. Amount: 1 row, $1,234.50. Description: 1 row, $1,234.50. "
            "Where sums changed: nothing in the file, $1,234.50 as corrected." in overview
        )
        assert of_row(at.text_input, 2, "_amount").value == "1234.50"
        ran(button(at, "run_row_next").click().run())
        assert at.query_params["row"] == "4"

    def test_a_twin_is_chosen_by_card_and_last_payment(self, world: World, opened) -> None:
        one = payer(world, "twin@example.com")
        world.charge(one, reference="OLD-1")
        two = payer(world, "twin@example.com")
        run_id = imported(world, "twin@example.com,12,usd,INV-1,")
        at = opened(run_id, 2)
        twins = of_row(at.radio, 2, "_twin")
        assert len(set(twins.options)) == 2
        page_text = text(at)
        assert "Choose below which one is meant." in page_text
        assert "Write the id" not in page_text
        twins.set_value(two)
        of_row(at.text_input, 2, "_reason").set_value("the new account")
        ran(of_row(at.button, 2, "_save").click().run())
        (mended,) = rows_of(world, run_id)
        assert (mended.customer, mended.state) == (two, RowState.PLANNED)

    def test_the_twin_whom_the_file_names_is_chosen_like_the_other(
        self, world: World, opened
    ) -> None:
        one, _ = payer(world, "twin@example.com"), payer(world, "twin@example.com")
        run_id = imported(world, f"{one},12,usd,INV-1,")
        at = opened(run_id, 2)
        assert of_row(at.radio, 2, "_twin").value is None
        of_row(at.radio, 2, "_twin").set_value(one)
        of_row(at.text_input, 2, "_reason").set_value("as on the invoice")
        ran(of_row(at.button, 2, "_save").click().run())
        (mended,) = rows_of(world, run_id)
        assert (mended.customer, [f.code for f in mended.findings]) == (one, ["corrected"])

    def test_an_amount_that_can_mean_two_sums_is_asked(self, world: World, opened) -> None:
        payer(world, "a@example.com")
        world.services.preferences.remember_decimal_sign(DecimalSign.DOT, by=ALICE)
        run_id = imported(world, "a@example.com,12,eur,INV-1,")
        at = opened(run_id, 2)
        of_row(at.text_input, 2, "_amount").set_value("1.500")
        of_row(at.text_input, 2, "_reason").set_value("as on the invoice")
        of_row(at.button, 2, "_save").click().run()
        assert rows_of(world, run_id)[0].amount == 1_200, "nothing changed yet"
        (asked,) = [one for one in at.button_group if "can mean two sums" in one.label]
        asked.set_value("comma")
        ran(of_row(at.button, 2, "_save").click().run())
        assert rows_of(world, run_id)[0].amount == 150_000

    def test_a_text_that_cannot_stand_on_a_statement(self, world: World, opened) -> None:
        customer = payer(world, "a@example.com")
        files = world.services.runs.files
        upload = files.open(
            f"{HEADER},statement_descriptor_suffix\n{customer},5,usd,INV-1,,1234\n".encode(),
            "a.csv",
        )
        run_id = files.create_run(upload, name="May", by=ALICE).id
        at = opened(run_id, 2)
        assert of_row(at.text_input, 2, "_statement_descriptor_suffix").value == ""
        of_row(at.text_input, 2, "_statement_descriptor_suffix").set_value("MAY 1")
        of_row(at.text_input, 2, "_reason").set_value("letters are needed")
        ran(of_row(at.button, 2, "_save").click().run())
        (mended,) = rows_of(world, run_id)
        assert (mended.suffix, mended.state) == ("MAY 1", RowState.PLANNED)

    def test_left_out_taken_back_and_as_in_the_file(self, world: World, opened) -> None:
        run_id = imported(world, f"{payer(world, 'a@example.com')},12,usd,INV-1,")
        for press, state in (("_leave_out", "cancelled"), ("_leave_out", "planned")):
            at = opened(run_id, 2)
            of_row(at.text_input, 2, "_reason").set_value("by cheque")
            ran(of_row(at.button, 2, press).click().run())
            assert rows_of(world, run_id)[0].state == state
        world.services.runs.corrections.correct(
            run_id, [2], {Field.AMOUNT: "13"}, reason="typo", by=ALICE
        )
        at = opened(run_id, 2)
        of_row(at.text_input, 2, "_reason").set_value("it was right")
        ran(of_row(at.button, 2, "_undo").click().run())
        assert rows_of(world, run_id)[0].amount == 1_200

    def test_what_somebody_else_changed_meanwhile_is_not_overwritten(
        self, world: World, opened
    ) -> None:
        run_id = imported(world, f"{payer(world, 'a@example.com')},12,usd,INV-1,")
        at = opened(run_id, 2)
        carol = world.services.users.find("ada").actor
        world.services.runs.corrections.correct(
            run_id, [2], {Field.DESCRIPTION: "Ada's"}, reason="x", by=carol
        )
        of_row(at.text_input, 2, "_amount").set_value("14")
        of_row(at.text_input, 2, "_reason").set_value("typo")
        of_row(at.button, 2, "_save").click().run()
        assert rows_of(world, run_id)[0].amount == 1_200

    def test_a_viewer_reads_and_mends_nothing(self, world: World, opened) -> None:
        run_id = imported(world, f"{payer(world, 'a@example.com')},12x,usd,INV-1,")
        at = opened(run_id, 2, as_="vera")
        assert "is not an amount" in text(at)
        assert not [key for key in buttons(at) if key.endswith(("_save", "_leave_out", "_undo"))]
        assert not [key for key in buttons(at) if key.startswith("run_kinds_leave_out")]

    def test_of_a_row_that_was_sent_its_own_try(self, world: World, opened) -> None:
        run_id = imported(world, f"{payer(world, 'a@example.com')},12,usd,INV-1,")
        run = world.services.runs.approvals.submit(run_id, by=ALICE)
        approve(world, run)
        world.services.runs.control.start(run_id, by=ALICE)
        assert world.services.runs.executor.execute(run_id)
        at = opened(run_id, 2, as_="vera")
        assert "Succeeded" in text(at)
        assert any("See its charge" in (one.proto.label or "") for one in at.get("page_link"))


class TestKinds:
    def test_are_counted_with_their_sums_and_shown_alone(self, world: World, opened) -> None:
        customer = payer(world, "a@example.com")
        run_id = imported(
            world,
            "nobody@example.com,12,usd,INV-1,",
            f"{customer},5,,INV-2,",
            f"{customer},6,,INV-3,",
            "noone@example.com,7,usd,INV-4,",
        )
        at = opened(run_id)
        page_text = text(at)
        assert "**Customer not known** · 2 rows · $19.00" in page_text
        assert "**No currency** · 2 rows" in page_text
        ran(button(at, "run_kinds_show_currency_missing").click().run())
        assert list(at.dataframe[-1].value["number"]) == [3, 4]
        assert "Only rows with: No currency" in text(at)
        ran(button(at, "run_kinds_all").click().run())
        assert len(at.dataframe[-1].value) == 4

    def test_one_currency_for_all_of_them(self, world: World, opened) -> None:
        customer = payer(world, "a@example.com")
        run_id = imported(world, f"{customer},5,,INV-2,", f"{customer},6,,INV-3,")
        at = opened(run_id)
        at.selectbox(key="run_kinds_currency_currency_missing").set_value("eur")
        at.text_input(key="run_kinds_reason_currency_missing").set_value("all in euro")
        ran(button(at, "run_kinds_set_currency_missing").click().run())
        assert [(r.amount, r.currency) for r in rows_of(world, run_id)] == [
            (500, "eur"),
            (600, "eur"),
        ]

    def test_links_for_all_without_a_card(self, world: World, opened) -> None:
        bare = world.customer("Bare", email="bare@example.com")
        run_id = imported(world, f"{bare},5,usd,INV-2,", f"{bare},6,usd,INV-3,")
        before = len(world.services.links.listing())
        at = opened(run_id)
        ran(button(at, "run_kinds_links_make").click().run())
        assert len(world.services.links.listing()) == before + 1
        assert "**1 setup link** to send" in text(at)

    def test_who_gets_no_link_is_named_with_the_reason(self, world: World, opened) -> None:
        bare = [world.customer(f"Bare {at}", email=f"bare{at}@example.com") for at in range(2)]
        run_id = imported(world, *(f"{one},5,usd,INV-{one},," for one in bare))
        delete(world, f"/v1/customers/{bare[0]}")
        world.services.sync.run()
        at = opened(run_id)
        ran(button(at, "run_kinds_links_make").click().run())
        page_text = text(at)
        assert "**1 setup link** to send" in page_text
        assert "No link for 1 customer" in page_text
        assert f"Bare 0 ({bare[0]}), row 2: This customer was deleted at Stripe." in page_text

    def test_who_makes_them_reads_that_stripe_refuses_links(self, world: World, opened) -> None:
        bare = world.customer("Bare", email="bare@example.com")
        run_id = imported(world, f"{bare},5,usd,INV-2,")
        assert "rak_checkout_session_write" not in text(opened(run_id))
        world.stripe.faults.add("POST", "/v1/checkout/sessions", kind="missing_permission")
        with pytest.raises(Misconfigured):
            world.services.links.create(form_key="refused", guest=True, by=ALICE)
        assert "lacks the permission rak_checkout_session_write" in text(opened(run_id))

    def test_all_of_a_kind_are_left_out(self, world: World, opened) -> None:
        run_id = imported(
            world,
            "nobody@example.com,12,usd,INV-1,",
            "noone@example.com,7,usd,INV-4,",
            f"{payer(world, 'a@example.com')},5,usd,INV-2,",
        )
        at = opened(run_id)
        at.text_input(key="run_kinds_reason_customer_unknown").set_value("not our customers")
        ran(button(at, "run_kinds_leave_out_customer_unknown").click().run())
        assert [r.state for r in rows_of(world, run_id)] == ["cancelled", "cancelled", "planned"]
        assert "2 rows left out: $19.00." in text(at)


class TestApprover:
    def test_reads_row_was_is_who_and_why_before_approving(self, world: World, opened) -> None:
        run_id = imported(world, f"{payer(world, 'a@example.com')},12,usd,INV-1,")
        world.services.runs.corrections.correct(
            run_id, [2], {Field.AMOUNT: "13"}, reason="agreed on the phone", by=ALICE
        )
        world.services.runs.approvals.submit(run_id, by=ALICE)
        at = opened(run_id, as_="bob")
        table = next(one.value for one in at.dataframe if "was" in one.value.columns)
        assert table.iloc[0].to_dict() == {
            "rows": "2",
            "reference": "INV-1",
            "field": "Amount",
            "was": "12.00",
            "value": "13.00",
            "by": "Alice Operator",
            "reason": "agreed on the phone",
        }
        assert "Where sums changed: $12.00 in the file, $13.00 as corrected." in text(at)

    def test_reads_what_corrections_come_to_by_kind_before_deciding(
        self, world: World, opened, open_page
    ) -> None:
        meant = payer(world, "a@example.com")
        run_id = imported(
            world,
            "nobody@example.com,5,usd,INV-1,",
            f"{meant},7,eur,INV-2,",
            f"{meant},9,eur,INV-3,",
        )
        corrections = world.services.runs.corrections
        corrections.correct(run_id, [2], {Field.CUSTOMER: meant}, reason="moved", by=ALICE)
        corrections.correct(run_id, [3], {Field.REFERENCE: "INV-9"}, reason="typo", by=ALICE)
        corrections.leave_out(run_id, [4], reason="paid in cash", by=ALICE)
        world.services.runs.approvals.submit(run_id, by=ALICE)
        words = "2 rows corrected. Customer: 1 row, $5.00. Reference: 1 row, €7.00. 1 row left out: €9.00."
        assert words in text(opened(run_id, as_="bob"))
        assert f"Against the file: {words}" in text(open_page("approvals", as_="bob"))

    def test_reads_one_decision_for_many_rows_once(self, world: World, opened) -> None:
        customer = payer(world, "a@example.com")
        run_id = imported(world, *[f"{customer},{at},,INV-{at}," for at in (5, 6, 7)])
        world.services.runs.corrections.correct(
            run_id, [2, 3, 4], {Field.CURRENCY: "usd"}, reason="all in dollars", by=ALICE
        )
        world.services.runs.approvals.submit(run_id, by=ALICE)
        at = opened(run_id, as_="bob")
        table = next(one.value for one in at.dataframe if "was" in one.value.columns)
        assert list(table["rows"]) == ["2–4 (3)"]
        assert "3 corrections against the file" in {one.label for one in at.expander}

    def test_reads_the_name_of_a_customer_who_was_chosen(self, world: World, opened) -> None:
        meant = payer(world, "a@example.com")
        run_id = imported(world, "nobody@example.com,5,usd,INV-1,")
        world.services.runs.corrections.correct(
            run_id, [2], {Field.CUSTOMER: meant}, reason="their old address", by=ALICE
        )
        world.services.runs.approvals.submit(run_id, by=ALICE)
        at = opened(run_id, as_="bob")
        table = next(one.value for one in at.dataframe if "was" in one.value.columns)
        assert list(table["value"]) == [f"Payer a@example.com ({meant})"]

    def test_cannot_approve_what_was_corrected_since(self, world: World, opened) -> None:
        run_id = imported(world, f"{payer(world, 'a@example.com')},12,usd,INV-1,")
        approvals = world.services.runs.approvals
        approvals.submit(run_id, by=ALICE)
        at = opened(run_id, as_="bob")
        approvals.withdraw(run_id, by=ALICE)
        world.services.runs.corrections.correct(
            run_id, [2], {Field.AMOUNT: "13"}, reason="x", by=ALICE
        )
        approvals.submit(run_id, by=ALICE)
        at.text_input(key="run_password").set_value(PRACTICE_PASSWORD)
        button(at, "run_approve").click().run()
        assert "not what you looked at" in at.error[0].value
        assert world.services.runs.control.find(run_id).state is RunState.AWAITING_APPROVAL


class TestExpectedRows:
    def test_are_what_the_screen_counts_and_it_says_so(self, world: World, opened) -> None:
        customer = payer(world, "a@example.com")
        run_id = imported(
            world, f"{customer},12,usd,INV-1,", f"{customer},x,usd,INV-2,", f"{customer},5,usd,C,"
        )
        world.services.runs.corrections.leave_out(run_id, [4], reason="x", by=ALICE)
        at = opened(run_id)
        rows = next(metric.value for metric in at.metric if metric.label == "Rows")
        assert rows == "3"
        assert (
            "is the figure Rows above: all 3 rows of this run, blocked and left out ones too"
            in text(at)
        )
        at.text_input(key="run_control_rows").set_value(rows)
        ran(button(at, "run_submit").click().run())
        assert world.services.runs.control.find(run_id).state is RunState.AWAITING_APPROVAL


class TestAnotherFile:
    def test_what_was_decided_stays_and_what_does_not_is_listed(
        self, world: World, opened, open_page
    ) -> None:
        customer = payer(world, "a@example.com")
        run_id = imported(world, f"{customer},12,usd,INV-1,", f"{customer},5,usd,INV-2,")
        for number in (2, 3):
            world.services.runs.corrections.correct(
                run_id, [number], {Field.DESCRIPTION: "For May"}, reason="x", by=ALICE
            )
        at = opened(run_id)
        assert "run_replace" in buttons(at)
        at = open_page("new_run", as_="alice", query={"replaces": run_id})
        assert "The file of the draft “May” is replaced" in text(at)
        at.segmented_control(key="new_run_source").set_value("paste").run()
        at.text_area(key="new_run_pasted").set_value(
            f"{HEADER}\n{customer},12,usd,INV-1,\n{customer},6,usd,INV-2,\n".replace(",", "\t")
        ).run()
        assert "new_run_make" not in buttons(at)
        ran(button(at, "new_run_replace").click().run())
        assert [r.description for r in rows_of(world, run_id)] == ["For May", None]
        page_text = text(at)
        assert "Row 3 (INV-2), description: it is not in the new file" in page_text

    def test_hidden_rows_that_were_left_out_are_not_among_them_and_it_says_so(
        self, world: World, opened, open_page
    ) -> None:
        customer = payer(world, "a@example.com")
        rows = [(customer, 12, "usd", "INV-1"), (customer, 5, "usd", "INV-2")]
        runs, data = world.services.runs, sheet_of(rows, hidden_rows=[2], hidden_sheet=rows)
        upload = runs.files.open(data, "f.xlsx")
        choices = Choices(hidden=Hidden.LEAVE_OUT)
        run_id = runs.files.create_run(upload, name="f", by=ALICE, choices=choices).id
        says = (
            "Left out when the file was read, and counted nowhere: 1 row hidden (row 3) with $5.00; "
            "2 rows (the hidden sheet “Last year”) with $17.00."
        )
        at = opened(run_id)
        assert says in text(at)
        at.text_input(key="run_control_rows").set_value("2")
        button(at, "run_submit").click().run()
        assert f"You expect 2 rows, but this run holds 1. {says}" in text(at)
        at.text_input(key="run_control_rows").set_value("1 row")
        ran(button(at, "run_submit").click().run())
        assert says in text(open_page("runs", as_="bob", query={"run": run_id}))


class TestBeforeTheDecision:
    def test_an_approver_reads_what_was_found_by_kind(self, world: World, opened) -> None:
        """A row that asks something is charged with the others once somebody approves."""
        customer = payer(world, "a@example.com")
        run_id = imported(
            world,
            f"{customer},5,usd,INV-1,Order cancelled",
            f"{customer},6,usd,INV-2,",
            f"{customer},7,usd,INV-3,bitte nicht abbuchen",
        )
        world.services.runs.corrections.leave_out(run_id, [4], reason="asked for it", by=ALICE)
        world.services.runs.approvals.submit(run_id, by=ALICE)
        at = opened(run_id, as_="bob")
        assert "**Marked as settled** · 1 row · $5.00" in text(at)
        # Left out, so there is nothing to ask.
        assert "Says: do not charge" not in text(at)
        assert "run_kinds_show_row_is_settled" in buttons(at)
        assert not [one for one in at.text_input if (one.key or "").startswith("run_kinds")]
        at = ran(button(at, "run_kinds_show_row_is_settled").click().run())
        (why,) = next(one.value["why"] for one in at.dataframe if "why" in one.value.columns)
        assert "“Order cancelled”" in why
