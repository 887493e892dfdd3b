"""Many threads' transactions committed together: each alone in failing, none ahead of the disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlite_utils import Database

from lib.domain.mirror import Customer
from lib.store import connection, connection_pool
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


def noting(subject: str) -> Callable[[Stores], str]:
    def work(stores: Stores) -> str:
        stores.audit.record(at=1, actor="a", action="note", subject=subject, detail={})
        return subject

    return work


def breaking(subject: str, error: BaseException) -> Callable[[Stores], str]:
    def work(stores: Stores) -> str:
        noting(subject)(stores)
        raise error

    return work


def noted(raw: sqlite3.Connection) -> set[str]:
    return {subject for (subject,) in raw.execute("SELECT subject FROM audit_log")}


def together(uow: UnitOfWork, pieces: list[Callable[[Stores], str]]) -> list[str | BaseException]:
    """All of them in one commit: they queue up while another piece is being written."""
    begun, go = threading.Event(), threading.Event()

    def first(_: Stores) -> None:
        begun.set()
        assert go.wait(10)

    holding = uow.submit(first)
    assert begun.wait(10)
    results = [uow.submit(piece) for piece in pieces]
    go.set()
    holding.result(10)
    return [result.exception(10) or result.result(10) for result in results]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry a commit."""
    commits: list[int] = []
    write = connection.write_transaction

    @contextmanager
    def counting(database: Any) -> Iterator[None]:
        with write(database):
            yield
        commits.append(1)

    monkeypatch.setattr(connection_pool, "write_transaction", counting)
    return commits


def test_what_waits_is_committed_at_once(
    uow: UnitOfWork, raw: sqlite3.Connection, counted: list[int]
) -> None:
    result = together(uow, [noting(str(at)) for at in range(8)])
    assert result == [str(at) for at in range(8)]
    assert noted(raw) == set(result)
    assert len(counted) == 2, "the first piece, and then the other eight"


def test_a_piece_that_fails_takes_nothing_else_with_it(
    uow: UnitOfWork, raw: sqlite3.Connection, counted: list[int]
) -> None:
    wrong = ValueError("this piece only")
    result = together(uow, [noting("a"), breaking("b", wrong), noting("c")])
    assert result == ["a", wrong, "c"]
    assert noted(raw) == {"a", "c"}
    assert len(counted) == 2


def test_nor_does_one_that_the_schema_refuses(
    uow: UnitOfWork, raw: sqlite3.Connection, databases: list[Database]
) -> None:
    def refused(stores: Stores) -> str:
        noting("b")(stores)
        databases[-1].execute("DELETE FROM audit_log")
        return "never"

    result = together(uow, [noting("a"), refused, noting("c")])
    assert result[0::2] == ["a", "c"]
    assert isinstance(result[1], sqlite3.IntegrityError)
    assert noted(raw) == {"a", "c"}


def test_nor_does_a_word_of_stripes_that_cannot_be_mirrored(
    uow: UnitOfWork, raw: sqlite3.Connection
) -> None:
    nameless: Any = Customer("cus_1", False, None, None, created=None)  # type: ignore[arg-type]

    def refused(stores: Stores) -> str:
        noting("b")(stores)
        stores.mirror.save_customers([nameless], synced_at_ms=1)
        return "never"

    result = together(uow, [noting("a"), refused, noting("c")])
    assert result[0::2] == ["a", "c"]
    assert isinstance(result[1], sqlite3.IntegrityError)
    assert noted(raw) == {"a", "c"}


def test_each_hears_only_after_the_commit(uow: UnitOfWork) -> None:
    others = [sqlite3.connect(uow.pool.path, check_same_thread=False) for _ in range(16)]

    def write_and_look(other: sqlite3.Connection) -> None:
        for number in range(12):
            name = f"{id(other)} {number}"
            uow.submit(noting(name)).result(10)
            assert name in noted(other)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(write_and_look, others))
    for other in others:
        other.close()


def test_before_the_commit_nobody_sees_it(uow: UnitOfWork, raw: sqlite3.Connection) -> None:
    seen: list[set[str]] = []

    def look(_: Stores) -> str:
        seen.append(noted(sqlite3.connect(uow.pool.path)))
        return "looked"

    together(uow, [noting("a"), look])
    assert seen == [set()]
    assert noted(raw) == {"a"}


def test_a_commit_that_fails_fails_all_of_it_and_the_next_one_works(
    uow: UnitOfWork, raw: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = connection.write_transaction
    broken = sqlite3.OperationalError("disk I/O error")

    @contextmanager
    def failing(database: Any) -> Iterator[None]:
        with write(database):
            yield
            if next(database.query("SELECT count(*) AS n FROM audit_log"))["n"]:
                raise broken

    monkeypatch.setattr(connection_pool, "write_transaction", failing)
    own = ValueError("its own")
    result = together(uow, [noting("a"), breaking("b", own), noting("c")])
    assert result == [broken, broken, broken], "not even the one that failed by itself may go on"
    assert noted(raw) == set()
    monkeypatch.undo()
    assert together(uow, [noting("d")]) == ["d"]
    assert noted(raw) == {"d"}


def test_a_database_that_is_locked_fails_all_of_it_and_the_next_one_works(
    uow: UnitOfWork, raw: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_SECONDS", 0.02)
    raw.isolation_level = None
    raw.execute("BEGIN IMMEDIATE")
    waiting = [uow.submit(noting(str(at))) for at in range(3)]
    errors = [one.exception(10) for one in waiting]
    assert [str(error) for error in errors] == ["database is locked"] * 3
    raw.execute("ROLLBACK")
    assert uow.submit(noting("later")).result(10) == "later"
    assert noted(raw) == {"later"}


def test_a_disk_that_is_full_keeps_nothing_and_says_so_to_all(
    uow: UnitOfWork, raw: sqlite3.Connection, databases: list[Database]
) -> None:
    """SQLite gives up the whole transaction then, savepoints and all."""
    assert uow.submit(noting("before")).result(10) == "before"

    def limiting(_: Stores) -> str:
        database = databases[-1]
        pages = next(database.query("PRAGMA page_count"))["page_count"]
        database.execute(f"PRAGMA max_page_count = {pages + 4}")
        return "limited"

    def growing(stores: Stores) -> str:
        stores.audit.record(
            at=1, actor="a", action="note", subject="big", detail={"much": "x" * 200_000}
        )
        return "never"

    result = together(uow, [limiting, noting("a"), growing, noting("c")])
    assert [type(one) for one in result] == [sqlite3.OperationalError] * 4
    assert noted(raw) == {"before"}, "who was told that it was written, finds it written"
    # The connection that failed was given up, and with it the limit.
    assert uow.submit(growing).result(10) == "never"


def test_a_writer_that_is_stopped_takes_everything_back(
    uow: UnitOfWork, raw: sqlite3.Connection
) -> None:
    result = together(uow, [noting("a"), breaking("b", SystemExit()), noting("c")])
    assert [str(one) for one in result] == ["the writer was stopped"] * 3
    assert noted(raw) == set()
    assert uow.submit(noting("d")).result(10) == "d"


def test_there_is_no_thread_to_be_had(
    uow: UnitOfWork, raw: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuses)
        assert str(uow.submit(noting("a")).exception(0)) == "the writer was stopped"
    assert uow.submit(noting("b")).result(10) == "b"
    assert noted(raw) == {"b"}


def test_whoever_goes_away_before_the_answer_takes_nothing_back(
    uow: UnitOfWork, raw: sqlite3.Connection
) -> None:
    future = uow.submit(noting("a"))
    future.cancel()
    assert future.result(10) == "a"
    assert noted(raw) == {"a"}


def test_after_it_was_closed_it_opens_again_and_closing_twice_is_fine(
    uow: UnitOfWork, raw: sqlite3.Connection
) -> None:
    uow.submit(noting("a")).result(10)
    uow.pool.close()
    uow.pool.close()
    assert uow.submit(noting("b")).result(10) == "b"
    assert noted(raw) == {"a", "b"}


def test_it_waits_for_the_disk(uow: UnitOfWork, databases: list[Database]) -> None:
    def synchronous(_: Stores) -> object:
        return next(databases[-1].query("PRAGMA synchronous"))["synchronous"]

    assert uow.submit(synchronous).result(10) == 2
