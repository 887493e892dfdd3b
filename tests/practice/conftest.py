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


@pytest.fixture
def server(practice: PracticeStripe) -> Iterator[PracticeServer]:
    running = PracticeServer(practice)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def connect(server: PracticeServer) -> Any:
    """Makes a client with another key."""

    def client(key: str, **options: Any) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": server.base_url}, **options)

    return client


@pytest.fixture
def account(practice: PracticeStripe, connect: Any, clock: FakeClock) -> Account:
    return Account(practice, connect("sk_test_practice"), clock)
