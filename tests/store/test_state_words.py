"""
A single state stands in a query as its word, and every such word is a state of the domain.

Sets of states come from the domain by `one_of` of lib/store/states.py.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from lib.domain.admin_changes import AdminProposalState
from lib.domain.charges import ChargeState, Outcome
from lib.domain.deliveries import DeliveryState
from lib.domain.incidents import ProposalState
from lib.domain.jobs import JobState
from lib.domain.link_batches import BatchState, LinkRowState
from lib.domain.manual_outcomes import ManualOutcomeState
from lib.domain.outbox import MessageState
from lib.domain.refunds import RefundState
from lib.domain.runs import RowState, RunState, Severity

ROOT = Path(__file__).parents[2]
MACHINES: dict[tuple[str, str], type[StrEnum]] = {
    ("admin_proposals", "state"): AdminProposalState,
    ("attempts", "outcome"): Outcome,
    ("charges", "state"): ChargeState,
    ("incident_proposals", "state"): ProposalState,
    ("jobs", "state"): JobState,
    ("link_batch_rows", "state"): LinkRowState,
    ("link_batches", "state"): BatchState,
    ("manual_outcomes", "outcome"): Outcome,
    ("manual_outcomes", "state"): ManualOutcomeState,
    ("outbox", "state"): MessageState,
    ("refund_outcomes", "outcome"): RefundState,
    ("refund_outcomes", "state"): ManualOutcomeState,
    ("refunds", "state"): RefundState,
    ("run_rows", "severity"): Severity,
    ("run_rows", "state"): RowState,
    ("runs", "state"): RunState,
    ("webhook_deliveries", "state"): DeliveryState,
}
# Counts by words that are no machine's.
NO_MACHINE = {"session_counts"}
_COLUMNS = "|".join(sorted({column for _, column in MACHINES}))
_WHOLE = ("SELECT", "UPDATE", "INSERT", "DELETE", "WITH", "(SELECT")
_TABLE = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?")
_WORD = re.compile(rf"(?:\b(\w+)\.)?\b({_COLUMNS})\s*(?:=|<>|IS|IS NOT)\s*'(\w+)'")


def texts(path: Path) -> Iterator[str]:
    """Every text of a module; what is put into it is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(part) for one in ast.walk(tree) if isinstance(one, ast.JoinedStr) for part in one.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "…".join(
                part.value
                for part in node.values
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside
        ):
            yield node.value


def unknown_words(text: str, *, of_module: str = "") -> list[str]:
    """
    Words beside a state's column that are no state.

    The table is told by the alias, or by what the query reads; in a part of a query the alias is looked up in
    its module, and where there is none the word may be of any table.
    """
    unknown = []
    for alias, column, word in _WORD.findall(text):
        tables = set(_tables(text, alias))
        if not text.lstrip().startswith(_WHOLE):
            tables = set(_tables(of_module, alias)) if alias else set()
        kinds = [MACHINES[table, column] for table in tables if (table, column) in MACHINES]
        if not kinds:
            kinds = [kind for key, kind in MACHINES.items() if key[1] == column]
        allowed = {one.value for kind in kinds for one in kind}
        if word not in allowed and not tables & NO_MACHINE:
            unknown.append(f"{alias}.{column} {word}")
    return unknown


def _tables(text: str, alias: str) -> Iterator[str]:
    for table, other in _TABLE.findall(text):
        if not alias or alias in (table, other):
            yield table


MODULES = [
    path
    for room in ("store", "reports")
    # Not in lib/store/steps: what was released says what it said.
    for path in sorted((ROOT / "lib" / room).glob("*.py"))
]


def test_every_word_beside_a_state_is_one() -> None:
    unknown = {}
    for path in MODULES:
        whole = list(texts(path))
        for text in whole:
            if words := unknown_words(text, of_module="\n".join(whole)):
                unknown[path.name] = words
    assert unknown == {}


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("SELECT 1 FROM runs WHERE state = 'running'", []),
        ("SELECT 1 FROM runs WHERE state = 'runing'", [".state runing"]),
        ("SELECT 1 FROM runs r JOIN charges c WHERE c.state = 'running'", ["c.state running"]),
        ("SELECT 1 FROM attempts a WHERE a.outcome <> 'unknown'", []),
        ("x.outcome = 'lost'", ["x.outcome lost"]),
    ],
)
def test_a_word_that_is_none_is_seen(text: str, unknown: list[str]) -> None:
    assert unknown_words(text) == unknown


def test_many_are_looked_at() -> None:
    result = [word for path in MODULES for text in texts(path) for word in _WORD.findall(text)]
    assert len(result) > 100
