"""
Messages to customers: their kinds, the fields that a template may have, and how it is filled.

A template is plain text with fields in braces. A paragraph in which a field is empty is left out, so
that one text serves customers with and without a reference, and a company with and without a contact.
What the message is for is never left out with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from lib.errors import InvalidInput


class MessageKind(StrEnum):
    LINK = "link"
    RECOVERY = "recovery"
    """After charges that failed."""
    CARD_FOR_CHARGE = "card_for_charge"
    """An approved charge waits for a card, and is made as soon as it is saved."""
    REMINDER = "reminder"
    CARD_EXPIRES = "card_expires"
    THANKS = "thanks"
    ANNOUNCEMENT = "announcement"
    """Before a run is executed: what it charges, when and from what."""


@dataclass(frozen=True, slots=True)
class Template:
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Message:
    """Filled, for one customer."""

    subject: str
    text: str


_ALWAYS = ("greeting", "name", "company", "contact", "signature")
_OF_A_LINK = ("link", "until", "reference")
FIELDS: Mapping[MessageKind, tuple[str, ...]] = {
    MessageKind.LINK: (*_ALWAYS, *_OF_A_LINK),
    MessageKind.RECOVERY: (*_ALWAYS, *_OF_A_LINK, "failures", "invoices", "total"),
    MessageKind.CARD_FOR_CHARGE: (*_ALWAYS, *_OF_A_LINK, "to_charge"),
    MessageKind.REMINDER: (*_ALWAYS, *_OF_A_LINK, "invoices", "total", "to_charge"),
    MessageKind.CARD_EXPIRES: (*_ALWAYS, *_OF_A_LINK, "card", "expiry"),
    MessageKind.THANKS: (*_ALWAYS, "reference", "card"),
    MessageKind.ANNOUNCEMENT: (*_ALWAYS, "day", "charges", "total", "answer"),
}
MUST_HAVE: Mapping[MessageKind, tuple[str, ...]] = {
    MessageKind.LINK: ("link",),
    MessageKind.RECOVERY: ("failures", "link"),
    MessageKind.CARD_FOR_CHARGE: ("to_charge", "link"),
    MessageKind.REMINDER: ("link",),
    MessageKind.CARD_EXPIRES: ("link",),
    MessageKind.THANKS: (),
    MessageKind.ANNOUNCEMENT: ("day", "charges", "answer"),
}
"""Without which a message of this kind makes no sense."""
_SAID_WHERE_KNOWN = frozenset(name for names in MUST_HAVE.values() for name in names)
"""Also where a kind can do without: a reminder says what is charged where something waits."""
_ALWAYS_FILLED = frozenset(("greeting", "company", "signature"))
_WITH_A_LINK = _ALWAYS_FILLED | {"link", "until"}
_FILLED: Mapping[MessageKind, frozenset[str]] = {
    MessageKind.LINK: _WITH_A_LINK,
    # About failures that no card mends there is no link.
    MessageKind.RECOVERY: _ALWAYS_FILLED | {"failures", "invoices", "total", "reference"},
    MessageKind.CARD_FOR_CHARGE: _WITH_A_LINK | {"to_charge"},
    MessageKind.REMINDER: _WITH_A_LINK,
    MessageKind.CARD_EXPIRES: _WITH_A_LINK,
    MessageKind.THANKS: _ALWAYS_FILLED,
    MessageKind.ANNOUNCEMENT: _ALWAYS_FILLED | {"day", "charges", "total", "answer"},
}
"""Fields that are empty in no message of the kind."""
MEANINGS: Mapping[str, str] = {
    "greeting": "“Hello Anna Example,” in the customer's language",
    "name": "the customer's name",
    "company": "your company",
    "contact": "whom customers ask",
    "signature": "kind regards, the company and the contact",
    "link": "the address of the page, on a line of its own",
    "until": "the last day of the link",
    "reference": "what the link was made for",
    "failures": "why each payment failed, with its invoices and sums",
    "invoices": "the invoices that are open, each with its sum",
    "total": "their sum",
    "to_charge": "what is charged as soon as a card is saved, and for what",
    "card": "brand and last four digits",
    "day": "the day on which it is charged",
    "charges": "each charge: its reference, its sum, and the card or account",
    "answer": "the address of the page on which the customer can ask not to be charged, on a line of its own",
    "expiry": "month and year in which the card ends",
}

_FIELD = re.compile(r"\{([a-z_]+)\}")
_LONGEST_SUBJECT, _LONGEST_BODY = 150, 5000
# What the bank knows of a card would warn a thief. Whole words, so that none is found inside another; German
# ones also at the end of a compound. Nouns count like participles. "Vol" and "persa" are of a card only: in
# French a flight is one, too, and in Italian much is lost.
_SECRET = re.compile(
    r"\b(?:"
    r"lost|loss(?:es)?|steal\w*|stole|stolen|theft|thie(?:f|ves)|fraud\w*|scam\w*"  # English
    r"|verloren\w*|abhanden\w*|entwendet\w*|\w*gestohlen\w*|\w*diebst[aä]hl\w*|\w*verlust\w*|\w*betr[uü]g\w*"
    r"|pertes?|perdue?s?|vol[ée]e?s?|vols? d(?:e |['’])(?:\w+ )?cartes?|dérobée?s?|égarée?s?|escroc\w*|escroquer\w*"
    r"|p[eé]rdid[ao]s?|extrav[ií]\w*|rob(?:os?|ad[ao]s?)|hurt(?:os?|ad[ao]s?)|sustra[ií]d[ao]s?|estafa\w*"  # Spanish
    r"|smarri\w*|perdit[ae]|cart[ae](?: \w+){0,5} pers[ae](?! di vista)|furt[oi]|rubat[aieo]|sottratt[aieo]|frod[ei]\w*"
    r"|truff\w*"  # Italian
    r"|gestolen|verlies|verloor|kwijt(?:geraakt|raken)?|diefstal|oplicht\w*"  # Dutch
    r"|perdas?|roub(?:os?|ad[ao]s?)|furt(?:os|ad[ao]s?)|burl(?:as?|ad[ao]s?)"  # Portuguese
    r")\b|盗|紛失|遺失|(?:(?<!少)な|無|失)くし(?:た|て|まし)|不正|詐欺|詐取",
    re.IGNORECASE,
)


def translatable(text: str) -> str:
    """Marks an English sentence for the catalogues, which are made by reading the code."""
    return text


def secret_word(text: str) -> str | None:
    """A word of any language that tells a customer what only the bank may: lost, stolen, fraud."""
    match = _SECRET.search(unicodedata.normalize("NFKC", text))
    return match.group() if match else None


def checked(kind: MessageKind, template: Template) -> Template:
    """
    A template that can be filled for every customer.

    Raises:
        InvalidInput: which field is missing, unknown or not closed, or what else is wrong.
    """
    subject, body = " ".join(template.subject.split()), _tidy(template.body)
    _check_length(subject, "subject", _LONGEST_SUBJECT)
    _check_length(body, "body", _LONGEST_BODY)
    for text, where in ((subject, "subject"), (body, "body")):
        _check_fields(kind, text, where)
    missing = [name for name in MUST_HAVE[kind] if f"{{{name}}}" not in body]
    if missing:
        raise InvalidInput(
            f"The text lacks {{{missing[0]}}}: {MEANINGS[missing[0]]}.",
            field="body",
            code="template_field_missing",
        )
    _check_paragraphs(kind, body)
    _check_never_empty(kind, subject, body)
    return Template(subject, body)


def fill(template: Template, values: Mapping[str, str]) -> Message:
    """`values` by field; one that is absent is empty."""

    def filled(text: str) -> str:
        return _FIELD.sub(lambda field: values.get(field[1], ""), text)

    paragraphs = [
        (text, set(_FIELD.findall(text)), all(values.get(name) for name in _FIELD.findall(text)))
        for text in template.body.split("\n\n")
    ]
    full = {name for _, fields, is_full in paragraphs if is_full for name in fields}
    # Texts that were saved before `checked` refused them may have it beside an empty field only.
    missing = {name for name in _SAID_WHERE_KNOWN - full if values.get(name)}
    texts = [filled(text) for text, fields, is_full in paragraphs if is_full or fields & missing]
    return Message(" ".join(filled(template.subject).split()), "\n\n".join(texts))


def _check_paragraphs(kind: MessageKind, body: str) -> None:
    """What has to be said stands in a paragraph that is never left out while there is something to say."""
    paragraphs = [set(_FIELD.findall(paragraph)) for paragraph in body.split("\n\n")]
    for name in FIELDS[kind]:
        if name not in _SAID_WHERE_KNOWN:
            continue
        # A link and its last day come together, also where there may be none.
        sure = _FILLED[kind] | ({"link", "until"} if name == "link" else {name})
        beside = [sorted(fields - sure) for fields in paragraphs if name in fields]
        if beside and all(beside):
            empty = beside[0][0]
            raise InvalidInput(
                f"The paragraph with {{{name}}} has {{{empty}}}, too, which is empty for some customers. "
                f"A paragraph with an empty field is left out, so write {{{empty}}} in a paragraph of its own.",
                field="body",
                code="template_field_not_sure",
            )


def _check_never_empty(kind: MessageKind, subject: str, body: str) -> None:
    """Subject and text say something also to a customer of whom the fields are empty that may be."""
    sure = _FILLED[kind]
    left = {
        "subject": (subject, _FIELD.sub(lambda one: one[1] if one[1] in sure else "", subject)),
        "body": (
            body,
            "".join(p for p in body.split("\n\n") if sure.issuperset(_FIELD.findall(p))),
        ),
    }
    for where, (whole, text) in left.items():
        if _FIELD.search(whole) and not any(letter.isalnum() for letter in text):
            raise InvalidInput(
                f"The {_SAID[where]} would be empty for some customers, as a field in it is empty for them. "
                "Write some words of your own, too.",
                field=where,
                code="template_field_not_sure",
            )


def _tidy(body: str) -> str:
    lines = (line.rstrip() for line in body.strip().splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _check_length(text: str, where: str, longest: int) -> None:
    if not text:
        raise InvalidInput(f"The {_SAID[where]} is empty.", field=where, code="template_empty")
    if len(text) > longest:
        raise InvalidInput(
            f"The {_SAID[where]} has at most {longest} characters.",
            field=where,
            code="template_too_long",
        )


def _check_fields(kind: MessageKind, text: str, where: str) -> None:
    rest = _FIELD.sub("", text)
    if "{" in rest or "}" in rest:
        raise InvalidInput(
            f"The {_SAID[where]} has a brace that belongs to no field. A field looks like {{link}}.",
            field=where,
            code="template_brace",
        )
    unknown = [name for name in _FIELD.findall(text) if name not in FIELDS[kind]]
    if unknown:
        raise InvalidInput(
            f"There is no field {{{unknown[0]}}} in this message. It may have: "
            + ", ".join(f"{{{name}}}" for name in FIELDS[kind])
            + ".",
            field=where,
            code="template_field_unknown",
        )
    word = secret_word(text)
    if word is not None:
        raise InvalidInput(
            f"No message may say “{word}”: what a bank knows of a card is not ours to tell.",
            field=where,
            code="template_secret_word",
        )


_SAID = {"subject": "subject", "body": "text"}
