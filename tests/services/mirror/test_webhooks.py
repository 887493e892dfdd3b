"""The webhook inbox: verified, stored once, worked through later, and never blocked by one bad event."""

from __future__ import annotations

import json
import sqlite3
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib import bootstrap
from lib.domain.mirror import Event
from lib.errors import Blocked, InvalidSignature, NotFound, NotPermitted
from lib.practice import thin_events
from lib.reports.webhooks import _CONDITIONS, _DELIVERIES
from lib.services.mirror.event_types import family_of
from lib.services.mirror.webhooks import NotConfigured
from lib.store.deliveries import DeliveryStore
from lib.stripe_gateway.webhooks import TOLERANCE_SECONDS
from tests import stripe_account
from tests.webhook_route import deliver, signed
from tests.world import ADA, ALICE, BOB, VERA, World, new_world


def inbox(world: World) -> list[dict[str, Any]]:
    connection = sqlite3.connect(world.settings.database)
    connection.row_factory = sqlite3.Row
    rows = connection.execute("SELECT * FROM webhook_deliveries ORDER BY rowid").fetchall()
    connection.close()
    return [dict(row) for row in rows]


def states(world: World) -> list[str]:
    return [row["state"] for row in inbox(world)]


def event(type_: str = "customer.updated", object_id: str = "cus_1", **more: Any) -> dict[str, Any]:
    return {
        "id": f"evt_{type_}_{object_id}",
        "object": "event",
        "type": type_,
        "livemode": False,
        "api_version": "2026-10-28.endive",
        "created": 1,
        "request": None,
        "data": {"object": {"id": object_id, "object": type_.split(".")[0]}},
    } | more


def receive(
    world: World, body: dict[str, Any] | bytes, *, at: int | None = None, secret: str | None = None
) -> bool:
    return stored(world, body, at=at, secret=secret).result()


def stored(
    world: World, body: dict[str, Any] | bytes, *, at: int | None = None, secret: str | None = None
) -> Future[bool]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    header = signed(
        raw, secret or world.settings.webhook_secrets[0], at=world.now if at is None else at
    )
    return world.services.webhooks.receive(raw, header)


class TestThinEvents:
    """A destination that was set up for them gets ids in place of objects."""

    @pytest.fixture
    def thin(self, world: World) -> dict[str, Any]:
        customer = stripe_account.post(world, "/v1/customers", name="Thin Ltd")["id"]
        [told] = stripe_account.events(world, "customer.created")
        return thin_events.notification(told) | {"for": customer}

    def test_the_object_it_names_is_asked_for(self, world: World, thin: dict[str, Any]) -> None:
        assert deliver(world, thin) == 204
        [row] = inbox(world)
        assert (row["type"], row["object_id"], row["created"]) == (
            "customer.created",
            thin["for"],
            world.now,
        )
        world.services.webhooks.process_due()
        assert states(world) == ["processed"]
        customer = world.services.reports.customers.find(thin["for"])
        assert customer is not None
        assert customer["name"] == "Thin Ltd"

    def test_they_are_counted_and_polling_misses_nothing(
        self, world: World, thin: dict[str, Any]
    ) -> None:
        assert world.services.webhooks.thin() == 0
        deliver(world, thin)
        world.services.sync.run_now(by=ALICE)
        world.clock.advance(hours=1)
        assert world.services.webhooks.thin() == 1
        assert world.services.reports.webhooks.quiet().missed == 0

    def test_a_payment_of_the_other_mode_and_of_other_accounts_is_kept_only(
        self, world: World, thin: dict[str, Any]
    ) -> None:
        deliver(world, thin | {"livemode": True})
        deliver(world, thin | {"id": "evt_2", "context": "acct_other"})
        deliver(world, thin | {"id": "evt_3", "type": "v2.core.account.updated"})
        assert [row["note"] for row in inbox(world)] == [
            "wrong_livemode",
            "other_account",
            "type_not_needed",
        ]

    @pytest.mark.parametrize(
        "changes",
        [{"created": 1}, {"created": "yesterday"}, {"type": None}, {"related_object": "cus_1"}],
        ids=str,
    )
    def test_malformed(self, world: World, thin: dict[str, Any], changes: dict[str, Any]) -> None:
        assert deliver(world, thin | changes) == 400
        assert inbox(world) == []


class TestSignature:
    @pytest.mark.parametrize("age", [0, TOLERANCE_SECONDS, -TOLERANCE_SECONDS])
    def test_within_the_tolerance(self, world: World, age: int) -> None:
        assert receive(world, event(), at=world.now - age)
        assert inbox(world)[0]["signature_age"] == age

    @pytest.mark.parametrize(
        "age", [TOLERANCE_SECONDS + 1, -TOLERANCE_SECONDS - 1, -(10**9), 10**9]
    )
    def test_outside_on_either_side(self, world: World, age: int) -> None:
        """The SDK itself lets signatures from the future pass."""
        with pytest.raises(InvalidSignature):
            receive(world, event(), at=world.now - age)
        assert inbox(world) == []

    @pytest.mark.parametrize(
        "header",
        [
            None,
            "",
            "t=",
            "v1=abc",
            "t=abc,v1=abc",
            "t=1",
            "t={now}",
            "t={now},v1=",
            "t={now},v0=aa",
            "t=١٢٣,v1=aa",
            "t=" + "9" * 5000 + ",v1=aa",
            "t={now},v1=\u2603",
            "x" * 100_000,
        ],
        ids=lambda value: ascii(value)[:20],
    )
    def test_a_header_that_proves_nothing(self, world: World, header: str | None) -> None:
        with pytest.raises(InvalidSignature):
            world.services.webhooks.receive(
                json.dumps(event()).encode(), header and header.replace("{now}", str(world.now))
            )

    def test_one_so_long_that_reading_it_would_keep_others_waiting(self, world: World) -> None:
        body = json.dumps(event()).encode()
        header = signed(body, world.settings.webhook_secrets[0], at=world.now)
        with pytest.raises(InvalidSignature):
            world.services.webhooks.receive(body, header + ",v1=0" * 1_000)
        assert world.services.webhooks.receive(body, header).result() is True

    def test_another_secret_or_another_body(self, world: World) -> None:
        with pytest.raises(InvalidSignature):
            receive(world, event(), secret="whsec_somebody_else")
        body = json.dumps(event()).encode()
        header = signed(body, world.settings.webhook_secrets[0], at=world.now)
        with pytest.raises(InvalidSignature):
            world.services.webhooks.receive(body.replace(b"cus_1", b"cus_2"), header)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"no json",
            b"[]",
            b"null",
            b"3",
            b"\xff\xfe",
            b"{}",
            b'{"object": "event"}',
            b'{"object": "event", "id": "evt_1", "type": "a.b", "livemode": false, "created": 1,'
            b' "data": {"object": "text"}}',
        ],
    )
    def test_signed_but_not_an_event(self, world: World, body: bytes) -> None:
        header = signed(body.decode("latin-1"), world.settings.webhook_secrets[0], at=world.now)
        with pytest.raises(InvalidSignature):
            world.services.webhooks.receive(body, header)
        assert inbox(world) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"id": None},
            {"id": 5},
            {"id": {"a": 1}},
            {"type": 5},
            {"type": None},
            {"created": "now"},
            {"created": None},
            {"api_version": [1]},
            {"data": {"object": {"id": {"x": 1}}}},
            {"data": {"object": {"id": ["cus_1"]}}},
            {"data": []},
            {"data": {"object": []}},
            {"request": "req_1"},
            {"livemode": "no"},
            {"created": 10**30},
            {"created": -1},
            {"id": "evt_\ud800"},
            {"account": ["acct_1"]},
            {"type": "customer.ü"},
            {"request": {"idempotency_key": "x" * 10_000}},
        ],
        ids=str,
    )
    def test_signed_but_malformed_is_refused_or_stored_and_never_a_trace(
        self, world: World, changes: dict[str, Any]
    ) -> None:
        try:
            receive(world, event() | changes)
        except InvalidSignature:
            assert inbox(world) == []
        world.services.webhooks.process_due()

    @pytest.mark.server
    def test_two_secrets_while_one_is_being_rolled(self, tmp_path: Path) -> None:
        with new_world(
            tmp_path,
            STRIPE_SECRET_KEY="rk_test_onfile",
            STRIPE_WEBHOOK_SECRET="whsec_new,whsec_old",
        ) as world:
            assert receive(world, event("customer.updated", "cus_1"), secret="whsec_old")
            assert receive(world, event("customer.updated", "cus_2"), secret="whsec_new")
            with pytest.raises(InvalidSignature):
                receive(world, event("customer.updated", "cus_3"), secret="whsec_older")

    @pytest.mark.server
    def test_no_secret_at_all(self, tmp_path: Path) -> None:
        with new_world(tmp_path, STRIPE_SECRET_KEY="rk_test_onfile") as world:
            assert not world.services.webhooks.is_configured
            with pytest.raises(NotConfigured):
                receive(world, event(), secret="whsec_any")


class TestInbox:
    def test_nothing_is_done_before_it_is_stored(self, world: World) -> None:
        customer = world.customer()
        before = world.services.gateway.requests
        assert receive(world, event("customer.updated", customer))
        assert world.services.gateway.requests == before
        assert states(world) == ["received"]

    def test_then_it_is_processed_once(self, world: World) -> None:
        customer = world.customer("Before")
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        world.clock.advance(seconds=1)
        receive(world, event("customer.updated", customer))
        assert world.services.webhooks.process_due() == 1
        assert world.services.webhooks.process_due() == 0
        assert world.services.customers.get(customer).name == "After"
        [row] = inbox(world)
        assert (row["state"], row["tries"], row["finished_at"]) == ("processed", 1, world.now)

    def test_a_repeat_is_known(self, world: World) -> None:
        assert receive(world, event())
        assert not receive(world, event())
        world.services.webhooks.process_due()
        assert not receive(world, event())
        assert len(inbox(world)) == 1

    def test_an_event_of_the_other_mode_is_kept_and_ignored(self, world: World) -> None:
        receive(world, event(livemode=True))
        assert states(world) == ["ignored"]
        assert world.services.webhooks.process_due() == 0

    @pytest.mark.parametrize(
        "type_", ["invoice.paid", "charges.paid", "customer.source.created", "a_new.type"]
    )
    def test_a_type_that_means_nothing_to_us_is_ignored(self, world: World, type_: str) -> None:
        receive(world, event(type_))
        assert states(world) == ["ignored"]

    def test_the_body_is_not_kept(self, world: World) -> None:
        """Names, addresses and client secrets travel in it; the object is asked for again."""
        secret = event()
        secret["data"]["object"]["client_secret"] = "seti_1_secret_x"
        secret["data"]["object"]["email"] = "private@example.com"
        receive(world, secret)
        assert "private@example.com" not in str(inbox(world))
        assert "_secret_" not in str(inbox(world))


def bad(world: World) -> str:
    """A customer about whom Stripe never answers."""
    path = "/v1/customers/cus_bad"
    world.stripe.faults.add("GET", path, kind="error_500_unsaved", times=1_000)
    return "cus_bad"


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


def answers(world: World) -> list[tuple[str, str | None]]:
    return [(row["state"], row["note"]) for row in inbox(world)]


def session_event(session_id: str, mode: str | None, **more: Any) -> dict[str, Any]:
    subject = {"id": session_id, "object": "checkout.session"} | ({"mode": mode} if mode else {})
    return event("checkout.session.completed", session_id, data={"object": subject}, **more)


class TestWhatIsNotForUs:
    """Kept, answered as received, and never asked about."""

    @pytest.mark.parametrize(
        ("given", "note"),
        [
            (event("invoice.paid", "in_1"), "type_not_needed"),
            (event("customer.subscription.created", "sub_1"), "type_not_needed"),
            (event(livemode=True), "wrong_livemode"),
            (event(account="acct_1"), "other_account"),
            (event(account="acct_1", livemode=True), "other_account"),
            (session_event("cs_test_1", "payment"), "other_purpose"),
            (session_event("cs_test_1", "subscription"), "other_purpose"),
        ],
        ids=lambda value: value if isinstance(value, str) else value["type"],
    )
    def test_says_why(self, world: World, given: dict[str, Any], note: str) -> None:
        before = world.services.gateway.requests
        assert receive(world, given)
        assert world.services.webhooks.process_due() == 0
        assert answers(world) == [("ignored", note)]
        assert world.services.gateway.requests == before

    def test_another_purpose_that_only_stripe_tells(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        link = world.services.links.create(form_key="f", guest=True, by=ALICE)
        gateway = world.services.gateway
        read = gateway.retrieve_session

        def another_purpose(session_id: str) -> Any:
            found = read(session_id)
            return replace(found, session=replace(found.session, mode="payment"))

        monkeypatch.setattr(gateway, "retrieve_session", another_purpose)
        receive(world, session_event(link.session_id, None))
        assert world.services.webhooks.process_due() == 1
        assert answers(world) == [("ignored", "other_purpose")]

    def test_polling_does_not_even_keep_it(self, world: World) -> None:
        listed = [
            Event("evt_1", "invoice.paid", False, None, 1, "in_1", "invoice", None),
            Event("evt_2", "customer.updated", True, None, 1, "cus_1", "customer", None),
            Event("evt_3", "customer.updated", False, None, 1, "cus_1", "customer", None),
        ]
        assert world.services.webhooks.take_listed(listed) == 1
        assert [row["event_id"] for row in inbox(world)] == ["evt_3"]


class TestKinds:
    """Stripe's `object` says what to ask for; the event's type only where that is missing."""

    @pytest.mark.parametrize(
        ("event_type", "object_type", "kind"),
        [
            ("charge.refunded", "charge", "charge"),
            ("charge.refunded", None, "charge"),
            ("charge.refund.updated", "refund", "refund"),
            ("charge.refund.updated", None, "refund"),
            ("refund.created", "refund", "refund"),
            ("charge.dispute.closed", "dispute", "dispute"),
            ("charge.dispute.closed", "a_new_name", "dispute"),
            ("customer.deleted", "customer", "customer"),
            ("customer.subscription.deleted", "subscription", None),
            ("invoice.paid", "customer", None),
            ("", None, None),
        ],
    )
    def test_table(self, event_type: str, object_type: str | None, kind: str | None) -> None:
        assert family_of(event_type, object_type) == kind

    def test_refunds_and_disputes_are_mirrored(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        view = world.charge(customer)
        charge = stripe_account.get(world, f"/v1/payment_intents/{view.last.payment_intent}")[
            "latest_charge"
        ]
        refund = stripe_account.post(world, "/v1/refunds", charge=charge, amount="100")["id"]
        world.clock.advance(seconds=1)
        for type_, object_type, object_id in (
            ("charge.refunded", "charge", charge),
            ("refund.created", "refund", refund),
        ):
            subject = {"id": object_id, "object": object_type}
            receive(world, event(type_, object_id, data={"object": subject}))
        world.services.webhooks.process_due()
        assert set(states(world)) == {"processed"}
        database = sqlite3.connect(world.settings.database)
        found = database.execute("SELECT id, amount_refunded FROM stripe_charges").fetchall()
        assert found == [(charge, 100)]
        assert database.execute("SELECT id, amount FROM stripe_refunds").fetchall() == [
            (refund, 100)
        ]
        database.close()


class TestRepeats:
    def test_are_counted(self, world: World) -> None:
        for _ in range(3):
            receive(world, event())
        [row] = inbox(world)
        assert (row["repeats"], row["webhook_at"]) == (2, world.now)

    def test_of_one_that_was_done_are_not_done_again(self, world: World) -> None:
        customer = world.customer()
        receive(world, event(object_id=customer))
        world.services.webhooks.process_due()
        before = world.services.gateway.requests
        assert not receive(world, event(object_id=customer))
        assert world.services.webhooks.process_due() == 0
        assert world.services.gateway.requests == before

    def test_polling_had_it_first(self, world: World) -> None:
        customer = world.customer()
        listed = Event("evt_1", "customer.updated", False, None, 1, customer, "customer", None)
        world.services.webhooks.take_listed([listed])
        assert inbox(world)[0]["webhook_at"] is None
        world.clock.advance(minutes=5)
        assert not receive(world, event(object_id=customer, id="evt_1"), at=world.now - 3)
        [row] = inbox(world)
        assert (row["webhook_at"], row["repeats"], row["signature_age"]) == (world.now, 0, 3)

    def test_polling_again_is_no_repeat(self, world: World) -> None:
        listed = Event("evt_1", "customer.updated", False, None, 1, "cus_1", "customer", None)
        receive(world, event(id="evt_1"))
        assert world.services.webhooks.take_listed([listed]) == 0
        assert inbox(world)[0]["repeats"] == 0


class TestOrderAndClocks:
    def test_an_older_event_after_a_newer_one_never_overwrites(self, world: World) -> None:
        customer = world.customer("First")
        stripe_account.post(world, f"/v1/customers/{customer}", name="Second")
        world.clock.advance(seconds=1)
        for number, created in enumerate((200, 100)):
            old = {"id": customer, "object": "customer", "name": "First"}
            given = event(object_id=customer, created=created, data={"object": old})
            receive(world, given | {"id": f"evt_{number}"})
            world.services.webhooks.process_due()
            assert world.services.customers.get(customer).name == "Second"
        assert states(world) == ["processed", "processed"]

    def test_an_event_from_the_future_is_processed_as_any_other(self, world: World) -> None:
        customer = world.customer()
        receive(world, event(object_id=customer, created=world.now + 10**6))
        world.services.webhooks.process_due()
        assert states(world) == ["processed"]

    def test_our_clock_once_ran_ahead(self, world: World) -> None:
        """Neither what arrived then nor what failed then waits for that day to come."""
        customer = world.customer()
        world.clock.advance(days=30)
        receive(world, event("customer.updated", bad(world)))
        world.services.webhooks.process_due()
        receive(world, event("customer.updated", customer))
        world.clock.advance(days=-30)
        assert world.services.webhooks.process_due() == 2
        assert states(world) == ["failed", "processed"]

    def test_new_ones_in_the_order_of_arrival_whatever_the_clock_said(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []
        monkeypatch.setattr(world.services.webhooks.refetcher, "customer", asked.append)
        for number, minutes in enumerate((60, -120, 30)):
            receive(world, event(object_id=f"cus_{number}"))
            world.clock.advance(minutes=minutes)
        world.services.webhooks.process_due()
        assert asked == ["cus_0", "cus_1", "cus_2"]


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


class TestReplay:
    @pytest.fixture
    def given_up(self, world: World) -> str:
        receive(world, event("customer.updated", bad(world)))
        while world.services.webhooks.process_due():
            world.clock.advance(days=1)
        assert world.services.reports.webhooks.counts().by_state["given_up"] == 1
        return str(inbox(world)[0]["event_id"])

    def test_what_was_given_up_is_tried_from_the_beginning(
        self, world: World, given_up: str
    ) -> None:
        world.services.webhooks.replay(given_up, by=ALICE)
        [row] = inbox(world)
        assert (row["state"], row["tries"], row["error"]) == ("received", 0, None)
        assert world.services.webhooks.process_due() == 1
        assert inbox(world)[0]["tries"] == 1

    def test_is_written_down(self, world: World, given_up: str) -> None:
        world.services.webhooks.replay(given_up, by=BOB)
        [entry] = world.services.reports.audit.page(actions=["webhook."]).frame.to_dict("records")
        assert (entry["actor"], entry["action"], entry["subject"]) == (
            "bob",
            "webhook.replay",
            given_up,
        )
        assert world.services.audit.verify().ok

    def test_a_processed_one_may_be(self, world: World) -> None:
        customer = world.customer("Before")
        receive(world, event(object_id=customer, id="evt_1"))
        world.services.webhooks.process_due()
        stripe_account.post(world, f"/v1/customers/{customer}", name="After")
        world.clock.advance(seconds=1)
        world.services.webhooks.replay("evt_1", by=ALICE)
        world.services.webhooks.process_due()
        assert world.services.customers.get(customer).name == "After"

    def test_an_ignored_one_is_refused(self, world: World) -> None:
        receive(world, event("invoice.paid", id="evt_1"))
        with pytest.raises(Blocked, match="does not need"):
            world.services.webhooks.replay("evt_1", by=ALICE)
        assert answers(world) == [("ignored", "type_not_needed")]

    @pytest.mark.parametrize("event_id", ["evt_nowhere", "", "'; --"])
    def test_an_unknown_one(self, world: World, event_id: str) -> None:
        with pytest.raises(NotFound):
            world.services.webhooks.replay(event_id, by=ALICE)

    def test_needs_the_right_to_sync(self, world: World, given_up: str) -> None:
        with pytest.raises(NotPermitted):
            world.services.webhooks.replay(given_up, by=VERA)
        with pytest.raises(NotPermitted):
            world.services.webhooks.replay_all(by=VERA)
        assert states(world) == ["failed"]

    def test_all_that_were_given_up_and_no_other(self, world: World, given_up: str) -> None:
        receive(world, event("customer.updated", "cus_bad_2"))
        receive(world, event("invoice.paid"))
        world.services.webhooks.process_due()
        assert world.services.webhooks.replay_all(by=ADA) == 1
        assert states(world) == ["received", "failed", "ignored"]
        assert world.services.webhooks.replay_all(by=ADA) == 0
        assert len(world.services.reports.audit.page(actions=["webhook."]).frame) == 1


class TestReport:
    def test_how_quiet_it_is(self, world: World) -> None:
        quiet = world.services.reports.webhooks.quiet
        assert (quiet().last_webhook_at, quiet().missed) == (None, 0)
        at = world.now
        ages = {"evt_new": 60, "evt_late": 16 * 60, "evt_old": 25 * 3600, "evt_came": 16 * 60}
        world.services.webhooks.take_listed(
            [
                Event(id_, "customer.updated", False, None, at - age, "cus_1", "customer", None)
                for id_, age in ages.items()
            ]
        )
        receive(world, event(id="evt_came", created=at - 16 * 60))
        assert (quiet().last_webhook_at, quiet().missed, quiet().last_missed) == (at, 1, at - 960)

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("evt_A1", ["evt_A1"]),
            ("cus_9xyz012345678", ["evt_A2"]),
            ("evt_A", ["evt_A2", "evt_A1"]),
            ("cus_9x", ["evt_A2"]),
            ("customer.del", ["evt_A2"]),
            ("CUSTOMER", ["evt_A2", "evt_A1"]),
            ("%", []),
            ("evt_B9", []),
            ("'", []),
            ("x" * 5000, []),
        ],
        ids=lambda value: str(value)[:12],
    )
    def test_search(self, world: World, search: str, found: list[str]) -> None:
        receive(world, event("customer.updated", "cus_1", id="evt_A1"))
        receive(world, event("customer.deleted", "cus_9xyz0123456789", id="evt_A2"))
        page = world.services.reports.webhooks.page(search=search)
        assert ([] if page.frame.empty else list(page.frame["id"])) == found

    def test_paging_newest_first(self, world: World) -> None:
        for number in range(5):
            receive(world, event(object_id=f"cus_{number}", id=f"evt_{number}"))
        report = world.services.reports.webhooks
        first = report.page(rows=2, state="waiting")
        assert list(first.frame["id"]) == ["evt_4", "evt_3"]
        second = report.page(rows=2, state="waiting", cursor=first.older)
        assert list(second.frame["id"]) == ["evt_2", "evt_1"]
        assert list(report.page(rows=2, cursor=second.newer).frame["id"]) == ["evt_4", "evt_3"]

    def test_every_page_and_count_walks_an_index(self, world: World) -> None:
        """With a million rows a scan or a sort would be felt on every click."""
        connection = sqlite3.connect(world.settings.database)
        for condition in ("1", *_CONDITIONS.values()):
            plan = connection.execute(
                f"EXPLAIN QUERY PLAN {_DELIVERIES.select} WHERE {condition} AND d.rowid < 9 "
                "ORDER BY d.rowid DESC LIMIT 51"
            ).fetchall()
            assert not [row for row in plan if "TEMP B-TREE" in row[3]], condition
        connection.close()
