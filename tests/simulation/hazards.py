"""What no ledger should have to bear: payments shown late, files put back or lost, keys mixed up."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lib.clock import epoch
from lib.errors import AnotherAccount, Blocked, LedgerBehind, NotFound, OnfileError
from lib.ids import new_id
from lib.money import Money
from lib.practice.replies import ConnectionDropped
from lib.services.charges.orders import ChargeOrder
from tests.simulation.events import KEY, Events
from tests.simulation.house import ANOTHER_KEY
from tests.simulation.people import AMOUNTS, GOOD_METHODS, REFERENCES
from tests.simulation.state import Copy, debt_of
from tests.world import ADA, ALICE, BOB

# Together with a lost file or with another installation a payment is hidden for less than its key lives:
# until then the same key meets it, later nobody can know of it (docs/decisions/008).
LATE_SECONDS = (5, 61, 400, 4_000, 20 * 3_600)
LATE_FOR_DAYS_SECONDS = (4_000, 20 * 3_600, 3 * 86_400)
MOST_COPIES = 3


class Hazards(Events):
    def payment_is_late(self) -> None:
        """Stripe makes the next payments and lists them after a while."""
        choices = LATE_FOR_DAYS_SECONDS if "late for days" in self.stage.hazards else LATE_SECONDS
        seconds, times = self.random.choice(choices), self.random.choice([1, 2, 5])
        self.house.stripe.faults.add(
            "POST", "/v1/payment_intents", kind="shown_late", times=times, detail=str(seconds)
        )
        self.say(f"{times} by {seconds}")
        self.stage.happened["payments listed late"] += 1

    def nobody_answers_for_hours(self) -> None:
        """
        Stripe charges, its answer is lost, the payment is in no list, and asking again is answered 500: two people
        may agree that it was never executed, and somebody tries again.
        """
        faults, seconds = self.house.stripe.faults, self.random.choice([4_000, 20 * 3_600])
        path = "/v1/payment_intents"
        self.stage.happened["hours without an answer"] += 1
        faults.add("POST", path, kind="shown_late", detail=str(seconds))
        faults.add("POST", path, kind="lost_reply")
        # `after` counts what meets nothing else first.
        faults.add("POST", path, kind="error_500_unsaved", times=12, after=1)
        for act in (self.charge, self.settle, self.settle_by_hand, self.settle_by_hand):
            self.house.clock.advance(seconds=self.random.choice([61, 3_700]))
            with suppress(OnfileError):
                act()
        faults.clear()
        self.random.choice([self.retry, self.charge, self.give_up])()

    def clock_jumps_ahead(self) -> None:
        """This machine's alone, past every age that our rules know."""
        self.skew = timedelta(hours=self.random.choice([25, 30]))
        self.was_skewed = True
        self.stage.happened["a clock that jumps ahead"] += 1
        self.settle()
        if self.random.random() < 0.5:
            self.retry()

    # By hand, in the Dashboard

    def paid_in_dashboard(self) -> None:
        """A payment of a debt of ours that somebody makes by hand: paid, open, or paid later; labelled or not yet."""
        customer, reference = self.debt()
        given: dict[str, object] = {
            "amount": str(self.random.choice(AMOUNTS)),
            "currency": "usd",
            "customer": customer,
            "payment_method": self.method(customer),
            "automatic_payment_methods": {"enabled": "true", "allow_redirects": "never"},
        }
        is_labelled = self.random.random() < 0.5
        if is_labelled:
            given["metadata"] = {"onfile_reference": reference}
        if self.random.random() < 0.7:
            given |= {"confirm": "true", "off_session": "true"}
        if self._made_by_hand(given):
            word = "with a reference" if is_labelled else "without a reference"
            self.stage.happened[f"a payment in the Dashboard {word}"] += 1

    def labelled_by_hand(self) -> None:
        """A payment that was made by hand gets a reference of ours, of which Stripe has no event."""
        unlabelled = [one for one in self.intents() if not debt_of(one)[1]]
        if unlabelled:
            intent = self.random.choice(unlabelled)
            _, reference = self.debt()
            if self._is_labelled(intent, reference):
                self.stage.happened["a reference put on a payment of the Dashboard"] += 1

    def relabelled(self) -> None:
        """A payment of ours gets another reference."""
        ours = [one for one in self.intents() if one["id"] not in self.stage.by_hand]
        if ours:
            intent = self.random.choice(ours)
            self.stage.made_for.setdefault(intent["id"], debt_of(intent))
            if self._is_labelled(intent, self.random.choice(REFERENCES)):
                self.stage.labelled.add(intent["id"])
                self.stage.happened["another reference on a payment of ours"] += 1

    def marks_are_copied(self) -> None:
        """Somebody repeats a payment of ours in the Dashboard, with all its marks."""
        ours = [one for one in self.intents() if one["metadata"].get("onfile_charge_id")]
        if not ours:
            return
        like = self.random.choice(ours)
        customer = self.random.choice([like["customer"], *self.people])
        given: dict[str, object] = {
            "amount": str(like["amount"]),
            "currency": "usd",
            "customer": customer,
            "payment_method": self.method(customer),
            "automatic_payment_methods": {"enabled": "true", "allow_redirects": "never"},
            "metadata": dict(like["metadata"]),
        }
        if self.random.random() < 0.7:
            given |= {"confirm": "true", "off_session": "true"}
        if self._made_by_hand(given):
            self.stage.happened["marks copied to another payment"] += 1

    def dashboard_payment_is_paid(self) -> None:
        """One that was made by hand and left open."""
        open_ones = [
            one
            for one in self.intents()
            if one["id"] in self.stage.by_hand and one["status"].startswith("requires_")
        ]
        if open_ones:
            intent = self.random.choice(open_ones)
            method = self.random.choice(self.people[intent["customer"]][:GOOD_METHODS])
            given = {"payment_method": method, "off_session": "true"}
            if self._at_stripe(f"/v1/payment_intents/{intent['id']}/confirm", given):
                self.stage.happened["a payment of the Dashboard paid later"] += 1

    def open_payment_is_cancelled(self) -> None:
        """In the Dashboard: one that nobody paid."""
        open_ones = [one for one in self.intents() if one["status"].startswith("requires_")]
        if open_ones:
            intent = self.random.choice(open_ones)
            self._at_stripe(f"/v1/payment_intents/{intent['id']}/cancel", {})
            self.stage.happened["an open payment cancelled in the Dashboard"] += 1

    def _made_by_hand(self, given: Mapping[str, object]) -> bool:
        before = {one["id"] for one in self.intents()}
        self._at_stripe("/v1/payment_intents", given)
        made = {one["id"] for one in self.intents()} - before
        self.stage.by_hand |= made
        return bool(made)

    def _is_labelled(self, intent: dict[str, Any], reference: str) -> bool:
        self.say(f"{intent['id']} {reference}")
        label = {"metadata": {"onfile_reference": reference}}
        return self._at_stripe(f"/v1/payment_intents/{intent['id']}", label)

    def _at_stripe(self, path: str, given: Mapping[str, object]) -> bool:
        """Whether it was done, as far as whoever did it can see."""
        try:
            return self.house.stripe.handle("POST", path, dict(given), KEY).status == 200
        except ConnectionDropped:
            return False

    # Files

    @property
    def _anchor(self) -> Path:
        return self.house.settings.database.with_suffix(".anchor")

    def copy_file(self) -> None:
        database = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(sqlite3.connect(self.house.settings.database)) as source:
            source.backup(database)
        anchor = self._anchor.read_bytes() if self._anchor.exists() else None
        self.copies = [*self.copies[1 - MOST_COPIES :], Copy(database, anchor, dict(self.needed))]

    def file_is_put_back(self) -> None:
        """By somebody who knows nothing of `restore`, perhaps under processes that go on."""
        if not self.copies:
            return
        copy = self.random.choice(self.copies)
        self._replace(copy.database)
        anchor = self.random.choice(["stays", "stays", "is older too", "is gone"])
        if anchor == "is gone" or (anchor == "is older too" and copy.anchor is None):
            self._anchor.unlink(missing_ok=True)
        elif anchor == "is older too" and copy.anchor is not None:
            self._anchor.write_bytes(copy.anchor)
        self.needed = dict(copy.needed)
        restarts = self.random.random() < 0.5
        self.stage.happened[f"a file put back, its anchor {anchor}"] += 1
        self.say(f"anchor {anchor}{', restarted' if restarts else ''}")
        self._has_another_file(restarts=restarts)

    def file_is_put_back_and_nobody_knows(self) -> None:
        """For a day, in which Stripe forgets every key; then everybody goes on."""
        self.file_is_put_back()
        self.house.clock.advance(hours=25)

    def file_is_lost(self) -> None:
        """The data folder is gone, and Onfile starts with an empty one."""
        empty = self.stage.template / "empty" / "onfile.db"
        with closing(sqlite3.connect(empty)) as source:
            self._replace(source)
        with closing(sqlite3.connect(self.house.settings.database)) as database, database:
            database.execute(
                "UPDATE meta SET value = ? WHERE name = 'installation'", (new_id("ins"),)
            )
        self._anchor.unlink(missing_ok=True)
        self.needed = {}
        self.stage.happened["an empty file"] += 1
        self._has_another_file(restarts=True)

    def _replace(self, source: sqlite3.Connection) -> None:
        with closing(sqlite3.connect(self.house.settings.database)) as target:
            source.backup(target)

    def _has_another_file(self, *, restarts: bool) -> None:
        self.stage.file_changes += 1
        self.has_lost = True
        self.sent.clear()
        self.failed.clear()
        self.told, self.newest, self.told_until, self.adopted = {}, {}, 0, set()
        self.held, self.audited_until = {}, 0
        self.forgot = {intent["id"] for intent in self.intents()}
        if restarts:
            for life in self.lives:
                life.is_over = True

    def rebuild(self) -> None:
        """The worker where it may, or somebody who says whose marks are ours."""
        if self.random.random() < 0.5:
            self.services.rebuilds.rebuild_due()
            return
        self.services.rebuilds.rebuild(by=ALICE, installation=self.first_installation)

    def decisions_are_confirmed(self) -> None:
        self.services.completeness.confirm_decisions(by=BOB)

    # Keys and people

    def another_key_is_set(self) -> None:
        """Of another account, in a process of its own: it does nothing at all."""
        if not self.query("SELECT 1 FROM meta WHERE name = 'account'"):
            return  # an empty file belongs to whoever comes first
        self.stage.happened["another account's key"] += 1
        services, _ = self.house.process(self.now, key=ANOTHER_KEY)
        customer = self.random.choice(list(self.people))
        reference = f"OTHER-{epoch(self.now())}"
        order = ChargeOrder(customer, Money(1_000, "usd"), reference)
        before = self.query("SELECT count(*) AS n FROM charges")
        was_nested, self.stage.is_nested = self.stage.is_nested, True  # nobody comes between
        for act in (
            lambda: services.charges.charge(order, by=ALICE),
            lambda: services.sync.run(),
            lambda: services.rebuilds.rebuild(by=ALICE),
        ):
            # Perhaps refused earlier, by what the ledger says of itself.
            with pytest.raises((AnotherAccount, LedgerBehind, Blocked, NotFound)):
                act()
        self.stage.is_nested = was_nested
        assert self.query("SELECT count(*) AS n FROM charges") == before
        others = self.stage.at_stripe.others.database.connection()
        assert others.execute("SELECT count(*) FROM objects").fetchone()[0] == 0

    def approver_comes_or_goes(self) -> None:
        users = self.services.users
        bob = users.find("bob")
        if bob is None:
            return
        act = users.disable if bob.is_active else users.enable
        when = " while a request was out" if self.stage.is_nested else ""
        self.stage.happened[f"an approver {act.__name__}d{when}"] += 1
        self.say(act.__name__)
        act("bob", by=ADA)
