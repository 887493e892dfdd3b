-- What one admin asks for and, where there are two, another agrees to.

CREATE TABLE admin_proposals (
    -- staff: A change of limits, roles or an admin's account, asked for by one admin and decided by another.
    id TEXT PRIMARY KEY,
    -- As the audit log calls it once it was done.
    action TEXT NOT NULL CHECK (action IN ('limits.set', 'user.set_roles', 'user.disable',
        'user.enable', 'user.reset_second_factor', 'user.invite')),
    -- The user name, or of limits the currency.
    subject TEXT NOT NULL,
    params TEXT NOT NULL CHECK (json_valid(params)),
    state TEXT NOT NULL DEFAULT 'proposed'
        CHECK (state IN ('proposed', 'approved', 'rejected', 'withdrawn')),
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    decided_by TEXT CHECK (decided_by <> proposed_by),
    decided_at INTEGER,
    CHECK ((decided_by IS NOT NULL) = (state IN ('approved', 'rejected')))
) STRICT;
CREATE UNIQUE INDEX one_open_admin_proposal_a_subject ON admin_proposals (action, subject)
    WHERE state = 'proposed';
CREATE TRIGGER admin_proposals_begin_as_proposals BEFORE INSERT ON admin_proposals
WHEN NEW.state <> 'proposed'
BEGIN SELECT RAISE(ABORT, 'what a second admin agrees to begins as a proposal'); END;
CREATE TRIGGER admin_proposals_are_decided_once BEFORE UPDATE ON admin_proposals
WHEN OLD.state <> 'proposed' OR NEW.id <> OLD.id OR NEW.action <> OLD.action
    OR NEW.subject <> OLD.subject OR NEW.params <> OLD.params
    OR NEW.proposed_by <> OLD.proposed_by OR NEW.proposed_at <> OLD.proposed_at
BEGIN SELECT RAISE(ABORT, 'a proposal is decided once, as it was made'); END;
CREATE TRIGGER admin_proposals_are_never_deleted BEFORE DELETE ON admin_proposals
BEGIN SELECT RAISE(ABORT, 'proposals are never deleted'); END;
