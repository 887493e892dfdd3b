"""Rules by which messages leave by themselves, and the links that such a rule may be about."""

from __future__ import annotations

from sqlite_utils import Database

from lib.domain.link_desk import DAY, REMINDER_DAYS
from lib.domain.message_rules import MessageRule, SwitchedOn

# An address is known, nobody stopped the customer's own charges, and no message of this key was ever asked for: what was refused or cancelled is
# a person's to send again.
_CAN_BE_ASKED = """coalesce(c.email, l.email) IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM customer_holds h
        WHERE h.customer = l.customer AND h.lifted_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.once_key = {key})"""
_SAVED = """FROM setup_links l JOIN checkout_sessions d ON d.id = l.completed_session
    JOIN setup_intents i ON i.id = d.setup_intent AND i.status = 'succeeded'"""


class MessageRuleStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> dict[MessageRule, SwitchedOn]:
        """Those that are switched on."""
        rows = self._database.query("SELECT * FROM message_rules")
        return {
            MessageRule(row["rule"]): SwitchedOn(
                MessageRule(row["rule"]), row["switched_on_by"], row["switched_on_at"]
            )
            for row in rows
        }

    def switch_on(self, rule: MessageRule, *, by: str, at: int) -> None:
        self._database.execute(
            """INSERT INTO message_rules (rule, switched_on_by, switched_on_at) VALUES (?, ?, ?)
               ON CONFLICT (rule) DO UPDATE SET switched_on_by = excluded.switched_on_by,
                   switched_on_at = excluded.switched_on_at""",
            (rule.value, by, at),
        )

    def switch_off(self, rule: MessageRule) -> bool:
        """False when it was off."""
        cursor = self._database.execute("DELETE FROM message_rules WHERE rule = ?", (rule.value,))
        return cursor.rowcount == 1

    def perhaps_to_remind(self, *, now: int, made_after: int, limit: int) -> list[str]:
        """Open links that were sent long enough ago, the longest first; `link_desk.due_reminder` decides."""
        key = "'reminder:' || l.id || ':' || (l.reminders + 1)"
        rows = self._database.query(
            f"""SELECT l.id FROM setup_links l LEFT JOIN customers c ON c.id = l.customer
                WHERE l.sent_at <= ?1 - {REMINDER_DAYS[0] * DAY}
                    AND l.completed_at IS NULL AND l.revoked_at IS NULL AND l.expires_at > ?1
                    AND l.created_at > ?2 AND l.reminders < {len(REMINDER_DAYS)}
                    AND (l.reminders = 0 OR l.sent_at <= ?1 - {REMINDER_DAYS[1] * DAY}
                        AND coalesce(l.reminded_at, 0) <= ?1 - {REMINDER_DAYS[0] * DAY})
                    AND {_CAN_BE_ASKED.format(key=key)}
                ORDER BY l.sent_at LIMIT ?3""",
            (now, made_after, limit),
        )
        return [row["id"] for row in rows]

    def to_thank(self, *, since: int, made_after: int, limit: int) -> list[str]:
        """Links by which a card was saved since then, the first saved first."""
        key = "'thanks:' || l.id"
        rows = self._database.query(
            f"""SELECT l.id {_SAVED} LEFT JOIN customers c ON c.id = l.customer
                WHERE l.completed_at >= ?1 AND l.created_at > ?2
                    AND {_CAN_BE_ASKED.format(key=key)}
                ORDER BY l.completed_at LIMIT ?3""",
            (since, made_after, limit),
        )
        return [row["id"] for row in rows]

    def method_saved_by(self, link_id: str) -> str | None:
        """What a link brought, once its bank confirmed it."""
        rows = self._database.query(f"SELECT i.payment_method {_SAVED} WHERE l.id = ?", (link_id,))
        row = next(iter(rows), None)
        return None if row is None or row["payment_method"] is None else str(row["payment_method"])
