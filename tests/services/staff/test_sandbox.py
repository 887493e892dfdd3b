"""The sandbox script: all as assumed at practice Stripe, and every difference is named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lib.practice.replies import invalid
from lib.services.staff import sandbox
from lib.services.staff.sandbox import ASSUMPTIONS, SandboxRefused, Trial
from lib.settings import Mode
from tests import stripe_account
from tests.world import ALICE, World

ROOT = Path(__file__).parents[3]
KEY = "rk_test_onfile"


def trials(world: World, mode: Mode = Mode.PRACTICE) -> dict[str, Trial]:
    found = sandbox.trials(world.services.gateway, mode, wait=lambda _: None)
    return {trial.name: trial for trial in found}


def differences(world: World) -> dict[str, str]:
    return {trial.name: trial.seen for trial in trials(world).values() if not trial.ok}


class TestAsAssumed:
    def test_at_practice_stripe(self, world: World) -> None:
        attempts = trials(world)
        assert list(attempts) == list(ASSUMPTIONS)
        assert [trial for trial in attempts.values() if not trial.ok] == []
        assert attempts["list after write"].seen == "at once"

    def test_readme_lists_each_by_its_name(self) -> None:
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        section = text.partition("## Unproven")[2].partition("\n## ")[0]
        heads = [line.partition(":")[0] for line in section.splitlines() if line.startswith("- ")]
        assert re.findall(r"`([^`]+)`", " ".join(heads)) == list(ASSUMPTIONS)

    def test_nothing_is_taken_for_ours(self, world: World) -> None:
        trials(world)
        world.services.sync.run_now(by=ALICE)
        for table in ("charges", "attempts", "setup_links", "incidents", "refunds"):
            assert world.rows(f"SELECT * FROM {table}") == []

    def test_everything_made_is_marked_and_the_customer_is_gone(self, world: World) -> None:
        trials(world)
        for path in ("payment_intents", "checkout/sessions", "refunds"):
            made = stripe_account.listed(world, f"/v1/{path}")
            assert made
            assert {tuple(one["metadata"]) for one in made} == {("onfile_sandbox",)}
        assert stripe_account.listed(world, "/v1/customers") == []
        open_sessions = stripe_account.listed(world, "/v1/checkout/sessions", status="open")
        assert open_sessions == []


class TestDifferences:
    """A Stripe that differs on purpose."""

    def test_return_url_is_wanted_after_all(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def strict(given: dict[str, Any], _: dict[str, Any]) -> None:
            if not given.get("return_url"):
                raise invalid("You must provide a `return_url`.", param="return_url")

        monkeypatch.setattr("lib.practice.resources.payment_intent_rules.check_confirm", strict)
        found = differences(world)
        assert found["off-session charge without return_url"] == "refused: 400"
        assert "off-session charge with return_url" not in found
        assert "setup session" not in found

    def test_a_type_that_stripe_does_not_exclude(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.stripe.configure({"payment_method_types": ["card", "klarna"]})
        ask = world.services.gateway.ask

        def deaf(
            method: str, path: str, params: Mapping[str, object], **more: Any
        ) -> dict[str, Any]:
            heard = {k: v for k, v in params.items() if k != "excluded_payment_method_types"}
            return ask(method, path, heard, **more)

        monkeypatch.setattr(world.services.gateway, "ask", deaf)
        assert differences(world) == {"setup session for a currency": "offers klarna all the same"}

    def test_a_type_that_stripe_does_not_know(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "lib.services.staff.sandbox_account.NOT_OFFERED", {"a_type_of_2031": None}
        )
        assert differences(world) == {"setup session for a currency": "refused: 400"}

    @pytest.mark.parametrize(
        ("lag", "seen", "ok"), [(3, "after 3 s", True), (1_000, "not within 20 s", False)]
    )
    def test_a_list_that_lags(
        self, world: World, monkeypatch: pytest.MonkeyPatch, lag: int, seen: str, ok: bool
    ) -> None:
        ask = world.services.gateway.ask
        empty = iter([True] * lag)

        def lagging(
            method: str, path: str, params: Mapping[str, object], **more: Any
        ) -> dict[str, Any]:
            is_list = (method, path) == ("get", "/v1/payment_intents")
            return (
                {"data": []}
                if is_list and next(empty, False)
                else ask(method, path, params, **more)
            )

        monkeypatch.setattr(world.services.gateway, "ask", lagging)
        trial = trials(world)["list after write"]
        assert (trial.seen, trial.ok) == (seen, ok)

    @pytest.mark.parametrize(
        ("method", "path", "name", "seen"),
        [
            ("POST", "/v1/refunds", "refund", "refused: 403"),
            ("GET", "/v1/disputes", "permission for disputes", "missing rak_other_read"),
            ("GET", "/v1/account", "permission for the account", "missing rak_other_read"),
        ],
    )
    def test_a_permission_of_another_name(
        self, world: World, method: str, path: str, name: str, seen: str
    ) -> None:
        world.stripe.faults.add(method, path, kind="missing_permission", detail="rak_other_read")
        assert differences(world) == {name: seen}

    def test_a_permission_that_is_named_as_expected(self, world: World) -> None:
        world.stripe.faults.add(
            "GET", "/v1/disputes", kind="missing_permission", detail="rak_dispute_read"
        )
        trial = trials(world)["permission for disputes"]
        assert (trial.ok, trial.seen) == (True, "missing rak_dispute_read")

    def test_what_came_before_failed_and_the_rest_is_tried_all_the_same(self, world: World) -> None:
        world.stripe.faults.add("POST", "/v1/customers", kind="missing_permission", detail="rak_x")
        attempts = trials(world)
        assert len(attempts) == len(ASSUMPTIONS)
        assert not attempts["customer"].ok
        assert attempts["refund"].seen == "an answer of another shape (KeyError: 'id')"
        assert attempts["permission for events"].ok


def test_a_live_key_is_refused_before_anything_is_asked(world: World) -> None:
    with pytest.raises(SandboxRefused):
        trials(world, Mode.LIVE)
    assert world.services.gateway.requests == 0
