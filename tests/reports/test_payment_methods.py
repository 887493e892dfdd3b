"""What counts as a saved method."""

from __future__ import annotations

from lib.practice.steps import CardForm
from tests.world import ALICE, WANTS_AUTHENTICATION, World


def test_a_card_whose_bank_never_confirmed_is_not_saved(world: World) -> None:
    link = world.services.links.create(form_key="f", guest=True, by=ALICE)
    world.stripe.submit_card(
        link.session_id,
        CardForm(
            number=WANTS_AUTHENTICATION,
            exp_month=12,
            exp_year=2030,
            cvc="123",
            name="Anna",
            email="anna@example.com",
            country="US",
        ),
    )
    world.services.sync.run(full=True)
    reports = world.services.reports
    assert reports.payment_methods.page().frame.empty
    assert reports.payment_methods.counts().by_state["needs_customer"] == 0
    world.stripe.answer_authentication(link.session_id, approve=True)
    world.clock.advance(seconds=5)
    world.services.sync.run(full=True)
    assert len(reports.payment_methods.page(state="needs_customer").frame) == 1
    assert reports.payment_methods.counts().by_state["needs_customer"] == 1
    assert reports.sessions.counts().by_state["needs_customer"] == 1
