"""
Shows that the tests bite: `python -m tests.mutation_runner [WORD ...]` makes each mistake of `tests.mutations`
in a copy of the tree, two at a time, and requires that tests which are green without it turn red.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from tests.mutations import MUTATIONS, Edit, Mutation

ROOT = Path(__file__).parent.parent
AT_ONCE = 2
TIMEOUT_SECONDS = 600
NOT_COPIED = shutil.ignore_patterns(
    ".*", "__pycache__", "data", "docs", "test-results", "*.pyc", "node_modules"
)


def copied(folder: Path) -> Path:
    tree = folder / "tree"
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
    return tree


def tested(tree: Path, tests: Iterable[str]) -> str:
    """`green`, `red`, or what else came of it."""
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=tree, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not over after {TIMEOUT_SECONDS} seconds"
    last = done.stdout.strip().splitlines()[-1:] or [done.stderr.strip()[-200:]]
    if done.returncode == 0:
        return "green"
    # Not what could not be imported or set up: that says nothing about the tests.
    if done.returncode == 1 and re.search(r"\b\d+ failed\b", last[0]):
        return "red"
    return f"neither green nor red: {last[0]}"


def problem_with(mutation: Mutation) -> str | None:
    """None when its tests noticed."""
    with tempfile.TemporaryDirectory() as name:
        tree = copied(Path(name))
        for edit in mutation.edits:
            if (problem := _edited(tree, edit)) is not None:
                return problem
        came = tested(tree, mutation.tests.split())
    if came == "red":
        return None
    return "survived" if came == "green" else came


def _edited(tree: Path, edit: Edit) -> str | None:
    """None when it was made."""
    path = tree / edit.file
    source = path.read_text(encoding="utf-8")
    found = source.count(edit.text)
    if found != 1:
        return f"its text is found {found} times in {edit.file}"
    mutated = source.replace(edit.text, edit.instead)
    try:
        if path.suffix == ".sql":
            with closing(sqlite3.connect(":memory:")) as database:
                database.executescript(mutated)
        else:
            compile(mutated, edit.file, "exec")
    except (SyntaxError, sqlite3.Error) as error:
        return f"what it makes cannot be read: {error}"
    path.write_text(mutated, encoding="utf-8")
    return None


def without(mutations: Iterable[Mutation]) -> str | None:
    """None when all their tests are green as things are."""
    every = sorted({test for mutation in mutations for test in mutation.tests.split()})
    with tempfile.TemporaryDirectory() as name:
        came = tested(copied(Path(name)), every)
    return None if came == "green" else f"The tests are {came} without any mutation."


def main(words: list[str]) -> int:
    mutations = [one for one in MUTATIONS if not words or any(word in one.name for word in words)]
    if not mutations:
        print("No mutation has such a name.")
        return 1
    failed = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        unmutated = pool.submit(without, mutations)
        problems = pool.map(problem_with, mutations)
        if (wrong := unmutated.result()) is not None:
            print(wrong, flush=True)
        for mutation, problem in zip(mutations, problems, strict=True):
            problem = problem or wrong
            failed += problem is not None
            said = (
                f"  red     {mutation.name}"
                if problem is None
                else f"  FAILED  {mutation.name}: {problem}"
            )
            print(said, flush=True)
    print(f"{len(mutations) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
