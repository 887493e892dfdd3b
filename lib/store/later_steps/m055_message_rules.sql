-- What Onfile sends to customers by itself, and how it finds whom to thank.

CREATE TABLE message_rules (
    -- messages: What Onfile sends by itself, because a person switched it on; what is not here, it does not.
    rule TEXT PRIMARY KEY CHECK (rule IN ('reminders', 'thanks')),
    switched_on_by TEXT NOT NULL,
    switched_on_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX setup_links_saved ON setup_links (completed_at) WHERE completed_at IS NOT NULL;
