-- What lists of a million charges would add up or look for on each view is kept.

-- Charges are found in the order in which they are listed: by the day of their last try.
DROP TRIGGER charges_take_their_place;
CREATE TRIGGER charges_take_their_place AFTER INSERT ON charges
BEGIN
    UPDATE charges SET position = coalesce((SELECT max(position) FROM charges
        WHERE position BETWEEN max(NEW.charged_at, NEW.created_at) << 20
            AND (max(NEW.charged_at, NEW.created_at) << 20) + 1048575),
        (max(NEW.charged_at, NEW.created_at) << 20) - 1) + 1 WHERE id = NEW.id;
    INSERT INTO search_pending SELECT 'charges', position FROM charges WHERE id = NEW.id
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER charges_move_in_the_search AFTER UPDATE OF charged_at ON charges
WHEN NEW.charged_at <> OLD.charged_at
BEGIN
    INSERT INTO search_pending VALUES ('charges', OLD.position) ON CONFLICT DO NOTHING;
    UPDATE charges SET position = coalesce((SELECT max(position) FROM charges
        WHERE position BETWEEN NEW.charged_at << 20 AND (NEW.charged_at << 20) + 1048575),
        (NEW.charged_at << 20) - 1) + 1 WHERE id = NEW.id;
    INSERT INTO search_pending SELECT 'charges', position FROM charges WHERE id = NEW.id
        ON CONFLICT DO NOTHING;
END;
INSERT INTO search_pending SELECT 'charges', position FROM charges
    WHERE position >> 20 <> charged_at ON CONFLICT DO NOTHING;
-- Behind whatever has its place in that second already.
UPDATE charges SET position = p.position FROM (
    SELECT id, (charged_at << 20) + 524288 + row_number() OVER (PARTITION BY charged_at ORDER BY id) AS position
    FROM charges WHERE position >> 20 <> charged_at) p WHERE p.id = charges.id;
INSERT INTO search_pending SELECT 'charges', position FROM charges
    WHERE position & 1048575 > 524288 ON CONFLICT DO NOTHING;

-- With all that lists are narrowed down to, so that rows which are not shown are not read.
DROP INDEX charges_by_amount;
CREATE INDEX charges_by_amount ON charges (currency DESC, amount DESC, id DESC, state, charged_at);

CREATE INDEX setup_links_revoked ON setup_links (id) WHERE revoked_at IS NOT NULL;

CREATE TABLE open_failures (
    -- ledger: Failed charges that nobody made good since, as store/charge_rows has it: of a year's, each view would look up the last try and what else was charged.
    charge_id TEXT PRIMARY KEY,
    charged_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL,
    -- What the last try's reason is made of: JSON of http_status, code, decline_code, advice_code, outcome_type, and the message where there may be no code.
    codes TEXT NOT NULL
) STRICT;
CREATE INDEX open_failures_by_charged
    ON open_failures (charged_at DESC, charge_id DESC, state, currency, codes, amount);
CREATE INDEX open_failures_by_reason ON open_failures (state, currency, codes, charged_at, amount);
CREATE INDEX open_failures_by_amount
    ON open_failures (currency DESC, amount DESC, charge_id DESC, charged_at, state, codes);
INSERT INTO open_failures
    SELECT h.id, h.charged_at, h.state, h.currency, h.amount,
        json_array(a.http_status, a.code, a.decline_code, a.advice_code, a.outcome_type,
        iif(a.http_status IN (400, 404), a.message, NULL))
    FROM charges h LEFT JOIN attempts a ON a.charge_id = h.id AND a.number =
        (SELECT max(number) FROM attempts WHERE charge_id = h.id)
    WHERE true
        AND h.state IN ('declined', 'needs_customer', 'planned')
    AND (h.state <> 'planned' OR NOT EXISTS (
        SELECT 1 FROM run_rows r WHERE r.charge_id = h.id AND r.state = 'planned'))
    AND NOT EXISTS (
        SELECT 1 FROM charges s WHERE s.customer = h.customer AND s.reference = h.reference
            AND s.reference_key = h.reference_key
            AND s.state IN ('succeeded', 'processing', 'attempting', 'unknown'))
    ON CONFLICT DO NOTHING;
CREATE TRIGGER charges_fail_or_not AFTER INSERT ON charges
BEGIN
    DELETE FROM open_failures WHERE charge_id IN (SELECT h.id FROM charges h
        WHERE h.customer = NEW.customer AND h.reference_key = NEW.reference_key AND h.reference = NEW.reference);
    INSERT INTO open_failures
        SELECT h.id, h.charged_at, h.state, h.currency, h.amount,
            json_array(a.http_status, a.code, a.decline_code, a.advice_code, a.outcome_type,
            iif(a.http_status IN (400, 404), a.message, NULL))
        FROM charges h LEFT JOIN attempts a ON a.charge_id = h.id AND a.number =
            (SELECT max(number) FROM attempts WHERE charge_id = h.id)
        WHERE h.customer = NEW.customer AND h.reference_key = NEW.reference_key AND h.reference = NEW.reference
            AND h.state IN ('declined', 'needs_customer', 'planned')
        AND (h.state <> 'planned' OR NOT EXISTS (
            SELECT 1 FROM run_rows r WHERE r.charge_id = h.id AND r.state = 'planned'))
        AND NOT EXISTS (
            SELECT 1 FROM charges s WHERE s.customer = h.customer AND s.reference = h.reference
                AND s.reference_key = h.reference_key
                AND s.state IN ('succeeded', 'processing', 'attempting', 'unknown'))
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER charges_fail_or_not_anew AFTER UPDATE OF state, charged_at ON charges
WHEN NEW.state <> OLD.state OR NEW.charged_at <> OLD.charged_at
BEGIN
    DELETE FROM open_failures WHERE charge_id IN (SELECT h.id FROM charges h
        WHERE h.customer = NEW.customer AND h.reference_key = NEW.reference_key AND h.reference = NEW.reference);
    INSERT INTO open_failures
        SELECT h.id, h.charged_at, h.state, h.currency, h.amount,
            json_array(a.http_status, a.code, a.decline_code, a.advice_code, a.outcome_type,
            iif(a.http_status IN (400, 404), a.message, NULL))
        FROM charges h LEFT JOIN attempts a ON a.charge_id = h.id AND a.number =
            (SELECT max(number) FROM attempts WHERE charge_id = h.id)
        WHERE h.customer = NEW.customer AND h.reference_key = NEW.reference_key AND h.reference = NEW.reference
            AND h.state IN ('declined', 'needs_customer', 'planned')
        AND (h.state <> 'planned' OR NOT EXISTS (
            SELECT 1 FROM run_rows r WHERE r.charge_id = h.id AND r.state = 'planned'))
        AND NOT EXISTS (
            SELECT 1 FROM charges s WHERE s.customer = h.customer AND s.reference = h.reference
                AND s.reference_key = h.reference_key
                AND s.state IN ('succeeded', 'processing', 'attempting', 'unknown'))
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER attempts_say_why AFTER INSERT ON attempts
BEGIN
    UPDATE open_failures SET codes = (SELECT
        json_array(a.http_status, a.code, a.decline_code, a.advice_code, a.outcome_type,
            iif(a.http_status IN (400, 404), a.message, NULL))
        FROM charges h JOIN attempts a ON a.charge_id = h.id AND a.number =
            (SELECT max(number) FROM attempts WHERE charge_id = h.id)
        WHERE h.id = NEW.charge_id)
    WHERE charge_id = NEW.charge_id;
END;
CREATE TRIGGER attempts_say_why_anew AFTER UPDATE OF outcome, http_status, code, decline_code, advice_code, outcome_type, message ON attempts
BEGIN
    UPDATE open_failures SET codes = (SELECT
        json_array(a.http_status, a.code, a.decline_code, a.advice_code, a.outcome_type,
            iif(a.http_status IN (400, 404), a.message, NULL))
        FROM charges h JOIN attempts a ON a.charge_id = h.id AND a.number =
            (SELECT max(number) FROM attempts WHERE charge_id = h.id)
        WHERE h.id = NEW.charge_id)
    WHERE charge_id = NEW.charge_id;
END;
CREATE TRIGGER failures_follow_plans AFTER UPDATE OF state, charge_id ON run_rows
WHEN NEW.charge_id IS NOT NULL AND (NEW.state <> OLD.state OR NEW.charge_id IS NOT OLD.charge_id)
    AND EXISTS (SELECT 1 FROM charges h WHERE h.id = NEW.charge_id AND h.state = 'planned')
BEGIN
    DELETE FROM open_failures WHERE charge_id = NEW.charge_id;
    INSERT INTO open_failures
        SELECT h.id, h.charged_at, h.state, h.currency, h.amount,
            json_array(a.http_status, a.code, a.decline_code, a.advice_code, a.outcome_type,
            iif(a.http_status IN (400, 404), a.message, NULL))
        FROM charges h LEFT JOIN attempts a ON a.charge_id = h.id AND a.number =
            (SELECT max(number) FROM attempts WHERE charge_id = h.id)
        WHERE h.id = NEW.charge_id
            AND h.state IN ('declined', 'needs_customer', 'planned')
        AND (h.state <> 'planned' OR NOT EXISTS (
            SELECT 1 FROM run_rows r WHERE r.charge_id = h.id AND r.state = 'planned'))
        AND NOT EXISTS (
            SELECT 1 FROM charges s WHERE s.customer = h.customer AND s.reference = h.reference
                AND s.reference_key = h.reference_key
                AND s.state IN ('succeeded', 'processing', 'attempting', 'unknown'))
        ON CONFLICT DO NOTHING;
END;

CREATE TABLE refund_lines (
    -- ledger: The list of refunds: orders of ours, on the day on which Stripe made the refund, and what was refunded in Stripe's Dashboard.
    -- The refund's id at Stripe, or the order's while there is none.
    id TEXT PRIMARY KEY,
    order_id TEXT UNIQUE,
    charge_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT
) STRICT;
CREATE INDEX refund_lines_by_at ON refund_lines (at DESC, id DESC, state, currency, amount);
CREATE INDEX refund_lines_by_state ON refund_lines (state, at DESC, id DESC);
CREATE INDEX refund_lines_by_charge ON refund_lines (charge_id);
CREATE INDEX stripe_refunds_by_payment_intent ON stripe_refunds (payment_intent);
INSERT INTO refund_lines
    SELECT coalesce(o.refund, o.id), o.id, o.charge_id,
            coalesce((SELECT r.created FROM stripe_refunds r WHERE r.id = o.refund), o.requested_at),
            o.amount, o.currency, o.state, o.reason
        FROM refunds o;
INSERT INTO refund_lines
    SELECT r.id, NULL, a.charge_id, r.created, r.amount, r.currency,
        CASE r.status WHEN 'canceled' THEN 'cancelled' WHEN 'requires_action' THEN 'pending'
            ELSE coalesce(r.status, 'unknown') END, r.reason
    FROM stripe_refunds r CROSS JOIN attempts a ON a.payment_intent = r.payment_intent
    WHERE true AND NOT EXISTS (SELECT 1 FROM refunds o WHERE o.refund = r.id) ON CONFLICT DO NOTHING;
CREATE TRIGGER refunds_have_a_line AFTER INSERT ON refunds
BEGIN
    DELETE FROM refund_lines WHERE id = NEW.refund;
    INSERT INTO refund_lines
        SELECT coalesce(o.refund, o.id), o.id, o.charge_id,
            coalesce((SELECT r.created FROM stripe_refunds r WHERE r.id = o.refund), o.requested_at),
            o.amount, o.currency, o.state, o.reason
        FROM refunds o
        WHERE o.id = NEW.id ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER refunds_have_a_line_anew AFTER UPDATE OF state, refund ON refunds
WHEN NEW.state <> OLD.state OR NEW.refund IS NOT OLD.refund
BEGIN
    DELETE FROM refund_lines WHERE order_id = NEW.id OR id = NEW.refund;
    INSERT INTO refund_lines
        SELECT coalesce(o.refund, o.id), o.id, o.charge_id,
            coalesce((SELECT r.created FROM stripe_refunds r WHERE r.id = o.refund), o.requested_at),
            o.amount, o.currency, o.state, o.reason
        FROM refunds o
        WHERE o.id = NEW.id ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER stripe_refunds_have_a_line AFTER INSERT ON stripe_refunds
BEGIN
    DELETE FROM refund_lines WHERE id = NEW.id AND order_id IS NULL;
    UPDATE refund_lines SET at = NEW.created WHERE id = NEW.id;
    INSERT INTO refund_lines
        SELECT r.id, NULL, a.charge_id, r.created, r.amount, r.currency,
            CASE r.status WHEN 'canceled' THEN 'cancelled' WHEN 'requires_action' THEN 'pending'
                ELSE coalesce(r.status, 'unknown') END, r.reason
        FROM stripe_refunds r CROSS JOIN attempts a ON a.payment_intent = r.payment_intent
        WHERE r.id = NEW.id AND NOT EXISTS (SELECT 1 FROM refunds o WHERE o.refund = r.id) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER stripe_refunds_have_a_line_anew
AFTER UPDATE OF status, amount, currency, reason, created, payment_intent ON stripe_refunds
BEGIN
    DELETE FROM refund_lines WHERE id = NEW.id AND order_id IS NULL;
    UPDATE refund_lines SET at = NEW.created WHERE id = NEW.id;
    INSERT INTO refund_lines
        SELECT r.id, NULL, a.charge_id, r.created, r.amount, r.currency,
            CASE r.status WHEN 'canceled' THEN 'cancelled' WHEN 'requires_action' THEN 'pending'
                ELSE coalesce(r.status, 'unknown') END, r.reason
        FROM stripe_refunds r CROSS JOIN attempts a ON a.payment_intent = r.payment_intent
        WHERE r.id = NEW.id AND NOT EXISTS (SELECT 1 FROM refunds o WHERE o.refund = r.id) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER stripe_refunds_have_no_line_any_more AFTER DELETE ON stripe_refunds
BEGIN
    DELETE FROM refund_lines WHERE id = OLD.id AND order_id IS NULL;
    UPDATE refund_lines SET at = (SELECT o.requested_at FROM refunds o WHERE o.id = order_id)
        WHERE id = OLD.id;
END;
-- Of a charge that was taken over from Stripe after its refund was seen.
CREATE TRIGGER attempts_bring_their_refunds AFTER INSERT ON attempts
WHEN NEW.payment_intent IS NOT NULL
BEGIN
    INSERT INTO refund_lines
        SELECT r.id, NULL, a.charge_id, r.created, r.amount, r.currency,
            CASE r.status WHEN 'canceled' THEN 'cancelled' WHEN 'requires_action' THEN 'pending'
                ELSE coalesce(r.status, 'unknown') END, r.reason
        FROM stripe_refunds r CROSS JOIN attempts a ON a.payment_intent = r.payment_intent
        WHERE r.payment_intent = NEW.payment_intent AND NOT EXISTS (SELECT 1 FROM refunds o WHERE o.refund = r.id) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER attempts_bring_their_refunds_later AFTER UPDATE OF payment_intent ON attempts
WHEN NEW.payment_intent IS NOT OLD.payment_intent
BEGIN
    INSERT INTO refund_lines
        SELECT r.id, NULL, a.charge_id, r.created, r.amount, r.currency,
            CASE r.status WHEN 'canceled' THEN 'cancelled' WHEN 'requires_action' THEN 'pending'
                ELSE coalesce(r.status, 'unknown') END, r.reason
        FROM stripe_refunds r CROSS JOIN attempts a ON a.payment_intent = r.payment_intent
        WHERE r.payment_intent = NEW.payment_intent AND NOT EXISTS (SELECT 1 FROM refunds o WHERE o.refund = r.id) ON CONFLICT DO NOTHING;
END;
