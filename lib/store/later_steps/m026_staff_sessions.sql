CREATE TABLE staff_sessions (
    -- staff: Sign-ins to the dashboard, each shared by all tabs of one browser.
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL REFERENCES users (username),
    -- that of the account at the sign-in; another one ends the session
    session_version INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    last_act_at INTEGER NOT NULL CHECK (last_act_at >= started_at)
) STRICT;
CREATE INDEX staff_sessions_by_start ON staff_sessions (started_at);
CREATE TRIGGER staff_sessions_keep_their_start BEFORE UPDATE OF id, username, session_version, started_at ON staff_sessions
BEGIN SELECT RAISE(ABORT, 'whose session it is, and since when, never changes'); END;
