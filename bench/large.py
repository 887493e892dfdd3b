"""A year of a large ledger with its mirror, written by SQL and kept: what lists, pages and the search are timed on."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlite_utils import Database

from bench.contestants import KEY
from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.actors import Role
from lib.domain.reference_keys import reference_key
from lib.settings import load_settings
from lib.store.audit import AuditStore

# 30 November 2026, noon.
END = 1_796_040_000
YEAR = 365 * 86_400
READY = "ready"
TOWNS = ("Ashmoor", "Birkdal", "Corvane", "Dunmere", "Elmsund", "Fennwick", "Garlow", "Hexby")
TRADES = ("Supply", "Catering", "Print", "Joinery", "Dental", "Books", "Studio", "Tools", "Foods")
CHARGES_A_CUSTOMER = 5


def id_of(prefix: str, number: int) -> str:
    return f"{prefix}_{number * 2_654_435_761 % 2**32:08x}{number:08d}"


def name_of(number: int) -> str:
    return f"{TOWNS[number % 8]} {TRADES[number % 9]} {number}"


def _id(prefix: str, number: str = "n") -> str:
    """`id_of` in SQL."""
    return f"printf('{prefix}_%08x%08d', {number} * 2654435761 % 4294967296, {number})"


def _rows(columns: str) -> str:
    """`n` counts them; what looks random is a number multiplied by a prime."""
    return f"""SELECT {columns} FROM (WITH RECURSIVE rows (n) AS (
        SELECT 0 UNION ALL SELECT n + 1 FROM rows WHERE n + 1 < :count) SELECT n FROM rows)"""


_AT = ":start + n * :year / :count"
_PLACE = f"(({_AT}) << 20) + n % 1048576"
_CURRENCY = "CASE WHEN n % 10 < 6 THEN 'usd' WHEN n % 10 < 9 THEN 'eur' ELSE 'jpy' END"
# Every 23rd is paid by a second try, two days later; of the newest, some are not settled yet.
_STATE = """CASE WHEN n % 23 = 1 THEN 'succeeded'
    WHEN n > :count - 2000 AND n % 100 IN (30, 40) THEN iif(n % 100 = 30, 'processing', 'unknown')
    WHEN n * 7919 % 100 < 90 THEN 'succeeded'
    WHEN n * 7919 % 100 < 96 THEN 'declined' WHEN n * 7919 % 100 < 98 THEN 'needs_customer'
    ELSE 'cancelled' END"""
_NUMBER = "CAST(substr(id, -8) AS INTEGER)"
_TRY = """charge_id, number, idempotency_key, params, requested_by, requested_at, outcome, outcome_at,
    payment_intent, http_status, code, decline_code"""
_PAID = "FROM stripe_charges WHERE status = 'succeeded'"
# What it costs is 2.9 % and 30 cents; Stripe books it half a minute later and pays weekly.
_PAYOUT = "'po_' || currency || '_' || (created / 604800)"
_BOOKED = f"""id, type, source, amount, fee, net, currency, available_on, created, payout)
    SELECT 'txn_' || id, kind, id, moved, fee, moved - fee, currency, created + 172800, created + 30,
        iif(created < :end - 604800, {_PAYOUT}, NULL) FROM"""

# What is filled, by which statement, and one row to how many charges; 0 where the statement knows.
_FILL: tuple[tuple[str, str, int], ...] = (
    (
        "customers",
        f"""INSERT INTO customers (position, id, livemode, name, email, address_key, created, synced_at_ms)
            {_rows(f"{_PLACE}, {_id('cus')}, 0, name(n), email(n), email(n), {_AT}, 0")}""",
        CHARGES_A_CUSTOMER,
    ),
    (
        "saved methods",
        f"""INSERT INTO payment_methods (position, id, livemode, type, customer, last_customer, brand, last4,
                exp_month, exp_year, funding, country, fingerprint, created, synced_at_ms)
            {
            _rows(f'''{_PLACE}, {_id("pm")}, 0, 'card', {_id("cus")}, {_id("cus")}, 'visa',
                printf('%04d', n * 7919 % 10000), 1 + n % 12, 2026 + n % 4, 'credit', 'US', 'fp_' || n,
                {_AT}, 0''')
        }""",
        CHARGES_A_CUSTOMER,
    ),
    (
        "links",
        f"""INSERT INTO setup_links (id, token, form_key, customer, reference, reference_key, created_by,
                created_at, expires_at, completed_at)
            {
            _rows(f'''{_id("link")}, 'token' || n, 'form' || n, {_id("cus")}, 'CONTRACT-' || n,
                key('CONTRACT-' || n), 'ada', {_AT}, {_AT} + 2592000,
                iif(n % 3, {_AT} + 600, NULL)''')
        }""",
        CHARGES_A_CUSTOMER,
    ),
    (
        "setup intents",
        f"""INSERT INTO setup_intents (id, livemode, status, customer, payment_method, usage, created,
                synced_at_ms)
            {
            _rows(f'''{_id("seti")}, 0, iif(n % 3, 'succeeded', 'requires_payment_method'),
                {_id("cus", "(n % :customers)")},
                iif(n % 3, {_id("pm", "(n % :customers)")}, NULL), 'off_session', {_AT}, 0''')
        }""",
        1,
    ),
    (
        "sessions",
        f"""INSERT INTO checkout_sessions (position, id, livemode, status, customer, customer_email,
                setup_intent, reference, created, expires_at, completed_at, synced_at_ms)
            {
            _rows(f'''{_PLACE}, {_id("cs_test")}, 0,
                CASE WHEN n % 3 THEN 'complete' WHEN n > :count - 100 THEN 'open' ELSE 'expired' END,
                {_id("cus", "(n % :customers)")}, email(n % :customers), {_id("seti")},
                'CONTRACT-' || n, {_AT}, {_AT} + 86400, iif(n % 3, {_AT} + 600, NULL), 0''')
        }""",
        1,
    ),
    (
        "charges",
        f"""INSERT INTO charges (id, livemode, customer, payment_method, amount, currency, reference,
                reference_key, state, created_by, created_at, charged_at, updated_at)
            {
            _rows(f'''{_id("chg")}, 0, {_id("cus", "(n % :customers)")}, {_id("pm", "(n % :customers)")},
                CASE n % 9 WHEN 0 THEN 1000 WHEN 3 THEN 9900 ELSE 100 + n * 7919 % 500000 END,
                {_CURRENCY}, printf('INV-%07d', n), key(printf('INV-%07d', n)), {_STATE}, 'ada',
                {_AT}, {_AT}, {_AT}''')
        }""",
        1,
    ),
    (
        "tries",
        f"""INSERT INTO attempts ({_TRY})
            SELECT id, 1, 'key_' || id, json_object('payment_method', payment_method), 'ada', created_at,
                o, created_at, 'pi_' || substr(id, 5), iif(o IN ('declined', 'needs_customer'), 402, iif(o = 'unknown', NULL, 200)),
                iif(o = 'declined', 'card_declined', NULL),
                CASE WHEN o = 'declined' THEN iif(amount % 2, 'insufficient_funds', 'do_not_honor') END
            FROM (SELECT *, CASE WHEN {_NUMBER} % 23 = 1 OR state = 'cancelled' THEN 'declined'
                ELSE state END AS o FROM charges)""",
        0,
    ),
    (
        "second tries",
        f"""INSERT INTO attempts ({_TRY})
            SELECT id, 2, 'again_' || id, json_object('payment_method', payment_method), 'ada',
                created_at + 172800, 'succeeded', created_at + 172800, 'pi2_' || substr(id, 5), 200,
                NULL, NULL
            FROM charges WHERE {_NUMBER} % 23 = 1 AND created_at < :end - 172800""",
        0,
    ),
    (
        "charges at Stripe",
        """INSERT INTO stripe_charges (id, livemode, status, customer, payment_intent, payment_method,
                amount, amount_refunded, currency, is_disputed, outcome_type, created, synced_at_ms)
            SELECT 'ch_' || substr(h.id, 5), 0, 'succeeded', h.customer, a.payment_intent,
                h.payment_method, h.amount, iif(substr(h.id, -8) % 50 = 0, h.amount / 2, 0), h.currency,
                substr(h.id, -8) % 400 = 0, 'authorized', a.requested_at, 0
            FROM charges h JOIN attempts a ON a.charge_id = h.id
            WHERE a.outcome = 'succeeded'""",
        0,
    ),
    (
        "refunds at Stripe",
        f"""INSERT INTO stripe_refunds (id, status, customer, charge, payment_intent, amount, currency,
                reason, created, synced_at_ms)
            SELECT 're_' || substr(id, 4), iif(amount % 20, 'succeeded', 'failed'), customer, id,
                payment_intent, amount_refunded, currency, 'requested_by_customer', created + 86400, 0
            {_PAID} AND amount_refunded > 0""",
        0,
    ),
    (
        "refunds of ours",
        """INSERT INTO refunds (id, charge_id, attempt, payment_intent, amount, currency, reason, note,
                refunded_before, state, requested_by, requested_at)
            SELECT 'rfd_' || substr(r.id, 4), a.charge_id, a.number, r.payment_intent, r.amount,
                r.currency, r.reason, 'sent back', 0, 'requested', 'ada', r.created - 600
            FROM stripe_refunds r JOIN attempts a ON a.payment_intent = r.payment_intent
            WHERE substr(r.id, -8) % 100 = 0""",
        0,
    ),
    (
        "refunds sent",
        """UPDATE refunds SET state = 'sending', decided_by = 'bo', decided_at = requested_at + 300,
            idempotency_key = 'refund_' || id, params = '{}' WHERE requested_at < :end - 43200""",
        0,
    ),
    (
        "refunds answered",
        """UPDATE refunds SET state = 'succeeded', refund = 're_' || substr(id, 5),
            outcome_at = decided_at WHERE state = 'sending'""",
        0,
    ),
    (
        "disputes",
        f"""INSERT INTO disputes (id, livemode, status, customer, charge, payment_intent, amount, currency,
                reason, due_by, created, synced_at_ms)
            SELECT 'dp_' || substr(id, 4), 0,
                CASE amount % 4 WHEN 0 THEN 'needs_response' WHEN 1 THEN 'won' ELSE 'lost' END, customer,
                id, payment_intent, amount, currency, 'fraudulent', created + 1000000, created + 200000, 0
            {_PAID} AND is_disputed""",
        0,
    ),
    (
        "runs",
        f"""INSERT INTO runs (id, livemode, name, state, header, created_by, created_at)
            {_rows(f'''{_id("run")}, 0, trade(n) || ' of week ' || n, 'draft', '[]', 'ada', {_AT}''')}""",
        500,
    ),
    (
        "webhooks",
        f"""INSERT INTO webhook_deliveries (event_id, type, object_id, object_type, livemode, created,
                received_at, webhook_at, signature_age, state, tries, finished_at)
            {
            _rows(f'''{_id("evt")}, 'checkout.session.completed', {_id("cs_test")}, 'checkout.session',
                0, {_AT}, {_AT}, {_AT}, 1, 'processed', 1, {_AT}''')
        }""",
        1,
    ),
    (
        "incidents, settled",
        f"""INSERT INTO incidents (id, kind, subject, details, resolution, settled_by, note,
                found_at, settled_at)
            {
            _rows(f'''{_id("inc")}, 'unexpected_payment', {_id("pi_x")},
                json_object('amount', 1000 + n, 'currency', 'eur', 'reference', 'INV-' || n,
                    'customer', {_id("cus")}), 'accepted', 'ada', 'asked', {_AT}, {_AT} + 3600''')
        }""",
        1_000,
    ),
    (
        "fees",
        f"""INSERT INTO balance_transactions ({_BOOKED} (SELECT id, 'charge' AS kind, amount AS moved,
            30 + amount * 29 / 1000 AS fee, currency, created {_PAID} AND created < :end - 600)""",
        0,
    ),
    (
        "fees of refunds",
        f"""INSERT INTO balance_transactions ({_BOOKED} (SELECT id, 'refund' AS kind, -amount AS moved,
            0 AS fee, currency, created FROM stripe_refunds WHERE status = 'succeeded')""",
        0,
    ),
    (
        "fees of disputes",
        f"""INSERT INTO balance_transactions ({_BOOKED} (SELECT id, 'adjustment' AS kind,
            -amount AS moved, 1500 AS fee, currency, created FROM disputes)""",
        0,
    ),
    (
        "payouts",
        """INSERT INTO payouts (id, amount, currency, status, is_automatic, arrival_date, created, is_read)
            SELECT payout, sum(net), currency, 'paid', 1, max(created) + 259200, max(created) + 86400, 1
            FROM balance_transactions WHERE payout IS NOT NULL GROUP BY payout, currency""",
        0,
    ),
    (
        "timelines",
        """INSERT INTO charge_events (charge_id, attempt, at, actor, kind, detail)
            SELECT charge_id, number, requested_at, requested_by, outcome, '{}' FROM attempts
            ORDER BY requested_at""",
        0,
    ),
)


def ledger(folder: Path, charges: int) -> Services:
    """With that many charges and Checkout Sessions; made on the first call, which takes minutes."""
    folder = folder.resolve() / f"{charges}-charges"
    settings = load_settings(folder, {"ONFILE_DATA_DIR": str(folder), "STRIPE_SECRET_KEY": KEY})
    bootstrap.migrate(settings)
    services = bootstrap.build_services(
        settings, clock=lambda: datetime.fromtimestamp(END, UTC), bcrypt_rounds=4
    )
    if not (folder / READY).exists():
        services.users.add(
            "ada",
            name="Ada Admin",
            email="ada@example.com",
            roles=[Role.ADMIN],
            password="correct horse",
            by=None,
        )
        _fill(settings.database, charges)
        _log(settings.database)
        started = time.perf_counter()
        indexed = services.search_index.index_all()
        print(f"indexed {indexed:,} rows in {time.perf_counter() - started:.0f} s", flush=True)
        (folder / READY).touch()
    print(f"{charges:,} charges, {settings.database.stat().st_size / 1024**2:,.0f} MB\n")
    return services


def _fill(path: Path, charges: int) -> None:
    customers = max(charges // CHARGES_A_CUSTOMER, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.create_function("name", 1, name_of, deterministic=True)
        connection.create_function("trade", 1, lambda n: TRADES[n % 9])
        connection.create_function("email", 1, email_of)
        connection.create_function("key", 1, reference_key)
        for name, statement, share in _FILL:
            started = time.perf_counter()
            parameters = {
                "count": max(charges // share, 1) if share else 0,
                "customers": customers,
                "start": END - YEAR,
                "end": END,
                "year": YEAR,
            }
            connection.execute(statement, parameters)
            connection.commit()
            print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


def _log(path: Path) -> None:
    """An entry for each try, as whoever sends it leaves."""
    started = time.perf_counter()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        audit = AuditStore(Database(connection))
        tries = connection.execute(
            """SELECT a.requested_at, a.outcome, a.charge_id, h.amount, h.currency, a.payment_intent
               FROM attempts a JOIN charges h ON h.id = a.charge_id ORDER BY a.requested_at"""
        ).fetchall()
        connection.execute("BEGIN")
        for at, outcome, charge, amount, currency, payment_intent in tries:
            detail = {"amount": amount, "currency": currency, "payment_intent": payment_intent}
            audit.record(
                at=at,
                actor="system",
                action=f"attempt.{outcome}",
                subject=charge,
                detail=detail,
            )
        connection.commit()
        # Of all tables at once: SQLite takes one for empty that it has seen empty.
        connection.execute("ANALYZE")
    print(f"{len(tries):,} entries logged in {time.perf_counter() - started:.0f} s", flush=True)


def email_of(number: int) -> str:
    return f"accounts.{number}@{TOWNS[number % 8].lower()}.example"
