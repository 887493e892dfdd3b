-- Machinery: what the processes of Onfile keep for themselves, and what they noticed.

CREATE TABLE meta (
    -- machinery: Facts about this database itself, such as the mode it is bound to.
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
    -- machinery: Background work that a page or the schedule asked for, one open job a kind.
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    params TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    requested_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    heartbeat_at INTEGER,
    cancel_requested_by TEXT,
    finished_at INTEGER,
    progress TEXT NOT NULL DEFAULT '{}',
    result TEXT,
    error TEXT,
    -- How often the job was taken: only the last taker may write to it.
    claim INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX one_open_job_a_kind ON jobs (kind) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_by_kind ON jobs (kind, created_at DESC);

CREATE TRIGGER jobs_take_steps_in_order BEFORE UPDATE OF state ON jobs
WHEN NEW.state <> OLD.state AND (OLD.state || '>' || NEW.state) NOT IN (
    'queued>running', 'queued>cancelled', 'running>done', 'running>failed', 'running>cancelled')
BEGIN SELECT RAISE(ABORT, 'a job cannot go there from here'); END;

CREATE TABLE webhook_deliveries (
    -- machinery: The inbox of Stripe's events, stored before anything is done about them, in order of arrival.
    event_id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    object_id TEXT,
    object_type TEXT,
    api_version TEXT,
    livemode INTEGER NOT NULL,
    created INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    -- When a webhook brought it; NULL where only polling did.
    webhook_at INTEGER,
    signature_age INTEGER NOT NULL,
    body TEXT NOT NULL DEFAULT '{}',
    state TEXT NOT NULL CHECK (state IN ('received', 'processed', 'ignored', 'failed')),
    tries INTEGER NOT NULL DEFAULT 0,
    repeats INTEGER NOT NULL DEFAULT 0,
    -- 0 for what was never tried, so that it is due whatever any clock says.
    next_try_at INTEGER,
    error TEXT,
    note TEXT,
    finished_at INTEGER
) STRICT;

CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_try_at)
    WHERE state IN ('received', 'failed');
CREATE INDEX webhook_deliveries_by_state ON webhook_deliveries (state);
CREATE INDEX webhook_deliveries_given_up ON webhook_deliveries (state)
    WHERE state = 'failed' AND next_try_at IS NULL;
CREATE INDEX webhook_deliveries_by_object ON webhook_deliveries (object_id);
-- Its end is the newest webhook; its NULLs are what only polling brought, by time.
CREATE INDEX webhook_deliveries_by_way ON webhook_deliveries (webhook_at, created);

CREATE TABLE sync_cursors (
    -- machinery: How far each kind of reading from Stripe has come.
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE backfills (
    -- machinery: A full reading of Stripe's lists, which survives a restart.
    id TEXT PRIMARY KEY,
    types TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    -- Types that the key may not read, with spaces between.
    refused TEXT NOT NULL DEFAULT ''
) STRICT;

-- One type alone is read beside an unfinished reading of everything.
CREATE UNIQUE INDEX one_open_backfill_of_these ON backfills (types) WHERE finished_at IS NULL;

CREATE TABLE sync_windows (
    -- machinery: A stretch of creation time that one reader of a backfill reads, and how far it is.
    -- An id never comes back: a reader whose backfill was ended meanwhile still knows its own.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    backfill_id TEXT NOT NULL REFERENCES backfills (id),
    type TEXT NOT NULL,
    created_from INTEGER NOT NULL,
    created_before INTEGER NOT NULL,
    after_id TEXT,
    after_created INTEGER,
    objects INTEGER NOT NULL DEFAULT 0,
    is_done INTEGER NOT NULL DEFAULT 0 CHECK (is_done IN (0, 1)),
    CHECK (created_from <= created_before)
) STRICT;

CREATE INDEX sync_windows_by_backfill ON sync_windows (backfill_id, type, is_done);

CREATE TABLE stripe_reads (
    -- machinery: How many reads went to Stripe each day: their number is limited by that of the payments.
    day INTEGER PRIMARY KEY,
    reads INTEGER NOT NULL
) STRICT;

CREATE TABLE incidents (
    -- machinery: What should not be, noticed by a migration or in a comparison, until a person settles it.
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (length(kind) > 0),
    -- What it is about: a row as "table id", or an object at Stripe by its id.
    subject TEXT NOT NULL CHECK (length(subject) > 0),
    details TEXT NOT NULL CHECK (json_valid(details)),
    found_at INTEGER NOT NULL,
    settled_at INTEGER,
    settled_by TEXT,
    note TEXT,
    CHECK ((settled_at IS NULL) = (settled_by IS NULL)),
    CHECK (settled_at IS NULL OR length(trim(note)) > 0)
) STRICT;

CREATE UNIQUE INDEX one_open_incident_a_subject ON incidents (kind, subject)
    WHERE settled_at IS NULL;
CREATE INDEX incidents_by_found ON incidents (found_at DESC, id DESC);

CREATE TRIGGER incidents_keep_what_was_found BEFORE UPDATE ON incidents
WHEN OLD.settled_at IS NOT NULL OR NEW.id <> OLD.id OR NEW.kind <> OLD.kind
    OR NEW.subject <> OLD.subject OR NEW.details <> OLD.details OR NEW.found_at <> OLD.found_at
BEGIN SELECT RAISE(ABORT, 'an incident keeps what was found and is settled once'); END;

CREATE TRIGGER incidents_are_never_deleted BEFORE DELETE ON incidents
BEGIN SELECT RAISE(ABORT, 'incidents are never deleted'); END;

CREATE TABLE backups (
    -- machinery: Copies of this database that were made, or could not be: the newest is the last row.
    id INTEGER PRIMARY KEY,
    taken_at INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('daily', 'by_hand', 'before_upgrade', 'before_restore')),
    path TEXT NOT NULL,
    bytes INTEGER,
    sha256 TEXT,
    audit_head TEXT,
    error TEXT,
    CHECK ((error IS NULL) = (sha256 IS NOT NULL))
) STRICT;
