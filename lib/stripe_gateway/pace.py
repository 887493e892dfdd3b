"""
The pace of requests: how fast they may go to each of Stripe's endpoints and to all together, and how many at once:
under a ceiling, and less after a 429, by the reason that it names.

The waiting for the rate is pyrate-limiter's; what is decided here is the rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lib.stripe_gateway.fair_lock import Line

if TYPE_CHECKING:
    from pyrate_limiter import Limiter

# `Stripe-Rate-Limited-Reason`. Whatever else a 429 names (one object that is in use, say) or leaves
# out concerns that request only: whoever sent it waits before sending it again.
_RATE_REASONS = frozenset({"global-rate", "endpoint-rate"})
_CONCURRENCY_REASONS = frozenset({"global-concurrency", "endpoint-concurrency"})
# A 429 halves what it is about; every quiet half minute gives half of it back, so that one busy
# moment at Stripe does not slow a whole day.
_RECOVERY_SECONDS = 30.0
# Eight readers meet the limit at the same moment, and that is one moment: one halving.
_ONE_BURST_SECONDS = 1.0
# More than a charge run has in flight is never asked for: no cap at all.
_NO_CAP = 32
# As many as the readers have in flight; fewer at one moment say little about the next.
_USUAL = 8
# A cap keeps nobody waiting for answers that do not come: a charge is better refused than stuck.
LONGEST_WAIT_SECONDS = 5.0
# All searches together, whatever they search: https://docs.stripe.com/search#limitations
_SEARCHES = "get search"
_SEARCHES_A_SECOND = 20.0
_MONEY = ("/v1/payment_intents", "/v1/refunds")
# The library's own 50 ms behind every wait would cost a twentieth of the rate.
_EXTRA_WAIT_MS = 2


@dataclass(slots=True)
class _Endpoint:
    limiter: Limiter
    rate: float
    changed_at: float
    slowed_at: float = float("-inf")
    in_flight: int = 0
    at_once: int = _NO_CAP
    at_once_changed_at: float = 0.0
    narrowed_at: float = float("-inf")


class Pace:
    """
    Thread-safe. `ceiling` in requests a second for each endpoint; 0 means no pace at all. `total` for
    all endpoints together; 0 where each one's own ceiling suffices.
    """

    def __init__(
        self, ceiling: float, *, total: float = 0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ceiling = ceiling
        self._for_lists = 0.0
        self.total = _limiter(total) if total else None
        self.total_line = Line()
        self._monotonic = monotonic
        self._endpoints: dict[str, _Endpoint] = {}
        self._lines: dict[str, Line] = {}
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, method: str, path: str) -> Iterator[None]:
        """
        Begins when the next request to this endpoint may leave, first come, first served; ends with
        its answer.
        """
        if not self._ceiling:
            yield
            return
        name = endpoint_of(method, path)
        with self._changed:
            line = self._lines.setdefault(name, Line())
        with line:
            with self._changed:
                limiter = self._recovered(name).limiter
            limiter.try_acquire("stripe")
            if self.total is not None:
                with self.total_line.turn(is_money=_is_money(method, path)):
                    self.total.try_acquire("stripe")
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(name), timeout=LONGEST_WAIT_SECONDS)
            endpoint = self._recovered(name)
            endpoint.in_flight += 1
        try:
            yield
        finally:
            with self._changed:
                endpoint.in_flight -= 1
                self._changed.notify_all()

    def slow_down(self, method: str, path: str, reason: str | None) -> None:
        """Stripe answered 429 here; what is global also holds back every endpoint that is only read."""
        if not self._ceiling or reason not in _RATE_REASONS | _CONCURRENCY_REASONS:
            return
        with self._changed:
            here = endpoint_of(method, path)
            self._recovered(here)
            for name in list(self._endpoints):
                # Reads give way to charges, never the other way round.
                if name == here or (reason.startswith("global") and name.startswith("get ")):
                    self._hold_back(self._recovered(name), is_rate=reason in _RATE_REASONS)

    @contextmanager
    def raised(self, for_lists: float) -> Iterator[None]:
        """Each list may be asked for so often a second meanwhile, where that is more; a 429 lowers it as ever."""
        self._set_for_lists(for_lists)
        try:
            yield
        finally:
            self._set_for_lists(0.0)

    def _set_for_lists(self, rate: float) -> None:
        with self._changed:
            before = {name: self._ceiling_of(name) for name in self._endpoints}
            self._for_lists = rate
            for name, endpoint in self._endpoints.items():
                ceiling = self._ceiling_of(name)
                if endpoint.rate > ceiling or (endpoint.rate == before[name] < ceiling):
                    self._set_rate(endpoint, ceiling)

    def _ceiling_of(self, name: str) -> float:
        if name == _SEARCHES:
            return min(self._ceiling, _SEARCHES_A_SECOND)
        is_list = name.startswith("get ") and "{id}" not in name
        return max(self._ceiling, self._for_lists) if is_list else self._ceiling

    def rate(self, method: str, path: str) -> float:
        """Requests a second that are allowed now."""
        with self._changed:
            return self._recovered(endpoint_of(method, path)).rate

    def at_once(self, method: str, path: str) -> int | None:
        """Requests that may be in flight together now; None for any number."""
        with self._changed:
            limit = self._recovered(endpoint_of(method, path)).at_once
        return None if limit >= _NO_CAP else limit

    def _has_room(self, name: str) -> bool:
        endpoint = self._recovered(name)
        return endpoint.at_once >= _NO_CAP or endpoint.in_flight < endpoint.at_once

    def _hold_back(self, endpoint: _Endpoint, *, is_rate: bool) -> None:
        now = self._monotonic()
        if is_rate and now - endpoint.slowed_at >= _ONE_BURST_SECONDS:
            endpoint.slowed_at = now
            self._set_rate(endpoint, max(1.0, endpoint.rate / 2))
        if not is_rate and now - endpoint.narrowed_at >= _ONE_BURST_SECONDS:
            endpoint.narrowed_at = endpoint.at_once_changed_at = now
            usual = max(endpoint.in_flight, _USUAL)
            endpoint.at_once = max(1, min(endpoint.at_once, usual) // 2)

    def _recovered(self, name: str) -> _Endpoint:
        now = self._monotonic()
        ceiling = self._ceiling_of(name)
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            endpoint = _Endpoint(_limiter(ceiling), ceiling, now)
            self._endpoints[name] = endpoint
        if endpoint.rate < ceiling and now - endpoint.changed_at >= _RECOVERY_SECONDS:
            self._set_rate(endpoint, min(ceiling, endpoint.rate * 1.5))
        if endpoint.at_once < _NO_CAP and now - endpoint.at_once_changed_at >= _RECOVERY_SECONDS:
            endpoint.at_once = min(_NO_CAP, -(-endpoint.at_once * 3 // 2))
            endpoint.at_once_changed_at = now
        return endpoint

    def _set_rate(self, endpoint: _Endpoint, rate: float) -> None:
        endpoint.limiter, endpoint.rate = _limiter(rate), rate
        endpoint.changed_at = self._monotonic()


def _limiter(rate: float) -> Limiter:
    from pyrate_limiter import Duration, Limiter, Rate

    limit = Rate(int(rate), Duration.SECOND) if rate >= 1 else Rate(1, int(1000 / rate))
    return Limiter(limit, buffer_ms=_EXTRA_WAIT_MS)


def _is_money(method: str, path: str) -> bool:
    return method == "post" and path.startswith(_MONEY)


def endpoint_of(method: str, path: str) -> str:
    """Stripe limits each endpoint: /v1/customers/cus_1 and /v1/customers/cus_2 share one."""
    if path.endswith("/search"):
        return _SEARCHES
    # /v1/{collection}/{id}/{verb}, or one step deeper below /v1/checkout.
    parts = path.strip("/").split("/")
    place = 3 if parts[1:2] == ["checkout"] else 2
    return f"{method} " + "/".join("{id}" if at == place else part for at, part in enumerate(parts))
