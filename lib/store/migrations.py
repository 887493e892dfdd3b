"""
Migrations of onfile.db: the first schema, and the steps after it.

Steps are appended, never edited or renamed once they were released. They import nothing from
`lib`: they must mean in a year what they mean today. docs/schema.md shows where all of them lead.

Times are Unix seconds in UTC (one unit for Stripe's times and ours), milliseconds where a name ends
in `_ms`. Money is an integer of minor units beside its currency.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlite_utils import Database, Migrations

from lib.errors import SettingsError

migrations = Migrations("onfile")

_FIRST_SCHEMA = Path(__file__).parent / "first_schema"
_GROUPS = ("machinery", "staff", "mirror", "ledger", "runs")


def bring_up_to_date(database: Database) -> None:
    """
    Apply every step that the database does not have yet.

    Raises:
        SettingsError: it was made before the first release, or by a newer Onfile than this one.
    """
    applied = {step.name for step in migrations.applied(database)}
    if applied and m001_first_schema.__name__ not in applied:
        raise SettingsError(
            "This data folder was made before Onfile 0.1.0, the first release, and cannot be brought "
            "along. Set ONFILE_DATA_DIR to an empty folder, or move the files of this one away; what "
            "Stripe knows is read again from there."
        )
    known = {step.name for step in migrations.pending(Database(memory=True))}
    if applied - known:
        raise SettingsError(
            "This data folder was used by a newer Onfile than this one, which cannot read it safely. "
            "Install the newer version again, or go back to a backup made before the upgrade."
        )
    migrations.apply(database)


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
    """Finds what a bank said of a card under whatever id it was saved (lib/store/debts.py)."""
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
