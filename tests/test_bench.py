"""What measures Onfile still runs, at a tiny size: numbers say nothing here."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from bench import backfill, million

SESSIONS = 300
MODULES = sorted(
    path.stem for path in (Path(__file__).parents[1] / "bench").glob("*.py") if path.stem[0] != "_"
)


@pytest.mark.parametrize("name", MODULES)
def test_it_can_be_imported(name: str) -> None:
    importlib.import_module(f"bench.{name}")


def test_a_first_backfill_beside_the_plain_loop(capsys: pytest.CaptureFixture[str]) -> None:
    backfill.side_by_side(SESSIONS, latency_ms=1)
    said = capsys.readouterr().out
    assert "INCOMPLETE" not in said
    assert "ratio to the plain loop" in said


def test_one_under_stripes_limit(capsys: pytest.CaptureFixture[str]) -> None:
    backfill.under_the_limit(SESSIONS, latency_ms=1)
    said = capsys.readouterr().out
    assert "INCOMPLETE" not in said
    assert "0.00 % of requests answered 429" in said


def test_a_large_mirror(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every page is rerun by the tests of pages already.
    monkeypatch.setattr(million, "rerun_pages", lambda *_, **__: None)
    size = ("--sessions", str(SESSIONS), "--runs", "1")
    monkeypatch.setattr(sys, "argv", ["million", "--folder", str(tmp_path), *size])
    million.main()
    said = capsys.readouterr().out
    assert f"wrote {SESSIONS} sessions" in said
    assert "median of all" in said
    monkeypatch.setattr(million, "read_sessions", lambda *_, **__: None)
    million.main()
    assert "wrote" not in capsys.readouterr().out, "a folder that is filled is kept"
