"""The composition root: prepares the database and wires services, once per process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.clock import Clock, epoch, utcnow
from lib.errors import SettingsError
from lib.services.charges.cancel_intents import IntentCanceller
from lib.services.charges.charge import ChargeService
from lib.services.charges.manual_outcomes import ManualOutcomeService
from lib.services.charges.resolve import ChargeResolver
from lib.services.charges.review import ReviewService
from lib.services.charges.send import ChargeSender
from lib.services.collect.customers import CustomerService
from lib.services.collect.links import LinkService
from lib.services.collect.payment_methods import PaymentMethodService
from lib.services.collect.return_page import ReturnPageService
from lib.services.continuity.backup import BackupService, file_name, take_copy
from lib.services.continuity.completeness import Completeness
from lib.services.continuity.ownership import Ownership, bind_to_mode
from lib.services.continuity.rebuild import RebuildService
from lib.services.continuity.restore import RestoreService
from lib.services.mirror.incremental import IncrementalSync
from lib.services.mirror.refetch import Refetcher
from lib.services.mirror.search_index import SearchIndexService
from lib.services.mirror.sync import SyncService
from lib.services.mirror.webhooks import WebhookService
from lib.services.refunds.request import RefundRequests
from lib.services.refunds.resolve import RefundResolver
from lib.services.refunds.send import RefundSender
from lib.services.runs import RunServices
from lib.services.runs.approve import RunApprovals
from lib.services.runs.certificate import RunCertificates
from lib.services.runs.control import RunControl
from lib.services.runs.draft import RunDrafts
from lib.services.runs.execute import RunExecutor
from lib.services.runs.files import RunFiles
from lib.services.runs.new_cards import NewCardCharger
from lib.services.runs.outlook import RunOutlooks
from lib.services.runs.retry_run import RetryRuns
from lib.services.runs.send_row import RowSender
from lib.services.runs.view import RunViews
from lib.services.staff.audit import AuditService
from lib.services.staff.doctor import DoctorService
from lib.services.staff.limits import LimitService
from lib.services.staff.users import UserService
from lib.settings import Mode, Settings, load_settings
from lib.store.connection import connect
from lib.store.folder_lock import FolderLock
from lib.store.meta import MetaStore
from lib.store.migrations import bring_up_to_date, is_older
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

if TYPE_CHECKING:
    from lib.practice.engine import PracticeStripe
    from lib.reports import Reports

ROOT = Path(__file__).resolve().parent.parent
# A page of a hundred sessions touches some hundred leaves of each index over random ids, and each is
# written whole: 4 kB pages took 17.9 ms CPU at 50 000 sessions, 16 kB ones 21.5, and ever more later.
_PAGE_SIZE = 4_096


@dataclass(frozen=True)
class Services:
    settings: Settings
    clock: Clock
    # What the services stand on: for whoever starts or watches them, never for pages and commands.
    uow: UnitOfWork
    gateway: StripeGateway
    audit: AuditService
    completeness: Completeness
    rebuilds: RebuildService
    backups: BackupService
    charge_resolver: ChargeResolver
    charges: ChargeService
    customers: CustomerService
    doctor: DoctorService
    limits: LimitService
    links: LinkService
    manual_outcomes: ManualOutcomeService
    payment_methods: PaymentMethodService
    refunds: RefundRequests
    refund_resolver: RefundResolver
    return_page: ReturnPageService
    restores: RestoreService
    runs: RunServices
    search_index: SearchIndexService
    sync: SyncService
    users: UserService
    webhooks: WebhookService

    @functools.cached_property
    def reports(self) -> Reports:
        """Loaded when a page first asks: pandas takes longer than most commands."""
        from lib.reports import Reports

        return Reports(self.uow.pool, clock=self.clock)

    def close(self) -> None:
        """Close the connections that wait for work: the database is one file again."""
        self.uow.pool.close()


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
    configured.data_dir.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(configured.data_dir)
    lock.share()
    migrate(configured)
    if configured.mode is Mode.PRACTICE:
        return build_services(configured, clock=utcnow, api_base=_practice_address, lock=lock)
    return build_services(configured, clock=utcnow, lock=lock)


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
        if is_older(database):
            now = epoch(utcnow())
            target = configured.backup_dir / file_name(now, why="-before-upgrade")
            take_copy(configured.database, target, now=now)
        bring_up_to_date(database)
        broken = list(database.query("PRAGMA foreign_key_check"))
        if broken:
            raise SettingsError(f"onfile.db has rows that point nowhere: {broken[:3]}")
        bind_to_mode(MetaStore(database), configured.mode.value, configured.timezone)
    finally:
        database.close()


def build_services(
    configured: Settings,
    *,
    clock: Clock,
    api_base: str | Callable[[], str] | None = None,
    bcrypt_rounds: int = 12,
    lock: FolderLock | None = None,
) -> Services:
    """Over one database and one Stripe address; a function is called with the first request."""

    def address() -> str:
        base = api_base() if callable(api_base) else api_base
        return base or configured.stripe_api_base

    uow = UnitOfWork(configured.database)
    gateway = StripeGateway(
        configured.stripe_secret_key,
        address,
        max_rps=configured.max_rps,
        total_rps=configured.total_rps,
    )
    if configured.mode is not Mode.PRACTICE:
        # Practice Stripe lies in the same folder: there is no other account it could be.
        gateway.set_guard(Ownership(uow, gateway).verify)
    refetcher = Refetcher(uow, gateway, clock=clock)
    customers = CustomerService(uow, gateway, refetcher, clock=clock)
    methods = PaymentMethodService(uow, gateway, refetcher, customers, clock=clock)
    webhooks = WebhookService(
        uow,
        refetcher,
        clock=clock,
        secrets=configured.webhook_secrets,
        livemode=configured.livemode,
    )
    completeness = Completeness(
        uow, gateway, IncrementalSync(uow, gateway, refetcher, webhooks, clock=clock), clock=clock
    )
    sender = ChargeSender(uow, gateway, clock=clock)
    canceller = IntentCanceller(uow, gateway, clock=clock)
    reviews = ReviewService(uow, customers, methods, clock=clock, public_url=configured.public_url)
    charges = ChargeService(
        uow,
        reviews,
        sender,
        canceller,
        completeness,
        clock=clock,
        livemode=configured.livemode,
        public_url=configured.public_url,
    )
    charge_resolver = ChargeResolver(uow, gateway, sender, clock=clock)
    users = UserService(uow, clock=clock, bcrypt_rounds=bcrypt_rounds)
    refund_sender = RefundSender(uow, gateway, clock=clock)
    refund_resolver = RefundResolver(uow, gateway, refund_sender, clock=clock)
    search_index = SearchIndexService(uow)
    sync = SyncService(uow, gateway, refetcher, webhooks, search_index, clock=clock)
    drafts = RunDrafts(
        uow,
        customers,
        methods,
        sync,
        clock=clock,
        livemode=configured.livemode,
        statement_prefix=gateway.statement_prefix,
    )
    views = RunViews(uow, clock=clock, public_url=configured.public_url)
    rows = RowSender(uow, sender, canceller, clock=clock, livemode=configured.livemode)
    runs = RunServices(
        approvals=RunApprovals(uow, users, clock=clock),
        certificates=RunCertificates(uow, gateway, clock=clock),
        control=RunControl(uow, clock=clock),
        drafts=drafts,
        executor=RunExecutor(uow, rows, charge_resolver, completeness, clock=clock),
        files=RunFiles(uow, drafts, views, clock=clock),
        new_cards=NewCardCharger(uow, charges, completeness, clock=clock),
        outlooks=RunOutlooks(uow, clock=clock),
        retry_runs=RetryRuns(uow, drafts, views, clock=clock),
        views=views,
    )
    return Services(
        settings=configured,
        clock=clock,
        uow=uow,
        gateway=gateway,
        audit=AuditService(uow, clock=clock),
        completeness=completeness,
        rebuilds=RebuildService(uow, sync, clock=clock, livemode=configured.livemode),
        backups=BackupService(
            uow, folder=configured.backup_dir, keep=configured.backup_keep, clock=clock
        ),
        charge_resolver=charge_resolver,
        charges=charges,
        customers=customers,
        doctor=DoctorService(uow, gateway, clock=clock, settings=configured),
        limits=LimitService(uow, clock=clock),
        links=LinkService(uow, gateway, customers, clock=clock, public_url=configured.public_url),
        manual_outcomes=ManualOutcomeService(uow, gateway, users, charge_resolver, clock=clock),
        payment_methods=methods,
        refunds=RefundRequests(uow, users, refund_sender, clock=clock),
        refund_resolver=refund_resolver,
        return_page=ReturnPageService(uow, refetcher),
        restores=RestoreService(
            configured.database,
            mode=configured.mode.value,
            backup_folder=configured.backup_dir,
            lock=lock or FolderLock(configured.data_dir),
            clock=clock,
        ),
        runs=runs,
        search_index=search_index,
        sync=sync,
        users=users,
        webhooks=webhooks,
    )
