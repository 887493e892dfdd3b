"""Steps of the next release."""

from __future__ import annotations

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
