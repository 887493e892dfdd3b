"""Saved payment methods on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.actors import Actor


def attach(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    """What was saved by a link for nobody yet gets its customer."""
    method = services.payment_methods.attach(
        arguments.method,
        customer_id=services.customers.named(arguments.customer),
        by=person(actor),
        despite=dict.fromkeys(arguments.despite, arguments.note),
    )
    return Answer(
        {"payment_method": method.id, "customer": method.customer},
        [f"{method.id} is saved for {method.customer} now, and cannot be moved."],
    )
