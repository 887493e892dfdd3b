"""The catalogues say what the code says, in every language, and no message tells what only a bank may know."""

from __future__ import annotations

import re

import pytest

from lib.domain.messages import secret_word
from lib.languages import LANGUAGES, Language, accepted, first_of
from lib.money import CURRENCIES, format_major
from lib.wording.catalogues import day, money, month
from tests.catalogue_files import PLACES, TRANSLATIONS, Place

_FIELD = re.compile(r"\{[a-z_]*\}")
by_place = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)


@by_place
@pytest.mark.parametrize("code", TRANSLATIONS)
class TestACatalogue:
    def test_has_what_the_code_says_and_nothing_else(self, place: Place, code: str) -> None:
        """`make words` brings new strings in; a translator fills them."""
        catalogue = place.catalogue(code)
        translated = {str(it.id) for it in catalogue if it.id and it.string and not it.fuzzy}
        said = set(place.strings())
        assert said - translated == set(), "missing"
        assert {str(it.id) for it in catalogue if it.id} - said == set(), "unused"
        assert not catalogue.obsolete

    def test_has_the_same_fields_as_english(self, place: Place, code: str) -> None:
        wrong = [
            it.id
            for it in place.catalogue(code)
            if it.id
            and sorted(_FIELD.findall(str(it.id))) != sorted(_FIELD.findall(str(it.string)))
        ]
        assert wrong == []

    def test_tells_no_secret_of_the_bank(self, place: Place, code: str) -> None:
        told = [it.string for it in place.catalogue(code) if secret_word(str(it.string))]
        assert told == []


@by_place
def test_english_tells_no_secret_of_the_bank(place: Place) -> None:
    assert len(place.strings()) > 20
    assert [text for text in place.strings() if secret_word(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "Your card was reported lost.",
        "It was Stolen",
        "suspected fraud",
        "fraudulent",
        "Ihre Karte wurde als verloren gemeldet",
        "gestohlene Karte",
        "Betrugsverdacht",
        "carte perdue",
        "carte volée",
        "frauduleux",
        "tarjeta robada",
        "tarjeta perdida",
        "carta smarrita",
        "carta rubata",
        "sospetta frode",
        "kaart is gestolen",
        "als verloren opgegeven",
        "cartão roubado",
        "cartão perdido",
        "カードの紛失",
        "盗難カード",
        "不正利用",
        "the loss of your card",
        "somebody used a ｓｔｏｌｅｎ card",
        "Kreditkartenbetrug",
        "Kartenverlust",
        "Die Karte ist abhandengekommen",
        "Die Karte ist abhanden gekommen",
        "entwendete Karte",
        "Kartendiebstahl",
        "en cas de perte de la carte",
        "cartes perdues",
        "vol de la carte",
        "vol de votre carte",
        "carte vole\u0301e",
        "carte égarée",
        "carte dérobée",
        "une escroquerie",
        "tarjeta extraviada",
        "extravío de la tarjeta",
        "tarjeta sustraída",
        "robo de la tarjeta",
        "tarjeta hurtada",
        "por pérdida",
        "por pe\u0301rdida",
        "una estafa",
        "furto della carta",
        "smarrimento della carta",
        "carte smarrite",
        "carta persa",
        "la sua carta di credito è stata persa",
        "perdita della carta",
        "carta sottratta",
        "una truffa",
        "uso fraudolento",
        "uw kaart is kwijt",
        "kaart kwijtgeraakt",
        "oplichting",
        "cartão furtado",
        "furto do cartão",
        "roubo do cartão",
        "perda do cartão",
        "cartão extraviado",
        "uma burla",
        "カードが盗まれました",
        "盗まれたカード",
        "なくしたカード",
        "カードを失くしました",
        "カードの遺失",
        "詐取",
    ],
)
def test_secrets_are_known_in_every_language(text: str) -> None:
    assert secret_word(text)


@pytest.mark.parametrize(
    "text",
    [
        "Please save it",
        "Es lohnt sich",
        "La carta è persa di vista",
        "envolée",
        "votre vol pour Nice",
        "le volume",
        "Der Betrag beträgt",
        "de kwijting",
        "kwijtschelding",
        "口座から引き落とします",
        "ご負担を少なくしました",
        "確認することなく",
    ],
)
def test_other_words_are_none(text: str) -> None:
    assert secret_word(text) is None


class TestALanguage:
    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            (["de"], "de"),
            (["de-AT", "en"], "de"),
            (["pt_BR"], "pt"),
            (["auto", "fr"], "fr"),
            (["pl", "sv", "zh", "it"], "it"),
            ([None, "", "x" * 99, "ja; DROP", "ja"], "ja"),
        ],
    )
    def test_is_the_first_that_has_a_catalogue(self, tags, expected) -> None:
        language = first_of(tags)
        assert language is not None
        assert language.code == expected

    def test_none_of_them(self) -> None:
        assert first_of(["pl", None]) is None

    @pytest.mark.parametrize(
        ("header", "tags"),
        [
            ("de-AT,de;q=0.9,en;q=0.8", ["de-AT", "de", "en"]),
            ("en;q=0.1, ja", ["ja", "en"]),
            ("fr;q=0, nl;q=x", []),
            ("", [""]),
        ],
    )
    def test_of_a_browser_as_it_weighs_them(self, header, tags) -> None:
        assert accepted(header) == tags

    def test_a_region_that_nobody_knows_is_passed_over(self) -> None:
        assert day(0, "UTC", Language("de", "de-ZZ9")) == "1. Januar 1970"


def shown(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("code", "sum_", "yen", "date", "expiry"),
    [
        ("en", "€1,234.50", "¥5,000", "November 30, 2026", "November 2026"),
        ("de", "1.234,50 €", "5.000 ¥", "30. November 2026", "November 2026"),
        ("fr", "1 234,50 €", "5 000 JPY", "30 novembre 2026", "novembre 2026"),
        ("es", "1.234,50 €", "5.000 JPY", "30 de noviembre de 2026", "noviembre de 2026"),
        ("it", "1.234,50 €", "5.000 JPY", "30 novembre 2026", "novembre 2026"),
        ("nl", "€ 1.234,50", "JP¥ 5.000", "30 november 2026", "november 2026"),
        ("pt", "€ 1.234,50", "JP¥ 5.000", "30 de novembro de 2026", "novembro de 2026"),
        ("ja", "€1,234.50", "￥5,000", "2026年11月30日", "2026年11月"),
    ],
)
def test_sums_and_dates_have_the_languages_form(code, sum_, yen, date, expiry) -> None:
    language = Language(code, code)
    assert shown(money(123_450, "eur", language)) == sum_
    assert shown(money(5_000, "jpy", language)) == yen
    assert day(1_796_000_000, "Europe/Berlin", language) == date
    assert month(2026, 11, language) == expiry


def test_a_region_has_its_own_form() -> None:
    assert shown(money(123_450, "eur", Language("de", "de-AT"))) == "€ 1.234,50"
    assert day(1_796_000_000, "UTC", Language("en", "en-GB")) == "30 November 2026"


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_currency_keeps_the_digits_that_are_charged(code: str) -> None:
    """CLDR's own would leave out the cents of some, and round."""
    language = Language(code, code)
    for currency in CURRENCIES:
        digits = re.sub(r"\D", "", money(1_234_560, currency, language))
        assert digits == format_major(1_234_560, currency).replace(".", ""), currency
