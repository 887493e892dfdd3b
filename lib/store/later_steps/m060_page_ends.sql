-- Pages at Stripe that are ended after their links were revoked together.

CREATE TABLE page_ends (
    -- ledger: A Checkout Session that is to be ended at Stripe, because staff revoked its link among many.
    session_id TEXT PRIMARY KEY,
    link_id TEXT NOT NULL REFERENCES setup_links (id),
    wanted_at INTEGER NOT NULL,
    -- Of its own accord it ends then.
    expires_at INTEGER NOT NULL,
    -- Not tried before, as Stripe could not be asked.
    not_before INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX page_ends_to_come ON page_ends (not_before) WHERE ended_at IS NULL;
