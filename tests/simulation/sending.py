"""What must hold when a charge is sent, looked at from outside: between Onfile and Stripe."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lib.clock import epoch
from lib.domain.declines import explain
from lib.domain.mirror import Decline
from lib.domain.reference_keys import reference_key
from lib.domain.runs import Run
from lib.services.runs.approve import digest_now
from lib.stripe_gateway import mapping
from tests.simulation.state import State, Try, debt_of

DAY = 86_400
_TODAY = """SELECT coalesce(sum(c.amount), 0) AS amount FROM attempts a
    JOIN charges c ON c.id = a.charge_id WHERE a.requested_at >= ?
        AND (a.outcome IS NULL OR a.outcome IN ('succeeded', 'processing', 'unknown'))"""


def decline_of(charge: dict[str, Any]) -> Decline:
    """Of each try: a payment says only why its last one failed."""
    outcome = charge["outcome"]
    return mapping.decline(
        {
            "code": charge["failure_code"],
            "decline_code": outcome["reason"],
            "advice_code": outcome["advice_code"],
        }
    )


class Sending(State):
    def watch(self, ask: Callable[[], Any], given: tuple[Any, ...]) -> Any:
        """Around every call to Stripe."""
        method, path, params, key = given
        is_charge = (method, path) == ("post", "/v1/payment_intents")
        if is_charge:
            exact = json.dumps(params, sort_keys=True)
            if key in self.sent and self.was_turned_away(key):
                del self.sent[key]
            is_first = key not in self.sent
            try:
                assert self.sent.setdefault(key, exact) == exact, "one key, two sets of parameters"
                self.check_sending(params, key, is_first=is_first)
            except AssertionError as error:
                self.stage.broken.append(error)  # whoever asks would catch it
                raise
        self.meanwhile()
        try:
            answer = ask()
        finally:
            if is_charge:
                self.note_failure(params, key)
        self.meanwhile()
        return answer

    def was_turned_away(self, key: str) -> bool:
        """Whether a try that Stripe never executed left its key to the next one."""
        return bool(
            self.query(
                "SELECT 1 FROM attempts WHERE idempotency_key LIKE ? LIMIT 1",
                f"{key}:not_executed:%",
            )
        )

    def meanwhile(self) -> None:
        """While a request is out, somebody else has a turn."""
        if self.stage.is_nested or self.random.random() > 0.04:
            return
        self.stage.is_nested = True
        whose = self.random.choice(self.stage.installations)
        mine = whose.services, whose.life
        try:
            whose.services, whose.life = whose.begin()
            whose.step()
        finally:
            whose.lives = [one for one in whose.lives if one is not whose.life]
            whose.services, whose.life = mine
            self.stage.is_nested = False

    def check_sending(self, params: dict[str, Any], key: str, *, is_first: bool) -> None:
        (attempt,) = self.query("SELECT * FROM attempts WHERE idempotency_key = ?", key)
        if "onfile_run" in params["metadata"]:
            self.check_row(params, key)
        # Of the run, also when a new card is charged by its approval.
        approvers = self.approvers(params) if "onfile_run" in params["metadata"] else 0
        # A settler asks again under the same key whatever the rules say by then.
        if is_first and attempt["outcome"] is None:
            self.check_limits(params, attempt, approvers)
            self.check_retry(params, key)
            self.check_labels(params)

    # Approvals

    def check_row(self, params: dict[str, Any], key: str) -> None:
        """What is sent is what the row says, also when a new card is charged for it."""
        (row,) = self.query(
            """SELECT r.*, coalesce(q.payment_method, r.payment_method) AS agreed FROM attempts a
                   LEFT JOIN new_card_charges q ON q.charge_id = a.charge_id AND a.run_id IS NULL
                   JOIN run_rows r ON r.run_id = coalesce(a.run_id, q.run_id)
                       AND r.number = coalesce(a.run_row, q.run_row)
               WHERE a.idempotency_key = ?""",
            key,
        )
        assert row["is_submitted"] == 1
        asked = [params[name] for name in ("amount", "currency", "customer", "payment_method")]
        assert asked == [row[name] for name in ("amount", "currency", "customer", "agreed")]
        said = params.get("description"), params.get("statement_descriptor_suffix")
        assert said == (row["description"], row["suffix"])

    def approvers(self, params: dict[str, Any]) -> int:
        """How many other people agreed to exactly this."""
        with self.uow.read() as stores:
            run = stores.runs.find(params["metadata"]["onfile_run"])
            assert run is not None
            assert run.digest == digest_now(stores, run)
            makers = {run.created_by, run.submitted_by}
            others = {one.by for one in stores.run_decisions.approvals(run)} - makers
        assert len(others) >= self.needed[run.id], "not enough people agreed"
        return len(others)

    # Limits

    def limits(self) -> tuple[int, int, int]:
        """Per charge, per run and per day."""
        none = 10**9
        for row in self.query("SELECT * FROM limits WHERE currency = 'usd'"):
            per_charge, per_run, per_day = (row[f"per_{of}"] for of in ("charge", "run", "day"))
            return per_charge or none, per_run or none, per_day or none
        return none, none, none

    def charged_on_the_day_of(self, moment: int) -> int:
        return int(self.query(_TODAY, moment // DAY * DAY)[0]["amount"])

    def approvals_needed(self, run_id: str) -> int:
        """By the limits of this moment; asked before a run is submitted."""
        rows = self.query(
            "SELECT amount FROM run_rows WHERE run_id = ? AND state = 'planned'", run_id
        )
        amounts = [row["amount"] for row in rows]
        per_charge, per_run, per_day = self.limits()
        today = self.charged_on_the_day_of(epoch(self.now()))
        is_over = (
            max(amounts, default=0) > per_charge
            or sum(amounts) > per_run
            or today + sum(amounts) > per_day
        )
        return 2 if is_over else 1

    def check_limits(self, params: dict[str, Any], attempt: dict[str, Any], approvers: int) -> None:
        per_charge, _, per_day = self.limits()
        if approvers < 2:
            assert self.charged_on_the_day_of(attempt["requested_at"]) <= per_day, "over the day's"
        if not approvers and params["amount"] > per_charge:
            covered = self.query(
                """SELECT run_id FROM new_card_charges WHERE charge_id = ?
                       AND attempts_before = ? AND payment_method = ?""",
                attempt["charge_id"],
                attempt["number"] - 1,
                params["payment_method"],
            )
            assert covered, "over the limit of a charge, and nobody agreed"

    # Another try

    def note_failure(self, params: dict[str, Any], key: str) -> None:
        """What came of it at Stripe, whether or not the answer will ever arrive."""
        debt = (params["customer"], params["metadata"]["onfile_reference"])
        tries = self.failed.setdefault(debt, {})
        ours = (one for one in self.intents() if one["id"] not in self.stage.by_hand)
        for intent in ours if key not in tries else ():
            is_this = intent["metadata"].items() >= params["metadata"].items()
            if is_this and (error := intent["last_payment_error"]):
                tries[key] = Try(
                    params["amount"],
                    params["payment_method"],
                    mapping.decline(error),
                    epoch(self.house.clock()),
                )

    def check_retry(self, params: dict[str, Any], key: str) -> None:
        debt = (params["customer"], params["metadata"]["onfile_reference"])
        # By the key and not by the label: that may have been put on a payment of another debt by hand.
        digest = key.rpartition(":")[0]
        made = [
            intent
            for intent in self.own_intents()
            if intent["metadata"]["onfile_key"].rpartition(":")[0] == digest
            and intent["id"] not in self.forgot
        ]
        assert len(made) < self.stage.most_tries, "tried too often"
        same_method = [
            one
            for one in self.failed.get(debt, {}).values()
            if one.method == params["payment_method"]
        ]
        if not same_method:
            return
        last = same_method[-1]
        assert explain(last.decline, http_status=402, at=last.at).retry_allowed, "never again"
        # "Not yet" is of a sum: after "not enough money" less may be charged at once.
        same_sum = [one for one in same_method if one.amount == params["amount"]]
        if same_sum and not self.was_skewed:
            last = same_sum[-1]
            until = explain(last.decline, http_status=402, at=last.at).retry_not_before or 0
            assert epoch(self.house.clock()) >= until, "too early"

    def check_labels(self, params: dict[str, Any]) -> None:
        """
        What Stripe listed as paid before is seen, whoever made it and under the label that it has now: by a single
        charge all of it, look-alikes of the same sum too; by a run what was made by hand, once Search has it. A label
        that somebody changes while the step goes on may have been read before or after.
        """
        customer, reference = params["customer"], params["metadata"]["onfile_reference"]
        in_run = "onfile_run" in params["metadata"]
        hour_ago = epoch(self.house.clock()) - 3_600
        now = {one["id"]: one for one in self.intents()}
        for intent in self.stage.paid_before.values():
            whose, label = debt_of(intent)
            if whose != customer or reference_key(label) != reference_key(reference):
                continue
            if debt_of(now[intent["id"]]) != (whose, label):
                continue
            if not in_run:
                assert label != reference, "paid by another payment"
                assert intent["amount"] != params["amount"], "paid under a look-alike"
            elif label == reference and set(intent["metadata"]) == {"onfile_reference"}:
                is_found = self.stage.may_search and intent["created"] < hour_ago
                assert not is_found, "paid by a payment that was labelled by hand"

    # Judging

    def check_judged(self, run: Run) -> None:
        """A run made from a file charges nothing twice, and the default method unless one is named."""
        with self.uow.read() as stores:
            rows = stores.run_rows.of(run.id)
            customers = {row.customer: stores.mirror.customer(row.customer or "") for row in rows}

            def card(method: str) -> str:
                """The same card, saved anew, is the same."""
                known = stores.mirror.payment_method(method)
                return (known.fingerprint if known else None) or method

            # Also where another installation was told so, or a file that is lost: the mirror knows their payments.
            declined = [
                (one.method, one.decline)
                for whose in self.stage.installations
                for debt in whose.failed.values()
                for one in debt.values()
            ] + [
                (one["payment_method"], decline_of(one))
                for one in self.stripe_charges()
                if one["status"] == "failed"
            ]
            stopped = {
                card(method)
                for method, decline in declined
                if not explain(decline, http_status=402, at=0).retry_allowed
            }
            defaults = {
                one.default_payment_method: card(one.default_payment_method)
                for one in customers.values()
                if one is not None and one.default_payment_method is not None
            }
        planned = [row for row in rows if row.state.value == "planned"]
        assert len({(row.customer, row.reference) for row in planned}) == len(planned)
        for row in planned:
            named = row.request.payment_method
            customer = customers[row.customer]
            assert customer is not None
            tried = self.failed.get((row.customer or "", row.reference or ""), {})
            default = customer.default_payment_method
            if named is not None:
                assert row.payment_method == named
            elif default is not None and not tried and defaults[default] not in stopped:
                assert row.payment_method == default
