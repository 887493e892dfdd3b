"""The default messages can be saved as they are, and read well in every language."""

from __future__ import annotations

import re

import pytest

from lib.domain.declines import EXPLANATIONS, Reason
from lib.domain.messages import FIELDS, Message, MessageKind, Template, checked, fill, secret_word
from lib.domain.method_types import METHOD_TYPES
from lib.domain.sender import Sender
from lib.languages import LANGUAGES, Language
from lib.wording import messages
from lib.wording.catalogues import words
from lib.wording.messages import Owed
from lib.wording.pages import title_and_text, whom_to_ask
from lib.wording.units import units

URL = "https://pay.example.com/l/abc"
by_language = pytest.mark.parametrize("code", LANGUAGES)


def owed(reason: Reason, reference: str = "INV-1") -> Owed:
    return Owed(reference, 123_450, "eur", EXPLANATIONS[reason].customer_message)


def values(code: str) -> dict[str, str]:
    say = words(Language(code, code))
    sender = Sender("Acme GmbH", "help@acme.example")
    everything = [owed(reason, f"INV-{at}") for at, reason in enumerate(Reason)]
    return {
        "greeting": messages.greeting("Anna Example", say),
        "name": "Anna Example",
        "company": messages.company_of(sender, say),
        "contact": sender.contact,
        "signature": messages.signature(sender, say),
        "link": URL,
        "until": "22. 12. 2026",
        "reference": "INV-1",
        "failures": messages.failures(everything, say),
        "invoices": messages.invoices(everything, say),
        "total": messages.total(everything, say),
        "to_charge": messages.to_charge(everything[0], sender, say),
        "card": "Visa •••• 4242",
        "expiry": "11/2026",
        "day": "3. 12. 2026",
        "charges": messages.charges([(everything[0], "Visa •••• 4242")], say),
        "answer": "https://pay.example.com/l/answer/abc",
    }


@by_language
@pytest.mark.parametrize("kind", MessageKind)
class TestADefault:
    def test_could_be_saved(self, code: str, kind: MessageKind) -> None:
        template = messages.default(kind, Language(code, code))
        assert checked(kind, template) == template

    def test_is_filled_and_tells_no_secret(self, code: str, kind: MessageKind) -> None:
        message = fill(messages.default(kind, Language(code, code)), values(code))
        whole = f"{message.subject}\n{message.text}"
        assert "{" not in whole
        assert "Acme GmbH" in whole
        assert message.text.count("\n\n") >= 3, "nothing was left out"
        assert secret_word(whole) is None

    def test_is_its_own_in_each_language(self, code: str, kind: MessageKind) -> None:
        english = messages.default(kind, Language("en", "en"))
        mine = messages.default(kind, Language(code, code))
        assert code == "en" or (mine.subject != english.subject and mine.body != english.body)


@by_language
def test_reasons_share_sentences_and_list_their_invoices(code: str) -> None:
    say = words(Language(code, code))
    declined = [owed(Reason.NOT_ENOUGH_MONEY), owed(Reason.CARD_STOPPED, "INV-2")]
    text = messages.failures([*declined, owed(Reason.CARD_DETAILS, "INV-3")], say)
    first, second = text.split("\n\n")
    assert [line.split(":")[0] for line in first.split("\n")[1:]] == ["- INV-1", "- INV-2"]
    assert second.split("\n")[1].startswith("- INV-3: ")


SINGULAR = {
    "en": "this payment",
    "de": "diese zahlung",
    "fr": "ce paiement",
    "es": "este pago",
    "it": "questo pagamento",
    "nl": "deze betaling",
    "pt": "este pagamento",
    "ja": "このお支払い",
}


@by_language
def test_reasons_read_of_one_invoice_as_of_several(code: str) -> None:
    say = words(Language(code, code))
    for reason in Reason:
        said = EXPLANATIONS[reason].customer_message
        assert said is None or SINGULAR[code] not in say(said).lower(), reason


@by_language
def test_nobody_known_is_greeted_and_signs(code: str) -> None:
    say = words(Language(code, code))
    assert messages.greeting(" \n ", say)
    assert messages.signature(Sender("", ""), say).count("\n") == 0
    assert messages.company_of(Sender("", ""), say)


@by_language
@pytest.mark.parametrize(
    "sender", [Sender("Acme", "+49 1"), Sender("", "+49 1"), Sender("Acme", ""), Sender("", "")]
)
def test_a_page_says_whom_to_ask(code: str, sender: Sender) -> None:
    asked = whom_to_ask(sender, Language(code, code))
    assert "{" not in asked
    assert sender.company in asked
    assert sender.contact in asked


@by_language
def test_pages_have_a_title_and_a_text(code: str) -> None:
    title, text = title_and_text("gone", Language(code, code))
    assert title
    assert text
    assert code == "en" or title != title_and_text("gone", Language("en", "en"))[0]


class TestHtml:
    def test_has_the_text_escaped_and_the_link_as_a_button(self) -> None:
        message = fill(
            Template("Hi {name}", "Hello {name}\nsecond line\n\n{link}"),
            {"name": "<b>Anna</b>", "link": URL},
        )
        page = messages.html(message, Language("de", "de"), kind=MessageKind.LINK, link=URL)
        assert '<html lang="de">' in page
        assert "Hello &lt;b&gt;Anna&lt;/b&gt;<br>second line" in page
        assert page.count(f'href="{URL}"') == 2
        assert ">Seite öffnen</a>" in page
        assert "<b>" not in page

    def test_without_a_link_there_is_no_button(self) -> None:
        message = fill(Template("Hi", "Hello"), {})
        assert "href" not in messages.html(
            message, Language("en", "en"), kind=MessageKind.LINK, link=None
        )


PROPER_NAMES = {
    "alipay",
    "amazon_pay",
    "bancontact",
    "blik",
    "boleto",
    "cashapp",
    "ideal",
    "kakao_pay",
    "klarna",
    "link",
    "naver_pay",
    "paypal",
    "payto",
    "pix",
    "revolut_pay",
    "satispay",
    "sofort",
    "twint",
    "upi",
}


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_what_is_charged_is_named_in_the_customers_language(code: str) -> None:
    """All but proper names."""
    say = words(Language(code, code))
    labels = {kind: it.label for kind, it in METHOD_TYPES.items()}
    assert {kind for kind, label in labels.items() if say(label) == label} == PROPER_NAMES


def test_fields_of_a_kind_are_those_that_can_be_filled() -> None:
    assert {name for names in FIELDS.values() for name in names} == set(values("en"))


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("- INV-1042: €124.50, Visa ···· 4242", ["INV-1042", "···· 4242"]),
        ("rechnung@mueller-soehne.example", ["rechnung@mueller-soehne.example"]),
        ("カードINV-7を登録 2026/11.", ["INV-7", "2026/11"]),
        ("Hello Anna-Maria, and/or", []),
        ("12.50", []),
    ],
)
def test_what_reads_as_one_is_not_torn(line: str, kept: list[str]) -> None:
    pieces = units(line)
    assert "".join(piece for piece, _ in pieces) == line
    assert [piece for piece, stays in pieces if stays] == kept


def test_a_message_as_a_page_holds_references_together_and_its_letters_stay_the_same() -> None:
    text = "- INV-1042: €124.50, Visa ···· 4242\nKind & regards"
    page = messages.html(Message("S", text), Language("en", "en"), kind=MessageKind.LINK, link=None)
    paragraph = page[page.index("<p") : page.index("</p>")]
    assert paragraph.count("inline-block") == 2
    plain = re.sub(r"<[^>]+>", "", paragraph.replace("<br>", "\n"))
    assert plain == text.replace("&", "&amp;")
