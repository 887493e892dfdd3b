"""Corrections as rules: what is in effect, what the digest binds, and what a replaced file keeps."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lib.domain.correction_fields import Field
from lib.domain.corrections import Correction, DraftRow, corrected, in_effect
from lib.domain.kept_decisions import kept_decisions
from lib.domain.run_digest import digest_of
from lib.domain.runs import Finding, RowRequest, RowState, RunRow, Severity
from lib.money import Money

TEXTS = st.text(alphabet="ab-1", max_size=4)
ENTRIES = st.builds(
    Correction,
    row=st.integers(2, 4),
    field=st.sampled_from(Field),
    was=st.none() | TEXTS,
    value=st.none() | TEXTS,
    by=st.sampled_from(["alice", "carol"]),
    at=st.integers(1, 3),
    reason=TEXTS,
    is_undo=st.booleans(),
    file_version=st.integers(1, 2),
)
AMOUNTS = st.sampled_from([100, 200])
REQUESTS = st.builds(
    RowRequest,
    number=st.just(2),
    cells=st.tuples(TEXTS),
    customer=st.sampled_from(["", "cus_1", "cus_2"]),
    money=st.none() | st.builds(Money, AMOUNTS, st.sampled_from(["usd", "eur"])),
    reference=st.sampled_from([None, "INV-1", "INV-2"]),
    description=st.sampled_from([None, "Paper"]),
)


def request(**changes: object) -> RowRequest:
    return replace(
        RowRequest(2, ("x",), "cus_1", Money(1_200, "usd"), "INV-1"),
        **changes,  # type: ignore[arg-type]
    )


def row(number: int = 2, amount: int = 1_200) -> RunRow:
    return RunRow(
        "run_1",
        number,
        ("x",),
        request(number=number),
        "cus_1",
        "pm_1",
        amount,
        "usd",
        f"INV-{number}",
        None,
        None,
        RowState.PLANNED,
        f"chg_{number}",
    )


def entry(field: Field = Field.AMOUNT, value: str | None = "13.00", **more: object) -> Correction:
    return replace(Correction(2, field, "12.00", value, "alice", 1, "typo"), **more)  # type: ignore[arg-type]


class TestDigest:
    def test_without_corrections_is_what_it_was_in_0_1_0(self) -> None:
        """Approvals that were given before there were corrections still stand."""
        before = "d372c024b2bc2578a613c612371faea3bcd626a7ab50bbb2117875f6a5f41f23"
        now = digest_of([row(2), row(3)], canary=1, charge_new_cards=True)
        assert now == before

    @given(st.lists(ENTRIES, max_size=4), st.lists(ENTRIES, max_size=4))
    def test_two_logs_have_one_digest_only_when_they_are_the_same(
        self, one: list[Correction], other: list[Correction]
    ) -> None:
        digests = [
            digest_of([row()], canary=0, charge_new_cards=False, corrections=log)
            for log in (one, other)
        ]
        assert (digests[0] == digests[1]) == (one == other)

    @given(st.lists(ENTRIES, max_size=4), ENTRIES)
    def test_no_entry_brings_an_earlier_digest_back(
        self, log: list[Correction], more: Correction
    ) -> None:
        seen = {
            digest_of([row()], canary=0, charge_new_cards=False, corrections=log[:length])
            for length in range(len(log) + 1)
        }
        after = digest_of([row()], canary=0, charge_new_cards=False, corrections=[*log, more])
        assert after not in seen


class TestInEffect:
    def test_the_last_entry_of_a_cell_unless_it_is_an_undo(self) -> None:
        log = [
            entry(value="13.00"),
            entry(Field.REFERENCE, "INV-2"),
            entry(value="14.00"),
            entry(Field.REFERENCE, None, is_undo=True),
            entry(Field.DESCRIPTION, "Paper", file_version=2),
        ]
        assert in_effect(log, file_version=1) == {2: {Field.AMOUNT: log[2]}}
        assert in_effect(log, file_version=3) == {}

    @given(st.lists(ENTRIES, max_size=8))
    def test_undoing_everything_is_the_file_again(self, log: list[Correction]) -> None:
        undone = [replace(one, is_undo=True) for one in log]
        decided = in_effect([*log, *undone], file_version=1).get(2, {})
        assert corrected(request(), decided) == request()


class TestCorrected:
    def test_lifts_what_was_found_of_that_cell_and_nothing_else(self) -> None:
        found = (
            Finding("amount_invalid", Severity.RED, "?", "amount"),
            Finding("row_is_total", Severity.RED, "?", "amount"),
            Finding("amount_is_a_sum", Severity.AMBER, "?", "amount"),
            Finding("reference_is_date", Severity.RED, "?", "reference"),
        )
        unread = request(money=None, currency_read="usd", findings=found)
        mended = corrected(unread, {Field.AMOUNT: entry()})
        assert mended.money == Money(1_300, "usd")
        assert [one.code for one in mended.findings] == [
            "row_is_total",
            "amount_is_a_sum",
            "reference_is_date",
        ]

    @given(REQUESTS, st.sets(st.sampled_from([Field.AMOUNT, Field.CURRENCY])))
    def test_without_a_sum_the_row_is_red(self, one: RowRequest, fields: set[Field]) -> None:
        values = {Field.AMOUNT: "12.30", Field.CURRENCY: "jpy"}
        mended = corrected(one, {field: entry(field, values[field]) for field in fields})
        if fields and mended.money is None:
            assert any(finding.severity is Severity.RED for finding in mended.findings)


def same(one: RowRequest, other: RowRequest) -> bool:
    """The rule of the issue, written once more."""
    return (one.customer, one.reference, one.money) == (
        other.customer,
        other.reference,
        other.money,
    )


class TestKeptDecisions:
    @given(st.lists(REQUESTS, min_size=1, max_size=5), st.lists(REQUESTS, min_size=1, max_size=5))
    def test_only_of_rows_that_are_unchanged_and_alone(
        self, old: list[RowRequest], new: list[RowRequest]
    ) -> None:
        old = [replace(one, number=at) for at, one in enumerate(old, start=2)]
        new = [replace(one, number=at) for at, one in enumerate(new, start=2)]
        decision = entry(Field.PAYMENT_METHOD, "pm_9")
        before = [
            DraftRow(one, {Field.PAYMENT_METHOD: replace(decision, row=one.number)}) for one in old
        ]
        entries, dropped = kept_decisions(before, new, file_version=2, by="bob", at=9)
        assert len(entries) + len(dropped) == len(old)
        by_number = {one.number: one for one in new}
        for kept in entries:
            mine = [one for one in old if same(one, by_number[kept.row])]
            assert mine, "its customer, reference, amount and currency are in the old file"
            assert (kept.by, kept.reason, kept.file_version) == ("alice", "typo", 2)
        assert len({kept.row for kept in entries}) == len(entries)
        gone = {one.row for one in dropped}
        for one in old:
            if one.money is None or not one.customer or one.reference is None:
                continue
            alone = sum(same(one, x) for x in new) == 1 and sum(same(one, x) for x in old) == 1
            assert (one.number not in gone) == alone

    def test_what_the_new_file_says_by_itself_needs_no_decision(self) -> None:
        decided = DraftRow(request(), {Field.DESCRIPTION: entry(Field.DESCRIPTION, "Paper")})
        entries, dropped = kept_decisions(
            [decided], [request(description="Paper")], file_version=2, by="bob", at=9
        )
        assert (entries, dropped) == ([], [])
