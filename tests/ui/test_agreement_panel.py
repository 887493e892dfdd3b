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


def test_what_stripe_did_not_tell_of_a_page_is_said(open_page, world: World) -> None:
    """After the file that had its words was lost."""
    method = world.save_card(world.customer())
    world.change("DROP TRIGGER agreements_are_never_changed", "UPDATE agreements SET text = ''")
    at = open_page("payment_methods", as_="vera", query={"method": method})
    assert "Stripe does not tell the words of that page" in words(at)
    assert "version default" in words(at)
    world.change("UPDATE agreements SET text = 'I agree', version = '', language = ''")
    at = open_page("payment_methods", as_="vera", query={"method": method})
    assert "I agree" in words(at)
    assert "Language and version are not known" in words(at)
