"""The commands that read Stripe: sync, verification, reconciliation."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING

from lib.cli.answers import Answer, person
from lib.domain.progress import NAMES, adopted, counts, describe
from lib.errors import OnfileError, StaleState
from lib.services.continuity.rebuild import REBUILD
from lib.services.continuity.rebuild_result import Rebuilt
from lib.services.mirror.result import SyncIncomplete
from lib.services.mirror.sync import BACKFILL, SYNC, VERIFY

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.actors import Actor
    from lib.domain.verification import VerificationResult

_CLEAR_LINE = "\r\x1b[K"
_STOPPED: dict[str, object] = {
    "code": "stopped",
    "message": "Stopped. What was read is kept: the same command goes on from there.",
}


def sync(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    if arguments.verify:
        return _verify(services, arguments, actor)
    kind = BACKFILL if arguments.full or services.sync.needs_backfill() else SYNC
    error: dict[str, object] | None = None
    try:
        result = services.sync.run_now(
            by=person(actor), full=arguments.full, only=arguments.only, progress=_teller(kind)
        )
    except SyncIncomplete as incomplete:
        result, error = incomplete.result, _error(incomplete)
    except KeyboardInterrupt:
        return Answer({}, [], error=_STOPPED)
    finally:
        _end_of_line()
    data = result.as_json()
    read = ", ".join(f"{name}: {number:,}" for name, number in counts(data)) or "Nothing new"
    return Answer(
        data,
        [f"{read}. {result.requests:,} requests in {result.seconds:.1f} s.", *result.unreadable],
        error=error,
    )


def _verify(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    try:
        verifications, error = _verified(services, actor, full=arguments.full)
    except StaleState as stale:
        verifications, error = [], _error(stale)
    except KeyboardInterrupt:
        return Answer({}, [], error=_STOPPED)
    is_ok = error is None and all(verification.is_clean for verification in verifications)
    data = (
        _listed(verifications)
        | {"ok": is_ok, "found": sum(one.mismatches for one in verifications)}
        | {
            name: sum(getattr(verification, name) for verification in verifications)
            for name in (
                "missing",
                "extra",
                "differing",
                "repaired",
                "late",
                "here",
                "at_stripe",
            )
        }
    )
    return Answer(
        data, [_line(verification) for verification in verifications], error=error, failed=not is_ok
    )


def reconcile(services: Services, arguments: Arguments, actor: Actor | None) -> Answer:
    """
    Settles what is unknown, compares the ledger, then samples of the mirror, with Stripe. The ledger is
    whole by itself: as long as the mirror cannot be compared, that is a note and no failure.
    """
    rebuilt: Rebuilt | None = None
    if arguments.not_ours:
        services.installations.disown(by=person(actor))
    if arguments.rebuild:
        try:
            rebuilt = _rebuild(services, arguments, actor)
        except KeyboardInterrupt:
            return Answer({}, [], error=_STOPPED)
    if arguments.confirm_decisions:
        services.completeness.confirm_decisions(by=person(actor))
    result = services.charge_resolver.reconcile(by=person(actor))
    refunds_settled, refunds_unknown = services.refund_resolver.reconcile(by=person(actor))
    verifications: list[VerificationResult] = []
    error: dict[str, object] | None = None
    notes: list[str] = []
    try:
        verifications, error = _verified(services, actor, full=False)
    except StaleState as stale:
        notes = [f"The mirror was not compared. {stale}"]
    drift = result.drift + [
        {
            "kind": finding.kind,
            "type": verification.type,
            "id": finding.id,
            "fields": list(finding.fields),
        }
        for verification in verifications
        for finding in verification.findings
        if finding.kind != "late"
    ]
    data = (
        result.as_json()
        | _listed(verifications)
        | {
            "refunds": {"settled": refunds_settled, "still_unknown": refunds_unknown},
            "drift": drift,
            "notes": notes,
            "ledger": services.completeness.state().value,
        }
    )
    if rebuilt is not None:
        data |= rebuilt.as_json()
    return Answer(
        data,
        [
            *(_lines_of(rebuilt) if rebuilt is not None else ()),
            f"{result.settled} settled, {result.still_unknown} still unknown, {len(drift)} differences",
            *(
                [f"Refunds: {refunds_settled} settled, {refunds_unknown} still unknown"]
                if refunds_settled or refunds_unknown
                else ()
            ),
            *(_line(verification) for verification in verifications if not verification.is_clean),
            *notes,
        ],
        error=error,
    )


def _rebuild(services: Services, arguments: Arguments, actor: Actor | None) -> Rebuilt:
    """Says what it reads before it does."""
    watch = _teller(REBUILD)

    def tell(state: dict[str, object]) -> None:
        if state.get("doing") == "plan":
            _end_of_line()
            _write("".join(f"{sentence}\n" for sentence in _sentences(state)))
        watch(state)

    try:
        return services.rebuilds.rebuild(
            by=person(actor), installation=arguments.installation, progress=tell
        )
    finally:
        _end_of_line()


def _sentences(state: dict[str, object]) -> list[str]:
    reads = state.get("reads")
    return [str(sentence) for sentence in reads] if isinstance(reads, list) else []


def _lines_of(rebuilt: Rebuilt) -> list[str]:
    conflicts = [
        f"Not taken over, see Incidents: {one.get('payment_intent') or one.get('session')} ({one.get('reason')})"
        for one in rebuilt.conflicts
    ]
    missing = [f"  {one['message']}" for one in rebuilt.not_restored]
    return [
        f"Taken over: {adopted(rebuilt.adopted)}.",
        *conflicts,
        "Stripe cannot give back:",
        *missing,
    ]


def _verified(
    services: Services, actor: Actor | None, *, full: bool
) -> tuple[list[VerificationResult], dict[str, object] | None]:
    """
    The comparison of each type; with the reason when some could not be compared.

    Raises:
        StaleState: not everything was read yet, or another comparison runs.
    """
    try:
        return services.sync.verify_now(by=person(actor), full=full, progress=_teller(VERIFY)), None
    except SyncIncomplete as incomplete:
        return services.sync.verifications(), _error(incomplete)
    finally:
        _end_of_line()


def _left(verification: VerificationResult) -> int:
    return max(verification.mismatches - verification.repaired, 0)


def _listed(verifications: list[VerificationResult]) -> dict[str, object]:
    """Under the name until 0.1.0, too: scripts read it."""
    listed = [_as_json(verification) for verification in verifications]
    return {"verifications": listed, "proofs": listed}


def _as_json(verification: VerificationResult) -> dict[str, object]:
    # The name until 0.1.0 stays.
    return asdict(verification) | {
        "found": verification.mismatches,
        "proven_at": verification.verified_at,
    }


def _line(verification: VerificationResult) -> str:
    name = NAMES.get(verification.type, verification.type)
    if verification.error:
        return f"{name}: not compared. {verification.error}"
    compared = f"{verification.windows:,} of {verification.windows_of:,} parts compared"
    if verification.late:
        compared += f", {verification.late:,} read late"
    if not verification.mismatches:
        return f"{name}: {compared}, no difference"
    return (
        f"{name}: {compared}, {verification.missing} missing, {verification.extra} extra, "
        f"{verification.differing} differing; {_left(verification)} left after repair"
    )


def _error(error: OnfileError) -> dict[str, object]:
    return {"code": error.code, "message": str(error)}


def _teller(kind: str) -> Callable[[dict[str, object]], None]:
    """Progress on one line, for people at a terminal only."""
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda state: _write(f"{_CLEAR_LINE}{describe(kind, state)}")


def _end_of_line() -> None:
    if sys.stderr.isatty():
        _write(_CLEAR_LINE)


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
