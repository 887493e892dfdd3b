"""Facts about this database itself: whose it is, and what it was bound to at first contact."""

from __future__ import annotations

from sqlite_utils import Database

BEHIND = "behind_since"
"""Since when the ledger is known to be behind Stripe, in Unix seconds; absent while it is not."""
TIMEZONE = "timezone"
"""The installation's, by its IANA name: whose days limits count."""
MODE = "mode"
"""practice, test or live: bound at the first start."""
DECISIONS_REST = "decisions_rest_since"
"""Since when what people decided waits to be confirmed again, because this file proved to be older."""
LINKS_REFUSED = "links_refused"
"""Why Stripe made no page for the last setup link, as JSON; absent since it made one."""
ACCOUNT, INSTALLATION = "account", "installation"
"""The Stripe account that the rows are of, and the installation whose marks its payments carry."""


class MetaStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def value(self, name: str) -> str | None:
        row = next(self._database.query("SELECT value FROM meta WHERE name = ?", (name,)), None)
        return str(row["value"]) if row else None

    def bind(self, name: str, value: str) -> str:
        """Write a value where there is none yet; returns what it is bound to."""
        self._database.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
            (name, value),
        )
        return self.value(name) or value

    def set(self, name: str, value: str) -> None:
        self._database.execute(
            """INSERT INTO meta (name, value) VALUES (?, ?)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value""",
            (name, value),
        )

    def clear(self, name: str) -> None:
        self._database.execute("DELETE FROM meta WHERE name = ?", (name,))
