"""Several processes on one `practice.db`; processes that are killed."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from lib.practice import PracticeStripe, Reply, idempotency
from lib.practice.server import PracticeServer

from .account import Account, FakeClock, card_form

HEADERS = {"Authorization": "Bearer sk_test_1"}
ROOT = Path(__file__).parents[2]

MAKE_CUSTOMERS = """
import sys
from pathlib import Path
from lib.practice import PracticeStripe
stripe = PracticeStripe(Path(sys.argv[1]))
for number in range(40):
    headers = {"Authorization": "Bearer sk_test_1", "Idempotency-Key": f"customer-{number}"}
    while stripe.handle("POST", "/v1/customers", {"name": str(number)}, headers).status != 200:
        pass
print("done")
"""

DIE_BEFORE_COMMIT = """
import os, signal, sys
from pathlib import Path
from lib.practice import PracticeStripe, idempotency
stripe = PracticeStripe(Path(sys.argv[1]))
def die(*ignored):
    os.kill(os.getpid(), signal.SIGKILL)
idempotency.save = die
stripe.handle("POST", "/v1/payment_intents", {
    "amount": 500, "currency": "usd", "confirm": True, "off_session": True,
    "customer": sys.argv[2], "payment_method": sys.argv[3],
    "allowed_payment_method_types": ["card"],
}, {"Authorization": "Bearer sk_test_1", "Idempotency-Key": "attempt-1"})
"""


def _python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _charge(stripe: PracticeStripe, customer: str, method: str) -> Reply:
    params = {
        "amount": 500,
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "confirm": True,
        "off_session": True,
        "allowed_payment_method_types": ["card"],
    }
    headers = HEADERS | {"Idempotency-Key": "attempt-1"}
    return stripe.handle("POST", "/v1/payment_intents", params, headers)


def test_processes_that_start_together_share_keys(tmp_path: Path) -> None:
    path = tmp_path / "practice.db"
    running = [_python(MAKE_CUSTOMERS, str(path)) for _ in range(3)]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert out == "done\n", err
    stripe = PracticeStripe(path)
    listed = stripe.handle("GET", "/v1/customers", {"limit": 100}, HEADERS).body["data"]
    assert sorted(int(customer["name"]) for customer in listed) == list(range(40))


def test_killed_between_acting_and_committing_has_done_nothing(tmp_path: Path) -> None:
    path, clock = tmp_path / "practice.db", FakeClock()
    stripe = PracticeStripe(path, clock=clock)
    customer = stripe.handle("POST", "/v1/customers", {}, HEADERS).body["id"]
    method = stripe.handle(
        "POST", "/v1/payment_methods/pm_card_visa/attach", {"customer": customer}, HEADERS
    ).body["id"]
    process = _python(DIE_BEFORE_COMMIT, str(path), customer, method)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert stripe.money_moved() == []
    assert stripe.handle("GET", "/v1/payment_intents", {}, HEADERS).body["data"] == []
    with sqlite3.connect(path) as connection:
        claims = connection.execute("SELECT key, status FROM idempotency_keys").fetchall()
    assert claims == [("attempt-1", None)]
    retried = _charge(stripe, customer, method)
    assert (retried.status, retried.body["error"]["code"]) == (409, "idempotency_key_in_use")
    # The dead process ran by the wall clock, which is later than the test's.
    later = PracticeStripe(path, clock=lambda: datetime.now(UTC) + timedelta(minutes=2))
    assert _charge(later, customer, method).status == 200
    assert len(later.money_moved()) == 1


def test_two_engines_see_one_account(account: Account, clock: FakeClock) -> None:
    other = PracticeStripe(account.practice.database.path, clock=clock)
    session = account.link()
    assert other.checkout(session.id) is not None
    other.submit_card(session.id, card_form())
    assert account.session(session.id).status == "complete"
    method = account.session(session.id, "setup_intent").setup_intent.payment_method
    first = account.client.v1.payment_methods.retrieve(method).card.fingerprint
    again = account.link()
    account.submit(again.id)
    method = account.session(again.id, "setup_intent").setup_intent.payment_method
    assert account.client.v1.payment_methods.retrieve(method).card.fingerprint == first


def test_two_engines_one_key_one_charge(account: Account, clock: FakeClock) -> None:
    customer = account.customer().id
    method = account.saved(customer=customer)
    engines = [
        account.practice,
        PracticeStripe(account.practice.database.path, clock=clock),
    ]
    params = {
        "amount": 500,
        "currency": "usd",
        "customer": customer,
        "payment_method": method,
        "confirm": True,
        "off_session": True,
        "allowed_payment_method_types": ["card"],
    }
    for attempt in range(10):
        statuses: list[int] = []
        together = threading.Barrier(2)

        def charge(engine: PracticeStripe) -> None:
            headers = HEADERS | {"Idempotency-Key": f"attempt-{attempt}"}  # noqa: B023
            together.wait()  # noqa: B023
            reply = engine.handle("POST", "/v1/payment_intents", params, headers)
            statuses.append(reply.status)  # noqa: B023

        threads = [threading.Thread(target=charge, args=(engine,)) for engine in engines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert 200 in statuses
        assert set(statuses) <= {200, 409}
        assert len(account.practice.money_moved()) == attempt + 1


def test_request_that_was_overtaken_may_not_act(
    account: Account, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sleeps after claiming its key; meanwhile another process takes the claim over."""
    customer = account.customer().id
    method = account.saved(customer=customer)
    claim = idempotency.claim
    others: list[Reply] = []

    def claim_and_sleep(*arguments: Any) -> Any:
        claimed = claim(*arguments)
        monkeypatch.setattr(idempotency, "claim", claim)
        clock.advance(seconds=idempotency.CLAIM_SECONDS + 1)
        other = PracticeStripe(account.practice.database.path, clock=clock)
        others.append(_charge(other, customer, method))
        return claimed

    monkeypatch.setattr(idempotency, "claim", claim_and_sleep)
    overtaken = _charge(account.practice, customer, method)
    assert [reply.status for reply in others] == [200]
    assert overtaken.status == 409
    assert len(account.practice.money_moved()) == 1
    assert _charge(account.practice, customer, method).body["id"] == others[0].body["id"]


def test_one_card_completes_a_session_once(account: Account) -> None:
    session = account.link(customer=account.customer().id)
    together = threading.Barrier(6)
    steps: list[str] = []

    def submit() -> None:
        together.wait()
        steps.append(type(account.practice.submit_card(session.id, card_form())).__name__)

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(steps) == ["CardRefused"] * 5 + ["Completed"]
    assert account.event_types().count("checkout.session.completed") == 1


class TestServer:
    def test_stops_and_can_be_followed_by_another(self, practice: PracticeStripe) -> None:
        for _ in range(2):
            server = PracticeServer(practice)
            assert server.base_url.startswith("http://127.0.0.1:")
            server.start()
            assert requests.get(f"{server.base_url}/v1/balance", timeout=5).status_code == 401
            server.stop()
            with pytest.raises(requests.ConnectionError):
                requests.get(f"{server.base_url}/v1/balance", timeout=5)

    def test_stop_without_start(self, practice: PracticeStripe) -> None:
        PracticeServer(practice).stop()

    def test_asked_for_port_that_is_taken(
        self, practice: PracticeStripe, server: PracticeServer
    ) -> None:
        port = int(server.base_url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="in use"):
            PracticeServer(practice, port=port)
