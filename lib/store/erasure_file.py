"""
The erasures, in a file beside the database and one beside its backups: an older copy that is put back
knows nothing of them. The file has ids and pseudonyms, and names nobody.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from sqlite_utils import Database

from lib.domain.erasure import Tombstone
from lib.errors import UnusableDatabase
from lib.store.connection import write_transaction
from lib.store.erasures import ErasureStore, written_over
from lib.store.meta import ERASURE_SALT, MetaStore

NAME = "onfile.erased"
logger = logging.getLogger(__name__)


def read(folders: Iterable[Path]) -> tuple[str, list[Tombstone]] | None:
    """
    The salt, and all that these folders' files name; None where there is none.

    Raises:
        UnusableDatabase: a file that cannot be read: whom it names would come back.
    """
    salt = ""
    by_id: dict[str, Tombstone] = {}
    for path in dict.fromkeys(folder / NAME for folder in folders):
        try:
            content = json.loads(path.read_text("utf-8"))
            salt = salt or str(content["salt"])
            for one in content["erased"]:
                by_id.setdefault(one["id"], Tombstone(**one))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnusableDatabase(
                f"{path} says who was erased, and cannot be read ({error}). Put its copy from the data "
                "folder or the backup folder in its place; without it erased people may come back."
            ) from error
    return (salt, list(by_id.values())) if by_id else None


def write(folders: Iterable[Path], salt: str, tombstones: Iterable[Tombstone]) -> None:
    """What one folder does not take, another has: that is told in the log."""
    text = json.dumps({"salt": salt, "erased": [asdict(one) for one in tombstones]}) + "\n"
    for folder in dict.fromkeys(folders):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            unfinished = folder / f"{NAME}.{os.getpid()}"
            unfinished.write_text(text, "utf-8")
            unfinished.chmod(0o600)
            unfinished.replace(folder / NAME)
        except OSError:
            logger.warning("who was erased could not be written to %s", folder, exc_info=True)


def reconcile(database: Database, folders: Iterable[Path]) -> int:
    """
    The database obeys the files, and the files name what it knows. Returns how many customers were
    erased in it just now.
    """
    places = list(folders)
    kept, store = read(places), ErasureStore(database)
    newly = 0
    if kept is not None and store.of(one.id for one in kept[1]) != {one.id for one in kept[1]}:
        with written_over(database), write_transaction(database):
            newly = store.obey(kept[1], salt=kept[0])
    known = store.tombstones()
    if known and (kept is None or len(kept[1]) != len(known)):
        write(places, MetaStore(database).value(ERASURE_SALT) or "", known)
    return newly
