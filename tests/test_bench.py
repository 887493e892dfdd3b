"""What measures Onfile still runs, at a tiny size: numbers say nothing here."""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path

import pytest

from bench import backfill, files, large, ledger, million, rebuild, runs
from bench.account import Account, owner_of
from lib.reports.money_back import MoneyBackFilter

pytestmark = pytest.mark.server

SESSIONS = 300
STRIPE = backfill.Stripe(latency_ms=1, has_dated_ids=True)
NOISY_STRIPE = backfill.Stripe(latency_ms=1, has_dated_ids=False)
MODULES = sorted(
    path.stem for path in (Path(__file__).parents[1] / "bench").glob("*.py") if path.stem[0] != "_"
)


@pytest.mark.parametrize("name", MODULES)
def test_it_can_be_imported_and_leaves_the_log_of_others_alone(name: str) -> None:
    importlib.import_module(f"bench.{name}")
    assert logging.root.manager.disable == logging.NOTSET


@pytest.mark.parametrize("has_dated_ids", [True, False])
def test_an_id_tells_which_number_it_is_of(has_dated_ids: bool) -> None:
    account = Account(SESSIONS, has_dated_ids=has_dated_ids)
    for number in range(SESSIONS):
        item = account.item(number)
        ids = (item.session, item.setup_intent, item.setup_attempt, item.payment_method)
        assert [account.number_of(one) for one in ids] == [number] * 4
        assert item.customer is None or account.number_of(item.customer) == owner_of(number)


@pytest.mark.parametrize(
    "foreign", ["", "cus_", "cus_none", "pm_1abcdefgh", "cs_test_ä", "pm_1" + "!" * 30]
)
def test_an_id_of_somewhere_else_has_no_number(foreign: str) -> None:
    assert Account(SESSIONS).number_of(foreign) is None


def test_ids_grow_with_time_unless_they_are_noise() -> None:
    dated, noisy = (
        [
            Account(SESSIONS, has_dated_ids=is_dated).item(n).setup_intent[:11]
            for n in range(SESSIONS)
        ]
        for is_dated in (True, False)
    )
    assert dated == sorted(dated)
    assert noisy != sorted(noisy)


def test_a_first_backfill_beside_the_plain_loop(capsys: pytest.CaptureFixture[str]) -> None:
    backfill.side_by_side(SESSIONS, STRIPE)
    answer = capsys.readouterr().out
    assert "INCOMPLETE" not in answer
    assert "ratio to the plain loop" in answer


def test_one_under_stripes_limit(capsys: pytest.CaptureFixture[str]) -> None:
    backfill.under_the_limit(SESSIONS, NOISY_STRIPE)
    answer = capsys.readouterr().out
    assert "INCOMPLETE" not in answer
    assert "0.00 % of requests answered 429" in answer


def test_a_large_ledger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    size = ("--charges", str(SESSIONS), "--runs", "1")
    monkeypatch.setattr(sys, "argv", ["ledger", "--folder", str(tmp_path), *size])
    ledger.main()
    result = {
        line[:26].strip(): int(line[26:33])
        for line in capsys.readouterr().out.splitlines()
        if line.startswith(("rare", "absent"))
    }
    assert all(result[f"rare: {name}"] for name in ("name", "invoice", "customer id", "charge id"))
    assert not result["absent: name"]
    services = large.ledger(tmp_path, SESSIONS)
    assert len(services.reports.charges.page().frame) == 50
    assert services.reports.refunds.sums(MoneyBackFilter())
    assert services.reports.sessions.counts().every == SESSIONS


def test_a_large_mirror(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every page is rerun by the tests of pages already.
    monkeypatch.setattr(million, "rerun_pages", lambda *_, **__: None)
    size = ("--sessions", str(SESSIONS), "--runs", "1")
    monkeypatch.setattr(sys, "argv", ["million", "--folder", str(tmp_path), *size])
    million.main()
    answer = capsys.readouterr().out
    assert f"wrote {SESSIONS} sessions" in answer
    assert "median of all" in answer
    monkeypatch.setattr(million, "read_sessions", lambda *_, **__: None)
    million.main()
    assert "wrote" not in capsys.readouterr().out, "a folder that is filled is kept"


def test_a_rebuild_from_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    rebuild.measure(SESSIONS, latency_ms=1)
    answer = capsys.readouterr().out
    assert "INCOMPLETE" not in answer
    assert "payments of before, by Search" in answer
    assert f"'charges': {SESSIONS}" in answer


def test_a_run_beside_a_bare_loop_and_a_preview(capsys: pytest.CaptureFixture[str]) -> None:
    runs.free(8)
    runs.preview(10)
    answer = capsys.readouterr().out
    assert "WRONG" not in answer
    assert "8 charges" in answer
    assert "10 rows of" in answer


@pytest.mark.parametrize("kind", files.FILES)
def test_a_file_is_read_judged_and_stored(kind: str) -> None:
    result = files.measured(kind, 12)
    assert (tuple(result["wall"]), result["states"]) == (files.STEPS, "12 planned")
