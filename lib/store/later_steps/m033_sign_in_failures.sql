-- Wrong sign-ins count by account and address, no more by account alone.

ALTER TABLE users DROP COLUMN failed_sign_ins;
ALTER TABLE users DROP COLUMN locked_until;
CREATE TABLE sign_in_failures (
    -- staff: How often somebody guessed lately, by what the guesses have in common.
    -- Digests under a key outside of the database: a name that was typed may be a password.
    key TEXT PRIMARY KEY,
    -- NULL: of one address, whoever was named.
    account TEXT,
    failures INTEGER NOT NULL CHECK (failures >= 0),
    -- When they are forgotten.
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_failures_by_account ON sign_in_failures (account);
CREATE INDEX sign_in_failures_by_until ON sign_in_failures (until);
