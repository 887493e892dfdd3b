"""The services of incidents, over those of the other rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.bootstrap.once import once

if TYPE_CHECKING:
    from lib.bootstrap.services import Services
    from lib.services.incidents.payments import IncidentPayments
    from lib.services.incidents.proposals import IncidentProposals
    from lib.services.incidents.view import IncidentViews


class IncidentServices:
    """Seen with their evidence, and settled."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @once
    def payments(self) -> IncidentPayments:
        from lib.services.incidents.payments import IncidentPayments

        s = self._services
        return IncidentPayments(
            s.uow, s.gateway, s.refunds, clock=s.clock, livemode=s.settings.livemode
        )

    @once
    def proposals(self) -> IncidentProposals:
        from lib.services.incidents.proposals import IncidentProposals

        s = self._services
        return IncidentProposals(
            s.uow, s.users, self.payments, clock=s.clock, livemode=s.settings.livemode
        )

    @once
    def views(self) -> IncidentViews:
        from lib.services.incidents.view import IncidentViews

        s = self._services
        return IncidentViews(s.uow)
