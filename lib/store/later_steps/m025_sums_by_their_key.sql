-- A list of pairs is no key to SQLite: with two years of sums, each step of a charge read 300,000 rows.
DROP TRIGGER charges_are_summed_anew;
CREATE TRIGGER charges_are_summed_anew AFTER UPDATE OF state, charged_at ON charges
WHEN NEW.state <> OLD.state OR NEW.charged_at / 900 <> OLD.charged_at / 900
BEGIN
    UPDATE charge_sums SET n = n - 1, amount = amount - OLD.amount
        WHERE length = 900 AND number = OLD.charged_at / 900
            AND state = OLD.state AND currency = OLD.currency;
    UPDATE charge_sums SET n = n - 1, amount = amount - OLD.amount
        WHERE length = 86400 AND number = OLD.charged_at / 86400
            AND state = OLD.state AND currency = OLD.currency;
    INSERT INTO charge_sums (length, number, state, currency, n, amount) VALUES
        (900, NEW.charged_at / 900, NEW.state, NEW.currency, 1, NEW.amount),
        (86400, NEW.charged_at / 86400, NEW.state, NEW.currency, 1, NEW.amount)
        ON CONFLICT DO UPDATE SET n = n + 1, amount = amount + excluded.amount;
END;
