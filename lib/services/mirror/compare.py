"""Compares one part of a type with Stripe, page by page, and writes Stripe's word over ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lib.clock import Clock, epoch_ms
from lib.domain.verification import (
    LISTED_DIFFERENCES,
    Difference,
    VerificationResult,
    differences,
    is_silent,
)
from lib.errors import InvalidInput, Missing, OutcomeUnknown, UnreadableObject
from lib.services.mirror.apply import is_ours, record_listed
from lib.services.mirror.erased import without_erased
from lib.services.mirror.incremental import IncrementalSync
from lib.services.mirror.result import SyncResult
from lib.services.mirror.unreadable import note_unreadable
from lib.store.unit_of_work import UnitOfWork
from lib.store.verification import COMPARED
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import ListPage, Unreadable

_BEGINNINGS = 5

Values = dict[str, tuple[Any, ...]]


@dataclass(slots=True)
class PageAllowance:
    """Pages that may still be read beyond the first of each part."""

    pages: int


@dataclass(slots=True)
class _PendingItems:
    """What was listed and not compared yet: the second in which a page ended goes on in the next."""

    items: list[Any]
    asked_at_ms: int


class Comparison:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, incremental: IncrementalSync, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._incremental = incremental
        self._clock = clock

    def part(
        self,
        verification: VerificationResult,
        created_from: int,
        created_before: int,
        *,
        spare: PageAllowance | None,
        after_page: Callable[[], None],
    ) -> int:
        """
        Compare from the newest page to the oldest; returns from where on that was done.

        It ends early when nothing is to spare: other programs may have put a million objects
        between two of ours.
        """
        upper, pending, after, beginnings = created_before, _PendingItems([], 0), None, 0
        while True:
            asked_at_ms = epoch_ms(self._clock())
            try:
                page = self._page(verification.type, created_from, created_before, after)
            except Missing as error:
                beginnings += 1
                if error.param != "starting_after" or beginnings > _BEGINNINGS:
                    raise OutcomeUnknown("The list changed whenever it was read.") from error
                # The object that marked the place was deleted: go on by time instead.
                created_before, pending, after = upper, _PendingItems([], 0), None
                continue
            pending = _and(
                pending,
                [item for item in page.items if is_ours(verification.type, item)],
                asked_at_ms,
            )
            lower = created_from
            if page.has_more and page.last_created is not None:
                lower = min(page.last_created + 1, upper)
            if lower < upper:
                ready = _PendingItems(
                    [i for i in pending.items if i.created >= lower], pending.asked_at_ms
                )
                pending = _PendingItems(
                    [i for i in pending.items if i.created < lower], asked_at_ms
                )
                self._slice(verification, lower, upper, ready)
                upper = lower
            after_page()
            if not page.has_more:
                return created_from
            if spare is not None:
                if spare.pages <= 0 and upper < created_before:
                    return upper
                spare.pages -= 1
            after = page.last_id

    def _page(
        self, type_: str, created_from: int, created_before: int, after: str | None
    ) -> ListPage[Any]:
        return self._gateway.list_page(
            type_, created_from=created_from or None, created_before=created_before, after=after
        )

    def _slice(
        self, verification: VerificationResult, lower: int, upper: int, pending: _PendingItems
    ) -> None:
        there = values_by_id(verification.type, pending.items)

        def ours() -> Values:
            with self._uow.read() as stores:
                return stores.comparing.between(verification.type, lower, upper)

        differing, here = self.differences(verification.type, ours, there)
        _note_bounds(verification, here, there)
        self.note(verification, differing, here, there)
        self._repair(verification.type, differing, pending)

    def differences(
        self, type_: str, ours: Callable[[], Values], there: Values
    ) -> tuple[list[Difference], Values]:
        """What differs, also after a look at what changed this very moment; and our side then."""
        columns = COMPARED[type_].columns
        here = ours()
        differing = without_erased(self._uow, differences(columns, here, there))
        if differing:
            with SyncResult().noting_permission("events"):
                self._incremental.events(SyncResult(), lambda _: None)
            here = ours()
            # What changed after Stripe was asked is found the second time only.
            before = {finding.id for finding in differing}
            differing = without_erased(
                self._uow, [one for one in differences(columns, here, there) if one.id in before]
            )
        return differing, here

    def note(
        self,
        verification: VerificationResult,
        differing: Sequence[Difference],
        here: Values,
        there: Values,
    ) -> None:
        """Counts what no sync would have found; all of it is mended in any case."""
        verification.here += len(here)
        verification.at_stripe += len(there)
        counted = self._judged(verification.type, differing, here, there)
        for kind, name in (
            ("missing", "missing"),
            ("extra", "extra"),
            ("differs", "differing"),
            ("late", "late"),
        ):
            number = sum(finding.kind == kind for finding in counted)
            setattr(verification, name, getattr(verification, name) + number)
        verification.repaired += sum(finding.kind != "late" for finding in counted)
        verification.findings += counted[: LISTED_DIFFERENCES - len(verification.findings)]

    def _judged(
        self, type_: str, differing: Sequence[Difference], here: Values, there: Values
    ) -> list[Difference]:
        """Without what an event in the inbox already tells of; and what no event tells of, as late."""
        if not differing:
            return []
        columns = COMPARED[type_].columns
        counted = []
        with self._uow.read() as stores:
            for finding in differing:
                ours = dict(zip(columns, here.get(finding.id, ()), strict=False))
                theirs = dict(zip(columns, there.get(finding.id, ()), strict=False))
                about = _about(type_, finding, theirs or ours)
                if stores.comparing.is_on_its_way(about, _brought_by(type_, finding)):
                    continue
                is_late = is_silent(type_, finding, ours, theirs) or (
                    # Given to a customer later: there is no event of that.
                    type_ == "payment_intents"
                    and finding.kind == "missing"
                    and stores.comparing.was_nobodys(finding.id)
                )
                counted.append(
                    Difference("late", finding.id, finding.fields) if is_late else finding
                )
        return counted

    def _repair(self, type_: str, differing: Sequence[Difference], pending: _PendingItems) -> None:
        """Write Stripe's word over ours."""
        wrong = {finding.id for finding in differing if finding.kind != "extra"}
        if wrong:
            items = [item for item in pending.items if id_of(item) in wrong]
            self.write_over(type_, items, pending.asked_at_ms)
        for finding in differing:
            if finding.kind == "extra":
                self._settle_extra(type_, finding.id)

    def write_over(self, type_: str, items: Sequence[Any], asked_at_ms: int) -> None:
        created = {id_of(item): item.created for item in items}
        with self._uow.write() as stores:
            stores.comparing.remove_misplaced(type_, created)
            record_listed(stores, type_, items, synced_at_ms=asked_at_ms)

    def _settle_extra(self, type_: str, object_id: str) -> None:
        """One that Stripe did not list: deleted, never there, or of another moment."""
        asked_at_ms = epoch_ms(self._clock())
        try:
            item = _RETRIEVE[type_](self._gateway, object_id)
        except (Missing, InvalidInput):
            item = None
        except UnreadableObject as error:
            # It is there: our row of it is the best that anybody has.
            with self._uow.write() as stores:
                odd = Unreadable(object_id, type_, str(error))
                note_unreadable(stores, [odd], at=asked_at_ms // 1000)
            return
        if type_ == "customers" and (item is None or item.is_deleted):
            with self._uow.write() as stores:
                stores.mirror.mark_customer_deleted(object_id, synced_at_ms=asked_at_ms)
        elif item is None or not is_ours(type_, item):
            with self._uow.write() as stores:
                stores.comparing.remove(type_, [object_id])
        else:
            self.write_over(type_, [item], asked_at_ms)


_RETRIEVE: dict[str, Callable[[StripeGateway, str], Any]] = {
    "customers": StripeGateway.retrieve_customer,
    "checkout_sessions": StripeGateway.retrieve_session,
    "setup_intents": StripeGateway.retrieve_setup_intent,
    "payment_intents": StripeGateway.retrieve_payment_intent,
    "charges": StripeGateway.retrieve_charge,
    "refunds": StripeGateway.retrieve_refund,
    "disputes": StripeGateway.retrieve_dispute,
}


def values_by_id(type_: str, items: Sequence[Any]) -> Values:
    return {id_of(item): _values(type_, item) for item in items}


def id_of(item: Any) -> str:  # noqa: ANN401 - one of the mirror's classes
    return str(_plain(item).id)


def _and(pending: _PendingItems, items: list[Any], asked_at_ms: int) -> _PendingItems:
    """The earlier question counts: an answer may be no newer than it says."""
    return _PendingItems(
        [*pending.items, *items], pending.asked_at_ms if pending.items else asked_at_ms
    )


def _about(type_: str, finding: Difference, values: dict[str, Any]) -> list[str]:
    """Objects of whose events such a difference would be mended."""
    others = {"charges": ("payment_intent",), "payment_methods": ("customer",)}.get(type_, ())
    return [finding.id, *(values[name] for name in others if values.get(name))]


def _brought_by(type_: str, finding: Difference) -> list[str]:
    """Objects whose events bring their charge along, where only what they change is different."""
    if type_ != "charges" or not finding.fields:
        return []
    changes = {"amount_refunded": "refund", "is_disputed": "dispute"}
    if not set(finding.fields) <= changes.keys():
        return []
    return [changes[name] for name in finding.fields]


def _note_bounds(verification: VerificationResult, here: Values, there: Values) -> None:
    place = COMPARED[verification.type].columns.index("created")
    for name, side in (("here", here), ("at_stripe", there)):
        times = [values[place] for values in side.values()]
        oldest, newest = (
            getattr(verification, f"oldest_{name}"),
            getattr(verification, f"newest_{name}"),
        )
        if times:
            setattr(verification, f"oldest_{name}", min([*times, *filter(None, [oldest])]))
            setattr(verification, f"newest_{name}", max([*times, *filter(None, [newest])]))


def _values(type_: str, item: Any) -> tuple[Any, ...]:  # noqa: ANN401 - one of the mirror's classes
    """As SQLite gives them back."""
    plain = _plain(item)
    values = (getattr(plain, name) for name in COMPARED[type_].columns)
    return tuple(int(value) if isinstance(value, bool) else value for value in values)


def _plain(item: Any) -> Any:  # noqa: ANN401 - one of the mirror's classes
    """The object itself, where it came with what was expanded along."""
    return getattr(item, "session", None) or getattr(item, "setup_intent", None) or item
