"""References that a person would take for one another."""

from __future__ import annotations

from lib.domain.references import repeated
from lib.domain.runs import RowRequest, Severity


def row(number: int, reference: str) -> RowRequest:
    return RowRequest(number, (), customer="x", money=None, reference=reference)


def test_one_reference_of_two_customers_is_told() -> None:
    rows = [row(2, "INV-1"), row(3, "INV-1"), row(4, "INV-2"), row(5, "INV-1")]
    found = repeated(rows, ["cus_1", "cus_2", "cus_1", "cus_1"])
    assert {number: finding.code for number, finding in found.items()} == {
        3: "reference_of_another",
        5: "reference_repeated",
    }
    assert found[3].severity is Severity.AMBER
    assert found[3].message == "Row 2 has this reference for another customer."
