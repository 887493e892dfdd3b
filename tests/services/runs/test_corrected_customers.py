"""Customers, methods, currencies and links of a draft, chosen beside the file."""

from __future__ import annotations

import io

import pytest
import xlsxwriter

from lib.domain.correction_fields import Field
from lib.domain.runs import RowState
from lib.errors import InvalidInput
from tests.charge_runs import rows_of
from tests.corrected_drafts import (
    HEADER,
    codes,
    correct,
    imported,
    payer,
    row,
)
from tests.stripe_account import delete
from tests.world import ALICE, World


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
