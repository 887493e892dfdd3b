"""The default messages, and the parts of a message that no template can say: greeting, signature, failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from lib.domain.messages import Message, MessageKind, Template, translatable
from lib.domain.sender import Sender
from lib.languages import Language, Words
from lib.wording.catalogues import money, words
from lib.wording.units import units

if TYPE_CHECKING:
    from jinja2 import Environment

# By paragraph, so that each is one entry for translators.
_DEFAULTS: dict[MessageKind, tuple[str, tuple[str, ...]]] = {
    MessageKind.LINK: (
        translatable("Please save your payment details for {company}"),
        (
            "{greeting}",
            translatable(
                "Please save your payment details for {company} on this page. It takes about a minute, and nothing is charged now."
            ),
            "{link}",
            translatable("The page is run by Stripe. The link works until {until}."),
            translatable("Reference: {reference}"),
            "{signature}",
        ),
    ),
    MessageKind.RECOVERY: (
        translatable("Your payment to {company} needs your attention"),
        (
            "{greeting}",
            "{failures}",
            "{link}",
            translatable("The page is run by Stripe. The link works until {until}."),
            "{signature}",
        ),
    ),
    MessageKind.CARD_FOR_CHARGE: (
        translatable("Please save a card for your payment to {company}"),
        (
            "{greeting}",
            translatable(
                "To pay {company}, please save a card on this page. It takes about a minute."
            ),
            "{to_charge}",
            "{link}",
            translatable("The page is run by Stripe. The link works until {until}."),
            "{signature}",
        ),
    ),
    MessageKind.REMINDER: (
        translatable("A reminder: your payment details for {company}"),
        (
            "{greeting}",
            translatable(
                "Your payment details for {company} are not saved yet. Please save them on this page; it takes about a minute."
            ),
            "{to_charge}",
            "{link}",
            translatable("Still to be paid:\n{invoices}"),
            translatable("The page is run by Stripe. The link works until {until}."),
            "{signature}",
        ),
    ),
    MessageKind.CARD_EXPIRES: (
        translatable("Your card is about to expire"),
        (
            "{greeting}",
            translatable(
                "The card that {company} has on file for you expires in {expiry}: {card}."
            ),
            translatable("Please save a new one on this page. Nothing is charged now."),
            "{link}",
            translatable("The page is run by Stripe. The link works until {until}."),
            "{signature}",
        ),
    ),
    MessageKind.ANNOUNCEMENT: (
        translatable("Your payment to {company} on {day}"),
        (
            "{greeting}",
            translatable(
                "On {day} {company} charges the following, as agreed with you. There is nothing left to do."
            ),
            "{charges}",
            translatable("If it is not right, please tell us before that day on this page:"),
            "{answer}",
            "{signature}",
        ),
    ),
    MessageKind.THANKS: (
        translatable("Thank you: your payment details are saved"),
        (
            "{greeting}",
            translatable(
                "Thank you. Your payment details are saved, and {company} may charge them as agreed. There is nothing left to do."
            ),
            translatable("Saved: {card}"),
            translatable("To change or withdraw them, please write or call: {contact}"),
            "{signature}",
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Owed:
    """A charge that failed, as far as its customer is told."""

    reference: str
    amount: int
    currency: str
    reason: str | None
    """An English sentence of the catalogues; None where there is nothing to say."""


@cache
def default(kind: MessageKind, language: Language) -> Template:
    say = words(language)
    subject, paragraphs = _DEFAULTS[kind]
    # What is a field alone reads the same everywhere, and is in no catalogue.
    return Template(say(subject), "\n\n".join(map(say, paragraphs)))


def greeting(name: str | None, say: Words) -> str:
    plain = " ".join((name or "").split())
    return say(translatable("Hello {name},"), name=plain) if plain else say(translatable("Hello,"))


def company_of(sender: Sender, say: Words) -> str:
    """Who writes; also where nobody said who that is."""
    return sender.company or say(translatable("our company"))


def signature(sender: Sender, say: Words) -> str:
    lines = (say(translatable("Kind regards")), sender.company, sender.contact)
    return "\n".join(line for line in lines if line)


def invoices(owed: Iterable[Owed], say: Words) -> str:
    return "\n".join(
        f"- {one.reference}: {money(one.amount, one.currency, say.language)}" for one in owed
    )


def failures(owed: Sequence[Owed], say: Words) -> str:
    """What has the same reason shares one sentence; the invoices below it."""
    by_reason: dict[str, list[Owed]] = {}
    for one in owed:
        if one.reason is not None:
            by_reason.setdefault(one.reason, []).append(one)
    return "\n\n".join(
        f"{say(reason)}\n{invoices(these, say)}" for reason, these in by_reason.items()
    )


def charges(named: Iterable[tuple[Owed, str]], say: Words) -> str:
    """Each with the card or account that is charged."""
    return "\n".join(f"{invoices([one], say)}, {method}" for one, method in named)


def to_charge(one: Owed, sender: Sender, say: Words) -> str:
    """What happens as soon as a card is saved: in the message and on the page where it is saved."""
    return say(
        translatable(
            "As soon as your card is saved, {company} charges {amount} for {reference} to it, once."
        ),
        company=company_of(sender, say),
        amount=money(one.amount, one.currency, say.language),
        reference=one.reference,
    )


def total(owed: Sequence[Owed], say: Words) -> str:
    """A sum for each of the currencies."""
    sums: dict[str, int] = {}
    for one in owed:
        sums[one.currency] = sums.get(one.currency, 0) + one.amount
    return ", ".join(money(amount, code, say.language) for code, amount in sums.items())


@cache
def _pages() -> Environment:
    # Loaded here: most commands write to nobody, and should start fast.
    from jinja2 import Environment, FileSystemLoader, select_autoescape

    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["units"] = units
    return pages


def button_of(kind: MessageKind) -> str:
    """What stands on the button of its link; an English string of the catalogues."""
    if kind is MessageKind.ANNOUNCEMENT:
        return translatable("Please do not charge this")
    return translatable("Open the page")


def html(message: Message, language: Language, *, kind: MessageKind, link: str | None) -> str:
    """The same text as a plain page for mail programs, the link also as a button."""
    paragraphs = [paragraph.split("\n") for paragraph in message.text.split("\n\n")]
    return (
        _pages()
        .get_template("message.html")
        .render(
            subject=message.subject,
            paragraphs=paragraphs,
            link=link,
            button=words(language)(button_of(kind)),
            language=language.code,
        )
    )
