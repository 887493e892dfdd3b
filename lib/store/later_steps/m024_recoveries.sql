-- Charges that were paid after a failure, and what made the difference.

CREATE TABLE recoveries (
    -- ledger: Charges that were paid after a failure: when the paid try was sent, and what made the difference.
    charge_id TEXT PRIMARY KEY REFERENCES charges (id),
    at INTEGER NOT NULL,
    how TEXT NOT NULL CHECK (how IN ('new_card', 'authenticated', 'later_try'))
) STRICT, WITHOUT ROWID;
CREATE INDEX recoveries_by_at ON recoveries (at, how);
-- Judged beside the last try of the same debt that failed before. A card that was saved anew is the same
-- card by its fingerprint. Also once a new attempt knows its debt: one that is taken over from Stripe was
-- paid before.
CREATE TRIGGER charges_recover AFTER UPDATE OF outcome, customer ON attempts
WHEN NEW.outcome = 'succeeded' AND NEW.is_surplus = 0
BEGIN
    INSERT INTO recoveries
        SELECT NEW.charge_id, NEW.requested_at, CASE
            WHEN json_extract(NEW.params, '$.payment_method')
                    IS NOT json_extract(f.params, '$.payment_method')
                AND NOT EXISTS (SELECT 1 FROM payment_methods m JOIN payment_methods n
                    ON n.fingerprint = m.fingerprint
                    WHERE m.id = json_extract(NEW.params, '$.payment_method')
                        AND n.id = json_extract(f.params, '$.payment_method')) THEN 'new_card'
            WHEN f.outcome = 'needs_customer' THEN 'authenticated'
            ELSE 'later_try' END
        FROM attempts f
        WHERE f.customer = NEW.customer AND f.reference = NEW.reference
            AND f.outcome IN ('declined', 'needs_customer') AND f.requested_at <= NEW.requested_at
            AND NOT (f.charge_id = NEW.charge_id AND f.number >= NEW.number)
        ORDER BY f.requested_at DESC, f.number DESC LIMIT 1
        ON CONFLICT DO NOTHING;
END;
-- What was paid before now goes through the trigger, too.
UPDATE attempts SET outcome = outcome
WHERE outcome = 'succeeded' AND (customer, reference) IN (
    SELECT customer, reference FROM attempts WHERE outcome IN ('declined', 'needs_customer'));
-- Every page counts the links that are open; of a million, few are.
CREATE INDEX setup_links_open ON setup_links (expires_at)
    WHERE completed_at IS NULL AND revoked_at IS NULL;
