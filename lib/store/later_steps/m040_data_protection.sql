-- People who were erased, and for how long what is kept of others.

CREATE TABLE erasures (
    -- staff: What was erased, by its id: whatever Stripe or an older copy says of it again is not written.
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL
        CHECK (kind IN ('customer', 'checkout_session', 'payment_method', 'setup_link', 'run_row',
            'link_batch_row')),
    -- Of a customer: stands in for the address, and is the same for all that shared it.
    pseudonym TEXT,
    erased_at INTEGER NOT NULL,
    CHECK (pseudonym IS NULL OR kind = 'customer')
) STRICT, WITHOUT ROWID;
CREATE TRIGGER erasures_are_never_changed BEFORE UPDATE ON erasures
BEGIN SELECT RAISE(ABORT, 'what was erased stays erased'); END;
CREATE TRIGGER erasures_are_never_deleted BEFORE DELETE ON erasures
BEGIN SELECT RAISE(ABORT, 'what was erased stays erased'); END;
CREATE TABLE retention (
    -- staff: For how many days some things are kept; without a row, for ever.
    kind TEXT PRIMARY KEY,
    days INTEGER NOT NULL CHECK (days >= 30),
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER erased_customers_stay_erased AFTER INSERT ON customers
WHEN EXISTS (SELECT 1 FROM erasures e WHERE e.id = NEW.id AND (NEW.name IS NOT NULL
    OR NEW.email IS NOT e.pseudonym OR NEW.address_key IS NOT e.pseudonym))
BEGIN
    UPDATE customers SET name = NULL,
        email = (SELECT pseudonym FROM erasures WHERE id = NEW.id),
        address_key = (SELECT pseudonym FROM erasures WHERE id = NEW.id)
    WHERE id = NEW.id;
END;
CREATE TRIGGER erased_customers_stay_erased_anew AFTER UPDATE OF name, email, address_key ON customers
WHEN EXISTS (SELECT 1 FROM erasures e WHERE e.id = NEW.id AND (NEW.name IS NOT NULL
    OR NEW.email IS NOT e.pseudonym OR NEW.address_key IS NOT e.pseudonym))
BEGIN
    UPDATE customers SET name = NULL,
        email = (SELECT pseudonym FROM erasures WHERE id = NEW.id),
        address_key = (SELECT pseudonym FROM erasures WHERE id = NEW.id)
    WHERE id = NEW.id;
END;
CREATE TRIGGER erased_sessions_stay_erased AFTER INSERT ON checkout_sessions
WHEN (NEW.customer_email IS NOT NULL OR NEW.customer_name IS NOT NULL)
    AND EXISTS (SELECT 1 FROM erasures WHERE id IN (NEW.id, NEW.customer))
BEGIN UPDATE checkout_sessions SET customer_email = NULL, customer_name = NULL WHERE id = NEW.id; END;
CREATE TRIGGER erased_sessions_stay_erased_anew
AFTER UPDATE OF customer_email, customer_name, customer ON checkout_sessions
WHEN (NEW.customer_email IS NOT NULL OR NEW.customer_name IS NOT NULL)
    AND EXISTS (SELECT 1 FROM erasures WHERE id IN (NEW.id, NEW.customer))
BEGIN UPDATE checkout_sessions SET customer_email = NULL, customer_name = NULL WHERE id = NEW.id; END;
-- The fingerprint stays: it says whether a bank has stopped the card, under whatever id it was saved.
CREATE TRIGGER erased_methods_stay_erased AFTER INSERT ON payment_methods
WHEN coalesce(NEW.brand, NEW.last4, NEW.exp_month, NEW.exp_year, NEW.funding, NEW.country,
        NEW.billing_name, NEW.billing_email) IS NOT NULL
    AND EXISTS (SELECT 1 FROM erasures WHERE id IN (NEW.id, NEW.customer, NEW.last_customer))
BEGIN
    UPDATE payment_methods SET brand = NULL, last4 = NULL, exp_month = NULL, exp_year = NULL,
        funding = NULL, country = NULL, billing_name = NULL, billing_email = NULL WHERE id = NEW.id;
END;
CREATE TRIGGER erased_methods_stay_erased_anew AFTER UPDATE OF brand, last4, exp_month, exp_year,
    funding, country, billing_name, billing_email, customer, last_customer ON payment_methods
WHEN coalesce(NEW.brand, NEW.last4, NEW.exp_month, NEW.exp_year, NEW.funding, NEW.country,
        NEW.billing_name, NEW.billing_email) IS NOT NULL
    AND EXISTS (SELECT 1 FROM erasures WHERE id IN (NEW.id, NEW.customer, NEW.last_customer))
BEGIN
    UPDATE payment_methods SET brand = NULL, last4 = NULL, exp_month = NULL, exp_year = NULL,
        funding = NULL, country = NULL, billing_name = NULL, billing_email = NULL WHERE id = NEW.id;
END;
CREATE TRIGGER erased_links_stay_erased AFTER INSERT ON setup_links
WHEN coalesce(NEW.name, NEW.email, NEW.address_key) IS NOT NULL
    AND EXISTS (SELECT 1 FROM erasures WHERE id IN (NEW.id, NEW.customer))
BEGIN UPDATE setup_links SET name = NULL, email = NULL, address_key = NULL WHERE id = NEW.id; END;
CREATE TRIGGER erased_links_stay_erased_anew AFTER UPDATE OF name, email, address_key, customer ON setup_links
WHEN coalesce(NEW.name, NEW.email, NEW.address_key) IS NOT NULL
    AND EXISTS (SELECT 1 FROM erasures WHERE id IN (NEW.id, NEW.customer))
BEGIN UPDATE setup_links SET name = NULL, email = NULL, address_key = NULL WHERE id = NEW.id; END;
CREATE TRIGGER attempts_need_a_customer_who_was_not_erased BEFORE INSERT ON attempts
WHEN NEW.outcome IS NULL AND EXISTS (SELECT 1 FROM charges c JOIN erasures e ON e.id = c.customer
    WHERE c.id = NEW.charge_id)
BEGIN SELECT RAISE(ABORT, 'this customer was erased'); END;

DROP TRIGGER link_batch_rows_are_decided_once;
CREATE TRIGGER link_batch_rows_are_decided_once BEFORE UPDATE ON link_batch_rows
WHEN OLD.decided_at IS NOT NULL AND (
    (NEW.batch_id, NEW.number, NEW.state, NEW.customer, NEW.link_id, NEW.decided_at)
        IS NOT (OLD.batch_id, OLD.number, OLD.state, OLD.customer, OLD.link_id, OLD.decided_at)
    OR NOT EXISTS (SELECT 1 FROM erasures
        WHERE id IN (OLD.customer, OLD.link_id, OLD.batch_id || ':' || OLD.number)))
BEGIN SELECT RAISE(ABORT, 'this row was decided'); END;
DROP TRIGGER customer_notes_are_never_changed;
CREATE TRIGGER customer_notes_are_never_changed BEFORE UPDATE ON customer_notes
WHEN NEW.id <> OLD.id OR NEW.customer <> OLD.customer OR NEW.written_by <> OLD.written_by
    OR NEW.written_at <> OLD.written_at OR NEW.text NOT IN (OLD.text, '(erased)')
BEGIN SELECT RAISE(ABORT, 'notes are append-only'); END;
DROP TRIGGER rows_of_submitted_runs_keep_what_is_charged;
CREATE TRIGGER rows_of_submitted_runs_keep_what_is_charged BEFORE UPDATE ON run_rows
WHEN (SELECT state FROM runs WHERE id = OLD.run_id) IS NOT 'draft' AND (
    NEW.run_id <> OLD.run_id OR NEW.number <> OLD.number
    OR NEW.customer IS NOT OLD.customer
    OR NEW.payment_method IS NOT OLD.payment_method
    OR NEW.amount IS NOT OLD.amount OR NEW.currency IS NOT OLD.currency
    OR NEW.reference IS NOT OLD.reference OR NEW.description IS NOT OLD.description
    OR NEW.suffix IS NOT OLD.suffix OR NEW.is_submitted <> OLD.is_submitted)
BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END;
DROP TRIGGER rows_of_submitted_runs_keep_what_the_file_says;
-- What the file says beside that is erased with its customer, and is not changed otherwise.
CREATE TRIGGER rows_of_submitted_runs_keep_what_the_file_says
BEFORE UPDATE OF cells, request, original ON run_rows
WHEN (NEW.cells <> OLD.cells OR NEW.request <> OLD.request OR NEW.original IS NOT OLD.original)
    AND (SELECT state FROM runs WHERE id = OLD.run_id) IS NOT 'draft'
    AND NOT EXISTS (SELECT 1 FROM erasures
        WHERE id IN (OLD.customer, OLD.run_id || ':' || OLD.number))
BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END;
