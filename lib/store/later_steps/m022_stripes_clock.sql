ALTER TABLE attempts ADD COLUMN sent_after INTEGER;
ALTER TABLE refunds ADD COLUMN sent_after INTEGER;
DROP TRIGGER attempts_keep_what_was_sent;
CREATE TRIGGER attempts_keep_what_was_sent BEFORE UPDATE ON attempts
WHEN NEW.charge_id <> OLD.charge_id OR NEW.number <> OLD.number
    OR NEW.params <> OLD.params OR NEW.requested_at <> OLD.requested_at
    OR NEW.sent_after > OLD.sent_after OR (NEW.sent_after IS NULL) <> (OLD.sent_after IS NULL)
    OR (OLD.payment_intent IS NOT NULL AND NEW.payment_intent IS NOT OLD.payment_intent)
    OR (NEW.idempotency_key <> OLD.idempotency_key
        AND NOT ((OLD.outcome IS 'not_executed'
                OR (OLD.outcome IS 'declined' AND OLD.evidence IS 'reply' AND OLD.http_status IS 400
                    AND OLD.payment_intent IS NULL AND OLD.code LIKE 'parameter%'))
            AND NEW.idempotency_key = OLD.idempotency_key || ':not_executed:' || OLD.charge_id
                || ':' || OLD.number))
BEGIN SELECT RAISE(ABORT, 'an attempt keeps its key and parameters'); END;
