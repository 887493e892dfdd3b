"""
One practice Stripe server for a test process: each account answers at an address of its own.

A server of its own for each account would need 0.2 s to stop.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lib.practice.engine import PracticeStripe
from lib.practice.replies import ConnectionDropped, Reply
from tests.plain_server import PlainServer

is_expected = True
"""Whether the test that runs is marked as one that talks to a server."""


class _Accounts:
    """Stands for the one account that a server serves."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[str, PracticeStripe] = {}

    def add(self, account: PracticeStripe) -> str:
        name = f"account-{next(self._numbers)}"
        self._open[name] = account
        return name

    def remove(self, name: str) -> None:
        self._open.pop(name, None)

    def handle(
        self, method: str, path: str, params: dict[str, Any], headers: Mapping[str, str]
    ) -> Reply:
        name, _, rest = path.removeprefix("/").partition("/")
        account = self._open.get(name)
        if account is None:
            raise ConnectionDropped
        return account.handle(method, f"/{rest}", params, headers)


@dataclass(frozen=True)
class Address:
    base_url: str
    _accounts: _Accounts
    _name: str

    def stop(self) -> None:
        """From now on connections end without an answer."""
        self._accounts.remove(self._name)


@functools.cache
def _server() -> tuple[PlainServer, _Accounts]:
    accounts = _Accounts()
    server = PlainServer(accounts)
    server.start()
    return server, accounts


@contextmanager
def served(account: PracticeStripe) -> Iterator[Address]:
    assert is_expected, "mark this test with pytest.mark.server"
    server, accounts = _server()
    name = accounts.add(account)
    address = Address(f"{server.base_url}/{name}", accounts, name)
    try:
        yield address
    finally:
        address.stop()
        server.hang_up(f"/{name}/")
