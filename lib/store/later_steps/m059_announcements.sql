-- What payers were told before a run is executed, and what they answered.

CREATE TABLE announcements (
    -- runs: A payer of an approved run who is told what will be charged, when, and from what.
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id),
    -- Of what was approved when it was announced.
    digest TEXT NOT NULL,
    customer TEXT NOT NULL,
    -- Of the address on which the payer can answer.
    token TEXT NOT NULL UNIQUE,
    -- The day that was named, YYYY-MM-DD in the installation's time zone.
    charge_on TEXT NOT NULL CHECK (charge_on GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]'),
    language TEXT NOT NULL,
    message_id TEXT NOT NULL REFERENCES outbox (id),
    announced_by TEXT NOT NULL,
    announced_at INTEGER NOT NULL,
    -- When the message left.
    told_at INTEGER,
    -- When the payer answered that it should not be charged.
    answered_at INTEGER,
    decided_at INTEGER,
    decided_by TEXT,
    -- What staff did about the answer: the do-not-charge switch, or charged all the same with a reason.
    decision TEXT CHECK (decision IN ('held', 'set_aside')),
    reason TEXT,
    UNIQUE (run_id, digest, customer, charge_on),
    CHECK ((decided_at IS NULL) = (decision IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL)),
    CHECK (decided_at IS NULL OR answered_at IS NOT NULL),
    CHECK (decision IS NOT 'set_aside' OR reason IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX announcements_by_message ON announcements (message_id);
CREATE INDEX announcements_to_decide ON announcements (customer)
    WHERE answered_at IS NOT NULL AND decided_at IS NULL;
CREATE TRIGGER announcements_keep_what_was_said BEFORE UPDATE ON announcements
WHEN (NEW.id, NEW.run_id, NEW.digest, NEW.customer, NEW.token, NEW.charge_on, NEW.message_id, NEW.announced_at)
        IS NOT (OLD.id, OLD.run_id, OLD.digest, OLD.customer, OLD.token, OLD.charge_on, OLD.message_id, OLD.announced_at)
    OR (OLD.told_at IS NOT NULL AND NEW.told_at IS NOT OLD.told_at)
    OR (OLD.answered_at IS NOT NULL AND NEW.answered_at IS NOT OLD.answered_at)
    OR (OLD.decided_at IS NOT NULL AND NEW.decided_at IS NOT OLD.decided_at)
BEGIN SELECT RAISE(ABORT, 'what a payer was told stays'); END;
CREATE TRIGGER announcements_stay BEFORE DELETE ON announcements
BEGIN SELECT RAISE(ABORT, 'what a payer was told stays'); END;

CREATE TABLE announcement_rows (
    -- runs: A row of a run as its payer was told of it.
    announcement_id TEXT NOT NULL REFERENCES announcements (id),
    number INTEGER NOT NULL,
    reference TEXT NOT NULL,
    reference_key TEXT NOT NULL,
    -- Minor units.
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    payment_method TEXT NOT NULL,
    PRIMARY KEY (announcement_id, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER announcement_rows_are_never_changed BEFORE UPDATE ON announcement_rows
BEGIN SELECT RAISE(ABORT, 'what a payer was told stays'); END;
CREATE TRIGGER announcement_rows_are_never_deleted BEFORE DELETE ON announcement_rows
BEGIN SELECT RAISE(ABORT, 'what a payer was told stays'); END;

-- What has not left yet would tell of charges that are not made.
CREATE TRIGGER runs_take_their_announcements_back AFTER UPDATE OF state ON runs
WHEN OLD.state = 'approved' AND NEW.state IN ('draft', 'cancelled')
BEGIN
    UPDATE outbox SET state = 'cancelled', reply = 'The run was taken back or cancelled before it left.'
    WHERE state = 'waiting' AND id IN (SELECT message_id FROM announcements WHERE run_id = NEW.id);
END;
