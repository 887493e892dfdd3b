CREATE TABLE closings (
    -- ledger: A month's figures as they were when a person closed it.
    month TEXT NOT NULL CHECK (month GLOB '20[0-9][0-9]-[01][0-9]'),
    number INTEGER NOT NULL CHECK (number >= 1),
    closed_by TEXT NOT NULL,
    closed_at INTEGER NOT NULL,
    -- ID:HASH of the newest audit entry before it.
    audit_head TEXT NOT NULL,
    -- JSON, compressed by zlib: the figures, and what was different in the closing before.
    facts BLOB NOT NULL,
    differences BLOB NOT NULL,
    -- JSON, compressed: the certificates of the month's runs as pages of HTML, by file name.
    certificates BLOB NOT NULL,
    PRIMARY KEY (month, number)
) STRICT;
CREATE TRIGGER closings_are_never_changed BEFORE UPDATE ON closings
BEGIN SELECT RAISE(ABORT, 'a closing is never changed'); END;
CREATE TRIGGER closings_are_never_deleted BEFORE DELETE ON closings
BEGIN SELECT RAISE(ABORT, 'a closing is never deleted'); END;
CREATE TRIGGER closings_follow_each_other BEFORE INSERT ON closings
WHEN NEW.number <> 1 + (SELECT count(*) FROM closings WHERE month = NEW.month)
BEGIN SELECT RAISE(ABORT, 'closings of a month are numbered one by one'); END;
