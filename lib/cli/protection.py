"""Data protection on the command line: one person's data, and for how long things are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person, write_file
from lib.domain.actors import Actor, Permission
from lib.domain.retention import WORDS, RetentionKind

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.services.protection.persons import Erasure


def export(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    customer = services.customers.id_written(arguments.customer)
    content = services.persons.export(customer, by=person(actor))
    write_file(Path(arguments.out), content)
    return Answer(
        {"customer": customer, "bytes": len(content)},
        [
            f"Written to {arguments.out}. It holds personal data: keep it as private as the data folder."
        ],
    )


def erase(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    customer = services.customers.id_written(arguments.customer)
    if arguments.dry_run:
        done = services.persons.look(customer, by=person(actor))
    else:
        done = services.persons.erase(customer, reason=arguments.reason, by=person(actor))
    return Answer(
        {
            "customers": done.customers,
            "rows": done.rows,
            "erased": not arguments.dry_run,
            "backups": done.backups,
            "backups_until": done.backups_until,
            "stays": done.stays,
        },
        _lines(done, dry_run=arguments.dry_run),
    )


def _lines(done: Erasure, *, dry_run: bool) -> list[str]:
    lines = [
        f"{'Would erase' if dry_run else 'Erased'}: {', '.join(done.customers)}, in {sum(done.rows.values())} rows."
    ]
    if done.backups_until is not None:
        until = datetime.fromtimestamp(done.backups_until, UTC)
        lines.append(
            f"{len(done.backups)} backups here hold the person until {until:%d %B %Y} at the latest, as long as one is "
            "made each day. Copies elsewhere are yours to remove."
        )
    return [*lines, *done.stays]


def rules(services: Services, _: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.PROTECT_DATA)
    return _rules(services)


def set_rule(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.retention.set(arguments.kind, arguments.days, by=person(actor))
    return _rules(services)


def apply(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    if arguments.dry_run:
        counts = services.retention.look(by=person(actor))
    else:
        counts = services.retention.apply(by=person(actor))
    word = "would go" if arguments.dry_run else "gone"
    return Answer(
        {"removed": counts, "dry_run": arguments.dry_run},
        [f"{WORDS[RetentionKind(kind)]}: {number} {word}" for kind, number in counts.items()]
        or ["Nothing is set, so everything is kept."],
    )


def _rules(services: Services) -> Answer:
    rules_in_force = services.retention.rules()
    return Answer(
        {
            "rules": {
                kind.value: None if kind not in rules_in_force else rules_in_force[kind].days
                for kind in RetentionKind
            }
        },
        [
            f"{WORDS[kind]}: {f'{rules_in_force[kind].days} days' if kind in rules_in_force else 'for ever'}"
            for kind in RetentionKind
        ],
    )
