"""
Incidents: seen with their evidence, and settled (docs/decisions/023).

A payment is adopted, refunded through the refunds room, or cancelled; what no fact settles, two people do.
Each way closes the incident only when it is true. What should not be is noted by the ledger; nothing here looks
for it, or charges. Only the doors call it.
"""

from __future__ import annotations

from dataclasses import dataclass

from lib.clock import Clock
from lib.services.incidents.payments import IncidentPayments
from lib.services.incidents.proposals import IncidentProposals
from lib.services.incidents.view import IncidentViews
from lib.services.refunds.request import RefundRequests
from lib.services.staff.users import UserService
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway


@dataclass(frozen=True, slots=True)
class IncidentServices:
    payments: IncidentPayments
    proposals: IncidentProposals
    views: IncidentViews


def incident_services(
    uow: UnitOfWork,
    gateway: StripeGateway,
    users: UserService,
    refunds: RefundRequests,
    *,
    clock: Clock,
    livemode: bool,
) -> IncidentServices:
    payments = IncidentPayments(uow, gateway, refunds, clock=clock, livemode=livemode)
    proposals = IncidentProposals(uow, users, payments, clock=clock, livemode=livemode)
    return IncidentServices(payments, proposals, IncidentViews(uow))
