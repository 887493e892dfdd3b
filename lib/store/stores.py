"""The stores of one unit of work, each loaded and made when it is first asked for: a unit uses a few of them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


class _LazyStore:
    """Like `functools.cached_property`, of a class whose module is loaded with it."""

    def __init__(self, module: str, kind: str) -> None:
        self._module = module
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, stores: Stores, owner: type) -> object:
        kind = getattr(import_module(f"lib.store.{self._module}"), self._kind)
        # From now on the attribute of the object is found first.
        made = stores.__dict__[self._name] = kind(stores.database)
        return made


def _store(module: str, kind: str) -> Any:  # noqa: ANN401 - the annotation beside it says which
    return _LazyStore(module, kind)


class Stores:
    """For whoever holds the connection and its transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    def now_ms(self) -> int:
        """By this process's clock, as SQL's `now_ms()`."""
        return int(self.database.execute("SELECT now_ms()").fetchone()[0])

    account_changes: AccountChangeStore = _store("account_changes", "AccountChangeStore")
    admin_proposals: AdminProposalStore = _store("admin_proposals", "AdminProposalStore")
    adoptions: AdoptionStore = _store("adoptions", "AdoptionStore")
    agreements: AgreementStore = _store("agreements", "AgreementStore")
    announcements: AnnouncementStore = _store("announcements", "AnnouncementStore")
    audit: AuditStore = _store("audit", "AuditStore")
    backups: BackupStore = _store("backups", "BackupStore")
    certificates: CertificateStore = _store("certificates", "CertificateStore")
    charge_sums: ChargeSumStore = _store("charge_sums", "ChargeSumStore")
    charges: ChargeStore = _store("charges", "ChargeStore")
    closings: ClosingStore = _store("closings", "ClosingStore")
    comparing: CompareStore = _store("verification", "CompareStore")
    confirmations: ConfirmationStore = _store("confirmations", "ConfirmationStore")
    corrections: CorrectionStore = _store("corrections", "CorrectionStore")
    deliveries: DeliveryStore = _store("deliveries", "DeliveryStore")
    erasures: ErasureStore = _store("erasures", "ErasureStore")
    history: HistoryStore = _store("history", "HistoryStore")
    holds: HoldStore = _store("holds", "HoldStore")
    identities: IdentityStore = _store("identities", "IdentityStore")
    incidents: IncidentStore = _store("incidents", "IncidentStore")
    invitations: InvitationStore = _store("invitations", "InvitationStore")
    jobs: JobStore = _store("jobs", "JobStore")
    journal: JournalStore = _store("journal", "JournalStore")
    limits: LimitStore = _store("limits", "LimitStore")
    link_batches: LinkBatchStore = _store("link_batches", "LinkBatchStore")
    link_choices: LinkChoiceStore = _store("link_choices", "LinkChoiceStore")
    link_sessions: LinkSessionStore = _store("link_sessions", "LinkSessionStore")
    links: LinkStore = _store("links", "LinkStore")
    manual_outcomes: ManualOutcomeStore = _store("manual_outcomes", "ManualOutcomeStore")
    marks: MarkStore = _store("marks", "MarkStore")
    message_rules: MessageRuleStore = _store("message_rules", "MessageRuleStore")
    message_templates: MessageTemplateStore = _store("message_templates", "MessageTemplateStore")
    meta: MetaStore = _store("meta", "MetaStore")
    mirror: MirrorStore = _store("mirror", "MirrorStore")
    new_cards: NewCardStore = _store("new_cards", "NewCardStore")
    outbox: OutboxStore = _store("outbox", "OutboxStore")
    page_ends: PageEndStore = _store("page_ends", "PageEndStore")
    payments: PaymentStore = _store("payments", "PaymentStore")
    personal: PersonalStore = _store("personal", "PersonalStore")
    preflight: PreflightStore = _store("preflight", "PreflightStore")
    refund_outcomes: RefundOutcomeStore = _store("refund_outcomes", "RefundOutcomeStore")
    refunds: RefundStore = _store("refunds", "RefundStore")
    requests: RequestStore = _store("requests", "RequestStore")
    retention: RetentionStore = _store("retention", "RetentionStore")
    run_decisions: RunDecisionStore = _store("run_decisions", "RunDecisionStore")
    run_rows: RunRowStore = _store("run_rows", "RunRowStore")
    runs: RunStore = _store("runs", "RunStore")
    search: SearchStore = _store("search", "SearchStore")
    second_factors: SecondFactorStore = _store("second_factors", "SecondFactorStore")
    settlement: SettlementStore = _store("settlement", "SettlementStore")
    sign_in_failures: SignInFailureStore = _store("sign_in_failures", "SignInFailureStore")
    staff_sessions: StaffSessionStore = _store("staff_sessions", "StaffSessionStore")
    story: StoryStore = _store("customer_story", "StoryStore")
    sync: SyncStore = _store("sync_state", "SyncStore")
    twins: TwinStore = _store("twins", "TwinStore")
    users: UserStore = _store("users", "UserStore")
    waiting_charges: WaitingChargeStore = _store("waiting_charges", "WaitingChargeStore")
