from __future__ import annotations

import pytest

from lib.domain.references import outline, repeated
from lib.domain.runs import RowRequest, Severity


@pytest.mark.parametrize(
    "writing",
    ["INV-1", "inv-1", "INV 1", "INV\u20111", "ＩＮＶ－１", "Inv_1", "#inv/1", "INV\u00a01"],
)
def test_writings_of_one_reference(writing: str) -> None:
    assert outline(writing) == "inv1"


def test_what_is_another_one() -> None:
    assert outline("INV-1") != outline("INV-2")
    assert outline("請求書1") == outline("請求書-１")
    assert outline("#") != outline("##"), "nothing is left of these"


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
