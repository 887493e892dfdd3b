"""Whatever the dates of an account look like: every object once, and nothing lost by a stop."""

from __future__ import annotations

import itertools
import random
import threading
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from lib.domain.list_windows import Window, best_to_cut, cut, remaining
from lib.errors import Busy, Misconfigured, Missing
from lib.store.migrations import migrations
from lib.store.sync_state import SyncStore
from lib.stripe_gateway import parallel_reader
from lib.stripe_gateway.lists import ListPage
from lib.stripe_gateway.parallel_reader import ParallelReader, WindowCut, WindowPage
from tests.fuzzing import examples

NOW = 1_795_435_200
PAGE = 100
YEAR = 365 * 86_400


@dataclass(frozen=True)
class Thing:
    id: str
    created: int


class Listing:
    """A list at Stripe, newest first."""

    def __init__(self, moments: list[int]) -> None:
        things = [Thing(f"x_{number}", moment) for number, moment in enumerate(sorted(moments))]
        self.things = things[::-1]
        self._keys = [-thing.created for thing in self.things]
        self._places = {thing.id: place for place, thing in enumerate(self.things)}
        self.requests = 0
        self.vanishing: set[int] = set()
        self._lock = threading.Lock()
        self._pause = threading.Event()

    @property
    def ids(self) -> Counter[str]:
        return Counter(thing.id for thing in self.things)

    def fetch(self, created_from: int, created_before: int, after: str | None) -> ListPage[Thing]:
        # As an answer takes its time, so that readers come between each other.
        self._pause.wait(0.0005)
        with self._lock:
            self.requests += 1
            if after is not None and self.requests in self.vanishing:
                raise Missing("gone", param="starting_after")
        first = bisect_left(self._keys, -created_before + 1)
        if after is not None:
            first = max(first, self._places[after] + 1)
        end = bisect_left(self._keys, -created_from + 1)
        items = self.things[first : min(first + PAGE, end)]
        return ListPage(
            items,
            first + PAGE < end,
            items[-1].id if items else None,
            items[-1].created if items else None,
        )


def spread(kind: str, count: int, seed: int) -> list[int]:
    choose = random.Random(seed)
    match kind:
        case "one second":
            return [NOW - 5 * YEAR] * count
        case "uniform":
            return [NOW - choose.randrange(12 * YEAR) for _ in range(count)]
        case "recent":
            return [NOW - int(choose.expovariate(1 / 20_000)) for _ in range(count)]
        case "growing":
            return [NOW - min(int(choose.expovariate(3 / YEAR)), 12 * YEAR) for _ in range(count)]
        case "crowded seconds":
            seconds = [NOW - choose.randrange(3 * YEAR) for _ in range(4)]
            return [choose.choice(seconds) for _ in range(count)]
        case "two ends":
            return [
                choose.choice([1_300_000_000, NOW]) + choose.randrange(-50, 1) for _ in range(count)
            ]
    raise ValueError(kind)


KINDS = ("one second", "uniform", "recent", "growing", "crowded seconds", "two ends")
accounts = st.builds(
    lambda kind, count, seed: Listing(spread(kind, count, seed)),
    st.sampled_from(KINDS),
    st.integers(0, 1500),
    st.integers(0, 10**6),
)


def read(
    fetch: parallel_reader.Fetch, windows: list[Window] | None = None
) -> list[WindowCut | WindowPage]:
    windows = [Window(0, NOW + 1)] if windows is None else windows
    clock = lambda: datetime.fromtimestamp(NOW, UTC)  # noqa: E731
    return list(ParallelReader(fetch, windows, clock=clock).messages())


def items(messages: list[WindowCut | WindowPage]) -> Counter[str]:
    pages = (message.items for message in messages if isinstance(message, WindowPage))
    return Counter(item.id for page in pages for item in page)


@pytest.fixture(scope="module")
def database() -> Database:
    built = Database(memory=True)
    migrations.apply(built)
    return built


class Written:
    """What a backfill has written of its windows, in the real store."""

    numbers = itertools.count()

    def __init__(self, database: Database, *first: Window) -> None:
        self.store = SyncStore(database)
        self.name = f"bf_{next(self.numbers)}"
        database.execute("UPDATE backfills SET finished_at = 1")
        self.store.begin_backfill(self.name, types=("customers",), at=NOW)
        for window in first:
            self.store.add_window(self.name, "customers", window)

    def write(self, message: WindowCut | WindowPage) -> None:
        if isinstance(message, WindowCut):
            self.store.shorten_window(message.window.id, created_from=message.created_from)
            self.store.add_window(self.name, "customers", message.older, message.older_from)
            return
        self.store.advance_window(
            message.window.id,
            after_id=message.after_id,
            after_created=message.after_created,
            objects=len(message.items),
            is_done=message.is_done,
        )

    def windows(self) -> list[Window]:
        return self.store.windows(self.name, "customers")


class TestOnce:
    @given(accounts)
    @settings(max_examples=examples(60), deadline=None, derandomize=True, database=None)
    def test_every_object_exactly_once_in_not_many_more_requests_than_pages(
        self, account: Listing
    ) -> None:
        messages = read(account.fetch)
        assert items(messages) == account.ids
        cuts = sum(isinstance(message, WindowCut) for message in messages)
        # Each window may end in a page that is not full, and waste the page that was cut.
        assert account.requests <= len(account.things) // PAGE + 1 + 2 * cuts
        assert cuts <= 60 + len(account.things) // 50

    @given(st.sampled_from(KINDS), st.integers(0, 10**6))
    @settings(max_examples=examples(15), deadline=None, derandomize=True, database=None)
    def test_also_where_the_object_that_marks_the_place_vanishes(
        self, kind: str, seed: int
    ) -> None:
        account = Listing(spread(kind, 900, seed))
        account.vanishing = set(range(3, 60, 4))
        result = items(read(account.fetch))
        assert set(result) == set(account.ids)

    def test_one_reader_alone_needs_a_request_a_page(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parallel_reader, "READERS", 1)
        account = Listing(spread("uniform", 1234, 1))
        read(account.fetch)
        assert account.requests == 13

    def test_a_list_of_one_page_takes_one_request(self) -> None:
        account = Listing(spread("uniform", PAGE, 1))
        assert items(read(account.fetch)) == account.ids
        assert account.requests == 1

    @pytest.mark.parametrize("windows", [1, 5])
    def test_a_key_that_may_not_read_is_refused_once(self, windows: int) -> None:
        asked: list[str | None] = []

        def fetch(created_from: int, created_before: int, after: str | None) -> ListPage[Thing]:
            asked.append(after)
            raise Misconfigured("not this key", http_status=403)

        with pytest.raises(Misconfigured):
            read(fetch, [Window(number * YEAR, (number + 1) * YEAR) for number in range(windows)])
        assert len(asked) == 1

    def test_the_work_is_shared(self) -> None:
        """An account of one week in twelve years, at a Stripe that takes a while."""
        account = Listing([NOW - 5 * YEAR - number * 40 for number in range(6000)])
        reading, most = Counter[str](), 0
        arrived = threading.Condition()

        def fetch(created_from: int, created_before: int, after: str | None) -> ListPage[Thing]:
            nonlocal most
            with arrived:
                reading["now"] += 1
                most = max(most, reading["now"])
                arrived.notify_all()
                arrived.wait_for(lambda: reading["now"] >= parallel_reader.READERS, timeout=0.01)
                reading["now"] -= 1
            return account.fetch(created_from, created_before, after)

        assert items(read(fetch)) == account.ids
        assert most == parallel_reader.READERS


class TestStopped:
    @given(accounts, st.floats(0, 1))
    @settings(max_examples=examples(60), deadline=None, derandomize=True, database=None)
    def test_after_any_message_loses_nothing(
        self, database: Database, account: Listing, stop: float
    ) -> None:
        first = Window(0, NOW + 1)
        written = Written(database, first)
        messages = read(account.fetch, [first])
        kept = messages[: round(stop * len(messages))]
        for message in kept:
            written.write(message)
        again = read(account.fetch, written.windows())
        assert items(kept) + items(again) == account.ids

    @given(accounts, st.lists(st.floats(0, 1), min_size=4, max_size=4))
    @settings(max_examples=examples(25), deadline=None, derandomize=True, database=None)
    def test_time_and_again(self, database: Database, account: Listing, stops: list[float]) -> None:
        written = Written(database, Window(0, NOW + 1))
        result: Counter[str] = Counter()
        for stop in stops:
            messages = read(account.fetch, written.windows())
            kept = messages[: round(stop * len(messages))]
            for message in kept:
                written.write(message)
            result += items(kept)
        for message in (last := read(account.fetch, written.windows())):
            written.write(message)
        assert result + items(last) == account.ids
        assert all(window.is_done for window in written.windows())

    @given(accounts, st.integers(1, 12))
    @settings(max_examples=examples(25), deadline=None, derandomize=True, database=None)
    def test_by_an_error_after_which_the_pages_before_it_are_written(
        self, database: Database, account: Listing, when: int
    ) -> None:
        asked = itertools.count(1)

        def fetch(created_from: int, created_before: int, after: str | None) -> ListPage[Thing]:
            if next(asked) == when:
                raise Busy("too many")
            return account.fetch(created_from, created_before, after)

        first = Window(0, NOW + 1)
        written = Written(database, first)
        kept: list[WindowCut | WindowPage] = []
        clock = lambda: datetime.fromtimestamp(NOW, UTC)  # noqa: E731
        try:
            for message in ParallelReader(fetch, [first], clock=clock).messages():
                written.write(message)
                kept.append(message)
        except Busy:
            pass
        assert items(kept) + items(read(account.fetch, written.windows())) == account.ids

    def test_ends_its_threads(self) -> None:
        account = Listing(spread("uniform", 3000, 3))
        before = set(threading.enumerate())
        messages = ParallelReader(
            account.fetch, [Window(0, NOW + 1)], clock=lambda: datetime.fromtimestamp(NOW, UTC)
        ).messages()
        next(messages)
        messages.close()
        # Others' threads may end meanwhile.
        assert set(threading.enumerate()) <= before

    def test_something_else_is_done_only_while_there_is_nothing_to_write(self) -> None:
        account = Listing(spread("uniform", 900, 3))
        may_answer, calls = threading.Event(), []

        def fetch(created_from: int, created_before: int, after: str | None) -> ListPage[Thing]:
            may_answer.wait(10)
            return account.fetch(created_from, created_before, after)

        def meanwhile() -> bool:
            calls.append(may_answer.is_set())
            if len(calls) == 3:
                may_answer.set()
            # The third time there was nothing to do: it is not called again before a message came.
            return len(calls) < 3

        clock = lambda: datetime.fromtimestamp(NOW, UTC)  # noqa: E731
        messages = ParallelReader(fetch, [Window(0, NOW + 1)], clock=clock).messages(
            meanwhile=meanwhile
        )
        first = next(messages)
        assert calls == [False, False, False]
        assert items([first, *messages]) == account.ids

    def test_reads_little_ahead_of_a_slow_disk(self) -> None:
        account = Listing(spread("uniform", 9000, 3))
        messages = ParallelReader(
            account.fetch, [Window(0, NOW + 1)], clock=lambda: datetime.fromtimestamp(NOW, UTC)
        ).messages()
        next(messages)
        threading.Event().wait(0.1)
        assert account.requests <= parallel_reader.PAGES_AHEAD + parallel_reader.READERS + 1
        messages.close()


windows = st.builds(
    lambda start, length, read, objects: Window(
        start,
        start + length,
        after_id="x" if read else None,
        after_created=start + length - 1 - int((length - 1) * read) if read else None,
        objects=objects,
    ),
    st.integers(0, NOW),
    st.integers(1, 20 * YEAR),
    st.one_of(st.just(0.0), st.floats(0.001, 1.0)),
    st.integers(1, 10**6),
)


class TestWindows:
    @given(windows, st.integers(NOW - YEAR, NOW + YEAR))
    def test_both_parts_of_a_cut_are_what_it_was(self, window: Window, now: int) -> None:
        if window.unread_before - window.created_from < 2:
            assert best_to_cut([window], now) is None
            return
        before = (window.created_from, window.created_before, window.unread_before)
        older = cut(window, now)
        assert older.created_from == before[0]
        assert older.created_before == window.created_from
        assert window.created_before == before[1]
        assert before[0] < window.created_from < before[2], "neither part is empty"
        assert (older.after_id, older.objects, older.is_done) == (None, 0, False)

    @given(st.lists(windows, max_size=8))
    def test_what_is_left_is_a_number_or_nothing(self, several: list[Window]) -> None:
        left = remaining(several)
        unread = [window for window in several if window.expected is None]
        assert (left is None) is bool(unread)
        assert left is None or left >= 0

    def test_one_of_which_nothing_was_read_is_left_whole(self) -> None:
        assert best_to_cut([Window(0, NOW)], NOW) is None

    def test_what_is_empty_before_the_newest_says_nothing_about_the_rest(self) -> None:
        """Five years without an object, then a hundred in a minute: more than one reader can read."""
        moment = NOW - 5 * YEAR
        window = Window(moment - 600, NOW, "x", after_created=moment - 60, objects=100)
        assert best_to_cut([window], NOW) is None
        window.newest = moment
        assert window.expected == 900
        assert best_to_cut([window], NOW) is window

    def test_a_window_that_is_nearly_read_is_left_alone(self) -> None:
        window = Window(NOW - 1000, NOW, after_id="x", after_created=NOW - 900, objects=10)
        assert best_to_cut([window], NOW) is None
        window.objects = 10_000
        assert best_to_cut([window], NOW) is window

    def test_done_ones_count_for_nothing(self) -> None:
        assert remaining([Window(0, 5, is_done=True)]) == 0

    def test_a_function_that_never_ends_would_be_seen(self) -> None:
        """Cutting alone, with nobody reading on, ends by itself."""
        several = [Window(0, NOW + 1, "x", after_created=NOW - 9, objects=100, newest=NOW)]
        while (result := best_to_cut(several, NOW)) is not None:
            several.append(cut(result, NOW))
            assert len(several) <= 64
        assert len(several) > 4
        edges = sorted((one.created_from, one.created_before) for one in several)
        assert edges[0][0] == 0
        assert edges[-1][1] == NOW + 1
        assert all(a[1] == b[0] for a, b in itertools.pairwise(edges))
