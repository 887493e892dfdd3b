"""Steps of release 0.3.0."""

from __future__ import annotations

import unicodedata

import regex
from sqlite_utils import Database

from lib.store.steps.registry import LATER_STEPS as _LATER_STEPS
from lib.store.steps.registry import migrations
from lib.store.steps.registry import statements as _statements


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
