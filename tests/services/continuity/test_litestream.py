"""The drill of docs/operations.md: a continuous copy, a machine that is lost, and nothing charged twice."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lib import bootstrap
from lib.errors import LedgerBehind
from lib.services.continuity.completeness import LedgerState
from lib.store.copies import problem_of
from tests.commands import Run, commands_of
from tests.world import ADA, BOB, World

LITESTREAM = Path(sys.executable).with_name("litestream")
GUIDE = Path(__file__).parents[3] / "docs" / "operations.md"
# A loop that looks whether something was copied ends by itself long before.
MOST_LOOKS = 200


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


class Replica:
    """Litestream as the guide sets it up, with a folder in place of a bucket."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._url = f"file://{folder / 'replica'}"
        self._config = folder / "litestream.yml"
        [example] = re.findall(r"```yaml\n(dbs:.*?)```", GUIDE.read_text("utf-8"), re.S)
        self._config.write_text(
            example.replace("/srv/onfile/data", str(world.settings.data_dir)).replace(
                "s3://YOUR-BUCKET/onfile", self._url
            )
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._tried = folder / "tried.db"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [LITESTREAM, "replicate", "-config", self._config],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def reset(self) -> None:
        subprocess.run([LITESTREAM, "reset", self._world.settings.database], check=True)

    def restore(self, target: Path) -> bool:
        """As the guide says, but to anywhere; False while there is nothing to restore."""
        done = subprocess.run(
            [LITESTREAM, "restore", "-integrity-check", "full", "-o", target, self._url],
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def wait_for(self, reference: str) -> None:
        """Until the replica holds a paid charge."""
        for _ in range(MOST_LOOKS):
            for left in self._tried.parent.glob(f"{self._tried.name}*"):
                left.unlink()
            if self.restore(self._tried):
                with closing(sqlite3.connect(self._tried)) as copy:
                    sql = "SELECT count(*) FROM charges WHERE reference = ? AND state = 'succeeded'"
                    if copy.execute(sql, (reference,)).fetchone() == (1,):
                        return
        raise AssertionError(f"{reference} never came to the replica")


@pytest.fixture
def replica(world: World, tmp_path: Path) -> Iterator[Replica]:
    made = Replica(world, tmp_path)
    made.start()
    yield made
    made.kill()


def charge_and_die(world: World, customer: str, reference: str) -> None:
    """`kill -9` in the moment after Stripe has charged."""
    world.services.close()
    pid = os.fork()
    if pid == 0:
        world.charge(customer, reference=reference)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def lose_the_machine(world: World) -> None:
    """Everything but practice Stripe, which stands for the real one."""
    world.services.close()
    for path in world.settings.data_dir.iterdir():
        if not path.name.startswith("practice."):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_the_drill(world: World, replica: Replica, run: Run, tmp_path: Path) -> None:
    customers = [world.customer() for _ in range(3)]
    for customer in customers:
        world.save_card(customer)
    rows = [f"{customer},12.34,usd,INV-{n}" for n, customer in enumerate(customers, start=1)]
    file = tmp_path / "november.csv"
    file.write_text("\n".join(["customer,amount,currency,reference", *rows]))
    world.charge(customers[0], reference="INV-1")
    replica.wait_for("INV-1")
    # From here on nothing is copied: these are the seconds that a replica may lack.
    replica.kill()
    charge_and_die(world, customers[1], "INV-2")
    assert len(world.moved()) == 2
    lose_the_machine(world)

    assert replica.restore(world.settings.database)
    bootstrap.migrate(world.settings)
    world.rebuild()
    assert [row["reference"] for row in world.rows("SELECT reference FROM charges")] == ["INV-1"]
    with pytest.raises(LedgerBehind):
        world.charge(customers[1], reference="INV-2")
    assert run("--as", "alice", "reconcile", "--rebuild", "--json").status == 0
    assert run("--as", "bob", "reconcile", "--confirm-decisions", "--json").status == 0
    assert world.services.completeness.state() is LedgerState.COMPLETE

    uploaded = run("--as", "alice", "runs", "import", str(file), "--json").json
    assert {(error["row"], error["column"]) for error in uploaded["errors"]} == {
        (2, "reference"),
        (3, "reference"),
    }
    assert uploaded["valid"] == 1
    run_id = uploaded["run_id"]
    assert run("--as", "alice", "runs", "submit", run_id, "--json").status == 0
    assert run("--as", "bob", "runs", "approve", run_id, "--json").status == 0
    assert run("--as", "alice", "runs", "start", run_id, "--wait", "--json").status == 0
    charged = world.rows("SELECT reference FROM charges WHERE state = 'succeeded' ORDER BY 1")
    assert [row["reference"] for row in charged] == ["INV-1", "INV-2", "INV-3"]
    assert len(world.moved()) == 3


class TestTogether:
    """Litestream's locks and ours."""

    def test_what_is_written_at_once_and_in_bulk_is_copied_and_nobody_waits_in_vain(
        self, world: World, replica: Replica, tmp_path: Path
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        for n in range(20):
            world.charge(customer, reference=f"INV-{n}")
            world.clock.advance(minutes=1)
        world.services.sync.run(full=True)
        # A checkpoint of ours beside Litestream's, and a copy by SQLite's own means.
        taken = world.services.backups.take(by=ADA)
        world.charge(customer, reference="INV-LAST")
        replica.wait_for("INV-LAST")
        target = tmp_path / "restored.db"
        assert replica.restore(target)
        assert problem_of(target) is None
        assert problem_of(taken.path) is None
        with closing(sqlite3.connect(target)) as copy:
            assert copy.execute("SELECT count(*) FROM charges").fetchone() == (21,)

    def test_it_adds_nothing_that_a_start_or_a_restore_minds(
        self, world: World, replica: Replica
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="INV-1")
        replica.wait_for("INV-1")
        replica.kill()
        bootstrap.migrate(world.settings)
        taken = world.services.backups.take(by=ADA)
        plan = world.services.restores.look(taken.path, by=ADA)
        assert any("Litestream" in note for note in plan.notes)
        world.services.restores.restore(taken.path, by=ADA)
        world.rebuild()
        world.services.completeness.state()
        world.services.rebuilds.rebuild(by=ADA)
        world.services.completeness.confirm_decisions(by=BOB)
        assert world.services.completeness.state() is LedgerState.COMPLETE
        replica.reset()
        replica.start()
        world.charge(customer, reference="INV-2")
        replica.wait_for("INV-2")
