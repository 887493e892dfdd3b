"""What a customer agreed to by saving a method: shown on their page, and kept with the method."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from lib.domain.agreements import DEFAULT_VERSION, DEFAULTS, LANGUAGES, LONGEST, agreement
from lib.domain.sender import Sender
from lib.errors import InvalidInput, NotPermitted
from lib.services.mirror.apply import record_bundles
from tests import stripe_account
from tests.charge_runs import uow
from tests.world import ADA, ALICE, World

MASTERCARD = "5555555555554444"


def page_of(world: World, locale: str | None, key: str = "f") -> tuple[str, str]:
    """The session of a new link, and the text beside its button."""
    made = world.services.links.create(
        form_key=key, customer=world.customer(), locale=locale, by=ALICE
    )
    session = stripe_account.get(world, f"/v1/checkout/sessions/{made.session_id}")
    return made.session_id, str(session["custom_text"]["submit"]["message"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_default_fits_in_every_language_whatever_the_names(language: str) -> None:
    found = agreement({}, None, locale=language, sender=Sender("C" * 500, "m" * 500))
    assert (found.version, found.language) == (DEFAULT_VERSION, language)
    assert len(found.text) <= LONGEST
    assert "{" not in agreement({}, None, locale=language, sender=Sender("", "")).text
    assert set(DEFAULTS) == set(LANGUAGES)


def test_the_default_has_one_text_a_version() -> None:
    """What customers agreed to is named by it: a change of DEFAULTS is a new DEFAULT_VERSION, and a line here."""
    texts = hashlib.sha256(json.dumps(dict(DEFAULTS), sort_keys=True).encode()).hexdigest()[:16]
    assert (DEFAULT_VERSION, texts) == ("default-1", "bccd818bb591cea8")


def test_the_page_says_it_in_the_links_language_and_it_is_kept(world: World) -> None:
    session, text = page_of(world, "de")
    assert text.startswith("Mit dem Speichern dieser Zahlungsart erlauben Sie")
    world.clock.advance(hours=1)
    method = world.finish(session)
    kept = world.services.agreements.of_method(method)
    assert kept is not None
    assert (kept.text, kept.language, kept.version) == (text, "de", DEFAULT_VERSION)
    assert (kept.session_id, kept.agreed_at) == (session, world.now)


def test_a_language_without_words_reads_english(world: World) -> None:
    assert page_of(world, "pl")[1].startswith("By saving")
    assert page_of(world, None, "g")[1].startswith("By saving")


def test_what_staff_write_is_a_new_version_and_an_older_page_keeps_its_own(world: World) -> None:
    session, before = page_of(world, "en")
    version = world.services.agreements.write("en", "Yes, {company} may charge.", by=ADA)
    _, after = page_of(world, "en", "g")
    assert after.startswith("Yes, ")
    assert page_of(world, "fr", "h")[1].startswith("En enregistrant")
    method = world.finish(session)
    kept = world.services.agreements.of_method(method)
    assert kept is not None
    assert kept.text == before
    assert version == 1
    assert world.services.agreements.write("de", "Ja, {company} darf.", by=ADA) == 2
    assert world.services.agreements.texts().written == {"en", "de"}


def test_back_to_the_default_in_one_step(world: World) -> None:
    world.services.agreements.write("en", "Yes.", by=ADA)
    world.services.agreements.restore_default(by=ADA)
    assert page_of(world, "en")[1].startswith("By saving")


def test_a_method_that_was_saved_elsewhere_has_none(world: World) -> None:
    assert world.services.agreements.of_method("pm_elsewhere") is None


@pytest.mark.parametrize(
    "text",
    ["", "  ", "{amount}", "{company!r}", "{company:>9}", "{", "x" * 1001, "{company.upper}"],
)
def test_what_cannot_be_shown_is_refused_when_it_is_saved(world: World, text: str) -> None:
    with pytest.raises(InvalidInput):
        world.services.agreements.write("en", text, by=ADA)
    assert world.services.agreements.texts().version is None


def test_an_operator_may_not_change_it(world: World) -> None:
    with pytest.raises(NotPermitted):
        world.services.agreements.write("en", "Yes.", by=ALICE)


def test_what_was_agreed_to_is_never_changed(world: World) -> None:
    session, _ = page_of(world, "en")
    world.finish(session)
    for statement in ("UPDATE agreements SET text = 'x'", "DELETE FROM agreements"):
        with pytest.raises(Exception, match="stays"):
            world.change(statement)


def test_it_was_agreed_to_when_the_card_was_saved_not_when_that_was_read(world: World) -> None:
    """No webhook came, and the next sync is two days later."""
    session, _ = page_of(world, "en")
    saved_at = world.now
    world.fill(session)
    world.clock.advance(days=2)
    world.services.sync.run()
    assert agreed_at(world, session) == saved_at


def test_a_method_that_is_older_than_its_page_does_not_date_it(world: World) -> None:
    session, _ = page_of(world, "en")
    world.fill(session)
    bundle = world.services.gateway.retrieve_session(session)
    assert bundle.payment_method is not None
    older = replace(bundle.payment_method, created=bundle.session.created - 1)
    world.clock.advance(hours=1)
    with uow(world).write() as stores:
        record_bundles(
            stores, [replace(bundle, payment_method=older)], synced_at_ms=world.now * 1000
        )
    assert agreed_at(world, session) == world.now


def test_two_pages_of_one_link_are_two_agreements(world: World) -> None:
    """The first page lives on for minutes after the second was made, and the customer finishes both."""
    made = world.services.links.create(form_key="f", customer=world.customer(), by=ALICE)
    world.clock.advance(hours=23, minutes=55)
    world.services.links.open_durable(made.link.token)
    _, second = world.services.links.show(made.link.id)
    assert second is not None
    assert second.session_id not in (None, made.session_id)
    methods = [world.finish(second.session_id or "")]
    world.clock.advance(minutes=1)
    methods.append(world.finish(made.session_id, MASTERCARD))
    kept = [world.services.agreements.of_method(method) for method in methods]
    assert [one and one.session_id for one in kept] == [second.session_id, made.session_id]
    assert [one and one.agreed_at for one in kept] == [world.now - 60, world.now]
    link, _ = world.services.links.show(made.link.id)
    assert link.completed_session == second.session_id


def agreed_at(world: World, session_id: str) -> int:
    with uow(world).read() as stores:
        kept = stores.agreements.of_method(method_of(world, session_id))
    assert kept is not None
    return kept.agreed_at


def method_of(world: World, session_id: str) -> str:
    session = world.services.reports.sessions.find(session_id)
    assert session is not None
    return str(session["payment_method"])
