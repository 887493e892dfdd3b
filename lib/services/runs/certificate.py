"""Ties a run's file, our ledger and Stripe together to the minor unit, and keeps what was found."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.certificates import Certificate, Findings, LedgerRow, Payment, compare
from lib.domain.list_windows import Window
from lib.domain.mirror import PaymentIntent
from lib.errors import GatewayError, Missing, StaleState
from lib.services.runs.approve import digest_now, find_run
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import Page
from lib.stripe_gateway.parallel_reader import ParallelReader, WindowPage

logger = logging.getLogger(__name__)

# Stripe's clock and ours may differ.
_MARGIN_SECONDS = 300
_MOST_REMARKS = 5_000
_AUTOMATIC_FOR_SECONDS = 30 * 86_400
_TRY_AGAIN_SECONDS = 300


class RunCertificates:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock
        self._not_before: dict[str, int] = {}

    def last(self, run_id: str) -> Certificate | None:
        with self._uow.read() as stores:
            return stores.certificates.last(run_id)

    def is_outdated(self, certificate: Certificate) -> bool:
        """Whether a charge of the run has changed since, or money went back that it does not tell."""
        lines = certificate.content["lines"]
        certified = {code: line["refunded"] for code, line in lines.items() if line["refunded"]}
        with self._uow.read() as stores:
            return (
                stores.certificates.changed_since(certificate.run_id, certificate.at)
                # Read late: it went back before, and the mirror did not know.
                or stores.certificates.refunded(certificate.run_id) != certified
            )

    def certify_due(self) -> int:
        """Of runs that ended and have none yet; returns how many were made."""
        now = epoch(self._clock())
        with self._uow.read() as stores:
            missing = stores.certificates.missing(since=now - _AUTOMATIC_FOR_SECONDS)
        count = 0
        for run_id in missing:
            if self._not_before.get(run_id, 0) > now:
                continue
            try:
                self.certify(run_id, by=SYSTEM)
                count += 1
            except GatewayError:
                # Nothing hurries: it is tried again, and people can ask for it.
                logger.info("run %s cannot be compared with Stripe now", run_id, exc_info=True)
                self._not_before[run_id] = now + _TRY_AGAIN_SECONDS
        return count

    def certify(
        self, run_id: str, *, by: Actor, progress: Callable[[int], None] = lambda _: None
    ) -> Certificate:
        """
        Compare every row with Stripe now and keep the result.

        Args:
            progress: told how many payments were read so far.

        Raises:
            NotFound: no such run.
            StaleState: nothing of it was executed, or it still is.
            GatewayError: Stripe could not be read to the end; nothing is kept.
        """
        by.must(Permission.SYNC)
        # Before anything is read: what changes from now on makes it outdated.
        now = epoch(self._clock())
        with self._uow.read() as stores:
            run = find_run(stores, run_id)
            span = stores.certificates.span(run_id)
            is_running = run.started_at is not None and run.finished_at is None
            if run.started_at is None or (is_running and run.state.value == "running"):
                raise StaleState("A run is compared with Stripe once it rests.")
        payments = self._payments(run_id, span, progress) if span else {}
        with self._uow.read() as stores:
            # Read after Stripe: what was settled in between is then in both.
            rows = list(stores.certificates.rows(run_id))
            digest_fits = digest_now(stores, find_run(stores, run_id)) == run.digest
        self._complete(rows, payments)
        ours = {row.charge_id for row in rows}
        belonging = [
            _payment(intent, run_id)
            for intent in payments.values()
            if intent.run_id == run_id or intent.charge_id in ours
        ]
        certificate = Certificate(
            run_id,
            now,
            by.username,
            *_kept(compare(rows, belonging, digest_fits=digest_fits)),
        )
        with self._uow.write() as stores:
            stores.certificates.add(certificate)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="run.certify",
                subject=run_id,
                detail={"result": certificate.result},
            )
        return certificate

    def _payments(
        self, run_id: str, span: tuple[int, int], progress: Callable[[int], None]
    ) -> dict[str, PaymentIntent]:
        """Everything that was created while the run asked Stripe."""

        def fetch(created_from: int, created_before: int, after: str | None) -> Page[Any]:
            return self._gateway.list_page(
                "payment_intents",
                created_from=created_from,
                created_before=created_before,
                after=after,
            )

        window = Window(span[0] - _MARGIN_SECONDS, span[1] + _MARGIN_SECONDS)
        payments: dict[str, PaymentIntent] = {}
        read = 0
        messages = ParallelReader(fetch, [window], clock=self._clock).messages()
        try:
            for message in messages:
                if isinstance(message, WindowPage):
                    read += len(message.items)
                    payments |= {
                        intent.id: intent
                        for intent in message.items
                        if intent.charge_id or intent.run_id
                    }
                    progress(read)
        finally:
            messages.close()
        return payments

    def _complete(self, rows: list[LedgerRow], payments: dict[str, PaymentIntent]) -> None:
        """With payments of our ledger outside that time: a row collected later elsewhere, say."""
        for row in rows:
            for wanted in (row.payment_intent, *(one.payment_intent for one in row.elsewhere)):
                if wanted is None or wanted in payments:
                    continue
                try:
                    intent = self._gateway.retrieve_payment_intent(wanted)
                except Missing:
                    continue
                payments[intent.id] = intent


def _payment(intent: PaymentIntent, run_id: str) -> Payment:
    received = intent.amount if intent.amount_received is None else intent.amount_received
    return Payment(
        intent.id,
        intent.charge_id,
        intent.status,
        received,
        intent.currency,
        intent.customer,
        is_of_this_run=intent.run_id == run_id,
    )


def _kept(findings: Findings) -> tuple[str, dict[str, object]]:
    remarks = findings.remarks[:_MOST_REMARKS]
    return findings.result, {
        "lines": {code: asdict(line) for code, line in sorted(findings.lines.items())},
        "counts": findings.counts,
        "remarks": [
            {"weight": r.weight.value, "row": r.row, "reference": r.reference, "text": r.text}
            for r in remarks
        ],
        "left_out": len(findings.remarks) - len(remarks),
    }
