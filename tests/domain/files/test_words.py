"""Words in their own letters are words; what a wrong encoding makes of others is not."""

from __future__ import annotations

import pytest

from lib.domain.files.words import Senses, senses_of

CLEAR = Senses(clear=1)


@pytest.mark.parametrize(
    "word",
    [
        *(
            "Müller",
            "STRASSE-ÄNDERUNG",
            "Größe",
            "Crème",
            "L’Éclair",
            "Begoña",
            "São",
            "Łódź",
            "SPÓŁKA",
            "Růžička",
        ),
        *(
            "Győr",
            "Işıl",
            "İzmir",
            "i\u0307zmir",
            "Žąsinas",
            "Šiauliai",
            "Þórunn",
            "Mureș",
            "Nguyễn",
            "Trơn",
            "Ənvər",
            "d'été",
            "col·lecció",
        ),
        *(
            "Счёт",
            "АКТ-ЗАКАЗ",
            "Їжакевич",
            "Ђорђевић",
            "Қазақ",
            "Τιμολόγιο",
            "ΠΑΤΡΑ",
            "Άννα",
            "חשבונית",
            "فاتورة",
            "می‌شود",
        ),
        *(
            "請求書",
            "学校",
            "發票",
            "发票",
            "청구서",
            "サクラ",
            "ｻｸﾗ",
            "Tシャツ",
            "ใบแจ้งหนี้",
            "बिल",
            "№",
            "nº",
            "20°",
            "5 €",
            "🙂",
        ),
    ],
)
def test_what_people_write(word: str) -> None:
    assert senses_of(word).none == 0
    assert senses_of(word).clear > 0


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *(
            ("学校", "gb18030"),
            ("为什么", "gb18030"),
            ("同时", "gb18030"),
            ("山", "gb18030"),
            ("茅台", "gb18030"),
        ),
        *(
            ("発表", "euc_jp"),
            ("頭", "euc_jp"),
            ("羞恥", "cp932"),
            ("捅", "cp950"),
            ("첫화", "cp949"),
        ),
        *(
            ("SPÓŁKA", "cp1250"),
            ("CZĘŚCIEJ", "iso8859-2"),
            ("MŮŽEME", "cp1250"),
            ("soutěže", "cp852"),
            ("DĹŽKA", "cp1250"),
        ),
        *(
            ("PANEVĖŽYS", "iso8859-4"),
            ("ZAPYTAĆ\u00a0AB", "cp1250"),
            ("LEIPÄ\u00a0OY", "cp1252"),
            ("CAFÉ™", "cp1252"),
        ),
        *(
            ("L’Éclair", "mac-roman"),
            ("ATEŞ’TE", "cp1254"),
            ("чек", "cp866"),
            ("список", "cp866"),
            ("ходьба", "cp866"),
        ),
        *(
            ("ЯЗЫК", "iso8859-5"),
            ("ДІЛІ", "cp1251"),
            ("дії", "cp1251"),
            ("сё", "koi8-r"),
            ("سگ", "cp1256"),
        ),
    ],
)
def test_what_comes_of_others_in_unicode(text: str, encoding: str) -> None:
    read = text.encode(encoding).decode("utf-8")
    assert senses_of(read).none > 0, read


@pytest.mark.parametrize("word", ["ü", "É", "С", "ИП", "路", "체", "·", "½"])
def test_one_or_two_letters_tell_little(word: str) -> None:
    assert senses_of(f"{word}-1") == Senses(short=1)


def test_a_letter_that_looks_like_a_latin_one_may_have_been_typed() -> None:
    assert senses_of("p\u0430yer@firm.example") == Senses(short=1)
    assert senses_of("p\u0430Уer@firm.example") == Senses(none=1)


def test_one_odd_word_among_many_is_a_name() -> None:
    words = "Müller Größe Jäger Köln Würz Bär Söhne Grün Weiß Höfe"
    assert senses_of(f"{words} ѧУ").is_plausible
    assert not senses_of("Müller ѧУ").is_plausible
    assert not senses_of(f"{words} ѧУ ӣx").is_plausible


def test_the_same_word_counts_once() -> None:
    assert senses_of("Müller Müller Müller") == CLEAR
