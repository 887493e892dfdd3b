-- What people decided about rows of drafts, beside what the file says.

ALTER TABLE runs ADD COLUMN file_version INTEGER NOT NULL DEFAULT 1;
-- As the file says, of a row with a corrected cell.
ALTER TABLE run_rows ADD COLUMN original TEXT CHECK (original IS NULL OR json_valid(original));
CREATE TABLE run_row_corrections (
    -- runs: What a person decided about a row of a draft, beside what its file says: never changed.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs (id),
    file_version INTEGER NOT NULL,
    row INTEGER NOT NULL,
    field TEXT NOT NULL CHECK (field IN ('customer', 'amount', 'currency', 'reference',
        'payment_method', 'description', 'statement_descriptor_suffix', 'left_out')),
    -- What the file says.
    was TEXT,
    value TEXT,
    -- The file's value again.
    is_undo INTEGER NOT NULL DEFAULT 0 CHECK (is_undo IN (0, 1)),
    by TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (trim(reason) <> '')
) STRICT;
CREATE INDEX run_row_corrections_by_run ON run_row_corrections (run_id, id);
CREATE TRIGGER corrections_are_made_to_drafts BEFORE INSERT ON run_row_corrections
WHEN (SELECT state FROM runs WHERE id = NEW.run_id) IS NOT 'draft'
BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END;
CREATE TRIGGER corrections_are_never_changed BEFORE UPDATE ON run_row_corrections
BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
CREATE TRIGGER corrections_are_never_deleted BEFORE DELETE ON run_row_corrections
BEGIN SELECT RAISE(ABORT, 'corrections are append-only'); END;
CREATE TRIGGER corrections_are_not_decided_on_by_who_made_them BEFORE INSERT ON run_decisions
WHEN EXISTS (SELECT 1 FROM run_row_corrections c WHERE c.run_id = NEW.run_id AND c.by = NEW.by)
BEGIN SELECT RAISE(ABORT, 'a decision is about what another person submitted'); END;
CREATE TRIGGER rows_of_submitted_runs_keep_what_the_file_says BEFORE UPDATE OF original ON run_rows
WHEN NEW.original IS NOT OLD.original
    AND (SELECT state FROM runs WHERE id = OLD.run_id) IS NOT 'draft'
BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END;
CREATE TRIGGER runs_keep_their_file BEFORE UPDATE ON runs
WHEN (OLD.state <> 'draft' OR NEW.state <> 'draft') AND (
    NEW.file_version <> OLD.file_version OR NEW.header <> OLD.header
    OR NEW.reading IS NOT OLD.reading OR NEW.file_name IS NOT OLD.file_name
    OR NEW.file_digest IS NOT OLD.file_digest)
BEGIN SELECT RAISE(ABORT, 'a submitted run keeps its file'); END;
