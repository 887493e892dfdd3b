"""
Measures the page of a customer with many charges, a third of them open. Prints a table; judges nothing.

    .venv/bin/python -m bench.one_customer [--charges 5000] [--runs 15]
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.pages import print_times, times_of
from lib.ui import navigation
from tests.world import ALICE, World, new_world


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charges", type=int, default=5_000)
    parser.add_argument("--runs", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, new_world(Path(folder)) as world:
        world.services.users.add_practice_users()
        customer = world.customer("Big Ltd")
        world.save_card(customer)
        world.charge(customer, reference="X-0")
        _fill(world, arguments.charges)
        page = navigation.find("customers")
        if page is None:
            raise LookupError("customers")
        print_times(None)
        print_times(
            f"customers ({arguments.charges:,} charges)",
            times_of(world.services, str(page.path), arguments.runs, {"customer": customer}),
        )
        began = time.perf_counter()
        html = world.services.stories.printed(customer, by=ALICE)
        took = (time.perf_counter() - began) * 1000
        print(f"the record on paper: {took:,.0f} ms, {len(html) / 1024:,.0f} KiB")


def _fill(world: World, count: int) -> None:
    """Copies of the one charge there is, straight into the tables."""
    with closing(sqlite3.connect(world.settings.database, isolation_level=None)) as shell:
        shell.row_factory = sqlite3.Row
        charge = dict(shell.execute("SELECT * FROM charges").fetchone())
        attempt = dict(shell.execute("SELECT * FROM attempts").fetchone())
        charge.pop("position", None)
        shell.execute("BEGIN")
        for number in range(1, count + 1):
            outcome = "succeeded" if number % 3 else "declined"
            one = charge | {
                "id": f"chg_bench{number}",
                "reference": f"X-{number}",
                "reference_key": f"x{number}",
                "created_at": charge["created_at"] + number,
                "state": "attempting",
            }
            _add(shell, "charges", one)
            tried = {
                "charge_id": one["id"],
                "idempotency_key": f"bench{number}",
                "payment_intent": f"pi_bench{number}",
                "reference": one["reference"],
                "outcome": outcome,
            }
            _add(shell, "attempts", attempt | tried)
            shell.execute("UPDATE charges SET state = ? WHERE id = ?", (outcome, one["id"]))
        shell.execute("COMMIT")


def _add(shell: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    marks = ", ".join("?" * len(row))
    shell.execute(
        f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})",
        tuple(row.values()),
    )


if __name__ == "__main__":
    main()
