"""Bytes that are valid UTF-8 by chance: asked, unless what they say in it is words."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.files.encodings import CHOICES
from lib.errors import InvalidInput
from lib.spreadsheets.encodings import decoded
from lib.spreadsheets.reading import read_file
from tests.spreadsheets.case_files import csv_of

EAST = {
    "gb18030": ("gb2312", range(0xB0, 0xD8)),
    "cp950": ("big5", range(0xA4, 0xC7)),
    "cp932": ("shift_jis", range(0x88, 0x99)),
    "euc_jp": ("euc_jp", range(0xB0, 0xD0)),
    "cp949": ("euc_kr", range(0xB0, 0xC9)),
}
"""By encoding: the plain one, and the first bytes of its everyday letters."""
# Letters of one script of today; of two bytes a letter in the East, so many that they are no chance.
_LATIN = "[A-Za-zªµºÀ-ÖØ-öø-ķĹ-ňŊ-žƏƠơƯưȘșȚțə]+"
SHORT_WORDS = re.compile(
    f"(?:{_LATIN}|[Ѐ-ҿӘәӨө]+|[Ά-ώ]+|[\u0530-\u1fff]+|[\u3041-\u9fff\uf900-\ufaff\uff01-\uff9f]+|[가-힣]+)+"
)
LONG_WORDS = re.compile(
    f"(?:{_LATIN}|[Ѐ-ҿӘәӨө]{{3,}}|[Ά-ώ]{{3,}}|[\u0530-\u1fff]{{3,}}|[\u3041-\u9fff\uf900-\ufaff\uff01-\uff9f]{{2,}}|[가-힣]{{2,}})+"
)


def rows_of(reference: str) -> bytes:
    return csv_of([("payer@firm.example", "12.30", "eur", reference)]).replace(b"\xef\xbb\xbf", b"")


def is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return not data.isascii()


def letters_of(encoding: str) -> list[str]:
    """Pieces of text whose bytes in this encoding are valid UTF-8."""
    if encoding in EAST:
        plain, firsts = EAST[encoding]
        pairs = (bytes(pair) for pair in product(firsts, range(0x40, 0x100)))
        letters = {pair.decode(plain, errors="ignore") for pair in pairs if is_utf8(pair)}
        return sorted(one for one in letters if len(one) == 1)
    beyond = [one for one in range(0x80, 0x100) if _decoded(bytes([one]), encoding).isalpha()]
    pieces = [bytes(pair) for pair in product(beyond, repeat=2)]
    firsts_of_three = [one for one in beyond if 0xE0 <= one < 0xF0]
    seconds = [one for one in beyond if 0x80 <= one < 0xC0][::3]
    pieces += [bytes(three) for three in product(firsts_of_three, seconds, seconds)]
    return sorted(_decoded(piece, encoding) for piece in pieces if is_utf8(piece))


def _decoded(data: bytes, encoding: str) -> str:
    return data.decode(encoding, errors="replace")


PIECES = {encoding: pieces for encoding in CHOICES if (pieces := letters_of(encoding))}


@given(st.data())
def test_no_file_is_read_as_other_words_than_it_says_without_being_asked(
    data: st.DataObject,
) -> None:
    """What remains: the bytes are words in UTF-8, too."""
    encoding = data.draw(st.sampled_from(sorted(PIECES)))
    parts = st.sampled_from([*PIECES[encoding], "A", "b", "R-", "17"])
    reference = "".join(data.draw(st.lists(parts, min_size=1, max_size=4)))
    file = csv_of([("payer@firm.example", "12.30", "eur", reference)], encoding=encoding)
    decoding = decoded(file)
    if decoding.is_certain and decoding.text != file.decode(encoding):
        words = LONG_WORDS if encoding in EAST else SHORT_WORDS
        read = [one for one in re.findall(r"[^\W\d_]+", decoding.text) if not one.isascii()]
        assert all(map(words.fullmatch, read)), (encoding, reference, decoding.text)
    # What a person chooses is what is read.
    if not decoding.is_certain:
        assert decoded(file, encoding).text == file.decode(encoding)
        assert decoded(file, "utf-8").text == file.decode("utf-8")


@pytest.mark.parametrize("encoding", sorted(PIECES))
def test_every_encoding_has_such_letters(encoding: str) -> None:
    assert PIECES[encoding]


def test_most_encodings_are_tried() -> None:
    assert len(PIECES) >= 30


@pytest.mark.parametrize(
    "words",
    [
        *(
            "Bäckerei Grün",
            "Änderung",
            "Österreich",
            "ÜBERWEISUNG",
            "Weiß",
            "Hôtel de la Forêt",
            "Noël",
            "ÉCOLE",
            "Œuvre",
        ),
        *(
            "Faktura-Łódź",
            "SPÓŁKA",
            "Żółw",
            "częściej",
            "Růžička",
            "Győr",
            "Işıl Gündoğdu",
            "Begoña",
            "São Paulo",
            "Å-gatan Malmö",
        ),
        *(
            "Счёт",
            "Петров",
            "Цена",
            "Шина",
            "Тамбов",
            "СХЕМА",
            "Рахунок",
            "Τιμολόγιο",
            "Άννα",
            "ΠΑΤΡΑ",
            "חשבונית",
            "קשר",
            "فاتورة",
        ),
        *(
            "請求書",
            "鈴木一郎",
            "サクラ商店",
            "会議室",
            "学校",
            "發票",
            "청구서",
            "서울特別市",
            "Nguyễn Văn",
            "Factura nº 12",
            "5 €",
            "№ 7",
        ),
    ],
)
def test_words_of_one_language_in_unicode_are_never_asked(words: str) -> None:
    file = f"customer,amount,currency,reference\npayer@firm.example,1,eur,{words}\n".encode()
    decoding = decoded(file)
    assert (decoding.encoding, decoding.is_certain, decoding.notes) == ("utf-8", True, ())


@pytest.mark.parametrize(
    ("encoding", "first", "second"),
    [("gb18030", "学校-1", "ѧУ-1"), ("cp1250", "SPÓŁKA-1", "SPӣKA-1"), ("cp1251", "дії-1", "䳿-1")],
)
def test_both_readings_are_shown(encoding: str, first: str, second: str) -> None:
    sheet = read_file(csv_of([("a@b.example", "1", "eur", first)], encoding=encoding), "run.csv")
    assert sheet.origin.letters_examples == {encoding: (first,), "utf-8": (second,)}
    (note,) = sheet.notes
    assert (note.code, first in note.message, second in note.message) == (
        "encoding_proposed",
        True,
        True,
    )


def test_short_words_are_shown_as_unicode_and_asked() -> None:
    sheet = read_file(csv_of([("a@b.example", "1", "eur", "路-1")], encoding="gb18030"), "run.csv")
    assert list(sheet.origin.letters_examples.items()) == [
        ("utf-8", ("·-1",)),
        ("gb18030", ("路-1",)),
    ]


@pytest.mark.parametrize("mark", ["utf-8-sig", "utf-16"])
def test_a_mark_settles_it(mark: str) -> None:
    file = csv_of([("a@b.example", "1", "eur", "ѧУ-1")], encoding=mark)
    assert decoded(file).is_certain
    with pytest.raises(InvalidInput, match="its first bytes say so") as refused:
        decoded(file, "gb18030")
    assert refused.value.code == "encoding_wrong"
    assert decoded(file, "utf-8").text == decoded(file).text


def test_plain_letters_are_the_same_in_every_encoding() -> None:
    assert decoded(rows_of("R-1"), "cp1250").text == decoded(rows_of("R-1")).text


@pytest.mark.parametrize("amount", ["−5", "−5,00 €", "− 5", "−€5"])
def test_a_minus_that_is_none_of_ascii_puts_no_letter_in_doubt(amount: str) -> None:
    rows = (
        ("payer@firm.example", amount, "eur", "R-1"),
        ("b@firm.example", "7", "eur", "Müller-1"),
    )
    data = "\n".join(";".join(row) for row in rows).encode()
    assert not decoded(data, None).doubt
