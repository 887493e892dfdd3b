"""Of many who ask the same question at once one asks, and who comes soon after hears the same answer."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.concurrency import run_in_threadpool

Answer = TypeVar("Answer")

# A person who opens a link twice within this sees no difference; Stripe sees half the reads.
KEPT_SECONDS = 5
# Questions without an answer worth keeping, of one key: enough for somebody who tries again.
_TRIES = RateLimitItemPerSecond(3, 10)
_REMEMBERED = 10_000


class TooSoon(Exception):
    """This was asked several times in the last seconds, without an answer that could be kept."""


class SharedAnswers(Generic[Answer]):
    """
    For handlers of one event loop; processes over one folder have one each.

    `now` is in seconds. Waiting takes no thread: forty who open one link leave the others theirs.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._asking: dict[str, asyncio.Task[Answer]] = {}
        self._kept: OrderedDict[str, tuple[int, Answer | Exception]] = OrderedDict()
        self._tries = FixedWindowRateLimiter(MemoryStorage())

    async def answer(
        self, key: str, ask: Callable[[], Answer], *, is_kept: Callable[[Answer], bool]
    ) -> Answer:
        """
        What `ask` returned or raised for this key, now or up to KEPT_SECONDS ago; it runs in a thread.

        Raises:
            TooSoon: not asked.
        """
        asking = self._asking.get(key)
        if asking is None:
            kept = self._kept.get(key)
            if kept is not None and 0 <= self._now() - kept[0] < KEPT_SECONDS:
                if isinstance(kept[1], Exception):
                    # Each raising adds to it where it was raised.
                    raise kept[1].with_traceback(None)
                return kept[1]
            if not self._tries.hit(_TRIES, key):
                raise TooSoon
            asking = asyncio.create_task(self._ask(key, ask, is_kept))
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        # One who goes away does not take the answer from the others.
        return await asyncio.shield(asking)

    def forget(self, key: str) -> None:
        """What was kept for it is not true any more."""
        self._kept.pop(key, None)

    async def _ask(
        self, key: str, ask: Callable[[], Answer], is_kept: Callable[[Answer], bool]
    ) -> Answer:
        try:
            answer = await run_in_threadpool(ask)
        except Exception as error:
            # What fails was asked several times already, with waits between.
            self._keep(key, error)
            raise
        if is_kept(answer):
            self._keep(key, answer)
            self._tries.clear(_TRIES, key)
        return answer

    def _keep(self, key: str, answer: Answer | Exception) -> None:
        self._kept[key] = (self._now(), answer)
        self._kept.move_to_end(key)
        while len(self._kept) > _REMEMBERED:
            self._kept.popitem(last=False)
