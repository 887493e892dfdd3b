-- Approvals of runs that are given again.

CREATE TABLE run_renewals (
    -- runs: An approval given again for exactly what was approved, because the first was too old or its giver had gone.
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL REFERENCES runs (id),
    digest TEXT NOT NULL,
    submitted_by TEXT NOT NULL,
    submitted_at INTEGER NOT NULL,
    by TEXT NOT NULL CHECK (by <> submitted_by),
    at INTEGER NOT NULL,
    reason TEXT
) STRICT;
CREATE INDEX run_renewals_by_run ON run_renewals (run_id, id);
CREATE INDEX run_decisions_by_run ON run_decisions (run_id, id);
CREATE TRIGGER renewals_fit_what_was_approved BEFORE INSERT ON run_renewals
WHEN NOT EXISTS (SELECT 1 FROM runs WHERE id = NEW.run_id AND digest = NEW.digest
    AND submitted_by = NEW.submitted_by AND submitted_at = NEW.submitted_at
    AND created_by <> NEW.by AND (state IN ('approved', 'running', 'paused', 'stopped')
        OR (state = 'finished' AND charge_new_cards = 1)))
    OR EXISTS (SELECT 1 FROM run_row_corrections WHERE run_id = NEW.run_id AND by = NEW.by)
BEGIN SELECT RAISE(ABORT, 'an approval is given again for what another person submitted'); END;
CREATE TRIGGER renewals_are_never_changed BEFORE UPDATE ON run_renewals
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER renewals_are_never_deleted BEFORE DELETE ON run_renewals
BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END;
CREATE TRIGGER attempts_need_approvers_who_are_active BEFORE INSERT ON attempts
WHEN NEW.run_id IS NOT NULL AND (SELECT approvals_needed FROM runs WHERE id = NEW.run_id) > (
    SELECT count(DISTINCT u.username) FROM runs r JOIN users u ON u.is_active = 1
        AND u.username NOT IN (r.created_by, r.submitted_by) AND (
            EXISTS (SELECT 1 FROM run_decisions d WHERE d.run_id = r.id AND d.by = u.username
                AND d.decision = 'approve' AND d.digest = r.digest
                AND d.submitted_by = r.submitted_by AND d.submitted_at = r.submitted_at)
            OR EXISTS (SELECT 1 FROM run_renewals d WHERE d.run_id = r.id AND d.by = u.username
                AND d.digest = r.digest AND d.submitted_by = r.submitted_by
                AND d.submitted_at = r.submitted_at))
    WHERE r.id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'too few active people approved this run'); END;
