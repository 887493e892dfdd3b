"""Sends queued events to the webhook route, signed as Stripe signs them, until one is accepted."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import logging
import re
import secrets
import sqlite3
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from lib.clock import epoch
from lib.practice import account_settings, thin_events

if TYPE_CHECKING:
    from lib.practice.engine import PracticeStripe

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
LEASE_SECONDS = 60
"""A claim older than this belongs to a process that died; longer than any request may take."""
BATCH = 50
POLL_SECONDS = 0.5
GIVE_UP_SECONDS = 3 * 24 * 3600
BACK_OFF_SECONDS = (10, 60, 300, 1800, 7200, 14400, 28800)

_CLAIM = """
UPDATE deliveries SET state = 'sending', claimed_by = ?, claimed_at = ?, attempts = attempts + 1
WHERE event_id = ?
  AND ((state = 'pending' AND next_try_at <= ?) OR (state = 'sending' AND claimed_at <= ?))
"""
_DUE = """
SELECT event_id FROM deliveries
WHERE (state = 'pending' AND next_try_at <= ?) OR (state = 'sending' AND claimed_at <= ?)
ORDER BY next_try_at, rowid LIMIT ?
"""
_SETTLE = """
UPDATE deliveries
SET state = ?, next_try_at = ?, last_status = ?, last_error = ?, delivered_at = ?,
    claimed_by = NULL, claimed_at = NULL
WHERE event_id = ? AND claimed_by = ?
"""


class EventDelivery:
    """A thread that empties the queue. Any number of processes may run one over the same file.

    Raises:
        ValueError: The webhook URL leaves this machine.
    """

    def __init__(self, stripe: PracticeStripe, *, webhook_url: str, secret: str) -> None:
        self._stripe = stripe
        self._url = _loopback(webhook_url)
        self._secret = secret.encode()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def run_once(self) -> int:
        """Tries each due event once, at most `BATCH`; returns how many were accepted."""
        return self._run_batch(threading.Event())

    def start(self) -> None:
        """Does nothing when it already runs."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._stripe.register_endpoint(self._url)
        # Each thread has its own signal, so that a late one cannot miss that it was stopped.
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stopping,), name="event-delivery", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Waits for the request that is on its way, if any, and sends no other."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(TIMEOUT_SECONDS * 2)
            self._thread = None

    def _run(self, stopping: threading.Event) -> None:
        try:
            while not stopping.is_set():
                try:
                    self._run_batch(stopping)
                except sqlite3.Error:
                    logger.exception("delivery queue not readable")
                stopping.wait(POLL_SECONDS)
        finally:
            self._stripe.database.close()

    def _run_batch(self, stopping: threading.Event) -> int:
        now = epoch(self._stripe.clock())
        due = (
            self._stripe.database.connection()
            .execute(_DUE, (now, now - LEASE_SECONDS, BATCH))
            .fetchall()
        )
        if not due:
            return 0
        delivered = 0
        with requests.Session() as session:
            # A proxy from the environment would carry the event off this machine.
            session.trust_env = False
            for event_id in [str(row["event_id"]) for row in due]:
                if stopping.is_set():
                    break
                try:
                    delivered += self._deliver(session, event_id)
                except Exception:
                    logger.exception("event not delivered", extra={"event_id": event_id})
        return delivered

    def _deliver(self, session: requests.Session, event_id: str) -> bool:
        claim = secrets.token_hex(8)
        row = self._claim(event_id, claim)
        if row is None:
            return False
        status, error = self._send_event(session, event_id)
        accepted = _is_accepted(status)
        now = epoch(self._stripe.clock())
        state, next_try_at = "delivered", now
        if not accepted:
            state, next_try_at = _after_failure(int(row["attempts"]), int(row["created"]), now)
            logger.info(
                "event not accepted",
                extra={"event_id": event_id, "status": status, "reason": error, "state": state},
            )
        delivered_at = now if accepted else None
        with self._stripe.database.writing() as connection:
            connection.execute(
                _SETTLE, (state, next_try_at, status, error, delivered_at, event_id, claim)
            )
        return accepted

    def _claim(self, event_id: str, claim: str) -> sqlite3.Row | None:
        """The event, when this claim took it; nothing when another process was first."""
        now = epoch(self._stripe.clock())
        with self._stripe.database.writing() as connection:
            taken = connection.execute(_CLAIM, (claim, now, event_id, now, now - LEASE_SECONDS))
            if taken.rowcount != 1:
                return None
            row: sqlite3.Row = connection.execute(
                "SELECT e.created, d.attempts FROM deliveries d"
                " JOIN events e ON e.id = d.event_id WHERE d.event_id = ?",
                (event_id,),
            ).fetchone()
            return row

    def _send_event(
        self, session: requests.Session, event_id: str
    ) -> tuple[int | None, str | None]:
        """A row that cannot even be read counts as a failed attempt, so that it backs off too."""
        try:
            row = (
                self._stripe.database.connection()
                .execute("SELECT payload FROM events WHERE id = ?", (event_id,))
                .fetchone()
            )
            return self._send(session, self._payload(str(row["payload"])))
        except Exception as failure:
            logger.exception("event not sent", extra={"event_id": event_id})
            return None, type(failure).__name__

    def _payload(self, snapshot: str) -> str:
        settings = account_settings.read(self._stripe.database.connection())
        if settings.event_payload == "thin":
            return json.dumps(thin_events.notification(json.loads(snapshot)))
        return snapshot

    def _send(self, session: requests.Session, payload: str) -> tuple[int | None, str | None]:
        body = payload.encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": self._signature(body),
        }
        try:
            # Streamed, so that an endless answer is not read.
            with session.post(
                self._url,
                data=body,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
                stream=True,
            ) as reply:
                status = reply.status_code
        except requests.RequestException as failure:
            return None, type(failure).__name__
        return status, None if _is_accepted(status) else f"HTTP {status}"

    def _signature(self, body: bytes) -> str:
        sent_at = epoch(self._stripe.clock())
        signed = f"{sent_at}.".encode() + body
        return f"t={sent_at},v1={hmac.new(self._secret, signed, hashlib.sha256).hexdigest()}"


def _is_accepted(status: int | None) -> bool:
    return status is not None and 200 <= status < 300


def _after_failure(attempts: int, created: int, now: int) -> tuple[str, int]:
    wait = BACK_OFF_SECONDS[min(attempts, len(BACK_OFF_SECONDS)) - 1]
    if now + wait > created + GIVE_UP_SECONDS:
        return "abandoned", now
    return "pending", now + wait


def _loopback(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    # Parsers disagree on what follows a backslash or "@"; an address of ours has neither.
    is_plain = not re.search(r"[\s\\@]", url)
    if not is_plain or parts.scheme not in ("http", "https") or not _is_loopback(host):
        raise ValueError("practice events go to this machine only: localhost, 127.0.0.0/8 or ::1")
    return url


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
