"""Charges that are held on their way to Stripe, or on the way back, and executors that wait for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lib.stripe_gateway.gateway import StripeGateway
from tests.world import World


class Gate:
    """Holds charges that are about to leave, or whose answer has come, until they are let go."""

    def __init__(self, gateway: StripeGateway, *, on_the_way_back: bool = False) -> None:
        create = gateway.create_payment_intent
        self.keys: list[str] = []
        self.is_held = threading.Event()
        self._go = threading.Event()

        def held(params: Any, *, idempotency_key: str, **_: Any) -> Any:
            self.keys.append(idempotency_key)
            if on_the_way_back:
                answer = create(params, idempotency_key=idempotency_key)
            self.is_held.set()
            assert self._go.wait(10)
            if on_the_way_back:
                return answer
            return create(params, idempotency_key=idempotency_key)

        gateway.create_payment_intent = held  # type: ignore[method-assign]

    def wait(self) -> None:
        assert self.is_held.wait(10)

    def open(self) -> None:
        self._go.set()


class Running:
    """An executor at work in a thread of its own, with a charge held in flight."""

    def __init__(self, world: World, run_id: str, **gate: bool) -> None:
        services = world.rebuild()
        self.executor = services.runs.executor
        self.gate = Gate(services.gateway, **gate)
        self._pool = ThreadPoolExecutor(1)
        self._ended = self._pool.submit(self.executor.execute, run_id)
        self.gate.wait()

    def end(self) -> bool:
        self.gate.open()
        return self._ended.result(20)

    def close(self) -> None:
        self.gate.open()
        self._pool.shutdown()


def until(is_true: Callable[[], bool]) -> None:
    ticks = threading.Event()
    for _ in range(1_000):
        if is_true():
            return
        ticks.wait(0.01)
    pytest.fail("it never happened")
