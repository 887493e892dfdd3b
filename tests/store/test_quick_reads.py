"""One connection for many threads' reads: always of what is committed by now, and never a write."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib.store.quick_reads import QuickReads
from lib.store.unit_of_work import UnitOfWork


def audited(reads: QuickReads) -> int:
    return len(
        reads.read(lambda stores: list(stores.audit._database.query("SELECT 1 FROM audit_log")))
    )


def test_sees_what_was_committed_since(uow: UnitOfWork) -> None:
    reads = QuickReads(uow.path)
    for number in range(3):
        assert audited(reads) == number
        with uow.write() as stores:
            stores.audit.record(at=1, actor="alice", action="test", subject="x", detail={})


def test_from_many_threads(uow: UnitOfWork) -> None:
    reads = QuickReads(uow.path)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: audited(reads), range(100))) == {0}


def test_writes_nothing_and_goes_on_after_an_error(uow: UnitOfWork) -> None:
    reads = QuickReads(uow.path)
    with pytest.raises(sqlite3.OperationalError):
        reads.read(lambda stores: stores.audit._database.execute("DELETE FROM audit_log"))
    assert audited(reads) == 0
