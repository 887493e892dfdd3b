"""
The schema, step by step. Steps are appended, never edited or renamed once they ran anywhere.

Times are Unix seconds in UTC (one unit for Stripe's times and ours); `synced_at_ms` is in
milliseconds because it decides which of two writes is newer. Money is an integer of minor units
beside its currency. There are no foreign keys between mirrored Stripe tables: events arrive in any order.
Steps import nothing from `lib`: they must mean in a year what they mean today.
"""

from __future__ import annotations

from sqlite_utils import Database, Migrations

migrations = Migrations("onfile")


def _run(database: Database, *statements: str) -> None:
    for statement in statements:
        database.execute(statement)


@migrations()
def m001_staff_and_audit(database: Database) -> None:
    """Who works here, and the append-only, hash-chained journal of what they did."""
    _run(
        database,
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        """CREATE TABLE users (
            username TEXT PRIMARY KEY CHECK (length(username) BETWEEN 1 AND 40),
            name TEXT NOT NULL,
            email TEXT NOT NULL,
            roles TEXT NOT NULL,
            password_hash TEXT NOT NULL,
            is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
            session_version INTEGER NOT NULL DEFAULT 1,
            failed_sign_ins INTEGER NOT NULL DEFAULT 0,
            locked_until INTEGER,
            last_sign_in_at INTEGER,
            created_at INTEGER NOT NULL
        ) STRICT""",
        """CREATE TABLE audit_log (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at INTEGER NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL,
            previous_hash TEXT NOT NULL,
            hash TEXT NOT NULL UNIQUE
        ) STRICT""",
        "CREATE INDEX audit_log_by_subject ON audit_log (subject, id)",
        """CREATE TRIGGER audit_log_is_never_changed BEFORE UPDATE ON audit_log
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
        """CREATE TRIGGER audit_log_is_never_deleted BEFORE DELETE ON audit_log
            BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END""",
    )


@migrations()
def m002_mirror(database: Database) -> None:
    """What Stripe told us, newest word per object. Names are Stripe's."""
    _run(
        database,
        """CREATE TABLE customers (
            id TEXT PRIMARY KEY,
            livemode INTEGER NOT NULL,
            name TEXT,
            email TEXT,
            created INTEGER NOT NULL,
            is_deleted INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)),
            synced_at_ms INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX customers_by_created ON customers (created DESC, id DESC)",
        "CREATE INDEX customers_by_email ON customers (lower(email))",
        """CREATE TABLE checkout_sessions (
            id TEXT PRIMARY KEY,
            livemode INTEGER NOT NULL,
            status TEXT NOT NULL,
            customer TEXT,
            customer_email TEXT,
            customer_name TEXT,
            currency TEXT,
            setup_intent TEXT,
            client_reference_id TEXT,
            link_id TEXT,
            reference TEXT,
            created INTEGER NOT NULL,
            expires_at INTEGER,
            completed_at INTEGER,
            synced_at_ms INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX checkout_sessions_by_created ON checkout_sessions (created DESC, id DESC)",
        """CREATE INDEX checkout_sessions_by_status
            ON checkout_sessions (status, created DESC, id DESC)""",
        "CREATE INDEX checkout_sessions_by_customer ON checkout_sessions (customer, created DESC)",
        "CREATE INDEX checkout_sessions_by_setup_intent ON checkout_sessions (setup_intent)",
        "CREATE INDEX checkout_sessions_by_link ON checkout_sessions (link_id)",
        """CREATE TABLE setup_intents (
            id TEXT PRIMARY KEY,
            livemode INTEGER NOT NULL,
            status TEXT NOT NULL,
            customer TEXT,
            payment_method TEXT,
            usage TEXT,
            last_error_code TEXT,
            last_error_message TEXT,
            created INTEGER NOT NULL,
            synced_at_ms INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX setup_intents_by_payment_method ON setup_intents (payment_method)",
        """CREATE TABLE payment_methods (
            id TEXT PRIMARY KEY,
            livemode INTEGER NOT NULL,
            type TEXT NOT NULL,
            customer TEXT,
            last_customer TEXT,
            is_detached INTEGER NOT NULL DEFAULT 0 CHECK (is_detached IN (0, 1)),
            brand TEXT,
            last4 TEXT,
            exp_month INTEGER,
            exp_year INTEGER,
            funding TEXT,
            country TEXT,
            fingerprint TEXT,
            billing_name TEXT,
            billing_email TEXT,
            created INTEGER NOT NULL,
            synced_at_ms INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX payment_methods_by_created ON payment_methods (created DESC, id DESC)",
        "CREATE INDEX payment_methods_by_customer ON payment_methods (customer, created DESC)",
        """CREATE INDEX payment_methods_by_fingerprint
            ON payment_methods (fingerprint) WHERE fingerprint IS NOT NULL""",
        """CREATE TABLE payment_intents (
            id TEXT PRIMARY KEY,
            livemode INTEGER NOT NULL,
            status TEXT NOT NULL,
            customer TEXT,
            payment_method TEXT,
            amount INTEGER NOT NULL,
            currency TEXT NOT NULL,
            charge_id TEXT,
            attempt INTEGER,
            latest_charge TEXT,
            error_code TEXT,
            error_decline_code TEXT,
            description TEXT,
            created INTEGER NOT NULL,
            synced_at_ms INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX payment_intents_by_created ON payment_intents (created DESC, id DESC)",
        "CREATE INDEX payment_intents_by_customer ON payment_intents (customer, created DESC)",
        "CREATE TABLE sync_cursors (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT",
    )


@migrations()
def m003_setup_links(database: Database) -> None:
    """Durable links, and each Checkout Session minted for one: the request row comes first."""
    _run(
        database,
        """CREATE TABLE setup_links (
            id TEXT PRIMARY KEY,
            token TEXT NOT NULL UNIQUE,
            form_key TEXT NOT NULL UNIQUE,
            customer TEXT,
            email TEXT,
            name TEXT,
            currency TEXT,
            reference TEXT,
            locale TEXT,
            charge_id TEXT,
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL,
            revoked_at INTEGER,
            completed_at INTEGER,
            completed_session TEXT,
            CHECK (revoked_at IS NULL OR completed_at IS NULL)
        ) STRICT""",
        "CREATE INDEX setup_links_by_created ON setup_links (created_at DESC, id DESC)",
        "CREATE INDEX setup_links_by_customer ON setup_links (customer, created_at DESC)",
        """CREATE UNIQUE INDEX one_open_recovery_link_a_charge ON setup_links (charge_id)
            WHERE charge_id IS NOT NULL AND revoked_at IS NULL AND completed_at IS NULL""",
        """CREATE TABLE link_sessions (
            link_id TEXT NOT NULL REFERENCES setup_links (id),
            number INTEGER NOT NULL CHECK (number >= 1),
            idempotency_key TEXT NOT NULL UNIQUE,
            params TEXT NOT NULL,
            requested_at INTEGER NOT NULL,
            session_id TEXT UNIQUE,
            url TEXT,
            expires_at INTEGER,
            closed_at INTEGER,
            PRIMARY KEY (link_id, number)
        ) STRICT""",
        """CREATE UNIQUE INDEX one_open_session_a_link ON link_sessions (link_id)
            WHERE closed_at IS NULL""",
        """CREATE TABLE stripe_requests (
            idempotency_key TEXT PRIMARY KEY,
            operation TEXT NOT NULL,
            params TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            requested_at INTEGER NOT NULL,
            object_id TEXT,
            finished_at INTEGER
        ) STRICT""",
    )


@migrations()
def m004_charge_ledger(database: Database) -> None:
    """
    What is owed (charges) and every try to collect it (attempts).

    The second guard behind the services: one live charge per (customer, reference), unique keys,
    one open attempt per charge, attempts that are never deleted nor given another key, other
    parameters, or another outcome once money moved.
    """
    _run(
        database,
        """CREATE TABLE charges (
            id TEXT PRIMARY KEY,
            livemode INTEGER NOT NULL,
            customer TEXT NOT NULL,
            payment_method TEXT NOT NULL,
            amount INTEGER NOT NULL CHECK (amount > 0),
            currency TEXT NOT NULL CHECK (length(currency) = 3 AND currency = lower(currency)),
            reference TEXT NOT NULL
                CHECK (length(reference) BETWEEN 1 AND 200 AND reference = trim(reference)),
            description TEXT,
            state TEXT NOT NULL CHECK (state IN (
                'planned', 'attempting', 'succeeded', 'processing', 'declined',
                'needs_customer', 'unknown', 'blocked', 'cancelled')),
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT""",
        """CREATE UNIQUE INDEX one_live_charge_a_reference ON charges (customer, reference)
            WHERE state IN ('planned', 'attempting', 'succeeded', 'processing', 'unknown')""",
        "CREATE INDEX charges_by_created ON charges (created_at DESC, id DESC)",
        "CREATE INDEX charges_by_state ON charges (state, created_at DESC, id DESC)",
        "CREATE INDEX charges_by_customer ON charges (customer, created_at DESC)",
        """CREATE TABLE attempts (
            charge_id TEXT NOT NULL REFERENCES charges (id),
            number INTEGER NOT NULL CHECK (number >= 1),
            idempotency_key TEXT NOT NULL UNIQUE,
            params TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            requested_at INTEGER NOT NULL,
            outcome TEXT CHECK (outcome IN (
                'succeeded', 'processing', 'declined', 'needs_customer', 'unknown',
                'not_executed')),
            outcome_at INTEGER,
            evidence TEXT,
            next_look_at INTEGER,
            looks INTEGER NOT NULL DEFAULT 0,
            payment_intent TEXT,
            http_status INTEGER,
            request_id TEXT,
            code TEXT,
            decline_code TEXT,
            advice_code TEXT,
            network_decline_code TEXT,
            network_advice_code TEXT,
            outcome_type TEXT,
            message TEXT,
            PRIMARY KEY (charge_id, number),
            CHECK ((outcome IS NULL) = (outcome_at IS NULL))
        ) STRICT""",
        """CREATE UNIQUE INDEX one_open_attempt_a_charge ON attempts (charge_id)
            WHERE outcome IS NULL OR outcome IN ('unknown', 'processing')""",
        """CREATE UNIQUE INDEX one_attempt_a_payment_intent ON attempts (payment_intent)
            WHERE payment_intent IS NOT NULL""",
        """CREATE INDEX attempts_to_settle ON attempts (next_look_at)
            WHERE outcome IS NULL OR outcome IN ('unknown', 'processing')""",
        """CREATE TRIGGER attempts_are_never_deleted BEFORE DELETE ON attempts
            BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END""",
        """CREATE TRIGGER attempts_keep_what_was_sent BEFORE UPDATE ON attempts
            WHEN NEW.charge_id <> OLD.charge_id OR NEW.number <> OLD.number
              OR NEW.idempotency_key <> OLD.idempotency_key OR NEW.params <> OLD.params
              OR NEW.requested_at <> OLD.requested_at
              OR (OLD.payment_intent IS NOT NULL AND NEW.payment_intent IS NOT OLD.payment_intent)
            BEGIN SELECT RAISE(ABORT, 'an attempt keeps its key and parameters'); END""",
        """CREATE TRIGGER attempts_that_moved_money_are_final BEFORE UPDATE ON attempts
            WHEN OLD.outcome = 'succeeded' AND NEW.outcome IS NOT 'succeeded'
            BEGIN SELECT RAISE(ABORT, 'money moved: this attempt is final'); END""",
        """CREATE TRIGGER charges_are_never_deleted BEFORE DELETE ON charges
            BEGIN SELECT RAISE(ABORT, 'charges are never deleted'); END""",
        """CREATE TRIGGER charges_keep_what_is_owed BEFORE UPDATE ON charges
            WHEN NEW.customer <> OLD.customer OR NEW.amount <> OLD.amount
              OR NEW.currency <> OLD.currency OR NEW.reference <> OLD.reference
              OR (OLD.state = 'succeeded' AND NEW.state <> 'succeeded')
            BEGIN SELECT RAISE(ABORT, 'a charge keeps what is owed and that it was paid'); END""",
        """CREATE TABLE charge_events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            charge_id TEXT NOT NULL REFERENCES charges (id),
            attempt INTEGER,
            at INTEGER NOT NULL,
            actor TEXT NOT NULL,
            kind TEXT NOT NULL,
            detail TEXT NOT NULL
        ) STRICT""",
        "CREATE INDEX charge_events_by_charge ON charge_events (charge_id, id)",
        """CREATE TRIGGER charge_events_are_never_changed BEFORE UPDATE ON charge_events
            BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END""",
        """CREATE TRIGGER charge_events_are_never_deleted BEFORE DELETE ON charge_events
            BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END""",
    )


@migrations()
def m005_background_work(database: Database) -> None:
    """The webhook inbox and the jobs that pages ask for and watch."""
    _run(
        database,
        """CREATE TABLE webhook_deliveries (
            event_id TEXT PRIMARY KEY,
            type TEXT NOT NULL,
            object_id TEXT,
            api_version TEXT,
            livemode INTEGER NOT NULL,
            created INTEGER NOT NULL,
            received_at INTEGER NOT NULL,
            signature_age INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('received', 'processed', 'ignored', 'failed')),
            tries INTEGER NOT NULL DEFAULT 0,
            next_try_at INTEGER,
            error TEXT,
            finished_at INTEGER
        ) STRICT""",
        """CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_try_at)
            WHERE state IN ('received', 'failed')""",
        "CREATE INDEX webhook_deliveries_by_received ON webhook_deliveries (received_at DESC)",
        """CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            params TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
            requested_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            started_at INTEGER,
            heartbeat_at INTEGER,
            finished_at INTEGER,
            progress TEXT NOT NULL DEFAULT '{}',
            result TEXT,
            error TEXT
        ) STRICT""",
        "CREATE UNIQUE INDEX one_open_job_a_kind ON jobs (kind) WHERE state IN ('queued', 'running')",
        "CREATE INDEX jobs_by_created ON jobs (created_at DESC)",
    )
