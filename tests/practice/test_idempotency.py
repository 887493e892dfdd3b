"""Idempotency keys of practice Stripe: replays, other parameters, age, concurrent requests."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import stripe

from lib.practice import idempotency

from .account import Account, refused


def _customer(account: Account, key: str, **given: Any) -> stripe.Customer:
    return account.client.v1.customers.create(given, {"idempotency_key": key})


class TestReplay:
    def test_same_key_same_answer(self, account: Account) -> None:
        first = _customer(account, "k", name="Alice", metadata={"a": "1"})
        again = _customer(account, "k", name="Alice", metadata={"a": "1"})
        assert first.id == again.id
        assert "idempotent-replayed" not in first.last_response.headers
        assert again.last_response.headers["idempotent-replayed"] == "true"
        assert len(account.client.v1.customers.list().data) == 1

    def test_replay_shows_the_object_as_it_was(self, account: Account) -> None:
        made = _customer(account, "k", name="Alice")
        account.client.v1.customers.update(made.id, {"name": "Bob"})
        assert _customer(account, "k", name="Alice").name == "Alice"

    def test_decline_is_replayed_for_a_day(self, account: Account) -> None:
        customer = account.customer().id
        method = account.saved("4000900000000284", customer=customer)
        for _ in range(2):
            with refused(402, "card_declined") as refusal:
                account.charge(customer, method, key="attempt-1")
        assert refusal.value.headers["idempotent-replayed"] == "true"
        assert len(account.client.v1.payment_intents.list().data) == 1
        assert account.charge(customer, method, key="attempt-2").status == "succeeded"

    def test_saved_500_is_replayed(self, account: Account) -> None:
        account.practice.faults.add("POST", "/v1/customers", kind="error_500_saved")
        for _ in range(2):
            with refused(500):
                _customer(account, "k")
        assert account.client.v1.customers.list().data == []

    def test_refusal_by_the_account_is_saved(self, account: Account) -> None:
        for _ in range(2):
            with refused(400, "resource_missing") as refusal:
                account.client.v1.payment_methods.attach(
                    "pm_card_visa", {"customer": "cus_none"}, {"idempotency_key": "k"}
                )
        assert refusal.value.headers["idempotent-replayed"] == "true"


class TestOtherUse:
    def test_other_parameters(self, account: Account) -> None:
        _customer(account, "k", name="Alice")
        with refused(400) as refusal:
            _customer(account, "k", name="Bob")
        assert isinstance(refusal.value, stripe.IdempotencyError)
        assert refusal.value.error.type == "idempotency_error"

    def test_other_endpoint(self, account: Account) -> None:
        made = _customer(account, "k", name="Alice")
        with refused(400) as refusal:
            account.client.v1.customers.update(made.id, {"name": "Alice"}, {"idempotency_key": "k"})
        assert isinstance(refusal.value, stripe.IdempotencyError)

    def test_too_long(self, account: Account) -> None:
        _customer(account, "k" * 255)
        with refused(400, message="255"):
            _customer(account, "k" * 256)

    def test_ignored_on_get_and_delete(self, account: Account) -> None:
        made = _customer(account, "k")
        options: Any = {"idempotency_key": "k"}
        assert account.client.v1.customers.retrieve(made.id, {}, options).id == made.id
        assert account.client.v1.customers.delete(made.id, {}, options).deleted


class TestNotSaved:
    def test_failed_validation(self, account: Account) -> None:
        for wrong in ({"foo": "1"}, {"email": "alice"}):
            with refused(400):
                _customer(account, "k", **wrong)
        assert _customer(account, "k", email="alice@example.com").id

    @pytest.mark.parametrize(
        ("kind", "status"),
        [
            ("rate_limited", 429),
            ("lock_timeout", 429),
            ("conflict_409", 409),
            ("error_500_unsaved", 500),
            ("missing_permission", 403),
        ],
    )
    def test_refusals_before_execution(self, account: Account, kind: str, status: int) -> None:
        account.practice.faults.add("POST", "/v1/customers", kind=kind)
        with refused(status):
            _customer(account, "k")
        made = _customer(account, "k")
        assert "idempotent-replayed" not in made.last_response.headers


class TestAge:
    def test_key_executes_again_after_a_day(self, account: Account) -> None:
        first = _customer(account, "k")
        account.clock.advance(hours=23, minutes=59)
        assert _customer(account, "k").id == first.id
        account.clock.advance(minutes=2)
        assert _customer(account, "k", name="other").id != first.id


class TestConcurrent:
    def test_key_in_use(self, account: Account) -> None:
        """Another process has claimed the key and not finished."""
        _claim(account)
        with refused(409, "idempotency_key_in_use") as refusal:
            _customer(account, "k")
        assert type(refusal.value) is stripe.APIError
        assert refusal.value.error.type == "invalid_request_error"

    def test_claim_of_a_dead_process_is_taken_over(self, account: Account) -> None:
        dead = _claim(account)
        account.clock.advance(seconds=idempotency.CLAIM_SECONDS + 1)
        made = _customer(account, "k")
        assert [c.id for c in account.client.v1.customers.list().data] == [made.id]
        # The process was not dead, only slow: it may not act any more.
        with (
            account.practice.database.writing() as connection,
            pytest.raises(Exception, match="in-progress"),
        ):
            idempotency.hold(connection, dead)

    def test_many_threads_one_charge(self, account: Account) -> None:
        customer = account.customer().id
        method = account.saved(customer=customer)
        outcomes: list[str] = []
        together = threading.Barrier(8)

        def charge() -> None:
            together.wait()
            try:
                outcomes.append(account.charge(customer, method, key="attempt-1").id)
            except stripe.APIError as error:
                outcomes.append(str(error.error.code))

        threads = [threading.Thread(target=charge) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 8
        [moved] = account.practice.money_moved()
        assert set(outcomes) <= {moved.payment_intent, "idempotency_key_in_use"}
        assert moved.payment_intent in outcomes


def _claim(account: Account) -> idempotency.Claim:
    print_ = idempotency.fingerprint("POST", "/v1/customers", {})
    claimed = idempotency.claim(account.practice.database, "k", print_, account.clock.epoch)
    assert isinstance(claimed, idempotency.Claim)
    return claimed
