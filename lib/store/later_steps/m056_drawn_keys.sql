-- What a person takes the address for, by domain/identity; where that is not its key.
ALTER TABLE customers ADD COLUMN drawn_key TEXT;
CREATE INDEX customers_by_drawn_key ON customers (coalesce(drawn_key, address_key));
DROP TRIGGER erased_customers_stay_erased;
CREATE TRIGGER erased_customers_stay_erased AFTER INSERT ON customers
WHEN EXISTS (SELECT 1 FROM erasures e WHERE e.id = NEW.id AND (NEW.name IS NOT NULL
    OR NEW.email IS NOT e.pseudonym OR NEW.address_key IS NOT e.pseudonym
    OR NEW.drawn_key IS NOT NULL))
BEGIN
    UPDATE customers SET name = NULL, drawn_key = NULL,
        email = (SELECT pseudonym FROM erasures WHERE id = NEW.id),
        address_key = (SELECT pseudonym FROM erasures WHERE id = NEW.id)
    WHERE id = NEW.id;
END;
DROP TRIGGER erased_customers_stay_erased_anew;
CREATE TRIGGER erased_customers_stay_erased_anew
AFTER UPDATE OF name, email, address_key, drawn_key ON customers
WHEN EXISTS (SELECT 1 FROM erasures e WHERE e.id = NEW.id AND (NEW.name IS NOT NULL
    OR NEW.email IS NOT e.pseudonym OR NEW.address_key IS NOT e.pseudonym
    OR NEW.drawn_key IS NOT NULL))
BEGIN
    UPDATE customers SET name = NULL, drawn_key = NULL,
        email = (SELECT pseudonym FROM erasures WHERE id = NEW.id),
        address_key = (SELECT pseudonym FROM erasures WHERE id = NEW.id)
    WHERE id = NEW.id;
END;
