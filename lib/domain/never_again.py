"""Declines after which a card must not be charged again, for whatever debt."""

from __future__ import annotations

from lib.domain.declines import Reason, explain
from lib.domain.mirror import Decline

NEVER_AGAIN_CODES = (
    "lost_card",
    "stolen_card",
    "lost_or_stolen_card",
    "pickup_card",
    "do_not_try_again",
)
"""Of declines that speak of the card, not of the payment; beside the advice `do_not_try_again`."""


def is_never_again(decline: Decline, *, http_status: int | None) -> bool:
    """Whether a bank's answer concerns the card, for every debt and for good."""
    is_of_card = decline.advice_code == "do_not_try_again" or (
        decline.decline_code in NEVER_AGAIN_CODES or decline.code in NEVER_AGAIN_CODES
    )
    failure = explain(decline, http_status=http_status, at=0)
    return is_of_card and failure.reason is Reason.CARD_STOPPED
