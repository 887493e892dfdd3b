"""The foldable list of test numbers on the hosted page, and what choosing one fills in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lib.practice.card_table import CARDS, by_number
from lib.practice.cards import AtCharge, AtSetup, Card

FILL_NAME = "Practice Cardholder"

_SETUP_ASKS = (AtSetup.ASKS, AtSetup.ASKS_THEN_REFUSED)
_GROUPS: tuple[tuple[str, Callable[[Card], bool]], ...] = (
    ("Practice only: Stripe does not know these", lambda card: card.is_practice_only),
    ("Confirmed later", lambda card: card.at_setup is AtSetup.VERIFIED_LATER),
    ("Cannot be saved", lambda card: card.at_setup is AtSetup.REFUSED),
    ("Asks for 3-D Secure", lambda card: card.at_setup in _SETUP_ASKS),
    ("Saved, refused when charged", lambda card: card.at_charge is AtCharge.DECLINES),
    ("Saved, can be charged", lambda card: True),
)


@dataclass(frozen=True, slots=True)
class Choice:
    number: str
    shown: str
    note: str
    expiry: str
    cvc: str


def groups(payment_method_types: tuple[str, ...], now: datetime) -> list[tuple[str, list[Choice]]]:
    """The numbers that this session takes, most wanted group first."""
    by_title: dict[str, list[Choice]] = {title: [] for title, _ in reversed(_GROUPS)}
    for card in CARDS:
        if card.type not in payment_method_types:
            continue
        title = next(title for title, belongs in _GROUPS if belongs(card))
        by_title[title].append(_choice(card, now))
    return [(title, choices) for title, choices in by_title.items() if choices]


def choose(number: str, now: datetime) -> Choice | None:
    card = by_number(number)
    return None if card is None else _choice(card, now)


def grouped(number: str) -> str:
    """In the blocks that are printed on the card."""
    if len(number) == 15:
        return f"{number[:4]} {number[4:10]} {number[10:]}"
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def _choice(card: Card, now: datetime) -> Choice:
    if card.type != "card":
        return Choice(card.number, grouped(card.number), card.note, expiry="", cvc="")
    return Choice(
        number=card.number,
        shown=grouped(card.number),
        note=card.note,
        expiry=f"12/{(now.year + 3) % 100:02d}",
        cvc="1234" if card.brand == "amex" else "123",
    )
