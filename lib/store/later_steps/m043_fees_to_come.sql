-- Month end counts the paid charges whose fee is not known yet: looking each one's up took 300 ms a view.
-- “+” keeps SQLite from reading all that is paid, before it has statistics, to find the one that is meant.

CREATE TABLE fees_to_come (
    -- ledger: Paid charges whose fee Stripe has not told yet, or the key may not read.
    charge_id TEXT PRIMARY KEY,
    charged_at INTEGER NOT NULL
) STRICT;
CREATE INDEX fees_to_come_by_charged ON fees_to_come (charged_at);
INSERT INTO fees_to_come SELECT h.id, h.charged_at FROM charges h
    WHERE h.state = 'succeeded'
    AND NOT EXISTS (
        SELECT 1 FROM attempts a
        CROSS JOIN stripe_charges p ON p.payment_intent = a.payment_intent AND p.status = 'succeeded'
        CROSS JOIN balance_transactions b ON b.source = p.id AND b.type IN ('charge', 'payment')
        WHERE a.charge_id = h.id)
    ON CONFLICT DO NOTHING;
CREATE TRIGGER charges_wait_for_their_fee AFTER UPDATE OF state, charged_at ON charges
WHEN (NEW.state <> OLD.state OR NEW.charged_at <> OLD.charged_at)
    AND (NEW.state = 'succeeded' OR OLD.state = 'succeeded')
BEGIN
    DELETE FROM fees_to_come WHERE charge_id = NEW.id;
    INSERT INTO fees_to_come SELECT h.id, h.charged_at FROM charges h
        WHERE h.id = NEW.id AND +h.state = 'succeeded'
        AND NOT EXISTS (
            SELECT 1 FROM attempts a
            CROSS JOIN stripe_charges p ON p.payment_intent = a.payment_intent AND p.status = 'succeeded'
            CROSS JOIN balance_transactions b ON b.source = p.id AND b.type IN ('charge', 'payment')
            WHERE a.charge_id = h.id)
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER attempts_bring_their_fee AFTER INSERT ON attempts
WHEN NEW.payment_intent IS NOT NULL
BEGIN
    DELETE FROM fees_to_come WHERE charge_id = NEW.charge_id;
    INSERT INTO fees_to_come SELECT h.id, h.charged_at FROM charges h
        WHERE h.id = NEW.charge_id AND +h.state = 'succeeded'
        AND NOT EXISTS (
            SELECT 1 FROM attempts a
            CROSS JOIN stripe_charges p ON p.payment_intent = a.payment_intent AND p.status = 'succeeded'
            CROSS JOIN balance_transactions b ON b.source = p.id AND b.type IN ('charge', 'payment')
            WHERE a.charge_id = h.id)
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER stripe_charges_bring_their_fee AFTER INSERT ON stripe_charges
BEGIN
    DELETE FROM fees_to_come WHERE charge_id IN (SELECT charge_id FROM attempts WHERE payment_intent = NEW.payment_intent);
    INSERT INTO fees_to_come SELECT h.id, h.charged_at FROM charges h
        WHERE h.id IN (SELECT charge_id FROM attempts WHERE payment_intent = NEW.payment_intent) AND +h.state = 'succeeded'
        AND NOT EXISTS (
            SELECT 1 FROM attempts a
            CROSS JOIN stripe_charges p ON p.payment_intent = a.payment_intent AND p.status = 'succeeded'
            CROSS JOIN balance_transactions b ON b.source = p.id AND b.type IN ('charge', 'payment')
            WHERE a.charge_id = h.id)
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER stripe_charges_bring_their_fee_later AFTER UPDATE OF status, payment_intent ON stripe_charges
WHEN NEW.status <> OLD.status OR NEW.payment_intent IS NOT OLD.payment_intent
BEGIN
    DELETE FROM fees_to_come WHERE charge_id IN (SELECT charge_id FROM attempts WHERE payment_intent IN (NEW.payment_intent, OLD.payment_intent));
    INSERT INTO fees_to_come SELECT h.id, h.charged_at FROM charges h
        WHERE h.id IN (SELECT charge_id FROM attempts WHERE payment_intent IN (NEW.payment_intent, OLD.payment_intent)) AND +h.state = 'succeeded'
        AND NOT EXISTS (
            SELECT 1 FROM attempts a
            CROSS JOIN stripe_charges p ON p.payment_intent = a.payment_intent AND p.status = 'succeeded'
            CROSS JOIN balance_transactions b ON b.source = p.id AND b.type IN ('charge', 'payment')
            WHERE a.charge_id = h.id)
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER stripe_charges_take_their_fee_along AFTER DELETE ON stripe_charges
BEGIN
    DELETE FROM fees_to_come WHERE charge_id IN (SELECT charge_id FROM attempts WHERE payment_intent = OLD.payment_intent);
    INSERT INTO fees_to_come SELECT h.id, h.charged_at FROM charges h
        WHERE h.id IN (SELECT charge_id FROM attempts WHERE payment_intent = OLD.payment_intent) AND +h.state = 'succeeded'
        AND NOT EXISTS (
            SELECT 1 FROM attempts a
            CROSS JOIN stripe_charges p ON p.payment_intent = a.payment_intent AND p.status = 'succeeded'
            CROSS JOIN balance_transactions b ON b.source = p.id AND b.type IN ('charge', 'payment')
            WHERE a.charge_id = h.id)
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER fees_have_come AFTER INSERT ON balance_transactions
WHEN NEW.type IN ('charge', 'payment')
BEGIN
    DELETE FROM fees_to_come WHERE charge_id IN (SELECT a.charge_id FROM stripe_charges p JOIN attempts a ON a.payment_intent = p.payment_intent
        WHERE p.id = NEW.source);
    INSERT INTO fees_to_come SELECT h.id, h.charged_at FROM charges h
        WHERE h.id IN (SELECT a.charge_id FROM stripe_charges p JOIN attempts a ON a.payment_intent = p.payment_intent
        WHERE p.id = NEW.source) AND +h.state = 'succeeded'
        AND NOT EXISTS (
            SELECT 1 FROM attempts a
            CROSS JOIN stripe_charges p ON p.payment_intent = a.payment_intent AND p.status = 'succeeded'
            CROSS JOIN balance_transactions b ON b.source = p.id AND b.type IN ('charge', 'payment')
            WHERE a.charge_id = h.id)
        ON CONFLICT DO NOTHING;
END;
