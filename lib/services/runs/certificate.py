"""Ties a run's file, our ledger and Stripe together to the minor unit, and keeps what was found."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from lib.clock import Clock, epoch
from lib.domain.actors import SYSTEM, Actor, Permission
from lib.domain.announcements import in_words
from lib.domain.certificates import Certificate, CertificateFindings, compare
from lib.domain.ledger_rows import LedgerRow, Payment
from lib.domain.mirror import PaymentIntent
from lib.errors import GatewayError, StaleState
from lib.services.continuity.completeness import Completeness
from lib.services.runs.approve import digest_now, find_run
from lib.services.runs.payments_at_stripe import PaymentsAtStripe
from lib.store.unit_of_work import UnitOfWork

if TYPE_CHECKING:
    from lib.domain.corrections import InEffect

logger = logging.getLogger(__name__)

_MOST_REMARKS = 5_000
_AUTOMATIC_FOR_SECONDS = 30 * 86_400
_TRY_AGAIN_SECONDS = 300


@dataclass(frozen=True, slots=True)
class _AtStripe:
    payments: dict[str, PaymentIntent]
    """By id."""
    unreadable: tuple[str, ...]
    """Ids of what was listed and cannot be read."""
    is_searched: bool
    """Whether also customers who are not in the run were looked at."""


class RunCertificates:
    def __init__(
        self,
        uow: UnitOfWork,
        at_stripe: PaymentsAtStripe,
        completeness: Completeness,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._at_stripe = at_stripe
        self._completeness = completeness
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
        Compare every row with all that Stripe ever took for it, now, and keep the result.

        Args:
            progress: told how many payments were read so far.

        Raises:
            NotFound: no such run.
            StaleState: nothing of it was executed, or it still is.
            GatewayError: Stripe could not be read to the end; nothing is kept.
        """
        by.must(Permission.SYNC)
        return self._made(run_id, by=by, progress=progress)

    def print_again(self, run_id: str, *, by: Actor) -> Certificate:
        """Whoever may look at a run may print it; what is printed was compared then. Raises like `certify`."""
        by.must(Permission.VIEW)
        return self._made(run_id, by=by, progress=lambda _: None)

    def _made(self, run_id: str, *, by: Actor, progress: Callable[[int], None]) -> Certificate:
        # Loads how files are read, and the worker most often makes none.
        from lib.domain.corrections import in_effect

        # Before anything is read: what changes from now on makes it outdated.
        now = epoch(self._clock())
        with self._uow.read() as stores:
            run = find_run(stores, run_id)
            is_running = run.started_at is not None and run.finished_at is None
            if run.started_at is None or (is_running and run.state.value == "running"):
                raise StaleState("A run is compared with Stripe once it rests.")
        # What went back a moment ago is then in our mirror, too.
        self._completeness.read_news()
        read = self._payments(run_id, progress)
        with self._uow.read() as stores:
            # Read after Stripe: what was settled in between is then in both.
            decided = in_effect(stores.corrections.of(run_id), file_version=run.file_version)
            opened = stores.certificates.opened(run_id)
            rows = [
                replace(
                    row,
                    corrections=_in_words(decided.get(row.number, {})),
                    opened=tuple(opened.get(row.number, ())),
                )
                for row in stores.certificates.rows(run_id)
            ]
            known = stores.certificates.known_intents(run_id)
            entries = stores.announcements.told_of(run_id)
            timezone = stores.meta.timezone
            digest_fits = digest_now(stores, find_run(stores, run_id)) == run.digest
        self._complete(rows, read.payments)
        held = {row.charge_id for row in rows}
        belonging = [
            _payment(intent, run_id, is_known=intent.id in known)
            for intent in read.payments.values()
            # Of a row that was not sent, its charge may be one that was paid elsewhere.
            if intent.run_id == run_id or intent.charge_id in held or intent.id not in known
        ]
        findings = compare(
            rows,
            belonging,
            digest_fits=digest_fits,
            unread_intents=read.unreadable,
            is_searched=read.is_searched,
            announced=in_words(
                entries, rows=sum(row.state != "blocked" for row in rows), timezone=timezone
            ),
        )
        with self._uow.write() as stores:
            stores.audit.record(
                at=now,
                actor=by.username,
                action="run.certify",
                subject=run_id,
                detail={"result": findings.result},
            )
            # With this entry, so that whoever cuts it off is found by what was printed.
            head = {"audit_head": str(stores.audit.head())}
            content = _content(findings) | head
            certificate = Certificate(run_id, now, by.username, findings.result, content)
            stores.certificates.add(certificate)
        return certificate

    def _payments(self, run_id: str, progress: Callable[[int], None]) -> _AtStripe:
        """All that ever named this run or a charge of its rows."""
        with self._uow.read() as stores:
            charges = stores.certificates.charge_ids(run_id)
            customers = stores.certificates.customers(run_id)
            is_whole = stores.sync.cursor("backfill") is not None
            account = stores.payments.count_intents() if is_whole else None
        payments: dict[str, PaymentIntent] = {}
        unreadable: set[str] = set()
        read = 0
        for intents, left_out in self._at_stripe.of(customers, all_payments=account):
            read += len(intents)
            unreadable |= {one.id for one in left_out}
            payments |= {
                intent.id: intent
                for intent in intents
                if intent.run_id == run_id or intent.charge_id in charges
            }
            progress(read)
        named = self._at_stripe.naming(run_id)
        for intent_id in set(named or ()) - set(payments):
            # As it is now: what Search has of it may be an hour old.
            if intent := self._at_stripe.retrieve(intent_id):
                payments[intent_id] = intent
        return _AtStripe(payments, tuple(sorted(unreadable)), is_searched=named is not None)

    def _complete(self, rows: list[LedgerRow], payments: dict[str, PaymentIntent]) -> None:
        """With payments of our ledger that no list named: Stripe has them under another customer, or not at all."""
        for row in rows:
            for wanted in (row.payment_intent, *(one.payment_intent for one in row.elsewhere)):
                if wanted is None or wanted in payments:
                    continue
                intent = self._at_stripe.retrieve(wanted)
                if intent is not None:
                    payments[intent.id] = intent


def _in_words(decided: InEffect) -> tuple[str, ...]:
    return tuple(entry.in_words for entry in decided.values())


def _payment(intent: PaymentIntent, run_id: str, *, is_known: bool) -> Payment:
    received = intent.amount if intent.amount_received is None else intent.amount_received
    return Payment(
        intent.id,
        intent.charge_id,
        intent.status,
        received,
        intent.currency,
        intent.customer,
        is_of_this_run=intent.run_id == run_id,
        is_known=is_known,
        refunded=intent.charge.amount_refunded if intent.charge else None,
        is_disputed=intent.charge.is_disputed if intent.charge else None,
    )


def _content(findings: CertificateFindings) -> dict[str, object]:
    remarks = findings.remarks[:_MOST_REMARKS]
    return {
        "lines": {code: asdict(line) for code, line in sorted(findings.lines.items())},
        "counts": findings.counts,
        "remarks": [
            {"weight": r.weight.value, "row": r.row, "reference": r.reference, "text": r.text}
            for r in remarks
        ],
        "left_out": len(findings.remarks) - len(remarks),
    }
