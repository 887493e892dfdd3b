"""What every part of the simulation of runs has: a house, a process in it, a clock, and a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.bootstrap import Services
from lib.clock import epoch
from lib.domain.mirror import Decline
from lib.domain.runs import Run, RunState
from lib.store.connection import connect
from lib.store.unit_of_work import UnitOfWork
from tests.simulation.house import House, Life

MOST_TRIES = 3
"""In half of the seeds instead of eight, which no seed would reach."""


@dataclass(frozen=True)
class Try:
    """A charge that Stripe executed and that failed; this is Stripe's word, not our ledger's."""

    amount: int
    method: str
    decline: Decline
    at: int
    """By Stripe's clock."""


@dataclass
class State:
    folder: Path
    people: dict[str, list[str]]
    """The methods of each customer."""
    random: random.Random
    patch: pytest.MonkeyPatch
    skew: timedelta = timedelta()
    """How far our clock is from Stripe's."""
    was_skewed: bool = False
    latest: int = 0
    """The furthest that our clock ever was."""
    most_tries: int = 8
    sent: dict[str, str] = field(default_factory=dict)
    """Parameters by key."""
    failed: dict[tuple[str, str], dict[str, Try]] = field(default_factory=dict)
    """By customer and reference, then by key, oldest first."""
    needed: dict[str, int] = field(default_factory=dict)
    """Approvals that a run's last submission needed by the limits of that moment."""
    broken: list[AssertionError] = field(default_factory=list)
    """Rules that did not hold at a sending."""
    told: dict[str, str] = field(default_factory=dict)
    """The state of each charge as its events up to `told_until` tell it."""
    newest: dict[str, int] = field(default_factory=dict)
    """The number of each charge's newest attempt, by the same events."""
    told_until: int = 0
    steps: list[str] = field(default_factory=list)
    is_nested: bool = False

    def __post_init__(self) -> None:
        if self.random.random() < 0.5:
            self.most_tries = MOST_TRIES
            self.patch.setattr("lib.domain.retries.MOST_ATTEMPTS", MOST_TRIES)
        self.house = House(self.folder, self.patch, self.watch)
        self.uow = UnitOfWork(self.house.settings.database)
        # Steps run in whatever thread just then writes or asks, one at a time.
        self.reader = connect(self.house.settings.database, any_thread=True)
        self.services, self.life = self.begin()

    def watch(self, ask: Callable[[], Any], given: tuple[Any, ...]) -> Any:
        raise NotImplementedError

    def begin(self) -> tuple[Services, Life]:
        return self.house.process(self.now)

    def now(self) -> datetime:
        moment = self.house.clock() + self.skew
        self.latest = max(self.latest, epoch(moment))
        return moment

    def say(self, more: object) -> None:
        self.steps[-1] += f" {more}"

    def pick(self, *states: RunState) -> Run | None:
        runs = self.query("SELECT id, state FROM runs ORDER BY rowid")
        ids = [run["id"] for run in runs if run["state"] in states]
        with self.uow.read() as stores:
            return stores.runs.find(self.random.choice(ids)) if ids else None

    def charges(self, *states: str) -> list[tuple[str, int]]:
        charges = self.query("SELECT id, amount, state FROM charges ORDER BY rowid")
        return [(one["id"], one["amount"]) for one in charges if one["state"] in states]

    def query(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        return list(self.reader.query(sql, parameters))

    # What Stripe has

    def intents(self) -> list[dict[str, Any]]:
        return self._objects("pi_")

    def refunds(self) -> list[dict[str, Any]]:
        return self._objects("re_")

    def _objects(self, prefix: str) -> list[dict[str, Any]]:
        rows = self.house.stripe.database.connection().execute(
            "SELECT payload FROM objects WHERE id >= ? AND id < ? ORDER BY rowid",
            (prefix, prefix + "{"),
        )
        return [json.loads(row["payload"]) for row in rows]
