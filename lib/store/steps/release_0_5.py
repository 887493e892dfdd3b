"""Steps of the next release."""

from __future__ import annotations

import unicodedata

import regex
from sqlite_utils import Database

from lib.store.steps.registry import LATER_STEPS as _LATER_STEPS
from lib.store.steps.registry import migrations
from lib.store.steps.registry import statements as _statements


@migrations()
def m065_old_files_let_nobody_in(database: Database) -> None:
    """Sign-ins and invitations of an older copy count no more."""
    for statement in _statements(
        (_LATER_STEPS / "m065_old_files_let_nobody_in.sql").read_text("utf-8")
    ):
        database.execute(statement)


@migrations()
def m066_keys_of_references_in_turkish_case(database: Database) -> None:
    """ınv-1 and İNV-1 have the key of INV-1, and Arabic letters the same however long a line is drawn between them."""
    for table, one, other in (
        ("charges", "id", "id"),
        ("payment_intents", "id", "id"),
        ("run_rows", "run_id", "number"),
        ("setup_links", "id", "id"),
    ):
        rows = database.execute(
            f"""SELECT reference_key, {one}, {other} FROM {table}
                WHERE reference_key GLOB '*[\u0131\u0640]*' OR reference_key GLOB '*i\u0307*'"""
        ).fetchall()
        database.conn.executemany(
            f"UPDATE {table} SET reference_key = ?1 WHERE {one} = ?2 AND {other} = ?3",
            [(_in_turkish_case(row[0]), *row[1:]) for row in rows],
        )


@migrations()
def m067_what_pages_say_that_are_not_known_here(database: Database) -> None:
    """What a page of a link says, as Stripe tells it, while no request of ours does: after a file was lost or put back."""
    database.execute("ALTER TABLE checkout_sessions ADD COLUMN page_params TEXT")


@migrations()
def m068_pages_that_a_person_asked_for(database: Database) -> None:
    """Of each page of a link, whether a person asked for it or was seen on it. Of older ones nobody knows."""
    database.execute(
        """ALTER TABLE link_sessions ADD COLUMN by_person INTEGER NOT NULL DEFAULT 0
           CHECK (by_person IN (0, 1))"""
    )


def _in_turkish_case(key: str) -> str:
    """As `reference_key` of lib/domain/reference_keys.py was at m066, made of the key from before."""
    plain = regex.sub(r"(?<=\p{L}\p{M}*)\u0640+", "", key)
    return unicodedata.normalize("NFC", regex.sub(r"\u0131\u0307*|i\u0307+", "i", plain))
