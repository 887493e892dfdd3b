"""Downloads leave by a route of ours: once, for the person who asked, while they are signed in."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from starlette.testclient import TestClient

from lib.clock import epoch
from lib.domain.actors import SYSTEM, Role
from lib.services.staff.downloads import KEPT_SECONDS, Download
from lib.services.staff.sign_in_cookie import cookie_name
from tests.web.test_routes import client_of
from tests.world import ADA, ALICE, World

FILE = Download("Länge & Co.csv", b"reference,amount\r\nINV-1,12.34\r\n")


@pytest.fixture
def client(world: World) -> TestClient:
    world.services.users.add_practice_users()
    return client_of(world)


def cookie(world: World, username: str = "alice", **claims: Any) -> dict[str, str]:
    user = world.services.users.find(username)
    assert user is not None
    key = world.settings.cookie_key
    signed = {
        "username": world.services.sessions.begin(user),
        "exp_date": epoch(world.clock()) + 3_600,
    } | claims
    return {cookie_name(key): jwt.encode(signed, key, algorithm="HS256")}


def offered(world: World) -> str:
    token = world.services.downloads.offer(FILE, by=ALICE, filters={"state": "declined"}, rows=1)
    return f"/download/{token}"


def status(client: TestClient, path: str, cookies: dict[str, str]) -> int:
    client.cookies.clear()
    client.cookies.update(cookies)
    return client.get(path).status_code


def test_the_person_who_asked_gets_it_once(world: World, client: TestClient) -> None:
    path = offered(world)
    client.cookies.update(cookie(world))
    answer = client.get(path)
    assert (answer.status_code, answer.content) == (200, FILE.content)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == (
        "attachment; filename*=UTF-8''L%C3%A4nge%20%26%20Co.csv"
    )
    assert client.get(path).status_code == 410


def test_nobody_else_gets_it(world: World, client: TestClient) -> None:
    path = offered(world)
    assert status(client, path, {}) == 401
    assert status(client, path, cookie(world, "bob")) == 410
    assert status(client, path, {cookie_name(world.settings.cookie_key): "eyJ.no.cookie"}) == 401
    expired = cookie(world, exp_date=epoch(world.clock()) - 1)
    assert status(client, path, expired) == 401
    forged = {
        cookie_name(world.settings.cookie_key): jwt.encode(
            {"username": "alice:1", "exp_date": 2**40}, "k" * 32, algorithm="HS256"
        )
    }
    assert status(client, path, forged) == 401
    assert status(client, path, cookie(world)) == 200, "the wrong ones have not used it up"


def test_neither_after_disabling_nor_after_a_sign_out(world: World, client: TestClient) -> None:
    path, before = offered(world), cookie(world)
    world.services.users.end_sessions("alice")
    assert status(client, path, before) == 401
    assert status(client, path, cookie(world)) == 410, "it was another session's"
    path, before = offered(world), cookie(world)
    world.services.users.disable("alice", by=ADA)
    assert status(client, path, before) == 401


def test_nor_with_a_role_that_was_lost(world: World, client: TestClient) -> None:
    """A file may be for operators alone, and the session goes on as a viewer's."""
    path = offered(world)
    world.services.users.set_roles("alice", [Role.VIEWER], by=SYSTEM)
    assert status(client, path, cookie(world)) == 410


def test_not_when_it_is_too_late(world: World, client: TestClient) -> None:
    path = offered(world)
    world.clock.advance(seconds=KEPT_SECONDS)
    assert status(client, path, cookie(world)) == 410


def test_what_leaves_is_on_record(world: World, client: TestClient) -> None:
    offered(world)
    (entry,) = world.rows("SELECT * FROM audit_log WHERE action = 'download'")
    assert (entry["actor"], entry["subject"]) == ("alice", FILE.name)
    assert json.loads(entry["detail"]) == {
        "bytes": len(FILE.content),
        "filters": {"state": "declined"},
        "rows": 1,
    }


@pytest.mark.parametrize("token", ["", "x", "../charges.csv", "a" * 500])
def test_what_is_no_token(world: World, client: TestClient, token: str) -> None:
    assert status(client, f"/download/{token}", cookie(world)) in (404, 410)


def test_files_that_nobody_fetches_make_room(world: World, client: TestClient) -> None:
    first = offered(world)
    paths = [offered(world) for _ in range(50)]
    assert status(client, first, cookie(world)) == 410
    assert status(client, paths[-1], cookie(world)) == 200
