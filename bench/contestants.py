"""
Ways to mirror the Sessions of an account, each run alone in a process: `python -m bench.contestants
plain|ours --url … --folder …`. The last line printed is the result, as JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from bench.processes import peak_mb

# Made here, so that no text of the repository looks like a key.
KEY = "sk_test_" + "bench0" * 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contestant", choices=CONTESTANTS)
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--max-rps", default="0")
    arguments = parser.parse_args()
    print(json.dumps(CONTESTANTS[arguments.contestant](arguments)))


def plain(arguments: argparse.Namespace) -> dict[str, Any]:
    """
    The loop that everybody writes: `auto_paging_iter`, and `upsert_all` for every hundred.

    In its favour: WAL, which many forget, and one call for each table and page.
    """
    import stripe
    from sqlite_utils import Database

    path = arguments.folder / "plain.db"
    client = stripe.StripeClient(KEY, base_addresses={"api": arguments.url})
    database = Database(path)
    database.enable_wal()
    started, cpu_before = time.perf_counter(), time.process_time()
    pages = client.v1.checkout.sessions.list(
        params={"limit": 100, "expand": ["data.setup_intent.payment_method"]}
    )
    endless = pages.auto_paging_iter()
    while batch := [session.to_dict() for session in islice(endless, 100)]:
        intents = [s["setup_intent"] for s in batch if s["setup_intent"]]
        methods = [i["payment_method"] for i in intents if i["payment_method"]]
        for intent in intents:
            intent["payment_method"] = (intent["payment_method"] or {}).get("id")
        for session in batch:
            session["setup_intent"] = (session["setup_intent"] or {}).get("id")
        database.table("sessions").upsert_all(batch, pk="id")
        database.table("setup_intents").upsert_all(intents, pk="id")
        database.table("payment_methods").upsert_all(methods, pk="id")
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu_before
    database.close()
    tables = ("sessions", "setup_intents", "payment_methods")
    return _rows(path, tables) | {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "process_cpu_seconds": time.process_time(),
        "peak_mb": peak_mb(),
    }


def ours(arguments: argparse.Namespace) -> dict[str, Any]:
    """A first backfill of Onfile's, then the search index over it."""
    # Both have loaded the SDK before their clock starts.
    importlib.import_module("stripe")

    from lib import bootstrap
    from lib.clock import utcnow
    from lib.settings import load_settings

    settings = load_settings(
        arguments.folder,
        {
            "ONFILE_DATA_DIR": str(arguments.folder),
            "ONFILE_MAX_RPS": arguments.max_rps,
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_API_BASE": arguments.url,
        },
    )
    bootstrap.migrate(settings)
    services = bootstrap.build_services(settings, clock=utcnow, api_base=arguments.url)
    started, cpu_before = time.perf_counter(), time.process_time()
    # As `run_now` and the worker read; both index afterwards what is left, which is timed apart.
    with _beating(settings.database):
        services.sync.run(full=True, only=["checkout_sessions"])
    seconds = time.perf_counter() - started
    cpu_seconds = time.process_time() - cpu_before
    mirrored_mb = peak_mb()
    services.search_index.index_all()
    searchable_seconds = time.perf_counter() - started
    tables = ("checkout_sessions", "setup_intents", "payment_methods")
    return _rows(settings.database, tables) | {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "searchable_seconds": searchable_seconds,
        "searchable_cpu_seconds": time.process_time() - cpu_before,
        "process_cpu_seconds": time.process_time(),
        "mirrored_mb": mirrored_mb,
        "peak_mb": peak_mb(),
    }


@contextmanager
def _beating(database: Path) -> Iterator[None]:
    """
    The worker's sign of life each second. It is a commit like any other's meanwhile, which writes
    back what the backfill has left in the write-ahead log.
    """
    from lib.store.unit_of_work import UnitOfWork

    is_over = threading.Event()

    def beat() -> None:
        while not is_over.wait(1):
            with UnitOfWork(database).write() as stores:
                stores.jobs.beat(at=int(time.time()))

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _rows(path: Path, tables: tuple[str, str, str]) -> dict[str, Any]:
    """Counted in the file itself, by somebody who did not write it."""
    with closing(sqlite3.connect(path)) as connection:
        counted = [
            connection.execute(f"SELECT count(DISTINCT id) FROM {table}").fetchone()[0]
            for table in tables
        ]
    return {"sessions": counted[0], "objects": sum(counted)}


CONTESTANTS = {"plain": plain, "ours": ours}

if __name__ == "__main__":
    main()
