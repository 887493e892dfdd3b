"""
The schema, step by step. Steps are appended, never edited or renamed once they ran anywhere.

Times are Unix seconds in UTC (one unit for Stripe's times and ours); `synced_at_ms` is in
milliseconds because it decides which of two writes is newer. Money is an integer of minor units
beside its currency. There are no foreign keys between mirrored Stripe tables: events arrive in any order.
Steps import nothing from `lib`: they must mean in a year what they mean today.
"""

from __future__ import annotations

from collections.abc import Sequence

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


@migrations()
def m006_webhook_inbox(database: Database) -> None:
    """
    What the inbox needs to be looked at, claimed and replayed.

    Rows are listed in the order of arrival, which is their rowid: every index ends with it.
    `next_try_at` is 0 for what was never tried, so that it is due whatever any clock says.
    """
    _run(
        database,
        "ALTER TABLE webhook_deliveries ADD COLUMN object_type TEXT",
        "ALTER TABLE webhook_deliveries ADD COLUMN body TEXT NOT NULL DEFAULT '{}'",
        "ALTER TABLE webhook_deliveries ADD COLUMN note TEXT",
        "ALTER TABLE webhook_deliveries ADD COLUMN webhook_at INTEGER",
        "ALTER TABLE webhook_deliveries ADD COLUMN repeats INTEGER NOT NULL DEFAULT 0",
        # Only webhooks have a signature's age, and only they were ever ignored. Where one such row
        # is, webhooks work, and most of the others came that way, too.
        """UPDATE webhook_deliveries SET webhook_at = received_at WHERE EXISTS (
            SELECT 1 FROM webhook_deliveries WHERE signature_age <> 0 OR state = 'ignored')""",
        "UPDATE webhook_deliveries SET next_try_at = 0 WHERE state = 'received' AND tries = 0",
        "DROP INDEX webhook_deliveries_by_received",
        "CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (state)",
        """CREATE INDEX webhook_deliveries_given_up ON webhook_deliveries (state)
            WHERE state = 'failed' AND next_try_at IS NULL""",
        "CREATE INDEX webhook_deliveries_by_object ON webhook_deliveries (object_id)",
        # Its end is the newest webhook; its NULLs are what only polling learnt, by time.
        "CREATE INDEX webhook_deliveries_by_way ON webhook_deliveries (webhook_at, created)",
    )


@migrations()
def m007_provable_mirror(database: Database) -> None:
    """
    `position` (created x 2^20 + a number within that second) becomes the primary key of what is
    listed and searched: newest first is then the order of the table and of its search index.

    Triggers count sessions and note which rows changed (`search_pending`). What follows from that,
    the search index and whether a session needs a customer, is derived by SearchStore: in triggers
    it would take three times as long as writing the rows.
    """
    for table, columns in _POSITIONED.items():
        _run(database, f"ALTER TABLE {table} RENAME TO old_{table}")
        names = ", ".join(line.split()[0] for line in columns)
        _run(
            database,
            f"""CREATE TABLE {table} (
                position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, {", ".join(columns)}
            ) STRICT""",
            f"""INSERT INTO {table} (position, id, {names})
                SELECT (created << 20) + row_number() OVER (PARTITION BY created ORDER BY id) - 1,
                    id, {names} FROM old_{table}""",
            f"DROP TABLE old_{table}",
        )
    _run(
        database,
        "CREATE INDEX customers_by_email ON customers (lower(email))",
        "CREATE INDEX checkout_sessions_by_status ON checkout_sessions (status)",
        "CREATE INDEX checkout_sessions_by_customer ON checkout_sessions (customer)",
        "CREATE INDEX checkout_sessions_by_setup_intent ON checkout_sessions (setup_intent)",
        """CREATE INDEX checkout_sessions_by_link ON checkout_sessions (link_id)
            WHERE link_id IS NOT NULL""",
        "CREATE INDEX payment_methods_by_customer ON payment_methods (customer)",
        """CREATE INDEX payment_methods_by_last_customer ON payment_methods (last_customer)
            WHERE is_detached = 1""",
        """CREATE INDEX payment_methods_by_fingerprint ON payment_methods (fingerprint)
            WHERE fingerprint IS NOT NULL""",
        """CREATE INDEX payment_methods_by_expiry ON payment_methods (exp_year, exp_month)
            WHERE customer IS NOT NULL""",
        "CREATE INDEX setup_intents_by_created ON setup_intents (created)",
        # Whether a completed session saved a method that has no customer yet; derived.
        """ALTER TABLE checkout_sessions ADD COLUMN needs_customer INTEGER NOT NULL DEFAULT 0
            CHECK (needs_customer IN (0, 1))""",
        f"UPDATE checkout_sessions SET needs_customer = 1 WHERE {_NEEDS_CUSTOMER}",
        """CREATE INDEX checkout_sessions_in_need ON checkout_sessions (needs_customer)
            WHERE needs_customer = 1""",
    )
    _count_sessions(database)
    _note_what_to_index(database)
    _run(
        database,
        # Stripe's Charges; the ledger's own are in `charges`.
        """CREATE TABLE stripe_charges (
            id TEXT PRIMARY KEY,
            livemode INTEGER NOT NULL,
            status TEXT NOT NULL,
            customer TEXT,
            payment_intent TEXT,
            payment_method TEXT,
            amount INTEGER NOT NULL,
            amount_refunded INTEGER NOT NULL,
            currency TEXT NOT NULL,
            is_disputed INTEGER NOT NULL,
            failure_code TEXT,
            outcome_type TEXT,
            created INTEGER NOT NULL,
            synced_at_ms INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX stripe_charges_by_created ON stripe_charges (created)",
        "CREATE INDEX stripe_charges_by_payment_intent ON stripe_charges (payment_intent)",
        "CREATE INDEX stripe_charges_by_customer ON stripe_charges (customer, created)",
        """CREATE TABLE refunds (
            id TEXT PRIMARY KEY,
            status TEXT,
            customer TEXT,
            charge TEXT,
            payment_intent TEXT,
            amount INTEGER NOT NULL,
            currency TEXT NOT NULL,
            reason TEXT,
            failure_reason TEXT,
            created INTEGER NOT NULL,
            synced_at_ms INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX refunds_by_created ON refunds (created)",
        "CREATE INDEX refunds_by_charge ON refunds (charge)",
        """CREATE TABLE disputes (
            id TEXT PRIMARY KEY,
            livemode INTEGER NOT NULL,
            status TEXT NOT NULL,
            customer TEXT,
            charge TEXT,
            payment_intent TEXT,
            amount INTEGER NOT NULL,
            currency TEXT NOT NULL,
            reason TEXT,
            due_by INTEGER,
            created INTEGER NOT NULL,
            synced_at_ms INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX disputes_by_created ON disputes (created)",
        "CREATE INDEX disputes_by_charge ON disputes (charge)",
    )
    _run(
        database,
        """CREATE TABLE backfills (
            id TEXT PRIMARY KEY,
            types TEXT NOT NULL,
            started_at INTEGER NOT NULL,
            finished_at INTEGER
        ) STRICT""",
        "CREATE UNIQUE INDEX one_open_backfill ON backfills ((1)) WHERE finished_at IS NULL",
        # An id never comes back: a reader whose backfill was ended meanwhile still knows its own.
        """CREATE TABLE sync_windows (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            backfill_id TEXT NOT NULL REFERENCES backfills (id),
            type TEXT NOT NULL,
            created_from INTEGER NOT NULL,
            created_before INTEGER NOT NULL,
            after_id TEXT,
            after_created INTEGER,
            objects INTEGER NOT NULL DEFAULT 0,
            is_done INTEGER NOT NULL DEFAULT 0 CHECK (is_done IN (0, 1)),
            CHECK (created_from <= created_before)
        ) STRICT""",
        "CREATE INDEX sync_windows_by_backfill ON sync_windows (backfill_id, type, is_done)",
        """CREATE INDEX audit_log_of_double_payments ON audit_log (subject)
            WHERE action = 'charge.paid_twice_suspected'""",
        "CREATE TABLE stripe_reads (day INTEGER PRIMARY KEY, reads INTEGER NOT NULL) STRICT",
        """CREATE TABLE proofs (
            id INTEGER PRIMARY KEY,
            type TEXT NOT NULL,
            proven_at INTEGER NOT NULL,
            windows INTEGER NOT NULL,
            windows_of INTEGER NOT NULL,
            here INTEGER NOT NULL,
            at_stripe INTEGER NOT NULL,
            missing INTEGER NOT NULL,
            extra INTEGER NOT NULL,
            differing INTEGER NOT NULL,
            repaired INTEGER NOT NULL,
            oldest_here INTEGER,
            oldest_at_stripe INTEGER,
            newest_here INTEGER,
            newest_at_stripe INTEGER,
            findings TEXT NOT NULL,
            error TEXT
        ) STRICT""",
        "CREATE INDEX proofs_by_type ON proofs (type, id)",
    )
    _run(
        database,
        "ALTER TABLE jobs RENAME TO old_jobs",
        """CREATE TABLE jobs (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            params TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
            requested_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            started_at INTEGER,
            heartbeat_at INTEGER,
            cancel_requested_by TEXT,
            finished_at INTEGER,
            progress TEXT NOT NULL DEFAULT '{}',
            result TEXT,
            error TEXT
        ) STRICT""",
        """INSERT INTO jobs (id, kind, params, state, requested_by, created_at, started_at,
                heartbeat_at, finished_at, progress, result, error)
            SELECT id, kind, params, state, requested_by, created_at, started_at,
                heartbeat_at, finished_at, progress, result, error FROM old_jobs""",
        "DROP TABLE old_jobs",
        "CREATE UNIQUE INDEX one_open_job_a_kind ON jobs (kind) WHERE state IN ('queued', 'running')",
        "CREATE INDEX jobs_by_kind ON jobs (kind, created_at DESC)",
    )


_POSITIONED: dict[str, tuple[str, ...]] = {
    "customers": (
        "livemode INTEGER NOT NULL",
        "name TEXT",
        "email TEXT",
        "created INTEGER NOT NULL",
        "is_deleted INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1))",
        "synced_at_ms INTEGER NOT NULL",
    ),
    "checkout_sessions": (
        "livemode INTEGER NOT NULL",
        "status TEXT NOT NULL",
        "customer TEXT",
        "customer_email TEXT",
        "customer_name TEXT",
        "currency TEXT",
        "setup_intent TEXT",
        "client_reference_id TEXT",
        "link_id TEXT",
        "reference TEXT",
        "created INTEGER NOT NULL",
        "expires_at INTEGER",
        "completed_at INTEGER",
        "synced_at_ms INTEGER NOT NULL",
    ),
    "payment_methods": (
        "livemode INTEGER NOT NULL",
        "type TEXT NOT NULL",
        "customer TEXT",
        "last_customer TEXT",
        "is_detached INTEGER NOT NULL DEFAULT 0 CHECK (is_detached IN (0, 1))",
        "brand TEXT",
        "last4 TEXT",
        "exp_month INTEGER",
        "exp_year INTEGER",
        "funding TEXT",
        "country TEXT",
        "fingerprint TEXT",
        "billing_name TEXT",
        "billing_email TEXT",
        "created INTEGER NOT NULL",
        "synced_at_ms INTEGER NOT NULL",
    ),
}
_NEEDS_CUSTOMER = """status = 'complete' AND EXISTS (
    SELECT 1 FROM setup_intents i JOIN payment_methods m ON m.id = i.payment_method
    WHERE i.id = checkout_sessions.setup_intent AND m.customer IS NULL AND m.is_detached = 0)"""


def _count_sessions(database: Database) -> None:
    """Counting a million rows takes 40 ms, and a page needs the number on every rerun."""
    _run(
        database,
        "CREATE TABLE session_counts (state TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT",
        """INSERT INTO session_counts (state, n)
            SELECT status, count(*) FROM checkout_sessions GROUP BY status""",
        """INSERT INTO session_counts (state, n)
            SELECT 'needs_customer', count(*) FROM checkout_sessions WHERE needs_customer = 1""",
        """CREATE TRIGGER sessions_are_counted AFTER INSERT ON checkout_sessions
            BEGIN INSERT INTO session_counts (state, n) VALUES (NEW.status, 1)
                ON CONFLICT (state) DO UPDATE SET n = n + 1; END""",
        """CREATE TRIGGER sessions_are_counted_anew AFTER UPDATE OF status ON checkout_sessions
            WHEN NEW.status <> OLD.status
            BEGIN
                UPDATE session_counts SET n = n - 1 WHERE state = OLD.status;
                INSERT INTO session_counts (state, n) VALUES (NEW.status, 1)
                    ON CONFLICT (state) DO UPDATE SET n = n + 1;
            END""",
        """CREATE TRIGGER sessions_in_need_are_counted
            AFTER UPDATE OF needs_customer ON checkout_sessions
            WHEN NEW.needs_customer <> OLD.needs_customer
            BEGIN UPDATE session_counts SET n = n + NEW.needs_customer - OLD.needs_customer
                WHERE state = 'needs_customer'; END""",
        # Nothing but a proof or a person with a SQLite shell deletes one.
        """CREATE TRIGGER sessions_are_counted_no_more AFTER DELETE ON checkout_sessions
            BEGIN
                UPDATE session_counts SET n = n - 1 WHERE state = OLD.status;
                UPDATE session_counts SET n = n - OLD.needs_customer WHERE state = 'needs_customer';
            END""",
    )


# What the search text of a row, or whether it needs a customer, is made of.
_SEARCHED = {
    "customers": ("name", "email", "is_deleted"),
    "setup_intents": ("payment_method",),
    "payment_methods": (
        "customer",
        "last_customer",
        "is_detached",
        "brand",
        "last4",
        "billing_name",
        "billing_email",
    ),
    "checkout_sessions": (
        "status",
        "customer",
        "customer_email",
        "customer_name",
        "setup_intent",
        "client_reference_id",
        "reference",
    ),
}


# Not OR IGNORE: an upsert that fires a trigger overrides that.
_NOTE = "INSERT INTO search_pending VALUES ('{0}', NEW.rowid) ON CONFLICT DO NOTHING;"


def _note_changes(table: str, columns: Sequence[str]) -> str:
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in columns)
    return f"""CREATE TRIGGER {table}_to_index_anew AFTER UPDATE OF {", ".join(columns)} ON {table}
        WHEN {changed} BEGIN {_NOTE.format(table)} END"""


def _note_what_to_index(database: Database) -> None:
    _run(
        database,
        """CREATE TABLE search_pending (
            kind TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (kind, position)
        ) STRICT, WITHOUT ROWID""",
    )
    for table, columns in _SEARCHED.items():
        note = _NOTE.format(table)
        _run(
            database,
            f"CREATE TRIGGER {table}_to_index AFTER INSERT ON {table} BEGIN {note} END",
            _note_changes(table, columns),
            f"""CREATE TRIGGER {table}_to_unindex AFTER DELETE ON {table}
                BEGIN {note.replace("NEW.", "OLD.")} END""",
            f"INSERT INTO search_pending SELECT '{table}', rowid FROM {table}",
        )
        if table == "setup_intents":
            continue
        _run(
            database,
            f"""CREATE TABLE {table}_search (position INTEGER PRIMARY KEY, text TEXT NOT NULL)
                STRICT""",
            f"""CREATE VIRTUAL TABLE {table}_fts USING fts5(text, content = '{table}_search',
                content_rowid = 'position', tokenize = 'trigram case_sensitive 1', detail = none)""",
        )


@migrations()
def m008_charge_runs(database: Database) -> None:
    """
    Runs, their rows, the decisions over them, and the lease under which one is executed.

    The second guard behind the services: rows of a submitted run cannot change, nobody decides on
    what they submitted themself, nothing runs without enough approvals of the digest it has, and
    nothing is sent for a run that is not running or under a lease that was taken over.
    """
    _run(
        database,
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            livemode INTEGER NOT NULL,
            name TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN (
                'draft', 'awaiting_approval', 'approved', 'rejected', 'running', 'paused',
                'stopped', 'finished', 'cancelled')),
            header TEXT NOT NULL,
            file_name TEXT,
            file_digest TEXT,
            follows TEXT REFERENCES runs (id),
            row_count INTEGER NOT NULL DEFAULT 0,
            totals TEXT NOT NULL DEFAULT '{}',
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            submitted_by TEXT,
            submitted_at INTEGER,
            digest TEXT,
            approvals_needed INTEGER NOT NULL DEFAULT 1 CHECK (approvals_needed IN (1, 2)),
            canary INTEGER NOT NULL DEFAULT 0 CHECK (canary >= 0),
            passed_canary INTEGER NOT NULL DEFAULT 0 CHECK (passed_canary IN (0, 1)),
            charge_new_cards INTEGER NOT NULL DEFAULT 0 CHECK (charge_new_cards IN (0, 1)),
            stop_code TEXT,
            stop_message TEXT,
            started_at INTEGER,
            finished_at INTEGER,
            lease_owner TEXT,
            lease_fence INTEGER NOT NULL DEFAULT 0,
            lease_at INTEGER,
            CHECK (state IN ('draft', 'cancelled')
                OR (digest IS NOT NULL AND submitted_by IS NOT NULL)),
            CHECK (lease_owner IS NULL OR state = 'running')
        ) STRICT""",
        "CREATE INDEX runs_by_created ON runs (created_at DESC, id DESC)",
        "CREATE INDEX runs_by_state ON runs (state, created_at DESC)",
        """CREATE TABLE run_rows (
            run_id TEXT NOT NULL REFERENCES runs (id),
            number INTEGER NOT NULL CHECK (number >= 1),
            cells TEXT NOT NULL,
            request TEXT NOT NULL,
            customer TEXT,
            payment_method TEXT,
            amount INTEGER CHECK (amount > 0),
            currency TEXT CHECK (length(currency) = 3 AND currency = lower(currency)),
            reference TEXT,
            description TEXT,
            suffix TEXT,
            state TEXT NOT NULL CHECK (state IN ('planned', 'blocked', 'cancelled', 'sent')),
            findings TEXT NOT NULL DEFAULT '[]',
            verdict TEXT NOT NULL CHECK (verdict IN ('green', 'amber', 'red')),
            is_submitted INTEGER NOT NULL DEFAULT 0 CHECK (is_submitted IN (0, 1)),
            charge_id TEXT NOT NULL,
            PRIMARY KEY (run_id, number),
            CHECK (state <> 'sent' OR is_submitted = 1),
            CHECK (verdict <> 'red' OR state IN ('blocked', 'cancelled')),
            CHECK (state NOT IN ('planned', 'sent') OR (customer IS NOT NULL
                AND payment_method IS NOT NULL AND amount IS NOT NULL AND currency IS NOT NULL
                AND reference IS NOT NULL))
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX run_rows_by_state ON run_rows (run_id, state, number)",
        "CREATE INDEX run_rows_by_verdict ON run_rows (run_id, verdict, number)",
        """CREATE INDEX run_rows_by_reference ON run_rows (customer, reference)
            WHERE state = 'planned'""",
        "CREATE INDEX run_rows_by_charge ON run_rows (charge_id)",
        """CREATE TABLE run_decisions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            run_id TEXT NOT NULL REFERENCES runs (id),
            verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'reject')),
            digest TEXT NOT NULL,
            submitted_by TEXT NOT NULL,
            submitted_at INTEGER NOT NULL,
            by TEXT NOT NULL,
            at INTEGER NOT NULL,
            reason TEXT,
            CHECK (by <> submitted_by),
            CHECK (verdict = 'approve' OR reason IS NOT NULL),
            UNIQUE (run_id, digest, submitted_at, by)
        ) STRICT""",
        """CREATE TABLE limits (
            currency TEXT PRIMARY KEY CHECK (length(currency) = 3 AND currency = lower(currency)),
            per_charge INTEGER CHECK (per_charge > 0),
            per_run INTEGER CHECK (per_run > 0),
            per_day INTEGER CHECK (per_day > 0),
            set_by TEXT NOT NULL,
            set_at INTEGER NOT NULL
        ) STRICT""",
        "ALTER TABLE customers ADD COLUMN default_payment_method TEXT",
        "ALTER TABLE attempts ADD COLUMN run_id TEXT REFERENCES runs (id)",
        "ALTER TABLE attempts ADD COLUMN run_row INTEGER",
        "ALTER TABLE attempts ADD COLUMN fence INTEGER",
        "CREATE INDEX attempts_by_requested ON attempts (requested_at)",
        "CREATE INDEX attempts_by_run_row ON attempts (run_id, run_row) WHERE run_id IS NOT NULL",
        # No unique index: late news of money that moved must always find room.
        """CREATE TRIGGER one_attempt_a_run_row BEFORE INSERT ON attempts
            WHEN EXISTS (SELECT 1 FROM attempts WHERE run_id = NEW.run_id
                AND run_row = NEW.run_row AND outcome IS NOT 'not_executed')
            BEGIN SELECT RAISE(ABORT, 'this row of the run was sent'); END""",
        """CREATE TRIGGER attempts_need_their_runs_lease BEFORE INSERT ON attempts
            WHEN NEW.run_id IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM runs WHERE id = NEW.run_id AND state = 'running'
                    AND lease_fence = NEW.fence)
            BEGIN SELECT RAISE(ABORT, 'this run is not executed by this process any more'); END""",
        """CREATE TRIGGER attempts_fit_their_run_row BEFORE INSERT ON attempts
            WHEN NEW.run_id IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM run_rows r JOIN charges c ON c.id = NEW.charge_id
                WHERE r.run_id = NEW.run_id AND r.number = NEW.run_row AND r.charge_id = c.id
                    AND r.is_submitted = 1 AND r.state = 'sent'
                    AND r.customer = c.customer AND r.payment_method = c.payment_method
                    AND r.amount = c.amount AND r.currency = c.currency
                    AND r.reference = c.reference)
            BEGIN SELECT RAISE(ABORT, 'an attempt charges what its row says'); END""",
        """CREATE TRIGGER attempts_keep_their_run BEFORE UPDATE OF run_id, run_row, fence ON attempts
            BEGIN SELECT RAISE(ABORT, 'an attempt keeps its run'); END""",
        """CREATE TRIGGER decisions_fit_what_was_submitted BEFORE INSERT ON run_decisions
            WHEN NOT EXISTS (SELECT 1 FROM runs WHERE id = NEW.run_id
                AND state = 'awaiting_approval' AND digest = NEW.digest
                AND submitted_by = NEW.submitted_by AND submitted_at = NEW.submitted_at
                AND created_by <> NEW.by)
            BEGIN SELECT RAISE(ABORT, 'a decision is about what another person submitted'); END""",
        """CREATE TRIGGER decisions_are_never_changed BEFORE UPDATE ON run_decisions
            BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END""",
        """CREATE TRIGGER decisions_are_never_deleted BEFORE DELETE ON run_decisions
            BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END""",
        """CREATE TRIGGER runs_need_their_approvals BEFORE UPDATE OF state ON runs
            WHEN NEW.state IN ('approved', 'running') AND NEW.approvals_needed > (
                SELECT count(DISTINCT by) FROM run_decisions WHERE run_id = NEW.id
                    AND verdict = 'approve' AND digest = NEW.digest
                    AND submitted_by = NEW.submitted_by AND submitted_at = NEW.submitted_at)
            BEGIN SELECT RAISE(ABORT, 'this run is not approved'); END""",
        """CREATE TRIGGER runs_begin_as_drafts BEFORE INSERT ON runs WHEN NEW.state <> 'draft'
            BEGIN SELECT RAISE(ABORT, 'a run begins as a draft'); END""",
        """CREATE TRIGGER runs_keep_what_was_submitted BEFORE UPDATE ON runs
            WHEN OLD.state <> 'draft' AND NEW.state <> 'draft' AND (
                NEW.digest IS NOT OLD.digest OR NEW.submitted_by IS NOT OLD.submitted_by
                OR NEW.submitted_at IS NOT OLD.submitted_at
                OR NEW.approvals_needed <> OLD.approvals_needed
                OR NEW.canary <> OLD.canary OR NEW.charge_new_cards <> OLD.charge_new_cards
                OR NEW.created_by <> OLD.created_by)
            BEGIN SELECT RAISE(ABORT, 'a submitted run keeps its digest'); END""",
        """CREATE TRIGGER runs_take_steps_in_order BEFORE UPDATE OF state ON runs
            WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN (
                'draft>awaiting_approval', 'draft>cancelled', 'awaiting_approval>draft',
                'awaiting_approval>approved', 'awaiting_approval>rejected',
                'awaiting_approval>cancelled', 'approved>draft', 'approved>running',
                'approved>cancelled', 'rejected>draft', 'rejected>cancelled', 'running>paused',
                'running>stopped', 'running>finished', 'running>cancelled', 'paused>running',
                'paused>cancelled', 'stopped>running', 'stopped>cancelled')
            BEGIN SELECT RAISE(ABORT, 'a run cannot go there from here'); END""",
        """CREATE TRIGGER runs_are_never_deleted BEFORE DELETE ON runs
            BEGIN SELECT RAISE(ABORT, 'runs are never deleted'); END""",
        """CREATE TRIGGER leases_only_go_up BEFORE UPDATE OF lease_fence ON runs
            WHEN NEW.lease_fence < OLD.lease_fence
            BEGIN SELECT RAISE(ABORT, 'a lease never goes back'); END""",
        """CREATE TRIGGER rows_are_added_to_drafts BEFORE INSERT ON run_rows
            WHEN (SELECT state FROM runs WHERE id = NEW.run_id) IS NOT 'draft'
            BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END""",
        """CREATE TRIGGER rows_of_submitted_runs_stay BEFORE DELETE ON run_rows
            WHEN (SELECT state FROM runs WHERE id = OLD.run_id) IS NOT 'draft'
            BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END""",
        """CREATE TRIGGER rows_of_submitted_runs_keep_what_is_charged BEFORE UPDATE ON run_rows
            WHEN (SELECT state FROM runs WHERE id = OLD.run_id) IS NOT 'draft' AND (
                NEW.run_id <> OLD.run_id OR NEW.number <> OLD.number OR NEW.cells <> OLD.cells
                OR NEW.request <> OLD.request
                OR NEW.customer IS NOT OLD.customer
                OR NEW.payment_method IS NOT OLD.payment_method
                OR NEW.amount IS NOT OLD.amount OR NEW.currency IS NOT OLD.currency
                OR NEW.reference IS NOT OLD.reference OR NEW.description IS NOT OLD.description
                OR NEW.suffix IS NOT OLD.suffix OR NEW.is_submitted <> OLD.is_submitted
                OR (OLD.state IN ('blocked', 'cancelled') AND NEW.state IN ('planned', 'sent')))
            BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END""",
    )


@migrations()
def m009_second_person(database: Database) -> None:
    """
    What takes two people besides a run: refunds, and outcomes that no evidence settles. And the
    charges that an approval allowed to be made once more with a new card.

    The second guard: nobody decides on what they asked for; one open refund a charge, never more
    than was charged; no attempt is settled by hand without an approved verdict that says the same.
    """
    _run(
        database,
        """CREATE TABLE refund_orders (
            id TEXT PRIMARY KEY,
            charge_id TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            payment_intent TEXT NOT NULL,
            amount INTEGER NOT NULL CHECK (amount > 0),
            currency TEXT NOT NULL CHECK (length(currency) = 3 AND currency = lower(currency)),
            reason TEXT NOT NULL
                CHECK (reason IN ('duplicate', 'fraudulent', 'requested_by_customer')),
            note TEXT NOT NULL CHECK (length(trim(note)) > 0),
            refunded_before INTEGER NOT NULL CHECK (refunded_before >= 0),
            state TEXT NOT NULL CHECK (state IN ('requested', 'rejected', 'withdrawn', 'sending',
                'unknown', 'pending', 'succeeded', 'failed', 'refused', 'not_executed')),
            requested_by TEXT NOT NULL,
            requested_at INTEGER NOT NULL,
            decided_by TEXT CHECK (decided_by <> requested_by),
            decided_at INTEGER,
            decision_note TEXT,
            idempotency_key TEXT UNIQUE,
            params TEXT,
            next_look_at INTEGER,
            looks INTEGER NOT NULL DEFAULT 0,
            refund TEXT UNIQUE,
            outcome_at INTEGER,
            code TEXT,
            message TEXT,
            request_id TEXT,
            FOREIGN KEY (charge_id, attempt) REFERENCES attempts (charge_id, number),
            CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
            CHECK ((decided_by IS NULL) = (state IN ('requested', 'withdrawn'))),
            CHECK ((idempotency_key IS NULL) = (params IS NULL)),
            CHECK ((idempotency_key IS NULL) =
                (state IN ('requested', 'rejected', 'withdrawn')))
        ) STRICT""",
        """CREATE UNIQUE INDEX one_open_refund_a_charge ON refund_orders (charge_id)
            WHERE state IN ('requested', 'sending', 'unknown')""",
        "CREATE INDEX refund_orders_by_charge ON refund_orders (charge_id, requested_at)",
        """CREATE INDEX refund_orders_to_settle ON refund_orders (next_look_at)
            WHERE state IN ('sending', 'unknown', 'pending')""",
        """CREATE INDEX refund_orders_to_decide ON refund_orders (requested_at)
            WHERE state = 'requested'""",
        """CREATE TRIGGER refunds_begin_as_requests BEFORE INSERT ON refund_orders
            WHEN NEW.state <> 'requested'
            BEGIN SELECT RAISE(ABORT, 'a refund begins as a request'); END""",
        """CREATE TRIGGER refunds_give_back_what_was_paid BEFORE INSERT ON refund_orders
            WHEN NOT EXISTS (SELECT 1 FROM charges h JOIN attempts a ON a.charge_id = h.id
                WHERE h.id = NEW.charge_id AND a.number = NEW.attempt AND a.outcome = 'succeeded'
                  AND a.payment_intent = NEW.payment_intent AND h.currency = NEW.currency
                  AND NEW.amount + max(NEW.refunded_before, (
                      SELECT coalesce(sum(o.amount), 0) FROM refund_orders o
                      WHERE o.charge_id = h.id AND o.attempt = a.number AND o.state IN
                          ('requested', 'sending', 'unknown', 'pending', 'succeeded')))
                      <= h.amount)
            BEGIN SELECT RAISE(ABORT, 'more would be given back than was paid'); END""",
        """CREATE TRIGGER refunds_keep_what_was_asked BEFORE UPDATE ON refund_orders
            WHEN NEW.id <> OLD.id OR NEW.charge_id <> OLD.charge_id OR NEW.attempt <> OLD.attempt
              OR NEW.payment_intent <> OLD.payment_intent OR NEW.amount <> OLD.amount
              OR NEW.currency <> OLD.currency OR NEW.reason <> OLD.reason
              OR NEW.requested_by <> OLD.requested_by
              OR (OLD.decided_by IS NOT NULL AND NEW.decided_by IS NOT OLD.decided_by)
              OR (OLD.idempotency_key IS NOT NULL AND (
                  NEW.idempotency_key IS NOT OLD.idempotency_key OR NEW.params IS NOT OLD.params))
              OR (OLD.refund IS NOT NULL AND NEW.refund IS NOT OLD.refund)
            BEGIN SELECT RAISE(ABORT, 'a refund keeps what was asked, decided and sent'); END""",
        """CREATE TRIGGER refunds_take_steps_in_order BEFORE UPDATE OF state ON refund_orders
            WHEN NEW.state <> OLD.state AND NOT CASE OLD.state
                WHEN 'requested' THEN NEW.state IN ('sending', 'rejected', 'withdrawn')
                WHEN 'sending' THEN NEW.state IN ('unknown', 'pending', 'succeeded', 'failed',
                    'refused', 'not_executed')
                WHEN 'unknown' THEN NEW.state IN ('pending', 'succeeded', 'failed', 'refused',
                    'not_executed')
                WHEN 'pending' THEN NEW.state IN ('succeeded', 'failed')
                WHEN 'succeeded' THEN NEW.state = 'failed'
                WHEN 'not_executed' THEN NEW.state IN ('pending', 'succeeded', 'failed')
                WHEN 'refused' THEN NEW.state IN ('pending', 'succeeded', 'failed')
                ELSE 0 END
            BEGIN SELECT RAISE(ABORT, 'a refund takes its steps in order'); END""",
        """CREATE TRIGGER refunds_are_never_deleted BEFORE DELETE ON refund_orders
            BEGIN SELECT RAISE(ABORT, 'refunds are never deleted'); END""",
        """CREATE TABLE verdicts (
            id TEXT PRIMARY KEY,
            charge_id TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            outcome TEXT NOT NULL CHECK (outcome IN ('succeeded', 'not_executed')),
            payment_intent TEXT,
            reason TEXT NOT NULL CHECK (length(trim(reason)) > 0),
            state TEXT NOT NULL DEFAULT 'proposed'
                CHECK (state IN ('proposed', 'approved', 'rejected', 'withdrawn', 'overtaken')),
            proposed_by TEXT NOT NULL,
            proposed_at INTEGER NOT NULL,
            decided_by TEXT CHECK (decided_by <> proposed_by),
            decided_at INTEGER,
            decision_note TEXT,
            FOREIGN KEY (charge_id, attempt) REFERENCES attempts (charge_id, number),
            CHECK ((outcome = 'succeeded') = (payment_intent IS NOT NULL)),
            CHECK ((decided_by IS NOT NULL) = (state IN ('approved', 'rejected')))
        ) STRICT""",
        """CREATE UNIQUE INDEX one_open_verdict_a_charge ON verdicts (charge_id)
            WHERE state = 'proposed'""",
        "CREATE INDEX verdicts_by_charge ON verdicts (charge_id, proposed_at)",
        """CREATE TRIGGER verdicts_begin_as_proposals BEFORE INSERT ON verdicts
            WHEN NEW.state <> 'proposed'
            BEGIN SELECT RAISE(ABORT, 'a verdict begins as a proposal'); END""",
        """CREATE TRIGGER verdicts_are_decided_once BEFORE UPDATE ON verdicts
            WHEN OLD.state <> 'proposed' OR NEW.id <> OLD.id OR NEW.charge_id <> OLD.charge_id
              OR NEW.attempt <> OLD.attempt OR NEW.outcome <> OLD.outcome
              OR NEW.payment_intent IS NOT OLD.payment_intent OR NEW.reason <> OLD.reason
              OR NEW.proposed_by <> OLD.proposed_by
            BEGIN SELECT RAISE(ABORT, 'a verdict is decided once, as it was proposed'); END""",
        """CREATE TRIGGER verdicts_are_never_deleted BEFORE DELETE ON verdicts
            BEGIN SELECT RAISE(ABORT, 'verdicts are never deleted'); END""",
        """CREATE TRIGGER attempts_settled_by_hand_need_two_people BEFORE UPDATE ON attempts
            WHEN NEW.evidence IS 'two_people' AND OLD.evidence IS NOT 'two_people'
              AND NOT EXISTS (SELECT 1 FROM verdicts v WHERE v.charge_id = NEW.charge_id
                  AND v.attempt = NEW.number AND v.state = 'approved'
                  AND v.outcome = NEW.outcome
                  AND (v.payment_intent IS NULL OR v.payment_intent = NEW.payment_intent))
            BEGIN SELECT RAISE(ABORT, 'an outcome by hand needs two people'); END""",
        # JSON: what the last look at Stripe asked and found. It proves nothing by itself.
        "ALTER TABLE attempts ADD COLUMN last_look TEXT",
        """CREATE TABLE new_card_charges (
            charge_id TEXT PRIMARY KEY REFERENCES charges (id),
            run_id TEXT NOT NULL REFERENCES runs (id),
            run_row INTEGER NOT NULL,
            payment_method TEXT NOT NULL,
            attempts_before INTEGER NOT NULL,
            queued_at INTEGER NOT NULL,
            next_try_at INTEGER NOT NULL,
            ended_at INTEGER,
            refusal TEXT
        ) STRICT""",
        """CREATE INDEX new_card_charges_to_send ON new_card_charges (next_try_at)
            WHERE ended_at IS NULL""",
        """CREATE INDEX recovery_links_by_completion ON setup_links (completed_at)
            WHERE charge_id IS NOT NULL AND completed_at IS NOT NULL""",
        """CREATE TRIGGER new_cards_are_charged_by_approval BEFORE INSERT ON new_card_charges
            WHEN NOT EXISTS (SELECT 1 FROM runs r JOIN run_rows w ON w.run_id = r.id
                WHERE r.id = NEW.run_id AND w.number = NEW.run_row AND w.charge_id = NEW.charge_id
                  AND w.state = 'sent' AND r.charge_new_cards = 1 AND r.state = 'finished')
            BEGIN SELECT RAISE(ABORT, 'no approval covers this new card'); END""",
        """CREATE TRIGGER new_cards_are_charged_once BEFORE UPDATE ON new_card_charges
            WHEN OLD.ended_at IS NOT NULL OR NEW.charge_id <> OLD.charge_id
              OR NEW.run_id <> OLD.run_id OR NEW.payment_method <> OLD.payment_method
              OR NEW.attempts_before <> OLD.attempts_before
            BEGIN SELECT RAISE(ABORT, 'a new card is charged once'); END""",
        """CREATE TRIGGER new_card_charges_are_never_deleted BEFORE DELETE ON new_card_charges
            BEGIN SELECT RAISE(ABORT, 'new card charges are never deleted'); END""",
    )


@migrations()
def m010_run_certificates(database: Database) -> None:
    """What each comparison of a run with Stripe found; never changed afterwards."""
    _run(
        database,
        """CREATE TABLE run_certificates (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            run_id TEXT NOT NULL REFERENCES runs (id),
            at INTEGER NOT NULL,
            by TEXT NOT NULL,
            verdict TEXT NOT NULL CHECK (verdict IN ('green', 'amber', 'red')),
            content TEXT NOT NULL CHECK (json_valid(content))
        ) STRICT""",
        "CREATE INDEX run_certificates_by_run ON run_certificates (run_id, id)",
        """CREATE TRIGGER certificates_are_never_changed BEFORE UPDATE ON run_certificates
            BEGIN SELECT RAISE(ABORT, 'certificates are never changed'); END""",
        """CREATE TRIGGER certificates_are_never_deleted BEFORE DELETE ON run_certificates
            BEGIN SELECT RAISE(ABORT, 'certificates are never deleted'); END""",
    )


@migrations()
def m011_control_totals(database: Database) -> None:
    """What the maker of a run typed when it was submitted: part of the evidence, so it stays."""
    _run(
        database,
        # JSON: {"rows": 120, "totals": {"eur": 123450}}, null where nothing was typed.
        "ALTER TABLE runs ADD COLUMN control TEXT CHECK (control IS NULL OR json_valid(control))",
        """CREATE TRIGGER runs_keep_their_control_totals BEFORE UPDATE OF control ON runs
            WHEN OLD.state <> 'draft' AND NEW.state <> 'draft' AND NEW.control IS NOT OLD.control
            BEGIN SELECT RAISE(ABORT, 'a submitted run keeps its control totals'); END""",
    )


@migrations()
def m012_claims_and_what_is_gone(database: Database) -> None:
    """Jobs belong to whoever claimed them last; what Stripe said is gone before it was here."""
    _run(
        database,
        # How often the job was taken: only the last taker may write to it.
        "ALTER TABLE jobs ADD COLUMN claim INTEGER NOT NULL DEFAULT 0",
        # An answer that was under way at that moment must not bring it back.
        """CREATE TABLE tombstones (
            id TEXT PRIMARY KEY, gone_at_ms INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID""",
        # One type alone is read beside an unfinished reading of everything.
        "DROP INDEX one_open_backfill",
        """CREATE UNIQUE INDEX one_open_backfill_of_these ON backfills (types)
            WHERE finished_at IS NULL""",
        # Types that the key may not read, with spaces between.
        "ALTER TABLE backfills ADD COLUMN refused TEXT NOT NULL DEFAULT ''",
        # Saved for a customer and without one now: removed, not in need of a customer.
        f"""UPDATE payment_methods SET is_detached = 1, last_customer = ({_SAVED_FOR} LIMIT 1)
            WHERE customer IS NULL AND is_detached = 0 AND EXISTS ({_SAVED_FOR})""",
        """INSERT INTO search_pending SELECT 'checkout_sessions', position FROM checkout_sessions
            WHERE needs_customer = 1 ON CONFLICT DO NOTHING""",
    )


_SAVED_FOR = """SELECT coalesce(i.customer, s.customer) FROM setup_intents i
    LEFT JOIN checkout_sessions s ON s.setup_intent = i.id
    WHERE i.payment_method = payment_methods.id AND i.status = 'succeeded'
        AND coalesce(i.customer, s.customer) IS NOT NULL"""


@migrations()
def m013_whole_proofs(database: Database) -> None:
    """Which comparisons were of everything, and how far samples have come in turn."""
    _run(
        database,
        "ALTER TABLE proofs ADD COLUMN is_full INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE proofs ADD COLUMN late INTEGER NOT NULL DEFAULT 0",
        """CREATE TABLE proof_rounds (
            type TEXT PRIMARY KEY,
            began_at INTEGER NOT NULL,
            position TEXT,
            windows_left INTEGER NOT NULL,
            stepped_at INTEGER NOT NULL,
            covered_since INTEGER
        ) STRICT""",
    )


@migrations()
def m014_deleted_customers(database: Database) -> None:
    """How many there are is asked on each view of Sync health; they are few of many."""
    _run(database, "CREATE INDEX customers_deleted ON customers (id) WHERE is_deleted = 1")


@migrations()
def m015_what_a_million_sessions_cost(database: Database) -> None:
    """
    At a million rows each entry of an index over what is random costs as much as a row. Nobody looks
    for a session by its link's id; which cards are the same is derived later, like what is searched.

    An upsert in a trigger makes SQLite copy every page aside that the row itself changes.
    """
    _run(
        database,
        "DROP INDEX checkout_sessions_by_link",
        "DROP INDEX payment_methods_by_fingerprint",
        """CREATE TABLE card_fingerprints (
            fingerprint TEXT NOT NULL, position INTEGER NOT NULL,
            PRIMARY KEY (fingerprint, position)
        ) STRICT, WITHOUT ROWID""",
        """INSERT INTO card_fingerprints SELECT fingerprint, position FROM payment_methods
            WHERE fingerprint IS NOT NULL""",
        "DROP TRIGGER payment_methods_to_index_anew",
        _note_changes("payment_methods", (*_SEARCHED["payment_methods"], "fingerprint")),
        "DROP TRIGGER sessions_are_counted",
        """CREATE TRIGGER sessions_are_counted AFTER INSERT ON checkout_sessions
            BEGIN
                INSERT INTO session_counts (state, n) SELECT NEW.status, 0 WHERE NOT EXISTS
                    (SELECT 1 FROM session_counts WHERE state = NEW.status);
                UPDATE session_counts SET n = n + 1 WHERE state = NEW.status;
            END""",
    )
