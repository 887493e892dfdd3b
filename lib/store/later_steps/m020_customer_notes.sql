CREATE TABLE customer_notes (
    -- staff: What people wrote down about a customer: never changed, never deleted.
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    text TEXT NOT NULL CHECK (length(trim(text)) > 0),
    written_by TEXT NOT NULL,
    written_at INTEGER NOT NULL
) STRICT;
CREATE INDEX customer_notes_by_customer ON customer_notes (customer, written_at);
CREATE TRIGGER customer_notes_are_never_changed BEFORE UPDATE ON customer_notes
BEGIN SELECT RAISE(ABORT, 'notes are append-only'); END;
CREATE TRIGGER customer_notes_are_never_deleted BEFORE DELETE ON customer_notes
BEGIN SELECT RAISE(ABORT, 'notes are append-only'); END;
CREATE INDEX stripe_refunds_by_customer ON stripe_refunds (customer, created)
    WHERE customer IS NOT NULL;
CREATE INDEX disputes_by_customer ON disputes (customer, created) WHERE customer IS NOT NULL;
