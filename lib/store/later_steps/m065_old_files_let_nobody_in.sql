-- A file that proved to be older holds sign-ins that were ended since, and invitations that were used.
CREATE TRIGGER an_older_file_lets_nobody_in AFTER INSERT ON meta WHEN NEW.name = 'decisions_rest_since'
BEGIN
    UPDATE users SET session_version = session_version + 1;
    UPDATE invitations SET ended_at = max(made_at, CAST(NEW.value AS INTEGER)) WHERE ended_at IS NULL;
    DELETE FROM identity_invitations;
END;
CREATE TRIGGER an_older_file_again_lets_nobody_in AFTER UPDATE ON meta WHEN NEW.name = 'decisions_rest_since'
BEGIN
    UPDATE users SET session_version = session_version + 1;
    UPDATE invitations SET ended_at = max(made_at, CAST(NEW.value AS INTEGER)) WHERE ended_at IS NULL;
    DELETE FROM identity_invitations;
END;
