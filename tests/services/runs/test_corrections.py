"""Drafts mended in place: from the file through corrections to what is charged, and what is kept beside it."""

from __future__ import annotations

import sqlite3

import pytest

from lib.domain.actors import Actor, Role
from lib.domain.control_totals import typed
from lib.domain.correction_fields import Field
from lib.domain.runs import RowState, RunState
from lib.errors import InvalidInput, NotFound, NotPermitted, StaleState
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import approve, audited, rows_of
from tests.corrected_drafts import (
    codes,
    correct,
    executed,
    imported,
    payer,
    results,
    row,
    upload,
)
from tests.world import ALICE, BOB, VERA, World


class TestFromTheFileToTheCharge:
    def test_exactly_the_corrected_value_is_charged(self, world: World) -> None:
        one, two = payer(world, "one@example.com"), payer(world, "two@example.com")
        run_id = imported(
            world,
            "nobody@example.com,12.00,usd,INV-1,Paper,keep me",
            f"{two},20.00,usd,INV-2,,",
        )
        assert codes(row(world, run_id)) == ["customer_unknown"]
        correct(world, run_id, 2, "the clerk knows them", customer=one, amount="13.50")
        mended = row(world, run_id)
        assert (mended.state, mended.customer, mended.amount) == (RowState.PLANNED, one, 1_350)
        assert mended.cells == ("nobody@example.com", "12.00", "usd", "INV-1", "Paper", "keep me")
        assert codes(mended) == ["corrected", "corrected"]
        run = executed(world, run_id)
        assert run.state is RunState.FINISHED
        assert sorted(world.moved()) == [(1_350, "usd"), (2_000, "usd")]
        first, second = results(world, run_id)
        assert (first["customer"], first["amount"]) == ("nobody@example.com", "12.00")
        assert (first["onfile_customer"], first["onfile_amount"]) == (one, "13.50")
        assert (first["onfile_state"], second["onfile_corrections"]) == ("succeeded", "")
        assert "corrected to “13.50” by alice: the clerk knows them" in first["onfile_corrections"]

    def test_the_certificate_ties_file_and_corrections(self, world: World) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(
            world, f"{one},12.00,usd,INV-1,,", f"{one},x,usd,INV-2,,", f"{one},9.00,eur,INV-3,,"
        )
        correct(world, run_id, 2, amount="13.50")
        correct(world, run_id, 3, "read from the invoice", amount="5.00")
        correct(world, run_id, 4, "the heading was wrong", currency="usd")
        executed(world, run_id, control=typed("3", [("27.50", "usd")]))
        certificate = world.services.runs.certificates.certify(run_id, by=ALICE)
        lines = certificate.content["lines"]
        assert certificate.result == "green"
        assert (lines["usd"]["file"], lines["usd"]["corrected"]) == (1_200, 1_550)
        assert (lines["eur"]["file"], lines["eur"]["corrected"]) == (900, -900)
        assert lines["usd"]["ledger"] == lines["usd"]["stripe"] == 2_750
        remarks = [remark["text"] for remark in certificate.content["remarks"]]
        assert (
            "Amount: the file says “x”, corrected to “5.00” by alice: read from the invoice"
            in remarks
        )
        paper = world.services.runs.papers.certificate(run_id, by=VERA).decode()
        assert "Corrections" in paper
        assert "read from the invoice" in paper
        assert "That is the sum with the corrections; the file says €9.00, $12.00." in paper

    def test_a_run_without_corrections_says_nothing_of_them(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        executed(world, run_id)
        assert "onfile_corrections" not in results(world, run_id)[0]
        world.services.runs.certificates.certify(run_id, by=ALICE)
        assert "Corrections" not in world.services.runs.papers.certificate(run_id, by=VERA).decode()


class TestCells:
    @pytest.mark.parametrize(
        ("line", "code", "changes", "expected"),
        [
            (",12.00,usd,INV-1,,", "customer_missing", {"customer": "one@example.com"}, 1_200),
            ("{c},12x,usd,INV-1,,", "amount_invalid", {"amount": "1,234.50"}, 123_450),
            ("{c},-5,usd,INV-1,,", "amount_negative", {"amount": "$5.00"}, 500),
            ("{c},12.00,,INV-1,,", "currency_missing", {"currency": "EUR"}, 1_200),
            ("{c},1200,euro,INV-1,,", "currency_unknown", {"currency": "jpy"}, 1_200),
            ("{c},€12.00,usd,INV-1,,", "currency_contradicts_format", {"currency": "eur"}, 0),
            ("{c},12.00,usd,,,", "reference_missing", {"reference": "INV-9"}, 1_200),
        ],
    )
    def test_a_red_row_becomes_one_that_is_charged(
        self, world: World, line: str, code: str, changes: dict[str, str], expected: int
    ) -> None:
        customer = payer(world, "one@example.com")
        run_id = imported(world, line.replace("{c}", customer))
        assert code in codes(row(world, run_id))
        correct(world, run_id, 2, **changes)
        mended = row(world, run_id)
        if not expected:
            # The amount could not be read in that currency, so a person says it, too.
            assert (codes(mended)[0], mended.state) == ("amount_missing", RowState.BLOCKED)
            correct(world, run_id, 2, amount="12.00")
            mended, expected = row(world, run_id), 1_200
        assert (mended.state, mended.amount) == (RowState.PLANNED, expected)
        assert set(codes(mended)) == {"corrected"}

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"amount": "1.234"}, "amount_two_sums"),
            ({"amount": "0.10"}, "amount_too_small"),
            ({"amount": "€5.00"}, "currency_contradicts_format"),
            ({"currency": "gold"}, "currency_unknown"),
            ({"reference": " "}, "reference_missing"),
            ({"customer": ""}, "customer_missing"),
            ({"payment_method": "Visa"}, "payment_method_invalid"),
            ({"amount": "12.00"}, "nothing_changed"),
        ],
    )
    def test_what_cannot_stand_there_is_refused(
        self, world: World, changes: dict[str, str], code: str
    ) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        before = row(world, run_id)
        with pytest.raises(InvalidInput) as refused:
            correct(world, run_id, 2, **changes)
        assert refused.value.code == code
        assert row(world, run_id) == before

    def test_a_currency_without_these_decimals_leaves_the_row_red(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.30,usd,INV-1,,")
        correct(world, run_id, 2, currency="jpy")
        mended = row(world, run_id)
        assert (codes(mended)[0], mended.state, mended.amount) == (
            "amount_too_many_decimals",
            RowState.BLOCKED,
            None,
        )

    def test_what_the_row_is_does_not_change_with_a_cell(self, world: World) -> None:
        customer = payer(world, "one@example.com")
        run_id = imported(world, f"{customer},12.00,usd,INV-1,,Credit note")
        assert codes(row(world, run_id)) == ["row_is_credit_note"]
        correct(world, run_id, 2, amount="13.00", reference="INV-2", description="x")
        assert codes(row(world, run_id))[0] == "row_is_credit_note"
        assert row(world, run_id).state is RowState.BLOCKED

    def test_nor_with_the_very_cell_that_says_so(self, world: World) -> None:
        customer = payer(world, "one@example.com")
        run_id = imported(world, f"{customer},12.00,usd,INV-1 cancelled,,")
        [code] = codes(row(world, run_id))
        assert code.startswith("row_")
        correct(world, run_id, 2, reference="INV-1")
        assert codes(row(world, run_id)) == [code, "corrected"]

    def test_a_reason_and_the_role_are_needed(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        with pytest.raises(InvalidInput, match="Say why"):
            correct(world, run_id, 2, " ", amount="13.00")
        with pytest.raises(NotPermitted):
            world.services.runs.corrections.leave_out(run_id, [2], reason="x", by=VERA)
        with pytest.raises(NotFound):
            correct(world, run_id, 9, amount="13.00")

    def test_the_same_rules_judge_the_corrected_row(self, world: World) -> None:
        customer = payer(world, "one@example.com")
        world.charge(customer, reference="INV-7")
        run_id = imported(world, f"{customer},12.00,usd,INV-1,,", f"{customer},9.00,usd,INV-2,,")
        correct(world, run_id, 2, reference="INV-7")
        assert codes(row(world, run_id)) == ["already_charged", "corrected"]
        correct(world, run_id, 2, reference="INV-2")
        assert codes(row(world, run_id)) == ["corrected"]
        assert codes(row(world, run_id, 3)) == ["reference_repeated"], (
            "the row below is judged, too"
        )
        correct(world, run_id, 2, reference="inv-2")
        assert "reference_alike" in codes(row(world, run_id, 3))
        world.services.runs.corrections.undo(run_id, [2], reason="it was right", by=ALICE)
        assert (codes(row(world, run_id)), codes(row(world, run_id, 3))) == ([], [])
        assert row(world, run_id).original is None

    def test_the_second_of_two_is_free_when_the_first_is_left_out(self, world: World) -> None:
        customer = payer(world, "one@example.com")
        run_id = imported(world, f"{customer},12.00,usd,INV-1,,", f"{customer},9.00,usd,INV-1,,")
        assert row(world, run_id, 3).state is RowState.BLOCKED
        corrections = world.services.runs.corrections
        corrections.leave_out(run_id, [2], reason="paid by cheque", by=ALICE)
        assert (row(world, run_id).state, row(world, run_id, 3).state) == ("cancelled", "planned")
        corrections.take_back(run_id, [2], reason="it bounced", by=ALICE)
        assert (row(world, run_id).state, row(world, run_id, 3).state) == ("planned", "blocked")

    def test_checking_again_keeps_them(self, world: World) -> None:
        customer = payer(world, "one@example.com")
        run_id = imported(world, f"{customer},12.00,usd,INV-1,,", f"{customer},9.00,usd,INV-2,,")
        correct(world, run_id, 2, amount="13.00")
        world.services.runs.corrections.leave_out(run_id, [3], reason="x", by=ALICE)
        before = rows_of(world, run_id)
        world.services.runs.drafts.check_again(run_id, by=ALICE)
        after = rows_of(world, run_id)
        assert [(r.amount, r.state, r.findings, r.original) for r in after] == [
            (r.amount, r.state, r.findings, r.original) for r in before
        ]


class TestApproval:
    def test_the_approver_sees_row_was_is_who_and_why_with_the_sums(self, world: World) -> None:
        customer = payer(world, "one@example.com")
        run_id = imported(
            world,
            f"{customer},12.00,usd,INV-1,,",
            f"{customer},9.00,usd,INV-2,,",
            f"{customer},5.00,usd,INV-3,,",
        )
        correct(world, run_id, 2, "agreed on the phone", amount="13.50")
        world.services.runs.corrections.leave_out(run_id, [4], reason="paid by cheque", by=ALICE)
        seen = world.services.runs.draft_views.corrections(run_id)
        assert seen.as_json()["corrections"] == [
            {
                "row": number,
                "field": field,
                "was": was,
                "is": value,
                "by": "alice",
                "at": world.now,
                "reason": reason,
            }
            for number, field, was, value, reason in (
                (2, "amount", "12.00", "13.50", "agreed on the phone"),
                (4, "left_out", None, "yes", "paid by cheque"),
            )
        ]
        assert seen.totals.in_words() == (
            "1 row corrected. Amount: 1 row, $13.50. Where sums changed: $12.00 in the file, $13.50 as "
            "corrected. 1 row left out: $5.00."
        )

    def test_each_kind_is_counted_with_its_sums(self, world: World) -> None:
        one, two = payer(world, "one@example.com"), payer(world, "two@example.com")
        run_id = imported(
            world,
            "nobody@example.com,12.00,usd,INV-1,,",
            "nobody@example.com,8.00,eur,INV-2,,",
            f"{one},9.00,usd,INV-3,,",
            f"{one},x,usd,INV-4,,",
            f"{one},5.00,usd,INV-5,,",
        )
        for number in (2, 3):
            correct(world, run_id, number, "known by phone", customer=two)
        correct(world, run_id, 2, "a typo", reference="INV-11")
        correct(world, run_id, 5, "a typo", reference="INV-14")
        world.services.runs.corrections.leave_out(run_id, [6], reason="paid", by=ALICE)
        view = world.services.runs.draft_views.corrections(run_id)
        assert view.as_json()["corrected"]["kinds"] == {  # type: ignore[index]
            "customer": {"rows": 2, "totals": {"usd": 1_200, "eur": 800}, "without_amount": 0},
            "reference": {"rows": 2, "totals": {"usd": 1_200}, "without_amount": 1},
            "left_out": {"rows": 1, "totals": {"usd": 500}, "without_amount": 0},
        }
        assert view.totals.in_words() == (
            "3 rows corrected. Customer: 2 rows, $12.00, €8.00. Reference: 2 rows, $12.00, 1 without an "
            "amount. 1 row left out: $5.00."
        )

    def test_what_was_taken_back_is_not_counted(self, world: World) -> None:
        one = payer(world, "one@example.com")
        lines = [f"{one},12.00,usd,INV-{number},," for number in range(1, 6)]
        run_id = imported(world, *lines)
        correct(world, run_id, 2, "agreed", amount="6.50")
        correct(world, run_id, 3, "in euros", currency="eur")
        correct(world, run_id, 4, "a typo", reference="INV-33")
        correct(world, run_id, 5, "agreed", amount="1.00")
        correct(world, run_id, 5, "agreed again", amount="2.00")
        world.services.runs.corrections.leave_out(run_id, [6], reason="paid", by=ALICE)
        totals = world.services.runs.draft_views.correction_totals
        sums = totals(run_id)
        assert (sums.rows, sums.left_out, sums.left_out_sums) == (5, 1, {"usd": 1_200})
        assert (sums.file, sums.corrected) == ({"usd": 3_600}, {"usd": 850, "eur": 1_200})
        world.services.runs.corrections.undo(run_id, [2, 4, 6], reason="no", by=ALICE)
        sums = totals(run_id)
        assert (sums.rows, sums.left_out) == (2, 0)
        assert (sums.file, sums.corrected) == ({"usd": 2_400}, {"usd": 200, "eur": 1_200})
        assert world.services.runs.draft_views.corrections(run_id).totals == sums

    def test_a_digest_made_before_a_correction_is_refused(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,Paper,")
        approvals = world.services.runs.approvals
        looked_at = approvals.submit(run_id, by=ALICE).digest or ""
        approvals.withdraw(run_id, by=ALICE)
        correct(world, run_id, 2, description="Cardboard")
        world.services.runs.corrections.undo(run_id, [2], reason="no", by=ALICE)
        again = approvals.submit(run_id, by=ALICE)
        assert again.digest != looked_at, "the rows are the same, and something was decided"
        with pytest.raises(StaleState, match="not what you looked at"):
            approvals.approve(run_id, digest=looked_at, by=BOB, password=PRACTICE_PASSWORD)
        approve(world, again)

    def test_none_after_the_run_was_submitted(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        world.services.runs.approvals.submit(run_id, by=ALICE)
        corrections = world.services.runs.corrections
        with pytest.raises(StaleState):
            correct(world, run_id, 2, amount="13.00")
        with pytest.raises(StaleState):
            corrections.leave_out(run_id, [2], reason="x", by=ALICE)
        with pytest.raises(StaleState):
            world.services.runs.files.replace(run_id, upload(world, "a,1,usd,X,,"), by=ALICE)
        with world.shell() as shell, pytest.raises(sqlite3.IntegrityError, match="submitted"):
            shell.execute(
                """INSERT INTO run_row_corrections (run_id, file_version, row, field, by, at, reason)
                   VALUES (?, 1, 2, 'amount', 'mallory', 1, 'x')""",
                (run_id,),
            )

    def test_the_executor_notices_an_entry_that_was_slipped_in(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        run = world.services.runs.approvals.submit(run_id, by=ALICE)
        approve(world, run)
        world.services.runs.control.start(run_id, by=ALICE)
        world.change(
            "DROP TRIGGER corrections_are_made_to_drafts",
            """INSERT INTO run_row_corrections (run_id, file_version, row, field, by, at, reason)
               SELECT id, 1, 2, 'amount', 'mallory', 1, 'x' FROM runs""",
        )
        world.services.runs.executor.execute(run_id)
        assert world.services.runs.control.find(run_id).state is RunState.STOPPED
        assert world.moved() == []

    def test_whoever_corrected_does_not_decide(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        both = Actor("bob", "Bob", frozenset({Role.APPROVER, Role.OPERATOR}))
        world.services.runs.corrections.correct(
            run_id, [2], {Field.AMOUNT: "13.00"}, reason="x", by=both
        )
        run = world.services.runs.approvals.submit(run_id, by=ALICE)
        with pytest.raises(NotPermitted, match="prepared"):
            approve(world, run)

    def test_the_audit_log_has_rows_cells_and_reason(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        correct(world, run_id, 2, "agreed", amount="13.00")
        assert audited(world)[-1] == "run.correct"
        (entry,) = world.rows("SELECT detail FROM audit_log ORDER BY id DESC LIMIT 1")
        assert entry["detail"] == '{"changed": ["amount"], "reason": "agreed", "rows": [2]}'


class TestControlTotals:
    @pytest.mark.parametrize(
        ("total", "says"), [("12.00", "file"), ("13.50", "corrections"), ("13.00", None)]
    )
    def test_are_compared_with_the_file_and_with_the_corrections(
        self, world: World, total: str, says: str | None
    ) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        correct(world, run_id, 2, amount="13.50")
        control = typed("1", [(total, "usd")])
        if says is None:
            with pytest.raises(InvalidInput) as refused:
                world.services.runs.approvals.submit(run_id, by=ALICE, control=control)
            assert "add up to $12.00, with the corrections to $13.50." in str(refused.value)
            return
        world.services.runs.approvals.submit(run_id, by=ALICE, control=control)
        assert says in world.services.runs.draft_views.agreement(run_id)


def test_a_row_that_is_left_out_says_only_that(world: World) -> None:
    file = upload(world, "cus_9,10.00,usd,INV-1,,")
    run_id = world.services.runs.files.create_run(file, name="May", by=ALICE).id
    world.services.runs.corrections.leave_out(run_id, [2], reason="paid in cash", by=ALICE)
    frame, _ = world.services.reports.runs.rows(run_id)
    assert list(frame["why"]) == ["Left out by alice: paid in cash"]
