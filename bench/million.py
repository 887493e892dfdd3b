"""
Measures reading a large mirror: every filter and search of Sessions, and every page.

    .venv/bin/python -m bench.million --folder FOLDER [--sessions 1000000] [--runs 5]

Fills FOLDER once, through the stores that a backfill writes with and with the real search index,
and keeps it. Then times the report behind the Sessions page, which is SQLite's time and the making
of a frame of fifty rows, for every state, search and period, first page and far down; and whole
reruns of every page, as `bench.pages` does. Prints tables; judges nothing.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path

from bench.account import DAY, END, Account, Item
from bench.contestants import KEY
from bench.pages import print_times, times_of
from bench.templates import Templates
from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.actors import Role
from lib.settings import Settings, load_settings
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway import mapping
from lib.ui import navigation

# Newest first, a page of a backfill in each transaction.
PAGE = 100
STATES = (None, "complete", "open", "expired", "needs_customer")
PERIOD_DAYS = 30
WALK_ROWS = 20_000
READY = "ready"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve() / f"{arguments.sessions}-sessions"
    settings = load_settings(folder, {"ONFILE_DATA_DIR": str(folder), "STRIPE_SECRET_KEY": KEY})
    bootstrap.migrate(settings)
    services = bootstrap.build_services(
        settings, clock=lambda: datetime.fromtimestamp(END, UTC), bcrypt_rounds=4
    )
    account = Account(arguments.sessions)
    if not (folder / READY).exists():
        fill(settings, services, account)
        (folder / READY).touch()
    check(settings, account)
    read_sessions(services, account, runs=arguments.runs)
    rerun_pages(services, account, runs=arguments.runs)


# Filling


def fill(settings: Settings, services: Services, account: Account) -> None:
    if services.users.find("ada") is None:
        services.users.add(
            "ada",
            name="Ada Admin",
            email="ada@example.com",
            roles=[Role.ADMIN],
            password="correct horse",
            by=None,
        )
    uow, templates = UnitOfWork(settings.database), Templates()
    started = time.perf_counter()

    with uow.bulk() as bulk:

        def save_sessions(items: list[Item]) -> None:
            bundles = [
                mapping.session_bundle(json.loads(templates.session(item, expanded=True)))
                for item in items
            ]
            with bulk.write() as stores:
                stores.mirror.save_bundles(bundles, synced_at_ms=END * 1000)

        def save_customers(items: list[Item]) -> None:
            customers = [mapping.customer(json.loads(templates.customer(item))) for item in items]
            with bulk.write() as stores:
                stores.mirror.save_customers(customers, synced_at_ms=END * 1000)

        _in_pages("sessions", account, range(account.sessions - 1, -1, -1), save_sessions)
        _in_pages("customers", account, account.customers_below(account.sessions), save_customers)
    written = time.perf_counter()
    indexed = services.search_index.index_all()
    print(
        f"wrote {account.sessions:,} sessions in {written - started:.0f} s, "
        f"indexed {indexed:,} rows in {time.perf_counter() - written:.0f} s"
    )


def _in_pages(
    what: str, account: Account, numbers: Iterator[int] | range, save: Callable[[list[Item]], None]
) -> None:
    page: list[Item] = []
    for done, number in enumerate(numbers):
        page.append(account.item(number))
        if len(page) == PAGE:
            save(page)
            page = []
        if done and done % 100_000 == 0:
            print(f"{done:,} {what}", flush=True)
    save(page)


def check(settings: Settings, account: Account) -> None:
    with closing(sqlite3.connect(settings.database)) as connection:
        found = connection.execute("SELECT count(*) FROM checkout_sessions").fetchone()[0]
    if found != account.sessions:
        raise SystemExit(f"The folder holds {found:,} sessions. Delete it and start again.")
    size = settings.database.stat().st_size / 1024**2
    print(f"\n{found:,} sessions, {size:,.0f} MB")


# Reading


def searches(account: Account) -> dict[str, str]:
    """What people type, by what it is."""
    item = account.item(account.sessions // 3 // 2 * 2)
    return {
        "no search": "",
        "one letter": "a",
        "two letters": "ve",
        "common word": "supply",
        "two common words": "weber supply",
        "most common trigram": "exa",
        "rare word": item.email.split("@")[0].split(".")[2],
        "name": item.name,
        "e-mail": item.email,
        "reference": item.reference or "",
        "last four digits": "0000",
        "session id": item.session,
        "middle of an id": item.session[24:34],
        "customer id": item.customer or item.session,
        "no hit": "zqxjzqxj",
    }


def read_sessions(services: Services, account: Account, *, runs: int) -> None:
    sessions = services.reports.sessions
    near, deep = _cursor(services, account.sessions // 25), _cursor(services, account.sessions // 2)
    times: dict[str, dict[str, float]] = {}
    print("\nreport of the Sessions page: ms over all states, with and without a period")
    names = ("rows", "median", "worst", "deep median", "deep worst")
    print(f"{'search':<22}" + "".join(f"{name:>13}" for name in names))
    for name, search in searches(account).items():
        first, below = {}, {}
        for state, since in product(STATES, (None, END - PERIOD_DAYS * DAY)):
            asked = f"{name}, {state or 'every state'}, {'30 days' if since else 'all time'}"
            read = partial(sessions.page, state=state, search=search, since=since)
            first[asked] = _median_ms(read, runs)
            below[asked] = _median_ms(partial(read, cursor=near if since else deep), runs)
        rows = len(sessions.page(search=search).frame)
        cells = [f"{f(part.values()):.1f}" for part in (first, below) for f in _MEDIAN_AND_WORST]
        print(f"{name:<22}{rows:>13}" + "".join(f"{cell:>13}" for cell in cells), flush=True)
        times[name] = first | {f"{asked}, deep": ms for asked, ms in below.items()}
    every = {asked: ms for part in times.values() for asked, ms in part.items()}
    print(f"median of all {statistics.median(every.values()):.1f} ms; the slowest:")
    for asked, ms in sorted(every.items(), key=lambda pair: -pair[1])[:8]:
        print(f"{ms:>10.1f} ms  {asked}")
    print(f"counts for the pills: {_median_ms(sessions.counts, runs):.1f} ms")


_MEDIAN_AND_WORST: tuple[Callable[[Iterable[float]], float], ...] = (statistics.median, max)


def _cursor(services: Services, depth: int) -> str | None:
    """A place that far below the newest; it is the same for every filter."""
    cursor, left = None, depth
    while left > 0:
        page = services.reports.sessions.page(cursor=cursor, rows=min(WALK_ROWS, left))
        cursor, left = page.older, left - WALK_ROWS
    return cursor


def _median_ms(read: Callable[[], object], runs: int) -> float:
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        read()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def rerun_pages(services: Services, account: Account, *, runs: int) -> None:
    print()
    print_times(None)
    for spec in navigation.existing():
        print_times(spec.url_path, times_of(services, str(spec.path), runs))
    spec = next(spec for spec in navigation.existing() if spec.url_path == "sessions")
    named = searches(account)
    for state, name in product((None, "complete"), ("common word", "e-mail", "no hit")):
        asked = {"sessions_search": named[name]} | ({"sessions_state": state} if state else {})
        shown = f"sessions, {state or 'all'}, {name}"
        print_times(shown, times_of(services, str(spec.path), runs, asked))


if __name__ == "__main__":
    main()
