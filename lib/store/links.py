"""Setup links; the pages made for them at Stripe are in link_sessions.py."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from lib.domain.idempotency_keys import customer_key
from lib.domain.identity import address_key
from lib.domain.links import EndReason, LinkState, SetupLink
from lib.domain.reference_keys import reference_key
from lib.store.link_states import JOINS, condition
from lib.store.slices import THESE, in_slices

# Who have the address of a link without a customer, over `setup_links l`; where one of its own was asked
# for, it is meant for none of them.
_WITH_ITS_ADDRESS = f"""SELECT c.id FROM customers c
    WHERE l.customer IS NULL AND c.address_key = l.address_key AND c.is_deleted = 0
        AND NOT EXISTS (SELECT 1 FROM stripe_requests r
            WHERE r.idempotency_key = {customer_key("")!r} || l.id)"""


class LinkStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, link: SetupLink, *, form_key: str) -> None:
        self._database.execute(
            """INSERT INTO setup_links (id, token, form_key, customer, email, name, currency,
                   reference, reference_key, locale, charge_id, created_by, created_at, expires_at,
                   address_key, expiring_method, batch_id, replaces)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                link.id,
                link.token,
                form_key,
                link.customer,
                link.email,
                link.name,
                link.currency,
                link.reference,
                None if link.reference is None else reference_key(link.reference),
                link.locale,
                link.charge_id,
                link.created_by,
                link.created_at,
                link.expires_at,
                None if link.email is None else address_key(link.email),
                link.expiring_method,
                link.batch_id,
                link.replaces,
            ),
        )

    def find(self, link_id: str) -> SetupLink | None:
        return self._one("SELECT * FROM setup_links WHERE id = ?", link_id)

    def existing(self, link_ids: Sequence[str]) -> set[str]:
        """Those of these that are links of ours."""
        rows = self._database.query(
            "SELECT id FROM setup_links WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(link_ids),),
        )
        return {row["id"] for row in rows}

    def by_token(self, token: str) -> SetupLink | None:
        return self._one("SELECT * FROM setup_links WHERE token = ?", token)

    def by_session(self, session_id: str) -> SetupLink | None:
        """The link whose page at Stripe this was."""
        return self._one(
            """SELECT l.* FROM setup_links l JOIN link_sessions s ON s.link_id = l.id
               WHERE s.session_id = ?""",
            session_id,
        )

    def by_form_key(self, form_key: str) -> SetupLink | None:
        """The link that this form already made: a double click or a rerun finds it again."""
        return self._one("SELECT * FROM setup_links WHERE form_key = ?", form_key)

    def replacement_of(self, link_id: str) -> SetupLink | None:
        """The link that was issued instead of this one."""
        return self._one("SELECT * FROM setup_links WHERE replaces = ?", link_id)

    def open_recovery_of(self, charge_id: str) -> SetupLink | None:
        return self._one(
            """SELECT * FROM setup_links WHERE charge_id = ? AND revoked_at IS NULL
                   AND completed_at IS NULL""",
            charge_id,
        )

    def open_recoveries_of(self, charge_ids: Sequence[str]) -> dict[str, SetupLink]:
        """By charge."""
        rows = self._database.query(
            """SELECT * FROM setup_links WHERE charge_id IN (SELECT value FROM json_each(?))
                   AND revoked_at IS NULL AND completed_at IS NULL""",
            (json.dumps(charge_ids),),
        )
        return {row["charge_id"]: _link(row) for row in rows}

    def set_customer(self, link_id: str, customer_id: str) -> None:
        self._database.execute(
            "UPDATE setup_links SET customer = ? WHERE id = ? AND customer IS NULL",
            (customer_id, link_id),
        )

    def set_refusal(self, link_id: str, reason: str) -> None:
        """Why Stripe makes no page for it."""
        self._database.execute(
            "UPDATE setup_links SET refusal = ? WHERE id = ? AND refusal IS NOT ?",
            (reason, link_id, reason),
        )

    def forget_refusals(self, link_id: str) -> None:
        """
        Of this link, for which Stripe made a page, and of those like it.

        What is offered for another currency may still be refused, and so may another's own customer.
        """
        self._database.execute(
            """UPDATE setup_links SET refusal = NULL WHERE refusal IS NOT NULL AND (id = ?1
                   OR currency IS (SELECT currency FROM setup_links WHERE id = ?1)
                       AND instr(refusal, coalesce(customer, id)) = 0)""",
            (link_id,),
        )

    def revoke(self, link_id: str, *, at: int, why: EndReason | None) -> bool:
        """False when the link was completed or revoked before."""
        cursor = self._database.execute(
            """UPDATE setup_links SET revoked_at = ?, end_reason = ?
               WHERE id = ? AND revoked_at IS NULL AND completed_at IS NULL""",
            (at, why, link_id),
        )
        return cursor.rowcount == 1

    def complete(self, link_id: str, *, session_id: str, at: int) -> bool:
        cursor = self._database.execute(
            """UPDATE setup_links SET completed_at = ?, completed_session = ?, revoked_at = NULL,
                   end_reason = NULL
               WHERE id = ? AND completed_at IS NULL""",
            (at, session_id, link_id),
        )
        return cursor.rowcount == 1

    def mark_sent(self, link_id: str, *, at: int) -> bool:
        """The customer was given the link; False when that was known."""
        return self._mark("sent_at", link_id, at)

    def mark_opened(self, link_id: str, *, at: int) -> bool:
        """A return or a cancel, which no scanner makes; False when that was known."""
        return self._mark("opened_at", link_id, at)

    def mark_started(self, link_id: str, *, at: int) -> bool:
        """Something was entered on its page, which is opened then; False when that was known."""
        self._mark("opened_at", link_id, at)
        return self._mark("started_at", link_id, at)

    def mark_tried(self, setup_intents: Sequence[str], *, at: int) -> None:
        """As `mark_started`, of the links whose pages have these SetupIntents."""
        rows = in_slices(
            self._database,
            f"""SELECT l.id FROM checkout_sessions s JOIN setup_links l ON l.id = s.link_id
                WHERE s.setup_intent IN {THESE} AND l.started_at IS NULL""",
            setup_intents,
        )
        for row in list(rows):
            self.mark_started(row["id"], at=at)

    def mark_reminded(self, link_id: str, *, number: int, at: int) -> bool:
        """The customer was reminded for the first or second time; False when that was known."""
        return (
            self._database.execute(
                """UPDATE setup_links SET reminders = ?1, reminded_at = ?2
                   WHERE id = ?3 AND reminders = ?1 - 1""",
                (number, at, link_id),
            ).rowcount
            == 1
        )

    def _mark(self, column: str, link_id: str, at: int) -> bool:
        return (
            self._database.execute(
                f"UPDATE setup_links SET {column} = ? WHERE id = ? AND {column} IS NULL",
                (at, link_id),
            ).rowcount
            == 1
        )

    def of_customers(self, customer_ids: Sequence[str]) -> dict[str, list[SetupLink]]:
        """Newest first."""
        links: dict[str, list[SetupLink]] = {}
        for row in in_slices(
            self._database,
            f"SELECT * FROM setup_links WHERE customer IN {THESE} ORDER BY position DESC",
            customer_ids,
        ):
            links.setdefault(row["customer"], []).append(_link(row))
        return links

    def of_addresses(self, address_keys: Sequence[str]) -> dict[str, list[SetupLink]]:
        """Those whose customers are not made yet, by the key of their address; newest first."""
        links: dict[str, list[SetupLink]] = {}
        for row in in_slices(
            self._database,
            f"""SELECT * FROM setup_links WHERE customer IS NULL AND address_key IN {THESE}
                ORDER BY position DESC""",
            address_keys,
        ):
            links.setdefault(row["address_key"], []).append(_link(row))
        return links

    def perhaps_done(self, *, now: int, since: int) -> list[SetupLink]:
        """
        Open links where somebody whom they ask has a method that is newer than the link, saved no later
        than `since`, and those for an expiring method.
        """
        rows = self._database.query(
            f"""SELECT l.* FROM setup_links l
               WHERE l.completed_at IS NULL AND l.revoked_at IS NULL AND l.expires_at > :now
                   AND l.charge_id IS NULL
                   AND (l.expiring_method IS NOT NULL OR EXISTS (
                       SELECT 1 FROM payment_methods m WHERE (m.customer = l.customer OR m.customer IN ({_WITH_ITS_ADDRESS}))
                           AND m.is_detached = 0 AND m.created > l.created_at
                           AND m.created <= :since))""",
            {"now": now, "since": since},
        )
        return [_link(row) for row in rows]

    def recipients(self, links: Sequence[SetupLink]) -> dict[str, list[str]]:
        """By link whom it asks: its customer, or until there is one, the living ones with its address."""
        people = {link.id: [link.customer] for link in links if link.customer}
        for row in in_slices(
            self._database,
            f"""SELECT l.id, p.id AS customer FROM setup_links l JOIN customers p ON p.id IN ({_WITH_ITS_ADDRESS})
                WHERE l.id IN {THESE} ORDER BY p.id""",
            (link.id for link in links if not link.customer),
        ):
            people.setdefault(row["id"], []).append(row["customer"])
        return people

    def some(self, link_ids: Sequence[str]) -> dict[str, SetupLink]:
        rows = in_slices(self._database, f"SELECT * FROM setup_links WHERE id IN {THESE}", link_ids)
        return {row["id"]: _link(row) for row in rows}

    def listing(
        self, state: LinkState | None, *, now: int, limit: int
    ) -> list[tuple[SetupLink, str | None]]:
        """Newest first, each with the status of the SetupIntent by which it was completed."""
        wanted, parameters = condition(state, now) if state else ("1", [])
        rows = self._database.query(
            f"""SELECT l.*, i.status AS setup_status FROM setup_links l {JOINS}
                WHERE {wanted} ORDER BY l.created_at DESC, l.id DESC LIMIT ?""",
            [*parameters, limit],
        )
        return [(_link(row), row["setup_status"]) for row in rows]

    def _one(self, sql: str, value: str) -> SetupLink | None:
        return next((_link(row) for row in self._database.query(sql, (value,))), None)


def _link(row: dict[str, Any]) -> SetupLink:
    return SetupLink(**{name: row[name] for name in SetupLink.__slots__})
