"""
The mirror of Stripe's objects: one guarded upsert each, shared by webhook, return page and sync.

Every write carries `synced_at_ms`, the moment *before* Stripe was asked. A row only changes when
that moment is not older than the one that wrote it, so late news never overwrites newer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlite_utils import Database

from lib.domain.identity import address_key, drawn_key, id_key, pasted_id
from lib.domain.mirror import (
    CheckoutSession,
    Customer,
    PaymentMethod,
    SessionBundle,
    SetupIntent,
)
from lib.store.upserts import Upsert, marks, not_newer, position_for


def _gone(*ids: str, asked_at: str) -> str:
    """SQL: whether Stripe said that one of these is gone, no earlier than it was asked."""
    return f"""EXISTS (SELECT 1 FROM tombstones
        WHERE id IN ({", ".join(ids)}) AND gone_at_ms >= {asked_at})"""


DRAWN = "coalesce(drawn_key, address_key)"
"""SQL: what an address is drawn as. There is an index of it."""

_UPSERT_CUSTOMER = Upsert(
    table="customers",
    insert=f"""(id, livemode, name, email, created, is_deleted, default_payment_method,
    synced_at_ms, address_key, id_key, preferred_locales, drawn_key, position)
VALUES ({marks(5)}, max(?6, {_gone("?1", asked_at="?8")}), ?7, ?8, ?9, ?10, ?11, ?12,
    {position_for("customers", 5)})""",
    update=f"""SET
    name = excluded.name, email = excluded.email, address_key = excluded.address_key,
    id_key = excluded.id_key, drawn_key = excluded.drawn_key, is_deleted = excluded.is_deleted,
    preferred_locales = excluded.preferred_locales,
    default_payment_method = excluded.default_payment_method, synced_at_ms = excluded.synced_at_ms
{not_newer("customers")}""",
)

# `completed_at` is when we first saw the session complete: Stripe's object does not carry it.
_UPSERT_SESSION = Upsert(
    table="checkout_sessions",
    insert=f"""(id, livemode, status, customer, customer_email, customer_name,
    currency, setup_intent, client_reference_id, link_id, reference, created, expires_at,
    completed_at, synced_at_ms, charge_id, installation, position)
VALUES ({marks(17)}, {position_for("checkout_sessions", 12)})""",
    update=f"""SET
    status = excluded.status, customer = excluded.customer,
    customer_email = excluded.customer_email, customer_name = excluded.customer_name,
    currency = excluded.currency, setup_intent = excluded.setup_intent,
    client_reference_id = excluded.client_reference_id, link_id = excluded.link_id,
    reference = excluded.reference, expires_at = excluded.expires_at,
    charge_id = excluded.charge_id, installation = excluded.installation,
    completed_at = coalesce(checkout_sessions.completed_at, excluded.completed_at),
    synced_at_ms = excluded.synced_at_ms
{not_newer("checkout_sessions")}""",
)

_UPSERT_SETUP_INTENT = Upsert(
    table="setup_intents",
    insert=f"""(id, livemode, status, customer, payment_method, usage,
    last_error_code, last_error_message, created, synced_at_ms)
VALUES ({marks(10)})""",
    update=f"""SET
    status = excluded.status, customer = excluded.customer,
    payment_method = excluded.payment_method, usage = excluded.usage,
    last_error_code = excluded.last_error_code,
    last_error_message = excluded.last_error_message, synced_at_ms = excluded.synced_at_ms
{not_newer("setup_intents")}""",
)

# A method without a customer was either never attached or detached. Once it had a customer and
# has none now, it is detached, for good: Stripe never lets it be attached again.
# ?4 is its customer, ?5 whom it was saved for at the latest.
_HAS_OWNER = f"""NOT {_gone("?1", "?4", asked_at="?17")} AND NOT EXISTS (
    SELECT 1 FROM customers WHERE id = ?4 AND is_deleted = 1 AND synced_at_ms >= ?17)"""
_UPSERT_PAYMENT_METHOD = Upsert(
    table="payment_methods",
    insert=f"""(id, livemode, type, customer, last_customer, brand, last4, exp_month,
    exp_year, funding, country, fingerprint, billing_name, billing_email, created, is_detached,
    synced_at_ms, position)
VALUES (?1, ?2, ?3, iif({_HAS_OWNER}, ?4, NULL), ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
    ?16 OR (?5 IS NOT NULL AND (?4 IS NULL OR NOT ({_HAS_OWNER})))
        OR EXISTS (SELECT 1 FROM tombstones WHERE id = ?1 AND ?4 IS NULL),
    ?17, {position_for("payment_methods", 15)})""",
    update=f"""SET
    is_detached = excluded.customer IS NULL AND (excluded.is_detached
        OR payment_methods.is_detached OR payment_methods.last_customer IS NOT NULL),
    type = excluded.type, customer = excluded.customer,
    last_customer = coalesce(excluded.last_customer, payment_methods.last_customer),
    brand = excluded.brand, last4 = excluded.last4, exp_month = excluded.exp_month,
    exp_year = excluded.exp_year, funding = excluded.funding, country = excluded.country,
    fingerprint = excluded.fingerprint, billing_name = excluded.billing_name,
    billing_email = excluded.billing_email, synced_at_ms = excluded.synced_at_ms
{not_newer("payment_methods")}""",
)


class MirrorStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    # Writes. Each takes many rows of one page and returns how many were written.

    def save_customers(self, customers: Sequence[Customer], *, synced_at_ms: int) -> int:
        return _UPSERT_CUSTOMER.write(
            self._database,
            [
                (
                    c.id,
                    int(c.livemode),
                    c.name,
                    c.email,
                    c.created,
                    int(c.is_deleted),
                    c.default_payment_method,
                    synced_at_ms,
                    None if c.email is None else address_key(c.email),
                    id_key(c.id) if id_key(c.id) != c.id else None,
                    c.preferred_locales,
                    _drawn_key(c.email),
                )
                for c in customers
            ],
        )

    def mark_customer_deleted(self, customer_id: str, *, synced_at_ms: int) -> None:
        """Deleting a customer also detaches its methods at Stripe, without an event for each."""
        self._mark_gone(
            "UPDATE customers SET is_deleted = 1, synced_at_ms = max(synced_at_ms, ?) WHERE id = ?",
            customer_id,
            synced_at_ms,
        )
        self._database.execute(
            """UPDATE payment_methods SET is_detached = 1, customer = NULL,
                   synced_at_ms = max(synced_at_ms, ?) WHERE customer = ?""",
            (synced_at_ms, customer_id),
        )

    def save_bundles(self, bundles: Sequence[SessionBundle], *, synced_at_ms: int) -> int:
        """Sessions with their SetupIntents and PaymentMethods; returns the sessions written."""
        self.save_setup_intents(
            [bundle.setup_intent for bundle in bundles if bundle.setup_intent],
            synced_at_ms=synced_at_ms,
        )
        self.save_payment_methods(
            [bundle.payment_method for bundle in bundles if bundle.payment_method],
            synced_at_ms=synced_at_ms,
        )
        return _UPSERT_SESSION.write(
            self._database,
            [_session_row(b.session, synced_at_ms) for b in bundles],
        )

    def keep_pages(self, sessions: Sequence[CheckoutSession]) -> None:
        """What their pages say, where no request of ours tells it: made by a file that was lost or put back."""
        self._database.conn.executemany(
            """UPDATE checkout_sessions SET page_params = ?2 WHERE id = ?1 AND page_params IS NULL
                   AND NOT EXISTS (SELECT 1 FROM link_sessions WHERE session_id = ?1 AND params <> '{}')
                   AND NOT EXISTS (SELECT 1 FROM agreements WHERE session_id = ?1)""",
            [(one.id, one.page_params) for one in sessions],
        )

    def save_setup_intents(self, intents: Sequence[SetupIntent], *, synced_at_ms: int) -> int:
        return _UPSERT_SETUP_INTENT.write(
            self._database,
            [
                (
                    i.id,
                    int(i.livemode),
                    i.status,
                    i.customer,
                    i.payment_method,
                    i.usage,
                    i.last_error_code,
                    i.last_error_message,
                    i.created,
                    synced_at_ms,
                )
                for i in intents
            ],
        )

    def save_payment_methods(self, methods: Sequence[PaymentMethod], *, synced_at_ms: int) -> int:
        return _UPSERT_PAYMENT_METHOD.write(
            self._database,
            [
                (
                    m.id,
                    int(m.livemode),
                    m.type,
                    m.customer,
                    m.last_customer or m.customer,
                    m.brand,
                    m.last4,
                    m.exp_month,
                    m.exp_year,
                    m.funding,
                    m.country,
                    m.fingerprint,
                    m.billing_name,
                    m.billing_email,
                    m.created,
                    int(m.is_detached),
                    synced_at_ms,
                )
                for m in methods
            ],
        )

    def mark_missing_methods_detached(
        self, customer_id: str, present: Sequence[str], *, synced_at_ms: int
    ) -> None:
        """Methods we hold for a customer that Stripe's full list no longer names."""
        known = self._database.query(
            """SELECT id FROM payment_methods WHERE customer = ?
                   AND (synced_at_ms < ? OR synced_at_ms > now_ms())""",
            (customer_id, synced_at_ms),
        )
        gone = [row["id"] for row in known if row["id"] not in set(present)]
        self._database.conn.executemany(
            """UPDATE payment_methods SET is_detached = 1, customer = NULL, synced_at_ms = ?
               WHERE id = ?""",
            [(synced_at_ms, method_id) for method_id in gone],
        )

    def mark_session_expired(self, session_id: str, *, synced_at_ms: int) -> None:
        """One that was open here and is not at Stripe any more."""
        self._database.execute(
            """UPDATE checkout_sessions SET status = 'expired',
                   synced_at_ms = max(synced_at_ms, ?) WHERE id = ? AND status = 'open'""",
            (synced_at_ms, session_id),
        )

    def mark_detached(self, method_id: str, *, synced_at_ms: int) -> None:
        self._mark_gone(
            """UPDATE payment_methods SET is_detached = 1, customer = NULL,
                   synced_at_ms = max(synced_at_ms, ?) WHERE id = ?""",
            method_id,
            synced_at_ms,
        )

    def _mark_gone(self, update: str, object_id: str, synced_at_ms: int) -> None:
        """Of one that is not here yet, an older page may be on its way: it must not revive it."""
        if self._database.execute(update, (synced_at_ms, object_id)).rowcount == 0:
            self._database.execute(
                """INSERT INTO tombstones (id, gone_at_ms) VALUES (?, ?) ON CONFLICT (id)
                   DO UPDATE SET gone_at_ms = max(gone_at_ms, excluded.gone_at_ms)""",
                (object_id, synced_at_ms),
            )

    # Reads that decide.

    def customer(self, customer_id: str) -> Customer | None:
        rows = self._database.query("SELECT * FROM customers WHERE id = ?", (customer_id,))
        return next((customer_of(row) for row in rows), None)

    def id_pasted(self, text: str) -> str:
        """The very text where it is an id, else without letters that are not shown."""
        return text if self.customer(text) is not None else pasted_id(text)

    def ids_that_look_like(self, text: str) -> list[str]:
        """Living customers whose id a person would read as this text."""
        rows = self._database.query(
            """SELECT id FROM customers WHERE (id IN (?, ?) OR id_key = ?) AND is_deleted = 0
               ORDER BY position DESC LIMIT 20""",
            (text, id_key(text), id_key(text)),
        )
        return [row["id"] for row in rows]

    def newest_customer(self) -> str | None:
        """The id of the newest that is not known to be deleted."""
        rows = self._database.query(
            "SELECT id FROM customers WHERE is_deleted = 0 ORDER BY position DESC LIMIT 1"
        )
        return next((str(row["id"]) for row in rows), None)

    def customers_with_address(self, email: str) -> list[Customer]:
        """Living customers with this address, however written; Stripe does not keep it unique."""
        rows = self._database.query(
            """SELECT * FROM customers WHERE address_key = ? AND is_deleted = 0
               ORDER BY position DESC LIMIT 20""",
            (address_key(email),),
        )
        return [customer_of(row) for row in rows]

    def customers_drawn_alike(self, email: str) -> list[Customer]:
        """Living customers whose address a person takes for this one: those with it first."""
        rows = self._database.query(
            f"""SELECT * FROM customers WHERE {DRAWN} = ? AND is_deleted = 0
                ORDER BY address_key <> ?, position DESC LIMIT 20""",
            (drawn_key(email), address_key(email)),
        )
        return [customer_of(row) for row in rows]

    def payment_method(self, method_id: str) -> PaymentMethod | None:
        rows = self._database.query("SELECT * FROM payment_methods WHERE id = ?", (method_id,))
        return next((payment_method_of(row) for row in rows), None)

    def payment_methods_of(self, customer_id: str) -> list[PaymentMethod]:
        rows = self._database.query(
            "SELECT * FROM payment_methods WHERE customer = ? ORDER BY created DESC, id DESC",
            (customer_id,),
        )
        return [payment_method_of(row) for row in rows]

    def count_living_customers(self, *, after: str = "") -> int:
        rows = self._database.query(
            "SELECT count(*) AS n FROM customers WHERE is_deleted = 0 AND id > ?", (after,)
        )
        return int(next(rows)["n"])

    def session_states(self, ids: Sequence[str]) -> dict[str, str]:
        """Status by id, of those that are known."""
        rows = self._database.query(
            f"SELECT id, status FROM checkout_sessions WHERE id IN ({marks(len(ids))})", tuple(ids)
        )
        return {row["id"]: row["status"] for row in rows}

    def setup_intents_with_session(self, ids: Sequence[str]) -> set[str]:
        """Which of these came along with a session."""
        rows = self._database.query(
            f"""SELECT DISTINCT setup_intent AS id FROM checkout_sessions
                WHERE setup_intent IN ({marks(len(ids))})""",
            tuple(ids),
        )
        return {row["id"] for row in rows}

    def has_setup_intent(self, setup_intent_id: str) -> bool:
        sql = "SELECT 1 FROM setup_intents WHERE id = ?"
        return self._database.execute(sql, (setup_intent_id,)).fetchone() is not None

    def methods_with_setup_intent(self, ids: Sequence[str]) -> set[str]:
        """Which of these came along with a SetupIntent."""
        rows = self._database.query(
            f"""SELECT DISTINCT payment_method AS id FROM setup_intents
                WHERE payment_method IN ({marks(len(ids))})""",
            tuple(ids),
        )
        return {row["id"] for row in rows}

    def oldest_open_session(self) -> int | None:
        """When the oldest session that is open here was made."""
        rows = self._database.query(
            "SELECT min(position) >> 20 AS created FROM checkout_sessions WHERE status = 'open'"
        )
        moment: int | None = next(iter(rows))["created"]
        return moment

    def overdue_sessions(self, *, now: int, limit: int) -> list[str]:
        """Open here although their time is over: their end was missed."""
        rows = self._database.query(
            """SELECT id FROM checkout_sessions WHERE status = 'open' AND expires_at < ?
               ORDER BY position LIMIT ?""",
            (now, limit),
        )
        return [row["id"] for row in rows]

    def some_living_customers(self, most: int) -> list[str]:
        """Any of them, each as likely as another."""
        rows = self._database.query(
            "SELECT id FROM customers WHERE is_deleted = 0 ORDER BY random() LIMIT ?", (most,)
        )
        return [row["id"] for row in rows]

    def living_customers(self, *, after: str, limit: int) -> list[str]:
        """Customer ids in id order after the given one."""
        rows = self._database.query(
            "SELECT id FROM customers WHERE is_deleted = 0 AND id > ? ORDER BY id LIMIT ?",
            (after, limit),
        )
        return [row["id"] for row in rows]


def _session_row(session: CheckoutSession, synced_at_ms: int) -> tuple[object, ...]:
    completed_at = synced_at_ms // 1000 if session.status == "complete" else None
    return (
        session.id,
        int(session.livemode),
        session.status,
        session.customer,
        session.customer_email,
        session.customer_name,
        session.currency,
        session.setup_intent,
        session.client_reference_id,
        session.link_id,
        session.reference,
        session.created,
        session.expires_at,
        completed_at,
        synced_at_ms,
        session.charge_id,
        session.installation,
    )


def _drawn_key(email: str | None) -> str | None:
    """None where it is the address's key, as it is of nearly all."""
    key = None if email is None else drawn_key(email)
    return None if email is None or key == address_key(email) else key


def customer_of(row: dict[str, Any]) -> Customer:
    return Customer(
        id=row["id"],
        livemode=bool(row["livemode"]),
        name=row["name"],
        email=row["email"],
        created=row["created"],
        is_deleted=bool(row["is_deleted"]),
        default_payment_method=row["default_payment_method"],
        preferred_locales=row["preferred_locales"],
    )


def payment_method_of(row: dict[str, Any]) -> PaymentMethod:
    return PaymentMethod(
        id=row["id"],
        livemode=bool(row["livemode"]),
        type=row["type"],
        customer=row["customer"],
        brand=row["brand"],
        last4=row["last4"],
        exp_month=row["exp_month"],
        exp_year=row["exp_year"],
        funding=row["funding"],
        country=row["country"],
        fingerprint=row["fingerprint"],
        billing_name=row["billing_name"],
        billing_email=row["billing_email"],
        created=row["created"],
        is_detached=bool(row["is_detached"]),
        last_customer=row["last_customer"],
    )
