-- Runs: files of charges, the decisions on them, and the lease under which one is executed.

CREATE TABLE runs (
    -- runs: A file of charges on its way from draft through approval and execution to its end.
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
    -- Seals every row and amount that was submitted.
    digest TEXT,
    -- JSON: what the maker typed as control totals: {"rows": 120, "totals": {"eur": 123450}}.
    control TEXT CHECK (control IS NULL OR json_valid(control)),
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
    CHECK (state IN ('draft', 'cancelled') OR (digest IS NOT NULL AND submitted_by IS NOT NULL)),
    CHECK (lease_owner IS NULL OR state = 'running')
) STRICT;

CREATE INDEX runs_by_created ON runs (created_at DESC, id DESC);
CREATE INDEX runs_by_state ON runs (state, created_at DESC);

CREATE TRIGGER runs_begin_as_drafts BEFORE INSERT ON runs
WHEN NEW.state <> 'draft'
BEGIN SELECT RAISE(ABORT, 'a run begins as a draft'); END;

CREATE TRIGGER runs_take_steps_in_order BEFORE UPDATE OF state ON runs
WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'draft>awaiting_approval', 'draft>cancelled', 'awaiting_approval>draft',
    'awaiting_approval>approved', 'awaiting_approval>rejected',
    'awaiting_approval>cancelled', 'approved>draft', 'approved>running',
    'approved>cancelled', 'rejected>draft', 'rejected>cancelled', 'running>paused',
    'running>stopped', 'running>finished', 'running>cancelled', 'paused>running',
    'paused>cancelled', 'stopped>running', 'stopped>cancelled')
BEGIN SELECT RAISE(ABORT, 'a run cannot go there from here'); END;

CREATE TRIGGER runs_need_their_approvals BEFORE UPDATE OF state ON runs
WHEN NEW.state IN ('approved', 'running') AND NEW.approvals_needed > (
    SELECT count(DISTINCT by) FROM run_decisions WHERE run_id = NEW.id
        AND decision = 'approve' AND digest = NEW.digest
        AND submitted_by = NEW.submitted_by AND submitted_at = NEW.submitted_at)
BEGIN SELECT RAISE(ABORT, 'this run is not approved'); END;

CREATE TRIGGER runs_keep_what_was_submitted BEFORE UPDATE ON runs
WHEN OLD.state <> 'draft' AND NEW.state <> 'draft' AND (
    NEW.digest IS NOT OLD.digest OR NEW.submitted_by IS NOT OLD.submitted_by
    OR NEW.submitted_at IS NOT OLD.submitted_at
    OR NEW.approvals_needed <> OLD.approvals_needed
    OR NEW.canary <> OLD.canary OR NEW.charge_new_cards <> OLD.charge_new_cards
    OR NEW.created_by <> OLD.created_by)
BEGIN SELECT RAISE(ABORT, 'a submitted run keeps its digest'); END;

CREATE TRIGGER runs_keep_their_control_totals BEFORE UPDATE OF control ON runs
WHEN OLD.state <> 'draft' AND NEW.state <> 'draft' AND NEW.control IS NOT OLD.control
BEGIN SELECT RAISE(ABORT, 'a submitted run keeps its control totals'); END;

CREATE TRIGGER leases_only_go_up BEFORE UPDATE OF lease_fence ON runs
WHEN NEW.lease_fence < OLD.lease_fence
BEGIN SELECT RAISE(ABORT, 'a lease never goes back'); END;

CREATE TRIGGER runs_are_never_deleted BEFORE DELETE ON runs
BEGIN SELECT RAISE(ABORT, 'runs are never deleted'); END;

CREATE TABLE run_rows (
    -- runs: A line of a run's file: what it says, what it means, and whether it was sent.
    run_id TEXT NOT NULL REFERENCES runs (id),
    number INTEGER NOT NULL CHECK (number >= 1),
    cells TEXT NOT NULL,
    request TEXT NOT NULL,
    customer TEXT,
    payment_method TEXT,
    amount INTEGER CHECK (amount > 0),
    currency TEXT CHECK (length(currency) = 3 AND currency = lower(currency)),
    reference TEXT,
    -- What is the same reference to a person.
    reference_key TEXT,
    description TEXT,
    suffix TEXT,
    state TEXT NOT NULL CHECK (state IN ('planned', 'blocked', 'cancelled', 'sent')),
    findings TEXT NOT NULL DEFAULT '[]',
    severity TEXT NOT NULL CHECK (severity IN ('green', 'amber', 'red')),
    is_submitted INTEGER NOT NULL DEFAULT 0 CHECK (is_submitted IN (0, 1)),
    charge_id TEXT NOT NULL,
    PRIMARY KEY (run_id, number),
    CHECK ((reference IS NULL) = (reference_key IS NULL)),
    CHECK (state <> 'sent' OR is_submitted = 1),
    CHECK (severity <> 'red' OR state IN ('blocked', 'cancelled')),
    CHECK (state NOT IN ('planned', 'sent') OR (customer IS NOT NULL
        AND payment_method IS NOT NULL AND amount IS NOT NULL AND currency IS NOT NULL
        AND reference IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX run_rows_by_state ON run_rows (run_id, state, number);
CREATE INDEX run_rows_by_severity ON run_rows (run_id, severity, number);
CREATE INDEX run_rows_by_reference ON run_rows (customer, reference_key) WHERE state = 'planned';
CREATE INDEX run_rows_by_charge ON run_rows (charge_id);

CREATE TRIGGER rows_are_added_to_drafts BEFORE INSERT ON run_rows
WHEN (SELECT state FROM runs WHERE id = NEW.run_id) IS NOT 'draft'
BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END;

CREATE TRIGGER rows_of_submitted_runs_stay BEFORE DELETE ON run_rows
WHEN (SELECT state FROM runs WHERE id = OLD.run_id) IS NOT 'draft'
BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END;

CREATE TRIGGER rows_of_submitted_runs_keep_what_is_charged BEFORE UPDATE ON run_rows
WHEN (SELECT state FROM runs WHERE id = OLD.run_id) IS NOT 'draft' AND (
    NEW.run_id <> OLD.run_id OR NEW.number <> OLD.number OR NEW.cells <> OLD.cells
    OR NEW.request <> OLD.request
    OR NEW.customer IS NOT OLD.customer
    OR NEW.payment_method IS NOT OLD.payment_method
    OR NEW.amount IS NOT OLD.amount OR NEW.currency IS NOT OLD.currency
    OR NEW.reference IS NOT OLD.reference OR NEW.description IS NOT OLD.description
    OR NEW.suffix IS NOT OLD.suffix OR NEW.is_submitted <> OLD.is_submitted)
BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END;

CREATE TRIGGER rows_take_steps_in_order BEFORE UPDATE OF state ON run_rows
WHEN NEW.state <> OLD.state AND CASE (SELECT state FROM runs WHERE id = OLD.run_id)
    WHEN 'draft' THEN (OLD.state || '>' || NEW.state) NOT IN (
        'planned>cancelled', 'planned>blocked', 'cancelled>planned', 'cancelled>blocked')
    ELSE (OLD.state || '>' || NEW.state) NOT IN (
        'planned>sent', 'planned>blocked', 'planned>cancelled', 'sent>planned', 'sent>cancelled')
    END
BEGIN SELECT RAISE(ABORT, 'a row cannot go there from here'); END;

CREATE TABLE run_decisions (
    -- runs: Who approved or rejected exactly what was submitted, never the person who submitted it.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs (id),
    decision TEXT NOT NULL CHECK (decision IN ('approve', 'reject')),
    digest TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT,
    CHECK (by <> submitted_by),
    CHECK (decision = 'approve' OR reason IS NOT NULL),
    UNIQUE (run_id, digest, submitted_at, by)
) STRICT;

CREATE TRIGGER decisions_fit_what_was_submitted BEFORE INSERT ON run_decisions
WHEN NOT EXISTS (SELECT 1 FROM runs WHERE id = NEW.run_id
    AND state = 'awaiting_approval' AND digest = NEW.digest
    AND submitted_by = NEW.submitted_by AND submitted_at = NEW.submitted_at
    AND created_by <> NEW.by)
BEGIN SELECT RAISE(ABORT, 'a decision is about what another person submitted'); END;

CREATE TRIGGER decisions_are_never_changed BEFORE UPDATE ON run_decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

CREATE TRIGGER decisions_are_never_deleted BEFORE DELETE ON run_decisions
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;

CREATE TABLE new_card_charges (
    -- runs: A charge that its run's approval allows to be tried once more with the customer's new card.
    charge_id TEXT PRIMARY KEY REFERENCES charges (id),
    run_id TEXT NOT NULL REFERENCES runs (id),
    run_row INTEGER NOT NULL,
    payment_method TEXT NOT NULL,
    attempts_before INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    ended_at INTEGER,
    refusal TEXT
) STRICT;

CREATE INDEX new_card_charges_to_send ON new_card_charges (next_try_at) WHERE ended_at IS NULL;

CREATE TRIGGER new_cards_are_charged_by_approval BEFORE INSERT ON new_card_charges
WHEN NOT EXISTS (SELECT 1 FROM runs r JOIN run_rows w ON w.run_id = r.id
    WHERE r.id = NEW.run_id AND w.number = NEW.run_row AND w.charge_id = NEW.charge_id
        AND w.state = 'sent' AND r.charge_new_cards = 1 AND r.state = 'finished')
BEGIN SELECT RAISE(ABORT, 'no approval covers this new card'); END;

CREATE TRIGGER new_cards_are_charged_once BEFORE UPDATE ON new_card_charges
WHEN OLD.ended_at IS NOT NULL OR NEW.charge_id <> OLD.charge_id
    OR NEW.run_id <> OLD.run_id OR NEW.payment_method <> OLD.payment_method
    OR NEW.attempts_before <> OLD.attempts_before
BEGIN SELECT RAISE(ABORT, 'a new card is charged once'); END;

CREATE TRIGGER new_card_charges_are_never_deleted BEFORE DELETE ON new_card_charges
BEGIN SELECT RAISE(ABORT, 'new card charges are never deleted'); END;

CREATE TABLE run_certificates (
    -- runs: Each comparison of a run with Stripe, as it was signed: never changed afterwards.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs (id),
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    result TEXT NOT NULL CHECK (result IN ('green', 'amber', 'red')),
    content TEXT NOT NULL CHECK (json_valid(content))
) STRICT;

CREATE INDEX run_certificates_by_run ON run_certificates (run_id, id);

CREATE TRIGGER certificates_are_never_changed BEFORE UPDATE ON run_certificates
BEGIN SELECT RAISE(ABORT, 'certificates are never changed'); END;

CREATE TRIGGER certificates_are_never_deleted BEFORE DELETE ON run_certificates
BEGIN SELECT RAISE(ABORT, 'certificates are never deleted'); END;
