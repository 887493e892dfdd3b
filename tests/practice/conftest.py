"""A practice account behind a real server, the real SDK, and a clock that tests move."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from lib.practice import PracticeStripe
from lib.practice.server import PracticeServer

from .account import Account, FakeClock

stripe.enable_telemetry = False


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def practice(tmp_path: Path, clock: FakeClock) -> PracticeStripe:
    return PracticeStripe(
        tmp_path / "practice.db", clock=clock, public_url="https://pay.example.com/"
    )


class _Current:
    """Stands for the account of the test that runs, so that one server serves them all."""

    stripe: PracticeStripe

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stripe, name)


@pytest.fixture(scope="session")
def _shared_server() -> Iterator[tuple[PracticeServer, _Current]]:
    current = _Current()
    running = PracticeServer(current)  # type: ignore[arg-type]
    running.start()
    yield running, current
    running.stop()


@pytest.fixture
def server(
    practice: PracticeStripe, _shared_server: tuple[PracticeServer, _Current]
) -> PracticeServer:
    running, current = _shared_server
    current.stripe = practice
    return running


@pytest.fixture
def connect(server: PracticeServer) -> Any:
    """Makes a client with another key."""

    def client(key: str, **options: Any) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": server.base_url}, **options)

    return client


@pytest.fixture
def account(practice: PracticeStripe, connect: Any, clock: FakeClock) -> Account:
    return Account(practice, connect("sk_test_practice"), clock)
