"""The charge ledger: charges, attempts and the timeline. Every change of state is compare-and-swap."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from sqlite_utils import Database

from lib.domain.charges import (
    COMMITTED_STATES,
    IN_FLIGHT_SECONDS,
    INFERRED_EVIDENCE,
    KEY_TAKEN,
    LIVE_OUTCOMES,
    LIVE_STATES,
    LONGEST_LOOK_SECONDS,
    OPEN_OUTCOMES,
    RETRYABLE_STATES,
    STATE_AFTER,
    Attempt,
    Charge,
    ChargeState,
    Outcome,
    sent_key,
)
from lib.domain.mirror import Decline
from lib.domain.reference_keys import reference_key
from lib.store.charge_rows import UNRESOLVED, UNRESOLVED_OF_CUSTOMER, attempt_of, charge_of
from lib.store.states import one_of


class ChargeStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, charge: Charge, *, livemode: bool, is_surplus: bool = False) -> bool:
        """
        False when another live charge holds the same customer and reference; a surplus one was paid
        beside it.
        """
        try:
            self._database.execute(
                """INSERT INTO charges (id, livemode, customer, payment_method, amount, currency,
                       reference, reference_key, description, state, created_by, created_at,
                       charged_at, updated_at, is_surplus)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                (
                    charge.id,
                    int(livemode),
                    charge.customer,
                    charge.payment_method,
                    charge.amount,
                    charge.currency,
                    charge.reference,
                    reference_key(charge.reference),
                    charge.description,
                    charge.state.value,
                    charge.created_by,
                    charge.created_at,
                    charge.created_at,
                    charge.updated_at,
                    int(is_surplus),
                ),
            )
        except sqlite3.IntegrityError as error:
            if "charges.customer, charges.reference" in str(error):
                return False
            raise
        return True

    def any(self) -> bool:
        return bool(list(self._database.query("SELECT 1 FROM charges LIMIT 1")))

    def find(self, charge_id: str) -> Charge | None:
        rows = self._database.query("SELECT * FROM charges WHERE id = ?", (charge_id,))
        return next((charge_of(row) for row in rows), None)

    def many(self, charge_ids: Sequence[str]) -> dict[str, Charge]:
        """By id; what does not exist is left out."""
        rows = self._database.query(
            "SELECT * FROM charges WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(charge_ids),),
        )
        return {row["id"]: charge_of(row) for row in rows}

    def unresolved(self, *, since: int, limit: int) -> list[Charge]:
        """
        Failures that no later charge of the same reference made good, and what Stripe never
        executed; oldest first.
        """
        rows = self._database.query(
            f"""SELECT * FROM charges h WHERE h.created_at >= ? AND {UNRESOLVED}
                ORDER BY h.created_at, h.id LIMIT ?""",
            (since, limit),
        )
        return [charge_of(row) for row in rows]

    def unresolved_of(self, customer: str, *, limit: int) -> list[Charge]:
        """The same of one customer, of any age."""
        rows = self._database.query(
            f"""SELECT * FROM charges h WHERE {UNRESOLVED_OF_CUSTOMER}
                ORDER BY h.created_at, h.id LIMIT ?2""",
            (customer, limit),
        )
        return [charge_of(row) for row in rows]

    def attempts_of_many(self, charge_ids: Sequence[str]) -> dict[str, list[Attempt]]:
        """By charge, oldest first."""
        rows = self._database.query(
            """SELECT * FROM attempts WHERE charge_id IN (SELECT value FROM json_each(?))
               ORDER BY charge_id, number""",
            (json.dumps(charge_ids),),
        )
        attempts: dict[str, list[Attempt]] = {}
        for row in rows:
            attempts.setdefault(row["charge_id"], []).append(attempt_of(row))
        return attempts

    def live_for(self, customer: str, reference: str) -> Charge | None:
        """A surplus one only where no other is live."""
        rows = self._database.query(
            f"""SELECT * FROM charges WHERE customer = ? AND reference = ?
                   AND state IN {one_of(LIVE_STATES)} ORDER BY is_surplus""",
            (customer, reference),
        )
        return next((charge_of(row) for row in rows), None)

    def tried_for(self, customer: str, reference: str) -> list[Charge]:
        """
        The charges of this reference that may be tried again, newest first. Another sum makes
        another charge, so there may be several.
        """
        rows = self._database.query(
            f"""SELECT * FROM charges WHERE customer = ? AND reference = ?
                   AND state IN {one_of(RETRYABLE_STATES)}
               ORDER BY created_at DESC, id DESC""",
            (customer, reference),
        )
        return [charge_of(row) for row in rows]

    def attempts_for(self, customer: str, reference: str) -> list[Attempt]:
        """Every try to collect this reference, oldest first: of any sum, also of cancelled charges."""
        rows = self._database.query(
            """SELECT a.* FROM charges c JOIN attempts a ON a.charge_id = c.id
               WHERE c.customer = ? AND c.reference = ?
               ORDER BY a.requested_at, c.created_at, a.charge_id, a.number""",
            (customer, reference),
        )
        return [attempt_of(row) for row in rows]

    def move(
        self,
        charge_id: str,
        *,
        before: ChargeState,
        after: ChargeState,
        at: int,
        payment_method: str | None = None,
    ) -> bool:
        """
        Change the state if it is still `before`.

        Returns False when it is not, or when another live charge holds the reference by now.
        """
        try:
            cursor = self._database.execute(
                """UPDATE charges SET state = ?, updated_at = ?,
                       payment_method = coalesce(?, payment_method)
                   WHERE id = ? AND state = ?""",
                (after.value, at, payment_method, charge_id, before.value),
            )
        except sqlite3.IntegrityError as error:
            if "charges.customer, charges.reference" in str(error):
                return False
            raise
        return cursor.rowcount == 1

    def attempts(self, charge_id: str) -> list[Attempt]:
        rows = self._database.query(
            "SELECT * FROM attempts WHERE charge_id = ? ORDER BY number", (charge_id,)
        )
        return [attempt_of(row) for row in rows]

    def attempt(self, charge_id: str, number: int) -> Attempt | None:
        rows = self._database.query(
            "SELECT * FROM attempts WHERE charge_id = ? AND number = ?", (charge_id, number)
        )
        return next((attempt_of(row) for row in rows), None)

    def name_payment_intent(self, charge_id: str, number: int, payment_intent: str) -> None:
        """Keep which PaymentIntent an attempt made, if that is not known yet."""
        self._database.execute(
            """UPDATE attempts SET payment_intent = ?
               WHERE charge_id = ? AND number = ? AND payment_intent IS NULL""",
            (payment_intent, charge_id, number),
        )

    def by_payment_intent(self, payment_intent: str) -> Attempt | None:
        """Of a failed try, and of one that took its payment into the ledger since, the latter."""
        rows = self._database.query(
            """SELECT * FROM attempts WHERE payment_intent = ?
               ORDER BY idempotency_key = 'adopted:' || payment_intent DESC""",
            (payment_intent,),
        )
        return next((attempt_of(row) for row in rows), None)

    def add_attempt(
        self,
        charge_id: str,
        *,
        number: int,
        idempotency_key: str,
        params: Mapping[str, object],
        by: str,
        at: int,
        next_look_at: int,
        sent_after: int | None,
        run: tuple[str, int, int] | None = None,
    ) -> None:
        """
        Write down what is about to be sent. Raises when the charge has an open attempt.

        Args:
            sent_after: Stripe's clock at its last answer.
            run: the id, row and lease of the charge run that sends it.
        """
        self._database.execute(
            """INSERT INTO attempts (charge_id, number, idempotency_key, params, requested_by,
                   requested_at, next_look_at, sent_after, run_id, run_row, fence)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                charge_id,
                number,
                idempotency_key,
                json.dumps(params, sort_keys=True),
                by,
                at,
                next_look_at,
                sent_after,
                *(run or (None, None, None)),
            ),
        )

    def live_attempt(self, customer: str, reference: str) -> Attempt | None:
        """The one that may still take, or has taken, this debt; a surplus one where it is the only one."""
        rows = self._database.query(
            f"""SELECT * FROM attempts WHERE customer = ? AND reference = ?
                   AND (outcome IS NULL OR outcome IN {one_of(LIVE_OUTCOMES)})
               ORDER BY is_surplus""",
            (customer, reference),
        )
        return next((attempt_of(row) for row in rows), None)

    def record_outcome(
        self,
        charge_id: str,
        number: int,
        *,
        before: Outcome | None,
        after: Outcome,
        evidence: str,
        at: int,
        next_look_at: int | None,
        payment_intent: str | None,
        http_status: int | None,
        request_id: str | None,
        decline: Decline,
    ) -> bool:
        """
        Write an outcome if the recorded one is still `before`; False when it is not.

        A PaymentIntent id, a request id and an HTTP status once known are kept. An outcome beside
        another live attempt of the debt is written down all the same, as a surplus.
        """
        cursor = self._database.execute(
            f"""UPDATE attempts SET is_surplus = max(is_surplus, ? AND EXISTS (
                       SELECT 1 FROM attempts o WHERE o.customer = attempts.customer
                           AND o.reference = attempts.reference AND o.is_surplus = 0
                           AND (o.charge_id, o.number) <> (attempts.charge_id, attempts.number)
                           AND (o.outcome IS NULL
                               OR o.outcome IN {one_of(LIVE_OUTCOMES)}))),
                   outcome = ?, outcome_at = ?, evidence = ?, next_look_at = ?,
                   payment_intent = coalesce(payment_intent, ?),
                   http_status = coalesce(?, http_status), request_id = coalesce(?, request_id),
                   code = ?, decline_code = ?, advice_code = ?, network_decline_code = ?,
                   network_advice_code = ?, outcome_type = ?, message = ?
               WHERE charge_id = ? AND number = ? AND outcome IS ?""",
            (
                STATE_AFTER[after] in COMMITTED_STATES,
                after.value,
                at,
                evidence,
                next_look_at,
                payment_intent,
                http_status,
                request_id,
                decline.code,
                decline.decline_code,
                decline.advice_code,
                decline.network_decline_code,
                decline.network_advice_code,
                decline.outcome_type,
                decline.message,
                charge_id,
                number,
                before.value if before else None,
            ),
        )
        return cursor.rowcount == 1

    def set_outcome_type(self, charge_id: str, number: int, outcome_type: str) -> None:
        self._database.execute(
            "UPDATE attempts SET outcome_type = ? WHERE charge_id = ? AND number = ?",
            (outcome_type, charge_id, number),
        )

    def look_again(
        self, charge_id: str, number: int, *, at: int, seen: Mapping[str, object]
    ) -> None:
        """
        Note a look that settled nothing, what it `seen`, and when the next one is due.

        It was sent, and unknown, at this look at the latest: a date after it was written under a clock that was wrong.
        """
        self._database.execute(
            """UPDATE attempts SET looks = looks + 1, next_look_at = ?, last_look = ?,
                   outcome_at = min(outcome_at, ?), sent_after = min(sent_after, coalesce(?, sent_after))
               WHERE charge_id = ? AND number = ?""",
            (at, json.dumps(seen), seen["at"], seen.get("stripe_time"), charge_id, number),
        )

    def due(self, *, now: int, limit: int = 50) -> list[Attempt]:
        """
        Attempts without a final outcome whose next look is due, or planned so far ahead that the clock
        must have been wrong then.
        """
        rows = self._database.query(
            f"""SELECT * FROM attempts
               WHERE (outcome IS NULL OR outcome IN {one_of(OPEN_OUTCOMES)})
                 AND (next_look_at <= ? OR next_look_at > ?
                      OR (outcome IS NULL AND next_look_at > ?))
               ORDER BY next_look_at LIMIT ?""",
            (now, now + LONGEST_LOOK_SECONDS, now + IN_FLIGHT_SECONDS, limit),
        )
        return [attempt_of(row) for row in rows]

    def unsettled(self) -> list[Attempt]:
        rows = self._database.query(
            f"""SELECT * FROM attempts WHERE outcome IS NULL OR outcome IN {one_of(OPEN_OUTCOMES)}
               ORDER BY requested_at"""
        )
        return [attempt_of(row) for row in rows]

    def mark_surplus(self, charge_id: str) -> None:
        """It was paid beside another charge of the same debt; both payments are there."""
        self._database.execute("UPDATE charges SET is_surplus = 1 WHERE id = ?", (charge_id,))

    def keys_of(self, customer: str, reference: str) -> tuple[set[str], str | None]:
        """
        The idempotency key of every try of this debt that Stripe executed or may have, whatever the sum; and the one
        to ask with first: of the newest try that counts as not executed because nothing was there to see. The trigger
        attempts_keep_what_was_sent has these words.

        A try that was taken over from Stripe is not among them where its payment names its key, which may be of
        another debt: see PaymentStore.tries.
        """
        rows = self._database.query(
            f"""SELECT idempotency_key AS key, outcome IS NOT 'not_executed'
                   AND NOT (outcome IS 'declined' AND evidence IS 'reply' AND http_status IS 400
                       AND payment_intent IS NULL AND code LIKE 'parameter%')
                   AND NOT (idempotency_key = 'adopted:' || payment_intent AND EXISTS (
                       SELECT 1 FROM payment_intents p WHERE p.id = attempts.payment_intent
                           AND p.idempotency_key IS NOT NULL)) AS is_used,
                   outcome IS 'not_executed' AND evidence IN {one_of(INFERRED_EVIDENCE)}
                       AND NOT EXISTS (SELECT 1 FROM payment_intents p
                           WHERE p.customer = attempts.customer AND p.reference_key = ?
                               AND p.charge_id = attempts.charge_id AND p.attempt = attempts.number
                       ) AS is_unseen
               FROM attempts WHERE customer = ? AND reference = ?
               ORDER BY requested_at, charge_id, number""",
            (reference_key(reference), customer, reference),
        )
        used: set[str] = set()
        unseen: dict[str, bool] = {}
        for row in rows:
            if row["is_used"]:
                used.add(str(row["key"]))
            # Of several tries under one key the newest knows most.
            key = sent_key(str(row["key"]))
            unseen.pop(key, None)
            unseen[key] = bool(row["is_unseen"])
        left = [key for key, is_unseen in unseen.items() if is_unseen]
        return used, left[-1] if left else None

    def of_key(self, key: str) -> Attempt | None:
        rows = self._database.query("SELECT * FROM attempts WHERE idempotency_key = ?", (key,))
        return next((attempt_of(row) for row in rows), None)

    def note_key_taken(self, charge_id: str, number: int) -> None:
        """Of an unknown one: Stripe said that its key was used with other parameters."""
        self._database.execute(
            "UPDATE attempts SET code = ? WHERE charge_id = ? AND number = ? AND outcome = 'unknown'",
            (KEY_TAKEN, charge_id, number),
        )

    def free_key(self, key: str) -> None:
        """Let the next try have the key of one that was not executed."""
        self._database.execute(
            """UPDATE attempts SET idempotency_key =
                   idempotency_key || ':not_executed:' || charge_id || ':' || number
               WHERE idempotency_key = ?""",
            (key,),
        )

    def note(
        self,
        charge_id: str,
        *,
        attempt: int | None,
        at: int,
        actor: str,
        kind: str,
        detail: Mapping[str, object],
    ) -> None:
        """Append to the charge's timeline."""
        self._database.execute(
            """INSERT INTO charge_events (charge_id, attempt, at, actor, kind, detail)
               VALUES (?, ?, ?, ?, ?, ?)""",
            (charge_id, attempt, at, actor, kind, json.dumps(detail, ensure_ascii=False)),
        )

    def similar(
        self, *, customer: str, amount: int, currency: str, since: int, except_id: str
    ) -> list[Charge]:
        """Charges of the same customer, amount and currency under another reference."""
        rows = self._database.query(
            f"""SELECT * FROM charges WHERE customer = ? AND amount = ? AND currency = ?
                   AND created_at >= ? AND id <> ?
                   AND state IN {one_of(COMMITTED_STATES)}
               ORDER BY created_at DESC LIMIT 5""",
            (customer, amount, currency, since, except_id),
        )
        return [charge_of(row) for row in rows]
