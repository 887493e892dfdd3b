"""The door to the database: one connection and, for writes, one transaction per unit of work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from sqlite_utils import Database

from lib.clock import Clock, utcnow
from lib.errors import DatabaseDamaged
from lib.store.account_changes import AccountChangeStore
from lib.store.admin_proposals import AdminProposalStore
from lib.store.adoptions import AdoptionStore
from lib.store.agreements import AgreementStore
from lib.store.anchor import Anchor, AuditHead
from lib.store.audit import AuditGrowth, AuditStore
from lib.store.backups import BackupStore
from lib.store.certificates import CertificateStore
from lib.store.charge_sums import ChargeSumStore
from lib.store.charges import ChargeStore
from lib.store.closings import ClosingStore
from lib.store.confirmations import ConfirmationStore
from lib.store.connection import CACHE_KB, connect, write_transaction
from lib.store.connection_pool import ConnectionPool
from lib.store.corrections import CorrectionStore
from lib.store.customer_story import StoryStore
from lib.store.deliveries import DeliveryStore
from lib.store.erasures import ErasureStore
from lib.store.group_commit import GroupCommit
from lib.store.history import HistoryStore
from lib.store.holds import HoldStore
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
from lib.store.migrations import migrations
from lib.store.mirror import MirrorStore
from lib.store.new_cards import NewCardStore
from lib.store.outbox import OutboxStore
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
from lib.store.trouble import damaged
from lib.store.twins import TwinStore
from lib.store.users import UserStore
from lib.store.verification import CompareStore
from lib.store.waiting_charges import WaitingChargeStore

T = TypeVar("T")
Store = TypeVar("Store")

_INDEXED_AT_ONCE = 10
_BULK_CACHE_KB = 32_768
# Random ids touch most index pages again and again: writing each back rarely is half the work. The
# write-ahead log grows to 256 MB meanwhile.
_BULK_CHECKPOINT_PAGES = 65_536


class _Made(Generic[Store]):
    """A store that is made when it is first asked for: a unit uses a few of them."""

    def __init__(self, kind: Callable[[Database], Store]) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, stores: Stores, owner: type) -> Store:
        # From now on the attribute of the object is found first.
        made = stores.__dict__[self._name] = self._kind(stores.database)
        return made


class Stores:
    """For whoever holds the connection and its transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @property
    def now_ms(self) -> int:
        """By this process's clock, as SQL's `now_ms()`."""
        return int(self.database.execute("SELECT now_ms()").fetchone()[0])

    account_changes = _Made(AccountChangeStore)
    admin_proposals = _Made(AdminProposalStore)
    adoptions = _Made(AdoptionStore)
    agreements = _Made(AgreementStore)
    audit = _Made(AuditStore)
    backups = _Made(BackupStore)
    certificates = _Made(CertificateStore)
    charge_sums = _Made(ChargeSumStore)
    charges = _Made(ChargeStore)
    closings = _Made(ClosingStore)
    comparing = _Made(CompareStore)
    confirmations = _Made(ConfirmationStore)
    corrections = _Made(CorrectionStore)
    deliveries = _Made(DeliveryStore)
    erasures = _Made(ErasureStore)
    history = _Made(HistoryStore)
    holds = _Made(HoldStore)
    incidents = _Made(IncidentStore)
    invitations = _Made(InvitationStore)
    jobs = _Made(JobStore)
    journal = _Made(JournalStore)
    limits = _Made(LimitStore)
    link_batches = _Made(LinkBatchStore)
    link_choices = _Made(LinkChoiceStore)
    link_sessions = _Made(LinkSessionStore)
    links = _Made(LinkStore)
    marks = _Made(MarkStore)
    message_rules = _Made(MessageRuleStore)
    message_templates = _Made(MessageTemplateStore)
    meta = _Made(MetaStore)
    mirror = _Made(MirrorStore)
    new_cards = _Made(NewCardStore)
    outbox = _Made(OutboxStore)
    payments = _Made(PaymentStore)
    personal = _Made(PersonalStore)
    preflight = _Made(PreflightStore)
    refund_outcomes = _Made(RefundOutcomeStore)
    refunds = _Made(RefundStore)
    requests = _Made(RequestStore)
    retention = _Made(RetentionStore)
    run_decisions = _Made(RunDecisionStore)
    run_rows = _Made(RunRowStore)
    runs = _Made(RunStore)
    search = _Made(SearchStore)
    second_factors = _Made(SecondFactorStore)
    settlement = _Made(SettlementStore)
    staff_sessions = _Made(StaffSessionStore)
    sign_in_failures = _Made(SignInFailureStore)
    story = _Made(StoryStore)
    sync = _Made(SyncStore)
    twins = _Made(TwinStore)
    users = _Made(UserStore)
    waiting_charges = _Made(WaitingChargeStore)
    manual_outcomes = _Made(ManualOutcomeStore)


class UnitOfWork:
    """Thread-safe. A thread has one unit at a time; a second one inside it raises RuntimeError."""

    def __init__(self, path: Path, *, clock: Clock = utcnow) -> None:
        self.pool = ConnectionPool(path, clock=clock)
        self._commits = GroupCommit(self.pool, ended=self._ended)
        self._uncommitted: list[AuditGrowth] = []
        self.anchor = Anchor(path)

    def must_be_sound(self) -> None:
        """
        Raises:
            DatabaseDamaged: somebody found the file damaged; nothing that moves money may rely on it.
        """
        why = self.pool.damage.words()
        if why is not None:
            raise DatabaseDamaged(damaged(why))

    def missing_steps(self) -> list[str]:
        """Schema steps this code has and the file has not."""
        with self.pool.reading() as database:
            return [step.name for step in migrations.pending(database)]

    @contextmanager
    def read(self) -> Iterator[Stores]:
        """Stores over one consistent snapshot; nothing may be written."""
        with self.pool.reading() as database:
            yield Stores(database)

    @contextmanager
    def write(self, *, in_bulk: bool = False) -> Iterator[Stores]:
        """
        Stores inside BEGIN IMMEDIATE; commits at the end, rolls back on any exception.

        A few changed rows can be searched for at once. `in_bulk` leaves them to the background, as
        writing the search index takes longer than writing the rows.
        """
        with self.pool.writing(cache_kb=_BULK_CACHE_KB if in_bulk else CACHE_KB) as database:
            stores = Stores(database)
            yield stores
            if not in_bulk:
                stores.search.index(_INDEXED_AT_ONCE)
        if stores.audit.written is not None:
            self._renew_anchor(stores.audit.written.before, stores.audit.written.head)

    def _renew_anchor(self, before: AuditHead, head: AuditHead) -> None:
        """An older copy whose log grows past its anchor must not take the place of what tells that it is older."""

        def holds(known: AuditHead) -> bool:
            if known == before:
                return True  # seen under the lock under which the log grew; most often so
            with self.pool.reading() as database:
                return AuditStore(database).hash_of(known.id) == known.hash

        self.anchor.write(head, holds=holds)

    def submit(self, work: Callable[[Stores], T]) -> Future[T]:
        """
        One of many small writes at once: committed together, each done after its commit.

        See GroupCommit.submit. What it changes is indexed in the background.
        """

        def piece(database: Database) -> T:
            stores = Stores(database)
            result = work(stores)
            if stores.audit.written is not None:
                self._uncommitted.append(stores.audit.written)
            return result

        return self._commits.submit(piece)

    def _ended(self, is_committed: bool) -> None:
        """One anchor for all that was committed together, before whoever waits for it goes on."""
        grown, self._uncommitted = self._uncommitted, []
        if is_committed and grown:
            self._renew_anchor(grown[0].before, grown[-1].head)

    @contextmanager
    def bulk(self) -> Iterator[Bulk]:
        """
        For writing what can be read again: a long-lived connection with a large cache, which waits
        for the disk at checkpoints only. Each transaction is still all or nothing, in order.
        """
        with closing(connect(self.pool.path, clock=self.pool.clock)) as database:
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute(f"PRAGMA cache_size = -{_BULK_CACHE_KB}")
            database.execute(f"PRAGMA wal_autocheckpoint = {_BULK_CHECKPOINT_PAGES}")
            yield Bulk(database)
            database.execute("PRAGMA wal_checkpoint(PASSIVE)")


@dataclass(frozen=True, slots=True)
class Bulk:
    """One connection for many large transactions after each other."""

    _database: Database

    @contextmanager
    def write(self) -> Iterator[Stores]:
        """Like `UnitOfWork.write(in_bulk=True)`, except that a power cut may take the last ones back."""
        with write_transaction(self._database):
            yield Stores(self._database)
