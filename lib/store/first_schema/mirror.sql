-- Mirror: what Stripe last said of each object, under Stripe's names, and what is derived from it.
--
-- Events arrive in any order: no foreign keys between these tables. `synced_at_ms` decides which of
-- two answers is newer. `position` (created x 2^20 + a number within that second) is the primary key
-- of what is listed and searched: newest first is then the order of the table and of its index.

CREATE TABLE customers (
    -- mirror: Stripe's Customers.
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    livemode INTEGER NOT NULL,
    name TEXT,
    email TEXT,
    -- What is the same address to a person; written with `email`, by domain/identity.
    address_key TEXT,
    default_payment_method TEXT,
    created INTEGER NOT NULL,
    is_deleted INTEGER NOT NULL DEFAULT 0 CHECK (is_deleted IN (0, 1)),
    synced_at_ms INTEGER NOT NULL,
    CHECK ((email IS NULL) = (address_key IS NULL))
) STRICT;

CREATE INDEX customers_by_address ON customers (address_key) WHERE address_key IS NOT NULL;
-- Their number is asked on each view of Sync health; they are few of many.
CREATE INDEX customers_deleted ON customers (id) WHERE is_deleted = 1;

CREATE TABLE checkout_sessions (
    -- mirror: Stripe's Checkout Sessions in setup mode.
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
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
    synced_at_ms INTEGER NOT NULL,
    -- Whether it is complete and saved a method that has no customer yet; derived.
    needs_customer INTEGER NOT NULL DEFAULT 0 CHECK (needs_customer IN (0, 1))
) STRICT;

-- At a million rows each entry of an index over what is random costs as much as a row: there is none
-- over `link_id`, for which nobody looks.
CREATE INDEX checkout_sessions_by_status ON checkout_sessions (status);
CREATE INDEX checkout_sessions_by_customer ON checkout_sessions (customer);
CREATE INDEX checkout_sessions_by_setup_intent ON checkout_sessions (setup_intent);
CREATE INDEX checkout_sessions_in_need ON checkout_sessions (needs_customer)
    WHERE needs_customer = 1;

CREATE TABLE setup_intents (
    -- mirror: Stripe's SetupIntents.
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
) STRICT;

CREATE INDEX setup_intents_by_payment_method ON setup_intents (payment_method);
CREATE INDEX setup_intents_by_created ON setup_intents (created);

CREATE TABLE payment_methods (
    -- mirror: Stripe's PaymentMethods: no card numbers, only what names a card.
    position INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
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
) STRICT;

CREATE INDEX payment_methods_by_customer ON payment_methods (customer);
CREATE INDEX payment_methods_by_last_customer ON payment_methods (last_customer)
    WHERE is_detached = 1;
CREATE INDEX payment_methods_by_expiry ON payment_methods (exp_year, exp_month)
    WHERE customer IS NOT NULL;

CREATE TABLE payment_intents (
    -- mirror: Stripe's PaymentIntents.
    id TEXT PRIMARY KEY,
    livemode INTEGER NOT NULL,
    status TEXT NOT NULL,
    customer TEXT,
    payment_method TEXT,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    -- Our charge, attempt, reference and installation, from the metadata.
    charge_id TEXT,
    attempt INTEGER,
    reference TEXT,
    -- What is the same reference to a person.
    reference_key TEXT,
    installation TEXT,
    latest_charge TEXT,
    error_code TEXT,
    error_decline_code TEXT,
    description TEXT,
    created INTEGER NOT NULL,
    synced_at_ms INTEGER NOT NULL,
    CHECK ((reference IS NULL) = (reference_key IS NULL))
) STRICT;

CREATE INDEX payment_intents_by_created ON payment_intents (created DESC, id DESC);
CREATE INDEX payment_intents_by_customer ON payment_intents (customer, created DESC);
CREATE INDEX payment_intents_by_reference ON payment_intents (customer, reference_key)
    WHERE reference_key IS NOT NULL;

CREATE TABLE stripe_charges (
    -- mirror: Stripe's Charges.
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
) STRICT;

CREATE INDEX stripe_charges_by_created ON stripe_charges (created);
CREATE INDEX stripe_charges_by_payment_intent ON stripe_charges (payment_intent);
CREATE INDEX stripe_charges_by_customer ON stripe_charges (customer, created);

CREATE TABLE stripe_refunds (
    -- mirror: Stripe's Refunds.
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
) STRICT;

CREATE INDEX stripe_refunds_by_created ON stripe_refunds (created);
CREATE INDEX stripe_refunds_by_charge ON stripe_refunds (charge);

CREATE TABLE disputes (
    -- mirror: Stripe's Disputes.
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
) STRICT;

CREATE INDEX disputes_by_created ON disputes (created);
CREATE INDEX disputes_by_charge ON disputes (charge);

CREATE TABLE tombstones (
    -- mirror: Objects that Stripe said are gone: an answer under way at that moment must not bring one back.
    id TEXT PRIMARY KEY,
    gone_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session_counts (
    -- mirror: How many Checkout Sessions are in each status: counting a million rows would take 40 ms a view.
    state TEXT PRIMARY KEY,
    n INTEGER NOT NULL
) STRICT;

INSERT INTO session_counts (state, n) VALUES ('needs_customer', 0);

-- Not an upsert: that would copy aside every page which the row itself changes.
CREATE TRIGGER sessions_are_counted AFTER INSERT ON checkout_sessions
BEGIN
    INSERT INTO session_counts (state, n) SELECT NEW.status, 0 WHERE NOT EXISTS
        (SELECT 1 FROM session_counts WHERE state = NEW.status);
    UPDATE session_counts SET n = n + 1 WHERE state = NEW.status;
END;

CREATE TRIGGER sessions_are_counted_anew AFTER UPDATE OF status ON checkout_sessions
WHEN NEW.status <> OLD.status
BEGIN
    UPDATE session_counts SET n = n - 1 WHERE state = OLD.status;
    INSERT INTO session_counts (state, n) VALUES (NEW.status, 1)
        ON CONFLICT (state) DO UPDATE SET n = n + 1;
END;

CREATE TRIGGER sessions_in_need_are_counted AFTER UPDATE OF needs_customer ON checkout_sessions
WHEN NEW.needs_customer <> OLD.needs_customer
BEGIN
    UPDATE session_counts SET n = n + NEW.needs_customer - OLD.needs_customer
        WHERE state = 'needs_customer';
END;

-- Nothing deletes one but a comparison with Stripe, or a person with a SQLite shell.
CREATE TRIGGER sessions_are_counted_no_more AFTER DELETE ON checkout_sessions
BEGIN
    UPDATE session_counts SET n = n - 1 WHERE state = OLD.status;
    UPDATE session_counts SET n = n - OLD.needs_customer WHERE state = 'needs_customer';
END;

CREATE TABLE card_fingerprints (
    -- mirror: Which cards are the same card, derived after the fact like what is searched.
    fingerprint TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE customers_search (
    -- mirror: The words by which a customer is found.
    position INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

CREATE VIRTUAL TABLE customers_fts USING fts5(text, content = 'customers_search',
    content_rowid = 'position', tokenize = 'trigram case_sensitive 1', detail = none);

CREATE TABLE payment_methods_search (
    -- mirror: The words by which a PaymentMethod is found.
    position INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

CREATE VIRTUAL TABLE payment_methods_fts USING fts5(text, content = 'payment_methods_search',
    content_rowid = 'position', tokenize = 'trigram case_sensitive 1', detail = none);

CREATE TABLE checkout_sessions_search (
    -- mirror: The words by which a Checkout Session is found.
    position INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

CREATE VIRTUAL TABLE checkout_sessions_fts USING fts5(text, content = 'checkout_sessions_search',
    content_rowid = 'position', tokenize = 'trigram case_sensitive 1', detail = none);

CREATE TABLE search_pending (
    -- mirror: Rows that changed since the search index was written; deriving in triggers would take thrice as long.
    kind TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (kind, position)
) STRICT, WITHOUT ROWID;

-- ON CONFLICT, not OR IGNORE: an upsert that fires a trigger overrides the latter.
CREATE TRIGGER customers_to_index AFTER INSERT ON customers
BEGIN INSERT INTO search_pending VALUES ('customers', NEW.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER customers_to_index_anew AFTER UPDATE OF name, email, is_deleted ON customers
WHEN NEW.name IS NOT OLD.name OR NEW.email IS NOT OLD.email OR NEW.is_deleted IS NOT OLD.is_deleted
BEGIN INSERT INTO search_pending VALUES ('customers', NEW.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER customers_to_unindex AFTER DELETE ON customers
BEGIN INSERT INTO search_pending VALUES ('customers', OLD.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER setup_intents_to_index AFTER INSERT ON setup_intents
BEGIN INSERT INTO search_pending VALUES ('setup_intents', NEW.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER setup_intents_to_index_anew AFTER UPDATE OF payment_method ON setup_intents
WHEN NEW.payment_method IS NOT OLD.payment_method
BEGIN INSERT INTO search_pending VALUES ('setup_intents', NEW.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER setup_intents_to_unindex AFTER DELETE ON setup_intents
BEGIN INSERT INTO search_pending VALUES ('setup_intents', OLD.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER payment_methods_to_index AFTER INSERT ON payment_methods
BEGIN INSERT INTO search_pending VALUES ('payment_methods', NEW.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER payment_methods_to_index_anew AFTER UPDATE OF customer, last_customer, is_detached,
    brand, last4, billing_name, billing_email, fingerprint ON payment_methods
WHEN NEW.customer IS NOT OLD.customer OR NEW.last_customer IS NOT OLD.last_customer
    OR NEW.is_detached IS NOT OLD.is_detached OR NEW.brand IS NOT OLD.brand
    OR NEW.last4 IS NOT OLD.last4 OR NEW.billing_name IS NOT OLD.billing_name
    OR NEW.billing_email IS NOT OLD.billing_email OR NEW.fingerprint IS NOT OLD.fingerprint
BEGIN INSERT INTO search_pending VALUES ('payment_methods', NEW.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER payment_methods_to_unindex AFTER DELETE ON payment_methods
BEGIN INSERT INTO search_pending VALUES ('payment_methods', OLD.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER checkout_sessions_to_index AFTER INSERT ON checkout_sessions
BEGIN INSERT INTO search_pending VALUES ('checkout_sessions', NEW.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER checkout_sessions_to_index_anew AFTER UPDATE OF status, customer, customer_email,
    customer_name, setup_intent, client_reference_id, reference ON checkout_sessions
WHEN NEW.status IS NOT OLD.status OR NEW.customer IS NOT OLD.customer
    OR NEW.customer_email IS NOT OLD.customer_email OR NEW.customer_name IS NOT OLD.customer_name
    OR NEW.setup_intent IS NOT OLD.setup_intent
    OR NEW.client_reference_id IS NOT OLD.client_reference_id OR NEW.reference IS NOT OLD.reference
BEGIN INSERT INTO search_pending VALUES ('checkout_sessions', NEW.rowid) ON CONFLICT DO NOTHING; END;

CREATE TRIGGER checkout_sessions_to_unindex AFTER DELETE ON checkout_sessions
BEGIN INSERT INTO search_pending VALUES ('checkout_sessions', OLD.rowid) ON CONFLICT DO NOTHING; END;

CREATE TABLE verifications (
    -- mirror: Each comparison of one type of object with Stripe, and what differed.
    id INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    is_full INTEGER NOT NULL DEFAULT 0,
    verified_at INTEGER NOT NULL,
    windows INTEGER NOT NULL,
    windows_of INTEGER NOT NULL,
    here INTEGER NOT NULL,
    at_stripe INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    extra INTEGER NOT NULL,
    differing INTEGER NOT NULL,
    late INTEGER NOT NULL DEFAULT 0,
    repaired INTEGER NOT NULL,
    oldest_here INTEGER,
    oldest_at_stripe INTEGER,
    newest_here INTEGER,
    newest_at_stripe INTEGER,
    findings TEXT NOT NULL,
    error TEXT
) STRICT;

CREATE INDEX verifications_by_type ON verifications (type, id);

CREATE TABLE verification_rounds (
    -- mirror: How far samples of each type have come in turn.
    type TEXT PRIMARY KEY,
    began_at INTEGER NOT NULL,
    position TEXT,
    windows_left INTEGER NOT NULL,
    stepped_at INTEGER NOT NULL,
    covered_since INTEGER
) STRICT;
