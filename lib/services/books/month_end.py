"""Closes a month: its figures are kept as they are now, and packed for an accountant from then on."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.books import SUM_COLUMNS, Line, in_words, local
from lib.domain.charges import ChargeState
from lib.domain.days import period_of
from lib.domain.month_end import (
    DIFFERENCE_COLUMNS,
    TABLES,
    Closing,
    Facts,
    Month,
    age_in_words,
    differences,
)
from lib.errors import NotFound
from lib.printing.month_end import to_html
from lib.services.books.lines import lines_of, lines_of_sums
from lib.spreadsheets import accounts
from lib.store.journal import Sum, open_failures, selection
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

_DAY = 86_400
# No file of a ZIP may tell when it was packed.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class MonthEndPack:
    closing: Closing
    files: tuple[str, ...]
    content: bytes


class MonthEnd:
    def __init__(
        self,
        uow: UnitOfWork,
        certificate: Callable[[str], bytes],
        *,
        clock: Clock,
        timezone: str,
        public_url: str,
    ) -> None:
        """`certificate` prints the newest one of a run, and raises NotFound where there is none."""
        self._uow = uow
        self._certificate = certificate
        self._clock = clock
        self._timezone = timezone
        self._public_url = public_url

    def pack(self, month: Month, *, by: Actor, number: int | None = None) -> MonthEndPack:
        """
        The month's newest closing as one ZIP; it is closed, or closed once more, where the figures are
        others by now and the person may. The same closing always gives the same bytes.

        Args:
            number: an earlier closing as it was; nothing is closed then.

        Raises:
            NotFound: no closing has this number.
        """
        by.must(Permission.VIEW)
        if number is None and by.may(Permission.SYNC):
            closing = self.close(month, by=by)
        else:
            closing = self._kept(month, number)
        with self._uow.read() as stores:
            certificates = stores.closings.certificates(closing)
        files = _files(closing, certificates, self._timezone)
        with self._uow.write() as stores:
            stores.audit.record(
                at=epoch(self._clock()),
                actor=by.username,
                action="month.export",
                subject=f"month:{month}",
                detail={"closing": closing.number, "rows": len(closing.facts["charges"])},
            )
        return MonthEndPack(closing, tuple(files), _zipped(files))

    def close(self, month: Month, *, by: Actor) -> Closing:
        """
        Keep the month's figures as they are now; the closing that is there where nothing changed since.
        """
        by.must(Permission.SYNC)
        now = epoch(self._clock())
        with self._uow.read() as stores:
            facts = self._facts(stores, month)
            before = stores.closings.last(str(month))
        if before is not None and before.facts == facts:
            return before
        certificates = self._certificates(facts["runs"])
        with self._uow.write() as stores:
            newest = stores.closings.last(str(month))
            closing = Closing(
                month=str(month),
                number=1 if newest is None else newest.number + 1,
                closed_by=by.username,
                closed_at=now,
                audit_head=str(stores.audit.head()),
                facts=facts,
                differences=[] if newest is None else differences(newest.facts, facts),
            )
            stores.closings.add(closing, certificates)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="month.close",
                subject=f"month:{month}",
                detail={"closing": closing.number, "differences": len(closing.differences)},
            )
        return closing

    def kept(self, month: Month, number: int, *, by: Actor) -> Closing:
        """
        Raises:
            NotFound: no closing has this number.
        """
        by.must(Permission.VIEW)
        return self._kept(month, number)

    def _kept(self, month: Month, number: int | None) -> Closing:
        with self._uow.read() as stores:
            closing = stores.closings.last(str(month), number)
        if closing is None:
            which = "was not closed yet" if number is None else f"has no closing number {number}"
            raise NotFound(f"{month.in_words} {which}.")
        return closing

    def _facts(self, stores: Stores, month: Month) -> Facts:
        since, before = period_of(month.first, month.last, self._timezone)
        now = epoch(self._clock())
        selected = selection((since, before), state=None, customer=None, reference=None)
        sums = stores.journal.totals(selected)
        charges = lines_of(
            stores, stores.journal.rows(selected), public_url=self._public_url, now=now
        )
        failures = lines_of(
            stores,
            stores.journal.rows(open_failures(before)),
            public_url=self._public_url,
            now=now,
        )
        payouts = stores.closings.payouts(since, before)
        return {
            "month": str(month),
            "timezone": self._timezone,
            "charges": charges,
            "failures": [_aged(line, before) for line in failures],
            "refunds": [_worded(row) for row in stores.closings.refunds(since, before)],
            "disputes": [_worded(row) for row in stores.closings.disputes(since, before)],
            "payouts": [_payout(row) for row in payouts],
            "runs": stores.closings.runs(since, before),
            "sums": lines_of_sums(sums),
            "settled": _settled(charges),
            "fees_unknown": sum(1 for one in charges if _is_paid(one) and one["fee"] is None),
            "checks": _checks(
                charges, sums, stores.closings.paid_at_stripe(since, before), payouts
            ),
        }

    def _certificates(self, runs: Sequence[dict[str, Any]]) -> dict[str, str]:
        pages: dict[str, str] = {}
        for run in runs:
            try:
                pages[f"certificates/{run['run_id']}.html"] = self._certificate(
                    run["run_id"]
                ).decode()
            except NotFound:
                # Its line in the summary says that there is none.
                continue
        return pages


def _is_paid(line: Line) -> bool:
    return line["state"] == in_words(ChargeState.SUCCEEDED)


def _aged(line: Line, before: int) -> Line:
    days = (before - int(line["charged_at"] or 0)) // _DAY
    return {**line, "age": age_in_words(days)}


def _worded(row: dict[str, Any]) -> Line:
    return {
        **row,
        "state": in_words(row["state"] or "unknown"),
        "reason": in_words(row["reason"] or ""),
    }


def _payout(row: dict[str, Any]) -> Line:
    known = ("gross", "fees", "refunds", "disputes", "other", "ours")
    # What was not read yet, or cannot be, is empty and not 0.
    return {**row, "state": in_words(row["state"])} | (
        {} if row["is_read"] else dict.fromkeys(known)
    )


def _settled(charges: Sequence[Line]) -> list[Line]:
    """Fee and net of the paid charges by currency of settlement."""
    sums: dict[str, dict[str, int]] = {}
    for line in charges:
        if _is_paid(line) and line["fee"] is not None:
            one = sums.setdefault(str(line["settled_in"]), {"charges": 0, "fee": 0, "net": 0})
            one["charges"] += 1
            one["fee"] += int(line["fee"])
            one["net"] += int(line["net"] or 0)
    return [{"currency": code, **sums[code]} for code in sorted(sums)]


def _checks(
    charges: Sequence[Line],
    sums: Sequence[Sum],
    at_stripe: dict[str, int],
    payouts: Sequence[dict[str, Any]],
) -> list[dict[str, object]]:
    """Sums that must agree with each other."""
    lines: dict[tuple[str, str], int] = {}
    for line in charges:
        key = (str(line["currency"]).lower(), str(line["state"]))
        lines[key] = lines.get(key, 0) + int(line["amount"] or 0)
    summed = {(code, in_words(state)): amount for code, state, _, amount in sums}
    paid = {code: amount for code, state, _, amount in sums if state is ChargeState.SUCCEEDED}
    odd = [row["id"] for row in payouts if row["is_read"] and row["held"] != row["amount"]]
    return [
        _check("The lines of the journal add up to its sums", lines == summed),
        _check("What the ledger calls paid is paid at Stripe", paid == at_stripe),
        _check("Each payout that was read holds what it pays", not odd, ", ".join(odd)),
    ]


def _check(name: str, ok: bool, detail: str = "") -> dict[str, object]:
    return {"name": name, "ok": ok, "detail": detail}


def _files(closing: Closing, certificates: dict[str, str], timezone: str) -> dict[str, bytes]:
    tables = [
        accounts.AccountTable(in_words(name), columns, closing.facts[name])
        for name, columns in TABLES.items()
    ]
    tables.insert(1, accounts.AccountTable("Sums", SUM_COLUMNS, closing.facts["sums"]))
    if closing.number > 1:
        tables.append(accounts.AccountTable("Differences", DIFFERENCE_COLUMNS, closing.differences))
    files = {
        "summary.html": to_html(closing),
        f"month-end-{closing.month}.xlsx": accounts.to_xlsx(
            tables, timezone=timezone, made_at=closing.closed_at
        ),
        **{
            f"{table.name.lower()}.csv": accounts.to_csv(table, timezone=timezone)
            for table in tables
        },
        **{name: page.encode() for name, page in sorted(certificates.items())},
    }
    closed = local(closing.closed_at, timezone).isoformat()
    text = (
        f"{closing.month}, closing {closing.number}, {closed}, by {closing.closed_by}\n"
        f"audit head {closing.audit_head}\n"
    )
    return files | {"audit-head.txt": text.encode()}


def _zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _ZIP_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            pack.writestr(entry, content)
    return packed.getvalue()
