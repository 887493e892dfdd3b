"""Drafts mended in place: from the file through corrections to what is charged, and what is kept beside it."""

from __future__ import annotations

import csv
import io
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import xlsxwriter

from lib.domain.actors import Actor, Role
from lib.domain.control_totals import typed
from lib.domain.correction_fields import Field
from lib.domain.runs import RowState, Run, RunRow, RunState
from lib.errors import InvalidInput, NotFound, NotPermitted, StaleState
from lib.services.runs.files import RunUpload
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import approve, audited, rows_of
from tests.stripe_account import delete
from tests.world import ALICE, ALWAYS_DECLINES, BOB, VERA, World

CAROL = Actor("carol", "Carol Operator", frozenset({Role.OPERATOR}))
HEADER = "customer,amount,currency,reference,description,note"


def upload(world: World, *lines: str, header: str = HEADER, name: str = "may.csv") -> RunUpload:
    return world.services.runs.files.open("\n".join([header, *lines, ""]).encode(), name)


def imported(world: World, *lines: str, header: str = HEADER) -> str:
    world.services.users.add_practice_users()
    run = world.services.runs.files.create_run(
        upload(world, *lines, header=header), name="May", by=ALICE
    )
    return run.id


def payer(world: World, email: str, number: str = "4242424242424242") -> str:
    customer = world.customer(email=email)
    world.save_card(customer, number)
    return customer


def correct(world: World, run_id: str, number: int, reason: str = "typo", **changes: str) -> int:
    return world.services.runs.corrections.correct(
        run_id,
        [number],
        {Field(name): text for name, text in changes.items()},
        reason=reason,
        by=ALICE,
    )


def row(world: World, run_id: str, number: int = 2) -> RunRow:
    return next(one for one in rows_of(world, run_id) if one.number == number)


def codes(row: RunRow) -> list[str]:
    return [finding.code for finding in row.findings]


def executed(world: World, run_id: str, **options: object) -> Run:
    runs = world.services.runs
    run = runs.approvals.submit(run_id, by=ALICE, **options)  # type: ignore[arg-type]
    approve(world, run)
    runs.control.start(run_id, by=ALICE)
    assert runs.executor.execute(run_id)
    return runs.control.find(run_id)


def results(world: World, run_id: str) -> list[dict[str, str]]:
    _, data = world.services.runs.files.results(run_id, "results.csv", by=ALICE)
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


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
        said = [remark["text"] for remark in certificate.content["remarks"]]
        assert (
            "Amount: the file says “x”, corrected to “5.00” by alice: read from the invoice" in said
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


class TestCustomersAndMethods:
    def test_twins_stand_beside_each_other_with_cards_and_last_charges(self, world: World) -> None:
        one = world.customer("Acme", email="twin@example.com")
        world.save_card(one)
        world.charge(one, reference="OLD-1")
        two = world.services.customers.create(
            email="Twin@example.com", name="Acme 2", request_key="two", by=ALICE
        ).id
        world.save_card(two, "5555555555554444")
        run_id = imported(world, "twin@example.com,12.00,usd,INV-1,,")
        assert codes(row(world, run_id)) == ["customer_ambiguous"]
        found = world.services.runs.draft_views.choices(run_id, 2).customers
        assert {twin.customer.id for twin in found} == {one, two}
        described = " ".join(twin.described for twin in found)
        assert "OLD-1" in described
        assert "4444" in described
        correct(world, run_id, 2, customer=two)
        assert (row(world, run_id).customer, row(world, run_id).state) == (two, "planned")

    def test_a_method_for_all_rows_of_a_kind(self, world: World) -> None:
        people = [payer(world, f"p{at}@example.com") for at in range(3)]
        newest = [world.save_card(customer, "5555555555554444") for customer in people]
        lines = [f"{c},12.00,usd,INV-{at},pm_gone{at}" for at, c in enumerate(people)]
        run_id = imported(world, *lines, header="customer,amount,currency,reference,payment_method")
        corrections = world.services.runs.corrections
        kind = corrections.rows_with(run_id, "payment_method_unknown")
        assert kind == [2, 3, 4]
        corrections.charge_newest_methods(run_id, kind, reason="these cards are gone", by=ALICE)
        assert [one.payment_method for one in rows_of(world, run_id)] == newest
        assert world.services.runs.draft_views.choices(run_id, 2).methods[0].id == newest[0]
        corrections.correct(
            run_id, kind, {Field.PAYMENT_METHOD: ""}, reason="their own choice", by=ALICE
        )
        assert all(one.request.payment_method is None for one in rows_of(world, run_id))

    def test_a_currency_for_all_rows_of_a_kind(self, world: World) -> None:
        customer = payer(world, "one@example.com")
        lines = [f"{customer},{at}0.00,,INV-{at},," for at in (1, 2, 3)]
        run_id = imported(world, *lines, f"{customer},9.00,eur,INV-9,,")
        corrections = world.services.runs.corrections
        kind = corrections.rows_with(run_id, "currency_missing")
        changed = corrections.correct(
            run_id, kind, {Field.CURRENCY: "usd"}, reason="all are in dollars", by=ALICE
        )
        assert changed == 3
        view = world.services.runs.views.run(run_id)
        assert view.totals == {"usd": {"planned": 6_000}, "eur": {"planned": 900}}

    def test_links_for_whoever_has_no_card(self, world: World) -> None:
        bare = [world.customer(f"Bare {at}", email=f"bare{at}@example.com") for at in range(2)]
        run_id = imported(
            world,
            f"{bare[0]},12.00,usd,INV-1,,",
            f"{bare[0]},5.00,usd,INV-2,,",
            f"{bare[1]},7.00,usd,INV-3,,",
            f"{payer(world, 'one@example.com')},9.00,usd,INV-4,,",
        )
        before = len(world.services.links.listing())
        pages = world.rows("SELECT link_id, number FROM link_sessions")
        made = world.services.runs.draft_links.make(run_id, by=ALICE).links
        assert [(one.is_new, one.link.customer) for one in made] == [(True, c) for c in bare]
        assert made[0].line()[2:5] == ("INV-1, INV-2", "17.00", "usd")
        assert world.rows("SELECT link_id, number FROM link_sessions") == pages, (
            "made when it is opened"
        )
        again = world.services.runs.draft_links.make(run_id, by=ALICE).links
        assert [one.is_new for one in again] == [False, False]
        assert [one.url for one in again] == [one.url for one in made]
        assert len(world.services.links.listing()) == before + 2
        # The customer opens it and saves a card: the row can be charged.
        assert isinstance(world.services.links.open_durable(made[1].link.token), str)
        session = world.services.links.show(made[1].link.id)[1]
        assert session is not None
        world.finish(session.session_id or "")
        world.services.runs.drafts.check_again(run_id, by=ALICE)
        assert row(world, run_id, 4).state is RowState.PLANNED


class TestLinksOfADraft:
    def test_one_who_was_deleted_stops_nobody_else(self, world: World) -> None:
        bare = [world.customer(f"Bare {at}", email=f"bare{at}@example.com") for at in range(3)]
        run_id = imported(
            world,
            f"{bare[0]},12.00,usd,INV-1,,",
            f"{bare[0]},5.00,usd,INV-2,,",
            f"{bare[1]},7.00,usd,INV-3,,",
            f"{bare[2]},7.00,usd,INV-4,,",
        )
        delete(world, f"/v1/customers/{bare[0]}")
        world.services.sync.run()
        done = world.services.runs.draft_links.make(run_id, by=ALICE)
        assert [one.link.customer for one in done.links] == bare[1:]
        (none,) = done.none
        assert (none.customer, none.code) == (bare[0], "not_found")
        assert none.in_words() == (
            f"Bare 0 ({bare[0]}), rows 2–3: This customer was deleted at Stripe."
        )

    def test_a_twin_is_asked_in_the_row(self, world: World) -> None:
        one, other = (world.customer(f"Twin {at}", email="twin@example.com") for at in range(2))
        alone = world.customer("Alone", email="alone@example.com")
        run_id = imported(
            world,
            f"{one},12.00,usd,INV-1,,",
            f"{alone},7.00,usd,INV-2,,",
            f"{one},5.00,usd,INV-3,,",
        )
        links = world.services.runs.draft_links
        done = links.make(run_id, by=ALICE)
        assert [made.link.customer for made in done.links] == [alone]
        (none,) = done.none
        assert (none.customer, none.code) == (one, "customer_has_twin")
        assert f"2 customers have the address twin@example.com: {one}" in none.message
        assert other in none.message
        assert "choose the customer in the row" in none.message
        # One of the two rows is not both.
        correct(world, run_id, 2, "known by phone", customer=one)
        assert links.make(run_id, by=ALICE).none[0].code == "customer_has_twin"
        correct(world, run_id, 4, "known by phone", customer=one)
        done = links.make(run_id, by=ALICE)
        assert (done.none, {made.link.customer for made in done.links}) == ((), {one, alone})

    def test_a_twin_who_came_after_the_choice_is_asked_again(self, world: World) -> None:
        one, _ = (world.customer(f"Twin {at}", email="twin@example.com") for at in range(2))
        run_id = imported(world, f"{one},12.00,usd,INV-1,,")
        correct(world, run_id, 2, "known by phone", customer=one)
        world.customer("Third", email="twin@example.com")
        world.services.sync.run()
        (none,) = world.services.runs.draft_links.make(run_id, by=ALICE).none
        assert none.code == "customer_has_twin"


class TestDecimalsOfTheFile:
    """A currency that is set afterwards counts for what a person sees in the file, as in a file that names it."""

    @pytest.mark.parametrize(
        ("cell", "before", "after", "minor"),
        [
            ("1000.00", "", "jpy", None),
            ("1000.00", "usd", "jpy", None),
            ("1000.00", "", "isk", None),
            ("1000", "", "jpy", 1_000),
            ("1000", "usd", "jpy", 1_000),
            ("1000", "usd", "isk", 100_000),
            ("1000.5", "", "jpy", None),
            ("1000.00", "", "eur", 100_000),
            ("1000.00", "jpy", "eur", 100_000),
            ("1.50", "kwd", "eur", 150),
            ("10.3456", "", "eur", None),
            ("12.5", "jpy", "eur", 1_250),
            ("30", "jpy", "eur", 3_000),  # too little in yen
            ("0.10", "eur", "jpy", None),
        ],
    )
    def test_a_currency_that_is_set(
        self, world: World, cell: str, before: str, after: str, minor: int | None
    ) -> None:
        customer = payer(world, "one@example.com")
        run_id = imported(world, f"{customer},{cell},{before},INV-1,,")
        correct(world, run_id, 2, currency=after)
        mended = row(world, run_id)
        assert mended.amount == minor
        assert mended.state == ("planned" if minor else "blocked")
        # The same as in a file that says it by itself.
        other = row(world, imported(world, f"{customer},{cell},{after},INV-1,,"))
        assert other.amount == minor
        if minor is None:
            (why,) = [one for one in mended.findings if one.severity == "red"]
            assert why.code == "amount_too_many_decimals"
            assert (why.code, why.message) in [(one.code, one.message) for one in other.findings]

    def test_a_sum_that_is_typed_with_it(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        with pytest.raises(InvalidInput, match=r"JPY has no decimals; “1000\.00” has 2"):
            correct(world, run_id, 2, currency="jpy", amount="1000.00")
        correct(world, run_id, 2, currency="jpy", amount="1,000")
        assert row(world, run_id).amount == 1_000

    def test_it_is_still_so_when_the_rows_are_checked_again(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},1000,usd,INV-1,,")
        correct(world, run_id, 2, currency="jpy")
        world.services.runs.drafts.check_again(run_id, by=ALICE)
        assert row(world, run_id).amount == 1_000
        world.services.runs.corrections.undo(run_id, [2], reason="no", by=ALICE)
        assert row(world, run_id).amount == 100_000

    def test_no_currency_is_said_in_a_sentence(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,,INV-1,,")
        (found,) = row(world, run_id).findings
        assert found.message.startswith("The row names no currency.")
        with pytest.raises(InvalidInput, match=r"^No currency is named\."):
            correct(world, run_id, 2, currency="")

    def test_what_was_found_of_the_amount_stays_when_the_currency_is_set(
        self, world: World
    ) -> None:
        data = io.BytesIO()
        book = xlsxwriter.Workbook(data, {"in_memory": True})
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER.split(","))
        customer = payer(world, "one@example.com")
        sheet.write_row(1, 0, [customer, 12.346, "", "INV-1"])
        sheet.write_number(1, 1, 12.3461, book.add_format({"num_format": "0.000"}))
        sheet.write_row(2, 0, [customer, 1000, "", "INV-2"])
        sheet.write_number(2, 1, 1000, book.add_format({"num_format": "0.00"}))
        book.close()
        files = world.services.runs.files
        world.services.users.add_practice_users()
        run = files.create_run(files.open(data.getvalue(), "may.xlsx"), name="May", by=ALICE)
        correct(world, run.id, 2, currency="kwd")
        correct(world, run.id, 3, currency="jpy")
        assert "amount_rounded" in codes(row(world, run.id))
        assert "amount_too_many_decimals" in codes(row(world, run.id, 3))


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
        found = totals(run_id)
        assert (found.rows, found.left_out, found.left_out_sums) == (5, 1, {"usd": 1_200})
        assert (found.file, found.corrected) == ({"usd": 3_600}, {"usd": 850, "eur": 1_200})
        world.services.runs.corrections.undo(run_id, [2, 4, 6], reason="no", by=ALICE)
        found = totals(run_id)
        assert (found.rows, found.left_out) == (2, 0)
        assert (found.file, found.corrected) == ({"usd": 2_400}, {"usd": 200, "eur": 1_200})
        assert world.services.runs.draft_views.corrections(run_id).totals == found

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


class TestReplacing:
    def test_decisions_stay_with_rows_that_are_unchanged(self, world: World) -> None:
        one = payer(world, "one@example.com")
        lines = [f"nobody@example.com,{at}0.00,usd,INV-{at},Old {at}," for at in range(1, 7)]
        run_id = imported(world, *lines)
        corrections = world.services.runs.corrections
        for number in range(2, 7):
            correct(world, run_id, number, f"why {number}", customer=one)
        corrections.leave_out(run_id, [7], reason="paid", by=ALICE)
        replacement = world.services.runs.files.replace(
            run_id,
            upload(
                world,
                lines[5],  # left out, now the first
                "nobody@example.com,10.00,usd,INV-1,New text,",
                "nobody@example.com,20.01,usd,INV-2,Old 2,",  # another sum
                "nobody@example.com,30.00,eur,INV-3,Old 3,",  # another currency
                "somebody@example.com,40.00,usd,INV-4,Old 4,",  # another customer
                "nobody@example.com,50.00,usd,INV-5x,Old 5,",  # another reference
                name="may-2.csv",
            ),
            by=ALICE,
        )
        assert replacement.kept == 2
        assert [one.row for one in replacement.dropped] == [3, 4, 5, 6]
        after = rows_of(world, run_id)
        assert [r.state for r in after] == ["cancelled", "planned", *["blocked"] * 4]
        assert after[1].customer == one
        assert after[1].description == "New text"
        assert "why 2" in after[1].findings[-1].message
        assert [entry["row"] for entry in self.entries(world, run_id)] == [2, 3]
        run = world.services.runs.control.find(run_id)
        assert (run.file_name, run.file_version) == ("may-2.csv", 2)

    def test_an_address_in_another_form_is_the_same_customer(self, world: World) -> None:
        run_id = imported(
            world,
            "büro@firma.example,10.00,usd,INV-1,,",
            "info@bücher.example,20.00,usd,INV-2,,",
            "jose\u0301@example.com,30x,usd,INV-3,,",  # decomposed, and an amount that cannot be read
            "anna@example.com,40x,usd,INV-4,,",
        )
        one = payer(world, "one@example.com")
        for number in (2, 3):
            correct(world, run_id, number, customer=one)
        for number in (4, 5):
            correct(world, run_id, number, amount="30.00")
        replacement = world.services.runs.files.replace(
            run_id,
            upload(
                world,
                "BÜRO@Firma.example,10.00,usd,INV-1,,",
                "info@xn--bcher-kva.example,20.00,usd,INV-2,,",
                "JOSÉ@example.com,30x,usd,INV-3,,",
                "Anne@example.com,40x,usd,INV-4,,",
            ),
            by=ALICE,
        )
        assert (replacement.kept, [one.row for one in replacement.dropped]) == (3, [5])
        assert [r.amount for r in rows_of(world, run_id)] == [1_000, 2_000, 3_000, None]

    def test_one_customer_in_two_forms_of_an_address_is_twice_the_same_row(
        self, world: World
    ) -> None:
        run_id = imported(world, "anna@example.com,10.00,usd,INV-1,,")
        correct(world, run_id, 2, description="for May")
        lines = [f"{name}@example.com,10.00,usd,INV-1,," for name in ("anna", "Anna")]
        replacement = world.services.runs.files.replace(run_id, upload(world, *lines), by=ALICE)
        assert replacement.kept == 0
        assert "more than one row" in replacement.dropped[0].why

    def test_two_rows_that_are_the_same_keep_nothing(self, world: World) -> None:
        one = payer(world, "one@example.com")
        line = f"{one},10.00,usd,INV-1,,"
        run_id = imported(world, line)
        correct(world, run_id, 2, description="for May")
        replacement = world.services.runs.files.replace(run_id, upload(world, line, line), by=ALICE)
        assert (replacement.kept, len(replacement.dropped)) == (0, 1)
        assert "more than one row" in replacement.dropped[0].why

    def test_what_could_not_be_read_must_be_the_same_in_every_cell(self, world: World) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12x,usd,INV-1,,", f"{one},13x,usd,INV-2,,")
        correct(world, run_id, 2, amount="12.00")
        correct(world, run_id, 3, amount="13.00")
        replacement = world.services.runs.files.replace(
            run_id, upload(world, f"{one},12x,usd,INV-1,,", f"{one},31x,usd,INV-2,,"), by=ALICE
        )
        assert [one.row for one in replacement.dropped] == [3]
        assert [r.amount for r in rows_of(world, run_id)] == [1_200, None]

    def test_a_row_left_out_before_there_were_entries_stays_out(self, world: World) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,", f"{one},13.00,usd,INV-2,,")
        world.change("UPDATE run_rows SET state = 'cancelled' WHERE number = 2")
        world.services.runs.drafts.check_again(run_id, by=ALICE)
        assert row(world, run_id).state is RowState.CANCELLED
        world.services.runs.files.replace(
            run_id, upload(world, f"{one},13.00,usd,INV-2,,", f"{one},12.00,usd,INV-1,,"), by=ALICE
        )
        assert [r.state for r in rows_of(world, run_id)] == ["planned", "cancelled"]
        assert [entry["by"] for entry in self.entries(world, run_id)] == ["alice"]

    def test_whoever_replaced_the_file_does_not_decide(self, world: World) -> None:
        line = f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,"
        run_id = imported(world, line)
        both = Actor("bob", "Bob", frozenset({Role.APPROVER, Role.OPERATOR}))
        world.services.runs.files.replace(run_id, upload(world, line), by=both)
        run = world.services.runs.approvals.submit(run_id, by=ALICE)
        with pytest.raises(NotPermitted, match="prepared"):
            approve(world, run)

    @staticmethod
    def entries(world: World, run_id: str) -> list[dict[str, object]]:
        return world.services.runs.draft_views.corrections(run_id).as_json()["corrections"]  # type: ignore[return-value]


class TestComingBack:
    def test_a_results_file_brings_its_corrections_along(self, world: World) -> None:
        """Else a reference that was corrected and charged would be the file's again, and be charged."""
        one, poor = (
            payer(world, "one@example.com"),
            payer(world, "poor@example.com", ALWAYS_DECLINES),
        )
        run_id = imported(
            world,
            f"{one},12.00,usd,INV-1,,",
            f"{poor},9.00,usd,INV-2,,",
            f"{one},5.00,usd,INV-3,,",
        )
        correct(world, run_id, 2, "wrong number", reference="INV-9")
        correct(world, run_id, 3, "agreed", amount="8.00", description="For May")
        world.services.runs.corrections.leave_out(run_id, [4], reason="paid", by=ALICE)
        executed(world, run_id)
        assert world.moved() == [(1_200, "usd")]
        world.clock.advance(days=8)
        for name in ("results.csv", "results.xlsx"):
            _, data = world.services.runs.files.results(run_id, name, by=ALICE)
            back = world.services.runs.files.open(data, name)
            again = world.services.runs.files.create_run(back, name="Again", by=ALICE)
            first, second, third = rows_of(world, again.id)
            assert (first.reference, codes(first)[0]) == ("INV-9", "already_charged")
            assert (second.amount, second.description) == (800, "For May")
            assert "another_try" in codes(second)
            assert third.state is RowState.CANCELLED
            assert "by alice: agreed" in second.findings[-1].message
            world.services.runs.control.cancel(again.id, by=ALICE)

    @pytest.mark.parametrize("ending", ["csv", "xlsx"])
    @pytest.mark.parametrize(
        "reference", ["=1+1", "-", "-5", "+49 30", "'quoted'", "0007", "1.50", "1E5", "Ä-1", '"x"']
    )
    def test_whatever_a_reference_was_corrected_to_comes_back_as_it_was(
        self, world: World, reference: str, ending: str
    ) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,Paper,")
        correct(world, run_id, 2, reference=reference, description="")
        _, data = world.services.runs.files.results(run_id, f"r.{ending}", by=ALICE)
        world.services.runs.control.cancel(run_id, by=ALICE)
        back = world.services.runs.files.open(data, f"r.{ending}")
        again = world.services.runs.files.create_run(back, name="Again", by=ALICE)
        (mended,) = rows_of(world, again.id)
        assert (mended.reference, mended.description) == (reference, None)
        assert mended.cells[3] == "INV-1"

    def test_a_correction_that_cannot_be_read_stops_the_row(self, world: World) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(
            world,
            f"{one},12.00,usd,INV-1,x",
            header=("customer,amount,currency,reference,onfile_amount"),
        )
        assert codes(row(world, run_id)) == ["row_correction_unreadable"]

    def test_another_try_carries_them_too(self, world: World) -> None:
        poor = payer(world, "poor@example.com", ALWAYS_DECLINES)
        run_id = imported(world, f"{poor},9.00,usd,INV-2,,")
        correct(world, run_id, 2, "agreed", amount="8.00", reference="INV-8")
        executed(world, run_id)
        world.clock.advance(days=8)
        again = world.services.runs.retry_runs.create(run_id, by=ALICE)
        (mended,) = rows_of(world, again.id)
        assert (mended.amount, mended.reference, mended.cells[3]) == (800, "INV-8", "INV-2")
        assert mended.original is not None
        assert results(world, again.id)[0]["onfile_reference"] == "INV-8"


@contextmanager
def while_judging(world: World, monkeypatch: pytest.MonkeyPatch, act) -> Iterator[None]:
    """`act` happens once, in another thread, after the rows were read and before they are written."""
    judge = world.services.runs.drafts.judge
    original, pending = judge.judged, [act]

    def judged(*args: object, **kwargs: object) -> object:
        rows = original(*args, **kwargs)  # type: ignore[arg-type]
        if pending:
            thread = threading.Thread(target=pending.pop())
            thread.start()
            thread.join()
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(judge, "judged", judged)
        yield


class TestTwoPeople:
    def test_two_rows_at_once_are_both_corrected(self, world: World, monkeypatch) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,", f"{one},9.00,usd,INV-2,,")
        corrections = world.services.runs.corrections

        def carol() -> None:
            corrections.correct(run_id, [3], {Field.REFERENCE: "INV-1"}, reason="c", by=CAROL)

        with while_judging(world, monkeypatch, carol):
            correct(world, run_id, 2, amount="13.00")
        first, second = rows_of(world, run_id)
        assert (first.amount, second.reference) == (1_300, "INV-1")
        assert "reference_repeated" in codes(second)

    def test_two_rows_that_get_one_reference_are_noticed(self, world: World, monkeypatch) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,", f"{one},9.00,usd,INV-2,,")
        corrections = world.services.runs.corrections

        def carol() -> None:
            corrections.correct(run_id, [3], {Field.REFERENCE: "INV-9"}, reason="c", by=CAROL)

        with while_judging(world, monkeypatch, carol):
            correct(world, run_id, 2, reference="INV-9")
        first, second = rows_of(world, run_id)
        assert (first.state, second.state) == (RowState.PLANNED, RowState.BLOCKED)
        assert "reference_repeated" in codes(second)

    def test_one_row_is_not_changed_unseen(self, world: World) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        corrections = world.services.runs.corrections
        seen = world.services.runs.draft_views.corrections(run_id).version
        corrections.correct(run_id, [2], {Field.AMOUNT: "13.00"}, reason="c", by=CAROL)
        with pytest.raises(StaleState, match="carol changed row 2"):
            corrections.correct(
                run_id, [2], {Field.AMOUNT: "14.00"}, reason="a", by=ALICE, seen=seen
            )
        assert row(world, run_id).amount == 1_300

    def test_checking_again_loses_no_correction(self, world: World, monkeypatch) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")
        with while_judging(world, monkeypatch, lambda: correct(world, run_id, 2, amount="13.00")):
            world.services.runs.drafts.check_again(run_id, by=ALICE)
        assert row(world, run_id).amount == 1_300

    def test_a_file_replaced_meanwhile_is_not_written_over(self, world: World, monkeypatch) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,")
        other = upload(world, f"{one},50.00,usd,INV-5,,")

        def carol() -> None:
            world.services.runs.files.replace(run_id, other, by=CAROL)

        with (
            while_judging(world, monkeypatch, carol),
            pytest.raises(StaleState, match="another file"),
        ):
            correct(world, run_id, 2, description="For May")
        (only,) = rows_of(world, run_id)
        assert (only.amount, only.reference, only.description) == (5_000, "INV-5", None)

    def test_a_row_of_a_file_that_was_replaced_is_not_changed_unseen(self, world: World) -> None:
        one = payer(world, "one@example.com")
        run_id = imported(world, f"{one},12.00,usd,INV-1,,")
        seen = world.services.runs.draft_views.corrections(run_id).version
        world.services.runs.files.replace(
            run_id, upload(world, f"{one},50.00,usd,INV-5,,"), by=CAROL
        )
        with pytest.raises(StaleState, match="another file"):
            world.services.runs.corrections.leave_out(run_id, [2], reason="x", by=ALICE, seen=seen)

    def test_submitted_meanwhile(self, world: World, monkeypatch) -> None:
        run_id = imported(world, f"{payer(world, 'one@example.com')},12.00,usd,INV-1,,")

        def submit() -> None:
            world.services.runs.approvals.submit(run_id, by=ALICE)

        with while_judging(world, monkeypatch, submit), pytest.raises(StaleState):
            correct(world, run_id, 2, amount="13.00")
        assert row(world, run_id).amount == 1_200


def test_a_row_that_is_left_out_says_only_that(world: World) -> None:
    file = upload(world, "cus_9,10.00,usd,INV-1,,")
    run_id = world.services.runs.files.create_run(file, name="May", by=ALICE).id
    world.services.runs.corrections.leave_out(run_id, [2], reason="paid in cash", by=ALICE)
    frame, _ = world.services.reports.runs.rows(run_id)
    assert list(frame["why"]) == ["Left out by alice: paid in cash"]
