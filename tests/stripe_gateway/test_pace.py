"""The rate to each endpoint: halved by a 429, given back in quiet times, never above the ceiling."""

from __future__ import annotations

import threading
import time

import pytest

from lib.stripe_gateway.pace import Pace, endpoint_of
from tests.world import ALICE, World

CUSTOMERS = ("get", "/v1/customers/cus_1")


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/customers", "get v1/customers"),
        ("/v1/customers/cus_abc", "get v1/customers/{id}"),
        ("/v1/customers/cus_abc/payment_methods", "get v1/customers/{id}/payment_methods"),
        ("/v1/payment_methods/pm_x/attach", "get v1/payment_methods/{id}/attach"),
        ("/v1/checkout/sessions", "get v1/checkout/sessions"),
        ("/v1/checkout/sessions/cs_test_1/expire", "get v1/checkout/sessions/{id}/expire"),
    ],
)
def test_objects_of_one_endpoint_share_its_rate(path: str, endpoint: str) -> None:
    assert endpoint_of("get", path) == endpoint


def test_a_429_halves_one_endpoint_and_quiet_gives_it_back() -> None:
    seconds = Seconds()
    pace = Pace(20, monotonic=seconds)
    pace.slow_down(*CUSTOMERS)
    assert pace.rate("get", "/v1/customers/cus_2") == 10
    assert pace.rate("get", "/v1/customers") == 20
    seconds.now = 29
    assert pace.rate(*CUSTOMERS) == 10
    rates = []
    for _ in range(3):
        seconds.now += 31
        rates.append(pace.rate(*CUSTOMERS))
    assert rates == [15, 20, 20]


def test_it_never_stops_altogether() -> None:
    pace = Pace(20, monotonic=Seconds())
    for _ in range(20):
        pace.slow_down(*CUSTOMERS)
    assert pace.rate(*CUSTOMERS) == 1


def test_no_ceiling_means_no_waiting() -> None:
    pace = Pace(0, monotonic=Seconds())
    pace.slow_down(*CUSTOMERS)
    pace.wait(*CUSTOMERS)


def test_a_429_from_stripe_slows_that_endpoint(world: World, monkeypatch) -> None:
    gateway = world.services.sync._gateway
    monkeypatch.setattr(gateway, "_pace", Pace(1000))
    world.stripe.faults.add("GET", "/v1/customers", kind="rate_limited", detail="endpoint-rate")
    world.services.sync.run_now(by=ALICE)
    assert gateway._pace.rate("get", "/v1/customers") == 500
    assert gateway._pace.rate("get", "/v1/payment_intents") == 1000


def test_first_come_first_served() -> None:
    pace, order = Pace(10), []

    def wait(number: int) -> None:
        pace.wait(*CUSTOMERS)
        order.append(number)

    for _ in range(10):
        pace.wait(*CUSTOMERS)
    threads = [threading.Thread(target=wait, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    for thread in threads:
        thread.join(10)
    assert order == list(range(12))


def test_whoever_waits_leaves_at_the_rate_that_a_429_left() -> None:
    pace = Pace(4)
    for _ in range(4):
        pace.wait(*CUSTOMERS)
    threads = [threading.Thread(target=pace.wait, args=CUSTOMERS) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    pace.slow_down(*CUSTOMERS)
    started = time.monotonic()
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - started > 1.0, "two a second, after the one that had its turn"
