"""Behaviour of test cards and other test methods: at setup, when charged, and afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AtSetup(StrEnum):
    """What happens when the card is given on the hosted page.

    `VERIFIED_LATER`: the page is completed, and the bank account confirmed days after.
    """

    SAVED = "saved"
    VERIFIED_LATER = "verified_later"
    ASKS = "asks"
    REFUSED = "refused"
    ASKS_THEN_REFUSED = "asks_then_refused"


class AtCharge(StrEnum):
    """What happens when the card is charged; `Card.decline` says why it is refused."""

    SUCCEEDS = "succeeds"
    ASKS_UNLESS_SET_UP = "asks_unless_set_up"
    ALWAYS_ASKS = "always_asks"
    DECLINES = "declines"
    DECLINES_FIRST = "declines_first"
    PROCESSES = "processes"


class AfterCharge(StrEnum):
    NOTHING = "nothing"
    DISPUTED = "disputed"
    INQUIRED = "inquired"
    REFUND_PENDS = "refund_pends"
    REFUND_FAILS = "refund_fails"


@dataclass(frozen=True, slots=True)
class Card:
    """A test card, or another method to pay with.

    Attributes:
        slug: Also the token of the API: `pm_card_<slug>`.
        note: For staff: what this number shows.
        is_practice_only: Stripe does not know the number.
        decline: Key of `declines.DECLINES`, for whichever refusal the card shows.
    """

    slug: str
    number: str
    note: str
    at_setup: AtSetup = AtSetup.SAVED
    at_charge: AtCharge = AtCharge.SUCCEEDS
    decline: str = "generic_decline"
    after_charge: AfterCharge = AfterCharge.NOTHING
    risk_level: str = "normal"
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    asks_on_session: bool = False
    is_practice_only: bool = False
    type: str = "card"

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def can_be_attached(self) -> bool:
        return self.at_setup is not AtSetup.REFUSED
