"""One bad event, a full disk, a crash: no delivery is lost, done twice, or blocks the others."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from lib import bootstrap
from lib.domain.mirror import Event
from lib.store.deliveries import DeliveryStore
from tests import stripe_account
from tests.webhook_inbox import bad, event, inbox, receive, states, stored
from tests.webhook_route import deliver
from tests.world import World


class TestTrouble:
    @pytest.mark.parametrize(
        ("type_", "object_id"),
        [
            ("payment_intent.succeeded", "../customers"),
            ("customer.updated", ""),
            ("checkout.session.completed", "x" * 5000),
            ("setup_intent.succeeded", "\x00"),
        ],
    )
    def test_a_poisoned_event_does_not_block_the_others(
        self, world: World, type_: str, object_id: str
    ) -> None:
        customer = world.customer("Before")
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        world.clock.advance(seconds=1)
        receive(world, event(type_, object_id, id="evt_poisoned"))
        receive(world, event("customer.updated", customer))
        world.services.webhooks.process_due()
        assert states(world) == ["processed", "processed"], "asking again would bring the same"
        assert inbox(world)[0]["note"] in ("left_out", "vanished")
        assert world.services.customers.get(customer).name == "After"

    def test_back_off_then_left_for_a_person(self, world: World) -> None:
        receive(world, event("customer.updated", bad(world)))
        waits = []
        for _ in range(20):
            if world.services.webhooks.process_due() == 0:
                break
            [row] = inbox(world)
            if row["next_try_at"] is None:
                continue
            waits.append(row["next_try_at"] - world.now)
            world.clock.advance(seconds=waits[-1] - 1)
            assert world.services.webhooks.process_due() == 0, "not before its time"
            world.clock.advance(seconds=1)
        assert waits == [30, 120, 600, 3600, 6 * 3600, 24 * 3600]
        [row] = inbox(world)
        assert (row["state"], row["tries"], row["next_try_at"]) == ("failed", 7, None)
        world.clock.advance(days=30)
        assert world.services.webhooks.process_due() == 0

    def test_stripe_down_for_a_minute_is_caught_up(self, world: World) -> None:
        customer = world.customer("Before")
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        world.clock.advance(seconds=1)
        receive(world, event("customer.updated", customer))
        world.stripe.faults.add("GET", "/v1/customers", kind="error_500_unsaved", times=5)
        world.services.webhooks.process_due()
        assert states(world) == ["failed"]
        world.clock.advance(seconds=30)
        world.services.webhooks.process_due()
        [row] = inbox(world)
        assert (row["state"], row["error"]) == ("processed", None)
        assert world.services.customers.get(customer).name == "After"

    @pytest.mark.parametrize("kind", ["customer", "payment_method"])
    def test_what_vanished_meanwhile_is_an_answer(self, world: World, kind: str) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        world.clock.advance(seconds=1)
        ids = {"customer": customer, "payment_method": method}
        world.stripe.faults.add("GET", f"/v1/{kind}s/", kind="vanish")
        receive(world, event(f"{kind}.updated", ids[kind]))
        world.services.webhooks.process_due()
        assert states(world) == ["processed"]
        assert world.services.payment_methods.get(method).is_detached

    def test_more_than_a_batch_is_worked_through(self, world: World) -> None:
        for n in range(60):
            receive(world, event("customer.updated", "cus_none", id=f"evt_{n}"))
        assert world.services.webhooks.process_due() == 50
        assert world.services.webhooks.process_due() == 10


class TestClaims:
    def test_a_crash_in_the_middle_counts_as_a_try(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def dies(_: str) -> None:
            raise KeyboardInterrupt

        receive(world, event())
        with monkeypatch.context() as patch:
            patch.setattr(world.services.webhooks.refetcher, "customer", dies)
            with pytest.raises(KeyboardInterrupt):
                world.services.webhooks.process_due()
        [row] = inbox(world)
        assert (row["state"], row["tries"]) == ("received", 1)
        assert world.services.webhooks.process_due() == 0, "perhaps it is still at work"
        world.clock.advance(minutes=5)
        assert world.services.webhooks.process_due() == 1

    def test_a_delivery_that_always_kills_is_given_up(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def dies(_: str) -> None:
            raise SystemExit

        receive(world, event())
        monkeypatch.setattr(world.services.webhooks.refetcher, "customer", dies)
        for _ in range(7):
            with pytest.raises(SystemExit):
                world.services.webhooks.process_due()
            world.clock.advance(days=2)
        assert world.services.webhooks.process_due() == 0
        [row] = inbox(world)
        assert (row["state"], row["tries"], row["next_try_at"]) == ("failed", 7, None)

    def test_what_was_not_begun_is_given_back(self, world: World) -> None:
        customer = world.customer()
        first = bad(world)
        for number in range(3):
            receive(world, event(object_id=customer if number else first, id=f"evt_{number}"))
        world.services.webhooks.process_due(should_stop=lambda: True)
        assert [row["tries"] for row in inbox(world)] == [0, 0, 0]
        world.services.webhooks.process_due()
        assert states(world) == ["failed", "processed", "processed"]

    def test_two_processes_never_do_the_same_one(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        receive(world, event(object_id=customer))
        other = bootstrap.build_services(
            world.settings, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
        )
        refetcher = world.services.webhooks.refetcher
        ask, meanwhile = refetcher.customer, []

        def slowly(customer_id: str) -> Any:
            meanwhile.append(other.webhooks.process_due())
            return ask(customer_id)

        monkeypatch.setattr(refetcher, "customer", slowly)
        assert world.services.webhooks.process_due() == 1
        assert meanwhile == [0]

    def test_who_comes_late_changes_nothing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its claim ran out, another process took the delivery and finished it."""
        receive(world, event(object_id=world.customer()))
        refetcher = world.services.webhooks.refetcher
        ask, nested = refetcher.customer, []

        def slept(customer_id: str) -> Any:
            if not nested:
                nested.append(True)
                world.clock.advance(hours=1)
                world.services.webhooks.process_due()
                raise ValueError("woke up too late")
            return ask(customer_id)

        monkeypatch.setattr(refetcher, "customer", slept)
        world.services.webhooks.process_due()
        [row] = inbox(world)
        assert (row["state"], row["error"], row["tries"]) == ("processed", None, 2)

    def test_several_about_one_object_need_one_request(self, world: World) -> None:
        customer = world.customer()
        for number in range(20):
            receive(world, event(object_id=customer, id=f"evt_{number}"))
        before = world.services.gateway.requests
        assert world.services.webhooks.process_due() == 20
        assert world.services.gateway.requests == before + 1
        assert set(states(world)) == {"processed"}

    def test_a_removed_method_stays_removed_among_other_events(self, world: World) -> None:
        method = world.save_card(world.customer())
        world.clock.advance(seconds=1)
        for kind in (
            "payment_method.attached",
            "payment_method.detached",
            "payment_method.updated",
        ):
            receive(world, event(kind, method))
        before = world.services.gateway.requests
        world.services.webhooks.process_due()
        assert world.services.gateway.requests == before
        assert world.services.payment_methods.get(method).is_detached

    def test_old_failures_have_their_turn_however_much_is_new(self, world: World) -> None:
        receive(world, event("customer.updated", bad(world), id="evt_old"))
        world.services.webhooks.process_due()
        world.clock.advance(seconds=30)
        for number in range(60):
            receive(world, event("customer.updated", "cus_bad", id=f"evt_{number}"))
        assert world.services.webhooks.process_due() == 50
        assert inbox(world)[0]["tries"] == 2

    @pytest.mark.parametrize("error", [RuntimeError("odd"), sqlite3.OperationalError("locked")])
    def test_any_error_at_all_is_kept_and_blocks_nobody(
        self, world: World, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        refetcher = world.services.webhooks.refetcher
        ask = refetcher.customer

        def breaks(customer_id: str) -> Any:
            if customer_id == "cus_bad":
                raise error
            return ask(customer_id)

        monkeypatch.setattr(refetcher, "customer", breaks)
        receive(world, event(object_id="cus_bad"))
        receive(world, event(object_id=customer))
        world.services.webhooks.process_due()
        assert states(world) == ["failed", "processed"]
        assert inbox(world)[0]["error"] == f"{type(error).__name__}: {error}"


class TestNotStored:
    """Whatever the database says, Stripe hears that it must send again, and then it is stored."""

    @pytest.mark.parametrize("message", ["database or disk is full", "database is locked"])
    def test_then_stored_when_it_comes_again(
        self, world: World, message: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*_: Any, **__: Any) -> bool:
            raise sqlite3.OperationalError(message)

        with monkeypatch.context() as patch:
            patch.setattr(DeliveryStore, "add", breaks)
            assert deliver(world, event()) == 503
        assert inbox(world) == []
        assert deliver(world, event()) == 204
        assert states(world) == ["received"]

    def test_the_disk_really_is_full(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        store = DeliveryStore.add
        with closing(sqlite3.connect(world.settings.database)) as shell:
            [limit] = shell.execute("PRAGMA page_count").fetchone()

        def add(self: DeliveryStore, *given: Any, **how: Any) -> bool:
            if limit:
                self._database.execute(f"PRAGMA max_page_count = {limit}")
            return store(self, *given, **how)

        monkeypatch.setattr(DeliveryStore, "add", add)
        answered = {}
        for number in range(1, 3000):
            given = event(object_id=f"cus_{number}")
            answered[given["id"]] = deliver(world, given)
            if answered[given["id"]] == 503:
                break
        assert answered.popitem() == (given["id"], 503)
        assert set(answered.values()) == {204}
        assert len(inbox(world)) == len(answered)
        # The connection that failed was given up, and with it the limit.
        limit = 0
        assert deliver(world, given) == 204

    def test_one_that_cannot_be_stored_does_not_take_others_along(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store, begun, go = DeliveryStore.add, threading.Event(), threading.Event()

        def picky(self: DeliveryStore, given: Event, **how: Any) -> bool:
            if given.object_id == "cus_first":
                begun.set()
                assert go.wait(10)
            if given.object_id == "cus_bad":
                raise sqlite3.IntegrityError("a rule of the schema")
            return store(self, given, **how)

        monkeypatch.setattr(DeliveryStore, "add", picky)
        first = stored(world, event(object_id="cus_first"))
        assert begun.wait(10)
        good, bad = [stored(world, event(object_id=one)) for one in ("cus_good", "cus_bad")]
        go.set()
        assert first.result(10) is True
        assert good.result(10) is True
        assert isinstance(bad.exception(10), sqlite3.IntegrityError)
        assert [row["object_id"] for row in inbox(world)] == ["cus_first", "cus_good"]

    def test_the_writer_is_stopped(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stripe must hear that it has to send again."""

        def stopped(*_: Any, **__: Any) -> bool:
            raise SystemExit

        with monkeypatch.context() as patch:
            patch.setattr(DeliveryStore, "add", stopped)
            assert deliver(world, event()) == 503
        assert inbox(world) == []
        assert deliver(world, event()) == 204

    def test_many_at_once_are_each_stored_once(self, world: World) -> None:
        given = [event(object_id=f"cus_{number % 150}") for number in range(300)]
        with ThreadPoolExecutor(16) as pool:
            new = list(pool.map(lambda one: receive(world, one), given))
        assert new.count(True) == 150
        assert len(inbox(world)) == 150
        assert sum(row["repeats"] for row in inbox(world)) == 150
