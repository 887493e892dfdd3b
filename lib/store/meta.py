"""Facts about this database itself: whose it is, and what it was bound to at first contact."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

from sqlite_utils import Database

from lib.domain.days import day_of

BEHIND = "behind_since"
"""Since when the ledger is known to be behind Stripe, in Unix seconds; absent while it is not."""
TIMEZONE = "timezone"
"""The installation's, by its IANA name: whose days limits count."""
DAYS_CLOSED_UNTIL = "days_closed_until"
"""Unix seconds: the last day that was over when the time zone changed ended then."""
MODE = "mode"
"""practice, test or live: bound at the first start."""
DECISIONS_REST = "decisions_rest_since"
"""Since when what people decided waits to be confirmed again, because this file proved to be older."""
NOT_OURS = "not_ours"
"""Whose marks at Stripe somebody said are another installation's, as a JSON list; null: those without an id."""
LINKS_REFUSED = "links_refused"
"""Why Stripe made no page for the last setup link, as JSON; absent since it made one."""
LIMITS_CONFIRMED = "limits_confirmed_at"
"""When an admin said that the default limits are right, in Unix seconds; absent until then."""
COMPANY = "company"
"""The account's business name at Stripe, as it was read at first contact; absent where the key may not."""
RUN_COLUMNS, LINK_COLUMNS = "run_columns", "link_columns"
"""The headings that people chose for files of charges and of links, as JSON."""
ERASURE_SALT = "erasure_salt"
"""With which addresses of erased people are told apart; absent until somebody was."""
RETENTION_APPLIED = "retention_applied_at"
"""When the worker last removed what is not kept any longer, in Unix seconds."""
OUTBOX_HELD = "outbox_held_since"
"""Since when no message leaves, because this file proved to be older or was rebuilt; absent: nothing holds it."""
OUTBOX_DOUBTED = "outbox_doubted_until"
"""Until when messages may have gone out that this file does not know of, in Unix seconds; absent: it knows of all."""
OUTBOX_PAUSED = "outbox_paused_by"
"""Who paused the outbox; absent: nobody."""
MAIL_TROUBLE = "mail_trouble"
"""Why the mail server takes nothing at present, as JSON; absent since it took something."""
ACCOUNT, INSTALLATION = "account", "installation"
"""The Stripe account that the rows are of, and the installation whose marks its payments carry."""


class MetaStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def value(self, name: str) -> str | None:
        row = next(self._database.query("SELECT value FROM meta WHERE name = ?", (name,)), None)
        return str(row["value"]) if row else None

    @property
    def timezone(self) -> str:
        """UTC until the installation's own is bound, at its first start."""
        return self.value(TIMEZONE) or "UTC"

    def headings(self, kind: str) -> dict[str, str]:
        """What `remember_headings` was given for RUN_COLUMNS or LINK_COLUMNS, by and by."""
        chosen: dict[str, str] = json.loads(self.value(kind) or "{}")
        return chosen

    def remember_headings(self, kind: str, headings: Mapping[str, str]) -> None:
        """Columns that this file does not have keep theirs."""
        self.set(kind, json.dumps(self.headings(kind) | dict(headings), ensure_ascii=False))

    def today(self, now: int) -> date:
        """The installation's day: by which cards expire."""
        return day_of(now, self.timezone)

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
