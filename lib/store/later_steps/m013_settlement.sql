CREATE TABLE balance_transactions (
    -- mirror: What each movement on the account's balance cost, and with which payout it left.
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    -- The charge, refund, dispute or payout that moved.
    source TEXT,
    -- Minor units of the currency of settlement; `net` is what is left of `amount` after `fee`.
    amount INTEGER NOT NULL,
    fee INTEGER NOT NULL,
    net INTEGER NOT NULL,
    currency TEXT NOT NULL,
    available_on INTEGER NOT NULL,
    created INTEGER NOT NULL,
    payout TEXT,
    CHECK (net = amount - fee)
) STRICT;
CREATE INDEX balance_transactions_by_source ON balance_transactions (source);
CREATE INDEX balance_transactions_by_payout ON balance_transactions (payout);
CREATE TABLE payouts (
    -- mirror: Stripe's payouts to the account's bank.
    id TEXT PRIMARY KEY,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    is_automatic INTEGER NOT NULL,
    arrival_date INTEGER NOT NULL,
    created INTEGER NOT NULL,
    -- Whether what it holds was read.
    is_read INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX payouts_by_arrival ON payouts (arrival_date);
CREATE INDEX payouts_to_read ON payouts (created, id) WHERE is_read = 0 AND is_automatic = 1;
