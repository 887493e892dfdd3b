"""The webhook inbox: verified, stored once, worked through later, and never blocked by one bad event."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from lib.errors import InvalidSignature
from lib.services.webhooks import NotConfigured
from lib.stripe_gateway.webhooks import TOLERANCE_SECONDS
from tests import at_stripe
from tests.webhook_route import signed
from tests.world import World, new_world


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
        "id": f"evt_{type_}_{object_id}", "object": "event", "type": type_, "livemode": False,
        "api_version": "2026-10-28.endive", "created": 1, "request": None,
        "data": {"object": {"id": object_id, "object": type_.split(".")[0]}},
    } | more  # fmt: skip


def receive(
    world: World, body: dict[str, Any] | bytes, *, at: int | None = None, secret: str | None = None
) -> bool:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    header = signed(
        raw, secret or world.settings.webhook_secrets[0], at=world.now if at is None else at
    )
    return world.services.webhooks.receive(raw, header)


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
            None, "", "t=", "v1=abc", "t=abc,v1=abc", "t=1", "t={now}", "t={now},v1=", "t={now},v0=aa",
            "t=١٢٣,v1=aa", "t=" + "9" * 5000 + ",v1=aa", "t={now},v1=\u2603", "x" * 100_000,
        ],
        ids=lambda value: ascii(value)[:20],
    )  # fmt: skip
    def test_a_header_that_proves_nothing(self, world: World, header: str | None) -> None:
        with pytest.raises(InvalidSignature):
            world.services.webhooks.receive(
                json.dumps(event()).encode(), header and header.replace("{now}", str(world.now))
            )

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
            b"", b"no json", b"[]", b"null", b"3", b"\xff\xfe", b"{}", b'{"object": "event"}',
            b'{"object": "event", "id": "evt_1", "type": "a.b", "livemode": false, "created": 1,'
            b' "data": {"object": "text"}}',
        ],
    )  # fmt: skip
    def test_signed_but_not_an_event(self, world: World, body: bytes) -> None:
        header = signed(body.decode("latin-1"), world.settings.webhook_secrets[0], at=world.now)
        with pytest.raises(InvalidSignature):
            world.services.webhooks.receive(body, header)
        assert inbox(world) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"id": None}, {"id": 5}, {"id": {"a": 1}}, {"type": 5}, {"type": None},
            {"created": "now"}, {"created": None}, {"api_version": [1]},
            {"data": {"object": {"id": {"x": 1}}}}, {"data": {"object": {"id": ["cus_1"]}}},
            {"data": []}, {"data": {"object": []}}, {"request": "req_1"}, {"livemode": "no"},
        ],
        ids=str,
    )  # fmt: skip
    def test_signed_but_malformed_is_refused_or_stored_and_never_a_trace(
        self, world: World, changes: dict[str, Any]
    ) -> None:
        try:
            receive(world, event() | changes)
        except InvalidSignature:
            assert inbox(world) == []
        world.services.webhooks.process_due()

    def test_a_thin_event_is_refused(self, world: World) -> None:
        thin = event() | {"object": "v2.core.event"}
        with pytest.raises(InvalidSignature):
            receive(world, thin)

    def test_two_secrets_while_one_is_being_rolled(self, tmp_path: Path) -> None:
        with new_world(
            tmp_path, STRIPE_SECRET_KEY="rk_test_onfile",
            STRIPE_WEBHOOK_SECRET="whsec_new,whsec_old",
        ) as world:  # fmt: skip
            assert receive(world, event("customer.updated", "cus_1"), secret="whsec_old")
            assert receive(world, event("customer.updated", "cus_2"), secret="whsec_new")
            with pytest.raises(InvalidSignature):
                receive(world, event("customer.updated", "cus_3"), secret="whsec_older")

    def test_no_secret_at_all(self, tmp_path: Path) -> None:
        with new_world(tmp_path, STRIPE_SECRET_KEY="rk_test_onfile") as world:
            assert not world.services.webhooks.is_configured
            with pytest.raises(NotConfigured):
                receive(world, event(), secret="whsec_any")


class TestInbox:
    def test_nothing_is_done_before_it_is_stored(self, world: World) -> None:
        customer = world.customer()
        before = world.services.sync._gateway.requests
        assert receive(world, event("customer.updated", customer))
        assert world.services.sync._gateway.requests == before
        assert states(world) == ["received"]

    def test_then_it_is_processed_once(self, world: World) -> None:
        customer = world.customer("Before")
        at_stripe.post(world, f"/v1/customers/{customer}", name="After")
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
        "type_", ["invoice.paid", "charge.refunded", "customer.source.created", "a_new.type"]
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
        at_stripe.post(world, f"/v1/customers/{customer}", name="After")
        world.clock.advance(seconds=1)
        receive(world, event(type_, object_id, id="evt_poisoned"))
        receive(world, event("customer.updated", customer))
        world.services.webhooks.process_due()
        assert states(world) == ["failed", "processed"]
        assert inbox(world)[0]["error"]
        assert world.services.customers.get(customer).name == "After"

    def test_back_off_then_left_for_a_person(self, world: World) -> None:
        receive(world, event("customer.updated", "bad/id"))
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
        at_stripe.post(world, f"/v1/customers/{customer}", name="After")
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
            receive(world, event("customer.updated", "bad/id", id=f"evt_{n}"))
        assert world.services.webhooks.process_due() == 50
        assert world.services.webhooks.process_due() == 10
