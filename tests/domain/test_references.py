from __future__ import annotations

import pytest

from lib.domain.references import outline


@pytest.mark.parametrize(
    "writing", ["INV-1", "inv-1", "INV 1", "INV\u20111", "ＩＮＶ－１", "Inv_1", "#inv/1", "INV\u00a01"]
)  # fmt: skip
def test_writings_of_one_reference(writing: str) -> None:
    assert outline(writing) == "inv1"


def test_what_is_another_one() -> None:
    assert outline("INV-1") != outline("INV-2")
    assert outline("請求書1") == outline("請求書-１")
    assert outline("#") != outline("##"), "nothing is left of these"
