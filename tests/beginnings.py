"""Where many tests begin: what takes requests to make is made once a process and copied, which takes milliseconds."""

from __future__ import annotations

import copy
import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from lib.settings import Settings
from tests.world import World, world_over

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class _Beginning(Generic[T]):
    data: Path
    value: T | None
    """None where it is the world itself."""
    counter: int
    now: datetime


def made_once(prepare: Callable[..., T]) -> Callable[..., T]:
    """
    Of a fixture that makes something in its world: it runs once, in a world of its own, and each test gets a
    copy of the files. It must depend on nothing but its world and what other such fixtures made in it before, and
    return what can be copied: ids, no services.

    A world in which something was done already is prepared anew.
    """
    kept: dict[tuple[Settings, object], _Beginning[T]] = {}

    @functools.wraps(prepare)
    def begin(*instance: object, world: World, **others: object) -> T:
        """`instance` is of the test's class, if the fixture is one of its methods; `others` are fixtures."""
        bound = functools.partial(prepare, *instance, **others)
        if not world.is_untouched():
            return bound(world=world)
        settings = replace(
            world.settings,
            data_dir=Path(),
            backup_dir=Path(),
            cookie_key="",
            secret_key="",
            webhook_secrets=(),
        )
        kind = settings, world.copied_from
        if kind not in kept:
            kept[kind] = _made(world, bound)
        value = _take_over(world, kept[kind])
        return world if value is None else value  # type: ignore[return-value]

    return begin


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="onfile-beginnings-")


def _made(like: World, prepare: Callable[..., T]) -> _Beginning[T]:
    folder = Path(tempfile.mkdtemp(dir=_folder().name))
    like.services.close()
    settings = replace(
        like.settings, data_dir=folder / "made", backup_dir=folder / "made" / "backups"
    )
    with world_over(settings, data=like.settings.data_dir) as world:
        world.counter, world.clock.now = like.counter, like.clock.now
        value = prepare(world=world)
        kept = folder / "kept"
        left = shutil.ignore_patterns("*.key", "*.lock", "onfile.db*", "practice.db*")
        shutil.copytree(settings.data_dir, kept, ignore=left)
        # Other threads may have them open still, and what they wrote beside the file.
        for database in (settings.database, settings.practice_database):
            with (
                closing(sqlite3.connect(database)) as source,
                closing(sqlite3.connect(kept / database.name)) as target,
            ):
                source.backup(target)
        return _Beginning(kept, None if value is world else value, world.counter, world.clock.now)


def _take_over(world: World, beginning: _Beginning[T]) -> T | None:
    # Nobody else has them open, or they would not be untouched.
    world.services.close()
    world.stripe.database.close()
    for database in (world.settings.database, world.settings.practice_database):
        for end in ("", "-wal", "-shm"):
            database.with_name(database.name + end).unlink(missing_ok=True)
    shutil.copytree(beginning.data, world.settings.data_dir, dirs_exist_ok=True)
    world.counter, world.clock.now = beginning.counter, beginning.now
    world.copied_from = beginning
    world.begins()
    return copy.deepcopy(beginning.value)
