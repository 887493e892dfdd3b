-- Who is whom at the provider of a single sign-on, and which of its sign-ins were taken.

CREATE TABLE identities (
    -- staff: Who somebody is at the provider of the single sign-on: issuer and subject, never an address.
    username TEXT PRIMARY KEY REFERENCES users (username),
    issuer TEXT NOT NULL CHECK (issuer <> ''),
    subject TEXT NOT NULL CHECK (subject <> ''),
    linked_by TEXT NOT NULL,
    linked_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_person_an_identity ON identities (issuer, subject);
CREATE TRIGGER identities_are_never_changed BEFORE UPDATE ON identities
BEGIN SELECT RAISE(ABORT, 'an identity is unlinked, and linked anew'); END;
CREATE TABLE identity_invitations (
    -- staff: Whom the first sign-in with their verified address links, until its day.
    username TEXT PRIMARY KEY REFERENCES users (username),
    made_by TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at > made_at)
) STRICT;
CREATE TABLE provider_sign_ins (
    -- staff: Sign-ins at the provider that were taken, or refused: each counts once.
    -- SHA-256 of its issuer, subject, nonce and time.
    digest TEXT PRIMARY KEY CHECK (length(digest) = 64),
    taken_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER provider_sign_ins_are_never_changed BEFORE UPDATE ON provider_sign_ins
BEGIN SELECT RAISE(ABORT, 'a sign-in at the provider counts once'); END;
ALTER TABLE staff_sessions ADD COLUMN
    -- When the person proved at the provider who they are, by its own clock.
    proved_at INTEGER;
DROP TRIGGER staff_sessions_keep_their_start;
CREATE TRIGGER staff_sessions_keep_their_start
BEFORE UPDATE OF id, username, session_version, started_at, proved_at ON staff_sessions
BEGIN SELECT RAISE(ABORT, 'whose session it is, and since when, never changes'); END;

CREATE TABLE wider_admin_proposals (
    -- staff: A change of limits, roles or an admin's account, asked for by one admin and decided by another.
    id TEXT PRIMARY KEY,
    -- As the audit log calls it once it was done.
    action TEXT NOT NULL CHECK (action IN ('limits.set', 'user.set_roles', 'user.disable',
        'user.enable', 'user.reset_second_factor', 'user.invite', 'user.link_sso',
        'user.unlink_sso', 'user.expect_sso')),
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
INSERT INTO wider_admin_proposals SELECT * FROM admin_proposals;
DROP TABLE admin_proposals;
ALTER TABLE wider_admin_proposals RENAME TO admin_proposals;
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
