-- An approval that is 14 days old charges nothing: of a second, counted at the moment the try was written down.
DROP TRIGGER attempts_need_approvers_who_are_active;
CREATE TRIGGER attempts_need_approvers_who_are_active BEFORE INSERT ON attempts
WHEN NEW.run_id IS NOT NULL AND (SELECT approvals_needed FROM runs WHERE id = NEW.run_id) > (
    SELECT count(DISTINCT u.username) FROM runs r JOIN users u ON u.is_active = 1
        AND u.username NOT IN (r.created_by, r.submitted_by) AND (
            EXISTS (SELECT 1 FROM run_decisions d WHERE d.run_id = r.id AND d.by = u.username
                AND d.decision = 'approve' AND d.digest = r.digest
                AND d.submitted_by = r.submitted_by AND d.submitted_at = r.submitted_at
                AND d.at > NEW.requested_at - 1209600)
            OR EXISTS (SELECT 1 FROM run_renewals d WHERE d.run_id = r.id AND d.by = u.username
                AND d.digest = r.digest AND d.submitted_by = r.submitted_by
                AND d.submitted_at = r.submitted_at AND d.at > NEW.requested_at - 1209600))
    WHERE r.id = NEW.run_id)
BEGIN SELECT RAISE(ABORT, 'too few active people approved this run lately'); END;
