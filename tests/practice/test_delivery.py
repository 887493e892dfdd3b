"""Events that practice Stripe delivers: signed, in order, once, and again after a failure."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe

from lib.practice import PracticeStripe
from lib.practice.delivery import BACK_OFF_SECONDS, GIVE_UP_SECONDS, LEASE_SECONDS, EventDelivery

from .account import FakeClock

SECRET = "whsec_practice"
HEADERS = {"Authorization": "Bearer sk_test_practice"}


class Listener:
    """A webhook route: remembers what came, answers what it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, dict[str, str]]] = []
        self.answer: Callable[[bytes], int] = lambda body: 200
        self.arrived = threading.Event()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.got.append((body, {k.lower(): v for k, v in self.headers.items()}))
                status = listener.answer(body)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
                listener.arrived.set()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/stripe"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def types(self) -> list[str]:
        return [json.loads(body)["type"] for body, _ in self.got]


@pytest.fixture
def listener() -> Iterator[Listener]:
    running = Listener()
    yield running
    running.stop()


@pytest.fixture
def delivery(practice: PracticeStripe, listener: Listener) -> EventDelivery:
    return EventDelivery(practice, webhook_url=listener.url, secret=SECRET)


def make_event(practice: PracticeStripe, name: str = "Alice") -> None:
    assert practice.handle("POST", "/v1/customers", {"name": name}, HEADERS).status == 200


def rows(practice: PracticeStripe) -> list[dict[str, Any]]:
    result = practice.database.connection().execute("SELECT * FROM deliveries ORDER BY rowid")
    return [dict(row) for row in result]


def test_signature_is_valid_for_the_exact_body(
    practice: PracticeStripe, listener: Listener, delivery: EventDelivery, clock: FakeClock
) -> None:
    make_event(practice, "株式会社 <Müller>")
    assert delivery.run_once() == 1
    body, headers = listener.got[0]
    signature = headers["stripe-signature"]
    assert signature.startswith(f"t={clock.epoch},v1=")
    text = body.decode()
    assert stripe.WebhookSignature.verify_header(text, signature, SECRET)
    for wrong in ((text + " ", signature, SECRET), (text, signature, "whsec_other")):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(*wrong)
    event = json.loads(body)
    assert (event["object"], event["type"]) == ("event", "customer.created")
    assert event["data"]["object"]["name"] == "株式会社 <Müller>"
    assert headers["content-type"].startswith("application/json")


def test_each_event_goes_once_and_in_order(
    practice: PracticeStripe, listener: Listener, delivery: EventDelivery
) -> None:
    for name in "abc":
        make_event(practice, name)
    assert delivery.run_once() == 3
    assert delivery.run_once() == 0
    assert [json.loads(body)["data"]["object"]["name"] for body, _ in listener.got] == [
        "a",
        "b",
        "c",
    ]
    assert {(row["state"], row["attempts"], row["last_status"]) for row in rows(practice)} == {
        ("delivered", 1, 200)
    }


@pytest.mark.parametrize("status", [302, 400, 404, 500, 503])
def test_anything_but_2xx_is_tried_again_later(
    practice: PracticeStripe,
    listener: Listener,
    delivery: EventDelivery,
    clock: FakeClock,
    status: int,
) -> None:
    make_event(practice)
    listener.answer = lambda body: status
    assert delivery.run_once() == 0
    assert (rows(practice)[0]["state"], rows(practice)[0]["last_status"]) == ("pending", status)
    clock.advance(seconds=BACK_OFF_SECONDS[0] - 1)
    assert delivery.run_once() == 0
    assert len(listener.got) == 1
    clock.advance(seconds=1)
    listener.answer = lambda body: 204
    assert delivery.run_once() == 1
    assert len(listener.got) == 2


def test_back_off_grows_and_ends_after_three_days(
    practice: PracticeStripe, listener: Listener, delivery: EventDelivery, clock: FakeClock
) -> None:
    make_event(practice)
    started = clock.epoch
    listener.answer = lambda body: 500
    waits = []
    for _ in range(100):
        delivery.run_once()
        row = rows(practice)[0]
        if row["state"] == "abandoned":
            break
        waits.append(row["next_try_at"] - clock.epoch)
        clock.advance(seconds=waits[-1])
    assert row["state"] == "abandoned"
    assert waits == sorted(waits)
    assert waits[:3] == [10, 60, 300]
    assert GIVE_UP_SECONDS - 28800 < clock.epoch - started <= GIVE_UP_SECONDS
    clock.advance(days=30)
    seen = len(listener.got)
    assert delivery.run_once() == 0
    assert len(listener.got) == seen


def test_nobody_listens(practice: PracticeStripe, listener: Listener, clock: FakeClock) -> None:
    make_event(practice)
    listener.stop()
    deaf = EventDelivery(practice, webhook_url=listener.url, secret=SECRET)
    assert deaf.run_once() == 0
    row = rows(practice)[0]
    assert (row["state"], row["last_status"], row["last_error"]) == (
        "pending",
        None,
        "ConnectionError",
    )


def test_one_bad_row_does_not_stop_the_rest(
    practice: PracticeStripe, listener: Listener, delivery: EventDelivery
) -> None:
    for name in "abc":
        make_event(practice, name)
    # Bytes that are no text, as a damaged file may hold.
    practice.database.connection().execute(
        "UPDATE events SET payload = CAST(x'eda080' AS TEXT) WHERE seq = 2"
    )
    assert delivery.run_once() == 2
    assert [json.loads(body)["data"]["object"]["name"] for body, _ in listener.got] == ["a", "c"]
    assert [row["state"] for row in rows(practice)] == ["delivered", "pending", "delivered"]
    assert delivery.run_once() == 0
    assert len(listener.got) == 2


def test_two_processes_send_each_event_once(tmp_path: Path, listener: Listener) -> None:
    clock = FakeClock()
    accounts = [PracticeStripe(tmp_path / "practice.db", clock=clock) for _ in range(4)]
    for number in range(20):
        make_event(accounts[0], str(number))
    together = threading.Barrier(4)

    def run(account: PracticeStripe) -> int:
        together.wait()
        return EventDelivery(account, webhook_url=listener.url, secret=SECRET).run_once()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(run, accounts)) == 20
    assert len(listener.got) == 20


def test_claim_of_a_dead_process_expires(
    practice: PracticeStripe, listener: Listener, delivery: EventDelivery, clock: FakeClock
) -> None:
    make_event(practice)
    practice.database.connection().execute(
        "UPDATE deliveries SET state = 'sending', claimed_by = 'gone', claimed_at = ?",
        (clock.epoch,),
    )
    assert delivery.run_once() == 0
    clock.advance(seconds=LEASE_SECONDS)
    assert delivery.run_once() == 1
    assert len(listener.got) == 1


def test_late_answer_does_not_undo_who_took_over(
    practice: PracticeStripe, listener: Listener, delivery: EventDelivery, clock: FakeClock
) -> None:
    make_event(practice)

    def taken_over(body: bytes) -> int:
        practice.database.connection().execute(
            "UPDATE deliveries SET state = 'delivered', claimed_by = NULL"
        )
        return 500

    listener.answer = taken_over
    delivery.run_once()
    assert rows(practice)[0]["state"] == "delivered"


def test_thread_delivers_and_stops(
    practice: PracticeStripe, listener: Listener, delivery: EventDelivery
) -> None:
    make_event(practice)
    delivery.start()
    delivery.start()
    assert listener.arrived.wait(10)
    delivery.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "event-delivery"]
    assert len(listener.got) == 1
    make_event(practice)
    assert delivery.run_once() == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8501/webhooks/stripe",
        "http://127.9.9.9/x",
        "http://localhost:8501/x",
        "http://[::1]:8501/x",
    ],
)
def test_loopback_is_accepted(practice: PracticeStripe, url: str) -> None:
    assert EventDelivery(practice, webhook_url=url, secret=SECRET).run_once() == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "http://127.0.0.1.example.com/x",
        "http://localhost@example.com/x",
        "http://example.com\\@127.0.0.1/x",
        "http://192.168.0.1/x",
        "http://0.0.0.0/x",
        "http://[::]/x",
        "ftp://localhost/x",
        "localhost:8501",
        "http://[bad/x",
        "",
    ],
)
def test_elsewhere_is_refused(practice: PracticeStripe, url: str) -> None:
    with pytest.raises(ValueError, match=r"this machine|Invalid IPv6"):
        EventDelivery(practice, webhook_url=url, secret=SECRET)
