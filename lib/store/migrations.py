"""
Migrations of onfile.db: the first schema, and the steps after it.

Steps are appended, never edited or renamed once they were released. They import nothing from
`lib`: they must mean in a year what they mean today. docs/schema.md shows where all of them lead.

Times are Unix seconds in UTC (one unit for Stripe's times and ours), milliseconds where a name ends
in `_ms`. Money is an integer of minor units beside its currency.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import idna
import regex
from sqlite_utils import Database, Migrations

from lib.errors import UnusableDatabase
from lib.store.connection import write_transaction
from lib.store.trouble import damaged

migrations = Migrations("onfile")

_FIRST_SCHEMA = Path(__file__).parent / "first_schema"
_LATER_STEPS = Path(__file__).parent / "later_steps"
_GROUPS = ("machinery", "staff", "mirror", "ledger", "runs")


def bring_up_to_date(database: Database) -> None:
    """
    Apply every step that the database does not have yet: all of them, or none. Switch foreign keys off
    before.

    Raises:
        UnusableDatabase: it was made before the first release, or by a newer Onfile than this one; or it
            is damaged.
    """
    applied = {step.name for step in migrations.applied(database)}
    if applied and m001_first_schema.__name__ not in applied:
        raise UnusableDatabase(
            "This data folder was made before Onfile 0.1.0, the first release, and cannot be brought "
            "along. Set ONFILE_DATA_DIR to an empty folder, or move the files of this one away; what "
            "Stripe knows is read again from there."
        )
    known = {step.name for step in migrations.pending(Database(memory=True, execute_plugins=False))}
    if applied - known:
        raise UnusableDatabase(
            "This data folder was used by a newer Onfile than this one, which cannot read it safely. "
            "Install the newer version again, or put back the backup that was made before the upgrade: "
            "“python -m lib restore FILE”."
        )
    if not migrations.pending(database):
        _must_point_somewhere(database)
        return
    with write_transaction(database):
        migrations.apply(database)
        _must_point_somewhere(database)


def _must_point_somewhere(database: Database) -> None:
    broken = list(database.query("PRAGMA foreign_key_check"))
    if broken:
        raise UnusableDatabase(
            damaged(f"it has rows that point nowhere, as {tuple(broken[0].values())[:3]}")
        )


def is_older(database: Database) -> bool:
    """Whether it was used before and steps are waiting: what a backup is made before."""
    return bool(migrations.applied(database)) and bool(migrations.pending(database))


@migrations()
def m001_first_schema(database: Database) -> None:
    """Everything of release 0.1.0."""
    for group in _GROUPS:
        for statement in _statements((_FIRST_SCHEMA / f"{group}.sql").read_text("utf-8")):
            database.execute(statement)


@migrations()
def m002_how_files_were_read(database: Database) -> None:
    """Sheet, letters, number style, columns and rows left out of each run's file, as JSON."""
    database.execute("ALTER TABLE runs ADD COLUMN reading TEXT")


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


@migrations()
def m017_ids_that_look_the_same(database: Database) -> None:
    """Customers' ids in another Unicode form, or with letters that are not shown, are found by a key."""
    for statement in _statements(_ID_KEYS):
        database.execute(statement)
    invisible = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
    spaces = regex.compile(r"\p{Zs}")
    for (id_,) in database.execute("SELECT id FROM customers WHERE id GLOB '*[^!-~]*'").fetchall():
        shown = spaces.sub(" ", invisible.sub("", id_)).strip()
        key = unicodedata.normalize("NFC", shown)
        if key != id_:
            database.execute("UPDATE customers SET id_key = ? WHERE id = ?", (key, id_))


_ID_KEYS = """
-- The id as a person reads it, where it is written otherwise.
ALTER TABLE customers ADD COLUMN id_key TEXT;
CREATE INDEX customers_by_id_key ON customers (id_key) WHERE id_key IS NOT NULL;
"""


@migrations()
def m018_customer_holds(database: Database) -> None:
    """Customers who must not be charged, whatever was planned."""
    for statement in _statements((_LATER_STEPS / "m018_customer_holds.sql").read_text("utf-8")):
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


@migrations()
def m019_search(database: Database) -> None:
    """Charges, links, refunds and runs are searched by an index, as customers and sessions are."""
    for statement in _statements((_LATER_STEPS / "m019_search.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m020_customer_notes(database: Database) -> None:
    """What people write down about customers; refunds and disputes are found by the customer."""
    for statement in _statements((_LATER_STEPS / "m020_customer_notes.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m021_charges_by_date(database: Database) -> None:
    """Lists, periods and books mean the same day: that of the last try. Sums are kept, not added up."""
    for statement in _statements((_LATER_STEPS / "m021_charges_by_date.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m022_stripes_clock(database: Database) -> None:
    """Ages go by Stripe's clock; and the next try of a debt takes the key of any that was not executed."""
    for statement in _statements((_LATER_STEPS / "m022_stripes_clock.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m023_failures_of_runs(database: Database) -> None:
    """The list of runs says which ended with failures, without reading all of their tries."""
    database.execute(
        """CREATE INDEX attempts_failed_by_run ON attempts (run_id)
           WHERE run_id IS NOT NULL AND outcome IN ('declined', 'needs_customer')"""
    )


@migrations()
def m024_recoveries(database: Database) -> None:
    """Charges that were paid after a failure, for the month on Home and its lists."""
    for statement in _statements((_LATER_STEPS / "m024_recoveries.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m025_sums_by_their_key(database: Database) -> None:
    """A charge that moves on finds its sums by their key; before, each step read all sums."""
    for statement in _statements((_LATER_STEPS / "m025_sums_by_their_key.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m026_staff_sessions(database: Database) -> None:
    """A sign-in ends without any act, and at the latest after a working day."""
    for statement in _statements((_LATER_STEPS / "m026_staff_sessions.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m027_own_passwords(database: Database) -> None:
    """Whether the person chose the password, and invitations to choose one."""
    for statement in _statements((_LATER_STEPS / "m027_own_passwords.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m028_account_changes(database: Database) -> None:
    """Who changed whose account, as whoever did is not that person's counterpart."""
    for statement in _statements((_LATER_STEPS / "m028_account_changes.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m029_age_of_approvals(database: Database) -> None:
    """The schema refuses a try of a run whose approvals are too old."""
    for statement in _statements((_LATER_STEPS / "m029_age_of_approvals.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m030_refunds_by_two_people(database: Database) -> None:
    """What became of a refund that no evidence settles, as two people agree."""
    script = (_LATER_STEPS / "m030_refunds_by_two_people.sql").read_text("utf-8")
    for statement in _statements(script):
        database.execute(statement)


@migrations()
def m032_lists_at_size(database: Database) -> None:
    """Failures, refunds, amounts and what is searched are listed without reading a year of charges."""
    for statement in _statements((_LATER_STEPS / "m032_lists_at_size.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m033_sign_in_failures(database: Database) -> None:
    """Wrong sign-ins count by account and address: strangers lock nobody out."""
    for statement in _statements((_LATER_STEPS / "m033_sign_in_failures.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m034_second_factors(database: Database) -> None:
    """Codes of an app and recovery codes, each of which works once."""
    for statement in _statements((_LATER_STEPS / "m034_second_factors.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m035_links_desk(database: Database) -> None:
    """What a link is for, how far its customer came, and the batches and agreements around it."""
    for statement in _statements((_LATER_STEPS / "m035_links_desk.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m036_second_admin(database: Database) -> None:
    """Changes of limits, roles and admins' accounts that wait for a second admin."""
    for statement in _statements((_LATER_STEPS / "m036_second_admin.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m038_preferred_locales(database: Database) -> None:
    """The customer's languages at Stripe."""
    database.execute(
        """ALTER TABLE customers ADD COLUMN
           -- The customer's languages, the first one first: "pl,de-AT".
           preferred_locales TEXT"""
    )


@migrations()
def m040_data_protection(database: Database) -> None:
    """People who were erased stay so; and for how long what is kept of others."""
    for statement in _statements((_LATER_STEPS / "m040_data_protection.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m043_fees_to_come(database: Database) -> None:
    """Paid charges whose fee is not known yet are counted without looking each one's up."""
    for statement in _statements((_LATER_STEPS / "m043_fees_to_come.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m044_outbox(database: Database) -> None:
    """Messages to customers, each sent once, and the templates of staff."""
    for statement in _statements((_LATER_STEPS / "m044_outbox.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m046_audit_by_time(database: Database) -> None:
    """The audit log is listed and narrowed down by an index."""
    for statement in _statements((_LATER_STEPS / "m046_audit_by_time.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m047_erased_messages(database: Database) -> None:
    """Messages to people who were erased keep that they were sent, and none of their words."""
    for statement in _statements((_LATER_STEPS / "m047_erased_messages.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m048_keys_of_links_in_other_letters(database: Database) -> None:
    """Links from before their keys whose address m035 left without one, or with `xn--` in it."""
    links = database.execute(
        """SELECT id, email FROM setup_links WHERE email IS NOT NULL
               AND (email GLOB '*[^ -~]*' OR email LIKE '%xn--%')"""
    ).fetchall()
    for id_, email in links:
        database.execute(
            "UPDATE setup_links SET address_key = ? WHERE id = ?", (_key_of(email), id_)
        )


def _key_of(address: str) -> str:
    """As `address_key` of lib/domain/identity.py was at m048."""
    local, sign, domain = address.rpartition("@")
    labels = []
    for label in _folded(domain).split("."):
        try:
            labels.append(idna.ulabel(label) if label.startswith("xn--") else label)
        except UnicodeError:
            labels.append(label)
    return _folded(local) + sign + _folded(".".join(labels))


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    visible = regex.sub(r"\p{Default_Ignorable_Code_Point}+", "", folded)
    shown = regex.sub(r"\p{Zs}", " ", visible).strip()
    return unicodedata.normalize("NFC", shown)


@migrations()
def m049_waiting_charges(database: Database) -> None:
    """Approved charges without a card wait for the link that asks for one."""
    for statement in _statements((_LATER_STEPS / "m049_waiting_charges.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m050_whom_a_customer_was_chosen_beside(database: Database) -> None:
    """The others with the address, as JSON, when a correction chose one: a later one is asked about."""
    database.execute(
        """ALTER TABLE run_row_corrections ADD COLUMN
           beside TEXT CHECK (beside IS NULL OR json_valid(beside))"""
    )


@migrations()
def m051_names_as_they_are_shown(database: Database) -> None:
    """
    Names and addresses without letters that nobody sees, as they are read from Stripe from now on. Their keys
    are the same. Joiners and selectors of variants stay: where they say nothing the next reading leaves them out.
    """
    invisible = r"\p{Default_Ignorable_Code_Point}"
    drawn = r"\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180f\U000e0020-\U000e007f\u115f\u1160"
    of_names = regex.compile(rf"[{invisible}--[{drawn}]]+", regex.VERSION1)
    of_addresses = regex.compile(f"{invisible}+")
    for table, name, address in (
        ("customers", "name", "email"),
        ("checkout_sessions", "customer_name", "customer_email"),
        ("payment_methods", "billing_name", "billing_email"),
        ("setup_links", "name", "email"),
    ):
        for column, letters in ((name, of_names), (address, of_addresses)):
            rows = database.execute(
                f"SELECT id, {column} FROM {table} WHERE {column} GLOB '*[^ -~]*'"
            ).fetchall()
            for id_, text in rows:
                shown = letters.sub("", text)
                if shown != text:
                    database.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (shown, id_))


@migrations()
def m052_keys_of_payments(database: Database) -> None:
    """The idempotency key among a payment's marks: which debt it was a try of, whatever its reference is now."""
    database.execute("ALTER TABLE payment_intents ADD COLUMN idempotency_key TEXT")
    database.execute(
        """CREATE INDEX payment_intents_by_key ON payment_intents (idempotency_key)
           WHERE idempotency_key IS NOT NULL"""
    )


@migrations()
def m053_rows_whose_payment_turns_up(database: Database) -> None:
    """A row that was given up counts as sent once its own try moved money after all, and only then."""
    database.execute("DROP TRIGGER rows_take_steps_in_order")
    database.execute(
        """CREATE TRIGGER rows_take_steps_in_order BEFORE UPDATE OF state ON run_rows
           WHEN NEW.state <> OLD.state AND CASE (SELECT state FROM runs WHERE id = OLD.run_id)
               WHEN 'draft' THEN (OLD.state || '>' || NEW.state) NOT IN (
                   'planned>cancelled', 'planned>blocked', 'cancelled>planned', 'cancelled>blocked')
               ELSE (OLD.state || '>' || NEW.state) NOT IN (
                   'planned>sent', 'planned>blocked', 'planned>cancelled', 'sent>planned', 'sent>cancelled')
                   AND NOT (NEW.state = 'sent' AND EXISTS (SELECT 1 FROM attempts a
                       WHERE a.run_id = OLD.run_id AND a.run_row = OLD.number
                           AND a.outcome IN ('succeeded', 'processing')))
               END
           BEGIN SELECT RAISE(ABORT, 'a row cannot go there from here'); END"""
    )
    database.execute(
        """UPDATE run_rows SET state = 'sent', severity = iif(severity = 'red', 'amber', severity)
           WHERE state <> 'sent' AND (run_id, number) IN (SELECT run_id, run_row FROM attempts
               WHERE run_id IS NOT NULL AND outcome IN ('succeeded', 'processing'))"""
    )


@migrations()
def m054_keys_of_references_with_decimals(database: Database) -> None:
    """1.50 has the key of 1.5, as which a spreadsheet saves it; and 2024.01 no longer that of 2024.10."""
    for table, one, other in (
        ("charges", "id", "id"),
        ("payment_intents", "id", "id"),
        ("run_rows", "run_id", "number"),
        ("setup_links", "id", "id"),
    ):
        rows = database.execute(
            f"""SELECT reference, reference_key, {one}, {other} FROM {table}
                WHERE reference GLOB '*[.,\uff0e\uff0c]*' AND reference_key GLOB '*[0-9]-[0-9]*'"""
        ).fetchall()
        mended = [(_with_decimals(row[0], row[1]), *row[2:]) for row in rows]
        database.conn.executemany(
            f"UPDATE {table} SET reference_key = ?1 WHERE {one} = ?2 AND {other} = ?3",
            [new for new, row in zip(mended, rows, strict=True) if new[0] != row[1]],
        )


@migrations()
def m055_message_rules(database: Database) -> None:
    """What Onfile sends to customers by itself, once a person switched it on."""
    for statement in _statements((_LATER_STEPS / "m055_message_rules.sql").read_text("utf-8")):
        database.execute(statement)


def _with_decimals(reference: str, key: str) -> str:
    """As `reference_key` of lib/domain/identity.py was at m054."""
    folded = unicodedata.normalize("NFKC", reference)
    digits = regex.sub(r"\A[^0-9]*|\p{Default_Ignorable_Code_Point}|\s+\Z", "", folded)
    if regex.fullmatch(r"[0-9]+[.,]0[1-9]", digits):
        return f"{key[:-2]}.0{key[-1]}"
    is_grouped = regex.fullmatch(r"[0-9]{1,3}[.,][0-9]{3}", digits)
    if not is_grouped and regex.fullmatch(r"[0-9]+[.,][0-9]*[1-9]0+", digits):
        return key.rstrip("0")
    return key


@migrations()
def m056_addresses_that_are_drawn_alike(database: Database) -> None:
    """
    Keys of addresses tell domains apart as IDNA2008 does: `straße` is not `strasse`. Whoever may be taken for
    another is found by what the letters of the address are drawn as.
    """
    for statement in _statements((_LATER_STEPS / "m056_drawn_keys.sql").read_text("utf-8")):
        database.execute(statement)
    for table in ("customers", "setup_links"):
        rows = database.execute(
            f"""SELECT id, email, address_key FROM {table} WHERE address_key IS NOT NULL
                    AND (email GLOB '*[^ -~]*' OR email LIKE '%xn--%')"""
        ).fetchall()
        for id_, email, before in rows:
            key = _key_by_idna(email)
            if key != before:
                database.execute(f"UPDATE {table} SET address_key = ? WHERE id = ?", (key, id_))
            if table == "customers" and _drawn(key) != key:
                database.execute(
                    "UPDATE customers SET drawn_key = ? WHERE id = ?", (_drawn(key), id_)
                )


@migrations()
def m057_sums_without_what_is_stopped(database: Database) -> None:
    """The sum of a run that nobody has approved yet leaves out the rows that are stopped, as its page does."""
    database.execute(
        """UPDATE runs SET totals = (SELECT json_group_object(currency, amount) FROM (
               SELECT currency, sum(amount) AS amount FROM run_rows
               WHERE run_id = runs.id AND state = 'planned' AND NOT (severity = 'amber' AND EXISTS (
                   SELECT 1 FROM json_each(findings) f WHERE f.value ->> 'severity' = 'stopped'))
               GROUP BY currency ORDER BY currency))
           WHERE state IN ('draft', 'awaiting_approval', 'rejected')"""
    )


def _key_by_idna(address: str) -> str:
    """As `address_key` of lib/domain/identity.py was at m056; no joiner is left in what was saved before."""
    local, sign, domain = address.rpartition("@")
    shown = regex.sub(r"\p{Default_Ignorable_Code_Point}+", "", domain)
    shown = unicodedata.normalize("NFC", regex.sub(r"\p{Zs}", " ", shown).strip())
    try:
        shown = idna.uts46_remap(shown, std3_rules=False)
    except UnicodeError:
        shown = _folded(shown)
    labels = []
    for label in shown.split("."):
        try:
            labels.append(idna.ulabel(label) if label.startswith("xn--") else label)
        except UnicodeError:
            labels.append(label)
    return _folded(local) + sign + ".".join(labels)


_DRAWN_AT_M056 = str.maketrans(
    "авекмнорстухіјѕαβεζηικμνορτυχ’‘ʼ´`′", "abekmhopctyxijsabezhikmnoptyx" + "'" * 6
)
_DRAWN_SMALL_AT_M056 = str.maketrans(
    "гьпԁһӏԛԝүѵѡγηνσωυϲϳօոսհզցյıɑɡɩʋ", "rbndhlqwyvwynvowucjonuhqgjiagiu"
)


def _drawn(key: str) -> str:
    """As `drawn_key` of lib/domain/identity.py was at m056, but for digits in a circle and their like."""
    if key.isascii():
        return key
    plain, before = key.casefold().translate(_DRAWN_SMALL_AT_M056), ""
    while plain != before:
        before = plain
        shown = unicodedata.normalize("NFKC", before.casefold())
        shown = regex.sub(r"\p{Default_Ignorable_Code_Point}+", "", shown).strip()
        plain = regex.sub(r"\p{Dash}", "-", shown).translate(_DRAWN_AT_M056)
    return plain


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
def m058_single_sign_on(database: Database) -> None:
    """Who is whom at the provider of a single sign-on; each of its sign-ins counts once."""
    for statement in _statements((_LATER_STEPS / "m058_single_sign_on.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m059_announcements(database: Database) -> None:
    """What payers were told before a run is executed, and what they answered."""
    for statement in _statements((_LATER_STEPS / "m059_announcements.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m060_page_ends(database: Database) -> None:
    """Pages at Stripe that are ended after their links were revoked together."""
    for statement in _statements((_LATER_STEPS / "m060_page_ends.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m061_cards_that_were_stopped_elsewhere(database: Database) -> None:
    """
    Which method a payment was last refused with, and the bank's advice: a card that was stopped in the
    Dashboard, by another installation or before this file must not be charged here (lib/store/never_again.py).
    """
    for statement in _statements(_STOPPED_ELSEWHERE):
        database.execute(statement)


_STOPPED_ELSEWHERE = """
ALTER TABLE payment_intents ADD COLUMN error_payment_method TEXT;
ALTER TABLE payment_intents ADD COLUMN error_advice_code TEXT;
UPDATE payment_intents SET error_payment_method =
    (SELECT c.payment_method FROM stripe_charges c WHERE c.id = latest_charge)
WHERE error_code IS NOT NULL OR error_decline_code IS NOT NULL;
CREATE INDEX payment_intents_never_again ON payment_intents (error_payment_method)
    WHERE error_advice_code = 'do_not_try_again'
        OR error_decline_code IN ('lost_card', 'stolen_card', 'lost_or_stolen_card', 'pickup_card',
            'do_not_try_again')
        OR error_code IN ('lost_card', 'stolen_card', 'lost_or_stolen_card', 'pickup_card',
            'do_not_try_again');
"""


@migrations()
def m062_keys_of_references_that_are_drawn_alike(database: Database) -> None:
    """
    INVー1 has the key of INV-1, whatever dash or blank it is drawn with; 1,234.50 that of 1234.5, as
    which a spreadsheet saves it; and 1_000 that of 1000.
    """
    for table, one, other in (
        ("charges", "id", "id"),
        ("payment_intents", "id", "id"),
        ("run_rows", "run_id", "number"),
        ("setup_links", "id", "id"),
    ):
        rows = database.execute(
            f"""SELECT reference, reference_key, {one}, {other} FROM {table}
                WHERE reference_key GLOB '*[\u2800\U0001d159{_DASHES_AT_M062}]*'
                   OR (reference GLOB '*[0-9\uff10-\uff19]*' AND reference_key GLOB '*[0-9]-[0-9]*'
                       AND (reference GLOB '*[_\uff3f]*' OR reference GLOB '*[.,\uff0e\uff0c]*'))"""
        ).fetchall()
        mended = [(_drawn_with_dashes(row[0], row[1]), *row[2:]) for row in rows]
        database.conn.executemany(
            f"UPDATE {table} SET reference_key = ?1 WHERE {one} = ?2 AND {other} = ?3",
            [new for new, row in zip(mended, rows, strict=True) if new[0] != row[1]],
        )


_DASHES_AT_M062 = "ー\u4e00\u1173\u31d0\u2500\u2501\u23af\u2796\u2cba"
_BLANKS = "[\u2800\U0001d159]"
_THEIRS_AT_M062 = r"[\p{Hiragana}\p{Katakana}\p{Han}\p{Hangul}\p{Bopomofo}--[\u4e00\u1173\u31d0]]"
_GROUPS_AT_M062 = r"(?:[0-9]{1,3}(?P<sign>[.,' _])[0-9]{3}(?:(?P=sign)[0-9]{3})*|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3})"


def _drawn_with_dashes(reference: str, key: str) -> str:
    """As `reference_key` of lib/domain/reference_keys.py was at m062, made of the key from before."""
    drawn = regex.compile(
        rf"(?<!{_THEIRS_AT_M062}\p{{M}}*ー*)[{_DASHES_AT_M062}]+(?!{_THEIRS_AT_M062})|{_BLANKS}+",
        regex.V1,
    )
    key = regex.sub(rf"(?<=[0-9])(?:{drawn.pattern})(?=[0-9])", "-", key, flags=regex.V1)
    key = drawn.sub("", key) or "-"
    plain = regex.sub(
        r"\p{Default_Ignorable_Code_Point}+", "", unicodedata.normalize("NFKC", reference)
    )
    plain = regex.sub(r"\p{Zs}", " ", plain).strip()
    plain = regex.sub("[’‘ʼ´`′]", "'", plain)
    for match in regex.finditer(
        r"(?<![0-9][.,' _]?)[0-9]{1,3}(?:_[0-9]{3})+(?![.,' _]?[0-9])", plain
    ):
        key = key.replace(
            _joined(match.group()), match.group().replace("_", "").lstrip("0") or "0", 1
        )
    number = regex.fullmatch(
        rf"[^0-9]*(?P<whole>{_GROUPS_AT_M062})(?P<cents>(?!(?P=sign))[.,][0-9]+)", plain
    )
    if number is not None and regex.search("[1-9]", number["cents"]):
        before = _joined(number["whole"] + number["cents"])
        whole = "".join(regex.findall("[0-9]+", number["whole"])).lstrip("0") or "0"
        cents = number["cents"][1:]
        is_small = regex.fullmatch("0[1-9]", cents)
        tail = f"{whole}.{cents}" if is_small else f"{whole}-{cents.strip('0')}"
        key = key.removesuffix(before) + tail
    return key


def _joined(number: str) -> str:
    """As a number was that is not in groups of three."""
    return "-".join(part.lstrip("0") or "0" for part in regex.findall("[0-9]+", number))


@migrations()
def m063_what_files_say_of_corrected_rows(database: Database) -> None:
    """
    Whom the file of a corrected row names: uploaded again, the file says what it said before (lib/store/debts.py).
    """
    for statement in _statements(_CORRECTED_ROWS):
        database.execute(statement)


_CORRECTED_ROWS = """
ALTER TABLE run_rows ADD COLUMN file_customer TEXT;
UPDATE run_rows SET file_customer = (
    SELECT min(c.id) FROM customers c
    WHERE c.id = json_extract(original, '$.request') ->> '$.customer'
        OR c.address_key = lower(json_extract(original, '$.request') ->> '$.customer')
    HAVING count(*) = 1)
WHERE original IS NOT NULL;
CREATE INDEX run_rows_by_customer_of_file ON run_rows (file_customer)
    WHERE original IS NOT NULL AND file_customer IS NOT NULL;
CREATE INDEX run_rows_corrected ON run_rows (customer) WHERE original IS NOT NULL;
CREATE TRIGGER rows_of_submitted_runs_keep_whom_the_file_names BEFORE UPDATE OF file_customer ON run_rows
WHEN NEW.file_customer IS NOT OLD.file_customer
    AND (SELECT state FROM runs WHERE id = OLD.run_id) IS NOT 'draft'
BEGIN SELECT RAISE(ABORT, 'this run was submitted'); END;
"""


@migrations()
def m064_short_lists(database: Database) -> None:
    """A search of failures, refunds and disputes reads no other charges."""
    for statement in _statements((_LATER_STEPS / "m064_short_lists.sql").read_text("utf-8")):
        database.execute(statement)


@migrations()
def m065_old_files_let_nobody_in(database: Database) -> None:
    """Sign-ins and invitations of an older copy count no more."""
    for statement in _statements(
        (_LATER_STEPS / "m065_old_files_let_nobody_in.sql").read_text("utf-8")
    ):
        database.execute(statement)


def set_aside(
    database: Database, table: str, *, key: Sequence[str], where: str, kind: str, change: str
) -> int:
    """
    Make room for a guard that rows already there would break: a migration never fails over data.

    Each row of `table` where `where` holds becomes an open incident with all that it held, named by
    the columns of its primary key; then `change` is made to exactly these rows: "DELETE FROM table"
    or "UPDATE table SET …", without a WHERE. Returns how many there were.
    """
    names = [column.name for column in database.table(table).columns]
    fields = ", ".join(f"'{name}', {name}" for name in names)
    words = " || ' ' || ".join((f"'{table}'", *key))
    columns = ", ".join(key)
    database.execute(f"CREATE TEMP TABLE offenders AS SELECT {columns} FROM {table} WHERE {where}")
    these = f"WHERE ({columns}) IN (SELECT {columns} FROM offenders)"
    database.execute(
        f"""INSERT INTO incidents (id, kind, subject, details, found_at)
            SELECT 'inc_' || lower(hex(randomblob(10))), ?, {words}, json_object({fields}),
                CAST(strftime('%s', 'now') AS INTEGER)
            FROM {table} {these} ON CONFLICT DO NOTHING""",
        (kind,),
    )
    offenders = database.execute(f"{change} {these}").rowcount
    database.execute("DROP TABLE offenders")
    return offenders


def _statements(script: str) -> Iterator[str]:
    """Each statement of a script: `executescript` would commit the migration's transaction."""
    lines: list[str] = []
    for line in script.splitlines():
        lines.append(line)
        if sqlite3.complete_statement("\n".join(lines)):
            yield "\n".join(lines)
            lines.clear()
