-- Machinery: what the processes of Onfile keep for themselves.

CREATE TABLE meta (
    -- Facts about this database itself, such as the mode it is bound to.
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
    -- Background work that a page or the schedule asked for, one open job a kind.
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

CREATE TABLE webhook_deliveries (
    -- The inbox of Stripe's events, stored before anything is done about them, in order of arrival.
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
    -- How far each kind of reading from Stripe has come.
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

CREATE TABLE backfills (
    -- A full reading of Stripe's lists, which survives a restart.
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
    -- A stretch of creation time that one reader of a backfill reads, and how far it is.
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
    -- How many reads went to Stripe each day: their number is limited by that of the payments.
    day INTEGER PRIMARY KEY,
    reads INTEGER NOT NULL
) STRICT;
