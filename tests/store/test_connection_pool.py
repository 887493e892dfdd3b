"""Connections lent from one unit of work to the next: nothing of the one before is left in them."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from lib.store import connection_pool
from lib.store.connection import connect
from lib.store.connection_pool import ConnectionPool
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


@pytest.fixture
def pool(uow: UnitOfWork) -> ConnectionPool:
    return uow.pool


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every connection that a pool opens from now on."""
    connections: list[Any] = []

    def remembering(*given: Any, **more: Any) -> Any:
        connections.append(connect(*given, **more))
        return connections[-1]

    monkeypatch.setattr(connection_pool, "connect", remembering)
    return connections


def note(stores: Stores, subject: str = "x") -> None:
    stores.audit.record(at=1, actor="alice", action="test", subject=subject, detail={})


def written(uow: UnitOfWork) -> None:
    with uow.write() as stores:
        note(stores)


def noted(uow: UnitOfWork) -> int:
    with uow.pool.reading() as database:
        return int(database.execute("SELECT count(*) FROM audit_log").fetchone()[0])


def in_a_thread(work: Callable[[], object]) -> None:
    """In one that ends with it, as Streamlit runs each rerun."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result(10)


def is_closed(connection: Any) -> bool:
    try:
        connection.total_changes  # noqa: B018 - asks whether it may be asked
    except sqlite3.ProgrammingError:
        return True
    return False


class TestLending:
    def test_threads_that_come_and_go_use_the_same_connection(
        self, uow: UnitOfWork, opened: list[Any]
    ) -> None:
        for _ in range(5):
            in_a_thread(lambda: noted(uow))
        assert len(opened) == 1

    def test_units_at_the_same_moment_have_one_each_and_few_are_kept(
        self, uow: UnitOfWork, opened: list[Any]
    ) -> None:
        barrier = threading.Barrier(12)

        def read(_: int) -> int:
            with uow.read() as stores:
                barrier.wait(10)
                return len(stores.users.all())

        with ThreadPoolExecutor(12) as threads:
            assert list(threads.map(read, range(12))) == [0] * 12
        assert len(opened) == 12
        assert sum(not is_closed(database.conn) for database in opened) == 8

    def test_it_closes_them_when_nobody_has_it_any_more(
        self, uow: UnitOfWork, opened: list[Any]
    ) -> None:
        own = UnitOfWork(uow.pool.path)
        with own.write() as stores:
            note(stores)
        log = Path(f"{uow.pool.path}-wal")
        assert log.exists()
        del own, stores
        gc.collect()
        assert is_closed(opened[0].conn)
        assert not log.exists(), "the last to close writes the write-ahead log back"

    def test_closing_leaves_the_lent_one_alone(self, uow: UnitOfWork) -> None:
        with uow.write() as stores:
            uow.pool.close()
            note(stores)
        assert noted(uow) == 1

    def test_one_that_failed_is_not_lent_again(self, uow: UnitOfWork, opened: list[Any]) -> None:
        with pytest.raises(sqlite3.OperationalError), uow.pool.reading() as database:
            database.execute("SELECT * FROM nothing_like_it")
        assert is_closed(opened[0].conn)
        assert noted(uow) == 0

    def test_an_error_of_the_caller_s_costs_no_connection(
        self, uow: UnitOfWork, opened: list[Any]
    ) -> None:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), uow.write() as stores:
                stores.audit.record(at=1, actor="a", action="b", subject="c", detail={"x": 1 // 0})
        assert len(opened) == 1
        assert noted(uow) == 0


class TestWhatIsLeft:
    def test_a_read_sees_what_was_committed_since(self, uow: UnitOfWork) -> None:
        for number in range(3):
            assert noted(uow) == number
            with uow.write() as stores:
                note(stores)

    def test_nothing_can_be_written_while_reading_whatever_was_done_before(
        self, uow: UnitOfWork, pool: ConnectionPool
    ) -> None:
        with uow.write() as stores:
            note(stores)
        with (
            pytest.raises(sqlite3.OperationalError, match="readonly"),
            pool.reading() as database,
        ):
            database.execute("INSERT INTO meta (name, value) VALUES ('a', 'b')")
        with uow.write() as stores:
            note(stores)
        assert noted(uow) == 2

    def test_stores_are_of_no_use_after_their_unit(self, uow: UnitOfWork) -> None:
        """They would write into somebody else's transaction."""
        with uow.write() as stores:
            note(stores)
        with uow.write():
            with pytest.raises(sqlite3.ProgrammingError, match="closed"):
                note(stores)
            with pytest.raises(sqlite3.ProgrammingError, match="closed"):
                stores.users.all()
        assert noted(uow) == 1

    @pytest.mark.parametrize("is_write", [False, True])
    def test_rows_that_were_not_read_to_the_end_hold_no_snapshot(
        self, uow: UnitOfWork, pool: ConnectionPool, raw: sqlite3.Connection, is_write: bool
    ) -> None:
        """The write-ahead log could not start over, and the next unit would see an old moment."""
        for _ in range(3):
            with uow.write() as stores:
                note(stores)
        with pool.writing() if is_write else pool.reading() as database:
            rows = database.execute("SELECT * FROM audit_log")
            rows.fetchone()
        with uow.write() as stores:
            note(stores)
        assert noted(uow) == 4
        assert raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0, "nobody reads"
        with pytest.raises(sqlite3.ProgrammingError):
            rows.fetchone()

    def test_a_large_cache_is_of_the_bulk_write_only(
        self, uow: UnitOfWork, databases: list[Database]
    ) -> None:
        def cache() -> int:
            return int(databases[-1].execute("PRAGMA cache_size").fetchone()[0])

        with uow.write(in_bulk=True):
            assert cache() == -32_768
        with uow.write():
            assert cache() == -2_000
        with uow.write(in_bulk=True):
            pass
        with uow.read():
            assert cache() == -2_000

    def test_a_schema_that_changed_is_seen(self, uow: UnitOfWork, raw: sqlite3.Connection) -> None:
        def columns() -> list[str]:
            with uow.pool.reading() as database:
                return [column[0] for column in database.execute("SELECT * FROM meta").description]

        before = columns()
        raw.execute("ALTER TABLE meta ADD COLUMN remark TEXT")
        raw.commit()
        assert columns() == [*before, "remark"]


class TestOneUnitAThread:
    @pytest.mark.parametrize("outer", ["read", "write"])
    @pytest.mark.parametrize("inner", ["read", "write", "submit"])
    def test_another_one_inside_it_is_an_error_at_once(
        self, uow: UnitOfWork, outer: str, inner: str
    ) -> None:
        def begin() -> None:
            if inner == "submit":
                uow.submit(note)
            else:
                getattr(uow, inner)().__enter__()

        with getattr(uow, outer)() as stores:
            with pytest.raises(RuntimeError, match="inside another one"):
                begin()
            assert stores.users.all() == []
        with uow.write() as stores:
            note(stores)
        assert noted(uow) == 1

    def test_also_inside_work_that_was_submitted(self, uow: UnitOfWork) -> None:
        def work(_: Stores) -> None:
            noted(uow)

        with pytest.raises(RuntimeError, match="inside another one"):
            uow.submit(work).result(10)

    def test_other_threads_have_their_own(self, uow: UnitOfWork) -> None:
        with uow.write() as stores:
            note(stores)
            in_a_thread(lambda: noted(uow))

    def test_one_that_another_thread_ends_leaves_nobody_busy(self, uow: UnitOfWork) -> None:
        def rows() -> Iterator[int]:
            with uow.read() as stores:
                yield len(stores.users.all())

        reading = rows()
        next(reading)
        in_a_thread(reading.close)  # type: ignore[attr-defined]
        assert noted(uow) == 0


class TestFile:
    def test_another_file_in_its_place_is_read_from_the_next_unit_on(
        self, uow: UnitOfWork, tmp_path: Path, opened: list[Any]
    ) -> None:
        path, copy = uow.pool.path, tmp_path / "copy.db"
        with uow.write() as stores:
            note(stores)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        with uow.write() as stores:
            note(stores)
        assert noted(uow) == 2
        with uow.read():
            for suffix in ("-wal", "-shm"):
                path.with_name(path.name + suffix).unlink()
            copy.replace(path)
            # Its log has the name of the old one's, which a connection that is closed may remove.
            in_a_thread(lambda: written(uow))
        assert len(opened) == 3
        assert noted(uow) == 2
        assert is_closed(opened[0].conn), "the writer to the file that is gone"
        assert is_closed(opened[1].conn), "the reader, too"
        with closing(sqlite3.connect(path)) as shell:
            assert shell.execute("SELECT count(*) FROM audit_log").fetchone() == (2,)

    def test_a_data_folder_that_is_gone_is_an_error_of_sqlite_s(
        self, uow: UnitOfWork, tmp_path: Path
    ) -> None:
        assert noted(uow) == 0
        shutil.rmtree(uow.pool.path.parent)
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            noted(uow)

    def test_a_bulk_load_leaves_no_large_log_behind(self, uow: UnitOfWork) -> None:
        """Connections stay open, so that nobody removes it."""
        log = Path(f"{uow.pool.path}-wal")
        assert noted(uow) == 0
        with uow.bulk() as bulk:
            for number in range(12):
                with bulk.write() as stores:
                    stores.audit.record(
                        at=number,
                        actor="a",
                        action="test",
                        subject="x",
                        detail={"large": "x" * 2_000_000},
                    )
            assert log.stat().st_size > 20_000_000
        with uow.write() as stores:
            note(stores)
        assert log.stat().st_size <= 16 * 1024 * 1024


class TestFork:
    def test_a_child_opens_its_own_and_leaves_its_parent_s_alone(
        self, uow: UnitOfWork, opened: list[Any]
    ) -> None:
        with uow.write() as stores:
            note(stores)
        uow.submit(note).result(10)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                inherited = weakref.ref(opened.pop().conn)
                uow.submit(note).result(10)
                written(uow)
                gc.collect()
                is_kept = inherited() is not None and not is_closed(inherited())
                os.write(writing, b"%d %d %d" % (noted(uow), len(opened), is_kept))
            finally:
                os._exit(0)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading) as answer:
            # Of its own: one that writes, and one that counts.
            assert answer.read() == "4 2 1"
        with uow.write() as stores:
            note(stores)
        assert noted(uow) == 5
        assert len(opened) == 2
