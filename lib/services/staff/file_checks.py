"""Checks of the file itself: can it be written, is it sound, is there a copy, does the worker run."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from lib.clock import Clock, epoch
from lib.domain.backups import remarks
from lib.domain.checks import Check
from lib.settings import Settings
from lib.store.copies import damage_in
from lib.store.trouble import damaged, in_words, system_in_words
from lib.store.unit_of_work import UnitOfWork

# The worker beats every few seconds; a minute of silence means it is not running.
HEARTBEAT_FRESH_SECONDS = 60


class FileChecks:
    def __init__(self, uow: UnitOfWork, *, clock: Clock, settings: Settings) -> None:
        self._uow = uow
        self._clock = clock
        self._settings = settings

    def database(self, *, thorough: bool) -> Check:
        """
        Whether it can be written: by writing, as a full disk lets everything else pass.

        Args:
            thorough: look through all of its pages, too.
        """
        folder = self._settings.data_dir
        try:
            with self._uow.write() as stores:
                stores.meta.set("write_check", str(epoch(self._clock())))
            missing = self._uow.missing_steps()
            if thorough and (why := damage_in(self._settings.database)) is not None:
                self._uow.pool.damage.write(why)
        except sqlite3.Error as error:
            return Check("database", False, in_words(error, folder))
        except OSError as error:
            return Check("database", False, system_in_words(error, folder))
        why = self._uow.pool.damage.words()
        if why is not None:
            return Check("database", False, damaged(why))
        if missing:
            return Check(
                "database",
                False,
                f"onfile.db has an older schema ({len(missing)} steps behind). Restart Onfile.",
            )
        return Check("database", True, "onfile.db can be written and has the current schema.")

    def backup(self) -> Check:
        try:
            with self._uow.read() as stores:
                now = epoch(self._clock())
                facts, good = stores.backups.facts(now), stores.backups.newest_good(now)
        except sqlite3.Error as error:
            return Check("backup", False, in_words(error, self._settings.data_dir))
        concerns = remarks(facts)
        if concerns:
            return Check(
                "backup", False, " ".join(f"{one.says} {one.next_step}" for one in concerns)
            )
        if good is None:
            return Check("backup", True, "None yet; the worker makes one a day.")
        path = Path(good.path)
        if path.parent == self._settings.backup_dir and not path.is_file():
            return Check("backup", False, f"The last good backup is not there any more: {path}.")
        hours = max(now - good.taken_at, 0) // 3600
        return Check("backup", True, f"The last good one is {hours} h old: {path}.")

    def worker(self) -> Check:
        try:
            with self._uow.read() as stores:
                beat = stores.jobs.last_beat()
        except sqlite3.Error as error:
            return Check("worker", False, in_words(error, self._settings.data_dir))
        age = None if beat is None else epoch(self._clock()) - beat
        # From the future: a clock was wrong, and nothing has written since.
        if age is None or abs(age) > HEARTBEAT_FRESH_SECONDS:
            return Check("worker", False, "The worker is not running.")
        return Check("worker", True, f"Last heartbeat {age} s ago.")
