"""
Messages to customers: put together in their language from a link or from charges that failed, and sent once.

One charge and a whole run have the same words. What leaves was asked for by a person, or by a rule that a
person switched on, and is in the outbox before it leaves. Nothing here decides who is charged or makes a link. The doors and `runs` call it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lib.services.messages.ask import MessageRequests
    from lib.services.messages.compose import MessageComposer
    from lib.services.messages.deliver import OutboxDelivery
    from lib.services.messages.outbox import OutboxService
    from lib.services.messages.rules import MessageRules
    from lib.services.messages.templates import TemplateService


@dataclass(frozen=True)
class MessageServices:
    composer: MessageComposer
    delivery: OutboxDelivery
    outbox: OutboxService
    requests: MessageRequests
    rules: MessageRules
    templates: TemplateService
