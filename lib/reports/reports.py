"""The read models, wired over one database."""

from __future__ import annotations

from lib.clock import Clock
from lib.reports.audit import AuditReports
from lib.reports.charges import ChargeReports
from lib.reports.collect import LinkReports, SessionReports
from lib.reports.customers import CustomerReports, PaymentMethodReports
from lib.reports.health import HealthReports
from lib.reports.runs import RunReports
from lib.reports.waiting import WaitingReports
from lib.reports.webhooks import WebhookReports
from lib.store.connection_pool import ConnectionPool


class Reports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self.audit = AuditReports(pool)
        self.charges = ChargeReports(pool, clock=clock)
        self.customers = CustomerReports(pool)
        self.health = HealthReports(pool, clock=clock)
        self.links = LinkReports(pool, clock=clock)
        self.payment_methods = PaymentMethodReports(pool, clock=clock)
        self.runs = RunReports(pool, clock=clock)
        self.sessions = SessionReports(pool)
        self.waiting = WaitingReports(pool, clock=clock)
        self.webhooks = WebhookReports(pool, clock=clock)
