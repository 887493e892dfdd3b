"""What must hold after every step of the simulation, and what once everything is quiet."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from datetime import timedelta

from lib.clock import epoch
from lib.domain.charges import IN_FLIGHT_SECONDS, STATE_AFTER, Outcome
from lib.domain.runs import RowState, RunState
from lib.errors import InvalidInput, StaleState
from tests.simulation.sending import Sending
from tests.simulation.state import PAID, debt_of
from tests.world import ADA, ALICE, BOB

LONGEST_BETWEEN_LOOKS = 3_600
MOST_LOOKS_AT_ONCE = 50


class Truths(Sending):
    def check(self) -> None:
        """After each step."""
        for error in self.stage.broken:
            raise error
        self.check_stripe()
        for one in self.stage.installations:
            one.check_ledger_alone()

    def check_stripe(self) -> None:
        """The one rule that counts, on Stripe's own books: no reference ever has two payments made by us."""
        made_for, by_hand = self.stage.made_for, self.stage.by_hand
        paid = [
            intent
            for intent in self.intents()
            if intent["id"] not in by_hand and intent["status"] in PAID
        ]
        debts, own_debts = Counter[tuple[str, str]](), Counter[tuple[str, tuple[str, str]]]()
        for one in paid:
            debt = made_for.setdefault(one["id"], debt_of(one))
            # Of one that somebody gave another label only the ledger knows that asked for it.
            debts[debt] += debt == debt_of(one)
            own_debts[one["metadata"]["onfile_installation"], debt] += 1
        assert not debts or max(debts.values()) <= 1, "a reference was paid twice"
        if not self.stage.file_changes:
            assert not own_debts or max(own_debts.values()) == 1, "a ledger paid its own debt twice"
        paid_back = Counter[str]()
        for refund in self.refunds():
            paid_back[refund["metadata"]["onfile_refund_id"]] += 1
        assert not paid_back or max(paid_back.values()) == 1, "an order was paid back twice"

    def check_ledger_alone(self) -> None:
        self.check_unknown()
        self.check_timelines()
        self.check_holds()

    def check_holds(self) -> None:
        """No try was written down for a customer whose do-not-charge switch was on, by the audit log's order."""
        for entry in self.query(
            """SELECT id, action, subject, detail FROM audit_log WHERE id > ? AND (action = 'charge.send'
                   OR action LIKE 'customer.%hold%' OR action LIKE 'customer.%release%')
               ORDER BY id""",
            self.audited_until,
        ):
            self.audited_until = entry["id"]
            detail = json.loads(entry["detail"])
            if entry["action"] == "charge.send":
                assert not self.held.get(detail["customer"]), "a customer on hold was charged"
                continue
            holds = self.held.setdefault(entry["subject"], set())
            if "hold" in entry["action"]:
                holds.add(detail["hold"])
            else:
                holds.discard(detail["hold"])

    def check_unknown(self) -> None:
        """Whatever is not known is looked at again within an hour, and a page says so."""
        still_open = self.query(
            """SELECT charge_id, requested_at, next_look_at, outcome FROM attempts
               WHERE outcome IS NULL OR outcome = 'unknown'"""
        )
        now = epoch(self.now())
        for attempt in still_open:
            assert attempt["next_look_at"] is not None
            assert attempt["next_look_at"] <= self.latest + LONGEST_BETWEEN_LOOKS
        flagged = {
            attempt["charge_id"]
            for attempt in still_open
            if attempt["outcome"] or attempt["requested_at"] < now - IN_FLIGHT_SECONDS
        }
        # Two people gave up a try, another one was sent, and the first was paid after all: that is an incident.
        paid = {row["id"] for row in self.query("SELECT id FROM charges WHERE state = 'succeeded'")}
        told = {
            row["id"]
            for row in self.query(
                "SELECT details ->> 'charge_id' AS id FROM incidents WHERE kind = 'paid_twice'"
            )
        }
        assert flagged & paid <= told, "paid and unknown, and nobody is told"
        flagged -= paid
        (refunds,) = self.query("SELECT count(*) AS n FROM refunds WHERE state = 'unknown'")
        (sending,) = self.query(
            "SELECT count(*) AS n FROM refunds WHERE state = 'sending' AND decided_at < ?",
            now - IN_FLIGHT_SECONDS,
        )
        expected = len(flagged) + refunds["n"] + sending["n"]
        assert self.services.reports.waiting.counts()["unknown"] == expected

    def check_looked_at(self) -> None:
        """After a round of looks nothing is overdue."""
        now = epoch(self.now())
        with self.uow.read() as stores:
            due = stores.charges.due(now=now, limit=MOST_LOOKS_AT_ONCE)
        assert due == [], "nobody looked"

    def check_timelines(self) -> None:
        """The events of a charge, told again, lead to its state."""
        told, newest = self.told, self.newest
        outcomes = {outcome.value: STATE_AFTER[outcome].value for outcome in Outcome}
        # They are only ever added, which is the schema's rule: what was told is not read again.
        for event in self.query(
            "SELECT * FROM charge_events WHERE id > ? ORDER BY id", self.told_until
        ):
            self.told_until = event["id"]
            charge_id, kind = event["charge_id"], event["kind"]
            if '"rebuild"' in (event["detail"] or ""):
                self.adopted.add(charge_id)
            if charge_id in self.adopted or told.get(charge_id) == "succeeded":
                continue
            if kind == "sent":
                newest[charge_id], told[charge_id] = event["attempt"], "attempting"
            elif kind == "cancelled":
                told[charge_id] = "cancelled"
            elif kind in ("succeeded", "processing") or (
                kind in outcomes
                and event["attempt"] == newest[charge_id]
                and told[charge_id] != "cancelled"
            ):
                told[charge_id] = outcomes[kind]
        states = {row["id"]: row["state"] for row in self.query("SELECT id, state FROM charges")}
        # Of what a rebuild took over there is no story to tell.
        for charge_id in self.adopted:
            states.pop(charge_id, None)
            told.pop(charge_id, None)
        assert told == states

    # At rest

    def come_to_rest(self) -> None:
        """Nothing happens to anybody any more, and every installation does what is due."""
        self.house.stripe.faults.clear()
        self.house.stripe.show_everything()
        self.stage.is_nested = True  # nobody interrupts any more
        # Whoever died while they were reading everything counts as dead by then.
        self.house.clock.advance(minutes=5)
        for one in self.stage.installations:
            one.settle_down()
        for hours in (1, 25):
            self.house.clock.advance(hours=hours)
            for _ in range(2):
                for one in self.stage.installations:
                    one.do_what_is_due()
                self.house.clock.advance(hours=1)
        self.check()
        for one in self.stage.installations:
            one.check_at_rest()

    def settle_down(self) -> None:
        """Every run comes to its end."""
        if self.life.is_over:  # its file was lost while another one's request was out
            self.services, self.life = self.begin()
        self.skew = timedelta()
        self.services.users.enable("bob", by=ADA)
        # A run may have met a limit that was lowered after it was approved.
        self.services.limits.set("usd", per_charge="", per_run="", per_day="", by=ADA)
        self.catch_up()
        for customer in self.people:
            with suppress(StaleState):
                self.services.holds.lift(customer, reason="At rest", by=BOB)
        for state in (RunState.DRAFT, RunState.AWAITING_APPROVAL, RunState.APPROVED):
            while (run := self.pick(state)) is not None:
                self.services.runs.control.cancel(run.id, by=ALICE)
        for _ in range(40):
            self.house.clock.advance(seconds=100)
            run = self.pick(RunState.RUNNING, RunState.PAUSED, RunState.STOPPED)
            if run is None:
                break
            if run.state is not RunState.RUNNING:
                self.services.runs.control.resume(run.id, by=ALICE)
            if not self.services.runs.executor.execute(run.id):
                assert self.has_lost, "a run cannot be executed"
                self.catch_up()
        assert run is None, "a run has no end"

    def catch_up(self) -> None:
        """As the worker does, and an approver after it."""
        if not self.has_lost:
            return
        self.services.sync.run()
        # What somebody began for an installation that never charged cannot be gone on with.
        with suppress(InvalidInput):
            self.services.rebuilds.rebuild_due()
        if self.services.completeness.decisions_rest_since() is not None:
            self.services.completeness.confirm_decisions(by=BOB)

    def do_what_is_due(self) -> None:
        self.catch_up()
        self.services.charge_resolver.resolve_due()
        self.services.refund_resolver.resolve_due()
        self.services.runs.new_cards.charge_due()

    def check_at_rest(self) -> None:
        drift = self.services.charge_resolver.reconcile(by=ALICE).drift
        # What Stripe listed too late for the last rebuild is met by whoever wants to charge next.
        self.catch_up()
        if self.has_lost or self.stage.by_hand or self.stage.labelled:
            self.check_what_was_lost()
            return
        assert drift == []
        self.check_rows()
        self.check_ledger()
        self.check_refunds()
        self.check_certificates()

    def check_what_was_lost(self) -> None:
        """Every payment with our marks is in the ledger, or somebody is told of it."""
        paid = {one["id"] for one in self.own_intents() if one["status"] == "succeeded"}
        known = {
            row["id"]
            for row in self.query(
                """SELECT payment_intent AS id FROM attempts WHERE outcome = 'succeeded'
                   UNION SELECT subject FROM incidents"""
            )
        }
        assert paid <= known, "a payment is nowhere"
        states = {row["state"] for row in self.query("SELECT state FROM charges")}
        assert not {"attempting", "unknown", "processing"} & states, states
        with self.uow.read() as stores:
            assert stores.audit.verify().ok

    def check_rows(self) -> None:
        ids = [row["id"] for row in self.query("SELECT id FROM runs")]
        with self.uow.read() as stores:
            for run_id in ids:
                rows = stores.run_rows.of(run_id)
                planned = [row for row in rows if row.state is RowState.PLANNED]
                assert planned == [], "a row was lost"
                counts, totals = stores.run_rows.sums(run_id)
                assert sum(counts.values()) == len(rows)
                assert sum(totals["usd"].values()) == sum(row.amount or 0 for row in rows)
                for row in rows:
                    if row.state is RowState.SENT:
                        charge = stores.charges.find(row.charge_id)
                        assert charge is not None
                        assert (charge.amount, charge.reference) == (row.amount, row.reference)

    def check_ledger(self) -> None:
        states = Counter(row["state"] for row in self.query("SELECT state FROM charges"))
        in_ledger = {
            tuple(row.values())
            for row in self.query(
                """SELECT a.payment_intent, c.amount, c.customer FROM attempts a
                       JOIN charges c ON c.id = a.charge_id AND c.state = 'succeeded'
                   WHERE a.outcome = 'succeeded'"""
            )
        }
        actions = {row["action"] for row in self.query("SELECT action FROM audit_log")}
        with self.uow.read() as stores:
            assert stores.audit.verify().ok
        assert not {"attempting", "unknown", "processing"} & set(states), states
        assert in_ledger == {
            (intent["id"], intent["amount"], intent["customer"])
            for intent in self.own_intents()
            if intent["status"] == "succeeded"
        }
        assert states["succeeded"] == len(in_ledger)
        assert "charge.paid_twice_suspected" not in actions

    def check_refunds(self) -> None:
        """Our orders say what Stripe did, and nobody approved their own."""
        orders = self.query("SELECT * FROM refunds")
        assert not {"sending", "unknown", "pending"} & {order["state"] for order in orders}
        assert all(order["requested_by"] != order["decided_by"] for order in orders)
        assert {
            (refund["metadata"]["onfile_refund_id"], refund["id"], refund["amount"])
            for refund in self.refunds()
            if refund["metadata"]["onfile_installation"] == self.installation
        } == {
            (order["id"], order["refund"], order["amount"])
            for order in orders
            if order["state"] == "succeeded"
        }

    def check_certificates(self) -> None:
        """All green, and what they say was collected is with the single charges the whole ledger."""
        collected = 0
        ended = self.query(
            "SELECT id FROM runs WHERE state IN ('finished', 'cancelled') AND started_at"
        )
        for run in ended:
            certificate = self.services.runs.certificates.certify(run["id"], by=ALICE)
            assert certificate.result == "green", certificate.content["remarks"]
            # Of a run from a file that nobody could charge there is no line.
            line = certificate.content["lines"].get("usd", {"ledger": 0})
            collected += line["ledger"]
            with self.uow.read() as stores:
                _, totals = stores.run_rows.sums(run["id"])
            assert totals.get("usd", {}).get("succeeded", 0) == line["ledger"]
        (sums,) = self.query(
            """SELECT coalesce(sum(iif(a.run_id IS NULL, c.amount, 0)), 0) AS singly,
                   coalesce(sum(c.amount), 0) AS ledger
               FROM attempts a JOIN charges c ON c.id = a.charge_id
               WHERE a.outcome = 'succeeded'"""
        )
        assert collected + sums["singly"] == sums["ledger"]
