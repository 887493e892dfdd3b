"""What a command loads: nothing heavy that it has no use for."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server.conftest import environment

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {
    *(
        "altair",
        "bcrypt",
        "email_validator",
        "jinja2",
        "numpy",
        "pandas",
        "pyarrow",
    ),
    *("email.headerregistry", "lib.domain.files.row_orders", "stamina"),
    *("openpyxl", "prometheus_client", "python_calamine", "requests", "rich", "cryptography"),
    *("sqlite_utils", "starlette", "streamlit", "stripe", "uvicorn", "xlsxwriter", "zxcvbn"),
}
_SCRIPT = """
import json, sys
from lib.cli.main import main
try:
    status = main(sys.argv[1:])
except SystemExit as end:
    status = end.code
print(json.dumps({"status": status, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


def loaded(folder: Path, *arguments: str, status: int = 0) -> set[str]:
    """Which of HEAVY a command has loaded by its end, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments],
        cwd=ROOT,
        env=environment(folder, 8501, ONFILE_NEW_PASSWORD="correct-horse"),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stderr.splitlines()[-1])
    assert answer["status"] == status, done.stderr
    return HEAVY & set(answer["modules"])


_LISTS = """
import importlib.metadata, json, sys
from lib.cli.main import main

def never():
    raise AssertionError("the descriptions of all installed packages were read")

importlib.metadata.distributions = never
for thing in ("audit verify", "charges list", "limits list", "links list", "outbox list",
              "refunds list", "runs list", "users list"):
    assert main([*thing.split(), "--as", "ada"]) == 0, thing
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""
_DOCTOR = """
import json, sys
from lib.cli.main import main
assert main(["doctor", "--json"]) == 0
loaded = sorted(sys.modules)
from lib import bootstrap
bootstrap.services().reports
import pandas
total = int(pandas.DataFrame({"a": [1]}).a.sum())
print(json.dumps([loaded, sorted(sys.modules), total]), file=sys.stderr)
"""


@dataclass(frozen=True)
class Doctor:
    """One process: `doctor`, which asks practice Stripe's server, and then what only the dashboard needs."""

    loaded: set[str]
    loaded_in_the_end: set[str]
    sum_with_pandas: int


@pytest.fixture(scope="module")
def practice_doctor(tmp_path_factory: pytest.TempPathFactory) -> Doctor:
    done = subprocess.run(
        [sys.executable, "-c", _DOCTOR],
        cwd=ROOT,
        env=environment(tmp_path_factory.mktemp("doctor"), 8501),
        capture_output=True,
        text=True,
        check=True,
    )
    before, after, total = json.loads(done.stderr.splitlines()[-1])
    return Doctor(HEAVY & set(before), HEAVY & set(after), total)


class TestCommands:
    @pytest.mark.parametrize("arguments", [["--help"], ["runs", "import", "--help"]])
    def test_help_loads_nothing_heavy(self, tmp_path: Path, arguments: list[str]) -> None:
        assert loaded(tmp_path, *arguments) == set()

    def test_wrong_usage_is_refused_before_anything_is_loaded(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, "nonsense", status=2) == set()

    def test_a_command_of_ours_alone_loads_the_database(self, tmp_path: Path) -> None:
        assert loaded(tmp_path, "links", "list", "--json", status=1) == {"sqlite_utils"}

    def test_a_list_loads_what_a_sign_in_needs_and_no_more(self, tmp_path: Path) -> None:
        adding = ("users", "add", "ada", "--email", "ada@example.com", "--role", "admin")
        assert loaded(tmp_path, *adding) == {"sqlite_utils", "bcrypt", "zxcvbn"}
        done = subprocess.run(
            [sys.executable, "-c", _LISTS],
            cwd=ROOT,
            env=environment(tmp_path, 8501, ONFILE_PASSWORD="correct-horse"),
            capture_output=True,
            text=True,
            check=True,
        )
        modules = json.loads(done.stderr.splitlines()[-1])
        # Runs tell corrections, which are read as files are.
        assert HEAVY & set(modules) == {"sqlite_utils", "bcrypt", "lib.domain.files.row_orders"}

    def test_a_command_that_asks_stripe_loads_its_sdk(self, practice_doctor: Doctor) -> None:
        assert "stripe" in practice_doctor.loaded
        # Practice Stripe is a server in the same process.
        assert practice_doctor.loaded <= {
            "sqlite_utils",
            "stamina",
            "stripe",
            "requests",
            "prometheus_client",
            "starlette",
            "uvicorn",
        }

    def test_the_worker_loads_neither_pandas_nor_a_page_nor_what_reads_files_and_writes_mails(
        self, tmp_path: Path
    ) -> None:
        assert not loaded(tmp_path, "worker", "--once") & {
            "altair",
            "bcrypt",
            "email.headerregistry",
            "lib.domain.files.row_orders",
            "numpy",
            "pandas",
            "pyarrow",
            "streamlit",
        }

    def test_what_was_hidden_from_others_can_be_loaded_afterwards(
        self, practice_doctor: Doctor
    ) -> None:
        assert practice_doctor.sum_with_pandas == 1

    def test_a_module_that_is_loaded_is_seen(self, practice_doctor: Doctor) -> None:
        assert {"numpy", "pandas", "stripe"} <= practice_doctor.loaded_in_the_end


def test_the_server_loads_no_component_before_streamlit_runs(tmp_path: Path) -> None:
    """Components register with the server that runs; one that was loaded before answers 404 for ever."""
    script = "import app, sys; print('extra_streamlit_components' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment(tmp_path, 8501),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.splitlines()[-1] == "False"
