"""A desk that writes its messages to a mail server of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.mail_server import MailServer, mail_server
from tests.world import World


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture
def desk(world: World, server: MailServer) -> World:
    world.settings = replace(
        world.settings, smtp_url=server.url, mail_from="billing@acme.example", company="Acme GmbH"
    )
    world.rebuild()
    return world
