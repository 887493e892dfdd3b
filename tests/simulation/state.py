"""What every part of the simulation has: a house, a process in it, a clock, and a seed."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from lib.bootstrap import Services
from lib.clock import epoch
from lib.domain.mirror import Decline
from lib.domain.runs import Run, RunState
from lib.store.connection import connect
from tests.simulation.house import House, Life, Stripe

PAID = ("succeeded", "processing", "requires_capture")
MOST_TRIES = 3
"""In half of the seeds instead of eight, which no seed would reach."""


@dataclass(frozen=True)
class Copy:
    """A database as it was, with what the simulation knew of it."""

    database: sqlite3.Connection
    anchor: bytes | None
    needed: dict[str, int]


@dataclass(frozen=True)
class Try:
    """A charge that Stripe executed and that failed; this is Stripe's word, not our ledger's."""

    amount: int
    method: str
    decline: Decline
    at: int
    """By Stripe's clock."""


def debt_of(intent: dict[str, Any]) -> tuple[str, str]:
    """Whose, and what for by the label that it has now; "" where somebody made it by hand for nothing of ours."""
    return intent["customer"], intent["metadata"].get("onfile_reference", "")


@dataclass
class Stage:
    """What all installations share: the account at Stripe, the clock, the dice, and the story so far."""

    template: Path
    """Where every world was copied from."""
    folder: Path
    people: dict[str, list[str]]
    """The methods of each customer."""
    random: random.Random
    patch: pytest.MonkeyPatch
    hazards: frozenset[str] = frozenset()
    """What may befall them, of `tests.simulation.hazards`."""
    most_tries: int = 8
    broken: list[AssertionError] = field(default_factory=list)
    """Rules that did not hold at a sending."""
    steps: list[str] = field(default_factory=list)
    is_nested: bool = False
    """Somebody has a turn while another one's request is out."""
    file_changes: int = 0
    """How often a database was put back or lost."""
    installations: list[State] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    """How often each hazard really befell them."""
    by_hand: set[str] = field(default_factory=set)
    """PaymentIntents that nobody here asked for: made in the Dashboard, whatever marks they carry."""
    made_for: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What each PaymentIntent of ours was made for, whatever it is labelled now."""
    labelled: set[str] = field(default_factory=set)
    """Ours that got another label, or marks that were copied from ours."""
    paid_before: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Paid and listed by Stripe when the step began that is under way, by id."""
    may_search: bool = True
    """Nobody was refused a list or a search for want of a permission."""

    def __post_init__(self) -> None:
        if self.random.random() < 0.5:
            self.most_tries = MOST_TRIES
            self.patch.setattr("lib.domain.retries.MOST_ATTEMPTS", MOST_TRIES)
        self.at_stripe = Stripe(self.folder, self.patch)


@dataclass
class State:
    """One installation of Onfile."""

    stage: Stage
    data: Path
    """Its data folder."""
    skew: timedelta = timedelta()
    """How far our clock is from Stripe's."""
    was_skewed: bool = False
    latest: int = 0
    """The furthest that our clock ever was."""
    sent: dict[str, str] = field(default_factory=dict)
    """Parameters by key."""
    failed: dict[tuple[str, str], dict[str, Try]] = field(default_factory=dict)
    """By customer and reference, then by key, oldest first."""
    needed: dict[str, int] = field(default_factory=dict)
    """Approvals that a run's last submission needed by the limits of that moment."""
    told: dict[str, str] = field(default_factory=dict)
    """The state of each charge as its events up to `told_until` tell it."""
    newest: dict[str, int] = field(default_factory=dict)
    """The number of each charge's newest attempt, by the same events."""
    told_until: int = 0
    held: dict[str, set[str]] = field(default_factory=dict)
    """The holds of each customer that were on after the audit entry `audited_until`."""
    audited_until: int = 0
    adopted: set[str] = field(default_factory=set)
    """Charges that a rebuild took over from Stripe, wholly or in part."""
    copies: list[Copy] = field(default_factory=list)
    """Of the database, for whoever puts one back."""
    lives: list[Life] = field(default_factory=list)
    """Of the processes that are running."""
    has_lost: bool = False
    """A file was put back or lost: what it forgot can only be told by Stripe."""
    forgot: set[str] = field(default_factory=set)
    """PaymentIntents that were there when a file was put back or lost: what its ledger knows of them is
    what Stripe can tell."""

    def __post_init__(self) -> None:
        self.random, self.people, self.steps = (
            self.stage.random,
            self.stage.people,
            self.stage.steps,
        )
        self.house = House(self.data, self.stage.at_stripe, self.watch, self.now)
        self.uow = self.house.unit_of_work()
        # Steps run in whatever thread just then writes or asks, one at a time.
        self.reader = connect(self.house.settings.database, any_thread=True)
        self.first_installation = self.installation
        self.services, self.life = self.begin()
        self.stage.installations.append(self)

    def close(self) -> None:
        self.reader.close()
        self.house.close()

    def watch(self, ask: Callable[[], Any], given: tuple[Any, ...]) -> Any:
        raise NotImplementedError

    def step(self) -> None:
        raise NotImplementedError

    def check_ledger_alone(self) -> None:
        raise NotImplementedError

    def settle_down(self) -> None:
        raise NotImplementedError

    def do_what_is_due(self) -> None:
        raise NotImplementedError

    def check_at_rest(self) -> None:
        raise NotImplementedError

    def begin(self) -> tuple[Services, Life]:
        services, life = self.house.process(self.now)
        self.lives = [*(one for one in self.lives if not one.is_over), life]
        return services, life

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

    @property
    def installation(self) -> str:
        """Whose marks this installation writes."""
        return str(self.query("SELECT value FROM meta WHERE name = 'installation'")[0]["value"])

    def own_intents(self) -> list[dict[str, Any]]:
        """That this installation asked for."""
        ours, by_hand = self.installation, self.stage.by_hand
        return [
            one
            for one in self.intents()
            if one["metadata"].get("onfile_installation") == ours and one["id"] not in by_hand
        ]

    def intents(self) -> list[dict[str, Any]]:
        """Everybody's."""
        return self._objects("pi_")

    def listed(self) -> list[dict[str, Any]]:
        """What Stripe lists by now."""
        rows = self.house.stripe.database.connection().execute(
            "SELECT id FROM shown_late WHERE shown_at > ?", (epoch(self.house.clock()),)
        )
        hidden = {row["id"] for row in rows}
        return [one for one in self.intents() if one["id"] not in hidden]

    def stripe_charges(self) -> list[dict[str, Any]]:
        return self._objects("ch_")

    def refunds(self) -> list[dict[str, Any]]:
        return self._objects("re_")

    def _objects(self, prefix: str) -> list[dict[str, Any]]:
        rows = self.house.stripe.database.connection().execute(
            "SELECT payload FROM objects WHERE id >= ? AND id < ? ORDER BY rowid",
            (prefix, prefix + "{"),
        )
        return [orjson.loads(row["payload"]) for row in rows]
