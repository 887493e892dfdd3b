"""Several readers of one long list at Stripe, and the order in which their pages may be written."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.list_windows import Window, best_to_cut, cut
from lib.errors import Missing
from lib.stripe_gateway.lists import ListPage, Unreadable

# Enough to fill 25 requests a second at answers of 300 ms; more would only wait for the limit.
READERS = 8
# Pages read and not yet written, so that memory does not depend on how slow the disk is.
PAGES_AHEAD = 16
_WAIT_SECONDS = 0.2

Fetch = Callable[[int, int, str | None], ListPage[Any]]
"""(created_from, created_before, after) to a page."""


@dataclass(frozen=True, slots=True)
class WindowCut:
    """
    A window became shorter and `older` took over the rest.

    The bounds are those of this moment: either window may be cut again before this is written.
    """

    window: Window
    created_from: int
    older: Window
    older_from: int


@dataclass(frozen=True, slots=True)
class WindowPage:
    """A page of a window, with where the window stands after it."""

    window: Window
    items: list[Any]
    asked_at_ms: int
    after_id: str | None
    after_created: int | None
    is_done: bool
    unreadable: tuple[Unreadable, ...] = ()


class ParallelReader:
    """
    Reads windows of one list with `READERS` threads; a reader without one takes half of another's.

    Whoever writes the messages of `messages()` one by one can be killed anywhere: a cut comes before
    every page that relies on it, and a window's pages come in their order.
    """

    def __init__(self, fetch: Fetch, windows: list[Window], *, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self.windows = windows
        self._taken: set[int] = set()
        self._has_answer = False
        self._changed = threading.Condition()
        self._messages: queue.Queue[WindowCut | WindowPage | None] = queue.Queue()
        self._room = threading.Semaphore(PAGES_AHEAD)
        self._stopping = threading.Event()
        self._error: BaseException | None = None

    def messages(
        self, *, meanwhile: Callable[[], bool] = lambda: False
    ) -> Generator[WindowCut | WindowPage, None, None]:
        """
        Everything in the order in which it must be written, until all windows are done.

        `meanwhile` is called while Stripe is waited for, again and again until it returns False: there
        was nothing to do. What it does at once is short, as a message may come at any moment.

        Raises:
            GatewayError: whatever stopped a reader, after the pages that were read before it.
        """
        readers = [
            threading.Thread(target=self._run, name=f"onfile-reader-{number}", daemon=True)
            for number in range(READERS)
        ]
        for reader in readers:
            reader.start()
        ended = 0
        try:
            while ended < len(readers):
                message = self._next(meanwhile)
                if message is None:
                    ended += 1
                    continue
                if isinstance(message, WindowPage):
                    self._room.release()
                yield message
        finally:
            self._stop()
            for reader in readers:
                reader.join()
        if self._error is not None:
            raise self._error

    def _next(self, meanwhile: Callable[[], bool]) -> WindowCut | WindowPage | None:
        while True:
            try:
                return self._messages.get_nowait()
            except queue.Empty:
                if not meanwhile():
                    return self._messages.get()

    def _run(self) -> None:
        try:
            while (window := self._take()) is not None:
                self._read(window)
        except BaseException as error:  # noqa: BLE001 - raised again where the messages are read
            self._error = self._error or error
            self._stop()
        finally:
            self._messages.put(None)

    def _take(self) -> Window | None:
        """A window nobody reads, or a part of one; None when there is nothing left to do."""
        with self._changed:
            while not self._stopping.is_set():
                open_windows = [window for window in self.windows if not window.is_done]
                if not open_windows:
                    return None
                # The first page is asked for alone: a key that may not read is refused once.
                if self._has_answer or not self._taken:
                    candidate = next((w for w in open_windows if id(w) not in self._taken), None)
                    if candidate is None:
                        candidate = self._cut(open_windows)
                    if candidate is not None:
                        self._taken.add(id(candidate))
                        return candidate
                self._changed.wait(_WAIT_SECONDS)
        return None

    def _cut(self, windows: list[Window]) -> Window | None:
        now = epoch(self._clock())
        victim = best_to_cut(windows, now)
        if victim is None:
            return None
        older = cut(victim, now)
        self.windows.append(older)
        self._messages.put(WindowCut(victim, victim.created_from, older, older.created_from))
        return older

    def _read(self, window: Window) -> None:
        while not window.is_done:
            while not self._room.acquire(timeout=_WAIT_SECONDS):
                if self._stopping.is_set():
                    return
            if self._stopping.is_set():
                return
            asked_at_ms = epoch_ms(self._clock())
            page = self._page(window)
            with self._changed:
                self._has_answer = True
                # The window may have been cut while Stripe answered: the rest is another's.
                items = [item for item in page.items if item.created >= window.created_from]
                window.is_done = not page.has_more or len(items) < len(page.items)
                if not window.objects and items:
                    window.newest = items[0].created
                window.objects += len(items)
                if not window.is_done:
                    window.after_id, window.after_created = page.last_id, page.last_created
                self._messages.put(
                    WindowPage(
                        window,
                        items,
                        asked_at_ms,
                        window.after_id,
                        window.after_created,
                        window.is_done,
                        page.unreadable,
                    )
                )
                self._changed.notify_all()

    def _page(self, window: Window) -> ListPage[Any]:
        try:
            return self._fetch(window.created_from, window.created_before, window.after_id)
        except Missing as error:
            if error.param != "starting_after" or window.after_created is None:
                raise
        # The object that marked the place was deleted meanwhile: go on by time instead. What else
        # was made in its second comes once more, which does no harm.
        return self._fetch(window.created_from, window.after_created + 1, None)

    def _stop(self) -> None:
        self._stopping.set()
        with self._changed:
            self._changed.notify_all()
