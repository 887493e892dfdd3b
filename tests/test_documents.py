"""What the documents name is there: files, folders, commands of make, decisions."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DECISIONS = sorted(path.name for path in (ROOT / "docs/decisions").iterdir())
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/ui.md",
    "docs/operations.md",
    "docs/stripe-versions.md",
    *(f"docs/decisions/{name}" for name in DECISIONS),
    ".ci/run",
)
# Made at run time, or a stand-in for what the reader chooses.
NOT_IN_A_CHECKOUT = re.compile(r"^(?:data/|\.streamlit/secrets\.toml$|\.venv)|NAME")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_paths_it_names_are_there(document: str) -> None:
    named = re.findall(
        r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|txt|lock|toml))`", text_of(document)
    )
    gone = [
        path
        for path in named
        # "Europe/Berlin" is no path of ours.
        if ("/" not in path or path.endswith(".py") or (ROOT / path.split("/")[0]).exists())
        and not NOT_IN_A_CHECKOUT.search(path)
        and not any(ROOT.glob(f"**/{path}".rstrip("/")))
    ]
    assert not gone


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_commands_of_make_are_there(document: str) -> None:
    lines = re.findall(r"(?:^|`)make ([a-z][a-z -]*)", text_of(document), re.M)
    named = {word for line in lines for word in line.split()}
    assert named - TARGETS == set()


def test_a_decision_has_its_number_to_itself_and_in_its_heading() -> None:
    numbers = [name.split("-")[0] for name in DECISIONS]
    assert len(set(numbers)) == len(numbers), DECISIONS
    headings = {name: text_of(f"docs/decisions/{name}").split("\n")[0] for name in DECISIONS}
    assert [
        heading
        for name, heading in headings.items()
        if not heading.startswith(f"# {name.split('-')[0]} · ")
    ] == []


def test_no_file_holds_what_git_leaves_of_a_conflict() -> None:
    # Written in two halves, so that this file holds none itself.
    marks = "^(<<<<<<" + "< |=====" + "==$|>>>>>>" + "> )"
    held = subprocess.run(
        ["git", "grep", "-nIE", marks], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert held.returncode == 1, held.stdout


def test_what_is_missing_would_be_seen() -> None:
    assert "nowhere" not in TARGETS
    assert {"run", "test", "lint"} <= TARGETS
