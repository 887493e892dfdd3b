"""
The agreement that a customer gives by saving a method: who may charge it, when, how much, and how to withdraw.

The default covers what Stripe asks of payments that a merchant initiates:
https://docs.stripe.com/payments/save-and-reuse?platform=web#charge-saved-payment-method
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lib.domain.identity import readable
from lib.domain.sender import Sender
from lib.errors import InvalidInput

LONGEST = 1_200
"""Characters that Stripe shows beside the button of its page, names filled in."""
LANGUAGES: Mapping[str, str] = MappingProxyType(
    {
        "en": "English",
        "de": "German",
        "fr": "French",
        "es": "Spanish",
        "it": "Italian",
        "nl": "Dutch",
        "pt": "Portuguese",
        "ja": "Japanese",
    }
)
FIELDS = ("company", "contact")
DEFAULT_VERSION = "default-1"
"""Goes up with every change of DEFAULTS."""
# Names may be long, and the text around them must still fit.
_LONGEST_TEXT = 1_000
_LONGEST_NAME = 90


@dataclass(frozen=True, slots=True)
class Agreement:
    version: str
    language: str
    text: str
    """As the customer reads it."""


@dataclass(frozen=True, slots=True)
class SavedAgreement:
    """
    What a customer agreed to, with the page on which they did.

    After a file was lost, only what Stripe tells of that page: the rest is empty.
    """

    session_id: str
    link_id: str
    version: str
    language: str
    text: str
    agreed_at: int


DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "en": "By saving this payment method you allow {company} to charge it later without asking you each time: "
        "whenever an amount that you owe becomes due, once or regularly, for the sum that the invoice or our agreement "
        "with you states. You can withdraw this permission for future charges at any time: {contact}.",
        "de": "Mit dem Speichern dieser Zahlungsart erlauben Sie {company}, sie später ohne weitere Rückfrage zu "
        "belasten: immer wenn ein von Ihnen geschuldeter Betrag fällig wird, einmalig oder regelmäßig, in der Höhe, "
        "die in der Rechnung oder unserer Vereinbarung mit Ihnen steht. Sie können diese Erlaubnis für künftige "
        "Zahlungen jederzeit widerrufen: {contact}.",
        "fr": "En enregistrant ce moyen de paiement, vous autorisez {company} à le débiter ultérieurement sans vous "
        "solliciter à chaque fois : dès qu’une somme que vous devez arrive à échéance, une seule fois ou "
        "régulièrement, pour le montant indiqué sur la facture ou convenu avec vous. Vous pouvez retirer cette "
        "autorisation à tout moment pour les paiements futurs : {contact}.",
        "es": "Al guardar este método de pago, autoriza a {company} a realizar cargos posteriores sin consultarle cada "
        "vez: cuando venza un importe que usted deba, una sola vez o de forma periódica, por la cantidad que indique "
        "la factura o lo acordado con usted. Puede retirar esta autorización para cargos futuros en cualquier "
        "momento: {contact}.",
        "it": "Salvando questo metodo di pagamento autorizza {company} ad addebitarlo in seguito senza chiederle ogni "
        "volta: quando scade un importo da lei dovuto, una sola volta o periodicamente, per la somma indicata nella "
        "fattura o concordata con lei. Può revocare questa autorizzazione per gli addebiti futuri in qualsiasi "
        "momento: {contact}.",
        "nl": "Door deze betaalmethode op te slaan, geeft u {company} toestemming om er later bedragen van af te "
        "schrijven zonder u dit telkens te vragen: wanneer een bedrag dat u verschuldigd bent vervalt, eenmalig of "
        "regelmatig, voor het bedrag dat op de factuur staat of met u is afgesproken. U kunt deze toestemming voor "
        "toekomstige betalingen op elk moment intrekken: {contact}.",
        "pt": "Ao guardar este método de pagamento, autoriza {company} a cobrá-lo mais tarde sem lhe perguntar de cada "
        "vez: quando vencer um montante que deva, uma só vez ou regularmente, pelo valor indicado na fatura ou "
        "acordado consigo. Pode retirar esta autorização para cobranças futuras a qualquer momento: {contact}.",
        "ja": "このお支払い方法を保存すると、{company}が、お客様にその都度確認することなく、後日請求することに同意したことになります。"
        "お支払い期日が到来したときに、1回または定期的に、請求書または当社との取り決めに記載された金額を請求します。"
        "今後の請求に対する同意は、いつでも取り消すことができます：{contact}",
    }
)
# Where the installation names nobody.
_US: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "en": ("us", "answer the message with this link"),
        "de": ("uns", "antworten Sie auf die Nachricht mit diesem Link"),
        "fr": ("notre entreprise", "répondez au message contenant ce lien"),
        "es": ("nuestra empresa", "responda al mensaje con este enlace"),
        "it": ("la nostra azienda", "risponda al messaggio con questo link"),
        "nl": ("ons", "beantwoord het bericht met deze link"),
        "pt": ("a nossa empresa", "responda à mensagem com esta ligação"),
        "ja": ("当社", "このリンクを記載したメッセージにご返信ください。"),
    }
)


def language_of(locale: str | None) -> str:
    """Of a link: its own, where there are words in it."""
    return locale if locale and locale in LANGUAGES else "en"


def agreement(
    written: Mapping[str, str], version: int | None, *, locale: str | None, sender: Sender
) -> Agreement:
    """
    What the page of a link says.

    Args:
        written: by staff, by language; the default stands in for a language that is missing.
        version: of what was written; None where nothing was.
    """
    language = language_of(locale)
    own = written.get(language)
    company, contact = _US[language]
    text = (own or DEFAULTS[language]).format(
        company=sender.company[:_LONGEST_NAME] or company,
        contact=sender.contact[:_LONGEST_NAME] or contact,
    )
    return Agreement(str(version) if own and version else DEFAULT_VERSION, language, text)


def checked_text(text: str) -> str:
    """
    Raises:
        InvalidInput: empty, too long, a field that there is not, or a letter that cannot be shown.
    """
    cleaned = readable(text, what="text", field="text", needed="Write what the customer agrees to.")
    try:
        parts = [part for part in string.Formatter().parse(cleaned) if part[1] is not None]
    except ValueError:
        parts = [("", "", "", None)]
    is_plain = all(name in FIELDS and not spec and not turn for _, name, spec, turn in parts)
    if not is_plain:
        raise InvalidInput(
            "In braces stand only {company} and {contact}. Write two braces for one that the customer should read.",
            field="text",
        )
    if len(cleaned) > _LONGEST_TEXT:
        raise InvalidInput(
            f"The text has {len(cleaned):,} characters; Stripe shows at most {_LONGEST_TEXT:,} beside the names.",
            field="text",
        )
    return cleaned
