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
