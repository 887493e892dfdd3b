"""
How fast requests may go to each of Stripe's endpoints: under a ceiling, slower after a 429.

The waiting itself is pyrate-limiter's; what is decided here is the rate.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pyrate_limiter import Duration, Limiter, Rate

# A 429 halves the endpoint's rate; every quiet half minute gives half of it back, so that one
# busy moment at Stripe does not slow a whole day.
_RECOVERY_SECONDS = 30.0
# The library's own 50 ms behind every wait would cost a twentieth of the rate.
_EXTRA_WAIT_MS = 2


class _Line:
    """
    A lock for whoever waited longest. The limiter alone lets anybody go first, and under a low ceiling
    a request could then wait until it is taken for one whose reply was lost.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        self._is_taken = False

    def __enter__(self) -> None:
        turn = threading.Event()
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            self._waiting.append(turn)
        turn.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False


@dataclass(slots=True)
class _Endpoint:
    limiter: Limiter
    rate: float
    changed_at: float


class Pace:
    """Thread-safe. `ceiling` in requests a second for each endpoint; 0 means none."""

    def __init__(self, ceiling: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._ceiling = ceiling
        self._monotonic = monotonic
        self._endpoints: dict[str, _Endpoint] = {}
        self._lines: dict[str, _Line] = {}
        self._lock = threading.Lock()

    def wait(self, method: str, path: str) -> None:
        """Return when the next request to this endpoint may leave; first come, first served."""
        if not self._ceiling:
            return
        name = endpoint_of(method, path)
        with self._lock:
            line = self._lines.setdefault(name, _Line())
        with line:
            with self._lock:
                endpoint = self._recovered(name)
            endpoint.limiter.try_acquire("stripe")

    def slow_down(self, method: str, path: str) -> None:
        """Stripe answered 429 here."""
        if not self._ceiling:
            return
        with self._lock:
            name = endpoint_of(method, path)
            self._set(name, max(1.0, self._recovered(name).rate / 2))

    def rate(self, method: str, path: str) -> float:
        """Requests a second that are allowed now."""
        with self._lock:
            return self._recovered(endpoint_of(method, path)).rate

    def _recovered(self, name: str) -> _Endpoint:
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            return self._set(name, self._ceiling)
        quiet = self._monotonic() - endpoint.changed_at
        if endpoint.rate < self._ceiling and quiet >= _RECOVERY_SECONDS:
            return self._set(name, min(self._ceiling, endpoint.rate * 1.5))
        return endpoint

    def _set(self, name: str, rate: float) -> _Endpoint:
        limit = Rate(int(rate), Duration.SECOND) if rate >= 1 else Rate(1, int(1000 / rate))
        made = _Endpoint(Limiter(limit, buffer_ms=_EXTRA_WAIT_MS), rate, self._monotonic())
        self._endpoints[name] = made
        return made


def endpoint_of(method: str, path: str) -> str:
    """Stripe limits each endpoint: /v1/customers/cus_1 and /v1/customers/cus_2 share one."""
    # /v1/{collection}/{id}/{verb}, or one step deeper below /v1/checkout.
    parts = path.strip("/").split("/")
    place = 3 if parts[1:2] == ["checkout"] else 2
    return f"{method} " + "/".join("{id}" if at == place else part for at, part in enumerate(parts))
