"""Every service of a process and what it stands on, each built when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lib.bootstrap.once import once
from lib.clock import Clock
from lib.services.continuity.ownership import Ownership
from lib.services.continuity.restore import RestoreService
from lib.settings import Mode, Settings
from lib.store.folder_lock import FolderLock
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

if TYPE_CHECKING:
    from lib.bootstrap.incidents import IncidentServices
    from lib.bootstrap.messages import MessageServices
    from lib.bootstrap.runs import RunServices
    from lib.reports import Reports
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
    from lib.services.charges.resolve import ChargeResolver
    from lib.services.charges.send import ChargeSender
    from lib.services.collect.agreements import AgreementService
    from lib.services.collect.customers import CustomerService
    from lib.services.collect.holds import HoldService
    from lib.services.collect.language import CustomerLanguages
    from lib.services.collect.link_batches import LinkBatches
    from lib.services.collect.link_choices import LinkChoices
    from lib.services.collect.link_ends import LinkEnds
    from lib.services.collect.link_files import LinkFiles
    from lib.services.collect.links import LinkService
    from lib.services.collect.page_ends import PageEnds
    from lib.services.collect.payment_methods import PaymentMethodService
    from lib.services.collect.return_page import ReturnPageService
    from lib.services.collect.sender import SenderService
    from lib.services.continuity.backup import BackupService
    from lib.services.continuity.completeness import Completeness
    from lib.services.continuity.installations import InstallationService
    from lib.services.continuity.rebuild import RebuildService
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
    from lib.services.staff.account_changes import AccountChangeService
    from lib.services.staff.admin_proposals import AdminProposals
    from lib.services.staff.audit import AuditService
    from lib.services.staff.codes import Sealing
    from lib.services.staff.doctor import DoctorService
    from lib.services.staff.downloads import DownloadService
    from lib.services.staff.invitations import InvitationService
    from lib.services.staff.limits import LimitService
    from lib.services.staff.open_tabs import OpenTabs
    from lib.services.staff.preferences import Preferences
    from lib.services.staff.second_factors import SecondFactorService
    from lib.services.staff.sessions import SessionService
    from lib.services.staff.single_sign_on import SingleSignOn
    from lib.services.staff.users import UserService


def restore_service(configured: Settings, *, clock: Clock, lock: FolderLock) -> RestoreService:
    return RestoreService(
        configured.database,
        mode=configured.mode.value,
        backup_folder=configured.backup_dir,
        lock=lock,
        clock=clock,
        timezone=configured.timezone,
    )


class Services:
    """
    Over one database and one Stripe address.

    `uow`, `gateway` and the senders are what services stand on: for whoever starts or watches them,
    never for pages and commands.
    """

    def __init__(
        self,
        settings: Settings,
        address: Callable[[], str],
        *,
        clock: Clock,
        bcrypt_rounds: int | None,
        lock: FolderLock,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._bcrypt_rounds = bcrypt_rounds
        self._lock = lock
        self.uow = UnitOfWork(settings.database, clock=clock)
        self.gateway = StripeGateway(
            settings.stripe_secret_key,
            address,
            max_rps=settings.max_rps,
            total_rps=settings.total_rps,
            rebuild_rps=settings.rebuild_rps,
        )
        self.ownership = Ownership(self.uow, self.gateway)
        if settings.mode is not Mode.PRACTICE:
            # Practice Stripe lies in the same folder: there is no other account it could be.
            self.gateway.set_guard(self.ownership.verify)

    def count_reads(self) -> None:
        """Stripe allows so many reads a month: what this process read since the last time counts."""
        if self.gateway.reads:
            self.sync.count_reads()

    def close(self) -> None:
        """Close the connections that wait for work: the database is one file again."""
        self.uow.pool.close()

    @once
    def account_changes(self) -> AccountChangeService:
        from lib.services.staff.account_changes import AccountChangeService

        return AccountChangeService(self.uow, clock=self.clock)

    @once
    def account_files(self) -> AccountFiles:
        from lib.services.books.files import AccountFiles

        return AccountFiles(timezone=self.settings.timezone)

    @once
    def admin_proposals(self) -> AdminProposals:
        from lib.services.staff.admin_proposals import AdminProposals

        return AdminProposals(
            self.uow, self.users, self.invitations, self.single_sign_on, clock=self.clock
        )

    @once
    def agreements(self) -> AgreementService:
        from lib.services.collect.agreements import AgreementService

        return AgreementService(self.uow, self.senders, self.languages, clock=self.clock)

    @once
    def audit(self) -> AuditService:
        from lib.services.staff.audit import AuditService

        return AuditService(self.uow, clock=self.clock)

    @once
    def backups(self) -> BackupService:
        from lib.services.continuity.backup import BackupService

        return BackupService(
            self.uow,
            folder=self.settings.backup_dir,
            keep=self.settings.backup_keep,
            clock=self.clock,
        )

    @once
    def books(self) -> ChargeBooks:
        from lib.services.books.charges import ChargeBooks

        return ChargeBooks(
            self.uow,
            self.account_files,
            clock=self.clock,
            timezone=self.settings.timezone,
            public_url=self.settings.public_url,
        )

    @once
    def charge_resolver(self) -> ChargeResolver:
        from lib.services.charges.resend import ResendCheck
        from lib.services.charges.resolve import ChargeResolver

        return ChargeResolver(
            self.uow,
            self.gateway,
            self.charge_sender,
            ResendCheck(self.uow, self.completeness),
            clock=self.clock,
        )

    @once
    def charge_sender(self) -> ChargeSender:
        from lib.services.charges.send import ChargeSender

        return ChargeSender(self.uow, self.gateway, clock=self.clock)

    @once
    def charges(self) -> ChargeService:
        from lib.services.charges.charge import ChargeService
        from lib.services.charges.review import ReviewService

        return ChargeService(
            self.uow,
            ReviewService(
                self.uow,
                self.customers,
                self.payment_methods,
                clock=self.clock,
                public_url=self.settings.public_url,
            ),
            self.charge_sender,
            self.intent_canceller,
            self.completeness,
            clock=self.clock,
            livemode=self.settings.livemode,
            public_url=self.settings.public_url,
        )

    @once
    def completeness(self) -> Completeness:
        from lib.services.continuity.completeness import Completeness
        from lib.services.mirror.hold_search import HoldSearch
        from lib.services.mirror.incremental import IncrementalSync

        return Completeness(
            self.uow,
            self.gateway,
            IncrementalSync(
                self.uow, self.gateway, self._refetcher, self.webhooks, clock=self.clock
            ),
            HoldSearch(self.uow, self.gateway, self._refetcher),
            clock=self.clock,
        )

    @once
    def customers(self) -> CustomerService:
        from lib.services.collect.customers import CustomerService

        return CustomerService(self.uow, self.gateway, self._refetcher, clock=self.clock)

    @once
    def doctor(self) -> DoctorService:
        from lib.services.staff.doctor import DoctorService

        return DoctorService(
            self.uow,
            self.gateway,
            self.messages.mailer,
            clock=self.clock,
            settings=self.settings,
        )

    @once
    def downloads(self) -> DownloadService:
        from lib.services.staff.downloads import DownloadService

        return DownloadService(self.uow, self.users, self.sessions, clock=self.clock)

    @once
    def holds(self) -> HoldService:
        from lib.services.collect.holds import HoldService

        return HoldService(self.uow, self.gateway, self.customers, clock=self.clock)

    @once
    def incidents(self) -> IncidentServices:
        from lib.bootstrap.incidents import IncidentServices

        return IncidentServices(self)

    @once
    def installations(self) -> InstallationService:
        from lib.services.continuity.installations import InstallationService

        return InstallationService(self.uow, clock=self.clock)

    @once
    def intent_canceller(self) -> IntentCanceller:
        from lib.services.charges.cancel_intents import IntentCanceller

        return IntentCanceller(self.uow, self.gateway, clock=self.clock)

    @once
    def invitations(self) -> InvitationService:
        from lib.services.staff.invitations import InvitationService

        return InvitationService(
            self.uow, self.users, clock=self.clock, public_url=self.settings.public_url
        )

    @once
    def languages(self) -> CustomerLanguages:
        from lib.services.collect.language import CustomerLanguages

        return CustomerLanguages(self.uow, default=self.settings.language)

    @once
    def limits(self) -> LimitService:
        from lib.services.staff.limits import LimitService

        return LimitService(self.uow, clock=self.clock)

    @once
    def link_batches(self) -> LinkBatches:
        from lib.services.collect.batch_judge import BatchJudge
        from lib.services.collect.link_batches import LinkBatches

        return LinkBatches(
            self.uow,
            self.customers,
            BatchJudge(self.uow, self.customers, self.sync, clock=self.clock),
            clock=self.clock,
            public_url=self.settings.public_url,
        )

    @once
    def link_choices(self) -> LinkChoices:
        from lib.services.collect.link_choices import LinkChoices

        return LinkChoices(self.uow, self.link_batches, clock=self.clock)

    @once
    def link_ends(self) -> LinkEnds:
        from lib.services.collect.link_ends import LinkEnds

        return LinkEnds(self.uow, clock=self.clock)

    @once
    def page_ends(self) -> PageEnds:
        from lib.services.collect.page_ends import PageEnds

        return PageEnds(self.uow, self.gateway, clock=self.clock)

    @once
    def link_files(self) -> LinkFiles:
        from lib.services.collect.link_files import LinkFiles

        return LinkFiles(self.uow, self.link_batches, clock=self.clock)

    @once
    def links(self) -> LinkService:
        from lib.services.collect.links import LinkService

        return LinkService(
            self.uow,
            self.gateway,
            self.customers,
            agreements=self.agreements,
            languages=self.languages,
            clock=self.clock,
            public_url=self.settings.public_url,
        )

    @once
    def manual_outcomes(self) -> ManualOutcomeService:
        from lib.services.charges.manual_outcomes import ManualOutcomeService

        return ManualOutcomeService(
            self.uow, self.gateway, self.users, self.charge_resolver, clock=self.clock
        )

    @once
    def messages(self) -> MessageServices:
        from lib.bootstrap.messages import MessageServices

        return MessageServices(self)

    @once
    def month_end(self) -> MonthEnd:
        from lib.services.books.month_end import MonthEnd

        return MonthEnd(
            self.uow,
            self.runs.papers.newest,
            clock=self.clock,
            timezone=self.settings.timezone,
            public_url=self.settings.public_url,
        )

    @once
    def month_news(self) -> MonthNews:
        from lib.services.books.news import MonthNews

        return MonthNews(
            self.settlement,
            is_incomplete=self.sync.needs_backfill,
            sync=lambda by: self.sync.run_now(by=by).problems,
        )

    @once
    def months(self) -> MonthViews:
        from lib.services.books.month_view import MonthViews

        return MonthViews(self.uow, clock=self.clock, timezone=self.settings.timezone)

    @once
    def open_payments(self) -> OpenPayments:
        from lib.services.charges.cancel_open import OpenPayments

        return OpenPayments(
            self.uow, self.gateway, self.charge_resolver, self.completeness, clock=self.clock
        )

    @once
    def open_tabs(self) -> OpenTabs:
        from lib.services.staff.open_tabs import OpenTabs

        return OpenTabs()

    @once
    def payment_methods(self) -> PaymentMethodService:
        from lib.services.collect.payment_methods import PaymentMethodService

        return PaymentMethodService(
            self.uow, self.gateway, self._refetcher, self.customers, clock=self.clock
        )

    @once
    def persons(self) -> PersonService:
        from lib.services.protection.persons import PersonService

        return PersonService(
            self.uow,
            backup_folder=self.settings.backup_dir,
            keep=self.settings.backup_keep,
            clock=self.clock,
        )

    @once
    def preferences(self) -> Preferences:
        from lib.services.staff.preferences import Preferences

        return Preferences(self.uow)

    @once
    def rebuilds(self) -> RebuildService:
        from lib.services.continuity.rebuild import RebuildService

        return RebuildService(
            self.uow,
            self.gateway,
            self.sync,
            self.completeness,
            clock=self.clock,
            livemode=self.settings.livemode,
        )

    @once
    def refund_resolver(self) -> RefundResolver:
        from lib.services.refunds.resolve import RefundResolver

        return RefundResolver(
            self.uow, self.gateway, self._refund_sender, self.completeness, clock=self.clock
        )

    @once
    def refunds(self) -> RefundRequests:
        from lib.services.refunds.request import RefundRequests

        return RefundRequests(
            self.uow, self.users, self._refund_sender, self.completeness, clock=self.clock
        )

    @once
    def refunds_by_hand(self) -> RefundsByHand:
        from lib.services.refunds.settle_by_hand import RefundsByHand

        return RefundsByHand(
            self.uow,
            self.gateway,
            self.users,
            self.refund_resolver,
            self.completeness,
            clock=self.clock,
        )

    @once
    def reports(self) -> Reports:
        from lib.reports import Reports

        return Reports(self.uow.pool, clock=self.clock)

    @once
    def restores(self) -> RestoreService:
        return restore_service(self.settings, clock=self.clock, lock=self._lock)

    @once
    def retention(self) -> RetentionService:
        from lib.services.protection.retention import RetentionService

        return RetentionService(self.uow, self.persons, clock=self.clock)

    @once
    def return_page(self) -> ReturnPageService:
        from lib.services.collect.return_page import ReturnPageService

        return ReturnPageService(self.uow, self._refetcher, clock=self.clock)

    @once
    def runs(self) -> RunServices:
        from lib.bootstrap.runs import RunServices

        return RunServices(self)

    @once
    def search_index(self) -> SearchIndexService:
        from lib.services.mirror.search_index import SearchIndexService

        return SearchIndexService(self.uow)

    @once
    def second_factors(self) -> SecondFactorService:
        from lib.services.staff.second_factors import SecondFactorService

        return SecondFactorService(
            self.uow,
            self.users,
            clock=self.clock,
            sealing=self._sealing,
            livemode=self.settings.livemode,
            installation=f"Onfile {self.settings.company}".strip(),
        )

    @once
    def senders(self) -> SenderService:
        from lib.services.collect.sender import SenderService

        return SenderService(self.uow, company=self.settings.company, contact=self.settings.contact)

    @once
    def sessions(self) -> SessionService:
        from lib.services.staff.sessions import SessionService

        return SessionService(self.uow, clock=self.clock, settings=self.settings)

    @once
    def settlement(self) -> SettlementReader:
        from lib.services.books.settlement import SettlementReader

        return SettlementReader(self.uow, self.gateway, clock=self.clock)

    @once
    def single_sign_on(self) -> SingleSignOn:
        from lib.services.staff.single_sign_on import SingleSignOn

        return SingleSignOn(self.uow, self.users, clock=self.clock, provider=self.settings.provider)

    @once
    def stories(self) -> CustomerStories:
        from lib.services.books.customer_story import CustomerStories

        return CustomerStories(self.uow, clock=self.clock, timezone=self.settings.timezone)

    @once
    def sync(self) -> SyncService:
        from lib.services.mirror.sync import SyncService

        return SyncService(
            self.uow,
            self.gateway,
            self._refetcher,
            self.webhooks,
            self.search_index,
            clock=self.clock,
        )

    @once
    def users(self) -> UserService:
        from lib.services.staff.passwords import PRACTICE_ROUNDS, ROUNDS
        from lib.services.staff.users import UserService

        return UserService(
            self.uow,
            clock=self.clock,
            secret=self.settings.cookie_key,
            sealing=self._sealing,
            bcrypt_rounds=self._bcrypt_rounds
            or (PRACTICE_ROUNDS if self.settings.mode is Mode.PRACTICE else ROUNDS),
            livemode=self.settings.livemode,
            issuer=self.settings.provider.issuer if self.settings.provider else None,
        )

    @once
    def webhooks(self) -> WebhookService:
        from lib.services.mirror.webhooks import WebhookService

        return WebhookService(
            self.uow,
            self._refetcher,
            clock=self.clock,
            secrets=self.settings.webhook_secrets,
            livemode=self.settings.livemode,
        )

    @once
    def _refetcher(self) -> Refetcher:
        from lib.services.mirror.refetch import Refetcher

        return Refetcher(self.uow, self.gateway, clock=self.clock)

    @once
    def _refund_sender(self) -> RefundSender:
        from lib.services.refunds.send import RefundSender

        return RefundSender(self.uow, self.gateway, clock=self.clock)

    @once
    def _sealing(self) -> Sealing:
        from lib.services.staff.codes import Sealing

        return Sealing(self.settings.secret_key)
