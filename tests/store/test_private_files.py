"""Whatever the umask, nobody but Onfile's own user reads what it keeps."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lib.store.private_files import close_to_others
from tests.server.conftest import ROOT, environment

_ALL_OF_IT = """
import os, sys
from pathlib import Path
from lib import bootstrap
from lib.cli.main import main

services = bootstrap.services()
bootstrap.practice()
main(["users", "add", "ada", "--email", "ada@example.com", "--role", "admin"])
main(["--as", "ada", "backup"])
services.audit.anchor_day()
main(["--as", "ada", "audit", "export", "--out", sys.argv[1] + "/audit.jsonl"])
main(["--as", "ada", "charges", "export", "--out", sys.argv[1] + "/charges.csv"])
# Here, while the database is open: its log goes when the last connection closes.
for path in sorted(Path(sys.argv[1]).rglob("*")):
    print(f"{path.name} {path.stat().st_mode & 0o777:o}", file=sys.stderr)
services.close()
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def made_under(umask: int, folder: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", _ALL_OF_IT, str(folder)],
        cwd=ROOT,
        env=environment(
            folder,
            8501,
            ONFILE_PASSWORD="a-Long-enough-one-77",
            ONFILE_NEW_PASSWORD="a-Long-enough-one-77",
        ),
        umask=umask,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split(" ") for line in done.stderr.splitlines()]
    return {line[0]: line[1] for line in lines if len(line) == 2 and line[1].isdigit()}


@pytest.mark.parametrize("umask", [0, 0o022])
def test_all_that_is_made_is_0600_in_folders_0700(umask: int, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    modes = made_under(umask, folder)
    expected = {"onfile.db", "onfile.db-wal", "onfile.db-shm", "onfile.anchor", "onfile.heads"}
    expected |= {
        "onfile.lock",
        "cookie.key",
        "practice.db",
        "backups",
        "audit.jsonl",
        "charges.csv",
    }
    assert expected <= set(modes)
    copies = [name for name in modes if name.startswith("onfile-")]
    assert {name.rpartition(".")[2] for name in copies} == {"db", "json"}
    assert {name: mode for name, mode in modes.items() if mode != "600"} == {"backups": "700"}
    assert mode_of(folder) == 0o700


def test_what_stood_open_is_closed_and_what_is_everybodys_is_left(tmp_path: Path) -> None:
    data, backups = tmp_path / "data", tmp_path / "elsewhere"
    for folder in (data, backups):
        folder.mkdir()
        folder.chmod(0o755)  # whatever umask another test has left
    for path in (
        data / "onfile.db",
        data / "practice.db",
        data / "cookie.key",
        backups / "onfile-1.db",
    ):
        path.touch()
        path.chmod(0o666)
    other = backups / "report.pdf"
    other.touch()
    other.chmod(0o644)
    close_to_others(data, backups)
    assert {mode_of(path) for path in (*data.iterdir(), backups / "onfile-1.db")} == {0o600}
    # A folder that somebody else made for more than us keeps its mode, and what is not ours in it.
    assert (mode_of(data), mode_of(backups), mode_of(other)) == (0o700, 0o755, 0o644)
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    close_to_others(shared, shared / "backups")
    assert mode_of(shared) == 0o1777


def test_a_file_of_anothers_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="lib")
    (tmp_path / "onfile.db").touch()
    (tmp_path / "onfile.db").chmod(0o644)

    def refused(path: Path, mode: int) -> None:
        raise PermissionError(1, os.strerror(1), str(path))

    monkeypatch.setattr(Path, "chmod", refused)
    close_to_others(tmp_path, tmp_path / "backups")
    assert "onfile.db stays readable for others" in caplog.text
