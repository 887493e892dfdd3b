"""Files are taken from whoever is signed in, and from nobody else."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from lib.web.staff_uploads import StaffUploads
from tests.web.test_downloads import cookie
from tests.world import ADA, World

PATH = "/_stcore/upload_file/a-session/a-file"


@pytest.fixture
def client(world: World) -> TestClient:
    """Streamlit's place is taken by a route that takes everything."""
    world.services.users.add_practice_users()
    methods = ["PUT", "DELETE", "OPTIONS", "GET"]
    route = Route("/{path:path}", lambda _: Response(status_code=204), methods=methods)
    guard = Middleware(StaffUploads, services=lambda: world.services)
    return TestClient(Starlette(routes=[route], middleware=[guard]))


def test_whoever_is_signed_in(world: World, client: TestClient) -> None:
    client.cookies.update(cookie(world))
    assert client.put(PATH, content=b"rows").status_code == 204
    assert client.delete(PATH).status_code == 204


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_no_stranger(client: TestClient, method: str) -> None:
    answer = client.request(method, PATH, content=b"rows")
    assert (answer.status_code, answer.text) == (401, "Sign in to upload a file.")
    # A browser asks beforehand, without a cookie; and everything else is not ours to judge.
    assert client.options(PATH).status_code == 204
    assert client.put("/elsewhere").status_code == 204


def test_nobody_whose_sign_in_is_over(world: World, client: TestClient) -> None:
    client.cookies.update(cookie(world))
    world.services.users.disable("alice", by=ADA)
    assert client.put(PATH, content=b"rows").status_code == 401
    client.cookies.clear()
    client.cookies.update(cookie(world, "bob"))
    world.clock.advance(hours=1)
    assert client.put(PATH, content=b"rows").status_code == 401
