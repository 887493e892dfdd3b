"""What each test number does, from the hosted page to the charge."""

from __future__ import annotations

import pytest

from lib.practice.card_numbers import passes_luhn
from lib.practice.card_table import CARDS, by_number, by_token
from lib.practice.cards import AfterCharge, AtCharge, AtSetup, Card
from lib.practice.declines import DECLINES
from lib.practice.steps import CardRefused, Completed

from .account import Account, refused

SAVED = [card for card in CARDS if card.at_setup in (AtSetup.SAVED, AtSetup.ASKS)]
DECLINED = [card for card in SAVED if card.at_charge in (AtCharge.DECLINES, AtCharge.ALWAYS_ASKS)]
PAID = [
    card
    for card in SAVED
    if card.at_charge in (AtCharge.SUCCEEDS, AtCharge.ASKS_UNLESS_SET_UP) and card.type == "card"
]


def _slug(card: Card) -> str:
    return card.slug


def _cvc(card: Card) -> str:
    return "1234" if card.brand == "amex" else "123"


def test_every_number_is_one() -> None:
    assert all(passes_luhn(card.number) for card in CARDS if card.type == "card")
    assert len({card.number for card in CARDS}) == len({card.slug for card in CARDS}) == len(CARDS)
    assert {card.decline for card in CARDS} <= set(DECLINES)
    for card in CARDS:
        assert by_number(card.number) is card
        assert by_token(f"pm_card_{card.slug}") is card
        if card.type == "card":
            assert card.is_practice_only == card.number.startswith("400090000000")
    assert by_token("visa") is None


@pytest.mark.parametrize("card", PAID, ids=_slug)
def test_saved_and_charged(account: Account, card: Card) -> None:
    customer = account.customer().id
    session = account.link(customer=customer)
    assert isinstance(account.submit(session.id, card.number, cvc=_cvc(card)), Completed)
    intent = account.session(session.id, "setup_intent.payment_method").setup_intent
    shown = intent.payment_method.card
    assert (shown.brand, shown.funding, shown.country) == (card.brand, card.funding, card.country)
    assert account.charge(customer, intent.payment_method.id).status == "succeeded"


@pytest.mark.parametrize("card", DECLINED, ids=_slug)
def test_saved_and_then_declined(account: Account, card: Card) -> None:
    customer = account.customer().id
    method = account.saved(card.number, customer=customer)
    decline = DECLINES[card.decline]
    for _ in range(2):
        with refused(402, decline.code, decline.message) as refusal:
            account.charge(customer, method)
        error = refusal.value.error
        assert error.decline_code == decline.decline_code
        assert error.advice_code == decline.advice_code
        charge = account.client.v1.charges.retrieve(error.charge)
        assert charge.outcome.type == ("blocked" if decline.is_blocked else "issuer_declined")
        assert charge.outcome.risk_level == card.risk_level
    assert account.practice.money_moved() == []


@pytest.mark.parametrize(
    "card", [card for card in CARDS if card.at_setup is AtSetup.REFUSED], ids=_slug
)
def test_never_saved(account: Account, card: Card) -> None:
    customer = account.customer().id
    step = account.submit(account.link(customer=customer).id, card.number)
    assert step == CardRefused(DECLINES[card.decline].message)
    with refused(402, DECLINES[card.decline].code):
        account.attached(f"pm_card_{card.slug}", customer)


def test_authentication_at_setup_is_what_counts(account: Account) -> None:
    """4000002500003155 attached by API was never authenticated."""
    customer = account.customer().id
    method = account.attached("pm_card_authenticationRequiredOnSetup", customer)
    with refused(402, "authentication_required"):
        account.charge(customer, method.id)


def test_first_charge_fails_and_the_next_succeeds(account: Account) -> None:
    customer = account.customer().id
    method = account.saved("4000900000000284", customer=customer)
    with refused(402, "card_declined"):
        account.charge(customer, method)
    assert account.charge(customer, method).status == "succeeded"


def test_elevated_risk_shows(account: Account) -> None:
    customer = account.customer().id
    method = account.saved("4000000000009235", customer=customer)
    intent = account.charge(customer, method, expand=["latest_charge"])
    assert intent.latest_charge.outcome.risk_level == "elevated"


def test_dispute(account: Account) -> None:
    customer = account.customer().id
    [card] = [card for card in CARDS if card.after_charge is AfterCharge.DISPUTED]
    intent = account.charge(customer, account.saved(card.number, customer=customer))
    [dispute] = account.client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.status, dispute.charge) == ("needs_response", intent.latest_charge)
    assert account.client.v1.charges.retrieve(dispute.charge).disputed
    assert account.event_types()[-1] == "charge.dispute.created"
    assert [moved.kind for moved in account.practice.money_moved()] == ["charge", "dispute"]
    with refused(400, "charge_disputed"):
        account.client.v1.refunds.create({"payment_intent": intent.id})
