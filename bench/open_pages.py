"""
Measures what pages that stay open cost: 20 of a kind for a while, over Streamlit's own websocket.
Prints a table; judges nothing.

    .venv/bin/python -m bench.open_pages [--pages 20] [--seconds 30]

A real server in practice mode. Each client does what a browser does: it signs in by cookie, opens the page,
and asks for every fragment as often as the server tells it to. Statements are counted in the server, its own
background work included; the first row is that work alone.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets import ConnectionClosed
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.processes import onfile_server
from lib.settings import load_settings
from tests.server.conftest import ROOT
from tests.server.people import remembered

_TICKS = os.sysconf("SC_CLK_TCK")
# Pages are drawn first, which is not what is measured.
_SETTLE_SECONDS = 15
# Counts in the process that serves, where every connection is opened by one function.
_COUNTED = """
import sys, threading, time
from pathlib import Path
from lib.store import connection_pool
from streamlit.web.cli import main

told, count, plain = Path(sys.argv.pop()), [0], connection_pool.connect

def heard(statement):
    count[0] += statement.lstrip().startswith(("SELECT", "WITH", "INSERT", "UPDATE", "DELETE"))

def connect(*path, **how):
    database = plain(*path, **how)
    database.conn.set_trace_callback(heard)
    return database

def tell():
    while True:
        # Whoever reads it meanwhile reads the figure before, not half of one.
        fresh = told.with_suffix(".fresh")
        fresh.write_text(str(count[0]))
        fresh.replace(told)
        time.sleep(0.1)

connection_pool.connect = connect
threading.Thread(target=tell, daemon=True).start()
sys.exit(main())
"""


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    url: str
    told: Path

    @property
    def cpu_seconds(self) -> float:
        parts = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / _TICKS

    @property
    def statements(self) -> int:
        return int(self.told.read_text())


@dataclass
class Client:
    """One open page."""

    url: str
    cookie: str
    page: str
    query: str
    asked: int = 0
    errors: int = 0
    every: dict[str, float] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)

    async def stay(self, until: asyncio.Event) -> None:
        address = self.url.replace("http", "ws", 1) + "/_stcore/stream"
        async with connect(
            address,
            subprotocols=[Subprotocol("streamlit")],
            additional_headers={"Cookie": self.cookie},
            max_size=None,
        ) as socket:
            await self.ask(socket)
            while not until.is_set():
                wait = min(self.due.values(), default=time.monotonic() + 0.5) - time.monotonic()
                try:
                    data = await asyncio.wait_for(socket.recv(), min(max(wait, 0.01), 0.5))
                except TimeoutError:
                    await self.ask_what_is_due(socket)
                    continue
                except ConnectionClosed:
                    self.errors += 1
                    return
                self.hear(data)

    def hear(self, data: str | bytes) -> None:
        message = ForwardMsg.FromString(data.encode() if isinstance(data, str) else data)
        if message.HasField("auto_rerun"):
            fragment, interval = message.auto_rerun.fragment_id, message.auto_rerun.interval
            if fragment not in self.every:
                self.due[fragment] = time.monotonic() + interval
            self.every[fragment] = interval
        element = message.delta.new_element
        if element.text_input.label == "Password":
            raise SystemExit("The server asks for a password: nobody is signed in.")
        self.errors += element.HasField("exception")

    async def ask_what_is_due(self, socket: ClientConnection) -> None:
        now = time.monotonic()
        for fragment, due in self.due.items():
            if due <= now:
                self.due[fragment] = now + self.every[fragment]
                self.asked += 1
                await self.ask(socket, fragment)

    async def ask(self, socket: ClientConnection, fragment: str = "") -> None:
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_name = self.page
        message.rerun_script.context_info.timezone = "Europe/Berlin"
        message.rerun_script.context_info.url = f"{self.url}/{self.page}"
        if fragment:
            message.rerun_script.fragment_id = fragment
            message.rerun_script.is_auto_rerun = True
        await socket.send(message.SerializeToString())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        _counted_server(Path(folder)) as server,
    ):
        alice = cookie(Path(folder))
        print(f"{'open':<24}{'CPU ms/s':>10}{'statements/s':>14}{'asked/s':>9}{'errors':>8}")
        print_cost(server, "nothing", [], arguments.seconds)
        for name, (page, query) in places(Path(folder)).items():
            clients = [Client(server.url, alice, page, query) for _ in range(arguments.pages)]
            print_cost(server, f"{arguments.pages} × {name}", clients, arguments.seconds)


def print_cost(server: Server, name: str, clients: list[Client], seconds: float) -> None:
    asyncio.run(_measured(server, name, clients, seconds))


async def _measured(server: Server, name: str, clients: list[Client], seconds: float) -> None:
    over = asyncio.Event()
    open_pages = [asyncio.create_task(client.stay(over)) for client in clients]
    await asyncio.sleep(_SETTLE_SECONDS)
    asked, cpu, statements = sum(c.asked for c in clients), server.cpu_seconds, server.statements
    began = time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    row = (
        (server.cpu_seconds - cpu) * 1000 / took,
        (server.statements - statements) / took,
        (sum(client.asked for client in clients) - asked) / took,
    )
    over.set()
    await asyncio.gather(*open_pages)
    errors = sum(client.errors for client in clients)
    print(f"{name:<24}{row[0]:>10.1f}{row[1]:>14.1f}{row[2]:>9.1f}{errors:>8}", flush=True)


@contextmanager
def _counted_server(folder: Path) -> Iterator[Server]:
    """A server over a new data folder in there, whose statements are counted."""
    told = folder / "statements"

    def command(port: int) -> list[str]:
        served = ["run", "app.py", "--server.port", str(port)]
        return [sys.executable, "-c", _COUNTED, *served, str(told)]

    with onfile_server(folder / "data", command_of=command) as server:
        yield Server(server.process, server.url, told)


def cookie(folder: Path) -> str:
    """What a browser sends that remembers the sign-in of somebody who may charge."""
    settings = load_settings(ROOT, {"ONFILE_DATA_DIR": str(folder / "data")})
    return "=".join(remembered(settings, "alice"))


def places(folder: Path) -> dict[str, tuple[str, str]]:
    """What is opened: the page, and what stands in its address."""
    settings = load_settings(ROOT, {"ONFILE_DATA_DIR": str(folder / "data")})
    with sqlite3.connect(settings.database) as shell:
        link, charge, run = (
            str(shell.execute(f"SELECT id FROM {table} WHERE {where} LIMIT 1").fetchone()[0])
            for table, where in (
                ("setup_links", "completed_at IS NULL AND revoked_at IS NULL"),
                ("charges", "state = 'declined'"),
                ("runs", "state = 'awaiting_approval'"),
            )
        )
    return {
        "Home": ("home", ""),
        "a setup link": ("setup_links", f"link={link}"),
        "a failed charge": ("failures", f"charge={charge}"),
        "a submitted run": ("runs", f"run={run}"),
    }


if __name__ == "__main__":
    main()
