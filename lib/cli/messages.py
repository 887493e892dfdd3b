"""The commands of messages to customers: send links, and look after the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person
from lib.domain.actors import Actor, Permission
from lib.domain.message_rules import MessageRule
from lib.domain.messages import MessageKind
from lib.domain.outbox import WHY_NOT, MessageState, OutboxMessage
from lib.services.messages.ask import RequestResult

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments

_MOST_LISTED = 1000


def send(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    kind = MessageKind(arguments.kind) if arguments.kind else None
    result = services.messages.requests.send(
        arguments.links, kind=kind, in_doubt=arguments.in_doubt, by=person(actor)
    )
    return Answer(result.as_json(), lines_of(result))


def lines_of(result: RequestResult) -> list[str]:
    return [
        f"{len(result.queued)} message(s) in the outbox; the worker sends them.",
        *(f"  {link_id}: {WHY_NOT[code]}" for link_id, code in result.failed),
    ]


def listing(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    outbox = services.messages.outbox
    states = [MessageState(arguments.state)] if arguments.state else []
    messages = outbox.listing(states, limit=_MOST_LISTED)
    status = outbox.status()
    return Answer(
        {
            "messages": [_object(message) for message in messages],
            "counts": {state.value: count for state, count in status.counts.items()},
            "paused_by": status.paused_by,
            "held_since": status.held_since,
            "trouble": status.trouble.reason if status.trouble else None,
        },
        [_line(message) for message in messages],
    )


def pause(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.messages.outbox.pause(by=person(actor))
    return Answer({"paused": True}, ["Nothing leaves until “outbox resume”."])


def resume(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.messages.outbox.go_on(by=person(actor))
    return Answer({"paused": False}, ["Messages leave again."])


def release(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    services.messages.outbox.release(by=person(actor))
    return Answer(
        {"held": False},
        ["Messages leave again. What stands as perhaps sent waits for “outbox decide”."],
    )


def cancel(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    count = services.messages.outbox.cancel(arguments.messages, by=person(actor))
    return Answer({"cancelled": count}, [f"{count} message(s) cancelled."])


def decide(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    count = services.messages.outbox.decide(
        arguments.messages, was_sent=arguments.was_sent, by=person(actor)
    )
    words = "stand as sent" if arguments.was_sent else "are sent now"
    return Answer({"decided": count}, [f"{count} message(s) {words}."])


def rules(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    person(actor).must(Permission.VIEW)
    standing = services.messages.rules.all()
    return Answer(
        {
            "rules": [
                {
                    "rule": rule.value,
                    "is_on": on is not None,
                    "switched_on_by": on.by if on else None,
                    "switched_on_at": on.at if on else None,
                }
                for rule, on in standing.items()
            ]
        },
        [f"{rule.value}: {f'on, by {on.by}' if on else 'off'}" for rule, on in standing.items()],
    )


def rule(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    which, by = MessageRule(arguments.rule), person(actor)
    if arguments.switch == "on":
        services.messages.rules.switch_on(which, by=by)
    else:
        services.messages.rules.switch_off(which, by=by)
    return rules(services, arguments, actor)


def _object(message: OutboxMessage) -> dict[str, object]:
    return {
        "message_id": message.id,
        "kind": message.kind.value,
        "is_test": message.is_test,
        "link_id": message.link_id,
        "customer": message.customer,
        "address": message.address,
        "language": message.language,
        "subject": message.subject,
        "state": message.state.value,
        "reply": message.reply,
        "requested_by": message.requested_by,
        "requested_at": message.requested_at,
    }


def _line(message: OutboxMessage) -> str:
    words = [f"{message.state.value:<12}", message.address, message.subject, message.reply or ""]
    return "  ".join(words).rstrip()
