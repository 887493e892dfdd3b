"""
Measures how long a file of charges takes, from its bytes to a draft.

    .venv/bin/python -m bench.files [--rows 50000]

The same rows as an XLSX workbook, with a number format for the reference and one for the amount, and
as CSV with decimal commas. Each in a process of its own, as a person uploads one file: read (bytes to
cells as they are shown), parse (cells to rows with all that is wrong with them), judge (against the
mirror and the ledger) and store. Prints wall and processor time; judges nothing else.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xlsxwriter

from bench.processes import result_of, start
from bench.run_contestants import MAKER, UpToDate, bench_services
from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.readings import Choices

HEADING = ("Customer", "Name", "Amount", "Currency", "Reference", "Description")
STEPS = ("read", "parse", "judge", "store")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", nargs="?", choices=FILES, help="this one, here; prints JSON")
    parser.add_argument("--rows", type=int, default=50_000)
    arguments = parser.parse_args()
    if arguments.kind:
        print(json.dumps(measured(arguments.kind, arguments.rows)))
        return
    print(f"\n{arguments.rows:,} rows: seconds (of processor time)")
    print(f"{'':<6}" + "".join(f"{step:>16}" for step in (*STEPS, "read + parse")))
    for kind in FILES:
        found = result_of(start("bench.files", kind, "--rows", str(arguments.rows)))
        wall, cpu = found["wall"], found["cpu"]
        both = [wall["read"] + wall["parse"]], [cpu["read"] + cpu["parse"]]
        shown = zip([*wall.values(), *both[0]], [*cpu.values(), *both[1]], strict=True)
        print(f"{kind:<6}" + "".join(f"{f'{one:.2f} ({two:.2f})':>16}" for one, two in shown))
        print(f"      {found['size']:,} bytes; {found['states']}")


def measured(kind: str, rows: int) -> dict[str, Any]:
    data = FILES[kind](rows)
    with tempfile.TemporaryDirectory() as folder:
        services = bench_services(Path(folder), customers=rows)
        drafts = services.runs.drafts
        drafts.judge.sync = UpToDate()  # type: ignore[assignment]
        clock = _Steps()
        upload = services.runs.files.open(data, f"charges.{kind}")
        clock.done("read")
        choices = Choices(decimal=DecimalSign.COMMA if kind == "csv" else DecimalSign.DOT)
        upload.parsed(choices=choices)
        clock.done("parse")
        judged = drafts.judge.judged

        def timed(*arguments: Any) -> Any:
            clock.done("")
            rows = judged(*arguments)
            clock.done("judge")
            return rows

        drafts.judge.judged = timed  # type: ignore[method-assign, assignment]
        run = services.runs.files.create_run(upload, name="Bench", by=MAKER, choices=choices)
        clock.done("store")
        states = Counter(row.row.state.value for row in services.runs.views.rows(run.id))
    return {
        "wall": {step: clock.wall[step] for step in STEPS},
        "cpu": {step: clock.cpu[step] for step in STEPS},
        "size": len(data),
        "states": ", ".join(f"{count:,} {state}" for state, count in states.items()),
    }


class _Steps:
    def __init__(self) -> None:
        self.wall: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self._since = (time.perf_counter(), time.process_time())

    def done(self, step: str) -> None:
        now = (time.perf_counter(), time.process_time())
        self.wall[step], self.cpu[step] = now[0] - self._since[0], now[1] - self._since[1]
        self._since = (time.perf_counter(), time.process_time())


def _row(at: int) -> tuple[str, str, int, str, int, str]:
    """Its customer, name, amount in cents, currency, invoice and description."""
    customer = f"cus_{at:08d}"
    if at % 3 == 0:
        customer += "@example.com"
    return customer, f"Payer {at}", 1_000 + at * 7_919 % 900_000, "eur", at, f"Membership {at % 12}"


def _xlsx(rows: int) -> bytes:
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        page = book.add_worksheet("Charges")
        amount = book.add_format({"num_format": "#,##0.00"})
        invoice = book.add_format({"num_format": '"INV-"000000'})
        page.write_row(0, 0, HEADING)
        for at in range(rows):
            customer, name, cents, currency, number, description = _row(at)
            page.write_row(at + 1, 0, (customer, name))
            page.write_number(at + 1, 2, cents / 100, amount)
            page.write_string(at + 1, 3, currency)
            page.write_number(at + 1, 4, number, invoice)
            page.write_string(at + 1, 5, description)
    return written.getvalue()


def _csv(rows: int) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";")
    writer.writerow(HEADING)
    for at in range(rows):
        customer, name, cents, currency, number, description = _row(at)
        shown = f"{cents // 100:,}".replace(",", ".") + f",{cents % 100:02d}"
        writer.writerow((customer, name, shown, currency, f"INV-{number:06d}", description))
    return text.getvalue().encode()


FILES: dict[str, Callable[[int], bytes]] = {"xlsx": _xlsx, "csv": _csv}

if __name__ == "__main__":
    main()
