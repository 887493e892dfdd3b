"""
A count of open tabs, by whose they are: what they take of the machine is taken from everybody.

A tab begins as a stranger's. It is somebody's once a person has signed in there, with or without a new connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from lib.ids import new_token

TAB_HEADER = "X-Onfile-Tab"
"""By which a page learns its tab's id: ours alone, what a browser sends under that name is dropped."""
MOST_OF_ONE = 100
"""Of one person, one known browser or one address. An office may have one address; a person looks at a dozen."""
MOST_OF_STRANGERS = 400


@dataclass(slots=True)
class _Tab:
    address: str
    known: str | None
    of: Callable[[bool], None]
    username: str | None = None

    @property
    def owner(self) -> str:
        if self.username is not None:
            return f"person {self.username}"
        return f"browser {self.known}" if self.known else f"address {self.address}"

    @property
    def is_strangers(self) -> bool:
        return self.username is None and self.known is None


class OpenTabs:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tabs: dict[str, _Tab] = {}

    def open(
        self,
        address: str,
        *,
        known: str | None = None,
        username: str | None = None,
        of: Callable[[bool], None] = lambda _: None,
    ) -> str | None:
        """
        The new tab's id; None when there are too many already.

        Args:
            known: the browser's id, where somebody has signed in with it before.
            of: told, from now on and whenever that changes, whether the tab is a person's.
        """
        tab = _Tab(address, known, of, username)
        with self._lock:
            others = self._tabs.values()
            if sum(one.owner == tab.owner for one in others) >= MOST_OF_ONE:
                return None
            if tab.is_strangers and sum(one.is_strangers for one in others) >= MOST_OF_STRANGERS:
                return None
            name = new_token()
            self._tabs[name] = tab
        of(username is not None)
        return name

    def close(self, name: str) -> None:
        with self._lock:
            self._tabs.pop(name, None)

    def belongs_to(self, name: str, username: str | None) -> None:
        """Who is signed in there now."""
        with self._lock:
            tab = self._tabs.get(name)
            if tab is None or tab.username == username:
                return
            tab.username = username
        tab.of(username is not None)

    def owner(self, name: str) -> str:
        """By which tabs are counted together."""
        with self._lock:
            tab = self._tabs.get(name)
            return tab.owner if tab else ""

    def is_strangers(self, name: str) -> bool:
        with self._lock:
            tab = self._tabs.get(name)
            return tab is None or tab.is_strangers
