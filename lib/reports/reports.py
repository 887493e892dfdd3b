"""The read models, wired over one database."""

from __future__ import annotations

from pathlib import Path

from lib.clock import Clock
from lib.reports.audit import AuditReports
from lib.reports.charges import ChargeReports
from lib.reports.collect import LinkReports, SessionReports
from lib.reports.customers import CustomerReports, PaymentMethodReports
from lib.reports.health import HealthReports
from lib.reports.runs import RunReports
from lib.reports.waiting import WaitingReports
from lib.reports.webhooks import WebhookReports


class Reports:
    def __init__(self, path: Path, *, clock: Clock) -> None:
        self.audit = AuditReports(path)
        self.charges = ChargeReports(path, clock=clock)
        self.customers = CustomerReports(path)
        self.health = HealthReports(path, clock=clock)
        self.links = LinkReports(path, clock=clock)
        self.payment_methods = PaymentMethodReports(path, clock=clock)
        self.runs = RunReports(path, clock=clock)
        self.sessions = SessionReports(path)
        self.waiting = WaitingReports(path, clock=clock)
        self.webhooks = WebhookReports(path, clock=clock)
