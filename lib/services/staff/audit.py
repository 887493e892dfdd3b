"""
The audit log: whether it is whole, where it ends, and a copy to keep elsewhere.

A chain of digests shows a changed entry; only a head that was kept outside the database shows that the
end was cut off, or that all digests were written anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.audit_readers import reads
from lib.errors import InvalidInput, NotPermitted
from lib.store.anchor import AuditHead
from lib.store.audit import ChainCheck
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AuditVerification:
    """What comparing the log with itself and with the heads outside says."""

    check: ChainCheck
    missing: tuple[str, ...]
    """Heads that were kept outside of the log and that it does not hold."""
    restores: tuple[str, ...]
    """Sentences on restores that explain heads which are gone."""

    @property
    def ok(self) -> bool:
        return self.check.ok and not self.missing


_WITHHELD = {"actor": "", "action": "", "subject": "", "detail": "{}"}


class AuditService:
    def __init__(self, uow: UnitOfWork, *, clock: Clock) -> None:
        self._uow = uow
        self._clock = clock

    def verify(self, head: str | None = None) -> AuditVerification:
        """
        Recompute the chain of digests, and look for every head that was kept outside of it: beside the
        database, in certificates, closed months and backups, or elsewhere.

        Raises:
            InvalidInput: `head` is not ID:HASH.
        """
        anchored, days = self._uow.anchor.head(), self._uow.anchor.days()
        elsewhere = _parsed(head)
        with self._uow.read() as stores:
            check = stores.audit.verify()
            restores = _restores(stores)

            def is_there(one: AuditHead) -> bool:
                return stores.audit.hash_of(one.id) == one.hash

            missing = [one for one in (anchored,) if one is not None and not is_there(one)]
            missing += [
                day.head
                for day in days
                if not is_there(day.head)
                and not any(one.anchored in day.lost and one.explains(day.head) for one in restores)
            ]
            heads = [*stores.audit.heads_in_papers(), *([elsewhere] if elsewhere else [])]
            missing += [
                one
                for one in heads
                if not is_there(one) and not any(restore.explains(one) for restore in restores)
            ]
        return AuditVerification(
            check,
            tuple(sorted({str(one) for one in missing})),
            tuple(restore.says for restore in restores),
        )

    def note_denied(self, error: NotPermitted, *, by: Actor, door: str) -> None:
        """
        An act that a person's role, or the rule of two people, did not allow.

        Args:
            door: where it was tried: the page's path, or the command.
        """
        with self._uow.write() as stores:
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="denied",
                subject=door[:100],
                detail={"reason": str(error)[:300]},
            )

    def head(self) -> str:
        """ID:HASH of the newest entry, to be kept elsewhere."""
        with self._uow.read() as stores:
            return str(stores.audit.head())

    def anchor_day(self) -> bool:
        """The line of the installation's day beside the database; False when there is one."""
        with self._uow.read() as stores:
            head, zone = stores.audit.head(), ZoneInfo(stores.meta.timezone)
        return self._uow.anchor.write_day(f"{self._clock().astimezone(zone):%Y-%m-%d}", head)

    def export(self, target: Path, *, by: Actor) -> int:
        """
        Every entry as a line of JSON, with the digests; returns how many. Leaves an entry itself.

        What others did to accounts, and were refused, is for admins: of these entries only number,
        time and digests are written for whoever is none.

        Raises:
            InvalidInput: the file exists, or cannot be written.
        """
        by.must(Permission.VIEW)
        if target.exists():
            raise InvalidInput(f"{target.name} exists already. Choose another name.", field="out")
        count = 0
        try:
            with target.open("w", encoding="utf-8") as file:
                for entry in self._entries(by):
                    file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                    count += 1
        except OSError as error:
            raise InvalidInput(f"{target.name} cannot be written: {error}.", field="out") from error
        with self._uow.write() as stores:
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="audit.export",
                subject=target.name,
                detail={"entries": count},
            )
        return count

    def _entries(self, by: Actor) -> Iterator[dict[str, object]]:
        with self._uow.read() as stores:
            for entry in stores.audit.entries():
                is_for = reads(
                    by, action=entry["action"], actor=entry["actor"], subject=entry["subject"]
                )
                yield entry if is_for else entry | _WITHHELD


def _parsed(head: str | None) -> AuditHead | None:
    try:
        return None if head is None else AuditHead.parse(head)
    except ValueError as error:
        raise InvalidInput(f"{error}.", field="head", code="head_invalid") from error


@dataclass(frozen=True, slots=True)
class _Restored:
    """A restore that a person made, and which heads it explains."""

    kept: AuditHead
    anchored: AuditHead
    says: str

    def explains(self, head: AuditHead) -> bool:
        return self.kept.id < head.id <= self.anchored.id


def _restores(stores: Stores) -> list[_Restored]:
    return [*_honest_restores(stores), *_confirmed_copies(stores)]


def _confirmed_copies(stores: Stores) -> list[_Restored]:
    """
    Files that were put back by hand; an approver has looked at them since. Such a file goes on with the next
    number after its own last entry, and is older with all its rows. Where numbers are left out, or attempts stand
    without their entries, entries were taken out of this very file.
    """
    confirmations = stores.audit.of_action("ledger.confirm_decisions")
    last = confirmations[-1] if confirmations else None
    return [
        _Restored(
            AuditHead.parse(entry["detail"]["head"]),
            AuditHead.parse(entry["subject"]),
            f"An older copy was put back by hand (noticed in entry {entry['id']}); {last['actor']} has looked at it.",
        )
        for entry in stores.audit.of_action("ledger.behind")
        if entry["detail"].get("reason") == "anchor"
        and last is not None
        and last["id"] > entry["id"]
        and entry["id"] == AuditHead.parse(entry["detail"]["head"]).id + 1
        and not entry["detail"].get("is_cut")
    ]


def _honest_restores(stores: Stores) -> list[_Restored]:
    restores = []
    for entry in stores.audit.of_action("ledger.restore"):
        detail = entry["detail"]
        if not detail.get("anchor"):
            continue
        kept, anchored = AuditHead.parse(entry["subject"]), AuditHead.parse(detail["anchor"])
        restores.append(
            _Restored(
                kept,
                anchored,
                f"{entry['actor']} put an older copy back (entry {entry['id']}): "
                f"{anchored.id - kept.id:,} entries up to {anchored.id} are not in this log.",
            )
        )
    return restores
