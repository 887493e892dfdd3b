"""Names and addresses from outside: nothing that nobody sees is shown or copied, and all is still drawn."""

from __future__ import annotations

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.domain.shown_text import readable_name, shown_name
from lib.errors import InvalidInput
from tests.fuzzing import examples

INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}")
NEVER_DRAWN = "\u2060\u00ad\u200b\ufeff\u200e\u200f\u061c\u202a\u202c\u202e\u2066\u2069\u3164\u034f"
ANY_INVISIBLE = st.sampled_from(
    [*NEVER_DRAWN, "\u200c", "\u200d", "\ufe0f", "\U000e0101", "\U000e0041"]
)


@pytest.mark.parametrize(
    "name",
    [
        "علی می\u200cخواهم",
        "ක\u0dcaෂ ශ\u0dca\u200dර\u0dd3",
        "क\u094d\u200dष",
        "क\u094d\u200cष",
        "न\u0947प\u093eल\u094d\u200d",
        "Ana 👩\U0001f3fd\u200d💻",
        "Love ❤\ufe0f",
        "1\ufe0f\u20e3 First",
        "辻\U000e0100",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f Pub",
        "ᠠ\u180b",
        "Zoë Łódź-Müller, דוד",
    ],
)
def test_a_name_is_drawn_as_before(name: str) -> None:
    assert shown_name(name) == readable_name(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ac\u2060me", "Acme"),
        ("Soft\u00adware GmbH", "Software GmbH"),
        ("\ufeffAcme", "Acme"),
        ("Jo\u200dhn", "John"),
        ("A\ufe0fcme", "Acme"),
        ("Acme\U000e0041", "Acme"),
        ("\u3164", ""),
        ("Ac\u202eem", "Acem"),
        ("דוד\u200f (Ltd)", "דוד (Ltd)"),
        ("می\u2060\u200c\u200cخ", "می\u200cخ"),
        ("\u200cعلی\u200c", "علی"),
        (" Acme\u00a0", " Acme\u00a0"),
    ],
)
def test_what_nobody_sees_is_left_out(name: str, shown: str) -> None:
    assert shown_name(name) == shown


@settings(max_examples=examples(500))
@given(parts=st.lists(st.one_of(ANY_INVISIBLE, st.text("aéЖ中あ한9 @.-", max_size=3)), max_size=12))
def test_of_scripts_that_need_none_nothing_invisible_is_left(parts: list[str]) -> None:
    shown = regex.sub("(?<=中)[\ufe0f\U000e0101]", "", shown_name("".join(parts)))
    assert not INVISIBLE.search(shown)


@settings(max_examples=examples(500))
@given(text=st.text(max_size=30), letter=st.sampled_from(NEVER_DRAWN))
def test_what_is_never_drawn_never_stays_and_the_rest_does(text: str, letter: str) -> None:
    shown = shown_name(text)
    assert shown_name(shown) == shown
    assert not set(shown_name(letter.join(text))) & set(NEVER_DRAWN)
    assert INVISIBLE.sub("", shown) == INVISIBLE.sub("", text)


def test_a_name_that_is_written_names_the_letter() -> None:
    with pytest.raises(InvalidInput, match=r"name holds U\+202E"):
        readable_name("Ac\u202eem")
    with pytest.raises(InvalidInput, match=r"U\+0007"):
        readable_name("Ac\u0007me")
    assert readable_name(" Ac\u2060me \n Ltd ") == "Acme Ltd"
