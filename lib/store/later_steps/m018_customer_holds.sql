CREATE TABLE customer_holds (
    -- ledger: Customers who must not be charged: why, since when, and who lifted that.
    id TEXT PRIMARY KEY,
    customer TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (length(trim(reason)) > 0),
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    -- Nobody set it here: the metadata of the customer say it.
    is_from_stripe INTEGER NOT NULL DEFAULT 0 CHECK (is_from_stripe IN (0, 1)),
    lifted_by TEXT CHECK (lifted_by <> set_by),
    lifted_at INTEGER,
    lift_reason TEXT CHECK (length(trim(lift_reason)) > 0),
    -- From when on Stripe is known to say that it was lifted.
    lift_confirmed_at_ms INTEGER,
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL)),
    CHECK ((lifted_at IS NULL) = (lift_reason IS NULL)),
    CHECK (lift_confirmed_at_ms IS NULL OR lifted_at IS NOT NULL)
) STRICT;
CREATE INDEX customer_holds_by_customer ON customer_holds (customer, set_at);
CREATE INDEX customer_holds_open ON customer_holds (customer) WHERE lifted_at IS NULL;
CREATE TRIGGER customer_holds_are_lifted_once BEFORE UPDATE ON customer_holds
WHEN NEW.id <> OLD.id OR NEW.customer <> OLD.customer OR NEW.reason <> OLD.reason
    OR NEW.set_by <> OLD.set_by OR NEW.set_at <> OLD.set_at
    OR NEW.is_from_stripe <> OLD.is_from_stripe
    OR (OLD.lifted_at IS NOT NULL AND (NEW.lifted_at IS NOT OLD.lifted_at
        OR NEW.lifted_by IS NOT OLD.lifted_by OR NEW.lift_reason IS NOT OLD.lift_reason))
BEGIN SELECT RAISE(ABORT, 'a hold is lifted once, and keeps what it was'); END;
CREATE TRIGGER customer_holds_are_never_deleted BEFORE DELETE ON customer_holds
BEGIN SELECT RAISE(ABORT, 'holds are never deleted'); END;
CREATE TRIGGER attempts_need_a_customer_without_hold BEFORE INSERT ON attempts
WHEN NEW.outcome IS NULL AND EXISTS (SELECT 1 FROM customer_holds WHERE lifted_at IS NULL) AND (
    EXISTS (SELECT 1 FROM charges c JOIN customer_holds h ON h.customer = c.customer
        AND h.lifted_at IS NULL WHERE c.id = NEW.charge_id)
    OR EXISTS (SELECT 1 FROM charges c JOIN customers m ON m.id = c.customer
        JOIN customers twin ON twin.address_key = m.address_key
        JOIN customer_holds h ON h.customer = twin.id AND h.lifted_at IS NULL
        WHERE c.id = NEW.charge_id))
BEGIN SELECT RAISE(ABORT, 'this customer must not be charged'); END;
CREATE TABLE customer_hold_writes (
    -- ledger: Customers whose metadata at Stripe have yet to say what is true here.
    customer TEXT PRIMARY KEY,
    -- Goes up with each change, so that whoever wrote an older one does not end it.
    version INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    leased_until INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    error TEXT
) STRICT;
CREATE INDEX customer_hold_writes_due ON customer_hold_writes (next_try_at);
