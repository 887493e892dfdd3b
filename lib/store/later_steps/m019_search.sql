-- What is charged, refunded, linked and run is found as customers and sessions are: by a trigram index
-- in the order of time. `position` is made as in the mirror: the second x 2^20 + a number within it.

ALTER TABLE charges ADD COLUMN position INTEGER;
UPDATE charges SET position = p.position FROM (
    SELECT id, (created_at << 20) + row_number() OVER (PARTITION BY created_at ORDER BY id) - 1 AS position
    FROM charges) p WHERE p.id = charges.id;
CREATE UNIQUE INDEX charges_by_position ON charges (position);
CREATE TABLE charges_search (
    -- mirror: The words by which a charge is found.
    position INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE charges_fts USING fts5(text, content = 'charges_search',
    content_rowid = 'position', tokenize = 'trigram case_sensitive 1', detail = none);
INSERT INTO search_pending SELECT 'charges', position FROM charges WHERE true ON CONFLICT DO NOTHING;
CREATE TRIGGER charges_take_their_place AFTER INSERT ON charges
BEGIN
    UPDATE charges SET position = coalesce((SELECT max(position) FROM charges
        WHERE position BETWEEN NEW.created_at << 20 AND (NEW.created_at << 20) + 1048575),
        (NEW.created_at << 20) - 1) + 1 WHERE id = NEW.id;
    INSERT INTO search_pending SELECT 'charges', position FROM charges WHERE id = NEW.id
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER charges_to_index_anew AFTER UPDATE OF payment_method, description ON charges
WHEN NEW.payment_method IS NOT OLD.payment_method
    OR NEW.description IS NOT OLD.description
BEGIN INSERT INTO search_pending VALUES ('charges', NEW.position) ON CONFLICT DO NOTHING; END;

ALTER TABLE setup_links ADD COLUMN position INTEGER;
UPDATE setup_links SET position = p.position FROM (
    SELECT id, (created_at << 20) + row_number() OVER (PARTITION BY created_at ORDER BY id) - 1 AS position
    FROM setup_links) p WHERE p.id = setup_links.id;
CREATE UNIQUE INDEX setup_links_by_position ON setup_links (position);
CREATE TABLE setup_links_search (
    -- mirror: The words by which a setup link is found.
    position INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE setup_links_fts USING fts5(text, content = 'setup_links_search',
    content_rowid = 'position', tokenize = 'trigram case_sensitive 1', detail = none);
INSERT INTO search_pending SELECT 'setup_links', position FROM setup_links WHERE true ON CONFLICT DO NOTHING;
CREATE TRIGGER setup_links_take_their_place AFTER INSERT ON setup_links
BEGIN
    UPDATE setup_links SET position = coalesce((SELECT max(position) FROM setup_links
        WHERE position BETWEEN NEW.created_at << 20 AND (NEW.created_at << 20) + 1048575),
        (NEW.created_at << 20) - 1) + 1 WHERE id = NEW.id;
    INSERT INTO search_pending SELECT 'setup_links', position FROM setup_links WHERE id = NEW.id
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER setup_links_to_index_anew AFTER UPDATE OF customer, email, name, reference ON setup_links
WHEN NEW.customer IS NOT OLD.customer
    OR NEW.email IS NOT OLD.email
    OR NEW.name IS NOT OLD.name
    OR NEW.reference IS NOT OLD.reference
BEGIN INSERT INTO search_pending VALUES ('setup_links', NEW.position) ON CONFLICT DO NOTHING; END;

ALTER TABLE refunds ADD COLUMN position INTEGER;
UPDATE refunds SET position = p.position FROM (
    SELECT id, (requested_at << 20) + row_number() OVER (PARTITION BY requested_at ORDER BY id) - 1 AS position
    FROM refunds) p WHERE p.id = refunds.id;
CREATE UNIQUE INDEX refunds_by_position ON refunds (position);
CREATE TABLE refunds_search (
    -- mirror: The words by which a refund order is found.
    position INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE refunds_fts USING fts5(text, content = 'refunds_search',
    content_rowid = 'position', tokenize = 'trigram case_sensitive 1', detail = none);
INSERT INTO search_pending SELECT 'refunds', position FROM refunds WHERE true ON CONFLICT DO NOTHING;
CREATE TRIGGER refunds_take_their_place AFTER INSERT ON refunds
BEGIN
    UPDATE refunds SET position = coalesce((SELECT max(position) FROM refunds
        WHERE position BETWEEN NEW.requested_at << 20 AND (NEW.requested_at << 20) + 1048575),
        (NEW.requested_at << 20) - 1) + 1 WHERE id = NEW.id;
    INSERT INTO search_pending SELECT 'refunds', position FROM refunds WHERE id = NEW.id
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER refunds_to_index_anew AFTER UPDATE OF refund ON refunds
WHEN NEW.refund IS NOT OLD.refund
BEGIN INSERT INTO search_pending VALUES ('refunds', NEW.position) ON CONFLICT DO NOTHING; END;

ALTER TABLE runs ADD COLUMN position INTEGER;
UPDATE runs SET position = p.position FROM (
    SELECT id, (created_at << 20) + row_number() OVER (PARTITION BY created_at ORDER BY id) - 1 AS position
    FROM runs) p WHERE p.id = runs.id;
CREATE UNIQUE INDEX runs_by_position ON runs (position);
CREATE TABLE runs_search (
    -- mirror: The words by which a run is found.
    position INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;
CREATE VIRTUAL TABLE runs_fts USING fts5(text, content = 'runs_search',
    content_rowid = 'position', tokenize = 'trigram case_sensitive 1', detail = none);
INSERT INTO search_pending SELECT 'runs', position FROM runs WHERE true ON CONFLICT DO NOTHING;
CREATE TRIGGER runs_take_their_place AFTER INSERT ON runs
BEGIN
    UPDATE runs SET position = coalesce((SELECT max(position) FROM runs
        WHERE position BETWEEN NEW.created_at << 20 AND (NEW.created_at << 20) + 1048575),
        (NEW.created_at << 20) - 1) + 1 WHERE id = NEW.id;
    INSERT INTO search_pending SELECT 'runs', position FROM runs WHERE id = NEW.id
        ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER runs_to_index_anew AFTER UPDATE OF name, file_name ON runs
WHEN NEW.name IS NOT OLD.name
    OR NEW.file_name IS NOT OLD.file_name
BEGIN INSERT INTO search_pending VALUES ('runs', NEW.position) ON CONFLICT DO NOTHING; END;

-- For a sum that is typed: the newest charges and refunds of it.
CREATE INDEX charges_by_sum ON charges (currency, amount, position);
CREATE INDEX refunds_by_sum ON refunds (currency, amount, position);
