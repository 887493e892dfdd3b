"""What the public routes cost, however often and by whomever they are asked."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lib.services.collect.links import CreatedLink
from lib.web.public import public_routes
from lib.web.shared_answers import KEPT_SECONDS
from tests.stripe_account import listed
from tests.webhook_route import PATH, client_of, signed
from tests.world import ALICE, World

DECLINED = "4000000000000002"


@pytest.fixture
def client(world: World) -> TestClient:
    return client_of(world)


def link(world: World) -> CreatedLink:
    return world.services.links.create(form_key="f", customer=world.customer(), by=ALICE)


def requests(world: World) -> int:
    return world.services.gateway.requests


def sessions(world: World, link_id: str) -> int:
    with world.services.uow.read() as stores:
        last = stores.link_sessions.last_of(link_id)
    return last.number if last else 0


def at_once(world: World, *paths: str, method: str = "GET") -> list[httpx2.Response]:
    """All of them together, on one event loop as in the server."""
    application = Starlette(routes=public_routes(lambda: world.services))

    async def together() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=application)
        async with httpx2.AsyncClient(transport=transport, base_url="http://onfile.test") as client:
            return await asyncio.gather(*(client.request(method, path) for path in paths))

    # In a thread of its own: a browser that another test opened keeps a loop in this one.
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, together()).result()


class TestOneLink:
    def test_forty_at_once_are_one_session_and_one_request(self, world: World) -> None:
        made = link(world)
        world.clock.advance(hours=25)
        before = requests(world)
        replies = at_once(world, *[f"/l/{made.link.token}"] * 40)
        assert {reply.status_code for reply in replies} == {303}
        assert len({reply.headers["location"] for reply in replies}) == 1
        assert replies[0].headers["location"] != made.url
        assert sessions(world, made.link.id) == 2
        # One look at the session that expired, one for the new one.
        assert requests(world) - before == 2

    def test_forty_one_after_the_other_are_one_read(self, world: World, client: TestClient) -> None:
        made = link(world)
        before = requests(world)
        for _ in range(40):
            reply = client.get(f"/l/{made.link.token}")
            assert (reply.status_code, reply.headers["location"]) == (303, made.url)
        assert requests(world) - before == 1
        world.clock.advance(seconds=KEPT_SECONDS)
        client.get(f"/l/{made.link.token}")
        assert requests(world) - before == 2

    def test_a_day_of_scanners_mints_one_session(self, world: World, client: TestClient) -> None:
        made = link(world)
        for _ in range(23):
            world.clock.advance(hours=1)
            assert client.get(f"/l/{made.link.token}").headers["location"] == made.url
        assert sessions(world, made.link.id) == 1

    def test_what_ended_meanwhile_is_not_opened_from_memory(
        self, world: World, client: TestClient
    ) -> None:
        made = link(world)
        assert client.get(f"/l/{made.link.token}").status_code == 303
        world.services.links.expire(made.link.id, by=ALICE)
        assert client.get(f"/l/{made.link.token}").status_code == 410

    def test_an_address_copied_with_a_letter_that_nobody_sees(
        self, world: World, client: TestClient
    ) -> None:
        made = link(world)
        reply = client.get(f"/l/{made.link.token}\u200b")
        assert (reply.status_code, reply.headers["location"]) == (303, made.url)

    def test_head_never_mints_and_asks_nothing(self, world: World, client: TestClient) -> None:
        made = link(world)
        before = requests(world)
        reply = client.head(f"/l/{made.link.token}")
        assert (reply.status_code, reply.headers["location"]) == (303, made.url)
        world.clock.advance(hours=25)
        reply = client.head(f"/l/{made.link.token}")
        assert (reply.status_code, "location" in reply.headers) == (200, False)
        assert sessions(world, made.link.id) == 1
        assert client.head("/l/" + "a" * 27).status_code == 410
        assert requests(world) == before

    @pytest.mark.parametrize("fault", ["error_500_unsaved", "rate_limited", "lost_request"])
    def test_stripe_in_trouble_is_looked_at_no_oftener(
        self, world: World, client: TestClient, fault: str
    ) -> None:
        made = link(world)
        world.stripe.faults.add("GET", "/v1/checkout/sessions/", kind=fault, times=1000)
        before = requests(world)
        for look in (1, 2, 3):
            for _ in range(30):
                reply = client.get(f"/l/{made.link.token}")
                assert (reply.status_code, reply.headers["location"]) == (303, made.url)
            assert requests(world) - before == look
            world.clock.advance(seconds=KEPT_SECONDS)

    @pytest.mark.parametrize("fault", ["error_500_unsaved", "rate_limited"])
    def test_a_page_that_is_not_made_in_three_tries_is_asked_for_after_a_wait(
        self, world: World, client: TestClient, fault: str
    ) -> None:
        made = link(world)
        world.clock.advance(hours=25)
        client.get(f"/l/{made.link.token}")
        world.clock.advance(hours=25)
        world.stripe.faults.add("POST", "/v1/checkout/sessions$", kind=fault, times=1000)
        before = requests(world)
        for _ in range(30):
            reply = client.get(f"/l/{made.link.token}")
            assert (reply.status_code, "in a minute" in reply.text) == (503, True)
        # The look at the page that expired, and three tries of a new one under one key.
        assert requests(world) - before == 4
        world.clock.advance(seconds=KEPT_SECONDS)
        world.stripe.faults.clear()
        assert client.get(f"/l/{made.link.token}").status_code == 303
        assert sessions(world, made.link.id) == 3

    def test_an_error_that_stripe_saves_costs_one_more_key_and_not_a_thousand(
        self, world: World, client: TestClient
    ) -> None:
        made = link(world)
        world.clock.advance(hours=25)
        world.stripe.faults.add("POST", "/v1/checkout/sessions$", kind="error_500_saved", times=99)
        before = requests(world)
        assert client.get(f"/l/{made.link.token}").status_code == 503
        # The look; under each of two keys the try, and the next one that hears its error again.
        assert requests(world) - before == 5
        assert sessions(world, made.link.id) == 3
        world.stripe.faults.clear()
        world.clock.advance(seconds=KEPT_SECONDS)
        assert client.get(f"/l/{made.link.token}").status_code == 303

    def test_a_link_that_cannot_be_made_is_not_asked_for_without_end(
        self, world: World, client: TestClient
    ) -> None:
        made = link(world)
        world.clock.advance(hours=25)
        world.stripe.configure({"payment_method_types": ["link"]})
        assert client.get(f"/l/{made.link.token}").status_code == 503
        before = requests(world)
        for _ in range(30):
            reply = client.get(f"/l/{made.link.token}")
            assert (reply.status_code, "The mistake is ours" in reply.text) == (503, True)
        assert requests(world) == before

    def test_those_who_wait_learn_of_the_failure_too(self, world: World) -> None:
        made = link(world)
        world.clock.advance(hours=25)
        world.stripe.configure({"payment_method_types": ["link"]})
        replies = at_once(world, *[f"/l/{made.link.token}"] * 10)
        assert {reply.status_code for reply in replies} == {503}


class TestScanners:
    """Who only opens a link gets one page a day, whenever the last one ends; a person gets theirs at once."""

    @pytest.fixture
    def token(self, world: World) -> str:
        """Of a link whose page nobody has asked for yet."""
        offered, _ = world.services.links.offer(world.customer(), occasion="o", by=ALICE)
        return offered.token

    def test_a_scanner_alone_has_one_page_made_in_any_day(
        self, world: World, client: TestClient, token: str
    ) -> None:
        pages, at = [], 0.0
        for hours in (0, 23.8, 23.9, 23.99, 24.1, 47.9, 48.0, 48.05, 48.2):
            world.clock.advance(hours=hours - at)
            at = hours
            before = len(listed(world, "/v1/checkout/sessions"))
            reply = client.get(f"/l/{token}")
            made = len(listed(world, "/v1/checkout/sessions")) - before
            pages.append((hours, reply.status_code, made))
        assert pages == [
            (0, 303, 1),
            (23.8, 303, 0),
            (23.9, 200, 0),
            (23.99, 200, 0),
            (24.1, 303, 1),
            (47.9, 303, 0),
            (48.0, 200, 0),
            (48.05, 200, 0),
            (48.2, 303, 1),
        ]

    def test_the_button_makes_a_page_and_the_link_leads_to_it(
        self, world: World, client: TestClient, token: str
    ) -> None:
        first = client.get(f"/l/{token}").headers["location"]
        world.clock.advance(hours=23.9)
        asked = client.get(f"/l/{token}")
        assert (asked.status_code, asked.headers["cache-control"]) == (200, "no-store")
        assert '<form method="post"><button>Open the payment page</button>' in asked.text
        assert client.head(f"/l/{token}").status_code == 200
        pressed = client.post(f"/l/{token}")
        fresh = pressed.headers["location"]
        assert (pressed.status_code, fresh != first) == (303, True)
        # A double click, and whoever opens it now.
        assert client.post(f"/l/{token}").headers["location"] == fresh
        assert client.get(f"/l/{token}").headers["location"] == fresh
        assert len(listed(world, "/v1/checkout/sessions")) == 2
        # The page that a person asked for is no scanner's: theirs of the day is still to come.
        world.clock.advance(hours=23.9)
        assert client.get(f"/l/{token}").status_code == 303
        assert len(listed(world, "/v1/checkout/sessions")) == 3

    def test_the_button_makes_none_while_a_page_is_open(
        self, world: World, client: TestClient, token: str
    ) -> None:
        first = client.get(f"/l/{token}").headers["location"]
        assert client.post(f"/l/{token}").headers["location"] == first
        assert len(listed(world, "/v1/checkout/sessions")) == 1

    @pytest.mark.parametrize("page", [1, 2])
    @pytest.mark.parametrize("sign", ["cancelled", "declined"])
    def test_whoever_was_seen_on_the_page_needs_no_button(
        self, world: World, client: TestClient, token: str, sign: str, page: int
    ) -> None:
        for _ in range(page):
            world.clock.advance(hours=24.1)
            address = client.get(f"/l/{token}").headers["location"]
        with world.services.uow.read() as stores:
            link = stores.links.by_token(token)
            last = stores.link_sessions.last_of(link.id) if link else None
        assert link is not None
        assert last is not None
        if sign == "cancelled":
            client.get("/setup/cancelled", params={"link": link.id})
        else:
            world.fill(last.session_id or "", DECLINED)
        world.clock.advance(hours=23.9)
        reply = client.get(f"/l/{token}")
        assert (reply.status_code, reply.headers.get("location") != address) == (303, True)

    def test_a_page_that_was_perhaps_made_counts(
        self, world: World, client: TestClient, token: str
    ) -> None:
        world.stripe.faults.add("POST", "/v1/checkout/sessions$", kind="lost_reply", times=3)
        assert client.get(f"/l/{token}").status_code == 503
        world.clock.advance(hours=23.9)
        assert client.get(f"/l/{token}").status_code == 200
        assert len(listed(world, "/v1/checkout/sessions")) == 1

    @pytest.mark.parametrize("language", ["en", "de", "fr", "es", "it", "nl", "pt", "ja"])
    def test_the_page_with_the_button_speaks_their_language(
        self, world: World, client: TestClient, token: str, language: str
    ) -> None:
        client.get(f"/l/{token}")
        world.clock.advance(hours=23.9)
        reply = client.get(f"/l/{token}", headers={"Accept-Language": language})
        assert reply.headers["content-language"] == language
        assert ("Open the payment page" in reply.text) == (language == "en")


class TestReturnPage:
    def test_reloads_are_one_read(self, world: World, client: TestClient) -> None:
        made = link(world)
        world.fill(made.session_id)
        before = requests(world)
        for _ in range(20):
            reply = client.get("/setup/return", params={"session_id": made.session_id})
            assert "Your card is saved" in reply.text
        assert requests(world) - before == 1

    def test_a_session_that_stays_open_is_not_asked_for_without_end(
        self, world: World, client: TestClient
    ) -> None:
        made = link(world)
        before = requests(world)
        for _ in range(20):
            reply = client.get("/setup/return", params={"session_id": made.session_id})
            assert (reply.status_code, "is saved" in reply.text) == (200, False)
        assert requests(world) - before == 3


class TestAddresses:
    def test_unknown_links_cost_nothing_and_end_soon(
        self, world: World, client: TestClient
    ) -> None:
        before = requests(world)
        codes = [client.get(f"/l/{'a' * 20}{n}").status_code for n in range(40)]
        assert codes == [410] * 30 + [429] * 10
        assert requests(world) == before
        reply = client.get("/l/" + "a" * 27)
        assert reply.headers["retry-after"] == "60"
        assert "try again in a minute" in reply.text

    def test_another_address_is_not_concerned(self, world: World) -> None:
        made = link(world)
        application = Starlette(routes=public_routes(lambda: world.services))
        rude, polite = (
            TestClient(application, follow_redirects=False, client=(address, 1))
            for address in ("192.0.2.1", "192.0.2.2")
        )
        while rude.get("/l/" + "a" * 27).status_code == 410:
            pass
        assert rude.get(f"/l/{made.link.token}").status_code == 429
        assert polite.get(f"/l/{made.link.token}").status_code == 303

    def test_an_ipv6_network_is_one_address(self, world: World) -> None:
        application = Starlette(routes=public_routes(lambda: world.services))
        codes = [
            TestClient(application, client=(f"2001:db8::{n:x}", 1))
            .get("/l/" + "a" * 27)
            .status_code
            for n in range(1, 33)
        ]
        assert codes[-2:] == [429, 429]
        other = TestClient(application, client=("2001:db8:0:1::1", 1))
        assert other.get("/l/" + "a" * 27).status_code == 410

    @pytest.mark.parametrize("path", ["/setup/return", "/setup/cancelled"])
    def test_the_other_pages_have_a_limit_too(self, client: TestClient, path: str) -> None:
        codes = [client.get(path).status_code for _ in range(305)]
        assert codes == [200] * 300 + [429] * 5


def test_looking_whether_it_is_ready_has_a_limit(client: TestClient) -> None:
    codes = [client.get("/readyz").status_code for _ in range(305)]
    assert set(codes[:300]) == {503}  # no worker here
    assert codes[300:] == [429] * 5


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_a_signed_event_nested_too_deeply_is_answered_in_words(
    world: World, client: TestClient, caplog: pytest.LogCaptureFixture, depth: int
) -> None:
    body = json.dumps({"object": "event", "id": "evt_1"})[:-1] + ', "data": ' + "[" * depth
    body += "]" * depth + "}"
    header = signed(body, world.settings.webhook_secrets[0], at=world.now)
    with caplog.at_level(logging.WARNING):
        reply = client.post(PATH, content=body, headers={"Stripe-Signature": header})
    assert reply.status_code == 400
    assert "cannot" in reply.text or "nested too deeply" in reply.text
    assert "Traceback" not in caplog.text
    assert not caplog.records
