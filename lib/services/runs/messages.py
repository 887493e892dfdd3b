"""One message with one link for each customer, about everything of theirs that failed in a run."""

from __future__ import annotations

from collections.abc import Sequence

from lib.domain.charges import Charge
from lib.money import format_major, format_money
from lib.services.charges.view import ChargeView

MESSAGE_PARTS = ("reference", "amount", "currency", "message", "link")
_LINK = "{link}"


def message_about(charges: Sequence[ChargeView]) -> tuple[str, ...] | None:
    """
    The cells under `MESSAGE_PARTS`; None when the customer can do nothing about any of these.

    What has the same reason shares one sentence. A card that is saved by the link is charged by
    itself only for the charge whose link it is, the one that was made last; the run's page offers the
    others. `amount` is a sum for each of the currencies.
    """
    texts = [(text, charge) for charge in charges if (text := needs_message(charge)) is not None]
    link = _newest_link([charge for _, charge in texts])
    if link is None:
        texts = [(text, charge) for text, charge in texts if _LINK not in text]
    if not texts:
        return None
    sentences: dict[str, list[Charge]] = {}
    sums: dict[str, int] = {}
    for text, view in texts:
        charge = view.charge
        sentences.setdefault(text.replace(_LINK, link or ""), []).append(charge)
        sums[charge.currency] = sums.get(charge.currency, 0) + charge.amount
    return (
        ", ".join(view.charge.reference for _, view in texts),
        ", ".join(format_major(amount, code) for code, amount in sums.items()),
        ", ".join(sums),
        "\n\n".join(_paragraph(text, about) for text, about in sentences.items()),
        link or "",
    )


def needs_message(view: ChargeView) -> str | None:
    """What the customer may be told, with "{link}" for the address; None when they can do nothing."""
    return view.failure.explanation.customer_message if view.failure is not None else None


def _newest_link(views: Sequence[ChargeView]) -> str | None:
    """Of those made in the same second, the one of the last row."""
    links = [
        (view.recovery_link.created_at, at, view.recovery_url)
        for at, view in enumerate(views)
        if view.recovery_link is not None
    ]
    return max(links)[2] if links else None


def _paragraph(text: str, about: Sequence[Charge]) -> str:
    owed = (f"- {c.reference}: {format_money(c.amount, c.currency)}" for c in about)
    return "\n".join((text, *owed))
