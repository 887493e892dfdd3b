"""The read models, wired over one database."""

from __future__ import annotations

from lib.clock import Clock
from lib.reports.audit import AuditReports
from lib.reports.changes import ChangeReports
from lib.reports.charges import ChargeReports
from lib.reports.collect import LinkReports, SessionReports
from lib.reports.customers import CustomerReports, PaymentMethodReports
from lib.reports.follow_up import FollowUpReports
from lib.reports.health import HealthReports
from lib.reports.incidents import IncidentReports
from lib.reports.metrics import MetricReports
from lib.reports.money_back import dispute_reports, refund_reports
from lib.reports.month import MonthReports
from lib.reports.outbox import OutboxReports
from lib.reports.runs import RunReports
from lib.reports.search import SearchReports
from lib.reports.start import StartReports
from lib.reports.waiting import WaitingReports
from lib.reports.waiting_charges import WaitingChargeReports
from lib.reports.webhooks import WebhookReports
from lib.store.connection_pool import ConnectionPool


class Reports:
    def __init__(self, pool: ConnectionPool, *, clock: Clock) -> None:
        self.audit = AuditReports(pool)
        self.changes = ChangeReports(pool, clock=clock)
        self.charges = ChargeReports(pool, clock=clock)
        self.customers = CustomerReports(pool)
        self.follow_up = FollowUpReports(pool, clock=clock)
        self.waiting_charges = WaitingChargeReports(pool, clock=clock)
        self.health = HealthReports(pool, clock=clock)
        self.incidents = IncidentReports(pool)
        self.disputes = dispute_reports(pool)
        self.links = LinkReports(pool, clock=clock)
        self.metrics = MetricReports(pool, clock=clock)
        self.month = MonthReports(pool)
        self.outbox = OutboxReports(pool)
        self.payment_methods = PaymentMethodReports(pool, clock=clock)
        self.refunds = refund_reports(pool)
        self.runs = RunReports(pool, clock=clock)
        self.search = SearchReports(pool)
        self.sessions = SessionReports(pool)
        self.start = StartReports(pool)
        self.waiting = WaitingReports(pool, clock=clock)
        self.webhooks = WebhookReports(pool, clock=clock)
