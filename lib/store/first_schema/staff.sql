-- Staff: who works here, what they may spend, and the journal of what they did.

CREATE TABLE users (
    -- staff: A person who signs in, with roles and the state of their password.
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
) STRICT;

CREATE TABLE limits (
    -- staff: The most that may be charged at once, in one run and in one day, by currency.
    currency TEXT PRIMARY KEY CHECK (length(currency) = 3 AND currency = lower(currency)),
    per_charge INTEGER CHECK (per_charge > 0),
    per_run INTEGER CHECK (per_run > 0),
    per_day INTEGER CHECK (per_day > 0),
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL
) STRICT;

CREATE TABLE audit_log (
    -- staff: What people and the worker did: append-only, each entry sealed with the hash of the one before.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous_hash TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE
) STRICT;

CREATE INDEX audit_log_by_subject ON audit_log (subject, id);
CREATE INDEX audit_log_of_double_payments ON audit_log (subject)
    WHERE action = 'charge.paid_twice_suspected';

CREATE TRIGGER audit_log_is_never_changed BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_log_is_never_deleted BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
