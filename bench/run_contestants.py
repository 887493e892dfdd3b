"""
Contestants of `bench.runs`, each alone in a process. The last line printed is the result, as JSON.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.contestants import KEY
from bench.stripe_server import ACCOUNT_ID
from lib import bootstrap
from lib.bootstrap import Services
from lib.clock import utcnow
from lib.domain.actors import Actor, Role
from lib.domain.mirror import Customer, PaymentMethod
from lib.domain.runs import RowRequest
from lib.money import Money
from lib.services.runs.draft import RunSource
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.settings import load_settings
from lib.store.meta import ACCOUNT
from lib.store.unit_of_work import UnitOfWork

MAKER = Actor("alice", "Alice Operator", frozenset({Role.OPERATOR}))
CHECKER = Actor("bob", "Bob Approver", frozenset({Role.APPROVER}))
IN_FLIGHT = 32
NOWHERE = "http://127.0.0.1:9"
_LONG_AGO_MS = 1_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contestant", choices=CONTESTANTS)
    parser.add_argument("--url", default=NOWHERE)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--charges", type=int, required=True)
    parser.add_argument("--max-rps", default="0")
    arguments = parser.parse_args()
    print(json.dumps(CONTESTANTS[arguments.contestant](arguments)))


def bare(arguments: argparse.Namespace) -> dict[str, Any]:
    """What an engineer writes in ten minutes: threads and the SDK. Nothing is written down."""
    import stripe

    client = stripe.StripeClient(KEY, base_addresses={"api": arguments.url}, max_network_retries=0)

    def charge(at: int) -> int:
        answer = client.v1.payment_intents.create(
            params={
                "amount": _amount(at),
                "currency": "eur",
                "customer": f"cus_{at:08d}",
                "payment_method": f"pm_{at:08d}",
                "off_session": True,
                "confirm": True,
                "metadata": {"reference": f"INV-{at}"},
            },
            options={"idempotency_key": f"bare-{at}"},
        )
        return answer.amount

    started, before = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        amount = sum(pool.map(charge, range(arguments.charges)))
    return _measured(started, before) | {"amount": amount}


def ours(arguments: argparse.Namespace) -> dict[str, Any]:
    """An approved run, executed as the worker does."""
    services = _services(arguments)
    requests = [_request(at, f"cus_{at:08d}") for at in range(arguments.charges)]
    run = services.runs.drafts.create(RunSource(_HEADER, "Bench"), requests, by=MAKER)
    digest = services.runs.approvals.submit(run.id, by=MAKER).digest or ""
    services.runs.approvals.approve(run.id, digest=digest, by=CHECKER, password=PRACTICE_PASSWORD)
    services.runs.control.start(run.id, by=MAKER)
    started, before = time.perf_counter(), time.process_time()
    services.runs.executor.execute(run.id)
    found = _measured(started, before)
    view = services.runs.views.run(run.id)
    if dict(view.counts) != {"succeeded": arguments.charges}:
        raise SystemExit(f"{view.run.state}: {view.counts} {view.run.stop_message}")
    return found | {"amount": view.totals["eur"]["succeeded"]}


class UpToDate:
    """Instead of a sync: the mirror holds everything, and Stripe has no news."""

    def needs_backfill(self) -> bool:
        return False

    def run(self) -> None:
        """Nothing happened."""


def preview(arguments: argparse.Namespace) -> dict[str, Any]:
    """Every fifth customer several times, some unknown, named by address or id."""
    services = _services(arguments)
    services.runs.drafts.judge.sync = UpToDate()  # type: ignore[assignment]
    requests = []
    for at in range(arguments.charges):
        customer = f"cus_{at % (arguments.charges * 4 // 5):08d}"
        requests.append(_request(at, f"{customer}@example.com" if at % 3 == 0 else customer))
    started, before = time.perf_counter(), time.process_time()
    run = services.runs.drafts.create(RunSource(_HEADER, "Bench"), requests, by=MAKER)
    measured = _measured(started, before)
    reports = services.reports.runs
    frame, _ = reports.rows(run.id)
    _past(services.settings.database, arguments.charges)
    pages: dict[str, Callable[[], object]] = {
        "run object (counts and sums)": lambda: services.runs.views.run(run.id),
        "first rows": lambda: reports.rows(run.id),
        "rows after 49 000": lambda: reports.rows(run.id, after=49_000),
        "search for a reference": lambda: reports.rows(run.id, search="INV-49999"),
        "rows to look at": lambda: reports.rows(run.id, severity="amber"),
        "list of runs": lambda: reports.page(),
        "outlook over as many charges": lambda: services.runs.outlooks.outlook(run.id),
    }
    states = Counter(row.row.state.value for row in services.runs.views.rows(run.id))
    return {
        **measured,
        "customers": len({request.customer for request in requests}),
        "states": ", ".join(f"{count:,} {state}" for state, count in states.items()),
        "page_ms": {name: _milliseconds(work) for name, work in pages.items()},
        "shown": len(frame),
    }


def _past(database: Path, charges: int) -> None:
    """A charge of each customer within the last month, nine of ten paid."""
    with sqlite3.connect(database) as connection:
        connection.execute(
            """INSERT INTO charges (id, livemode, customer, payment_method, amount, currency,
                   reference, reference_key, state, created_by, created_at, updated_at)
               SELECT 'chg_past_' || number, 0, customer, 'pm_past', 1000, 'eur', 'PAST-' || number,
                   'past' || number,
                   iif(number % 10, 'succeeded', 'declined'), 'alice',
                   unixepoch() - 2592000 + number, unixepoch()
               FROM run_rows WHERE customer IS NOT NULL LIMIT ?""",
            (charges,),
        )
        connection.execute(
            """INSERT INTO attempts (charge_id, number, idempotency_key, params, requested_by,
                   requested_at, outcome, outcome_at)
               SELECT id, 1, 'past:' || id, '{}', 'alice', created_at, state, created_at
               FROM charges WHERE id LIKE 'chg_past_%'"""
        )


_HEADER = ("customer", "amount", "currency", "reference")


def _request(at: int, customer: str) -> RowRequest:
    cells = (customer, str(_amount(at)), "eur", f"INV-{at}")
    return RowRequest(at + 2, cells, customer, Money(_amount(at), "eur"), f"INV-{at}")


def _amount(at: int) -> int:
    return 1_000 + at % 9_000


def _services(arguments: argparse.Namespace) -> Services:
    return bench_services(
        arguments.folder, customers=arguments.charges, url=arguments.url, max_rps=arguments.max_rps
    )


def bench_services(
    folder: Path, *, customers: int, url: str = NOWHERE, max_rps: str = "0"
) -> Services:
    """Practice users, and so many customers with a card and an address each in the mirror."""
    settings = load_settings(
        folder,
        {
            "ONFILE_DATA_DIR": str(folder),
            "ONFILE_MAX_RPS": max_rps,
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_API_BASE": url,
        },
    )
    bootstrap.migrate(settings)
    services = bootstrap.build_services(settings, clock=utcnow, api_base=url, bcrypt_rounds=4)
    services.users.add_practice_users()
    with UnitOfWork(settings.database).write(in_bulk=True) as stores:
        stores.mirror.save_customers(
            [
                Customer(
                    f"cus_{at:08d}",
                    False,
                    f"Payer {at}",
                    f"cus_{at:08d}@example.com",
                    1_000_000 + at,
                )
                for at in range(customers)
            ],
            synced_at_ms=_LONG_AGO_MS,
        )
        stores.mirror.save_payment_methods(
            [_card(at) for at in range(customers)], synced_at_ms=_LONG_AGO_MS
        )
        # As after the first contact; the server knows none of these customers.
        stores.meta.set(ACCOUNT, ACCOUNT_ID)
    return services


def _card(at: int) -> PaymentMethod:
    return PaymentMethod(
        id=f"pm_{at:08d}",
        livemode=False,
        type="card",
        customer=f"cus_{at:08d}",
        brand="visa",
        last4="4242",
        exp_month=12,
        exp_year=2040,
        funding="credit",
        country="DE",
        fingerprint=f"fp{at}",
        billing_name=None,
        billing_email=None,
        created=1_000_000 + at,
    )


def _measured(started: float, cpu_before: float) -> dict[str, float]:
    return {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu_before,
    }


def _milliseconds(work: Callable[[], object], times: int = 5) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1e3)
    return sorted(taken)[times // 2]


CONTESTANTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "bare": bare,
    "ours": ours,
    "preview": preview,
}

if __name__ == "__main__":
    main()
