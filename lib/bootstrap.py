"""The composition root: prepares the database and wires services, once per process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.clock import Clock, utcnow
from lib.errors import SettingsError
from lib.services.charges.cancel_intents import EarlierIntents
from lib.services.charges.charge import ChargingService
from lib.services.charges.manual_outcomes import VerdictService
from lib.services.charges.resolve import SettlingService
from lib.services.charges.review import ReviewService
from lib.services.charges.send import Sender
from lib.services.collect.customers import CustomerService
from lib.services.collect.links import LinkService
from lib.services.collect.payment_methods import PaymentMethodService
from lib.services.collect.return_page import ReturnService
from lib.services.mirror.refetch import Refresher
from lib.services.mirror.search_index import SearchService
from lib.services.mirror.sync import SyncService
from lib.services.mirror.webhooks import WebhookService
from lib.services.refunds.request import RefundOrders
from lib.services.refunds.resolve import RefundSettler
from lib.services.refunds.send import RefundSender
from lib.services.runs import RunServices
from lib.services.runs.approve import ApprovalService
from lib.services.runs.certificate import RunCertifier
from lib.services.runs.control import RunControl
from lib.services.runs.draft import RunMaker
from lib.services.runs.execute import RunExecutor
from lib.services.runs.files import RunFiles
from lib.services.runs.new_cards import NewCardCharger
from lib.services.runs.outlook import RunComparer
from lib.services.runs.retry_run import RunFollower
from lib.services.runs.send_row import RowSender
from lib.services.runs.view import RunViewer
from lib.services.staff.audit import AuditService
from lib.services.staff.doctor import DoctorService
from lib.services.staff.limits import LimitService
from lib.services.staff.users import UserService
from lib.settings import Mode, Settings, load_settings
from lib.store.connection import connect
from lib.store.migrations import bring_up_to_date
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

if TYPE_CHECKING:
    from lib.practice.engine import PracticeStripe
    from lib.reports import Reports

ROOT = Path(__file__).resolve().parent.parent
# A page of a hundred sessions touches some hundred leaves of each index over random ids, and every
# touched leaf is written whole: 4 kB pages took 17.9 ms CPU at 50 000 sessions, 16 kB ones 21.5 ms,
# and the difference grows with the table.
_PAGE_SIZE = 4_096


@dataclass(frozen=True)
class Services:
    settings: Settings
    clock: Clock
    audit: AuditService
    charging: ChargingService
    customers: CustomerService
    doctor: DoctorService
    limits: LimitService
    links: LinkService
    payment_methods: PaymentMethodService
    refunds: RefundOrders
    refund_settling: RefundSettler
    returns: ReturnService
    runs: RunServices
    search: SearchService
    settling: SettlingService
    sync: SyncService
    users: UserService
    verdicts: VerdictService
    webhooks: WebhookService

    @functools.cached_property
    def reports(self) -> Reports:
        """Loaded when a page first asks: pandas takes longer than most commands."""
        from lib.reports import Reports

        return Reports(self.settings.database, clock=self.clock)


@functools.cache
def settings() -> Settings:
    return load_settings(ROOT)


@functools.cache
def practice() -> PracticeStripe:
    """The embedded practice Stripe of this process, over the shared practice.db."""
    from lib.practice.engine import PracticeStripe

    configured = settings()
    return PracticeStripe(configured.practice_database, public_url=configured.public_url)


@functools.cache
def services() -> Services:
    """The process's own services. Built lazily: an edited module may empty module-level state."""
    configured = settings()
    migrate(configured)
    if configured.mode is Mode.PRACTICE:
        return build_services(configured, clock=utcnow, api_base=_practice_address)
    return build_services(configured, clock=utcnow)


def _practice_address() -> str:
    from lib.practice.server import PracticeServer

    # Lives as long as the process; other processes over the same folder run their own.
    server = PracticeServer(practice())
    server.start()
    return server.base_url


def migrate(configured: Settings) -> None:
    """
    Bring the database to the current schema and bind it to this mode.

    Raises:
        SettingsError: the database belongs to another mode (rows of two accounts must never mix), was
            made before the first release or by a newer Onfile, or has rows that point nowhere.
    """
    configured.data_dir.mkdir(parents=True, exist_ok=True)
    database = connect(configured.database)
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA foreign_keys = OFF")
        bring_up_to_date(database)
        broken = list(database.query("PRAGMA foreign_key_check"))
        if broken:
            raise SettingsError(f"onfile.db has rows that point nowhere: {broken[:3]}")
        database.execute(
            "INSERT INTO meta (name, value) VALUES ('mode', ?) ON CONFLICT (name) DO NOTHING",
            (configured.mode.value,),
        )
        bound = next(database.query("SELECT value FROM meta WHERE name = 'mode'"))["value"]
        if bound != configured.mode.value:
            raise SettingsError(
                f"This data folder holds {bound} data, but the Stripe key is for {configured.mode.value} mode. "
                "Point ONFILE_DATA_DIR at another folder; rows of two accounts must never mix."
            )
    finally:
        database.close()


def build_services(
    configured: Settings,
    *,
    clock: Clock,
    api_base: str | Callable[[], str] | None = None,
    bcrypt_rounds: int = 12,
) -> Services:
    """
    Wire everything over one database and one Stripe address, which is asked for with the first request
    when it is a function.
    """

    def address() -> str:
        found = api_base() if callable(api_base) else api_base
        return found or configured.stripe_api_base

    uow = UnitOfWork(configured.database)
    gateway = StripeGateway(configured.stripe_secret_key, address, max_rps=configured.max_rps)
    refresher = Refresher(uow, gateway, clock=clock)
    customers = CustomerService(uow, gateway, refresher, clock=clock)
    methods = PaymentMethodService(uow, gateway, refresher, customers, clock=clock)
    webhooks = WebhookService(
        uow,
        refresher,
        clock=clock,
        secrets=configured.webhook_secrets,
        livemode=configured.livemode,
    )
    sender = Sender(uow, gateway, clock=clock)
    earlier = EarlierIntents(uow, gateway, clock=clock)
    reviewing = ReviewService(
        uow, customers, methods, clock=clock, public_url=configured.public_url
    )
    charging = ChargingService(
        uow,
        reviewing,
        sender,
        earlier,
        clock=clock,
        livemode=configured.livemode,
        public_url=configured.public_url,
    )
    settling = SettlingService(uow, gateway, sender, clock=clock)
    users = UserService(uow, clock=clock, bcrypt_rounds=bcrypt_rounds)
    refund_sender = RefundSender(uow, gateway, clock=clock)
    refund_settling = RefundSettler(uow, gateway, refund_sender, clock=clock)
    search = SearchService(uow)
    sync = SyncService(uow, gateway, refresher, webhooks, search, clock=clock)
    maker = RunMaker(uow, customers, methods, sync, clock=clock, livemode=configured.livemode)
    viewer = RunViewer(uow, clock=clock, public_url=configured.public_url)
    rows = RowSender(sender, earlier, clock=clock, livemode=configured.livemode)
    runs = RunServices(
        approvals=ApprovalService(uow, users, clock=clock),
        certifier=RunCertifier(uow, gateway, clock=clock),
        comparer=RunComparer(uow, clock=clock),
        control=RunControl(uow, clock=clock),
        executor=RunExecutor(uow, rows, settling, clock=clock),
        files=RunFiles(uow, maker, viewer, clock=clock),
        follower=RunFollower(uow, maker, viewer, clock=clock),
        maker=maker,
        new_cards=NewCardCharger(uow, charging, clock=clock),
        viewer=viewer,
    )
    return Services(
        settings=configured,
        clock=clock,
        audit=AuditService(uow),
        charging=charging,
        customers=customers,
        doctor=DoctorService(uow, gateway, clock=clock, settings=configured),
        limits=LimitService(uow, clock=clock),
        links=LinkService(uow, gateway, customers, clock=clock, public_url=configured.public_url),
        payment_methods=methods,
        refunds=RefundOrders(uow, users, refund_sender, clock=clock),
        refund_settling=refund_settling,
        returns=ReturnService(uow, refresher),
        runs=runs,
        search=search,
        settling=settling,
        sync=sync,
        users=users,
        verdicts=VerdictService(uow, gateway, users, settling, clock=clock),
        webhooks=webhooks,
    )
