"""
State machines: whatever the domain does not allow, the database refuses, and nothing else.

Every pair of states is tried with a SQLite shell. The rows that a state needs beside it (who decided,
under which key, by whose approval) are there, so that only the step itself is in question.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import pytest

from lib.domain.admin_changes import ADMIN_PROPOSAL_STEPS, AdminProposalState
from lib.domain.charges import (
    CHARGE_STEPS,
    LIVE_STATES,
    OPEN_OUTCOMES,
    OUTCOME_STEPS,
    STATE_AFTER,
    ChargeState,
    Outcome,
)
from lib.domain.incidents import PROPOSAL_STEPS, ProposalState
from lib.domain.jobs import JOB_STEPS, OPEN_STATES, JobState
from lib.domain.link_batches import BATCH_STEPS, EXPECTED_STATES, BatchState, LinkRowState
from lib.domain.links import LINK_STEPS, LinkStatus
from lib.domain.manual_outcomes import MANUAL_OUTCOME_STEPS, ManualOutcomeState
from lib.domain.outbox import MESSAGE_STEPS, RESULT_STEPS, MessageState
from lib.domain.refunds import OPEN_STATES as OPEN_REFUNDS
from lib.domain.refunds import REFUND_STEPS, UNSETTLED_STATES, RefundState
from lib.domain.runs import DRAFT_ROW_STEPS, ROW_STEPS, RUN_STEPS, RowState, RunState
from lib.store.states import one_of
from lib.store.unit_of_work import UnitOfWork
from tests.store.test_run_schema import Shell
from tests.store.test_schema import ATTEMPT, CHARGE, JOB, LINK, insert

INCIDENT = {"id": "inc_1", "kind": "conflict", "subject": "pi_1", "details": "{}", "found_at": 1}
PROPOSAL = {
    "id": "prp_1",
    "incident_id": "inc_1",
    "resolution": "accepted",
    "reason": "Looked into it",
    "proposed_by": "alice",
    "proposed_at": 1,
}
MESSAGE = {
    "id": "msg_1",
    "once_key": "link:link_1",
    "kind": "link",
    "link_id": LINK["id"],
    "address": "anna@example.com",
    "name": "Anna",
    "language": "en",
    "subject": "Please",
    "body": "Hello",
    "next_try_at": 1,
    "requested_by": "alice",
    "requested_at": 1,
}
REFUND = {
    "id": "rfd_1",
    "charge_id": "chg_1",
    "attempt": 1,
    "payment_intent": "pi_1",
    "amount": 100,
    "currency": "usd",
    "reason": "duplicate",
    "note": "twice",
    "refunded_before": 0,
    "state": "requested",
    "requested_by": "alice",
    "requested_at": 1,
}
BATCH_ROW = {
    "batch_id": "batch_1",
    "number": 2,
    "cells": "[]",
    "request": "{}",
    "findings": "[]",
    "link_id": LINK["id"],
}
BATCH = {
    "id": "batch_1",
    "state": "draft",
    "source": "file",
    "name": "November",
    "header": "[]",
    "created_by": "alice",
    "created_at": 1,
}

Steps = Mapping[Any, frozenset[Any]]


@pytest.fixture
def shell(raw: sqlite3.Connection) -> sqlite3.Connection:
    raw.isolation_level = None
    return raw


def allowed(
    connection: sqlite3.Connection,
    states: type[StrEnum],
    begin: Callable[[Any], None],
    step: Callable[[Any], None],
) -> dict[Any, set[Any]]:
    """By state, those that the database lets follow it."""
    steps: dict[Any, set[Any]] = {}
    for before in states:
        connection.execute("SAVEPOINT everything")
        begin(before)
        steps[before] = set()
        for after in states:
            connection.execute("SAVEPOINT one")
            try:
                step(after)
                steps[before].add(after)
            except sqlite3.IntegrityError:
                pass
            connection.execute("ROLLBACK TO one")
        connection.execute("ROLLBACK TO everything")
    return steps


def other_steps(steps: Steps) -> dict[Any, set[Any]]:
    """What the domain allows; staying where one is changes nothing, which everybody may."""
    return {
        before: set(afters) | {before} for before, afters in steps.items() if before is not None
    }


def path(steps: Steps, first: Any, last: Any) -> list[Any]:
    """A shortest way through the states, without the first."""
    ways = [[first]]
    for way in ways:
        if way[-1] == last:
            return way[1:]
        ways.extend([*way, after] for after in steps[way[-1]] if after not in way)
    raise AssertionError(f"{last} is never reached")


@pytest.mark.parametrize(
    ("steps", "states"),
    [
        (RUN_STEPS, RunState),
        (ROW_STEPS, RowState),
        (DRAFT_ROW_STEPS, RowState),
        (CHARGE_STEPS, ChargeState),
        (REFUND_STEPS, RefundState),
        (LINK_STEPS, LinkStatus),
        (BATCH_STEPS, BatchState),
        (JOB_STEPS, JobState),
        (MANUAL_OUTCOME_STEPS, ManualOutcomeState),
        (PROPOSAL_STEPS, ProposalState),
        (MESSAGE_STEPS, MessageState),
        (ADMIN_PROPOSAL_STEPS, AdminProposalState),
    ],
)
def test_a_machine_has_every_state_and_no_step_to_itself(
    steps: Steps, states: type[StrEnum]
) -> None:
    if steps is not CHARGE_STEPS:
        assert not any(before in afters for before, afters in steps.items())
    assert set(steps) == set(states)


def test_charges(shell: sqlite3.Connection) -> None:
    def begin(state: ChargeState) -> None:
        insert(shell, "charges", CHARGE, state=state.value)

    def step(state: ChargeState) -> None:
        shell.execute("UPDATE charges SET state = ?", (state.value,))

    assert allowed(shell, ChargeState, begin, step) == other_steps(CHARGE_STEPS)


def test_outcomes_of_attempts(shell: sqlite3.Connection) -> None:
    insert(shell, "charges", CHARGE)

    def begin(outcome: Outcome) -> None:
        insert(shell, "attempts", ATTEMPT, outcome=outcome.value, outcome_at=1)

    def step(outcome: Outcome) -> None:
        shell.execute("UPDATE attempts SET outcome = ?", (outcome.value,))

    assert allowed(shell, Outcome, begin, step) == other_steps(OUTCOME_STEPS)


def test_an_attempt_without_an_outcome_may_get_any_and_never_loses_it(
    shell: sqlite3.Connection,
) -> None:
    assert OUTCOME_STEPS[None] == frozenset(Outcome)
    insert(shell, "charges", CHARGE)
    insert(shell, "attempts", ATTEMPT)
    for outcome in Outcome:
        shell.execute("SAVEPOINT one")
        shell.execute("UPDATE attempts SET outcome = ?, outcome_at = 1", (outcome.value,))
        with pytest.raises(sqlite3.IntegrityError, match="cannot go there"):
            shell.execute("UPDATE attempts SET outcome = NULL, outcome_at = NULL")
        shell.execute("ROLLBACK TO one")


def test_news_of_an_attempt_always_has_a_step_of_its_charge() -> None:
    """What counts for the newest attempt moves the charge, whichever state that attempt had left it in."""
    left_in = {None: ChargeState.ATTEMPTING} | STATE_AFTER
    for before, afters in OUTCOME_STEPS.items():
        for after in afters:
            state = STATE_AFTER[after]
            assert state in CHARGE_STEPS[left_in[before]] | {left_in[before]}, (before, after)


def test_runs(shell: sqlite3.Connection) -> None:
    run = Shell(shell)

    def step(state: RunState) -> None:
        (before,) = shell.execute("SELECT state FROM runs").fetchone()
        if state is RunState.AWAITING_APPROVAL and before == RunState.DRAFT.value:
            run.submit()
            run.decide()
        else:
            run.move(state.value)

    def begin(state: RunState) -> None:
        for one in path(RUN_STEPS, RunState.DRAFT, state):
            step(one)
        # Whatever may follow has its approval.
        shell.execute("UPDATE runs SET digest = coalesce(digest, 'd1'), approvals_needed = 1")

    shell.execute("UPDATE runs SET digest = 'd1', submitted_by = 'alice', submitted_at = 5")
    assert allowed(shell, RunState, begin, step) == other_steps(RUN_STEPS)


@pytest.mark.parametrize("is_submitted", [False, True])
def test_rows(shell: sqlite3.Connection, is_submitted: bool) -> None:
    run = Shell(shell)
    shell.execute("DELETE FROM run_rows")

    def begin(state: RowState) -> None:
        run.add_row(2, state=state.value, is_submitted=1)
        if is_submitted:
            run.start()

    def step(state: RowState) -> None:
        shell.execute("UPDATE run_rows SET state = ?", (state.value,))

    steps = ROW_STEPS if is_submitted else DRAFT_ROW_STEPS
    assert allowed(shell, RowState, begin, step) == other_steps(steps)


def test_refunds(shell: sqlite3.Connection) -> None:
    insert(shell, "charges", CHARGE, state="succeeded")
    insert(shell, "attempts", ATTEMPT, outcome="succeeded", outcome_at=1, payment_intent="pi_1")
    undecided = (RefundState.REQUESTED, RefundState.WITHDRAWN)

    def step(state: RefundState) -> None:
        by = None if state in undecided else "bob"
        key = None if state in (*undecided, RefundState.REJECTED) else "k"
        shell.execute(
            """UPDATE refunds SET state = ?, decided_by = ?, decided_at = ?, idempotency_key = ?,
                   params = ?""",
            (state.value, by, by and 2, key, key and "{}"),
        )

    def begin(state: RefundState) -> None:
        insert(shell, "refunds", REFUND)
        for one in path(REFUND_STEPS, RefundState.REQUESTED, state):
            step(one)

    assert allowed(shell, RefundState, begin, step) == other_steps(REFUND_STEPS)


def test_incident_proposals(shell: sqlite3.Connection) -> None:
    insert(shell, "incidents", INCIDENT)

    def step(state: ProposalState) -> None:
        by = "bob" if state in (ProposalState.APPROVED, ProposalState.REJECTED) else None
        shell.execute("UPDATE incident_proposals SET state = ?, decided_by = ?", (state.value, by))

    def begin(state: ProposalState) -> None:
        insert(shell, "incident_proposals", PROPOSAL)
        if state is not ProposalState.PROPOSED:
            step(state)

    steps = other_steps(PROPOSAL_STEPS)
    for state in set(ProposalState) - {ProposalState.PROPOSED}:
        steps[state] = set()  # decided once: not even the same again
    assert allowed(shell, ProposalState, begin, step) == steps


def test_what_waits_for_a_second_admin(shell: sqlite3.Connection) -> None:
    decided = (AdminProposalState.APPROVED, AdminProposalState.REJECTED)

    def step(state: AdminProposalState) -> None:
        by = "eve" if state in decided else None
        shell.execute("UPDATE admin_proposals SET state = ?, decided_by = ?", (state.value, by))

    def begin(state: AdminProposalState) -> None:
        shell.execute(
            """INSERT INTO admin_proposals (id, action, subject, params, proposed_by, proposed_at)
               VALUES ('adm_1', 'user.disable', 'bob', '{}', 'ada', 1)"""
        )
        if state is not AdminProposalState.PROPOSED:
            step(state)

    steps = other_steps(ADMIN_PROPOSAL_STEPS)
    for state in set(AdminProposalState) - {AdminProposalState.PROPOSED}:
        steps[state] = set()  # decided once: not even the same again
    assert allowed(shell, AdminProposalState, begin, step) == steps


def test_manual_outcomes(shell: sqlite3.Connection) -> None:
    insert(shell, "charges", CHARGE, state="unknown")
    insert(shell, "attempts", ATTEMPT, outcome="unknown", outcome_at=1)

    def step(state: ManualOutcomeState) -> None:
        by = "bob" if state in (ManualOutcomeState.APPROVED, ManualOutcomeState.REJECTED) else None
        shell.execute("UPDATE manual_outcomes SET state = ?, decided_by = ?", (state.value, by))

    def begin(state: ManualOutcomeState) -> None:
        shell.execute(
            """INSERT INTO manual_outcomes (id, charge_id, attempt, outcome, reason, proposed_by,
                   proposed_at) VALUES ('out_1', 'chg_1', 1, 'not_executed', 'looked', 'alice', 1)"""
        )
        if state is not ManualOutcomeState.PROPOSED:
            step(state)

    steps = other_steps(MANUAL_OUTCOME_STEPS)
    for state in set(ManualOutcomeState) - {ManualOutcomeState.PROPOSED}:
        steps[state] = set()  # decided once: not even the same is written again
    assert allowed(shell, ManualOutcomeState, begin, step) == steps


def test_refund_outcomes(shell: sqlite3.Connection) -> None:
    insert(shell, "charges", CHARGE, state="succeeded")
    insert(shell, "attempts", ATTEMPT, outcome="succeeded", outcome_at=1, payment_intent="pi_1")
    insert(shell, "refunds", REFUND)

    def step(state: ManualOutcomeState) -> None:
        by = "bob" if state in (ManualOutcomeState.APPROVED, ManualOutcomeState.REJECTED) else None
        shell.execute("UPDATE refund_outcomes SET state = ?, decided_by = ?", (state.value, by))

    def begin(state: ManualOutcomeState) -> None:
        shell.execute(
            """INSERT INTO refund_outcomes (id, order_id, outcome, reason, proposed_by, proposed_at)
               VALUES ('out_1', ?, 'not_executed', 'looked', 'alice', 1)""",
            (REFUND["id"],),
        )
        if state is not ManualOutcomeState.PROPOSED:
            step(state)

    steps = other_steps(MANUAL_OUTCOME_STEPS)
    for state in set(ManualOutcomeState) - {ManualOutcomeState.PROPOSED}:
        steps[state] = set()  # decided once: not even the same is written again
    assert allowed(shell, ManualOutcomeState, begin, step) == steps


@pytest.mark.parametrize("was_decided", [False, True])
@pytest.mark.parametrize("is_decided", [False, True])
def test_rows_of_batches_of_links(
    shell: sqlite3.Connection, was_decided: bool, is_decided: bool
) -> None:
    insert(shell, "setup_links", LINK)
    insert(shell, "link_batches", BATCH)
    befores = set(LinkRowState) if was_decided else EXPECTED_STATES
    afters = set(LinkRowState) if is_decided else EXPECTED_STATES

    def begin(state: LinkRowState) -> None:
        decided_at = 1 if was_decided or state not in befores else None
        insert(shell, "link_batch_rows", BATCH_ROW, state=state.value, decided_at=decided_at)

    def step(state: LinkRowState) -> None:
        shell.execute(
            "UPDATE link_batch_rows SET state = ?, decided_at = ?",
            (state.value, 2 if is_decided else None),
        )

    steps = {state: set() if was_decided else set(afters) for state in befores}
    result = allowed(shell, LinkRowState, begin, step)
    assert {state: result[state] for state in befores} == steps
    with pytest.raises(sqlite3.IntegrityError):
        insert(shell, "link_batch_rows", BATCH_ROW, state="created")


def test_results_of_deliveries(uow: UnitOfWork, shell: sqlite3.Connection) -> None:
    """By the steps of results, which are some of those that the schema allows."""
    for before, afters in RESULT_STEPS.items():
        assert afters <= MESSAGE_STEPS[before]
    insert(shell, "setup_links", LINK)
    for before in MessageState:
        moved = set()
        for after in MessageState:
            message = f"{before}:{after}"
            insert(shell, "outbox", MESSAGE, id=message, once_key=message)
            for one in path(MESSAGE_STEPS, MessageState.WAITING, before):
                shell.execute("UPDATE outbox SET state = ? WHERE id = ?", (one.value, message))
            with uow.write() as stores:
                if stores.outbox.settle(message, after, reply=None, at=None):
                    moved.add(after)
        assert moved == RESULT_STEPS.get(before, frozenset()), before


def test_links(shell: sqlite3.Connection) -> None:
    """An expired link is an open one whose time is over: the database has no state of its own for it."""
    columns = {
        LinkStatus.OPEN: (None, None),
        LinkStatus.EXPIRED: (None, None),
        LinkStatus.REVOKED: (5, None),
        LinkStatus.COMPLETED: (None, 5),
    }

    def begin(status: LinkStatus) -> None:
        revoked_at, completed_at = columns[status]
        insert(shell, "setup_links", LINK, revoked_at=revoked_at, completed_at=completed_at)

    def step(status: LinkStatus) -> None:
        shell.execute("UPDATE setup_links SET revoked_at = ?, completed_at = ?", columns[status])

    steps = other_steps(LINK_STEPS)
    for status in (LinkStatus.OPEN, LinkStatus.EXPIRED):
        steps[status] |= {LinkStatus.OPEN, LinkStatus.EXPIRED}
    assert allowed(shell, LinkStatus, begin, step) == steps


def test_batches_of_links(shell: sqlite3.Connection) -> None:
    def step(state: BatchState) -> None:
        begun = state in (BatchState.MAKING, BatchState.MADE)
        shell.execute(
            "UPDATE link_batches SET state = ?, started_at = ?, finished_at = ?",
            (state, 1 if begun else None, 1 if state is BatchState.MADE else None),
        )

    def begin(state: BatchState) -> None:
        insert(shell, "link_batches", BATCH)
        for one in path(BATCH_STEPS, BatchState.DRAFT, state):
            step(one)

    assert allowed(shell, BatchState, begin, step) == other_steps(BATCH_STEPS)


def test_messages(shell: sqlite3.Connection) -> None:
    def begin(state: MessageState) -> None:
        insert(shell, "setup_links", LINK)
        insert(shell, "outbox", MESSAGE)
        for one in path(MESSAGE_STEPS, MessageState.WAITING, state):
            step(one)

    def step(state: MessageState) -> None:
        shell.execute("UPDATE outbox SET state = ?", (state.value,))

    assert allowed(shell, MessageState, begin, step) == other_steps(MESSAGE_STEPS)


def test_jobs(shell: sqlite3.Connection) -> None:
    def begin(state: JobState) -> None:
        insert(shell, "jobs", JOB, state=state.value)

    def step(state: JobState) -> None:
        shell.execute("UPDATE jobs SET state = ?", (state.value,))

    assert allowed(shell, JobState, begin, step) == other_steps(JOB_STEPS)


@pytest.mark.parametrize(
    ("index", "states"),
    [
        ("one_live_charge_a_reference", LIVE_STATES),
        ("one_open_attempt_a_charge", OPEN_OUTCOMES),
        ("attempts_to_settle", OPEN_OUTCOMES),
        ("one_open_refund_a_charge", OPEN_REFUNDS),
        ("refunds_to_settle", UNSETTLED_STATES),
        ("one_open_job_a_kind", OPEN_STATES),
    ],
)
def test_an_index_is_over_the_states_that_the_domain_names(
    shell: sqlite3.Connection, index: str, states: Any
) -> None:
    """In the very words of the queries, else SQLite would not use it."""
    (sql,) = shell.execute("SELECT sql FROM sqlite_master WHERE name = ?", (index,)).fetchone()
    assert f"IN {one_of(states)}" in " ".join(sql.split())


def test_what_is_called_one_is_one(shell: sqlite3.Connection) -> None:
    """Also where a trigger refuses the second as well: each guard holds by itself."""
    indexes = dict(
        shell.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND name GLOB 'one_*'"
        )
    )
    assert {"one_live_charge_a_reference", "one_open_attempt_a_charge"} <= set(indexes)
    assert not [name for name, sql in indexes.items() if not sql.startswith("CREATE UNIQUE INDEX ")]
