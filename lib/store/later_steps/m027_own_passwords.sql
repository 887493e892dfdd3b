-- Passwords that the person chose, and invitations to choose one.

ALTER TABLE users ADD COLUMN
    -- Chosen by the person, not by somebody who handed it over.
    password_is_own INTEGER NOT NULL DEFAULT 0 CHECK (password_is_own IN (0, 1));
-- What the journal says of the last one that was set; the first was always somebody else's.
UPDATE users SET password_is_own = 1 WHERE username = (
    SELECT a.actor FROM audit_log a
    WHERE a.subject = 'user:' || users.username AND a.action = 'user.set_password'
    ORDER BY a.id DESC LIMIT 1);
CREATE TABLE invitations (
    -- staff: One-time addresses with which a person sets their own password.
    -- SHA-256 of the token, which is nowhere else than in the address.
    digest TEXT PRIMARY KEY CHECK (length(digest) = 64),
    username TEXT NOT NULL REFERENCES users (username),
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at > made_at),
    -- When it was used, or a newer one took its place.
    ended_at INTEGER
) STRICT;
CREATE UNIQUE INDEX one_open_invitation_a_person ON invitations (username) WHERE ended_at IS NULL;
CREATE TRIGGER invitations_work_once BEFORE UPDATE ON invitations
WHEN OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL
    OR (NEW.digest, NEW.username, NEW.made_by, NEW.made_at, NEW.expires_at)
        IS NOT (OLD.digest, OLD.username, OLD.made_by, OLD.made_at, OLD.expires_at)
BEGIN SELECT RAISE(ABORT, 'an invitation works once, for one person, until its day'); END;
CREATE TRIGGER invitations_stay BEFORE DELETE ON invitations
BEGIN SELECT RAISE(ABORT, 'an invitation stays on record'); END;
