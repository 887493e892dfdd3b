"""The audit log's end is kept outside: what was cut off, emptied or written anew is found."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from lib import bootstrap
from lib.errors import InvalidInput, LedgerBehind
from lib.store.anchor import Anchor
from lib.store.audit import AuditStore
from lib.store.meta import BEHIND, TIMEZONE
from tests.beginnings import made_once
from tests.charge_runs import executed, invoices, payers
from tests.world import ADA, ALICE, BOB, World


def change(world: World, *statements: str) -> None:
    """By somebody with the file and without our triggers."""
    with sqlite3.connect(world.settings.database) as database:
        triggers = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_log'"
        ).fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)
        for _, sql in triggers:
            database.execute(sql)


def assert_nobody_can_confirm(world: World) -> None:
    """The log stays broken after a rebuild, and after an approver has looked."""
    with pytest.raises(LedgerBehind):
        world.services.completeness.verify()
    world.services.rebuilds.rebuild(by=ADA)
    world.services.completeness.confirm_decisions(by=BOB)
    verification = world.services.audit.verify()
    assert (verification.ok, verification.restores) == (False, ())


@pytest.fixture
@made_once
def used(world: World) -> World:
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer)
    assert world.services.audit.verify().ok
    return world


class TestFound:
    def test_the_last_entries_cut_off(self, used: World) -> None:
        change(used, "DELETE FROM audit_log WHERE id > (SELECT max(id) - 2 FROM audit_log)")
        verification = used.services.audit.verify()
        assert verification.check.ok, "the chain itself is whole"
        assert not verification.ok
        assert len(verification.missing) == 1

    def test_an_emptied_table(self, used: World) -> None:
        change(used, "DELETE FROM audit_log")
        assert not used.services.audit.verify().ok

    @pytest.mark.parametrize("kept", [0, 2])
    def test_nobody_confirms_that_entries_of_this_very_file_are_gone(
        self, used: World, kept: int
    ) -> None:
        """No older copy was put back: it would have gone on with the number after its last."""
        change(used, f"DELETE FROM audit_log WHERE id > {kept}")
        assert_nobody_can_confirm(used)

    @pytest.mark.parametrize("kept", [0, 2])
    def test_nor_where_the_numbers_were_set_back_too(self, used: World, kept: int) -> None:
        """An older copy would not hold the charge whose entry it lacks."""
        change(
            used,
            f"DELETE FROM audit_log WHERE id > {kept}",
            f"UPDATE sqlite_sequence SET seq = {kept} WHERE name = 'audit_log'",
        )
        assert_nobody_can_confirm(used)

    @pytest.mark.parametrize("has_anchor", [True, False])
    def test_an_emptied_table_is_doubted_at_the_next_start(
        self, used: World, has_anchor: bool
    ) -> None:
        change(used, "DELETE FROM audit_log", "DELETE FROM sqlite_sequence")
        if not has_anchor:
            used.settings.database.with_suffix(".anchor").unlink()
        bootstrap.migrate(used.settings)
        with used.uow.read() as stores:
            assert stores.meta.value(BEHIND) is not None

    def test_all_digests_written_anew(self, used: World) -> None:
        with sqlite3.connect(used.settings.database) as database:
            database.row_factory = sqlite3.Row
            rows = [dict(row) for row in database.execute("SELECT * FROM audit_log ORDER BY id")]
        change(
            used, "DELETE FROM audit_log", "DELETE FROM sqlite_sequence WHERE name = 'audit_log'"
        )
        unanchored = Anchor(used.settings.database)
        kept = unanchored.head()
        with used.services.uow.pool.writing() as database:
            forged = AuditStore(database)
            for row in rows:
                forged.record(
                    at=row["at"],
                    actor="somebody else",
                    action=row["action"],
                    subject=row["subject"],
                    detail=json.loads(row["detail"]),
                )
        assert used.services.audit.verify().check.ok
        assert used.services.audit.verify().missing == (str(kept),)

    def test_a_head_that_was_written_down_elsewhere(self, used: World) -> None:
        head = used.services.audit.head()
        assert used.services.audit.verify(head).ok
        number, _, digest = head.partition(":")
        assert not used.services.audit.verify(f"{number}:{digest[::-1]}").ok
        with pytest.raises(InvalidInput, match="ID:HASH"):
            used.services.audit.verify("the last one")

    def test_the_days_line_outlives_a_forged_anchor(self, used: World) -> None:
        assert used.services.audit.anchor_day()
        assert not used.services.audit.anchor_day()
        change(used, "DELETE FROM audit_log WHERE id = (SELECT max(id) FROM audit_log)")
        (used.settings.data_dir / "onfile.anchor").unlink()
        assert not used.services.audit.verify().ok

    def test_a_day_is_the_installations(self, used: World) -> None:
        with used.uow.write() as stores:
            stores.meta.set(TIMEZONE, "Pacific/Auckland")
        assert used.services.audit.anchor_day()
        lines = used.settings.database.with_suffix(".heads").read_text().splitlines()
        assert lines[-1].startswith("2026-11-24 "), "one in the morning there"

    def test_a_certificate_tells_where_nothing_else_is_left(self, used: World) -> None:
        run = executed(used, invoices(payers(used, 1)))
        head = used.services.runs.certificates.certify(run.id, by=ALICE).content["audit_head"]
        assert used.services.audit.verify().ok
        change(used, "DELETE FROM audit_log WHERE id > (SELECT max(id) - 2 FROM audit_log)")
        for beside in (".anchor", ".heads"):
            used.settings.database.with_suffix(beside).unlink(missing_ok=True)
        assert used.services.audit.verify().missing == (head,)

    def test_so_does_a_backup(self, used: World, tmp_path: Path) -> None:
        taken = used.services.backups.take(by=ADA, destination=tmp_path)
        change(used, "DELETE FROM audit_log WHERE id > (SELECT max(id) - 3 FROM audit_log)")
        for beside in (".anchor", ".heads"):
            used.settings.database.with_suffix(beside).unlink(missing_ok=True)
        assert used.services.audit.verify().missing == (taken.audit_head,)

    def test_a_damaged_anchor_is_no_anchor_that_fits(self, used: World) -> None:
        (used.settings.data_dir / "onfile.anchor").write_text("{}")
        assert not used.services.audit.verify().ok


class TestAnOlderCopy:
    def test_an_honest_restore_says_what_is_gone_and_the_log_is_whole(self, used: World) -> None:
        taken = used.services.backups.take(by=ADA)
        customer = used.customer()
        used.save_card(customer)
        used.services.restores.restore(taken.path, by=ADA)
        verification = used.services.audit.verify()
        assert verification.ok
        assert "ada put an older copy back" in verification.restores[0]
        used.customer()
        assert used.services.audit.verify().ok
        change(used, "DELETE FROM audit_log WHERE id = (SELECT max(id) FROM audit_log)")
        assert not used.services.audit.verify().ok

    def test_a_file_put_back_by_hand_is_noticed_without_any_payment(self, used: World) -> None:
        taken = used.services.backups.take(by=ADA)
        customer = used.customer()
        used.save_card(customer)
        with (
            sqlite3.connect(taken.path) as origin,
            sqlite3.connect(used.settings.database) as target,
        ):
            origin.backup(target)
        used.rebuild()
        with pytest.raises(LedgerBehind):
            used.charge(customer, reference="INV-2")
        assert not used.services.audit.verify().ok
        used.services.rebuilds.rebuild(by=ADA)
        used.services.completeness.verify()
        assert not used.services.audit.verify().ok, "nobody has looked yet"
        used.services.completeness.confirm_decisions(by=BOB)
        verification = used.services.audit.verify()
        assert verification.ok
        assert "put back by hand" in verification.restores[0]


def test_every_entry_is_exported(used: World, tmp_path: Path) -> None:
    target = tmp_path / "log.jsonl"
    count = used.services.audit.export(target, by=ADA)
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(lines) == count > 3
    assert all(line["hash"] for line in lines)
    assert used.services.audit.verify().check.entries == count + 1
