-- Refunds whose outcome no evidence settles: proposed by one person, agreed to by another.
ALTER TABLE refunds ADD COLUMN evidence TEXT;

CREATE TABLE refund_outcomes (
    -- ledger: The outcome of a refund that no evidence settles, proposed by one person and approved by another.
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES refunds (id),
    outcome TEXT NOT NULL CHECK (outcome IN ('succeeded', 'not_executed')),
    refund TEXT,
    reason TEXT NOT NULL CHECK (length(trim(reason)) > 0),
    state TEXT NOT NULL DEFAULT 'proposed'
        CHECK (state IN ('proposed', 'approved', 'rejected', 'withdrawn', 'overtaken')),
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    decided_by TEXT CHECK (decided_by <> proposed_by),
    decided_at INTEGER,
    decision_note TEXT,
    CHECK ((outcome = 'succeeded') = (refund IS NOT NULL)),
    CHECK ((decided_by IS NOT NULL) = (state IN ('approved', 'rejected')))
) STRICT;
CREATE UNIQUE INDEX one_open_outcome_a_refund ON refund_outcomes (order_id) WHERE state = 'proposed';
CREATE INDEX refund_outcomes_by_order ON refund_outcomes (order_id, proposed_at);
CREATE INDEX refund_outcomes_to_decide ON refund_outcomes (proposed_at) WHERE state = 'proposed';

CREATE TRIGGER refund_outcomes_begin_as_proposals BEFORE INSERT ON refund_outcomes
WHEN NEW.state <> 'proposed'
BEGIN SELECT RAISE(ABORT, 'an outcome by hand begins as a proposal'); END;

CREATE TRIGGER refund_outcomes_are_decided_once BEFORE UPDATE ON refund_outcomes
WHEN OLD.state <> 'proposed' OR NEW.id <> OLD.id OR NEW.order_id <> OLD.order_id
    OR NEW.outcome <> OLD.outcome OR NEW.refund IS NOT OLD.refund OR NEW.reason <> OLD.reason
    OR NEW.proposed_by <> OLD.proposed_by OR NEW.proposed_at <> OLD.proposed_at
BEGIN SELECT RAISE(ABORT, 'an outcome by hand is decided once, as it was proposed'); END;

CREATE TRIGGER refund_outcomes_are_never_deleted BEFORE DELETE ON refund_outcomes
BEGIN SELECT RAISE(ABORT, 'refund_outcomes are never deleted'); END;

CREATE TRIGGER refunds_settled_by_hand_need_two_people BEFORE UPDATE ON refunds
WHEN NEW.evidence IS 'two_people' AND OLD.evidence IS NOT 'two_people'
    AND NOT EXISTS (SELECT 1 FROM refund_outcomes m WHERE m.order_id = NEW.id AND m.state = 'approved'
        AND ((m.outcome = 'not_executed' AND NEW.state = 'not_executed')
            OR (m.outcome = 'succeeded' AND NEW.state IN ('pending', 'succeeded')
                AND m.refund = NEW.refund)))
BEGIN SELECT RAISE(ABORT, 'an outcome by hand needs two people'); END;
