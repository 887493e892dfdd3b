"""The stores of one unit of work, each loaded and made when it is first asked for: a unit uses a few of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from sqlite_utils import Database

if TYPE_CHECKING:
    from lib.store.account_changes import AccountChangeStore
    from lib.store.admin_proposals import AdminProposalStore
    from lib.store.adoptions import AdoptionStore
    from lib.store.agreements import AgreementStore
    from lib.store.announcements import AnnouncementStore
    from lib.store.audit import AuditStore
    from lib.store.backups import BackupStore
    from lib.store.certificates import CertificateStore
    from lib.store.charge_sums import ChargeSumStore
    from lib.store.charges import ChargeStore
    from lib.store.closings import ClosingStore
    from lib.store.confirmations import ConfirmationStore
    from lib.store.corrections import CorrectionStore
    from lib.store.customer_story import StoryStore
    from lib.store.deliveries import DeliveryStore
    from lib.store.erasures import ErasureStore
    from lib.store.history import HistoryStore
    from lib.store.holds import HoldStore
    from lib.store.identities import IdentityStore
    from lib.store.incidents import IncidentStore
    from lib.store.invitations import InvitationStore
    from lib.store.jobs import JobStore
    from lib.store.journal import JournalStore
    from lib.store.limits import LimitStore
    from lib.store.link_batches import LinkBatchStore
    from lib.store.link_choices import LinkChoiceStore
    from lib.store.link_sessions import LinkSessionStore
    from lib.store.links import LinkStore
    from lib.store.manual_outcomes import ManualOutcomeStore
    from lib.store.marks import MarkStore
    from lib.store.message_rules import MessageRuleStore
    from lib.store.message_templates import MessageTemplateStore
    from lib.store.meta import MetaStore
    from lib.store.mirror import MirrorStore
    from lib.store.new_cards import NewCardStore
    from lib.store.outbox import OutboxStore
    from lib.store.page_ends import PageEndStore
    from lib.store.payments import PaymentStore
    from lib.store.personal import PersonalStore
    from lib.store.preflight import PreflightStore
    from lib.store.refund_outcomes import RefundOutcomeStore
    from lib.store.refunds import RefundStore
    from lib.store.requests import RequestStore
    from lib.store.retention import RetentionStore
    from lib.store.run_decisions import RunDecisionStore
    from lib.store.run_rows import RunRowStore
    from lib.store.runs import RunStore
    from lib.store.search import SearchStore
    from lib.store.second_factors import SecondFactorStore
    from lib.store.settlement import SettlementStore
    from lib.store.sign_in_failures import SignInFailureStore
    from lib.store.staff_sessions import StaffSessionStore
    from lib.store.sync_state import SyncStore
    from lib.store.twins import TwinStore
    from lib.store.users import UserStore
    from lib.store.verification import CompareStore
    from lib.store.waiting_charges import WaitingChargeStore


class Stores:
    """For whoever holds the connection and its transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    def now_ms(self) -> int:
        """By this process's clock, as SQL's `now_ms()`."""
        return int(self.database.execute("SELECT now_ms()").fetchone()[0])

    @cached_property
    def account_changes(self) -> AccountChangeStore:
        from lib.store.account_changes import AccountChangeStore

        return AccountChangeStore(self.database)

    @cached_property
    def admin_proposals(self) -> AdminProposalStore:
        from lib.store.admin_proposals import AdminProposalStore

        return AdminProposalStore(self.database)

    @cached_property
    def adoptions(self) -> AdoptionStore:
        from lib.store.adoptions import AdoptionStore

        return AdoptionStore(self.database)

    @cached_property
    def agreements(self) -> AgreementStore:
        from lib.store.agreements import AgreementStore

        return AgreementStore(self.database)

    @cached_property
    def announcements(self) -> AnnouncementStore:
        from lib.store.announcements import AnnouncementStore

        return AnnouncementStore(self.database)

    @cached_property
    def audit(self) -> AuditStore:
        from lib.store.audit import AuditStore

        return AuditStore(self.database)

    @cached_property
    def backups(self) -> BackupStore:
        from lib.store.backups import BackupStore

        return BackupStore(self.database)

    @cached_property
    def certificates(self) -> CertificateStore:
        from lib.store.certificates import CertificateStore

        return CertificateStore(self.database)

    @cached_property
    def charge_sums(self) -> ChargeSumStore:
        from lib.store.charge_sums import ChargeSumStore

        return ChargeSumStore(self.database)

    @cached_property
    def charges(self) -> ChargeStore:
        from lib.store.charges import ChargeStore

        return ChargeStore(self.database)

    @cached_property
    def closings(self) -> ClosingStore:
        from lib.store.closings import ClosingStore

        return ClosingStore(self.database)

    @cached_property
    def comparing(self) -> CompareStore:
        from lib.store.verification import CompareStore

        return CompareStore(self.database)

    @cached_property
    def confirmations(self) -> ConfirmationStore:
        from lib.store.confirmations import ConfirmationStore

        return ConfirmationStore(self.database)

    @cached_property
    def corrections(self) -> CorrectionStore:
        from lib.store.corrections import CorrectionStore

        return CorrectionStore(self.database)

    @cached_property
    def deliveries(self) -> DeliveryStore:
        from lib.store.deliveries import DeliveryStore

        return DeliveryStore(self.database)

    @cached_property
    def erasures(self) -> ErasureStore:
        from lib.store.erasures import ErasureStore

        return ErasureStore(self.database)

    @cached_property
    def history(self) -> HistoryStore:
        from lib.store.history import HistoryStore

        return HistoryStore(self.database)

    @cached_property
    def holds(self) -> HoldStore:
        from lib.store.holds import HoldStore

        return HoldStore(self.database)

    @cached_property
    def identities(self) -> IdentityStore:
        from lib.store.identities import IdentityStore

        return IdentityStore(self.database)

    @cached_property
    def incidents(self) -> IncidentStore:
        from lib.store.incidents import IncidentStore

        return IncidentStore(self.database)

    @cached_property
    def invitations(self) -> InvitationStore:
        from lib.store.invitations import InvitationStore

        return InvitationStore(self.database)

    @cached_property
    def jobs(self) -> JobStore:
        from lib.store.jobs import JobStore

        return JobStore(self.database)

    @cached_property
    def journal(self) -> JournalStore:
        from lib.store.journal import JournalStore

        return JournalStore(self.database)

    @cached_property
    def limits(self) -> LimitStore:
        from lib.store.limits import LimitStore

        return LimitStore(self.database)

    @cached_property
    def link_batches(self) -> LinkBatchStore:
        from lib.store.link_batches import LinkBatchStore

        return LinkBatchStore(self.database)

    @cached_property
    def link_choices(self) -> LinkChoiceStore:
        from lib.store.link_choices import LinkChoiceStore

        return LinkChoiceStore(self.database)

    @cached_property
    def link_sessions(self) -> LinkSessionStore:
        from lib.store.link_sessions import LinkSessionStore

        return LinkSessionStore(self.database)

    @cached_property
    def links(self) -> LinkStore:
        from lib.store.links import LinkStore

        return LinkStore(self.database)

    @cached_property
    def manual_outcomes(self) -> ManualOutcomeStore:
        from lib.store.manual_outcomes import ManualOutcomeStore

        return ManualOutcomeStore(self.database)

    @cached_property
    def marks(self) -> MarkStore:
        from lib.store.marks import MarkStore

        return MarkStore(self.database)

    @cached_property
    def message_rules(self) -> MessageRuleStore:
        from lib.store.message_rules import MessageRuleStore

        return MessageRuleStore(self.database)

    @cached_property
    def message_templates(self) -> MessageTemplateStore:
        from lib.store.message_templates import MessageTemplateStore

        return MessageTemplateStore(self.database)

    @cached_property
    def meta(self) -> MetaStore:
        from lib.store.meta import MetaStore

        return MetaStore(self.database)

    @cached_property
    def mirror(self) -> MirrorStore:
        from lib.store.mirror import MirrorStore

        return MirrorStore(self.database)

    @cached_property
    def new_cards(self) -> NewCardStore:
        from lib.store.new_cards import NewCardStore

        return NewCardStore(self.database)

    @cached_property
    def outbox(self) -> OutboxStore:
        from lib.store.outbox import OutboxStore

        return OutboxStore(self.database)

    @cached_property
    def page_ends(self) -> PageEndStore:
        from lib.store.page_ends import PageEndStore

        return PageEndStore(self.database)

    @cached_property
    def payments(self) -> PaymentStore:
        from lib.store.payments import PaymentStore

        return PaymentStore(self.database)

    @cached_property
    def personal(self) -> PersonalStore:
        from lib.store.personal import PersonalStore

        return PersonalStore(self.database)

    @cached_property
    def preflight(self) -> PreflightStore:
        from lib.store.preflight import PreflightStore

        return PreflightStore(self.database)

    @cached_property
    def refund_outcomes(self) -> RefundOutcomeStore:
        from lib.store.refund_outcomes import RefundOutcomeStore

        return RefundOutcomeStore(self.database)

    @cached_property
    def refunds(self) -> RefundStore:
        from lib.store.refunds import RefundStore

        return RefundStore(self.database)

    @cached_property
    def requests(self) -> RequestStore:
        from lib.store.requests import RequestStore

        return RequestStore(self.database)

    @cached_property
    def retention(self) -> RetentionStore:
        from lib.store.retention import RetentionStore

        return RetentionStore(self.database)

    @cached_property
    def run_decisions(self) -> RunDecisionStore:
        from lib.store.run_decisions import RunDecisionStore

        return RunDecisionStore(self.database)

    @cached_property
    def run_rows(self) -> RunRowStore:
        from lib.store.run_rows import RunRowStore

        return RunRowStore(self.database)

    @cached_property
    def runs(self) -> RunStore:
        from lib.store.runs import RunStore

        return RunStore(self.database)

    @cached_property
    def search(self) -> SearchStore:
        from lib.store.search import SearchStore

        return SearchStore(self.database)

    @cached_property
    def second_factors(self) -> SecondFactorStore:
        from lib.store.second_factors import SecondFactorStore

        return SecondFactorStore(self.database)

    @cached_property
    def settlement(self) -> SettlementStore:
        from lib.store.settlement import SettlementStore

        return SettlementStore(self.database)

    @cached_property
    def sign_in_failures(self) -> SignInFailureStore:
        from lib.store.sign_in_failures import SignInFailureStore

        return SignInFailureStore(self.database)

    @cached_property
    def staff_sessions(self) -> StaffSessionStore:
        from lib.store.staff_sessions import StaffSessionStore

        return StaffSessionStore(self.database)

    @cached_property
    def story(self) -> StoryStore:
        from lib.store.customer_story import StoryStore

        return StoryStore(self.database)

    @cached_property
    def sync(self) -> SyncStore:
        from lib.store.sync_state import SyncStore

        return SyncStore(self.database)

    @cached_property
    def twins(self) -> TwinStore:
        from lib.store.twins import TwinStore

        return TwinStore(self.database)

    @cached_property
    def users(self) -> UserStore:
        from lib.store.users import UserStore

        return UserStore(self.database)

    @cached_property
    def waiting_charges(self) -> WaitingChargeStore:
        from lib.store.waiting_charges import WaitingChargeStore

        return WaitingChargeStore(self.database)
