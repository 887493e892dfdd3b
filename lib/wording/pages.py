"""The words of the pages that customers reach here: after Stripe's page, and where a link has ended."""

from __future__ import annotations

from lib.domain.messages import translatable
from lib.domain.sender import Sender
from lib.languages import Language
from lib.wording.catalogues import words

PAGES = {
    "saved": (
        translatable("Your card is saved"),
        translatable("Thank you. You can close this page now."),
    ),
    "saved_charged": (
        translatable("Your card is saved"),
        translatable(
            "Thank you. The payment that the page named is made with it now, once. There is nothing left to do."
        ),
    ),
    "thanks": (
        translatable("Thank you"),
        translatable(
            "You can close this page now. If you were saving a card, we will let you know should anything be missing."
        ),
    ),
    "confirming": (
        translatable("Your bank is still confirming"),
        translatable(
            "Thank you, you are done here. Stripe writes to you if your bank account has to be verified, which takes some days."
        ),
    ),
    "cancelled": (
        translatable("Nothing was saved"),
        translatable("You left before finishing. Open the link again whenever it suits you."),
    ),
    "used": (
        translatable("This link was used"),
        translatable("Your card is saved already; there is nothing left to do."),
    ),
    "gone": (
        translatable("This link no longer works"),
        translatable(
            "It was replaced by a newer one, or its time is over. A new one is quickly made."
        ),
    ),
    "try_again": (
        translatable("Please try again in a minute"),
        translatable("The payment page could not be opened just now. The link stays valid."),
    ),
    "broken": (
        translatable("This link does not work at present"),
        translatable(
            "The mistake is ours, not yours, and our staff can see it. Nothing was saved or charged."
        ),
    ),
    "open_page": (
        translatable("One more click"),
        translatable(
            "Mail programs open links to check them. The button tells us that it is you, and opens the payment page."
        ),
    ),
    "please_not": (
        translatable("Should this payment not be made?"),
        translatable(
            "Press the button to tell us. Nothing is charged for it until one of us has looked at your answer. If all is right, just close this page."
        ),
    ),
    "please_not_done": (
        translatable("We have your answer"),
        translatable(
            "Thank you. Nothing is charged for it until one of us has looked at your answer."
        ),
    ),
    "please_not_late": (
        translatable("This payment is no longer open"),
        translatable("It was made already, or it will not be made."),
    ),
    "too_many": (
        translatable("Please try again in a minute"),
        translatable(
            "This page was opened too often from your network just now. The link stays valid."
        ),
    ),
}


_BUTTONS = {
    "open_page": translatable("Open the payment page"),
    "please_not": translatable("Please do not charge this"),
}
"""Of pages that change something: only whoever presses it does, and no scanner that opens links."""


def button_on(name: str, language: Language) -> str:
    """Empty where there is none."""
    return words(language)(_BUTTONS[name]) if name in _BUTTONS else ""


def title_and_text(name: str, language: Language) -> tuple[str, str]:
    title, text = PAGES[name]
    say = words(language)
    return say(title), say(text)


def whom_to_ask(sender: Sender, language: Language) -> str:
    say = words(language)
    if sender.contact and sender.company:
        return say(
            translatable("Please ask {company}: {contact}"),
            company=sender.company,
            contact=sender.contact,
        )
    if sender.contact:
        return say(translatable("Please ask us: {contact}"), contact=sender.contact)
    if sender.company:
        return say(translatable("Please ask {company}."), company=sender.company)
    return say(translatable("Please ask the person who sent it to you."))
