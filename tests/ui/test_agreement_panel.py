"""The agreement: admins write it, with a look at what a customer reads; the method says what was agreed to."""

from __future__ import annotations

from tests.ui.collect_pages import press, words
from tests.world import World


def test_an_admin_writes_it_and_goes_back_to_the_default(open_page, world: World) -> None:
    at = open_page("settings", as_="ada")
    assert "By saving this payment method you allow" in words(at)
    at.text_area(key="settings_agreement_en_None").set_value("Yes, {company} may charge.")
    press(at, "settings_agreement_save")
    assert "Yes, " in words(at)
    assert world.services.agreements.texts().written == {"en"}
    press(at, "settings_agreement_reset")
    assert "By saving this payment method you allow" in words(at)


def test_a_field_that_there_is_not_is_refused_when_it_is_saved(open_page, world: World) -> None:
    at = open_page("settings", as_="ada")
    at.text_area(key="settings_agreement_en_None").set_value("Pay {amount}.")
    press(at, "settings_agreement_save")
    assert "In braces stand only" in words(at)
    assert world.services.agreements.texts().version is None


def test_the_method_says_what_its_customer_agreed_to(open_page, world: World) -> None:
    method = world.save_card(world.customer())
    at = open_page("payment_methods", as_="vera", query={"method": method})
    assert "By saving this payment method you allow" in words(at)
    assert "version default" in words(at)
