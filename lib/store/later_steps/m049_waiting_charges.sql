-- Approved charges of customers without a card wait for the link that asks for one.

-- Whether the approval covers rows without a card, each charged once when its own link brings one.
ALTER TABLE runs ADD COLUMN wait_for_cards INTEGER NOT NULL DEFAULT 0 CHECK (wait_for_cards IN (0, 1));
CREATE TRIGGER runs_keep_whether_they_wait BEFORE UPDATE OF wait_for_cards ON runs
WHEN OLD.state <> 'draft' AND NEW.state <> 'draft' AND NEW.wait_for_cards <> OLD.wait_for_cards
BEGIN SELECT RAISE(ABORT, 'a submitted run keeps whether it waits for cards'); END;

CREATE TABLE waiting_charges (
    -- runs: An approved charge whose customer has no card: planned until its own link brings one.
    charge_id TEXT PRIMARY KEY REFERENCES charges (id),
    run_id TEXT NOT NULL REFERENCES runs (id),
    run_row INTEGER NOT NULL,
    since INTEGER NOT NULL,
    ended_at INTEGER,
    end_reason TEXT CHECK (end_reason IN (
        'tried', 'cancelled', 'paid_otherwise', 'approval_ended', 'refused')),
    ended_by TEXT,
    -- When staff were told of a card that came after the end.
    told_at INTEGER,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL)),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL)),
    CHECK (told_at IS NULL OR ended_at IS NOT NULL)
) STRICT;
CREATE INDEX waiting_charges_open ON waiting_charges (since) WHERE ended_at IS NULL;
CREATE INDEX waiting_charges_by_run ON waiting_charges (run_id);
CREATE INDEX waiting_charges_to_tell ON waiting_charges (ended_at)
    WHERE ended_at IS NOT NULL AND told_at IS NULL;

CREATE TRIGGER charges_wait_by_approval BEFORE INSERT ON waiting_charges
WHEN NOT EXISTS (SELECT 1 FROM runs r JOIN run_rows w ON w.run_id = r.id
    JOIN charges c ON c.id = NEW.charge_id
    WHERE r.id = NEW.run_id AND w.number = NEW.run_row AND r.state = 'running'
        AND r.wait_for_cards = 1 AND w.is_submitted = 1 AND w.state = 'sent'
        AND w.charge_id = c.id AND w.payment_method = '' AND c.payment_method = ''
        AND c.state = 'planned' AND w.customer = c.customer AND w.amount = c.amount
        AND w.currency = c.currency AND w.reference = c.reference)
BEGIN SELECT RAISE(ABORT, 'no approval lets this charge wait'); END;
CREATE TRIGGER waiting_charges_end_once BEFORE UPDATE ON waiting_charges
WHEN NEW.charge_id <> OLD.charge_id OR NEW.run_id <> OLD.run_id OR NEW.run_row <> OLD.run_row
    OR NEW.since <> OLD.since OR (OLD.ended_at IS NOT NULL AND (NEW.ended_at, NEW.end_reason,
        NEW.ended_by) IS NOT (OLD.ended_at, OLD.end_reason, OLD.ended_by))
BEGIN SELECT RAISE(ABORT, 'a charge waits once'); END;
CREATE TRIGGER waiting_charges_are_never_deleted BEFORE DELETE ON waiting_charges
BEGIN SELECT RAISE(ABORT, 'waiting charges are never deleted'); END;
-- Whoever charges it, and whatever ends it, ends the wait.
CREATE TRIGGER charges_wait_no_more AFTER UPDATE OF state ON charges
WHEN OLD.state = 'planned' AND NEW.state <> 'planned'
BEGIN
    UPDATE waiting_charges SET ended_at = NEW.updated_at, ended_by = 'system',
        end_reason = iif(NEW.state = 'cancelled', 'cancelled', 'tried')
    WHERE charge_id = NEW.id AND ended_at IS NULL;
END;

-- A card counts for a waiting charge as one counts for a failed row: queued once, by approval.
DROP TRIGGER new_cards_are_charged_by_approval;
CREATE TRIGGER new_cards_are_charged_by_approval BEFORE INSERT ON new_card_charges
WHEN NOT EXISTS (SELECT 1 FROM runs r JOIN run_rows w ON w.run_id = r.id
    WHERE r.id = NEW.run_id AND w.number = NEW.run_row AND w.charge_id = NEW.charge_id
        AND w.state = 'sent' AND r.charge_new_cards = 1 AND r.state = 'finished')
    AND NOT EXISTS (SELECT 1 FROM waiting_charges g JOIN runs r ON r.id = g.run_id
        WHERE g.charge_id = NEW.charge_id AND g.run_id = NEW.run_id AND g.run_row = NEW.run_row
            AND g.ended_at IS NULL AND r.state = 'finished' AND NEW.attempts_before = 0
            AND EXISTS (SELECT 1 FROM setup_links l
                JOIN checkout_sessions s ON s.id = l.completed_session
                JOIN setup_intents i ON i.id = s.setup_intent
                WHERE l.charge_id = g.charge_id AND i.payment_method = NEW.payment_method))
BEGIN SELECT RAISE(ABORT, 'no approval covers this new card'); END;
-- By itself Onfile charges it on no other card than its own link's.
CREATE TRIGGER waiting_charges_take_their_own_card BEFORE INSERT ON attempts
WHEN NEW.requested_by = 'system' AND NEW.idempotency_key NOT GLOB 'adopted:*'
    AND EXISTS (SELECT 1 FROM waiting_charges g WHERE g.charge_id = NEW.charge_id)
    AND NOT EXISTS (SELECT 1 FROM new_card_charges q WHERE q.charge_id = NEW.charge_id
        AND q.ended_at IS NULL AND q.attempts_before = NEW.number - 1
        AND q.payment_method = NEW.params ->> '$.payment_method')
BEGIN SELECT RAISE(ABORT, 'only its own card pays a charge that waited'); END;
