"""The commands with which payers are told of a run, and staff decide on what they answered."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from lib.bootstrap import Services
from lib.cli.answers import Answer, person, write_file
from lib.cli.parser import Arguments
from lib.domain.actors import Actor, Permission
from lib.domain.announcements import Announcement
from lib.errors import InvalidInput
from lib.services.runs.messages import message_file
from lib.services.runs.payers import WHY_NOT


def announce(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    try:
        on = date.fromisoformat(arguments.on)
    except ValueError as error:
        raise InvalidInput(f"“{arguments.on}” is no day such as 2026-12-31.", field="on") from error
    result = services.runs.announcements.announce(
        arguments.run,
        on,
        by=person(actor),
        by_hand=bool(arguments.out),
        in_doubt=arguments.in_doubt,
    )
    if arguments.out:
        write_file(Path(arguments.out), message_file(result.taken))
    return Answer(
        {
            "queued": result.queued,
            "taken": len(result.taken),
            "failed": [{"customer": customer, "code": code} for customer, code in result.failed],
        },
        [
            f"{len(result.taken)} message(s) in {arguments.out}, which count as sent: send them."
            if arguments.out
            else f"{len(result.queued)} message(s) in the outbox; the worker sends them.",
            *(f"  {customer}: {WHY_NOT[code]}" for customer, code in result.failed),
        ],
    )


def listing(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    services.runs.control.find(arguments.run)
    result = services.runs.announcements.of_run(arguments.run)
    missing = [
        payer.customer
        for payer in services.runs.announcements.payers(arguments.run)
        if not payer.address
    ]
    return Answer(
        {"announcements": [_object(one) for one in result], "without_address": missing},
        [
            *(_line(one) for one in result),
            *(f"{customer}: no e-mail address is known" for customer in missing),
        ],
    )


def answer(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    answers, by = services.runs.announcements.answers, person(actor)
    if arguments.hold:
        answers.hold(arguments.announcement, by=by)
        return Answer({"decision": "held"}, ["Nothing is charged to this customer any more."])
    answers.set_aside(arguments.announcement, reason=arguments.charge, by=by)
    return Answer({"decision": "set_aside"}, ["It is charged as it was approved."])


def _object(one: Announcement) -> dict[str, object]:
    return {
        "announcement_id": one.id,
        "customer": one.customer,
        "charge_on": one.charge_on,
        "announced_by": one.announced_by,
        "announced_at": one.announced_at,
        "told_at": one.told_at,
        "answered_at": one.answered_at,
        "decision": one.decision,
        "decided_by": one.decided_by,
        "reason": one.reason,
    }


def _line(one: Announcement) -> str:
    words = [
        one.id,
        one.customer,
        f"for {one.charge_on}",
        "told" if one.told_at else "not told yet",
    ]
    if one.answered_at is not None:
        words.append(f"answered “please not”: {one.decision or 'to be decided'}")
    return "  ".join(words)
