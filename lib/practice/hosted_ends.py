"""The hosted page once there is nothing to fill in: no such Session, done, or expired."""

from __future__ import annotations

from starlette.responses import Response

from lib.languages import Words
from lib.practice.hosted_pages import MERCHANT, notice, web_address
from lib.practice.hosted_words import translatable
from lib.practice.steps import CheckoutView


def unknown(say: Words) -> Response:
    """An address of no Session here."""
    text = translatable(
        "Check that the whole address was copied, or ask the business that sent it for a new one."
    )
    return notice(404, say, say(translatable("This link does not work")), say(text))


def closed(view: CheckoutView, say: Words) -> Response:
    """A Session that took a card, or expired before."""
    merchant = view.business_name or MERCHANT
    if view.status == "complete":
        done = translatable(
            "{merchant} has what it needs. Nothing was charged, and there is nothing more to do."
        )
        onwards = say(translatable("Continue to {merchant}"), merchant=merchant)
        return notice(
            200,
            say,
            say(translatable("Your card is saved")),
            say(done, merchant=merchant),
            say(translatable("This link works once and has been used.")),
            merchant=merchant,
            link=_link(onwards, view.success_url),
        )
    back = say(translatable("Back to {merchant}"), merchant=merchant)
    return notice(
        410,
        say,
        say(translatable("This link has expired")),
        say(translatable("No card was saved with it and nothing was charged.")),
        say(translatable("Ask {merchant} for a new link."), merchant=merchant),
        merchant=merchant,
        link=_link(back, view.cancel_url),
    )


def _link(text: str, url: str | None) -> dict[str, str] | None:
    address = web_address(url)
    return {"text": text, "url": address} if address else None
