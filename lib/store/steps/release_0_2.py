"""Steps of release 0.2.0."""

from __future__ import annotations

from sqlite_utils import Database

from lib.store.steps.registry import LATER_STEPS as _LATER_STEPS
from lib.store.steps.registry import migrations, set_aside
from lib.store.steps.registry import statements as _statements


@migrations()
def m003_one_live_attempt_a_debt(database: Database) -> None:
    """A debt is paid once: by its attempts, not by a state of its charge that may lag behind."""
    for statement in _statements(_ONE_LIVE_ATTEMPT_A_DEBT):
        database.execute(statement)
    set_aside(
        database,
        "attempts",
        key=("charge_id", "number"),
        where="""(charge_id, number) IN (SELECT charge_id, number FROM (
            SELECT charge_id, number, row_number() OVER (
                PARTITION BY customer, reference ORDER BY requested_at, charge_id, number) AS place
            FROM attempts WHERE outcome IS NULL
                OR outcome IN ('succeeded', 'processing', 'unknown')) WHERE place > 1)""",
        kind="paid_twice",
        change="UPDATE attempts SET is_surplus = 1",
    )
    for statement in _statements(_DEBT_GUARDS):
        database.execute(statement)


_ONE_LIVE_ATTEMPT_A_DEBT = """
ALTER TABLE attempts ADD COLUMN customer TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN reference TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN is_surplus INTEGER NOT NULL DEFAULT 0 CHECK (is_surplus IN (0, 1));
ALTER TABLE charges ADD COLUMN is_surplus INTEGER NOT NULL DEFAULT 0 CHECK (is_surplus IN (0, 1));
UPDATE attempts SET
    customer = (SELECT c.customer FROM charges c WHERE c.id = charge_id),
    reference = (SELECT c.reference FROM charges c WHERE c.id = charge_id);
"""


_DEBT_GUARDS = """
CREATE UNIQUE INDEX one_live_attempt_a_debt ON attempts (customer, reference)
    WHERE is_surplus = 0
        AND (outcome IS NULL OR outcome IN ('succeeded', 'processing', 'unknown'));
CREATE INDEX attempts_by_debt ON attempts (customer, reference);
CREATE TRIGGER attempts_name_their_debt AFTER INSERT ON attempts
BEGIN UPDATE attempts SET
    customer = (SELECT c.customer FROM charges c WHERE c.id = NEW.charge_id),
    reference = (SELECT c.reference FROM charges c WHERE c.id = NEW.charge_id)
    WHERE charge_id = NEW.charge_id AND number = NEW.number; END;
CREATE TRIGGER attempts_keep_their_debt BEFORE UPDATE OF customer, reference ON attempts
WHEN NOT EXISTS (SELECT 1 FROM charges c WHERE c.id = NEW.charge_id
    AND c.customer = NEW.customer AND c.reference = NEW.reference)
BEGIN SELECT RAISE(ABORT, 'an attempt is of the debt of its charge'); END;
CREATE TRIGGER attempts_need_a_free_debt BEFORE INSERT ON attempts
WHEN NEW.outcome IS NULL AND EXISTS (
    SELECT 1 FROM charges c JOIN attempts a ON a.customer = c.customer
        AND a.reference = c.reference
    WHERE c.id = NEW.charge_id AND (a.outcome IS NULL OR a.outcome IN ('succeeded', 'processing', 'unknown')))
BEGIN SELECT RAISE(ABORT, 'another try of this debt is paid or not over'); END;
DROP INDEX one_live_charge_a_reference;
CREATE UNIQUE INDEX one_live_charge_a_reference ON charges (customer, reference)
    WHERE is_surplus = 0
        AND state IN ('planned', 'attempting', 'succeeded', 'processing', 'unknown');
CREATE TRIGGER charges_follow_their_attempts BEFORE UPDATE OF state ON charges
WHEN NEW.state IN ('planned', 'declined', 'needs_customer', 'blocked', 'cancelled')
    AND EXISTS (SELECT 1 FROM attempts a WHERE a.charge_id = NEW.id
        AND (a.outcome IS NULL OR a.outcome IN ('succeeded', 'processing', 'unknown')))
BEGIN SELECT RAISE(ABORT, 'an attempt of this charge is paid or not over'); END;
"""


@migrations()
def m004_cards_that_were_stopped(database: Database) -> None:
    """Finds what a bank said of a card under whatever id it was saved (lib/store/never_again.py)."""
    for statement in _statements(_STOPPED_CARDS):
        database.execute(statement)


_STOPPED_CARDS = """
CREATE INDEX payment_methods_by_fingerprint ON payment_methods (fingerprint)
    WHERE fingerprint IS NOT NULL;
CREATE INDEX attempts_never_again ON attempts (json_extract(params, '$.payment_method'))
    WHERE outcome = 'declined' AND (advice_code = 'do_not_try_again'
        OR decline_code IN ('lost_card', 'stolen_card', 'lost_or_stolen_card', 'pickup_card',
            'do_not_try_again')
        OR code IN ('lost_card', 'stolen_card', 'lost_or_stolen_card', 'pickup_card',
            'do_not_try_again'));
"""


@migrations()
def m005_refused_links(database: Database) -> None:
    """Why Stripe makes no page for a link, in its words, until it does."""
    database.execute("ALTER TABLE setup_links ADD COLUMN refusal TEXT")


@migrations()
def m006_confirming_setups(database: Database) -> None:
    """Finds the few methods whose bank still confirms them among a million (lib/store/confirmations.py)."""
    database.execute(
        """CREATE INDEX setup_intents_confirming ON setup_intents (status)
           WHERE status IN ('processing', 'requires_action')"""
    )


@migrations()
def m007_breakers_that_outlive_their_executor(database: Database) -> None:
    """The lease at the last resume: what was sent under later ones counts for a run's breaker."""
    database.execute("ALTER TABLE runs ADD COLUMN breaker_fence INTEGER NOT NULL DEFAULT 0")
    database.execute("UPDATE runs SET breaker_fence = lease_fence")


@migrations()
def m008_incidents_are_settled(database: Database) -> None:
    """
    How an incident was settled, and what two people agree on. A payment that is taken into the ledger may
    have been that of a failed try, which keeps its own row.
    """
    for statement in _statements(_INCIDENTS_ARE_SETTLED):
        database.execute(statement)


_INCIDENTS_ARE_SETTLED = """
ALTER TABLE incidents ADD COLUMN resolution TEXT
    CHECK (resolution IN ('adopted', 'refunded', 'cancelled', 'accepted'));
CREATE INDEX incidents_by_subject ON incidents (subject);
CREATE INDEX incidents_open ON incidents (found_at DESC, id DESC) WHERE settled_at IS NULL;
CREATE INDEX incidents_settled ON incidents (found_at DESC, id DESC) WHERE settled_at IS NOT NULL;
CREATE INDEX incidents_open_by_debt ON incidents
    (json_extract(details, '$.customer'), json_extract(details, '$.reference'))
    WHERE settled_at IS NULL;
CREATE INDEX incidents_open_by_charge ON incidents (json_extract(details, '$.charge_id'))
    WHERE settled_at IS NULL;
CREATE TABLE incident_proposals (
    -- ledger: How an incident is to be settled, proposed by one person and decided by another.
    id TEXT PRIMARY KEY,
    incident_id TEXT NOT NULL REFERENCES incidents (id),
    resolution TEXT NOT NULL CHECK (resolution IN ('adopted', 'accepted')),
    reason TEXT NOT NULL CHECK (length(trim(reason)) > 0),
    state TEXT NOT NULL DEFAULT 'proposed'
        CHECK (state IN ('proposed', 'approved', 'rejected', 'withdrawn', 'overtaken')),
    proposed_by TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    decided_by TEXT CHECK (decided_by <> proposed_by),
    decided_at INTEGER,
    decision_note TEXT,
    CHECK ((decided_by IS NOT NULL) = (state IN ('approved', 'rejected')))
) STRICT;
CREATE UNIQUE INDEX one_open_proposal_an_incident ON incident_proposals (incident_id)
    WHERE state = 'proposed';
CREATE INDEX incident_proposals_by_incident ON incident_proposals (incident_id, proposed_at);
CREATE TRIGGER incident_proposals_begin_as_proposals BEFORE INSERT ON incident_proposals
WHEN NEW.state <> 'proposed'
BEGIN SELECT RAISE(ABORT, 'how an incident is settled begins as a proposal'); END;
CREATE TRIGGER incident_proposals_are_decided_once BEFORE UPDATE ON incident_proposals
WHEN OLD.state <> 'proposed' OR NEW.id <> OLD.id OR NEW.incident_id <> OLD.incident_id
    OR NEW.resolution <> OLD.resolution OR NEW.reason <> OLD.reason
    OR NEW.proposed_by <> OLD.proposed_by
BEGIN SELECT RAISE(ABORT, 'a proposal is decided once, as it was made'); END;
CREATE TRIGGER incident_proposals_are_never_deleted BEFORE DELETE ON incident_proposals
BEGIN SELECT RAISE(ABORT, 'proposals are never deleted'); END;
CREATE TRIGGER incidents_left_alone_need_two_people BEFORE UPDATE OF settled_at ON incidents
WHEN NEW.settled_at IS NOT NULL
    AND (coalesce(NEW.resolution, 'accepted') = 'accepted'
        OR (NEW.kind = 'conflict' AND NEW.resolution = 'adopted'))
    AND NOT EXISTS (SELECT 1 FROM incident_proposals p WHERE p.incident_id = NEW.id
        AND p.state = 'approved' AND p.resolution = coalesce(NEW.resolution, 'accepted'))
BEGIN SELECT RAISE(ABORT, 'two people settle this'); END;
DROP INDEX audit_log_of_double_payments;
DROP INDEX one_attempt_a_payment_intent;
CREATE UNIQUE INDEX one_attempt_a_payment_intent ON attempts
    (payment_intent, idempotency_key = 'adopted:' || payment_intent)
    WHERE payment_intent IS NOT NULL;
"""


@migrations()
def m009_looks_at_refunds(database: Database) -> None:
    """What the last look at an unanswered refund asked and found, as attempts have it."""
    database.execute("ALTER TABLE refunds ADD COLUMN last_look TEXT")


@migrations()
def m010_limits_of_a_run(database: Database) -> None:
    """The default limits of a day that held when a run was submitted, by currency, as JSON."""
    database.execute("ALTER TABLE runs ADD COLUMN day_limits TEXT")
    database.execute(
        """CREATE TRIGGER runs_keep_their_day_limits BEFORE UPDATE OF day_limits ON runs
           WHEN OLD.state <> 'draft' AND NEW.state <> 'draft'
               AND NEW.day_limits IS NOT OLD.day_limits
           BEGIN SELECT RAISE(ABORT, 'a submitted run keeps its limits'); END"""
    )


@migrations()
def m011_corrections_of_drafts(database: Database) -> None:
    """What people decided about rows of drafts, beside what the file says."""
    for statement in _statements((_LATER_STEPS / "m011_corrections.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m012_marks_of_refunds_and_sessions(database: Database) -> None:
    """What a rebuild takes over, by the marks that Stripe keeps; and whose the marks of payments are."""
    for statement in _statements(_MARKS):
        database.execute(statement)


_MARKS = """
ALTER TABLE stripe_refunds ADD COLUMN order_id TEXT;
ALTER TABLE stripe_refunds ADD COLUMN charge_id TEXT;
ALTER TABLE stripe_refunds ADD COLUMN installation TEXT;
ALTER TABLE checkout_sessions ADD COLUMN installation TEXT;
ALTER TABLE checkout_sessions ADD COLUMN charge_id TEXT;
CREATE INDEX payment_intents_by_installation ON payment_intents (installation, created)
    WHERE charge_id IS NOT NULL;
"""


@migrations()
def m013_settlement(database: Database) -> None:
    """Fees and payouts: what each charge cost, and when it reached the bank."""
    for statement in _statements((_LATER_STEPS / "m013_settlement.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m014_closings(database: Database) -> None:
    """Months that a person closed, with their figures as of then."""
    for statement in _statements((_LATER_STEPS / "m014_closings.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m015_approvals_given_again(database: Database) -> None:
    """Approvals have an age, and approvers leave: what was approved is approved again."""
    for statement in _statements(
        (_LATER_STEPS / "m015_approvals_given_again.sql").read_text("utf-8")
    ):
        database.execute(statement)


@migrations()
def m016_keys_of_tries_that_were_turned_away(database: Database) -> None:
    """The next try of a debt takes the key of one that Stripe turned away before it looked at keys."""
    for statement in _statements(_KEYS_TURNED_AWAY):
        database.execute(statement)


_KEYS_TURNED_AWAY = """
DROP TRIGGER attempts_keep_what_was_sent;
CREATE TRIGGER attempts_keep_what_was_sent BEFORE UPDATE ON attempts
WHEN NEW.charge_id <> OLD.charge_id OR NEW.number <> OLD.number
    OR NEW.params <> OLD.params OR NEW.requested_at <> OLD.requested_at
    OR (OLD.payment_intent IS NOT NULL AND NEW.payment_intent IS NOT OLD.payment_intent)
    OR (NEW.idempotency_key <> OLD.idempotency_key
        AND NOT (OLD.outcome IS 'not_executed' AND OLD.evidence IS 'reply'
            AND NEW.idempotency_key = OLD.idempotency_key || ':not_executed:' || OLD.charge_id
                || ':' || OLD.number))
BEGIN SELECT RAISE(ABORT, 'an attempt keeps its key and parameters'); END;
"""
