"""Equal to a person, equal key; and what a person tells apart keeps two."""

from __future__ import annotations

import unicodedata

import idna
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.identity import (
    address_key,
    difference,
    drawn_key,
    unreadable,
    visible,
    without_unseen,
)
from lib.domain.reference_keys import reference_key

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u17b4\u180e\u200b\u200d\u202e\u2060\u3164\ufe0f\ufeff\uffa0\U000e0041"
)
# Default_Ignorable_Code_Point as Unicode lists it, written down apart from the library that knows it:
# https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt
IGNORABLE = [
    code
    for first, last in (
        (0x00AD, 0x00AD),
        (0x034F, 0x034F),
        (0x061C, 0x061C),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x200B, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x206F),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFEFF, 0xFEFF),
        (0xFFA0, 0xFFA0),
        (0xFFF0, 0xFFF8),
        (0x1BCA0, 0x1BCA3),
        (0x1D173, 0x1D17A),
        (0xE0000, 0xE0FFF),
    )
    for code in range(first, last + 1)
]
OVERRIDES = "\u202d\u202e"
DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"
SPACES = " \u00a0\u2003\u2009\u202f\u3000"
# Letters whose small and capital form are one letter to everybody.
LETTERS = "abcxyzàéüłžñøđабвгдежзийклαβγδειλ発票請求書"
FORMS = ("NFC", "NFD")


@st.composite
def rewritten(draw: st.DrawFn, text: str) -> str:
    """In capitals or small letters, another Unicode form, and with letters that nobody sees."""
    text = draw(st.sampled_from([text, text.upper(), text.lower(), text.title()]))
    text = unicodedata.normalize(draw(st.sampled_from(FORMS)), text)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(INVISIBLE)) + text[at:]
    return text


words = st.text(LETTERS, min_size=1, max_size=5)
numbers = st.integers(1, 10**9)
labels = st.sampled_from(["bücher", "firma-test", "日本語", "пример", "example", "münchen"])


@st.composite
def reference_of(draw: st.DrawFn, word: str, number: int, year: int) -> str:
    separator = draw(st.sampled_from([*DASHES, *SPACES, "", "_", "/", " - "]))
    digits = draw(st.sampled_from([str(number), f"{number:09}", f"{number:,}", f"{number:,}.00"]))
    if draw(st.booleans()):
        digits = "".join(chr(ord(c) + 0xFEE0) if c.isdecimal() else c for c in digits)
    dash = draw(st.sampled_from(DASHES + "/"))
    text = (
        f"{word}{separator}{digits}" if year == 0 else f"{word}{separator}{year}{dash}{number:07}"
    )
    return draw(rewritten(text))


class TestReferences:
    @given(st.data(), words, numbers, st.sampled_from([0, 2024, 2026]))
    def test_two_writings_of_one_have_one_key(
        self, data: st.DataObject, word: str, number: int, year: int
    ) -> None:
        one, other = (data.draw(reference_of(word, number, year)) for _ in range(2))
        assert reference_key(one) == reference_key(other)

    @given(st.data(), words, st.lists(numbers, min_size=2, max_size=2, unique=True))
    def test_two_numbers_never_have_one(
        self, data: st.DataObject, word: str, two: list[int]
    ) -> None:
        one, other = (data.draw(reference_of(word, number, 0)) for number in two)
        assert reference_key(one) != reference_key(other)

    @given(st.data(), words, numbers)
    def test_no_letter_that_unicode_does_not_show_makes_another_one(
        self, data: st.DataObject, word: str, number: int
    ) -> None:
        text = f"{word}-{number}"
        letter = chr(data.draw(st.sampled_from(IGNORABLE)))
        at = data.draw(st.integers(0, len(text)))
        hidden = text[:at] + letter + text[at:]
        assert reference_key(hidden) == reference_key(text)
        if letter not in OVERRIDES:
            assert visible(hidden) == text

    def test_the_whole_set_is_left_out(self) -> None:
        shown = [f"U+{code:04X}" for code in IGNORABLE if reference_key(f"A{chr(code)}7") != "a7"]
        assert shown == []

    @given(st.text() | st.text("0123456789.,'_ -٣３²①АB\u3164\u2011/ー一ガ゚가ㅡ─\u2800"))
    def test_the_key_of_a_key_is_the_key(self, text: str) -> None:
        assert reference_key(reference_key(text)) == reference_key(text)

    @pytest.mark.parametrize(
        ("writings", "key"),
        [
            (
                ["INV-1", "inv-01", "INV 1", "ＩＮＶ－１", "Inv_1", "INV\u00a01", "INV\u31641"],
                "inv1",
            ),
            (["00123", "123", "0000123", "１２３", "123.0", "123,00", "١٢٣"], "123"),
            (
                ["12,345", "12.345", "12'345", "12’345", "12\u202f345", "12345", "12,345.00"],
                "12345",
            ),
            (["1,23,456", "123,456", "123456"], "123456"),
            # As a spreadsheet saves it.
            (["1.50", "1.5", "1,50", "１．５０", "01.5000", "1.50 "], "1-5"),
            (["RE-2024.10", "RE 2024,1"], "re2024-1"),
            (["1,234.50", "1.234,5", "1 234,500", "1’234.5", "1_234.50", "1234.5"], "1234-5"),
            (["12,34,567.80", "1234567,8"], "1234567-8"),
            (["1,234.05", "1234.05"], "1234.05"),
            (["INV_1_000", "INV-1000"], "inv1000"),
            (["2024.01", "2024,01"], "2024.01"),
            (["2024-001", "2024/1", "2024–01", "2024.001"], "2024-1"),
            (["Faktura-Łódź-17", "faktura-łódź-017"], "fakturałódź17"),
            (["発票-1", "發票-1"][:1], "発票1"),
            # Typed on a Russian and a Greek keyboard.
            (["АВ-7", "AB-7", "ΑΒ-7"], "ab7"),
            (["№ 5", "No 5", "Nº 5"], "no5"),
            (["ｶﾞ-1", "ガ1"], "ガ1"),
            # Typed on a Japanese, a Chinese and a Korean keyboard; lines, and what is drawn as nothing.
            (["INV-1", "INVー1", "INVｰ1", "INV一1", "INVㅡ1", "INV─1", "INV➖1"], "inv1"),
            (["2024-1", "2024ー001", "2024一1"], "2024-1"),
            (["INV 1", "INV\u28001", "\u2800INV1", "INV\U0001d1591"], "inv1"),
            (["サーバー1", "サーバー-1", "ｻｰﾊﾞｰ1"], "サーバー1"),
            # In small letters and in capitals on a Turkish machine; an Arabic line that was filled.
            (["INV-1", "inv-1", "ınv-1", "İNV-1", "I\u0307NV-01"], "inv1"),
            (["فاتورة-1", "فاتــورة-1", "فـاتورة 01"], "فاتورة1"),
        ],
    )
    def test_writings_of_one_reference(self, writings: list[str], key: str) -> None:
        assert {reference_key(writing) for writing in writings} == {key}

    @pytest.mark.parametrize(
        "different",
        [
            ["INV-1", "INV-10", "INV-100", "INV-2"],
            ["1-11", "11-1", "111"],
            ["2024-01", "2024-10", "2024.1.0", "202401"],
            ["2024.01", "2024.1", "2024.11"],
            ["1,234.50", "1,234.05", "1,234,50", "123,450"],
            ["サバ1", "サーバー1", "サーバ1"],
            ["第1", "第一1", "第二1"],
            ["1.5", "1.05", "1.500", "15"],
            ["INV2", "INV²", "INV①", "INV½"],
            ["#", "##", "-"],
            ["Łódź-1", "Lodz-1"],
            ["1-1", "11"],
            ["ىnv1", "inv1", "ínv1"],
            ["की-1", "का-1"],
            ["🍏1", "🍎1"],
        ],
    )
    def test_what_a_person_tells_apart(self, different: list[str]) -> None:
        assert len({reference_key(one) for one in different}) == len(different)


class TestAddresses:
    @given(st.data(), st.text(LETTERS + ".+0123456789", min_size=1, max_size=8), labels)
    def test_two_writings_of_one_have_one_key(
        self, data: st.DataObject, local: str, label: str
    ) -> None:
        def writing() -> str:
            domain = data.draw(rewritten(label))
            if data.draw(st.booleans()):
                domain = idna.encode(label).decode()
            return data.draw(rewritten(local)) + "@" + domain + data.draw(rewritten(".example"))

        assert address_key(writing()) == address_key(writing())

    @given(st.text() | st.text("@.xn-aß\u200b。éＡ"))
    def test_the_key_of_a_key_is_the_key(self, text: str) -> None:
        assert address_key(address_key(text)) == address_key(text)

    @pytest.mark.parametrize(
        ("writings", "key"),
        [
            (
                ["BÜRO@firma-test.example", "bu\u0308ro@Firma-Test.example"],
                "büro@firma-test.example",
            ),
            (
                ["cassa\u2060@osteria.example", " cassa@osteria.example\u3164"],
                "cassa@osteria.example",
            ),
            (
                ["info@bücher.example", "INFO@XN--BCHER-KVA.example", "info@Bücher。example"],
                "info@bücher.example",
            ),
            (
                ["a@straße.example", "A@xn--strae-oqa.example", "a@STRAẞE.example"],
                "a@straße.example",
            ),
            (["Straße@b.example", "STRASSE@b.example"], "strasse@b.example"),
            (["a@βόλος.example", "a@xn--nxasmm1c.example"], "a@βόλος.example"),
            (
                ["a@نامه\u200cای.example", "a@xn--mgba3gch31f060k.example"],
                "a@نامه\u200cای.example",
            ),
            (["an\u200dna@b\u200cc.example"], "anna@bc.example"),
            (["a@xn--nothing-.example"], "a@xn--nothing-.example"),
            (["no address", "NO ADDRESS"], "no address"),
        ],
    )
    def test_writings_of_one_address(self, writings: list[str], key: str) -> None:
        assert {address_key(writing) for writing in writings} == {key}

    @pytest.mark.parametrize(
        ("address", "other"),
        [
            ("\u0430nna@example.com", "anna@example.com"),
            ("anna@ex\u0430mple.com", "\u0430nna@example.com"),
            ("a@straße.example", "a@strasse.example"),
            ("a@βόλος.example", "a@βόλοσ.example"),
            ("a@نامه\u200cای.example", "a@نامهای.example"),
            ("\uff41nna@example.com", "anna@example.com"),
            ("o’brien@example.com", "o'brien@example.com"),
            ("a@b\u2010c.example", "a@b-c.example"),
        ],
    )
    def test_what_a_person_takes_for_one(self, address: str, other: str) -> None:
        assert address_key(address) != address_key(other)
        assert drawn_key(address) == drawn_key(other)
        assert "U+" in difference(address, other)

    @given(st.text() | st.text("@.xn-aß\u200b\u200c\u0430\u043d。éＡ"))
    def test_what_is_one_is_drawn_as_one(self, text: str) -> None:
        assert drawn_key(address_key(text)) == drawn_key(text)

    def test_the_letter_that_differs_is_named(self) -> None:
        said = difference("\u0430nna@example.com", "anna@example.com")
        assert said == "“\u0430” is U+0430 (cyrillic small letter a)"

    @pytest.mark.parametrize(
        "different",
        [
            ["büro@firma.example", "buro@firma.example"],
            ["a1@example.com", "al@example.com"],
        ],
    )
    def test_what_is_drawn_otherwise_is_not_asked(self, different: list[str]) -> None:
        assert len({drawn_key(one) for one in different}) == len(different)

    @pytest.mark.parametrize(
        "different",
        [
            ["buro@firma.example", "büro@firma.example"],
            ["a.b@firma.example", "ab@firma.example", "a+b@firma.example"],
            ["a@b.example", "a@b-example"],
            ["a@straße.example", "a@strasse.example"],
            ["a@βόλος.example", "a@βόλοσ.example"],
            ["a@نامه\u200cای.example", "a@نامهای.example"],
            ["anna@example.com", "\u0430nna@example.com"],
        ],
    )
    def test_what_a_person_tells_apart(self, different: list[str]) -> None:
        assert len({address_key(one) for one in different}) == len(different)


def test_what_is_not_shown_is_left_out() -> None:
    assert visible("\ufeffINV\u31641\u00a02 \u2060") == "INV1 2"
    assert visible("\U000e0041\u180e") == ""


def test_what_cannot_be_shown_is_named() -> None:
    assert unreadable("INV-1") is None
    assert unreadable("INV\u0007-1") == "U+0007 (control character)"
    assert unreadable("INV-1\nINV-2") == "U+000A (line break)"
    assert unreadable(visible("12\u202e34")) == "U+202E (right-to-left override)"
    assert unreadable("a\u2060b") == "U+2060 (word joiner)"

    @given(st.text(max_size=30))
    def test_an_address_without_unseen_letters_has_the_key_that_it_had(self, text: str) -> None:
        seen = without_unseen(text)
        assert not regex.search(
            r"[\p{Default_Ignorable_Code_Point}--[\u200c\u200d]]", seen, regex.VERSION1
        )
        assert not regex.search(r"\p{Default_Ignorable_Code_Point}", seen.rpartition("@")[0])
        assert address_key(seen) == address_key(text)
