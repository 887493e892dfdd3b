"""Backups and restores on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from lib.bootstrap import Services
from lib.cli.answers import Answer, person
from lib.cli.parser import Arguments
from lib.cli.staff import signed_in
from lib.domain.actors import SYSTEM, Actor
from lib.services.continuity.restore import Restore


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
    by = SYSTEM if is_empty else signed_in(arguments, services.users)
    copy = Path(arguments.file)
    plan = (
        services.restores.look(copy, by=by)
        if arguments.dry_run
        else services.restores.restore(copy, by=by)
    )
    return Answer(_restore_object(plan, restored=not arguments.dry_run), _lines(plan, arguments))


def _restore_object(plan: Restore, *, restored: bool) -> dict[str, object]:
    return {
        "taken_at": plan.taken_at,
        "loses": plan.loses,
        "restored": restored,
        "notes": list(plan.notes),
        "audit_head": plan.audit_head,
        "kept_as": str(plan.kept_as) if plan.kept_as else None,
    }


def _lines(plan: Restore, arguments: Arguments) -> list[str]:
    taken = (
        f"{datetime.fromtimestamp(plan.taken_at, UTC):%d %b %Y %H:%M} UTC"
        if plan.taken_at is not None
        else "an unknown time"
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
