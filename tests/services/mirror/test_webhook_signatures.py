"""Only what Stripe has signed, and signed just now, is stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lib.errors import InvalidSignature
from lib.services.mirror.webhooks import NotConfigured
from lib.stripe_gateway.webhooks import TOLERANCE_SECONDS
from tests.webhook_inbox import event, inbox, receive
from tests.webhook_route import signed
from tests.world import World, new_world


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
