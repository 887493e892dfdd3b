"""
Compares the mirror with Stripe and repairs what differs.

The objects of a type are cut into consecutive windows of `created` with at most 80 of ours each.
Together they cover all of time, so whatever is missing here lies in one of them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.proofs import LISTED_FINDINGS, WINDOW_OBJECTS, Finding, Proof, compare
from lib.errors import InvalidInput, Misconfigured, Missing
from lib.services.backfill import TYPES, methods_of
from lib.services.catching_up import CatchingUp
from lib.services.mirroring import is_ours, record_listed
from lib.services.sync_result import Progress, SyncResult
from lib.store.comparing import COMPARED
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import whole_list

# Besides the newest and the oldest window.
_RANDOM_WINDOWS = 3
_RANDOM_CUSTOMERS = 10
# What was made in the last moments may be on its way here still.
_ON_ITS_WAY_SECONDS = 60


@dataclass(slots=True)
class _Side:
    """What Stripe says of one window."""

    items: list[Any]
    asked_at_ms: int


class Proving:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, catching_up: CatchingUp, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._catching_up = catching_up
        self._clock = clock
        # Which windows are looked at must not be foreseeable by a pattern in the data.
        self._random = random.SystemRandom()

    def run(self, result: SyncResult, progress: Progress, *, full: bool) -> None:
        """
        Compare every type, samples of its windows or all of them, and write down what was found.

        What changed since the last sync is read first: only what no sync would have found counts.

        Raises:
            GatewayError: Stripe could not be asked to the end; the types before that are proven.
        """
        end = epoch(self._clock()) - _ON_ITS_WAY_SECONDS
        self._catching_up.run(result, progress)
        for type_ in TYPES:
            proof = Proof(type_, proven_at=epoch(self._clock()))
            try:
                if type_ == "payment_methods":
                    self._prove_methods(proof, result, progress, full=full)
                else:
                    self._prove_listed(proof, end, result, progress, full=full)
            except Misconfigured as error:
                if error.http_status != 403:
                    raise
                result.add_problem(type_, error)
                proof.error = result.problems[-1]
            with self._uow.write() as stores:
                stores.sync.add_proof(proof)

    def _prove_listed(
        self, proof: Proof, end: int, result: SyncResult, progress: Progress, *, full: bool
    ) -> None:
        windows = self._windows(proof, end, full=full)
        for number, (created_from, created_before) in enumerate(windows):
            with self._uow.read() as stores:
                here = stores.comparing.between(proof.type, created_from, created_before)
            side = self._listed(proof.type, created_from, created_before)
            there = {_id(item): _values(proof.type, item) for item in side.items}
            self._note_bounds(proof, here, there)
            found = compare(COMPARED[proof.type].columns, here, there)
            if found:
                self._catch_up()
                with self._uow.read() as stores:
                    here = stores.comparing.between(proof.type, created_from, created_before)
                found = _still(found, compare(COMPARED[proof.type].columns, here, there))
            self._note(proof, found, here=len(here), there=len(there))
            proof.repaired += self._repair(proof.type, found, side)
            progress(
                result.progress(proof.type, windows=number + 1, windows_of=len(windows),
                                remaining=len(windows) - number - 1)
            )  # fmt: skip

    def _windows(self, proof: Proof, end: int, *, full: bool) -> list[tuple[int, int]]:
        """Newest first, then the oldest, then some between."""
        with self._uow.read() as stores:
            count = stores.comparing.count(proof.type, before=end)
            proof.windows_of = max(1, -(-count // WINDOW_OBJECTS))
            last = proof.windows_of - 1
            if full:
                places = list(range(last, -1, -1))
            else:
                between = range(1, last)
                some = self._random.sample(between, min(_RANDOM_WINDOWS, len(between)))
                places = list(dict.fromkeys([last, 0, *some]))

            def edge(place: int) -> int:
                if place == 0:
                    return 0
                found = stores.comparing.created_at(proof.type, place * WINDOW_OBJECTS, before=end)
                return end if found is None else found

            bounds = [(edge(place), edge(place + 1)) for place in places]
        # Many objects of one second make an empty window beside a large one.
        found = [(first, before) for first, before in bounds if first < before]
        proof.windows = len(found)
        return found

    def _prove_methods(
        self, proof: Proof, result: SyncResult, progress: Progress, *, full: bool
    ) -> None:
        """Methods are listed per customer: a window is a customer here."""
        for customer in self._customers(proof, full=full):
            with self._uow.read() as stores:
                here = stores.comparing.methods_of(customer)
            asked_at_ms = epoch_ms(self._clock())
            try:
                items = methods_of(self._gateway, customer)
            except Missing:
                with self._uow.write() as stores:
                    stores.mirror.mark_customer_deleted(customer, synced_at_ms=asked_at_ms)
                items = []
            there = {item.id: _values(proof.type, item) for item in items}
            found = compare(COMPARED[proof.type].columns, here, there)
            if found:
                self._catch_up()
                with self._uow.read() as stores:
                    here = stores.comparing.methods_of(customer)
                found = _still(found, compare(COMPARED[proof.type].columns, here, there))
            self._note(proof, found, here=len(here), there=len(there))
            with self._uow.write() as stores:
                stores.comparing.remove_misplaced(
                    proof.type, {item.id: item.created for item in items}
                )
                stores.mirror.save_payment_methods(items, synced_at_ms=asked_at_ms)
                stores.mirror.mark_missing_methods_detached(
                    customer, list(there), synced_at_ms=asked_at_ms
                )
            proof.repaired += len(found)
            proof.windows += 1
            progress(result.progress(proof.type, windows=proof.windows,
                                     windows_of=proof.windows_of))  # fmt: skip

    def _customers(self, proof: Proof, *, full: bool) -> Iterator[str]:
        with self._uow.read() as stores:
            proof.windows_of = stores.mirror.count_living_customers()
            if not full:
                chosen = stores.mirror.some_living_customers(_RANDOM_CUSTOMERS)
        if not full:
            yield from chosen
            return
        after = ""
        while True:
            with self._uow.read() as stores:
                batch = stores.mirror.living_customers(after=after, limit=500)
            if not batch:
                return
            yield from batch
            after = batch[-1]

    def _listed(self, type_: str, created_from: int, created_before: int) -> _Side:
        asked_at_ms = epoch_ms(self._clock())
        items = whole_list(
            lambda after: self._gateway.list_page(
                type_,
                created_from=created_from or None,
                created_before=created_before,
                after=after,
            )
        )
        return _Side([item for item in items if is_ours(type_, item)], asked_at_ms)

    def _catch_up(self) -> None:
        """What differs may have changed this very moment; then the events say so."""
        with SyncResult().noting_permission("events"):
            self._catching_up.events(SyncResult(), lambda _: None)

    def _note_bounds(
        self, proof: Proof, here: dict[str, tuple[Any, ...]], there: dict[str, tuple[Any, ...]]
    ) -> None:
        place = COMPARED[proof.type].columns.index("created")
        for name, side in (("here", here), ("at_stripe", there)):
            times = [values[place] for values in side.values()]
            oldest, newest = getattr(proof, f"oldest_{name}"), getattr(proof, f"newest_{name}")
            if times:
                setattr(proof, f"oldest_{name}", min([*times, *filter(None, [oldest])]))
                setattr(proof, f"newest_{name}", max([*times, *filter(None, [newest])]))

    def _note(self, proof: Proof, found: Sequence[Finding], *, here: int, there: int) -> None:
        proof.here += here
        proof.at_stripe += there
        proof.missing += sum(finding.kind == "missing" for finding in found)
        proof.extra += sum(finding.kind == "extra" for finding in found)
        proof.differing += sum(finding.kind == "differs" for finding in found)
        proof.findings += found[: LISTED_FINDINGS - len(proof.findings)]

    def _repair(self, type_: str, found: Sequence[Finding], side: _Side) -> int:
        """Write Stripe's word over ours; returns how many findings that mended."""
        wrong = {finding.id for finding in found if finding.kind != "extra"}
        if wrong:
            items = [item for item in side.items if _id(item) in wrong]
            self._write_over(type_, items, side.asked_at_ms)
        extra = [finding.id for finding in found if finding.kind == "extra"]
        return len(wrong) + sum(self._settle_extra(type_, object_id) for object_id in extra)

    def _write_over(self, type_: str, items: Sequence[Any], asked_at_ms: int) -> None:
        created = {_id(item): item.created for item in items}
        with self._uow.write() as stores:
            stores.comparing.remove_misplaced(type_, created)
            record_listed(stores, type_, items, synced_at_ms=asked_at_ms)

    def _settle_extra(self, type_: str, object_id: str) -> bool:
        """One that Stripe did not list: deleted, never there, or of another moment."""
        asked_at_ms = epoch_ms(self._clock())
        try:
            found = _RETRIEVE[type_](self._gateway, object_id)
        except (Missing, InvalidInput):
            found = None
        if type_ == "customers" and (found is None or found.is_deleted):
            with self._uow.write() as stores:
                stores.mirror.mark_customer_deleted(object_id, synced_at_ms=asked_at_ms)
        elif found is None or not is_ours(type_, found):
            with self._uow.write() as stores:
                stores.comparing.remove(type_, [object_id])
        else:
            self._write_over(type_, [found], asked_at_ms)
        return True


_RETRIEVE: dict[str, Callable[[StripeGateway, str], Any]] = {
    "customers": StripeGateway.retrieve_customer,
    "checkout_sessions": StripeGateway.retrieve_session,
    "setup_intents": StripeGateway.retrieve_setup_intent,
    "payment_intents": StripeGateway.retrieve_payment_intent,
    "charges": StripeGateway.retrieve_charge,
    "refunds": StripeGateway.retrieve_refund,
    "disputes": StripeGateway.retrieve_dispute,
}


def _still(before: Sequence[Finding], after: Sequence[Finding]) -> list[Finding]:
    """What was found both times; what changed after Stripe was asked is found the second time only."""
    ids = {finding.id for finding in before}
    return [finding for finding in after if finding.id in ids]


def _id(item: Any) -> str:  # noqa: ANN401 - one of the mirror's classes
    return str(_plain(item).id)


def _values(type_: str, item: Any) -> tuple[Any, ...]:  # noqa: ANN401 - one of the mirror's classes
    """As SQLite gives them back."""
    plain = _plain(item)
    values = (getattr(plain, name) for name in COMPARED[type_].columns)
    return tuple(int(value) if isinstance(value, bool) else value for value in values)


def _plain(item: Any) -> Any:  # noqa: ANN401 - one of the mirror's classes
    """The object itself, where it came with what was expanded along."""
    return getattr(item, "session", None) or getattr(item, "setup_intent", None) or item
