"""The rate to each endpoint, and how many at once: halved by a 429, given back in quiet times."""

from __future__ import annotations

import contextlib
import threading

import pytest
from pyrate_limiter import MonotonicClock

from lib.practice.faults import LIMIT_REASONS
from lib.stripe_gateway.pace import Pace, endpoint_of
from tests.held_requests import until
from tests.world import ALICE, World

CUSTOMERS = ("get", "/v1/customers/cus_1")
CHARGE = ("post", "/v1/payment_intents")


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/v1/customers", "get v1/customers"),
        ("/v1/customers/cus_abc", "get v1/customers/{id}"),
        ("/v1/payment_intents/search", "get search"),
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
    pace.slow_down(*CUSTOMERS, "endpoint-rate")
    assert pace.rate("get", "/v1/customers/cus_2") == 10
    assert pace.rate("get", "/v1/customers") == 20
    seconds.now = 29
    assert pace.rate(*CUSTOMERS) == 10
    rates = []
    for _ in range(3):
        seconds.now += 31
        rates.append(pace.rate(*CUSTOMERS))
    assert rates == [15, 20, 20]


def test_all_searches_together_have_a_lower_limit_of_their_own() -> None:
    pace = Pace(25, monotonic=Seconds())
    assert pace.rate("get", "/v1/payment_intents/search") == 20
    assert pace.rate("get", "/v1/payment_intents") == 25
    assert Pace(8).rate("get", "/v1/customers/search") == 8


def test_a_rebuild_reads_lists_faster_and_nothing_else() -> None:
    seconds = Seconds()
    pace = Pace(20, monotonic=seconds)
    known = [
        pace.rate("get", path) for path in ("/v1/customers", "/v1/refunds", "/v1/customers/cus_1")
    ]
    assert known == [20, 20, 20]
    pace.slow_down("get", "/v1/refunds", "endpoint-rate")
    with pace.raised(24):
        assert pace.rate("get", "/v1/customers") == 24
        assert pace.rate("get", "/v1/checkout/sessions") == 24
        assert pace.rate("get", "/v1/refunds") == 10, "Stripe said so"
        assert pace.rate("get", "/v1/payment_intents/search") == 20
        assert pace.rate(*CUSTOMERS) == pace.rate(*CHARGE) == 20
        pace.slow_down("get", "/v1/customers", "endpoint-rate")
        assert pace.rate("get", "/v1/customers") == 12
        seconds.now = 200
        pace.rate("get", "/v1/customers")
        seconds.now = 300
        assert pace.rate("get", "/v1/customers") == 24
    for path in ("/v1/customers", "/v1/checkout/sessions"):
        assert pace.rate("get", path) == 20
    with Pace(40).raised(24):
        assert Pace(40).rate("get", "/v1/customers") == 40


@pytest.mark.parametrize(
    ("reason", "rate", "at_once"),
    [
        ("global-rate", 10, None),
        ("endpoint-rate", 10, None),
        ("global-concurrency", 20, 4),
        ("endpoint-concurrency", 20, 4),
        ("resource-specific", 20, None),
        (None, 20, None),
        ("a reason of next year", 20, None),
    ],
)
def test_each_reason_lowers_what_it_is_about(
    reason: str | None, rate: float, at_once: int | None
) -> None:
    pace = Pace(20, monotonic=Seconds())
    pace.slow_down(*CUSTOMERS, reason)
    assert (pace.rate(*CUSTOMERS), pace.at_once(*CUSTOMERS)) == (rate, at_once)


@pytest.mark.parametrize("reason", LIMIT_REASONS)
def test_what_reads_meet_never_holds_back_a_charge(reason: str) -> None:
    pace = Pace(20, monotonic=Seconds())
    pace.rate(*CHARGE)
    pace.slow_down(*CUSTOMERS, reason)
    assert (pace.rate(*CHARGE), pace.at_once(*CHARGE)) == (20, None)


def test_what_is_global_holds_back_all_reads() -> None:
    pace = Pace(20, monotonic=Seconds())
    pace.rate("get", "/v1/events")
    pace.slow_down(*CHARGE, "global-rate")
    pace.slow_down(*CHARGE, "global-concurrency")
    assert pace.rate("get", "/v1/events") == pace.rate(*CHARGE) == 10
    assert pace.at_once("get", "/v1/events") == pace.at_once(*CHARGE) == 4


@pytest.mark.parametrize("reason", ["endpoint-rate", "endpoint-concurrency"])
def test_a_burst_is_one_moment(reason: str) -> None:
    """Eight readers are refused at once: eight halvings would leave one request a second."""
    seconds = Seconds()
    pace = Pace(20, monotonic=seconds)
    for _ in range(8):
        pace.slow_down(*CUSTOMERS, reason)
        seconds.now += 0.1
    assert (pace.rate(*CUSTOMERS), pace.at_once(*CUSTOMERS)) in ((10, None), (20, 4))
    seconds.now += 0.3
    pace.slow_down(*CUSTOMERS, reason)
    assert (pace.rate(*CUSTOMERS), pace.at_once(*CUSTOMERS)) in ((5, None), (20, 2))


def test_it_never_stops_altogether_and_comes_back() -> None:
    seconds = Seconds()
    pace = Pace(20, monotonic=seconds)
    for _ in range(20):
        for reason in LIMIT_REASONS:
            pace.slow_down(*CUSTOMERS, reason)
        seconds.now += 1
    assert (pace.rate(*CUSTOMERS), pace.at_once(*CUSTOMERS)) == (1, 1)
    result = []
    for _ in range(9):
        seconds.now += 31
        result.append(pace.at_once(*CUSTOMERS))
    assert result == [2, 3, 5, 8, 12, 18, 27, None, None]
    assert pace.rate(*CUSTOMERS) == 20


def test_half_of_a_runs_charges_in_flight_go_on() -> None:
    pace = Pace(1000, monotonic=Seconds())
    with contextlib.ExitStack() as turns:
        for _ in range(32):
            turns.enter_context(pace.turn(*CHARGE))
        pace.slow_down(*CHARGE, "endpoint-concurrency")
        assert pace.at_once(*CHARGE) == 16


def test_no_more_at_once_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(1000)
    pace.slow_down(*CUSTOMERS, "endpoint-concurrency")
    lock, inside, most = threading.Lock(), 0, 0
    arrived = threading.Event()

    def ask() -> None:
        nonlocal inside, most
        with pace.turn(*CUSTOMERS):
            with lock:
                inside += 1
                most = max(most, inside)
            arrived.wait(0.02)
            with lock:
                inside -= 1

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 4


def test_answers_that_stay_out_keep_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.stripe_gateway.pace.LONGEST_WAIT_SECONDS", 0.01)
    pace = Pace(1000, monotonic=Seconds())
    for _ in range(3):
        pace.slow_down(*CHARGE, "endpoint-concurrency")
    with contextlib.ExitStack() as turns:
        for _ in range(6):
            turns.enter_context(pace.turn(*CHARGE))
        assert pace.at_once(*CHARGE) == 4


def test_no_ceiling_means_no_waiting() -> None:
    pace = Pace(0, monotonic=Seconds())
    pace.slow_down(*CUSTOMERS, "endpoint-rate")
    with pace.turn(*CUSTOMERS):
        pass


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """The clock of the waiting, too: whoever waits moves it on."""
    seconds = Seconds()

    def milliseconds(_: MonotonicClock) -> int:
        return round(seconds.now * 1000)

    def sleep(waited: float) -> None:
        seconds.now += waited

    monkeypatch.setattr(MonotonicClock, "now", milliseconds)
    monkeypatch.setattr("pyrate_limiter.limiter.sleep", sleep)
    return seconds


@pytest.mark.parametrize(("total", "waits"), [(25, True), (0, False)])
def test_a_sandbox_counts_all_endpoints_together(
    seconds: Seconds, total: float, waits: bool
) -> None:
    """Three endpoints at 10 a second each are 30 a second."""
    pace = Pace(20, total=total, monotonic=seconds)
    left = []
    for number in range(30):
        with pace.turn("get", ("/v1/customers", "/v1/events", "/v1/refunds")[number % 3]):
            left.append(seconds.now)
    assert left[:25] == [0.0] * 25
    assert (left[25] >= 1.0) is waits


def test_money_waits_behind_no_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(1000, total=1000)
    order: list[str] = []
    assert pace.total is not None
    monkeypatch.setattr(
        pace.total, "try_acquire", lambda _: order.append(threading.current_thread().name)
    )

    def ask(method: str, path: str) -> None:
        with pace.turn(method, path):
            pass

    asked = [("get", "/v1/events"), ("get", "/v1/customers"), CHARGE, ("post", "/v1/refunds")]
    threads = [threading.Thread(target=ask, args=one, name=" ".join(one)) for one in asked]
    line = pace.total_line
    with line:
        for number, thread in enumerate(threads, start=1):
            thread.start()
            until(lambda: line.waiting == number)  # noqa: B023 - called before it changes
    for thread in threads:
        thread.join(10)
    assert order == [
        "post /v1/payment_intents",
        "post /v1/refunds",
        "get /v1/events",
        "get /v1/customers",
    ]


@pytest.mark.parametrize("reason", [*LIMIT_REASONS, None])
def test_a_429_from_stripe_is_told_apart(
    world: World, monkeypatch: pytest.MonkeyPatch, reason: str | None
) -> None:
    gateway = world.services.gateway
    monkeypatch.setattr(gateway, "pace", Pace(1000))
    world.stripe.faults.add("GET", "/v1/customers", kind="rate_limited", detail=reason)
    world.services.sync.run_now(by=ALICE)
    is_rate = reason in ("global-rate", "endpoint-rate")
    assert gateway.pace.rate("get", "/v1/customers") == (500 if is_rate else 1000)
    assert gateway.pace.rate("get", "/v1/payment_intents") == 1000
    is_concurrency = reason in ("global-concurrency", "endpoint-concurrency")
    assert gateway.pace.at_once("get", "/v1/customers") == (4 if is_concurrency else None)
