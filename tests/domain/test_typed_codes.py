"""Codes, ids and words that are typed: without letters that nobody sees, and what cannot be left out is named."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.typed_codes import confirms, hint, typed_code, typed_currency, typed_id, typed_text
from lib.errors import InvalidInput
from lib.money import CURRENCIES

INVISIBLE = st.sampled_from(["\u2060", "\u00ad", "\u200b", "\ufeff", "\u200e", "\u200d", "\u3164"])
IGNORED = regex.compile(r"\p{Default_Ignorable_Code_Point}")


@given(code=st.sampled_from(sorted(CURRENCIES)), letter=INVISIBLE, at=st.integers(0, 3))
def test_a_currency(code: str, letter: str, at: int) -> None:
    assert typed_currency(f" {code[:at].upper()}{letter}{code[at:]}\u00a0").code == code


@given(text=st.text("abc_019ü", min_size=1, max_size=12), letter=INVISIBLE)
def test_an_id_and_any_text(text: str, letter: str) -> None:
    assert typed_id(letter.join(text), what="charge", field="charge") == text
    assert typed_text(letter.join(text)) == text
    assert confirms(f"{letter.join(text)} ", text.upper())
    assert not confirms(text + "x", text)


def test_what_cannot_be_left_out_is_named() -> None:
    with pytest.raises(
        InvalidInput, match=r"currency holds U\+202E \(right-to-left override\)"
    ) as refused:
        typed_currency("eu\u202er")
    assert (refused.value.field, refused.value.code) == ("currency", "currency_unknown")
    with pytest.raises(InvalidInput, match=r"saved method holds U\+0007"):
        typed_code("pm_\u0007", what="saved method", field="payment_method")
    assert typed_text("a\u202eb") == "a\u202eb", "for whoever names it"
    assert "U+202E" in hint("cus_\u202e1")
    assert hint("cus_\u20601") == ""
