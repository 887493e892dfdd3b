-- What customers are written: each message once, its way out, and the templates of staff.

CREATE TABLE outbox (
    -- messages: Each message to a customer, committed with the click that asked for it.
    id TEXT PRIMARY KEY,
    -- Its kind and its link: whatever click or file comes again finds the first one.
    once_key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    -- To whoever asked for it, with made-up values.
    is_test INTEGER NOT NULL DEFAULT 0 CHECK (is_test IN (0, 1)),
    link_id TEXT REFERENCES setup_links (id),
    customer TEXT,
    address TEXT NOT NULL,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    -- The durable address in it.
    url TEXT,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'handing_over', 'sent',
        'would_send', 'failed', 'perhaps_sent', 'cancelled')),
    -- How often the server refused it for now.
    tries INTEGER NOT NULL DEFAULT 0,
    next_try_at INTEGER NOT NULL,
    -- When the server was given its text at the latest; counted for the rate a minute.
    handed_over_at INTEGER,
    settled_at INTEGER,
    -- The server's last words, or why nothing is known.
    reply TEXT,
    requested_by TEXT NOT NULL,
    requested_at INTEGER NOT NULL,
    CHECK (is_test = 1 OR link_id IS NOT NULL OR customer IS NOT NULL)
) STRICT;
CREATE INDEX outbox_due ON outbox (next_try_at) WHERE state = 'waiting';
CREATE INDEX outbox_unsettled ON outbox (state) WHERE state IN ('handing_over', 'perhaps_sent', 'failed');
CREATE INDEX outbox_by_link ON outbox (link_id) WHERE link_id IS NOT NULL;
CREATE INDEX outbox_by_time ON outbox (requested_at DESC, id DESC);
CREATE INDEX outbox_handed_over ON outbox (handed_over_at) WHERE handed_over_at IS NOT NULL;

CREATE TRIGGER messages_begin_as_waiting BEFORE INSERT ON outbox
WHEN NEW.state <> 'waiting' OR NEW.tries <> 0 OR NEW.handed_over_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a message begins as waiting'); END;
CREATE TRIGGER messages_take_steps_in_order BEFORE UPDATE OF state ON outbox
WHEN NEW.state <> OLD.state AND NOT (
    (OLD.state = 'waiting' AND NEW.state IN ('handing_over', 'failed', 'perhaps_sent', 'cancelled'))
    OR (OLD.state = 'handing_over' AND NEW.state IN ('waiting', 'sent', 'would_send', 'failed', 'perhaps_sent'))
    OR (OLD.state = 'perhaps_sent' AND NEW.state IN ('waiting', 'sent'))
    OR (OLD.state IN ('failed', 'cancelled') AND NEW.state = 'waiting'))
BEGIN SELECT RAISE(ABORT, 'a message cannot go there from here'); END;
-- What was sent is what the row says. Asked for again after a refusal, it says what is true by then; a
-- customer's data may be taken out of what is over.
CREATE TRIGGER messages_keep_their_words BEFORE UPDATE ON outbox
WHEN (NEW.id, NEW.once_key, NEW.kind, NEW.is_test, NEW.link_id) IS NOT (OLD.id, OLD.once_key, OLD.kind, OLD.is_test, OLD.link_id)
    OR (NEW.address, NEW.subject, NEW.body, NEW.url) IS NOT (OLD.address, OLD.subject, OLD.body, OLD.url)
    AND NOT (OLD.state IN ('failed', 'cancelled') AND NEW.state = 'waiting')
    AND NOT (NEW.body = '' AND OLD.state IN ('sent', 'would_send', 'failed', 'cancelled'))
BEGIN SELECT RAISE(ABORT, 'a message keeps its words'); END;
CREATE TRIGGER messages_stay BEFORE DELETE ON outbox
BEGIN SELECT RAISE(ABORT, 'a message stays on record'); END;

-- Whoever notes that this file may be older than the world holds the outbox by it: what is due here may
-- have gone out since.
CREATE TRIGGER doubt_holds_the_outbox AFTER INSERT ON meta WHEN NEW.name = 'behind_since'
BEGIN
    INSERT INTO meta (name, value) VALUES ('outbox_held_since', NEW.value)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value;
    INSERT INTO meta (name, value) VALUES ('outbox_doubted_until', NEW.value)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value;
    UPDATE outbox SET state = 'perhaps_sent', reply = 'An older copy of the database was put back.'
        WHERE state IN ('waiting', 'handing_over');
END;
CREATE TRIGGER doubt_again_holds_the_outbox AFTER UPDATE ON meta WHEN NEW.name = 'behind_since'
BEGIN
    INSERT INTO meta (name, value) VALUES ('outbox_held_since', NEW.value)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value;
    INSERT INTO meta (name, value) VALUES ('outbox_doubted_until', NEW.value)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value;
    UPDATE outbox SET state = 'perhaps_sent', reply = 'An older copy of the database was put back.'
        WHERE state IN ('waiting', 'handing_over');
END;

CREATE TABLE message_templates (
    -- messages: What staff wrote in the place of a default message; the newest version counts.
    kind TEXT NOT NULL,
    language TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    -- NULL, with the body: the default again.
    subject TEXT,
    body TEXT,
    saved_by TEXT NOT NULL,
    saved_at INTEGER NOT NULL,
    PRIMARY KEY (kind, language, version),
    CHECK ((subject IS NULL) = (body IS NULL))
) STRICT, WITHOUT ROWID;
CREATE TRIGGER templates_are_never_changed BEFORE UPDATE ON message_templates
BEGIN SELECT RAISE(ABORT, 'a template gets a new version'); END;
CREATE TRIGGER templates_stay BEFORE DELETE ON message_templates
BEGIN SELECT RAISE(ABORT, 'a template stays on record'); END;
