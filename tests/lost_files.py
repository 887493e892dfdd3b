"""A data folder that is lost, or set back to an older copy, while practice Stripe remembers."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tests.databases import begun
from tests.world import ADA, World


def copied(world: World) -> Path:
    return world.services.backups.take(by=ADA).path


def put_back(world: World, copy: Path) -> None:
    """As somebody does who knows nothing of `restore`: the file is simply replaced."""
    with sqlite3.connect(copy) as origin, sqlite3.connect(world.settings.database) as target:
        origin.backup(target)
    world.rebuild()


def lost(world: World) -> str:
    """Nothing is left of the folder; returns the id of the installation that was in it."""
    old = world.installation
    world.services.close()
    for path in world.settings.data_dir.glob("onfile.*"):
        path.unlink()
    begun(world.settings)
    world.rebuild()
    assert old is not None
    assert world.installation != old
    return old
