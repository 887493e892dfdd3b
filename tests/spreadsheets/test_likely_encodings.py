"""Which encoding is proposed for a small file: above all by names, as statistics need more than three."""

from __future__ import annotations

import pytest

from lib.errors import InvalidInput
from lib.spreadsheets.encodings import decoded
from lib.spreadsheets.reading import read_file
from tests.spreadsheets.case_files import csv_of


def file_of(names: str, encoding: str) -> bytes:
    rows = [
        (f"a{at}@firm.example", "12.30", "eur", f"{name}-{at}", name)
        for at, name in enumerate(names.split("|"))
    ]
    return csv_of(
        rows, header=("customer", "amount", "currency", "reference", "name"), encoding=encoding
    )


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1252", "Bäckerei Grün|Weiß & Söhne"),
        ("cp1252", "Hôtel de la Forêt|Crêperie Noël"),
        ("cp1252", "Begoña Núñez|Peluquería Ángel"),
        ("cp1252", "Mår"),
        ("cp1252", "Þórunn|Guðmundur Ágústsson"),
        ("cp1252", "Zoll – Gebühr|15 € für Bär"),
        ("cp1250", "Spółka Jeżyna|Wróblewska"),
        ("cp1250", "Růžička|Jiří Dvořák"),
        ("cp1250", "Fűszer Bolt|Győri Ernő"),
        ("cp1250", "Mureşan|Constanţa"),
        ("iso8859-2", "Šárka Ťoupalová|Žďár"),
        ("cp1251", "Счёт|Рябинина"),
        ("cp1251", "СЧЕТ|СИДОРОВ"),
        ("cp1251", "ООО «Берёза»|Счет № 12"),
        ("cp1251", "Рахунок|Їжакевич"),
        ("iso8859-5", "Накладная|Ольга"),
        ("cp1253", "Τιμολόγιο|Καραγιάννης"),
        ("cp1253", "ΤΙΜΟΛΟΓΙΟ|ΠΑΤΡΑ"),
        ("cp1253", "Άννα"),
        ("iso8859-7", "Άγγελος|Θεσσαλονίκη"),
        ("cp1254", "Işıl Gündoğdu|Şişli"),
        ("cp1254", "İzmir|Yıldız"),
        ("cp1257", "Žąsinas|Birutė|Šiaulių"),
        ("cp1257", "Bērziņa|Jūrmala"),
        ("mac-roman", "Schröder|Jäger"),
        ("mac-roman", "Hélène|Façade"),
        ("cp932", "請求書|鈴木一郎"),
        ("cp932", "サクラ商店"),
        ("gb18030", "发票|李小红"),
        ("gb18030", "发票"),
        ("gb18030", "深圳市贸易有限公司"),
        ("cp949", "청구서|박영희"),
        ("cp949", "부산 주식회사"),
        ("cp949", "서울特別市"),
        ("cp950", "發票|陳美玲"),
        ("cp950", "有限公司"),
    ],
)
def test_words_of_one_language_are_read_as_such(encoding: str, names: str) -> None:
    file = file_of(names, encoding)
    decoding = decoded(file)
    assert decoding.text == file.decode(encoding), decoding.encoding
    assert not decoding.is_certain


def test_what_looks_like_damaged_unicode_can_still_be_chosen_for() -> None:
    """Two of three syllables are valid UTF-8 by chance."""
    file = file_of("홍길동", "cp949")
    with pytest.raises(InvalidInput, match="choose the encoding") as refused:
        read_file(file, "korean.csv")
    assert refused.value.field == "encoding"
    assert read_file(file, "korean.csv", encoding="cp949").rows[0].cells[-1] == "홍길동"
