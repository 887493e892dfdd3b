"""One API request in, one reply out: keys, faults, idempotency, routing, transactions."""

from __future__ import annotations

import json
import logging
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lib.clock import Clock, epoch, utcnow
from lib.practice import (
    completion,
    expansion,
    faults,
    idempotency,
    keys,
    parameters,
    tampering,
)
from lib.practice.database import Database
from lib.practice.faults import Fault, Faults
from lib.practice.happenings import Happenings
from lib.practice.ledger import Ledger, new_id, noun
from lib.practice.replies import (
    ConnectionDropped,
    Reply,
    StripeRefusal,
    head,
    missing,
    refusal_reply,
)
from lib.practice.resources.routes import find_route
from lib.practice.routing import Call, Route
from lib.practice.steps import CardForm, CheckoutStep, CheckoutView

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that is understood and allowed, and has not acted yet."""

    route: Route
    path: str
    ids: dict[str, str]
    params: dict[str, Any]
    expansions: list[list[tuple[str, str]]]
    faults: list[Fault]
    request_id: str
    livemode: bool
    idempotency_key: str | None
    fingerprint: str


class PracticeStripe(Happenings):
    """The account in `database`. Threads and processes may share it.

    Args:
        public_url: Where the hosted page is served; a session's `url` begins with it.
    """

    def __init__(
        self,
        database: Path,
        *,
        clock: Clock = utcnow,
        public_url: str = "http://localhost:8501",
    ) -> None:
        super().__init__(Database(database), clock)
        self.public_url = public_url.rstrip("/")
        self.faults = Faults(self.database)
        self._fingerprint_key = self._secret("fingerprint_key")

    def handle(
        self, method: str, path: str, params: dict[str, Any], headers: Mapping[str, str]
    ) -> Reply:
        """Answers one API request.

        Raises:
            ConnectionDropped: A fault asks that the caller hears nothing.
        """
        request_id = new_id("request")
        lowered = {name.lower(): value for name, value in headers.items()}
        method = method.upper()
        met: list[Fault] = []
        try:
            api_key = keys.authenticate(lowered)
            met = self.faults.take(method, path, immune=_immune(method, path, params))
            request = self._understand(method, path, params, lowered, api_key, met, request_id)
            reply = self._act(request) if method == "POST" else self._change_or_read(request)
        except StripeRefusal as refused:
            reply = refusal_reply(refused, request_id)
        return _sent(reply, met, request_id, epoch(self.clock()))

    def checkout(self, session_id: str) -> CheckoutView | None:
        self.settle_due()
        with self.database.reading() as connection:
            ledger = Ledger(connection, epoch(self.clock()))
            return completion.view(ledger, session_id)

    def submit_card(self, session_id: str, card: CardForm) -> CheckoutStep:
        return self.write(
            lambda ledger: completion.submit(ledger, session_id, card, self._fingerprint_key)
        )

    def answer_authentication(self, session_id: str, *, approve: bool) -> CheckoutStep:
        return self.write(
            lambda ledger: completion.authenticate(ledger, session_id, approve=approve)
        )

    def _understand(
        self,
        method: str,
        path: str,
        params: dict[str, Any],
        headers: Mapping[str, str],
        api_key: str,
        met: list[Fault],
        request_id: str,
    ) -> _Asked:
        if faults.find(met, "lost_request"):
            raise ConnectionDropped
        slow = faults.find(met, "slow")
        if slow is not None:
            time.sleep(float(slow.detail or 0))
        keys.check_version(headers)
        route, ids = find_route(method, path)
        self._check_permission(api_key, route.permission)
        for fault in met:
            refused = faults.refusal(fault, route.permission)
            if refused is not None and fault.kind != "error_500_saved":
                raise refused
        checked = parameters.check(params, route.spec)
        print_ = idempotency.fingerprint(method, path, checked)
        wanted = expansion.asked_for(checked, path)
        expansions = expansion.resolve(wanted, route.returns, is_list=route.is_list)
        for kind in {kind for steps in expansions for _, kind in steps}:
            self._check_permission(api_key, expansion.READ_PERMISSIONS.get(kind, ""))
        key = headers.get("idempotency-key") if method == "POST" else None
        if key is not None:
            idempotency.check_length(key)
        self.settle_due()
        return _Asked(
            route=route,
            path=path,
            ids=ids,
            params=checked,
            expansions=expansions,
            faults=met,
            request_id=request_id,
            livemode=keys.is_live(api_key),
            idempotency_key=key,
            fingerprint=print_,
        )

    def _change_or_read(self, request: _Asked) -> Reply:
        """GET and DELETE, which take no idempotency key."""
        is_read = request.route.method == "GET"
        with self.database.reading() if is_read else self.database.writing() as connection:
            return Reply(200, self._run(request, connection))

    def _act(self, request: _Asked) -> Reply:
        claim: idempotency.Claim | None = None
        if request.idempotency_key is not None:
            claimed = idempotency.claim(
                self.database, request.idempotency_key, request.fingerprint, epoch(self.clock())
            )
            if isinstance(claimed, Reply):
                return claimed
            claim = claimed
        try:
            return self._act_once(request, claim)
        except StripeRefusal:
            self._settle(claim, None)
            raise
        except sqlite3.OperationalError as error:
            self._settle(claim, None)
            if "locked" not in str(error):
                raise
            raise faults.lock_timeout() from error
        except Exception:
            logger.exception("practice Stripe failed", extra={"path": request.path})
            reply = refusal_reply(faults.server_error(), request.request_id)
            self._settle(claim, reply)
            return reply

    def _act_once(self, request: _Asked, claim: idempotency.Claim | None) -> Reply:
        """Acts and saves the answer in one transaction."""
        with self.database.writing() as connection:
            if claim is not None:
                idempotency.hold(connection, claim)
            try:
                reply = Reply(200, self._run(request, connection))
            except StripeRefusal as refused:
                if not refused.has_begun:
                    raise
                reply = refusal_reply(refused, request.request_id)
            if claim is not None:
                idempotency.save(connection, claim, reply)
            return reply

    def _settle(self, claim: idempotency.Claim | None, reply: Reply | None) -> None:
        if claim is None:
            return
        with self.database.writing() as connection:
            if reply is None:
                idempotency.release(connection, claim)
            else:
                idempotency.save(connection, claim, reply)

    def _run(self, request: _Asked, connection: sqlite3.Connection) -> dict[str, Any]:
        if faults.find(request.faults, "error_500_saved"):
            refused = faults.server_error()
            refused.has_begun = True
            raise refused
        ledger = Ledger(
            connection,
            epoch(self.clock()),
            request.request_id,
            request.idempotency_key,
            request.livemode,
        )
        call = Call(
            ledger,
            request.path,
            request.ids,
            request.params,
            self.public_url,
            self._fingerprint_key,
        )
        vanished = faults.find(request.faults, "vanish")
        if vanished is not None:
            raise _vanished(request, vanished)
        late = faults.find(request.faults, "shown_late")
        before = tampering.newest(connection) if late is not None else {}
        body = request.route.act(call)
        if late is not None:
            tampering.show_later(connection, before, ledger.now + int(late.detail or 0))
        if request.route.is_list and faults.find(request.faults, "empty_page_has_more"):
            body |= {"data": [], "has_more": True}
        expansion.expand(ledger, body, request.expansions)
        return body

    def _check_permission(self, api_key: str, permission: str) -> None:
        if keys.is_denied(self.database.connection(), api_key, permission):
            raise faults.missing_permission(permission)

    def _secret(self, name: str) -> bytes:
        """Made once for the account, the same for every process."""
        with self.database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO settings (name, value) VALUES (?, ?)",
                (name, secrets.token_hex(32)),
            )
            row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,))
            return bytes.fromhex(row.fetchone()["value"])


def _immune(method: str, path: str, params: Mapping[str, Any]) -> set[str]:
    """Faults that can do nothing to such a request."""
    try:
        route, ids = find_route(method, path)
    except StripeRefusal:
        return {"vanish", "empty_page_has_more", "shown_late"}
    immune = set() if route.is_list else {"empty_page_has_more"}
    if method != "POST":
        immune.add("shown_late")
    has_cursor = route.is_list and not {"starting_after", "ending_before"}.isdisjoint(params)
    if method != "GET" or not (ids or has_cursor):
        immune.add("vanish")
    return immune


def _vanished(request: _Asked, fault: Fault) -> StripeRefusal:
    kind = noun(request.route.returns)
    if not request.route.is_list:
        return missing(kind, next(reversed(request.ids.values())))
    for param in ("starting_after", "ending_before"):
        if param in request.params:
            status = int(fault.detail or 400)
            return missing(kind, request.params[param], param=param, status=status)
    owner, owner_id = next(iter(request.ids.items()))
    return missing(owner, owner_id, param=owner)


def _sent(reply: Reply, met: list[Fault], request_id: str, now: int) -> Reply:
    """What leaves the house, after the faults that strike on the way back."""
    if faults.find(met, "lost_reply"):
        raise ConnectionDropped
    raw = reply.raw
    if faults.find(met, "truncated_json"):
        whole = json.dumps(reply.body).encode()
        raw = whole[: len(whole) // 2]
    return Reply(reply.status, reply.body, head(request_id, now) | reply.headers, raw)
