"""Compares the mirror with Stripe, type by type, writes down what was found and repairs it."""

from __future__ import annotations

from lib.clock import Clock, epoch, epoch_ms
from lib.domain.mirror import TYPES
from lib.domain.verification import VerificationResult
from lib.errors import InvalidInput, Misconfigured, Missing, Refused
from lib.services.mirror.backfill import methods_of
from lib.services.mirror.compare import Comparison, PageAllowance, Values, values_by_id
from lib.services.mirror.incremental import IncrementalSync
from lib.services.mirror.result import Progress, SyncResult
from lib.services.mirror.sample import Samples
from lib.services.mirror.unreadable import note_unreadable
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import Unreadable

# What was made in the last moments may be on its way here still.
_ON_ITS_WAY_SECONDS = 60
# Of each type, beyond the first page of each sample.
_SPARE_PAGES = 10


class Verification:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, incremental: IncrementalSync, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._incremental = incremental
        self._clock = clock
        self.samples = Samples(uow)
        self.comparison = Comparison(uow, gateway, incremental, clock=clock)

    def run(self, result: SyncResult, progress: Progress, *, full: bool) -> None:
        """
        Compare every type, samples of it or everything, and write down what was found.

        What changed since the last sync is read first: only what no sync would have found counts.

        Raises:
            GatewayError: Stripe could not be asked to the end; the types before that are verified.
        """
        end = epoch(self._clock()) - _ON_ITS_WAY_SECONDS
        self._incremental.run(result, progress, whole=True)
        for type_ in TYPES:
            verification = VerificationResult(type_, verified_at=epoch(self._clock()))
            try:
                if type_ == "payment_methods":
                    self._verify_methods(verification, result, progress, full=full)
                else:
                    self.verify_listed(verification, end, result, progress, full=full)
            except Misconfigured as error:
                if error.http_status != 403:
                    raise
                result.add_problem(type_, error)
                verification.error = result.problems[-1]
            self.samples.ended(verification)
            with self._uow.write() as stores:
                stores.sync.add_verification(verification)

    def verify_listed(
        self,
        verification: VerificationResult,
        end: int,
        result: SyncResult,
        progress: Progress,
        *,
        full: bool,
    ) -> None:
        def tell() -> None:
            progress(
                result.progress(
                    verification.type,
                    windows=verification.windows,
                    windows_of=verification.windows_of,
                )
            )

        spare = None if full else PageAllowance(_SPARE_PAGES)
        for part in self.samples.parts(verification, end, full=full):
            reached = self.comparison.part(
                verification, part.created_from, part.created_before, spare=spare, after_page=tell
            )
            verification.windows += 1
            self.samples.compared(verification, part, reached, end)
        # A window more, where the oldest of ours began one; and holes that were mended make more.
        verification.windows_of = max(verification.windows_of, verification.windows)
        tell()

    def _verify_methods(
        self,
        verification: VerificationResult,
        result: SyncResult,
        progress: Progress,
        *,
        full: bool,
    ) -> None:
        """Methods are listed per customer: a window is a customer here."""
        for customer in self.samples.customers(verification, full=full):
            self._methods_of(customer, verification)
            verification.windows += 1
            progress(
                result.progress(
                    verification.type,
                    windows=verification.windows,
                    windows_of=verification.windows_of,
                )
            )

    def _methods_of(self, customer: str, verification: VerificationResult) -> None:
        asked_at_ms = epoch_ms(self._clock())
        try:
            page = methods_of(self._gateway, customer)
            items, left_out = page.items, page.unreadable
        except Missing:
            with self._uow.write() as stores:
                stores.mirror.mark_customer_deleted(customer, synced_at_ms=asked_at_ms)
            items, left_out = [], ()
        except (InvalidInput, Refused) as error:
            with self._uow.write() as stores:
                odd = Unreadable(customer, "customer", str(error))
                note_unreadable(stores, [odd], at=asked_at_ms // 1000)
            return
        there = values_by_id(verification.type, items)

        odd_ids = {one.id for one in left_out}

        def ours() -> Values:
            with self._uow.read() as stores:
                known = stores.comparing.methods_of(customer)
            return {id_: row for id_, row in known.items() if id_ not in odd_ids}

        differing, here = self.comparison.differences(verification.type, ours, there)
        self.comparison.note(verification, differing, here, there)
        with self._uow.write() as stores:
            note_unreadable(stores, left_out, at=asked_at_ms // 1000)
            stores.comparing.remove_misplaced(
                verification.type, {item.id: item.created for item in items}
            )
            stores.mirror.save_payment_methods(items, synced_at_ms=asked_at_ms)
            stores.mirror.mark_missing_methods_detached(
                customer, [*there, *odd_ids], synced_at_ms=asked_at_ms
            )
