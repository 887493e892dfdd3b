"""One person: all that is kept of them, as a file, and forgetting them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.identity import readable_line
from lib.domain.typed_codes import unknown_customer
from lib.errors import StaleState
from lib.ids import new_token
from lib.services.continuity.backup_files import kept_in
from lib.store import erasure_file
from lib.store.erasures import empty_log, written_over
from lib.store.meta import ERASURE_SALT
from lib.store.personal import OpenWork
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

DAY_SECONDS = 24 * 3600
_LISTED = 5
STAYS = (
    "Stripe has its own copy: delete the customer there, and ask Stripe to redact what it keeps.",
    "References and descriptions of charges stay as they were typed, and so do reasons of "
    "do-not-charge switches and of corrections: their digests prove what was approved.",
    "The audit log never changes: notes written before Onfile 0.3.0 stand in it with their text.",
)


class StillOpen(StaleState):
    """Something is under way with this person; the message names it."""

    code = "still_open"

    def __init__(self, work: Sequence[OpenWork]) -> None:
        named = ", ".join(f"{one.what} {one.id}" for one in work[:_LISTED])
        more = f" and {len(work) - _LISTED} more" if len(work) > _LISTED else ""
        super().__init__(
            f"Something is still under way with this person: {named}{more}. Settle, cancel or end that first; nothing "
            "was erased."
        )


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """What is kept of one person."""

    customers: tuple[str, ...]
    """Every customer that is this person: those that share an address."""
    rows: dict[str, int]
    """By table."""
    open_work: tuple[OpenWork, ...]
    erased_at: int | None


@dataclass(frozen=True, slots=True)
class Erasure:
    """What an erasure did, or would do."""

    customers: tuple[str, ...]
    rows: dict[str, int]
    backups: tuple[str, ...]
    """Copies in the backup folder that still hold the person, newest first."""
    backups_until: int | None
    """When the last of them is removed, as long as one is made each day; Unix seconds."""
    stays: tuple[str, ...] = STAYS


class PersonService:
    def __init__(self, uow: UnitOfWork, *, backup_folder: Path, keep: int, clock: Clock) -> None:
        self._uow = uow
        self._folder = backup_folder
        self._keep = keep
        self._clock = clock

    def kept(self, customer_id: str, *, by: Actor) -> PersonRecord:
        """
        Raises:
            NotFound: no such customer here.
        """
        by.must(Permission.PROTECT_DATA)
        with self._uow.read() as stores:
            return self._kept(stores, customer_id)

    def erased_at(self, customer_id: str) -> int | None:
        with self._uow.read() as stores:
            return stores.erasures.erased_at(customer_id)

    def export(self, customer_id: str, *, by: Actor) -> bytes:
        """
        Every row of theirs by table, as JSON, without secrets of links.

        Raises:
            NotFound: no such customer here.
        """
        by.must(Permission.PROTECT_DATA)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            kept = self._kept(stores, customer_id)
            rows = stores.personal.export(kept.customers)
            _audit(stores, "person.export", customer_id, kept, by=by, at=now)
        content = {"exported_at": now, "customers": kept.customers, "rows": rows}
        return json.dumps(content, ensure_ascii=False, indent=1).encode()

    def look(self, customer_id: str, *, by: Actor) -> Erasure:
        """
        What an erasure would do; nothing is changed.

        Raises:
            NotFound, StillOpen: as `erase`.
        """
        by.must(Permission.PROTECT_DATA)
        with self._uow.write() as stores:
            kept = self._erasable(stores, customer_id)
            _audit(
                stores,
                "person.look",
                customer_id,
                kept,
                by=by,
                at=epoch(self._clock()),
                dry_run=True,
            )
        return self._erasure(kept)

    def erase(self, customer_id: str, *, reason: str, by: Actor) -> Erasure:
        """
        Forget one person, with every customer that shares their address.

        Raises:
            NotFound: no such customer here.
            StillOpen: something is under way with them.
            InvalidInput: no reason.
            NotSignedIn: an open page, and nobody was asked for the password again.
        """
        by.must(Permission.PROTECT_DATA)
        by.must_be_asked()
        why = readable_line(reason, what="reason", field="reason")
        now = epoch(self._clock())
        with self._uow.write() as stores, written_over(stores.database):
            kept = self._erasable(stores, customer_id)
            self._erase(stores, kept, at=now)
            _audit(stores, "person.erase", customer_id, kept, by=by, at=now, reason=why)
        self.outlast()
        return self._erasure(kept)

    def erase_deleted(self, customer_ids: Sequence[str], *, by: Actor) -> int:
        """Those of these with whom nothing is under way; returns how many customers were erased."""
        count, now = 0, epoch(self._clock())
        for customer_id in customer_ids:
            with self._uow.write() as stores, written_over(stores.database):
                kept = self._kept(stores, customer_id)
                if kept.erased_at is not None or kept.open_work:
                    continue
                self._erase(stores, kept, at=now)
                _audit(stores, "person.erase", customer_id, kept, by=by, at=now, reason="retention")
                count += len(kept.customers)
        if count:
            self.outlast()
        return count

    def outlast(self) -> None:
        """What was erased is named beside the database and its backups, and gone from the log beside it."""
        with self._uow.read() as stores:
            salt, erased = stores.meta.value(ERASURE_SALT) or "", stores.erasures.tombstones()
        erasure_file.write([self._uow.pool.path.parent, self._folder], salt, erased)
        empty_log(self._uow.pool.path)

    def _erase(self, stores: Stores, kept: PersonRecord, *, at: int) -> None:
        stores.meta.bind(ERASURE_SALT, new_token())
        stores.erasures.erase(kept.customers, at=at)

    def _kept(self, stores: Stores, customer_id: str) -> PersonRecord:
        customers = tuple(stores.personal.person(customer_id))
        if not customers:
            raise unknown_customer(customer_id)
        return PersonRecord(
            customers,
            stores.personal.counts(customers),
            tuple(stores.personal.open_work(customers, now=epoch(self._clock()))),
            stores.erasures.erased_at(customer_id),
        )

    def _erasable(self, stores: Stores, customer_id: str) -> PersonRecord:
        kept = self._kept(stores, customer_id)
        if kept.open_work:
            raise StillOpen(kept.open_work)
        return kept

    def _erasure(self, kept: PersonRecord) -> Erasure:
        backups = tuple(one.path.name for one in kept_in(self._folder, {}))
        until = epoch(self._clock()) + self._keep * DAY_SECONDS if backups else None
        return Erasure(kept.customers, kept.rows, backups, until)


def _audit(
    stores: Stores,
    action: str,
    customer_id: str,
    kept: PersonRecord,
    *,
    by: Actor,
    at: int,
    **more: object,
) -> None:
    stores.audit.record(
        at=at,
        actor=by.username,
        action=action,
        subject=customer_id,
        detail={"customers": list(kept.customers), "rows": kept.rows, **more},
    )
