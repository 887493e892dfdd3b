"""Steps of release 0.4.0."""

from __future__ import annotations

import regex
from sqlite_utils import Database

from lib.store.steps.keys_at_0_4 import DASHES_AT_M062 as _DASHES_AT_M062
from lib.store.steps.keys_at_0_4 import drawn as _drawn
from lib.store.steps.keys_at_0_4 import drawn_with_dashes as _drawn_with_dashes
from lib.store.steps.keys_at_0_4 import key_by_idna as _key_by_idna
from lib.store.steps.keys_at_0_4 import key_of as _key_of
from lib.store.steps.keys_at_0_4 import with_decimals as _with_decimals
from lib.store.steps.registry import LATER_STEPS as _LATER_STEPS
from lib.store.steps.registry import migrations
from lib.store.steps.registry import statements as _statements


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
