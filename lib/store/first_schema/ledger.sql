-- Ledger: what Onfile asked Stripe to do, written before it was asked, and what came of it.

CREATE TABLE setup_links (
    -- ledger: A durable link with which a customer saves a card; for a charge, a recovery link.
    id TEXT PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    form_key TEXT NOT NULL UNIQUE,
    customer TEXT,
    email TEXT,
    name TEXT,
    currency TEXT,
    reference TEXT,
    reference_key TEXT,
    locale TEXT,
    charge_id TEXT,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    completed_at INTEGER,
    completed_session TEXT,
    CHECK (revoked_at IS NULL OR completed_at IS NULL),
    CHECK ((reference IS NULL) = (reference_key IS NULL))
) STRICT;

CREATE INDEX setup_links_by_created ON setup_links (created_at DESC, id DESC);
CREATE INDEX setup_links_by_customer ON setup_links (customer, created_at DESC);
CREATE INDEX setup_links_by_reference ON setup_links (customer, reference_key)
    WHERE reference_key IS NOT NULL;
CREATE UNIQUE INDEX one_open_recovery_link_a_charge ON setup_links (charge_id)
    WHERE charge_id IS NOT NULL AND revoked_at IS NULL AND completed_at IS NULL;
CREATE INDEX recovery_links_by_completion ON setup_links (completed_at)
    WHERE charge_id IS NOT NULL AND completed_at IS NOT NULL;

CREATE TRIGGER setup_links_take_steps_in_order
BEFORE UPDATE OF revoked_at, completed_at ON setup_links
WHEN (OLD.completed_at IS NOT NULL AND (NEW.completed_at IS NULL OR NEW.revoked_at IS NOT NULL))
    OR (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL AND NEW.completed_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'a link cannot go there from here'); END;

CREATE TABLE link_sessions (
    -- ledger: Each Checkout Session requested for a link, with its idempotency key.
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
) STRICT;

CREATE UNIQUE INDEX one_open_session_a_link ON link_sessions (link_id) WHERE closed_at IS NULL;

CREATE TABLE stripe_requests (
    -- ledger: Every other request that changes something at Stripe, with its idempotency key.
    idempotency_key TEXT PRIMARY KEY,
    operation TEXT NOT NULL,
    params TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    object_id TEXT,
    finished_at INTEGER
) STRICT;

CREATE TABLE charges (
    -- ledger: What a customer owes under a reference and whether it is paid: at most once, whatever happens.
    id TEXT PRIMARY KEY,
    livemode INTEGER NOT NULL,
    customer TEXT NOT NULL,
    payment_method TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3 AND currency = lower(currency)),
    reference TEXT NOT NULL
        CHECK (length(reference) BETWEEN 1 AND 200 AND reference = trim(reference)),
    -- What is the same reference to a person, by domain/identity. Never unique: INV-1 beside INV-01
    -- may be honest.
    reference_key TEXT NOT NULL,
    description TEXT,
    state TEXT NOT NULL CHECK (state IN (
        'planned', 'attempting', 'succeeded', 'processing', 'declined',
        'needs_customer', 'unknown', 'blocked', 'cancelled')),
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX one_live_charge_a_reference ON charges (customer, reference)
    WHERE state IN ('planned', 'attempting', 'succeeded', 'processing', 'unknown');
CREATE INDEX charges_by_created ON charges (created_at DESC, id DESC);
CREATE INDEX charges_by_state ON charges (state, created_at DESC, id DESC);
CREATE INDEX charges_by_customer ON charges (customer, created_at DESC);
CREATE INDEX charges_by_reference ON charges (customer, reference_key);

CREATE TRIGGER charges_are_never_deleted BEFORE DELETE ON charges
BEGIN SELECT RAISE(ABORT, 'charges are never deleted'); END;

CREATE TRIGGER charges_keep_what_is_owed BEFORE UPDATE ON charges
WHEN NEW.customer <> OLD.customer OR NEW.amount <> OLD.amount
    OR NEW.currency <> OLD.currency OR NEW.reference <> OLD.reference
BEGIN SELECT RAISE(ABORT, 'a charge keeps what is owed'); END;

CREATE TRIGGER charges_take_steps_in_order BEFORE UPDATE OF state ON charges
WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'planned>attempting', 'planned>cancelled', 'planned>succeeded', 'planned>processing',
    'attempting>planned', 'attempting>succeeded', 'attempting>processing', 'attempting>declined',
    'attempting>needs_customer', 'attempting>unknown',
    'unknown>planned', 'unknown>succeeded', 'unknown>processing', 'unknown>declined',
    'unknown>needs_customer',
    'processing>succeeded', 'processing>declined', 'processing>needs_customer',
    'declined>attempting', 'declined>cancelled', 'declined>succeeded', 'declined>processing',
    'needs_customer>attempting', 'needs_customer>cancelled', 'needs_customer>succeeded',
    'needs_customer>processing', 'needs_customer>declined',
    'cancelled>succeeded', 'cancelled>processing')
BEGIN SELECT RAISE(ABORT, 'a charge cannot go there from here'); END;

CREATE TABLE attempts (
    -- ledger: Every try to collect a charge: key and parameters before the request, the outcome after it.
    charge_id TEXT NOT NULL REFERENCES charges (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    idempotency_key TEXT NOT NULL UNIQUE,
    params TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    run_id TEXT REFERENCES runs (id),
    run_row INTEGER,
    -- The run's lease under which it was sent.
    fence INTEGER,
    outcome TEXT CHECK (outcome IN (
        'succeeded', 'processing', 'declined', 'needs_customer', 'unknown', 'not_executed')),
    outcome_at INTEGER,
    evidence TEXT,
    next_look_at INTEGER,
    looks INTEGER NOT NULL DEFAULT 0,
    -- JSON: what the last look at Stripe asked and saw. It settles nothing by itself.
    last_look TEXT,
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
) STRICT;

CREATE UNIQUE INDEX one_open_attempt_a_charge ON attempts (charge_id)
    WHERE outcome IS NULL OR outcome IN ('processing', 'unknown');
CREATE UNIQUE INDEX one_attempt_a_payment_intent ON attempts (payment_intent)
    WHERE payment_intent IS NOT NULL;
CREATE INDEX attempts_to_settle ON attempts (next_look_at)
    WHERE outcome IS NULL OR outcome IN ('processing', 'unknown');
CREATE INDEX attempts_by_requested ON attempts (requested_at);
CREATE INDEX attempts_by_run_row ON attempts (run_id, run_row) WHERE run_id IS NOT NULL;

CREATE TRIGGER attempts_are_never_deleted BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END;

CREATE TRIGGER attempts_keep_what_was_sent BEFORE UPDATE ON attempts
WHEN NEW.charge_id <> OLD.charge_id OR NEW.number <> OLD.number
    OR NEW.idempotency_key <> OLD.idempotency_key OR NEW.params <> OLD.params
    OR NEW.requested_at <> OLD.requested_at
    OR (OLD.payment_intent IS NOT NULL AND NEW.payment_intent IS NOT OLD.payment_intent)
BEGIN SELECT RAISE(ABORT, 'an attempt keeps its key and parameters'); END;

-- Money that moved is the truth, whatever was recorded before; late news never goes backwards.
CREATE TRIGGER attempts_take_steps_in_order BEFORE UPDATE OF outcome ON attempts
WHEN OLD.outcome IS NOT NULL AND NEW.outcome IS NOT OLD.outcome
    AND (OLD.outcome || '>' || coalesce(NEW.outcome, '')) NOT IN (
        'unknown>succeeded', 'unknown>processing', 'unknown>declined', 'unknown>needs_customer',
        'unknown>not_executed',
        'processing>succeeded', 'processing>declined', 'processing>needs_customer',
        'declined>succeeded', 'declined>processing',
        'needs_customer>succeeded', 'needs_customer>processing', 'needs_customer>declined',
        'not_executed>succeeded', 'not_executed>processing')
BEGIN SELECT RAISE(ABORT, 'an outcome cannot go there from here'); END;

CREATE TRIGGER attempts_keep_their_run BEFORE UPDATE OF run_id, run_row, fence ON attempts
BEGIN SELECT RAISE(ABORT, 'an attempt keeps its run'); END;

-- No unique index: late news of money that moved must always find room.
CREATE TRIGGER one_attempt_a_run_row BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM attempts WHERE run_id = NEW.run_id
    AND run_row = NEW.run_row AND outcome IS NOT 'not_executed')
BEGIN SELECT RAISE(ABORT, 'this row of the run was sent'); END;

CREATE TRIGGER attempts_need_their_runs_lease BEFORE INSERT ON attempts
WHEN NEW.run_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM runs WHERE id = NEW.run_id AND state = 'running' AND lease_fence = NEW.fence)
BEGIN SELECT RAISE(ABORT, 'this run is not executed by this process any more'); END;

CREATE TRIGGER attempts_fit_their_run_row BEFORE INSERT ON attempts
WHEN NEW.run_id IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM run_rows r JOIN charges c ON c.id = NEW.charge_id
    WHERE r.run_id = NEW.run_id AND r.number = NEW.run_row AND r.charge_id = c.id
        AND r.is_submitted = 1 AND r.state = 'sent'
        AND r.customer = c.customer AND r.payment_method = c.payment_method
        AND r.amount = c.amount AND r.currency = c.currency
        AND r.reference = c.reference)
BEGIN SELECT RAISE(ABORT, 'an attempt charges what its row says'); END;

CREATE TABLE charge_events (
    -- ledger: The timeline of each charge: append-only.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    charge_id TEXT NOT NULL REFERENCES charges (id),
    attempt INTEGER,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE INDEX charge_events_by_charge ON charge_events (charge_id, id);

CREATE TRIGGER charge_events_are_never_changed BEFORE UPDATE ON charge_events
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;

CREATE TRIGGER charge_events_are_never_deleted BEFORE DELETE ON charge_events
BEGIN SELECT RAISE(ABORT, 'the timeline is append-only'); END;

CREATE TABLE manual_outcomes (
    -- ledger: The outcome of an attempt that no evidence settles, proposed by one person and approved by another.
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
) STRICT;

CREATE UNIQUE INDEX one_open_manual_outcome_a_charge ON manual_outcomes (charge_id) WHERE state = 'proposed';
CREATE INDEX manual_outcomes_by_charge ON manual_outcomes (charge_id, proposed_at);

CREATE TRIGGER manual_outcomes_begin_as_proposals BEFORE INSERT ON manual_outcomes
WHEN NEW.state <> 'proposed'
BEGIN SELECT RAISE(ABORT, 'a manual outcome begins as a proposal'); END;

CREATE TRIGGER manual_outcomes_are_decided_once BEFORE UPDATE ON manual_outcomes
WHEN OLD.state <> 'proposed' OR NEW.id <> OLD.id OR NEW.charge_id <> OLD.charge_id
    OR NEW.attempt <> OLD.attempt OR NEW.outcome <> OLD.outcome
    OR NEW.payment_intent IS NOT OLD.payment_intent OR NEW.reason <> OLD.reason
    OR NEW.proposed_by <> OLD.proposed_by
BEGIN SELECT RAISE(ABORT, 'a manual outcome is decided once, as it was proposed'); END;

CREATE TRIGGER manual_outcomes_are_never_deleted BEFORE DELETE ON manual_outcomes
BEGIN SELECT RAISE(ABORT, 'manual_outcomes are never deleted'); END;

CREATE TRIGGER attempts_settled_by_hand_need_two_people BEFORE UPDATE ON attempts
WHEN NEW.evidence IS 'two_people' AND OLD.evidence IS NOT 'two_people'
    AND NOT EXISTS (SELECT 1 FROM manual_outcomes m WHERE m.charge_id = NEW.charge_id
        AND m.attempt = NEW.number AND m.state = 'approved'
        AND m.outcome = NEW.outcome
        AND (m.payment_intent IS NULL OR m.payment_intent = NEW.payment_intent))
BEGIN SELECT RAISE(ABORT, 'an outcome by hand needs two people'); END;

CREATE TABLE refunds (
    -- ledger: A refund that one person requested and another decides on, and what Stripe made of it.
    id TEXT PRIMARY KEY,
    charge_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    payment_intent TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3 AND currency = lower(currency)),
    reason TEXT NOT NULL CHECK (reason IN ('duplicate', 'fraudulent', 'requested_by_customer')),
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
    CHECK ((idempotency_key IS NULL) = (state IN ('requested', 'rejected', 'withdrawn')))
) STRICT;

CREATE UNIQUE INDEX one_open_refund_a_charge ON refunds (charge_id)
    WHERE state IN ('requested', 'sending', 'unknown');
CREATE INDEX refunds_by_charge ON refunds (charge_id, requested_at);
CREATE INDEX refunds_to_settle ON refunds (next_look_at)
    WHERE state IN ('sending', 'unknown', 'pending');
CREATE INDEX refunds_to_decide ON refunds (requested_at) WHERE state = 'requested';

CREATE TRIGGER refunds_begin_as_requests BEFORE INSERT ON refunds
WHEN NEW.state <> 'requested'
BEGIN SELECT RAISE(ABORT, 'a refund begins as a request'); END;

CREATE TRIGGER refunds_give_back_what_was_paid BEFORE INSERT ON refunds
WHEN NOT EXISTS (SELECT 1 FROM charges h JOIN attempts a ON a.charge_id = h.id
    WHERE h.id = NEW.charge_id AND a.number = NEW.attempt AND a.outcome = 'succeeded'
        AND a.payment_intent = NEW.payment_intent AND h.currency = NEW.currency
        AND NEW.amount + max(NEW.refunded_before, (
            SELECT coalesce(sum(o.amount), 0) FROM refunds o
            WHERE o.charge_id = h.id AND o.attempt = a.number AND o.state IN
                ('requested', 'sending', 'unknown', 'pending', 'succeeded')))
            <= h.amount)
BEGIN SELECT RAISE(ABORT, 'more would be given back than was paid'); END;

CREATE TRIGGER refunds_keep_what_was_asked BEFORE UPDATE ON refunds
WHEN NEW.id <> OLD.id OR NEW.charge_id <> OLD.charge_id OR NEW.attempt <> OLD.attempt
    OR NEW.payment_intent <> OLD.payment_intent OR NEW.amount <> OLD.amount
    OR NEW.currency <> OLD.currency OR NEW.reason <> OLD.reason
    OR NEW.requested_by <> OLD.requested_by
    OR (OLD.decided_by IS NOT NULL AND NEW.decided_by IS NOT OLD.decided_by)
    OR (OLD.idempotency_key IS NOT NULL AND (
        NEW.idempotency_key IS NOT OLD.idempotency_key OR NEW.params IS NOT OLD.params))
    OR (OLD.refund IS NOT NULL AND NEW.refund IS NOT OLD.refund)
BEGIN SELECT RAISE(ABORT, 'a refund keeps what was asked, decided and sent'); END;

CREATE TRIGGER refunds_take_steps_in_order BEFORE UPDATE OF state ON refunds
WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'requested>sending', 'requested>rejected', 'requested>withdrawn',
    'sending>unknown', 'sending>pending', 'sending>succeeded', 'sending>failed',
    'sending>refused', 'sending>not_executed',
    'unknown>pending', 'unknown>succeeded', 'unknown>failed', 'unknown>refused',
    'unknown>not_executed',
    'pending>succeeded', 'pending>failed', 'succeeded>failed',
    'not_executed>pending', 'not_executed>succeeded', 'not_executed>failed',
    'refused>pending', 'refused>succeeded', 'refused>failed')
BEGIN SELECT RAISE(ABORT, 'a refund cannot go there from here'); END;

CREATE TRIGGER refunds_are_never_deleted BEFORE DELETE ON refunds
BEGIN SELECT RAISE(ABORT, 'refunds are never deleted'); END;
