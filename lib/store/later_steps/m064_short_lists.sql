-- Failures, refunds and disputes are few among many charges: those that have one are indexed a second time, so
-- that a search of their lists reads no others. Living customers are counted by an index.

CREATE TABLE listed_charges_search (
    -- ledger: The words by which a charge is found that is an open failure, or has a refund or a dispute.
    position INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE listed_charges_fts USING fts5(text, content = 'listed_charges_search',
    content_rowid = 'position', tokenize = 'trigram case_sensitive 1', detail = none);
CREATE INDEX disputes_by_payment_intent ON disputes (payment_intent) WHERE payment_intent IS NOT NULL;
CREATE TRIGGER open_failures_are_searched AFTER INSERT ON open_failures
BEGIN
    INSERT INTO search_pending SELECT 'charges', position FROM charges
        WHERE id = NEW.charge_id AND position IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER open_failures_are_searched_no_more AFTER DELETE ON open_failures
BEGIN
    INSERT INTO search_pending SELECT 'charges', position FROM charges
        WHERE id = OLD.charge_id AND position IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER refund_lines_are_searched AFTER INSERT ON refund_lines
BEGIN
    INSERT INTO search_pending SELECT 'charges', position FROM charges
        WHERE id = NEW.charge_id AND position IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER disputes_are_searched AFTER INSERT ON disputes WHEN NEW.payment_intent IS NOT NULL
BEGIN
    INSERT INTO search_pending SELECT 'charges', h.position
        FROM attempts a JOIN charges h ON h.id = a.charge_id
        WHERE a.payment_intent = NEW.payment_intent AND h.position IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER disputes_are_searched_anew AFTER UPDATE OF payment_intent ON disputes
WHEN NEW.payment_intent IS NOT OLD.payment_intent
BEGIN
    INSERT INTO search_pending SELECT 'charges', h.position
        FROM attempts a JOIN charges h ON h.id = a.charge_id
        WHERE a.payment_intent = NEW.payment_intent AND h.position IS NOT NULL ON CONFLICT DO NOTHING;
END;
-- Of a charge that was taken over from Stripe after its dispute was seen.
CREATE TRIGGER attempts_bring_their_disputes AFTER INSERT ON attempts
WHEN NEW.payment_intent IS NOT NULL
    AND EXISTS (SELECT 1 FROM disputes WHERE payment_intent = NEW.payment_intent)
BEGIN
    INSERT INTO search_pending SELECT 'charges', position FROM charges
        WHERE id = NEW.charge_id AND position IS NOT NULL ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER attempts_bring_their_disputes_later AFTER UPDATE OF payment_intent ON attempts
WHEN NEW.payment_intent IS NOT OLD.payment_intent
    AND EXISTS (SELECT 1 FROM disputes WHERE payment_intent = NEW.payment_intent)
BEGIN
    INSERT INTO search_pending SELECT 'charges', position FROM charges
        WHERE id = NEW.charge_id AND position IS NOT NULL ON CONFLICT DO NOTHING;
END;
INSERT INTO search_pending SELECT 'charges', h.position FROM charges h WHERE h.position IS NOT NULL AND h.id IN (
    SELECT charge_id FROM open_failures UNION SELECT charge_id FROM refund_lines
    UNION SELECT a.charge_id FROM disputes d JOIN attempts a ON a.payment_intent = d.payment_intent)
    ON CONFLICT DO NOTHING;
CREATE INDEX customers_living ON customers (position) WHERE is_deleted = 0;
