"""The page on which a payer asks not to be charged: opened it changes nothing, its button does."""

from __future__ import annotations

import sqlite3
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from lib.domain.announcements import Announcement
from lib.domain.days import day_of
from lib.languages import LANGUAGES
from tests.beginnings import made_once
from tests.charge_runs import approved, invoices, payers
from tests.webhook_route import client_of
from tests.world import ALICE, World, impatient


@pytest.fixture
def client(world: World) -> TestClient:
    return client_of(world)


@pytest.fixture
@made_once
def told(world: World) -> Announcement:
    run = approved(world, invoices(payers(world, 1)))
    today = day_of(world.now, world.services.settings.timezone)
    service = world.services.runs.announcements
    service.announce(run.id, today + timedelta(days=1), by=ALICE)
    (one,) = service.of_run(run.id)
    return one


def answered(world: World) -> int | None:
    (row,) = world.rows("SELECT answered_at FROM announcements")
    return None if row["answered_at"] is None else int(row["answered_at"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opened_by_anything_it_changes_nothing(
    world: World, client: TestClient, told: Announcement, method: str
) -> None:
    for _ in range(3):
        reply = client.request(method, f"/l/answer/{told.token}")
        assert reply.status_code == 200
    assert answered(world) is None
    assert reply.headers["Cache-Control"] == "no-store"


def test_its_button_is_written_down_once(
    world: World, client: TestClient, told: Announcement
) -> None:
    page = client.get(f"/l/answer/{told.token}").text
    assert '<form method="post"><button>Please do not charge this</button></form>' in page
    reply = client.post(f"/l/answer/{told.token}")
    assert "We have your answer" in reply.text
    assert answered(world) == world.now
    world.clock.advance(hours=1)
    assert "We have your answer" in client.post(f"/l/answer/{told.token}").text
    assert answered(world) == world.now - 3600
    assert "<button>" not in client.get(f"/l/answer/{told.token}").text


def test_only_this_page_may_send_a_form_and_only_to_itself(
    client: TestClient, told: Announcement
) -> None:
    with_button = client.get(f"/l/answer/{told.token}").headers["Content-Security-Policy"]
    without = client.get("/setup/cancelled").headers["Content-Security-Policy"]
    assert "form-action 'self'" in with_button
    assert "form-action 'none'" in without
    assert "frame-ancestors 'none'" in with_button


def test_says_nothing_of_who_and_what(client: TestClient, told: Announcement) -> None:
    page = client.get(f"/l/answer/{told.token}").text
    for secret in ("Payer 0", "INV-1", "10.01", "4242", told.customer):
        assert secret not in page


@pytest.mark.parametrize("code", LANGUAGES)
def test_is_in_the_language_of_its_message(world: World, client: TestClient, code: str) -> None:
    run = approved(world, invoices(payers(world, 1)))
    world.change("UPDATE customers SET preferred_locales = :code", code=code)
    service = world.services.runs.announcements
    service.announce(run.id, day_of(world.now, world.services.settings.timezone), by=ALICE)
    (one,) = service.of_run(run.id)
    reply = client.get(f"/l/answer/{one.token}", headers={"Accept-Language": "pl"})
    assert reply.headers["Content-Language"] == code
    assert f'<html lang="{code}">' in reply.text


def test_once_the_run_is_over_it_says_so(
    world: World, client: TestClient, told: Announcement
) -> None:
    world.services.runs.control.cancel(told.run_id, by=ALICE)
    assert "no longer open" in client.get(f"/l/answer/{told.token}").text
    assert "no longer open" in client.post(f"/l/answer/{told.token}").text
    assert answered(world) is None


@pytest.mark.parametrize("token", ["nobody-was-ever-sent-this", "x", "a" * 65, "%00"])
def test_an_address_that_nobody_was_sent(client: TestClient, token: str) -> None:
    for reply in (client.get(f"/l/answer/{token}"), client.post(f"/l/answer/{token}")):
        assert reply.status_code == 410
        assert "no longer works" in reply.text


def test_guesses_are_limited_by_address(client: TestClient, told: Announcement) -> None:
    codes = [client.get(f"/l/answer/nobody-was-ever-sent-{at:03}").status_code for at in range(31)]
    assert codes[-1] == 429
    assert client.get(f"/l/answer/{told.token}").status_code == 429


def test_while_the_database_is_locked_it_says_so(
    world: World, client: TestClient, told: Announcement, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient(world, monkeypatch)
    holder = sqlite3.connect(world.settings.database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    reply = client.post(f"/l/answer/{told.token}")
    holder.execute("ROLLBACK")
    holder.close()
    assert reply.status_code == 503
    assert answered(world) is None
