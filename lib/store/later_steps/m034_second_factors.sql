-- Second factors: a code from an app, or one of ten recovery codes.

CREATE TABLE second_factors (
    -- staff: The code from an app that a person signs in with besides the password.
    username TEXT PRIMARY KEY REFERENCES users (username),
    -- Encrypted under a key that is not in this file.
    secret TEXT NOT NULL,
    on_since INTEGER NOT NULL,
    -- The half minute of the last code that was taken: it and the ones before are used up.
    last_step INTEGER NOT NULL
) STRICT;
CREATE TRIGGER codes_work_once BEFORE UPDATE ON second_factors
WHEN NEW.secret = OLD.secret AND NEW.last_step <= OLD.last_step
BEGIN SELECT RAISE(ABORT, 'a code works once'); END;
CREATE TABLE recovery_codes (
    -- staff: Codes on paper that each stand in for the app once.
    username TEXT NOT NULL REFERENCES users (username),
    -- SHA-256 of 80 random bits.
    digest TEXT NOT NULL CHECK (length(digest) = 64),
    used_at INTEGER,
    PRIMARY KEY (username, digest)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER recovery_codes_work_once BEFORE UPDATE ON recovery_codes
WHEN OLD.used_at IS NOT NULL OR NEW.used_at IS NULL
    OR NEW.username <> OLD.username OR NEW.digest <> OLD.digest
BEGIN SELECT RAISE(ABORT, 'a recovery code works once'); END;
