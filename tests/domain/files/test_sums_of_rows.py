"""Totals without a word are asked; rows that are owed seldom are."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lib.domain.files import credit_words, no_charges
from lib.domain.files.sums_of_rows import sums_of_others
from lib.money import Money

AMOUNTS = st.integers(50, 500_000)
GROUPS = st.lists(st.lists(AMOUNTS, min_size=2, max_size=6), min_size=1, max_size=6)


def asked(*amounts: int | None, first: int = 2, customers: str = "") -> list[int]:
    """Places, from 0, of the rows that are asked."""
    rows = [
        (
            at + first,
            customers[at] if customers else f"c{at}",
            Money(amount, "eur") if amount else None,
        )
        for at, amount in enumerate(amounts)
    ]
    return [error.row - first for error in sums_of_others(rows)]


class TestTotals:
    @given(GROUPS, st.booleans())
    def test_every_total_of_a_group_and_of_the_file(self, groups, grand) -> None:
        # A group whose own rows add up has totals inside of it, which its end may not be told from.
        assume(not any(asked(*group) for group in groups))
        amounts: list[int] = []
        totals = []
        for group in groups:
            amounts += [*group, sum(group)]
            totals.append(len(amounts) - 1)
        if grand:
            amounts.append(sum(map(sum, groups)))
            totals.append(len(amounts) - 1)
        assert set(totals) <= set(asked(*amounts))

    @given(GROUPS)
    def test_totals_above_their_rows(self, groups) -> None:
        amounts = [amount for group in groups for amount in (sum(group), *group)]
        firsts = {sum(len(one) + 1 for one in groups[:at]) for at in range(len(groups))}
        found = set(asked(*amounts))
        # What looks like totals of rows above is asked in that way, and not in the other, too.
        assert firsts <= found or found

    def test_in_the_middle_with_a_customer_of_its_own(self) -> None:
        assert asked(12_000, 8_000, 20_000, 4_500, 7_000) == [2]

    def test_behind_a_row_that_does_not_belong_to_it(self) -> None:
        assert asked(99_900, 123_450, 8_000, 1_250, 132_700, 5_000) == [4]

    def test_behind_an_empty_row(self) -> None:
        rows = [
            (2, "a", 500),
            (3, "b", 700),
            (5, "c", 1_000),
            (6, "d", 2_000),
            (7, "e", 3_000),
            (8, "f", 10),
        ]
        errors = sums_of_others([(at, who, Money(amount, "eur")) for at, who, amount in rows])
        assert [error.row for error in errors] == [7]
        assert "sum of the 2 rows above it" in errors[0].message

    def test_of_a_group_of_one_where_others_have_theirs(self) -> None:
        assert asked(100, 200, 300, 400, 500, 900, 700, 700, 10, 20, 30) == [2, 5, 7, 10]

    def test_of_one_customer(self) -> None:
        assert asked(900, 100, 200, 300, 50, customers="abbbc") == [3]

    def test_said_twice(self) -> None:
        assert asked(100, 200, 300, 300) == [2, 3]

    def test_each_currency_for_itself(self) -> None:
        rows = [(2, "a", "eur"), (3, "b", "usd"), (4, "c", "eur"), (5, "d", "usd")]
        amounts = [1_230, 999, 4_570, 555]
        one = [
            (at, who, Money(amount, code))
            for (at, who, code), amount in zip(rows, amounts, strict=True)
        ]
        assert sums_of_others(one) == []
        errors = sums_of_others([*one, (6, "e", Money(5_800, "eur"))])
        assert [error.row for error in errors] == [6]

    def test_a_row_that_cannot_be_read_is_no_gap(self) -> None:
        assert asked(500, None, 1_000, 2_000, 3_000, 10) == []


class TestWhatIsOwed:
    def test_prices_that_happen_to_add_up(self) -> None:
        assert asked(4_900, 1_000, 2_000, 3_000, 1_500) == []
        assert asked(4_900, 1_230, 1_230, 2_460, 3_690) == []

    def test_the_same_sum_twice_in_the_file(self) -> None:
        assert asked(4_900, 12_345, 6_711, 19_056, 19_056) == []

    @pytest.mark.parametrize(
        "amount",
        [
            lambda draw: draw.randrange(500, 200_000),
            lambda draw: draw.randrange(5, 2_000) * 100,
            lambda draw: draw.randrange(5, 400) * 50,
            lambda draw: draw.choice([1_000, 1_500, 2_000, 2_900, 4_900, 9_900, 19_900]),
            lambda draw: draw.randrange(1, 20) * 1_230,
        ],
        ids=["cents", "euros", "halves", "price_list", "units"],
    )
    @pytest.mark.parametrize(("rows", "files"), [(8, 500), (200, 40), (5_000, 2)])
    def test_not_one_row_in_a_hundred(
        self, amount: Callable[[random.Random], int], rows: int, files: int
    ) -> None:
        draw = random.Random(rows)
        count = sum(len(asked(*(amount(draw) for _ in range(rows)))) for _ in range(files))
        assert count * 100 < rows * files


class TestWords:
    @pytest.mark.parametrize("word", sorted(credit_words.TOTALS))
    def test_every_word_of_a_total_is_looked_for(self, word: str) -> None:
        """A whole row is looked at once, for parts of words, before its cells are."""
        for writing in (word, word.upper(), f"{word}:", f"{word} EUR"):
            errors = no_charges.marks_of(("note",), {}, [(writing,)]).of_row(2, (writing,))
            assert [error.code for error in errors] == ["row_is_total"], writing

    @pytest.mark.parametrize("words", credit_words.CREDIT_NOTES)
    def test_every_word_of_a_credit_note_is_looked_for(self, words: str) -> None:
        errors = no_charges.marks_of(("note",), {}, [(words.upper(),)]).of_row(2, (words.upper(),))
        assert [error.code for error in errors] == ["row_is_credit_note"]


class TestBalances:
    def test_balances_that_run_on_from_the_first_row(self) -> None:
        assert asked(10_000, 10_000, 5_030, 15_030, 2_020, 17_050) == [1, 3, 5]

    def test_two_equal_rows_before_a_total_are_none(self) -> None:
        assert asked(10_000, 10_000, 5_030, 25_030, 777) == [3]

    def test_a_total_takes_off_what_is_negative(self) -> None:
        assert asked(12_050, -2_050, 3_325, 13_325, 999) == [3]
        assert asked(12_050, -2_050, 10_000, customers="aaa") == [2]

    def test_what_is_negative_is_no_total(self) -> None:
        assert asked(-2_050, -3_325, -5_375) == []


class TestSummariesByCustomer:
    def test_a_block_below_rows_in_any_order(self) -> None:
        amounts = (12_050, 8_010, 3_325, 1_999, 5_500, 15_375, 10_009, 5_500)
        assert asked(*amounts, customers="ababcabc") == [5, 6, 7]

    def test_a_block_above_them(self) -> None:
        assert asked(15_375, 10_009, 12_050, 8_010, 3_325, 1_999, customers="ababab") == [0, 1]

    def test_with_a_grand_total_below(self) -> None:
        amounts = (12_050, 8_010, 3_325, 15_375, 8_010, 23_385)
        assert asked(*amounts, customers="abaabz") == [3, 4, 5]

    def test_a_block_that_takes_credits_off(self) -> None:
        amounts = (12_050, 8_010, -3_325, 8_725, 8_010)
        assert asked(*amounts, customers="abaab") == [3, 4]

    def test_one_customer_alone(self) -> None:
        assert asked(12_050, 8_010, 3_325, 900, 15_375, customers="abaca") == [4]

    def test_each_customer_is_one_however_the_address_is_written(self) -> None:
        rows = [("a@x.example", 12_050), ("b@x.example", 8_010), ("A@X.example", 3_325)]
        rows += [("a@X.EXAMPLE", 15_375)]
        errors = sums_of_others(
            [(at, who, Money(amount, "eur")) for at, (who, amount) in enumerate(rows, 2)]
        )
        assert [error.message for error in errors] == [
            "€153.75 is the sum of the 2 rows of this customer: is this a total?"
        ]

    @pytest.mark.parametrize(
        ("amounts", "customers"),
        [
            # The same fee in two months.
            ((4_900, 9_900, 4_900, 9_900), "abab"),
            ((4_900, 9_900, 2_900, 4_900, 9_900, 2_900), "abcabc"),
            # Prices of a list.
            ((1_000, 500, 2_000, 700, 3_000), "abaca"),
            # The block leaves a customer out, so equal rows are not its totals.
            ((4_900, 700, 900, 4_900, 700), "abcab"),
        ],
    )
    def test_rows_that_are_owed(self, amounts: tuple[int, ...], customers: str) -> None:
        assert asked(*amounts, customers=customers) == []

    @pytest.mark.parametrize("customers", [10, 40, 400])
    def test_not_one_row_in_a_hundred_of_few_customers(self, customers: int) -> None:
        draw = random.Random(customers)
        prices = [1_000, 1_500, 2_000, 2_900, 4_900, 9_900, 19_900]
        count = 0
        for _ in range(20):
            rows = [
                (at, f"c{draw.randrange(customers)}", Money(draw.choice(prices), "eur"))
                for at in range(400)
            ]
            count += len(sums_of_others(rows))
        assert count * 100 < 20 * 400
