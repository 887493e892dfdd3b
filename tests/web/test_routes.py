"""The routes beside Streamlit's own, as Stripe, a customer's browser and a monitor meet them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from lib.services.collect.links import CreatedLink
from lib.web.public import LARGEST_DELIVERY_BYTES
from lib.web.shared_answers import KEPT_SECONDS
from tests import stripe_account
from tests.webhook_route import PATH, client_of, deliver, signed
from tests.world import ALICE, World, impatient, new_world

NAME, EMAIL = "Anna Geheim", "anna.geheim@example.com"


@pytest.fixture
def client(world: World) -> TestClient:
    return client_of(world)


@pytest.fixture
def locked(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another process holds the write lock for longer than anybody waits."""
    impatient(world, monkeypatch)
    holder = sqlite3.connect(world.settings.database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    yield
    holder.execute("ROLLBACK")
    holder.close()


def event(world: World) -> dict[str, object]:
    world.customer()
    [found] = stripe_account.events(world, "customer.created")
    return found


def deliveries(world: World) -> int:
    database = sqlite3.connect(world.settings.database)
    found = int(database.execute("SELECT count(*) FROM webhook_deliveries").fetchone()[0])
    database.close()
    return found


def link(world: World, **given: object) -> CreatedLink:
    customer = world.customer(NAME, EMAIL)
    return world.services.links.create(form_key="f", customer=customer, by=ALICE, **given)  # type: ignore[arg-type]


class TestWebhook:
    def test_204_when_stored_and_again_for_a_repeat(self, world: World) -> None:
        given = event(world)
        assert deliver(world, given) == 204
        assert deliver(world, given) == 204
        assert deliveries(world) == 1

    def test_400_unsigned(self, world: World, client: TestClient) -> None:
        reply = client.post(PATH, content=json.dumps(event(world)))
        assert (reply.status_code, reply.content) == (400, b"")
        assert deliveries(world) == 0

    @pytest.mark.parametrize("header", [b"", b"t=1", b"t=%d,v1=\xe9", b"\xff" * 2000])
    def test_400_with_any_bytes_for_a_signature(
        self, world: World, client: TestClient, header: bytes
    ) -> None:
        header = header.replace(b"%d", str(world.now).encode())
        reply = client.post(PATH, content=b"{}", headers={b"Stripe-Signature": header})
        assert reply.status_code == 400

    def test_400_tampered(self, world: World, client: TestClient) -> None:
        body = json.dumps(event(world))
        header = signed(body, world.settings.webhook_secrets[0], at=world.now)
        changed = body.replace("customer.created", "customer.deleted")
        reply = client.post(PATH, content=changed, headers={"Stripe-Signature": header})
        assert (reply.status_code, reply.content) == (400, b"")
        assert deliveries(world) == 0

    @pytest.mark.parametrize("seconds", [-301, 301, 86_400 * 365])
    def test_400_old_or_from_the_future(self, world: World, seconds: int) -> None:
        assert deliver(world, event(world), at=world.now + seconds) == 400

    def test_400_signed_nonsense(self, world: World) -> None:
        assert deliver(world, b"nonsense") == 400

    def test_413_only_over_the_limit(self, world: World, client: TestClient) -> None:
        exactly = b"x" * LARGEST_DELIVERY_BYTES
        assert client.post(PATH, content=exactly).status_code == 400
        assert client.post(PATH, content=exactly + b"x").status_code == 413
        assert client.post(PATH, content=iter([exactly, b"x"])).status_code == 413

    @pytest.mark.server
    def test_503_without_a_secret(self, tmp_path: Path) -> None:
        with new_world(tmp_path, STRIPE_SECRET_KEY="rk_test_onfile") as world:
            given = event(world)
            assert deliver(world, given, secret="whsec_any") == 503

    def test_503_when_it_cannot_be_stored(
        self, world: World, request: pytest.FixtureRequest
    ) -> None:
        given = event(world)
        request.getfixturevalue("locked")
        assert deliver(world, given) == 503

    def test_other_methods_are_not_answered(self, client: TestClient) -> None:
        assert client.get(PATH).status_code == 405
        assert client.put(PATH).status_code == 405


class TestReturnPage:
    def test_saved(self, world: World, client: TestClient) -> None:
        made = link(world, reference="INV-SECRET")
        world.fill(made.session_id)
        reply = client.get("/setup/return", params={"session_id": made.session_id})
        assert reply.status_code == 200
        assert "Your card is saved" in reply.text
        for hidden in (NAME, "Anna", EMAIL, "example.com", "4242", "INV-SECRET", made.session_id):
            assert hidden not in reply.text
        session = world.services.reports.sessions.find(made.session_id)
        assert session is not None
        assert session["payment_method"]

    def test_again_by_the_back_button(self, world: World, client: TestClient) -> None:
        made = link(world)
        world.fill(made.session_id)
        for _ in range(2):
            reply = client.get("/setup/return", params={"session_id": made.session_id})
            assert "Your card is saved" in reply.text

    def test_still_open_is_neutral(self, world: World, client: TestClient) -> None:
        made = link(world)
        reply = client.get("/setup/return", params={"session_id": made.session_id})
        assert reply.status_code == 200
        assert "is saved" not in reply.text

    @pytest.mark.parametrize(
        "session_id",
        [
            "",
            "cs_test_",
            "cs_test_unknown123",
            "cs_live_unknown123",
            "../../etc/passwd",
            "<script>alert(1)</script>",
            "cs_test_" + "x" * 100_000,
            "cs_test_abcdefgh/expire",
            "cs_test_abc\x00defgh",
            "{CHECKOUT_SESSION_ID}",
        ],
        ids=lambda value: ascii(value)[:20],
    )
    def test_unknown_is_neutral_and_asks_stripe_nothing(
        self, world: World, client: TestClient, session_id: str
    ) -> None:
        before = world.services.gateway.requests
        reply = client.get("/setup/return", params={"session_id": session_id[:20_000]})
        assert reply.status_code == 200
        assert "Thank you" in reply.text
        assert "is saved" not in reply.text
        assert "<script>" not in reply.text
        assert world.services.gateway.requests == before

    def test_a_completed_session_of_somebody_else_is_neutral(
        self, world: World, client: TestClient
    ) -> None:
        foreign = stripe_account.post(
            world,
            "/v1/checkout/sessions",
            mode="setup",
            currency="usd",
            success_url="https://example.com",
        )["id"]
        world.fill(foreign)
        reply = client.get("/setup/return", params={"session_id": foreign})
        assert "is saved" not in reply.text

    def test_stripe_down_is_neutral(self, world: World, client: TestClient) -> None:
        made = link(world)
        world.fill(made.session_id)
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=5)
        reply = client.get("/setup/return", params={"session_id": made.session_id})
        assert (reply.status_code, "is saved" in reply.text) == (200, False)

    def test_a_locked_database_is_neutral(
        self, world: World, client: TestClient, request: pytest.FixtureRequest
    ) -> None:
        made = link(world)
        world.fill(made.session_id)
        request.getfixturevalue("locked")
        reply = client.get("/setup/return", params={"session_id": made.session_id})
        assert (reply.status_code, "is saved" in reply.text) == (200, False)

    def test_cancelled(self, client: TestClient) -> None:
        reply = client.get("/setup/cancelled")
        assert reply.status_code == 200
        assert "Nothing was saved" in reply.text

    def test_cancelled_says_that_the_customer_had_opened_the_link(
        self, world: World, client: TestClient
    ) -> None:
        made = link(world)
        client.head(f"/setup/cancelled?link={made.link.id}")
        assert world.services.links.show(made.link.id)[0].opened_at is None
        for name in (made.link.id, "link_nobody00000000", "../x"):
            assert client.get(f"/setup/cancelled?link={name}").status_code == 200
        assert world.services.links.show(made.link.id)[0].opened_at == world.now


class TestDurableLink:
    def test_303_to_the_live_page_and_never_cached(self, world: World, client: TestClient) -> None:
        made = link(world)
        reply = client.get(f"/l/{made.link.token}")
        assert (reply.status_code, reply.headers["location"]) == (303, made.url)
        assert reply.headers["cache-control"] == "no-store"
        assert made.durable_url.endswith(f"/l/{made.link.token}")

    def test_303_to_a_new_page_after_a_day(self, world: World, client: TestClient) -> None:
        made = link(world)
        world.clock.advance(hours=25)
        reply = client.get(f"/l/{made.link.token}")
        assert reply.status_code == 303
        assert reply.headers["location"] != made.url

    @pytest.mark.parametrize("end", ["revoked", "used", "old"])
    def test_410_when_over(self, world: World, client: TestClient, end: str) -> None:
        made = link(world, reference="INV-SECRET")
        if end == "revoked":
            world.services.links.expire(made.link.id, by=ALICE)
        elif end == "used":
            world.finish(made.session_id)
        else:
            world.clock.advance(days=30)
        reply = client.get(f"/l/{made.link.token}")
        assert reply.status_code == 410
        assert ("was used" in reply.text) is (end == "used")
        for hidden in (NAME, EMAIL, "4242", "INV-SECRET"):
            assert hidden not in reply.text

    @pytest.mark.parametrize(
        "token", ["x", "a" * 27, "a" * 5000, "%00%00%00%00%00%00%00%00%00", "<b>aaaaaaaaaaaaaaaaaa"]
    )
    def test_410_when_there_never_was_one(self, client: TestClient, token: str) -> None:
        reply = client.get(f"/l/{token}")
        assert reply.status_code == 410
        assert "<b>" not in reply.text
        assert "Please ask the person who sent it to you." in reply.text

    def test_an_address_that_nobody_knows_any_more_says_whom_to_ask(self, world: World) -> None:
        world.settings = replace(world.settings, company="Acme Ltd", contact="help@acme.example")
        world.rebuild()
        reply = client_of(world).get("/l/" + "a" * 27)
        assert reply.status_code == 410
        assert 'Please ask Acme Ltd: <span class="unit">help@acme.example</span>' in reply.text

    def test_503_while_stripe_is_down_and_the_link_stays(
        self, world: World, client: TestClient
    ) -> None:
        made = link(world)
        world.clock.advance(hours=25)
        world.stripe.faults.add("POST", "/v1/", kind="error_500_unsaved", times=3)
        reply = client.get(f"/l/{made.link.token}")
        assert (reply.status_code, "in a minute" in reply.text) == (503, True)
        assert world.services.links.refusal() is None
        world.clock.advance(seconds=KEPT_SECONDS)
        assert client.get(f"/l/{made.link.token}").status_code == 303

    @pytest.mark.parametrize("fault", ["refused", "key"])
    def test_what_only_staff_can_mend_is_no_matter_of_minutes(
        self, world: World, client: TestClient, fault: str
    ) -> None:
        made = link(world)
        world.clock.advance(hours=25)
        if fault == "refused":
            world.stripe.configure({"payment_method_types": ["link"]})
        else:
            world.stripe.faults.add("POST", "/v1/checkout/sessions", kind="missing_permission")
        reply = client.get(f"/l/{made.link.token}")
        assert reply.status_code == 503
        assert "does not work at present" in reply.text
        assert "minute" not in reply.text
        assert "rak_" not in reply.text
        assert "the person who sent it" in reply.text
        refusal = world.services.links.refusal()
        assert refusal is not None
        assert refusal.link_id == made.link.id
        assert world.services.links.show(made.link.id)[0].refusal == refusal.reason
        if fault == "refused":
            world.stripe.configure({"payment_method_types": ["card", "link"]})
        world.clock.advance(seconds=KEPT_SECONDS)
        assert client.get(f"/l/{made.link.token}").status_code == 303
        assert world.services.links.refusal() is None
        assert world.services.links.show(made.link.id)[0].refusal is None

    def test_a_page_that_is_open_stays_open_when_the_key_breaks(
        self, world: World, client: TestClient
    ) -> None:
        made = link(world)
        world.stripe.faults.add("GET", "/v1/checkout/sessions", kind="missing_permission")
        reply = client.get(f"/l/{made.link.token}")
        assert (reply.status_code, reply.headers.get("location")) == (303, made.url)

    def test_whom_to_ask_is_named_and_inert(self, world: World) -> None:
        made = link(world)
        world.clock.advance(hours=25)
        world.settings = replace(
            world.settings, company="Acme <b>Ltd</b>", contact="help@acme.example"
        )
        world.rebuild()
        world.stripe.configure({"payment_method_types": ["link"]})
        reply = client_of(world).get(f"/l/{made.link.token}")
        contact = '<span class="unit">help@acme.example</span>'
        assert f"Acme &lt;b&gt;Ltd&lt;/b&gt;: {contact}" in reply.text


class TestWhoWrites:
    @pytest.fixture
    def client(self, world: World) -> TestClient:
        world.settings = replace(world.settings, company="Acme & Sons", contact="help@acme.example")
        world.rebuild()
        return client_of(world)

    @pytest.mark.parametrize(
        "path", ["/setup/cancelled", "/setup/return?session_id=cs_test_a1b2c3d4", "/l/nothing"]
    )
    def test_every_page_names_the_company(self, client: TestClient, path: str) -> None:
        text = client.get(path).text
        assert "Acme &amp; Sons" in text
        assert text.count("help@acme.example") == 1

    def test_the_accounts_own_name_where_none_was_set(self, world: World) -> None:
        world.services.ownership.learn_company()
        assert "Onfile Practice Ltd" in client_of(world).get("/setup/cancelled").text

    def test_a_page_needs_no_database(
        self, world: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(_: object) -> None:
            raise sqlite3.OperationalError("database is locked")

        monkeypatch.setattr(type(world.services.senders), "sender", broken)
        assert "Acme &amp; Sons" in client.get("/setup/cancelled").text


class TestLanguages:
    """Chosen at the link, else the customer's at Stripe, else the browser's, else the installation's."""

    def test_an_ended_link_speaks_the_language_chosen_at_it(
        self, world: World, client: TestClient
    ) -> None:
        made = link(world, locale="ja")
        world.change("UPDATE customers SET preferred_locales = 'fr'")
        world.services.links.expire(made.link.id, by=ALICE)
        reply = client.get(f"/l/{made.link.token}", headers={"Accept-Language": "de"})
        assert reply.headers["content-language"] == "ja"
        assert '<html lang="ja">' in reply.text
        assert "このリンクは無効です" in reply.text

    def test_the_return_page_the_customers(self, world: World, client: TestClient) -> None:
        made = link(world)
        world.change("UPDATE customers SET preferred_locales = 'pl,it'")
        world.fill(made.session_id)
        reply = client.get("/setup/return", params={"session_id": made.session_id})
        assert "La Sua carta è registrata" in reply.text

    def test_where_nobody_is_known_the_browsers(self, client: TestClient) -> None:
        reply = client.get("/setup/cancelled", headers={"Accept-Language": "sv, nl;q=0.5"})
        assert "Er is niets opgeslagen" in reply.text
        assert reply.headers["vary"] == "Accept-Language"

    def test_else_the_installations(self, world: World) -> None:
        world.settings = replace(world.settings, language="de-AT")
        world.rebuild()
        assert "Es wurde nichts hinterlegt" in client_of(world).get("/setup/cancelled").text


def test_home_by_its_name_leads_to_the_default_page(client: TestClient) -> None:
    reply = client.get("/home", follow_redirects=False)
    assert (reply.status_code, reply.headers["location"]) == (303, "/")


class TestMonitoring:
    def test_alive(self, client: TestClient) -> None:
        reply = client.get("/healthz")
        assert (reply.status_code, reply.json()) == (200, {"status": "ok"})

    def test_alive_also_with_a_locked_database(self, client: TestClient, locked: None) -> None:
        assert client.get("/healthz").status_code == 200

    def test_ready_while_the_worker_runs(self, world: World, client: TestClient) -> None:
        assert client.get("/readyz").status_code == 503
        world.worker.run_once()
        reply = client.get("/readyz")
        assert (reply.status_code, reply.json()["status"]) == (200, "ok")
        world.clock.advance(minutes=5)
        reply = client.get("/readyz")
        assert reply.status_code == 503
        assert [c["name"] for c in reply.json()["checks"] if not c["ok"]] == ["worker"]

    def test_not_ready_with_a_locked_database(
        self, world: World, client: TestClient, request: pytest.FixtureRequest
    ) -> None:
        world.worker.run_once()
        request.getfixturevalue("locked")
        reply = client.get("/readyz")
        assert reply.status_code == 503
        assert [c["name"] for c in reply.json()["checks"] if not c["ok"]] == ["database"]

    def test_not_ready_with_a_broken_database(self, world: World, client: TestClient) -> None:
        for path in world.settings.data_dir.glob("onfile.db*"):
            path.unlink()
        world.settings.database.write_bytes(b"no database" * 1000)
        reply = client.get("/readyz")
        assert (reply.status_code, reply.json()["status"]) == (503, "not ready")


@pytest.mark.parametrize("path", ["/setup/return", "/setup/cancelled", "/l/never-was-such-a-link"])
def test_the_customers_pages_are_closed_to_everything_else(client: TestClient, path: str) -> None:
    reply = client.get(path)
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-content-type-options"] == "nosniff"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in reply.text
    assert "http" not in reply.text.replace("http-equiv", ""), "nothing is loaded from elsewhere"
