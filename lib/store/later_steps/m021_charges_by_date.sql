-- Charges by the day that they belong to, and their sums.

ALTER TABLE charges ADD COLUMN charged_at INTEGER NOT NULL DEFAULT 0;
UPDATE charges SET charged_at = coalesce(
    (SELECT a.requested_at FROM attempts a WHERE a.charge_id = charges.id
        ORDER BY a.number DESC LIMIT 1), created_at);
DROP INDEX charges_by_state;
CREATE INDEX charges_by_state ON charges (state, charged_at DESC, id DESC);
CREATE INDEX charges_by_charged ON charges (charged_at DESC, id DESC);
CREATE INDEX charges_by_amount ON charges (currency DESC, amount DESC, id DESC);
CREATE TRIGGER charges_belong_to_the_day_of_their_last_try AFTER INSERT ON attempts
WHEN NEW.number = (SELECT max(number) FROM attempts WHERE charge_id = NEW.charge_id)
BEGIN UPDATE charges SET charged_at = NEW.requested_at
    WHERE id = NEW.charge_id AND charged_at <> NEW.requested_at; END;

CREATE TABLE charge_sums (
    -- ledger: Charges by UTC days and by quarters of an hour of `charged_at`: adding up a million takes 400 ms a view.
    -- Seconds: 86400 or 900, with which days begin in every time zone.
    length INTEGER NOT NULL,
    -- Which of them since 1970.
    number INTEGER NOT NULL,
    state TEXT NOT NULL,
    currency TEXT NOT NULL,
    n INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (length, number, state, currency)
) STRICT, WITHOUT ROWID;
INSERT INTO charge_sums
    SELECT length, charged_at / length, state, currency, count(*), sum(amount)
    FROM charges, (SELECT 900 AS length UNION ALL SELECT 86400) GROUP BY 1, 2, 3, 4;
CREATE TRIGGER charges_are_summed AFTER INSERT ON charges
BEGIN
    INSERT INTO charge_sums (length, number, state, currency, n, amount) VALUES
        (900, NEW.charged_at / 900, NEW.state, NEW.currency, 1, NEW.amount),
        (86400, NEW.charged_at / 86400, NEW.state, NEW.currency, 1, NEW.amount)
        ON CONFLICT DO UPDATE SET n = n + 1, amount = amount + excluded.amount;
END;
CREATE TRIGGER charges_are_summed_anew AFTER UPDATE OF state, charged_at ON charges
WHEN NEW.state <> OLD.state OR NEW.charged_at / 900 <> OLD.charged_at / 900
BEGIN
    UPDATE charge_sums SET n = n - 1, amount = amount - OLD.amount
        WHERE (length, number) IN (VALUES (900, OLD.charged_at / 900), (86400, OLD.charged_at / 86400))
            AND state = OLD.state AND currency = OLD.currency;
    INSERT INTO charge_sums (length, number, state, currency, n, amount) VALUES
        (900, NEW.charged_at / 900, NEW.state, NEW.currency, 1, NEW.amount),
        (86400, NEW.charged_at / 86400, NEW.state, NEW.currency, 1, NEW.amount)
        ON CONFLICT DO UPDATE SET n = n + 1, amount = amount + excluded.amount;
END;
