"""
Asks the advisory service of pip-audit whether a lock holds a version with a known vulnerability.

    python .ci/advisories.py requirements-dev.lock

Exit status: 0 nothing is known, or nobody could be asked, which is said; 1 something is known, an
exception is not needed any more, or pip-audit failed. A service that knows nothing of a package
answers like one that knows nothing against it: what was not looked up is counted and said.

Exceptions, in advisory-exceptions.toml beside this file, are for what has no fix yet. They end.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

EXCEPTIONS = Path(__file__).with_name("advisory-exceptions.toml")
# How pip-audit ends when there is no way to the service.
_UNREACHABLE = ("requests.exceptions.", "Could not connect to", "ConnectionError")


@dataclass(frozen=True, slots=True)
class Exemption:
    id: str
    package: str
    reason: str
    until: date
    """The last day on which it holds."""


@dataclass(frozen=True, slots=True)
class Report:
    lines: list[str]
    failed: bool


def exemptions(text: str) -> list[Exemption]:
    return [Exemption(**entry) for entry in tomllib.loads(text).get("exception", [])]


def judge(output: str, errors: str, accepted: list[Exemption], today: date) -> Report:
    """What pip-audit's answer, as JSON, means."""
    if not output.strip():
        if any(sign in errors for sign in _UNREACHABLE):
            return Report(["Nothing was audited: the advisory service cannot be reached."], False)
        return Report(["Nothing was audited: pip-audit failed.", errors.strip()], True)
    packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    skipped = [package for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        return Report(["Nothing was audited: the advisory service knows none of it."], False)
    lines = []
    if skipped:
        names = ", ".join(package["name"] for package in skipped)
        lines.append(f"{len(skipped)} of {len(packages)} could not be looked up: {names}")
    current = {(entry.package, entry.id) for entry in accepted if entry.until >= today}
    needed = set()
    failed = False
    for package in packages:
        for found in package.get("vulns", []):
            ids = {(package["name"], name) for name in (found["id"], *found["aliases"])}
            needed |= ids
            if ids & current:
                continue
            failed = True
            fixed = ", ".join(found["fix_versions"]) or "none yet"
            lines.append(f"{package['name']} {package['version']}: {found['id']}; fixed in {fixed}")
    for entry in accepted:
        if (entry.package, entry.id) not in needed:
            failed = True
            lines.append(f"{entry.package}: the exception for {entry.id} is not needed any more.")
        elif entry.until < today:
            lines.append(f"{entry.package}: the exception for {entry.id} ended on {entry.until}.")
    if not failed:
        lines.append(
            f"{len(packages) - len(skipped)} packages, no vulnerability without exception."
        )
    return Report(lines, failed)


def main(lock: str) -> int:
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--requirement", lock, "--format", "json"),
            *("--require-hashes", "--disable-pip", "--progress-spinner", "off"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    accepted = exemptions(EXCEPTIONS.read_text(encoding="utf-8"))
    today = datetime.now(UTC).date()
    report = judge(answer.stdout, answer.stderr, accepted, today)
    print("\n".join(report.lines), file=sys.stderr if report.failed else sys.stdout)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
