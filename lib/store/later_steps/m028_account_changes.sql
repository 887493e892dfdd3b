CREATE TABLE account_changes (
    -- staff: What one person changed of another's account: for a week the two count as one.
    id INTEGER PRIMARY KEY,
    about TEXT NOT NULL REFERENCES users (username),
    action TEXT NOT NULL,
    changed_by TEXT NOT NULL CHECK (changed_by <> about),
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX account_changes_by_account ON account_changes (about, id);
CREATE TRIGGER account_changes_are_never_changed BEFORE UPDATE ON account_changes
BEGIN SELECT RAISE(ABORT, 'what was changed of an account is append-only'); END;
CREATE TRIGGER account_changes_are_never_deleted BEFORE DELETE ON account_changes
BEGIN SELECT RAISE(ABORT, 'what was changed of an account is append-only'); END;
CREATE TABLE account_notices (
    -- staff: Who is to be told of a change of an account, and when they had seen it.
    username TEXT NOT NULL REFERENCES users (username),
    change_id INTEGER NOT NULL REFERENCES account_changes (id),
    seen_at INTEGER,
    PRIMARY KEY (username, change_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_notices_unseen ON account_notices (username) WHERE seen_at IS NULL;
-- What was changed in the last week before this release counts, too.
INSERT INTO account_changes (about, action, changed_by, at)
    SELECT substr(a.subject, 6), a.action, a.actor, a.at FROM audit_log a
    JOIN users u ON u.username = substr(a.subject, 6)
    WHERE a.subject LIKE 'user:%' AND a.action IN ('user.set_password', 'user.set_roles')
        AND a.actor <> u.username AND a.at > CAST(strftime('%s', 'now') AS INTEGER) - 604800
    ORDER BY a.id;
