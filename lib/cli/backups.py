"""Backups and restores on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person
from lib.cli.staff import signed_in
from lib.domain.actors import SYSTEM, Actor
from lib.domain.days import minute_in_words

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.errors import UnusableDatabase
    from lib.services.continuity.restore import Restore, RestoreService


def backup(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    target = Path(arguments.destination) if arguments.destination else None
    taken = services.backups.take(target, by=person(actor))
    return Answer(
        dict(taken.note),
        [f"{taken.path}: {taken.bytes:,} bytes, checked, sha256 {taken.sha256}"],
    )


def restore(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    """Nobody can sign in to an empty database: then it belongs to whoever has the machine."""
    is_empty = not services.users.list()
    by = SYSTEM if is_empty else signed_in(arguments, services)
    # Nothing of this process holds the file that may be replaced.
    services.close()
    return _restored(services.restores, arguments, by)


def restore_alone(restores: RestoreService, arguments: Arguments, why: UnusableDatabase) -> Answer:
    """Nor can anybody sign in to a database that cannot be used; what is in it is kept."""
    sys.stderr.write(f"{why}\n")
    return _restored(restores, arguments, SYSTEM)


def _restored(restores: RestoreService, arguments: Arguments, by: Actor) -> Answer:
    copy = Path(arguments.file)
    plan = restores.look(copy, by=by) if arguments.dry_run else restores.restore(copy, by=by)
    return Answer(
        _restore_object(plan, restored=not arguments.dry_run),
        _lines(plan, arguments, restores.timezone),
    )


def _restore_object(plan: Restore, *, restored: bool) -> dict[str, object]:
    return {
        "taken_at": plan.taken_at,
        "loses": plan.loses,
        "restored": restored,
        "notes": list(plan.notes),
        "audit_head": plan.audit_head,
        "kept_as": str(plan.kept_as) if plan.kept_as else None,
    }


def _lines(plan: Restore, arguments: Arguments, timezone: str) -> list[str]:
    taken = (
        minute_in_words(plan.taken_at, timezone) if plan.taken_at is not None else "an unknown time"
    )
    lost = ", ".join(
        f"{'?' if count is None else f'{count:,}'} {kind.replace('_', ' ')}"
        for kind, count in plan.loses.items()
    )
    lines = [f"The backup is of {taken}. Not in it, and lost with a restore: {lost}.", *plan.notes]
    if arguments.dry_run:
        return [*lines, "Nothing was changed. Leave out --dry-run to restore."]
    if plan.kept_as is not None:
        lines.append(f"The database of before lies in {plan.kept_as}.")
    return [
        *lines,
        "Restored. Nothing is charged before “python -m lib reconcile --rebuild” has taken over what Stripe knows.",
    ]
