"""The composition root: prepares the database and wires services, once per process."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.clock import Clock, epoch, utcnow
from lib.errors import OnfileError
from lib.mail.choice import mailer_for
from lib.services.books.charges import ChargeBooks
from lib.services.books.customer_story import CustomerStories
from lib.services.books.files import AccountFiles
from lib.services.books.month_end import MonthEnd
from lib.services.books.month_view import MonthViews
from lib.services.books.news import MonthNews
from lib.services.books.settlement import SettlementReader
from lib.services.charges.cancel_intents import IntentCanceller
from lib.services.charges.cancel_open import OpenPayments
from lib.services.charges.charge import ChargeService
from lib.services.charges.manual_outcomes import ManualOutcomeService
from lib.services.charges.resend import ResendCheck
from lib.services.charges.resolve import ChargeResolver
from lib.services.charges.review import ReviewService
from lib.services.charges.send import ChargeSender
from lib.services.collect.agreements import AgreementService
from lib.services.collect.batch_judge import BatchJudge
from lib.services.collect.customers import CustomerService
from lib.services.collect.holds import HoldService
from lib.services.collect.language import CustomerLanguages
from lib.services.collect.link_batches import LinkBatches
from lib.services.collect.link_choices import LinkChoices
from lib.services.collect.link_ends import LinkEnds
from lib.services.collect.link_files import LinkFiles
from lib.services.collect.links import LinkService
from lib.services.collect.payment_methods import PaymentMethodService
from lib.services.collect.return_page import ReturnPageService
from lib.services.collect.sender import SenderService
from lib.services.continuity.backup import BackupService
from lib.services.continuity.backup_files import file_name, take_copy
from lib.services.continuity.completeness import Completeness
from lib.services.continuity.installations import InstallationService
from lib.services.continuity.ownership import (
    Ownership,
    bind_to_mode,
    bind_to_timezone,
    doubt_without_anchor,
)
from lib.services.continuity.rebuild import RebuildService
from lib.services.continuity.restore import RestoreService, sweep_restoring
from lib.services.incidents import IncidentServices, incident_services
from lib.services.messages import MessageServices
from lib.services.messages.ask import MessageRequests
from lib.services.messages.compose import MessageComposer
from lib.services.messages.deliver import OutboxDelivery
from lib.services.messages.outbox import OutboxService
from lib.services.messages.rules import MessageRules
from lib.services.messages.templates import TemplateService
from lib.services.mirror.hold_search import HoldSearch
from lib.services.mirror.incremental import IncrementalSync
from lib.services.mirror.refetch import Refetcher
from lib.services.mirror.search_index import SearchIndexService
from lib.services.mirror.sync import SyncService
from lib.services.mirror.webhooks import WebhookService
from lib.services.protection.persons import PersonService
from lib.services.protection.retention import RetentionService
from lib.services.refunds.request import RefundRequests
from lib.services.refunds.resolve import RefundResolver
from lib.services.refunds.send import RefundSender
from lib.services.refunds.settle_by_hand import RefundsByHand
from lib.services.runs import RunServices
from lib.services.runs.approve import RunApprovals
from lib.services.runs.certificate import RunCertificates
from lib.services.runs.control import RunControl
from lib.services.runs.corrections import RunCorrections
from lib.services.runs.corrections_view import DraftViews
from lib.services.runs.draft import RunDrafts
from lib.services.runs.draft_links import DraftLinks
from lib.services.runs.execute import RunExecutor
from lib.services.runs.files import RunFiles
from lib.services.runs.new_cards import NewCardCharger
from lib.services.runs.newer_methods import NewerMethods
from lib.services.runs.outlook import RunOutlooks
from lib.services.runs.papers import RunPapers
from lib.services.runs.payments_at_stripe import PaymentsAtStripe
from lib.services.runs.retry_run import RetryRuns
from lib.services.runs.row_judge import RowJudge
from lib.services.runs.send_row import RowSender
from lib.services.runs.view import RunViews
from lib.services.runs.waiting_charges import WaitingCharges
from lib.services.staff.account_changes import AccountChangeService
from lib.services.staff.admin_proposals import AdminProposals
from lib.services.staff.audit import AuditService
from lib.services.staff.codes import Sealing
from lib.services.staff.doctor import DoctorService
from lib.services.staff.downloads import DownloadService
from lib.services.staff.invitations import InvitationService
from lib.services.staff.limits import LimitService
from lib.services.staff.passwords import PRACTICE_ROUNDS, ROUNDS
from lib.services.staff.preferences import Preferences
from lib.services.staff.second_factors import SecondFactorService
from lib.services.staff.sessions import SessionService
from lib.services.staff.users import UserService
from lib.settings import Mode, Settings, load_settings
from lib.store import erasure_file
from lib.store.anchor import Anchor
from lib.store.audit import AuditStore
from lib.store.connection import connect, write_transaction
from lib.store.folder_lock import FolderLock, one_at_a_time
from lib.store.meta import MetaStore
from lib.store.migrations import bring_up_to_date, is_older
from lib.store.private_files import close_to_others, make_private
from lib.store.trouble import told_at_start
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
    account_changes: AccountChangeService
    admin_proposals: AdminProposals
    agreements: AgreementService
    audit: AuditService
    completeness: Completeness
    installations: InstallationService
    rebuilds: RebuildService
    backups: BackupService
    account_files: AccountFiles
    books: ChargeBooks
    charge_resolver: ChargeResolver
    charges: ChargeService
    customers: CustomerService
    doctor: DoctorService
    downloads: DownloadService
    holds: HoldService
    incidents: IncidentServices
    invitations: InvitationService
    languages: CustomerLanguages
    limits: LimitService
    link_batches: LinkBatches
    link_choices: LinkChoices
    link_ends: LinkEnds
    link_files: LinkFiles
    links: LinkService
    manual_outcomes: ManualOutcomeService
    messages: MessageServices
    open_payments: OpenPayments
    month_end: MonthEnd
    month_news: MonthNews
    months: MonthViews
    ownership: Ownership
    payment_methods: PaymentMethodService
    persons: PersonService
    refunds: RefundRequests
    refund_resolver: RefundResolver
    refunds_by_hand: RefundsByHand
    return_page: ReturnPageService
    restores: RestoreService
    retention: RetentionService
    runs: RunServices
    search_index: SearchIndexService
    second_factors: SecondFactorService
    senders: SenderService
    sessions: SessionService
    settlement: SettlementReader
    stories: CustomerStories
    sync: SyncService
    preferences: Preferences
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
    make_private()
    configured = load_settings(ROOT)
    close_to_others(configured.data_dir, configured.backup_dir)
    return configured


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
    lock = FolderLock(configured.data_dir)
    try:
        with told_at_start(configured.data_dir):
            configured.data_dir.mkdir(parents=True, exist_ok=True)
            lock.share()
            sweep_restoring(configured.database)
            migrate(configured)
    except OnfileError:
        lock.release()
        raise
    if configured.mode is Mode.PRACTICE:
        return build_services(configured, clock=utcnow, api_base=_practice_address, lock=lock)
    return build_services(configured, clock=utcnow, lock=lock)


def restores() -> RestoreService:
    """Alone, for a database over which no services can be built."""
    configured = settings()
    return _restores(configured, clock=utcnow, lock=FolderLock(configured.data_dir))


def _restores(configured: Settings, *, clock: Clock, lock: FolderLock) -> RestoreService:
    return RestoreService(
        configured.database,
        mode=configured.mode.value,
        backup_folder=configured.backup_dir,
        lock=lock,
        clock=clock,
        timezone=configured.timezone,
    )


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
        SettingsError: the database belongs to another mode (rows of two accounts must never mix).
        UnusableDatabase: it was made before the first release or by a newer Onfile, or is damaged.
        BackupFailed: a newer schema waits, and the copy that is made before could not be made.
        sqlite3.Error: it cannot be used just now.
    """
    configured.data_dir.mkdir(parents=True, exist_ok=True)
    # Of two that start together after an upgrade the second waits, and finds it done.
    with one_at_a_time(configured.data_dir):
        _migrate(configured)


def _migrate(configured: Settings) -> None:
    database = connect(configured.database)
    try:
        database.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA foreign_keys = OFF")
        older = is_older(database)
        if older:
            now = epoch(utcnow())
            target = configured.backup_dir / file_name(now, why="-before-upgrade")
            take_copy(configured.database, target, now=now)
        bring_up_to_date(database)
        meta = MetaStore(database)
        bind_to_mode(meta, configured.mode.value)
        with write_transaction(database):
            if not older:
                doubt_without_anchor(
                    meta, AuditStore(database), Anchor(configured.database), now=epoch(utcnow())
                )
            bind_to_timezone(meta, AuditStore(database), configured.timezone, now=epoch(utcnow()))
        # A copy that was put back by hand knows nothing of who was erased since.
        erasure_file.reconcile(database, (configured.data_dir, configured.backup_dir))
    finally:
        database.close()


def build_services(
    configured: Settings,
    *,
    clock: Clock,
    api_base: str | Callable[[], str] | None = None,
    bcrypt_rounds: int | None = None,
    lock: FolderLock | None = None,
) -> Services:
    """Over one database and one Stripe address; a function is called with the first request."""

    def address() -> str:
        base = api_base() if callable(api_base) else api_base
        return base or configured.stripe_api_base

    uow = UnitOfWork(configured.database, clock=clock)
    gateway = StripeGateway(
        configured.stripe_secret_key,
        address,
        max_rps=configured.max_rps,
        total_rps=configured.total_rps,
        rebuild_rps=configured.rebuild_rps,
    )
    ownership = Ownership(uow, gateway)
    if configured.mode is not Mode.PRACTICE:
        # Practice Stripe lies in the same folder: there is no other account it could be.
        gateway.set_guard(ownership.verify)
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
        uow,
        gateway,
        IncrementalSync(uow, gateway, refetcher, webhooks, clock=clock),
        HoldSearch(uow, gateway, refetcher),
        clock=clock,
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
    charge_resolver = ChargeResolver(
        uow, gateway, sender, ResendCheck(uow, completeness), clock=clock
    )
    sealing = Sealing(configured.secret_key)
    users = UserService(
        uow,
        clock=clock,
        secret=configured.cookie_key,
        sealing=sealing,
        bcrypt_rounds=bcrypt_rounds
        or (PRACTICE_ROUNDS if configured.mode is Mode.PRACTICE else ROUNDS),
        livemode=configured.livemode,
    )
    invitations = InvitationService(uow, users, clock=clock, public_url=configured.public_url)
    sessions = SessionService(uow, clock=clock, settings=configured)
    refund_sender = RefundSender(uow, gateway, clock=clock)
    refunds = RefundRequests(uow, users, refund_sender, completeness, clock=clock)
    refund_resolver = RefundResolver(uow, gateway, refund_sender, completeness, clock=clock)
    search_index = SearchIndexService(uow)
    settlement = SettlementReader(uow, gateway, clock=clock)
    sync = SyncService(uow, gateway, refetcher, webhooks, search_index, clock=clock)
    judge = RowJudge(
        uow,
        customers,
        methods,
        sync,
        clock=clock,
        statement_prefix=lambda: gateway.account().statement_prefix,
    )
    corrections = RunCorrections(uow, judge, clock=clock)
    drafts = RunDrafts(uow, judge, clock=clock, livemode=configured.livemode)
    senders = SenderService(uow, company=configured.company, contact=configured.contact)
    languages = CustomerLanguages(uow, default=configured.language)
    agreements = AgreementService(uow, senders, languages, clock=clock)
    links = LinkService(
        uow,
        gateway,
        customers,
        agreements=agreements,
        clock=clock,
        public_url=configured.public_url,
    )
    link_batches = LinkBatches(
        uow,
        customers,
        BatchJudge(uow, customers, sync, clock=clock),
        clock=clock,
        public_url=configured.public_url,
    )
    composer = MessageComposer(
        uow,
        senders,
        languages,
        clock=clock,
        public_url=configured.public_url,
        timezone=configured.timezone,
    )
    views = RunViews(
        uow,
        composer,
        clock=clock,
        public_url=configured.public_url,
        timezone=configured.timezone,
    )
    mailer = mailer_for(configured.smtp_url, is_practice=configured.mode is Mode.PRACTICE)
    requests = MessageRequests(uow, composer, clock=clock, can_send=mailer is not None)
    rows = RowSender(uow, sender, canceller, clock=clock, livemode=configured.livemode)
    certificates = RunCertificates(
        uow, PaymentsAtStripe(gateway, clock=clock), completeness, clock=clock
    )
    runs = RunServices(
        approvals=RunApprovals(uow, users, clock=clock),
        certificates=certificates,
        control=RunControl(uow, clock=clock),
        corrections=corrections,
        draft_links=DraftLinks(uow, links),
        draft_views=DraftViews(uow, clock=clock),
        drafts=drafts,
        executor=RunExecutor(uow, rows, charge_resolver, completeness, clock=clock),
        files=RunFiles(uow, drafts, views, clock=clock),
        new_cards=NewCardCharger(uow, charges, completeness, clock=clock),
        newer_methods=NewerMethods(uow, corrections, clock=clock),
        outlooks=RunOutlooks(uow, clock=clock),
        papers=RunPapers(uow, views, certificates, timezone=configured.timezone),
        retry_runs=RetryRuns(uow, drafts, views, clock=clock),
        views=views,
        waiting_charges=WaitingCharges(uow, clock=clock),
    )
    account_files = AccountFiles(timezone=configured.timezone)
    persons = PersonService(
        uow, backup_folder=configured.backup_dir, keep=configured.backup_keep, clock=clock
    )
    return Services(
        settings=configured,
        clock=clock,
        uow=uow,
        gateway=gateway,
        account_changes=AccountChangeService(uow, clock=clock),
        admin_proposals=AdminProposals(uow, users, invitations, clock=clock),
        agreements=agreements,
        audit=AuditService(uow, clock=clock),
        completeness=completeness,
        installations=InstallationService(uow, clock=clock),
        rebuilds=RebuildService(uow, gateway, sync, clock=clock, livemode=configured.livemode),
        backups=BackupService(
            uow, folder=configured.backup_dir, keep=configured.backup_keep, clock=clock
        ),
        account_files=account_files,
        books=ChargeBooks(
            uow,
            account_files,
            clock=clock,
            timezone=configured.timezone,
            public_url=configured.public_url,
        ),
        charge_resolver=charge_resolver,
        charges=charges,
        customers=customers,
        downloads=DownloadService(uow, users, sessions, clock=clock),
        doctor=DoctorService(uow, gateway, clock=clock, settings=configured),
        holds=HoldService(uow, gateway, customers, clock=clock),
        incidents=incident_services(
            uow, gateway, users, refunds, clock=clock, livemode=configured.livemode
        ),
        invitations=invitations,
        languages=languages,
        limits=LimitService(uow, clock=clock),
        link_batches=link_batches,
        link_choices=LinkChoices(uow, link_batches, clock=clock),
        link_ends=LinkEnds(uow, clock=clock),
        link_files=LinkFiles(uow, link_batches, clock=clock),
        links=links,
        open_payments=OpenPayments(uow, gateway, charge_resolver, completeness, clock=clock),
        manual_outcomes=ManualOutcomeService(uow, gateway, users, charge_resolver, clock=clock),
        messages=MessageServices(
            composer=composer,
            delivery=OutboxDelivery(
                uow,
                mailer,
                completeness,
                senders,
                composer,
                clock=clock,
                folder=configured.data_dir,
                mail_from=configured.mail_from or "practice@onfile.test",
                per_minute=configured.mail_per_minute,
            ),
            outbox=OutboxService(uow, clock=clock),
            requests=requests,
            rules=MessageRules(uow, requests, clock=clock),
            templates=TemplateService(uow, composer, clock=clock),
        ),
        month_end=MonthEnd(
            uow,
            runs.papers.newest,
            clock=clock,
            timezone=configured.timezone,
            public_url=configured.public_url,
        ),
        month_news=MonthNews(
            settlement,
            is_incomplete=sync.needs_backfill,
            sync=lambda by: sync.run_now(by=by).problems,
        ),
        months=MonthViews(uow, clock=clock, timezone=configured.timezone),
        ownership=ownership,
        payment_methods=methods,
        persons=persons,
        refunds=refunds,
        refund_resolver=refund_resolver,
        refunds_by_hand=RefundsByHand(
            uow, gateway, users, refund_resolver, completeness, clock=clock
        ),
        return_page=ReturnPageService(uow, refetcher),
        restores=_restores(configured, clock=clock, lock=lock or FolderLock(configured.data_dir)),
        retention=RetentionService(uow, persons, clock=clock),
        runs=runs,
        search_index=search_index,
        second_factors=SecondFactorService(
            uow,
            users,
            clock=clock,
            sealing=sealing,
            livemode=configured.livemode,
            installation=f"Onfile {configured.company}".strip(),
        ),
        senders=senders,
        sessions=sessions,
        settlement=settlement,
        stories=CustomerStories(uow, clock=clock, timezone=configured.timezone),
        sync=sync,
        preferences=Preferences(uow),
        users=users,
        webhooks=webhooks,
    )
