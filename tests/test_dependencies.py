"""The locks hold what the lists ask for, and what is installed; the audit says what it could not ask."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from datetime import date
from importlib.metadata import distribution, distributions
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
STALE = "run make lock, and commit what it writes"


def listed(name: str) -> list[Requirement]:
    """What a list or a lock asks for, with what the lists it includes ask for."""
    lines = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    wanted = []
    for line in lines:
        if line.startswith("-r "):
            wanted += listed(line.removeprefix("-r ").strip())
        elif line.strip() and not line.lstrip().startswith("#"):
            wanted.append(Requirement(line.split("--hash")[0].strip()))
    return wanted


def pins(name: str) -> dict[str, str]:
    """Of this Python on this system: name to version."""
    return {
        canonicalize_name(wanted.name): str(wanted.specifier).removeprefix("==")
        for wanted in listed(name)
        if wanted.marker is None or wanted.marker.evaluate()
    }


class TestLocks:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_holds_exactly_what_the_list_asks_for(self, lock: str) -> None:
        wanted = listed(lock.replace(".lock", ".txt"))
        found = {canonicalize_name(locked.name): str(locked.specifier) for locked in listed(lock)}
        for requirement in wanted:
            assert str(requirement.specifier) == found.get(canonicalize_name(requirement.name)), (
                STALE
            )

    @pytest.mark.parametrize("lock", LOCKS)
    def test_everything_in_it_is_asked_for_by_something(self, lock: str) -> None:
        """A line that was taken off the list is still in the lock, under the list's name."""
        names = {
            canonicalize_name(requirement.name)
            for requirement in listed(lock.replace(".lock", ".txt"))
        }
        text = (ROOT / lock).read_text(encoding="utf-8")
        for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
            name = canonicalize_name(re.split(r"[=\s]", block, maxsplit=1)[0])
            reasons = re.findall(r"^    #(?: via|  ) +(\S.*)$", block, re.M)
            direct = [reason for reason in reasons if reason.startswith("-r ")]
            assert bool(direct) == (name in names), f"{name}: {STALE}"

    @pytest.mark.parametrize("lock", LOCKS)
    def test_every_version_has_hashes(self, lock: str) -> None:
        text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
        lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
        assert len(lines) > 50
        assert all("--hash=sha256:" in line for line in lines)

    def test_tests_run_with_what_production_runs(self) -> None:
        production = pins("requirements.lock")
        assert production.items() <= pins("requirements-dev.lock").items()

    def test_what_runs_here_is_what_is_locked(self) -> None:
        installed = {canonicalize_name(d.name): d.version for d in distributions()}
        other = {
            name: (installed.get(name), version)
            for name, version in pins("requirements-dev.lock").items()
            if installed.get(name) != version and name != "pip"
        }
        assert not other, "make test installs what is locked"

    @pytest.mark.parametrize("lock", LOCKS)
    def test_nothing_comes_along_unlocked(self, lock: str) -> None:
        locked = pins(lock)
        for name in locked.keys() - {"pip"}:
            for text in distribution(name).requires or []:
                requirement = Requirement(text)
                if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                    assert canonicalize_name(requirement.name) in locked, f"{name} needs {text}"


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "onfile_advisories", ROOT / ".ci" / "advisories.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


TODAY = date(2026, 11, 29)
KNOWN = {"id": "GHSA-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"]}
EXCEPTION = """[[exception]]
id = "CVE-1"
package = "bad"
reason = "not reachable"
until = 2026-11-29
"""


def answer(*vulnerabilities: dict[str, object], skipped: int = 0) -> str:
    packages: list[dict[str, object]] = [{"name": "good", "version": "1.0", "vulns": []}]
    packages.append({"name": "bad", "version": "1.0", "vulns": list(vulnerabilities)})
    packages += [{"name": f"odd{n}", "skip_reason": "not found"} for n in range(skipped)]
    return json.dumps({"dependencies": packages, "fixes": []})


class TestAudit:
    def test_nothing_known(self, audit: ModuleType) -> None:
        report = audit.judge(answer(), "", [], TODAY)
        assert not report.failed
        assert report.lines == ["2 packages, no vulnerability without exception."]

    def test_what_is_known_fails_and_says_what_fixes_it(self, audit: ModuleType) -> None:
        report = audit.judge(answer(KNOWN), "", [], TODAY)
        assert report.failed
        assert report.lines == ["bad 1.0: GHSA-1; fixed in 2.0"]

    def test_an_exception_holds_until_its_day_by_any_of_the_names(self, audit: ModuleType) -> None:
        accepted = audit.exemptions(EXCEPTION)
        assert not audit.judge(answer(KNOWN), "", accepted, TODAY).failed
        later = audit.judge(answer(KNOWN), "", accepted, date(2026, 11, 30))
        assert later.failed
        assert "ended on 2026-11-29" in later.lines[-1]

    def test_an_exception_that_is_not_needed_must_go(self, audit: ModuleType) -> None:
        report = audit.judge(answer(), "", audit.exemptions(EXCEPTION), TODAY)
        assert report.failed
        assert "not needed any more" in report.lines[0]

    def test_a_package_that_was_not_looked_up_is_named(self, audit: ModuleType) -> None:
        report = audit.judge(answer(skipped=2), "", [], TODAY)
        assert not report.failed
        assert report.lines[0] == "2 of 4 could not be looked up: odd0, odd1"

    def test_a_service_that_knows_nothing_has_audited_nothing(self, audit: ModuleType) -> None:
        output = json.dumps({"dependencies": [{"name": "odd", "skip_reason": "not found"}]})
        assert "Nothing was audited" in audit.judge(output, "", [], TODAY).lines[0]

    def test_a_failure_of_pip_audit_is_no_service_out_of_reach(self, audit: ModuleType) -> None:
        report = audit.judge("", "invalid requirements input", [], TODAY)
        assert report.failed
        assert "invalid requirements input" in report.lines

    def test_pip_audit_itself_without_a_way_out(
        self,
        audit: ModuleType,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        tmp_path: Path,
    ) -> None:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        lock = tmp_path / "one.lock"
        lock.write_text("onfile-nowhere==1.0 --hash=sha256:" + "0" * 64 + "\n")
        assert audit.main(str(lock)) == 0
        assert "cannot be reached" in capsys.readouterr().out

    def test_the_exceptions_on_file_can_be_read(self, audit: ModuleType) -> None:
        for entry in audit.exemptions(audit.EXCEPTIONS.read_text(encoding="utf-8")):
            assert entry.reason
