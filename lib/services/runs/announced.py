"""Promises to the payers of a run, held against what is about to happen."""

from __future__ import annotations

from lib.domain.days import day_of
from lib.domain.runs import Run
from lib.errors import StaleState
from lib.store.stores import Stores


class AnnouncedForLater(StaleState):
    code = "announced_for_later"


class AnnouncementWaits(StaleState):
    code = "announcement_waits"


def must_not_break_word(stores: Stores, run: Run, *, now: int) -> None:
    """
    Raises:
        AnnouncedForLater: payers were told of a later day than today.
        AnnouncementWaits: some are told only after it would have begun.
    """
    newest = stores.announcements.newest_of(run.id, run.digest or "")
    if newest is None:
        return
    today = day_of(now, stores.meta.timezone)
    if newest.day > today:
        raise AnnouncedForLater(
            f"Its payers were told that they are charged on {newest.charge_on}. Start it on that day, or announce it again for "
            "an earlier one."
        )
    waiting = stores.announcements.messages_to_come(run.id)
    if waiting:
        raise AnnouncementWaits(
            f"{waiting:,} of its announcements have not left yet. Wait until they have, or cancel them in the outbox."
        )
