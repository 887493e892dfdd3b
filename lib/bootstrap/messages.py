"""The services of messages to customers, over those of the other rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.bootstrap.once import once
from lib.settings import Mode

if TYPE_CHECKING:
    from lib.bootstrap.services import Services
    from lib.mail.mailer import Mailer
    from lib.services.messages.ask import MessageRequests
    from lib.services.messages.compose import MessageComposer
    from lib.services.messages.deliver import OutboxDelivery
    from lib.services.messages.outbox import OutboxService
    from lib.services.messages.rules import MessageRules
    from lib.services.messages.templates import TemplateService


class MessageServices:
    """Composed, kept in the outbox, and delivered."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @once
    def composer(self) -> MessageComposer:
        from lib.services.messages.compose import MessageComposer

        s = self._services
        return MessageComposer(
            s.uow,
            s.senders,
            s.languages,
            clock=s.clock,
            public_url=s.settings.public_url,
            timezone=s.settings.timezone,
        )

    @once
    def delivery(self) -> OutboxDelivery:
        from lib.services.messages.deliver import OutboxDelivery

        s = self._services
        return OutboxDelivery(
            s.uow,
            self.mailer,
            s.completeness,
            s.senders,
            self.composer,
            clock=s.clock,
            folder=s.settings.data_dir,
            mail_from=s.settings.mail_from or "practice@onfile.test",
            per_minute=s.settings.mail_per_minute,
        )

    @once
    def outbox(self) -> OutboxService:
        from lib.services.messages.outbox import OutboxService

        s = self._services
        return OutboxService(s.uow, clock=s.clock)

    @once
    def requests(self) -> MessageRequests:
        from lib.services.messages.ask import MessageRequests

        s = self._services
        return MessageRequests(
            s.uow, self.composer, clock=s.clock, can_send=self.mailer is not None
        )

    @once
    def rules(self) -> MessageRules:
        from lib.services.messages.rules import MessageRules

        s = self._services
        return MessageRules(s.uow, self.requests, clock=s.clock)

    @once
    def templates(self) -> TemplateService:
        from lib.services.messages.templates import TemplateService

        s = self._services
        return TemplateService(s.uow, self.composer, clock=s.clock)

    @once
    def mailer(self) -> Mailer | None:
        from lib.mail.choice import mailer_for

        configured = self._services.settings
        return mailer_for(configured.smtp_url, is_practice=configured.mode is Mode.PRACTICE)
