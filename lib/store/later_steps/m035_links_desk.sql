-- What a link is for, how far its customer came, and the batches and agreements around it.

CREATE TABLE link_batches (
    -- ledger: Customers who are asked for a card together, from a file or a list, judged before links are made.
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('draft', 'making', 'made', 'discarded')),
    source TEXT NOT NULL CHECK (source IN ('file', 'pasted', 'customers', 'run')),
    name TEXT NOT NULL CHECK (trim(name) <> ''),
    file_name TEXT,
    -- SHA-256 of the file's bytes.
    file_digest TEXT,
    header TEXT NOT NULL CHECK (json_valid(header)),
    -- How the file was read.
    reading TEXT CHECK (reading IS NULL OR json_valid(reading)),
    -- Who has a card that can be charged is asked all the same.
    despite_card INTEGER NOT NULL DEFAULT 0 CHECK (despite_card IN (0, 1)),
    -- Who was asked before by a link that ended is asked again.
    renew INTEGER NOT NULL DEFAULT 0 CHECK (renew IN (0, 1)),
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    CHECK ((state IN ('making', 'made')) = (started_at IS NOT NULL)),
    CHECK ((state = 'made') = (finished_at IS NOT NULL))
) STRICT;
CREATE INDEX link_batches_by_created ON link_batches (created_at DESC, id DESC);
CREATE INDEX link_batches_waiting ON link_batches (id) WHERE state = 'making';
CREATE TRIGGER link_batches_take_steps_in_order BEFORE UPDATE OF state ON link_batches
WHEN NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
    VALUES ('draft', 'making'), ('draft', 'discarded'), ('making', 'made'))
BEGIN SELECT RAISE(ABORT, 'a batch of links cannot go there from here'); END;

CREATE TABLE link_batch_rows (
    -- ledger: A customer of a batch of links: what was asked for, and the link that is the answer.
    batch_id TEXT NOT NULL REFERENCES link_batches (id),
    -- As the spreadsheet counts: the header is row 1.
    number INTEGER NOT NULL,
    cells TEXT NOT NULL CHECK (json_valid(cells)),
    request TEXT NOT NULL CHECK (json_valid(request)),
    state TEXT NOT NULL CHECK (state IN (
        'new', 'new_customer', 'existing', 'has_card', 'ended', 'failed', 'created')),
    findings TEXT NOT NULL CHECK (json_valid(findings)),
    customer TEXT,
    link_id TEXT REFERENCES setup_links (id),
    -- Before, the state is what is expected; from then on it is what became of the row.
    decided_at INTEGER,
    PRIMARY KEY (batch_id, number),
    CHECK (state <> 'created' OR (link_id IS NOT NULL AND decided_at IS NOT NULL))
) STRICT;
CREATE INDEX link_batch_rows_undecided ON link_batch_rows (batch_id, number) WHERE decided_at IS NULL;
CREATE TRIGGER link_batch_rows_are_decided_once BEFORE UPDATE ON link_batch_rows
WHEN OLD.decided_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'this row was decided'); END;

-- The key of `email` (domain/identity): a link whose customer is not made yet is found by it.
ALTER TABLE setup_links ADD COLUMN address_key TEXT;
-- Of plain addresses; those few in other letters whose customer could not be made stay as they are.
UPDATE setup_links SET address_key = lower(trim(email))
WHERE email IS NOT NULL AND email NOT GLOB '*[^ -~]*';
-- The saved method that is to be replaced, as it expires.
ALTER TABLE setup_links ADD COLUMN expiring_method TEXT;
-- What the link is for; follows from the two columns that say of what.
ALTER TABLE setup_links ADD COLUMN purpose TEXT GENERATED ALWAYS AS (
    CASE WHEN charge_id IS NOT NULL THEN 'failed_charge'
        WHEN expiring_method IS NOT NULL THEN 'expiring_card' ELSE 'new_card' END) VIRTUAL;
ALTER TABLE setup_links ADD COLUMN batch_id TEXT REFERENCES link_batches (id);
-- The link that was ended for this one.
ALTER TABLE setup_links ADD COLUMN replaces TEXT REFERENCES setup_links (id);
-- Why it was revoked; of links that were revoked before this was kept, nothing.
ALTER TABLE setup_links ADD COLUMN end_reason TEXT
    CHECK (end_reason IN ('staff', 'paid', 'card_saved', 'replaced'));
-- When the customer was first given it: by a message that left, or as a person said.
ALTER TABLE setup_links ADD COLUMN sent_at INTEGER;
ALTER TABLE setup_links ADD COLUMN reminders INTEGER NOT NULL DEFAULT 0 CHECK (reminders BETWEEN 0 AND 2);
ALTER TABLE setup_links ADD COLUMN reminded_at INTEGER;
-- A return, a cancel or a started page; never that somebody asked for the address: scanners do.
ALTER TABLE setup_links ADD COLUMN opened_at INTEGER;
-- Something was entered on the page at Stripe.
ALTER TABLE setup_links ADD COLUMN started_at INTEGER;
CREATE INDEX setup_links_by_address ON setup_links (address_key)
    WHERE customer IS NULL AND address_key IS NOT NULL;
CREATE INDEX setup_links_by_batch ON setup_links (batch_id) WHERE batch_id IS NOT NULL;
CREATE UNIQUE INDEX setup_links_are_replaced_once ON setup_links (replaces) WHERE replaces IS NOT NULL;
CREATE INDEX setup_links_to_remind_of ON setup_links (sent_at)
    WHERE sent_at IS NOT NULL AND completed_at IS NULL AND revoked_at IS NULL;
CREATE TRIGGER setup_links_keep_what_happened
BEFORE UPDATE OF sent_at, opened_at, started_at, reminders ON setup_links
WHEN (OLD.sent_at IS NOT NULL AND NEW.sent_at IS NOT OLD.sent_at)
    OR (OLD.opened_at IS NOT NULL AND NEW.opened_at IS NOT OLD.opened_at)
    OR (OLD.started_at IS NOT NULL AND NEW.started_at IS NOT OLD.started_at)
    OR NEW.reminders < OLD.reminders
BEGIN SELECT RAISE(ABORT, 'what happened to a link stays'); END;

CREATE TABLE agreement_texts (
    -- ledger: What customers agree to where staff wrote it themselves; a version is all languages that were written.
    version INTEGER NOT NULL CHECK (version >= 1),
    language TEXT NOT NULL,
    text TEXT NOT NULL CHECK (length(trim(text)) BETWEEN 1 AND 1200),
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (version, language)
) STRICT;
CREATE TABLE agreements (
    -- ledger: What a customer agreed to by saving a method: what their page said, and when they were done.
    session_id TEXT PRIMARY KEY,
    link_id TEXT NOT NULL REFERENCES setup_links (id),
    -- Of agreement_texts, or of the default as this release has it: "default-1".
    version TEXT NOT NULL,
    language TEXT NOT NULL,
    text TEXT NOT NULL,
    agreed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX agreements_by_link ON agreements (link_id);
CREATE TRIGGER agreement_texts_are_never_changed BEFORE UPDATE ON agreement_texts
BEGIN SELECT RAISE(ABORT, 'what customers agreed to stays'); END;
CREATE TRIGGER agreement_texts_are_never_deleted BEFORE DELETE ON agreement_texts
BEGIN SELECT RAISE(ABORT, 'what customers agreed to stays'); END;
CREATE TRIGGER agreements_are_never_changed BEFORE UPDATE ON agreements
BEGIN SELECT RAISE(ABORT, 'what customers agreed to stays'); END;
CREATE TRIGGER agreements_are_never_deleted BEFORE DELETE ON agreements
BEGIN SELECT RAISE(ABORT, 'what customers agreed to stays'); END;
