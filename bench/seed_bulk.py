"""Accounts of any size for benchmarks: the engine's own answers, copied with new ids and times."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from lib.clock import epoch
from lib.practice import card_table
from lib.practice.engine import PracticeStripe
from lib.practice.steps import CardForm

SPAN_SECONDS = 365 * 24 * 3600
DAY_SECONDS = 24 * 3600
EXPIRED_EACH = 8
OPEN_EACH = 50
SAME_CARD_EACH = 40
BATCH = 20_000
HOUR_SECONDS = 3600
PAYMENTS = ("paid", "refunded", "declined", "paid", "disputed", "refunded_in_part", "paid", "paid")
"""How one payment after the other ends."""
CARDS = ("visa", "mastercard", "visa_debit", "amex", "jcb", "de", "gb", "chargeCustomerFail")

_HEADERS = {"Authorization": "Bearer sk_test_practice_seed"}
_NAME, _EMAIL = "Bulk customer 000", "customer.000@bulk.example"
_AMOUNT, _PART = 31_415_926, 2_718_281
_TOWNS = ("Ashmoor", "Birkdal", "Corvane", "Dunmere", "Elmsund", "Fennwick", "Garlow", "Hexby")
_TRADES = ("Supply", "Catering", "Print", "Joinery", "Dental", "Books", "Studio", "Tools", "Foods")

Values = dict[str, str]
Column = str | int | list[str] | None
"""A text that differs from session to session is cut up: at odd places stand names of values."""
Template = list[list[Column]]
"""The rows of one session, oldest first."""


def seed_sessions(stripe: PracticeStripe, count: int, *, now: datetime, payments: int = 0) -> None:
    """Adds `count` setup sessions with customers, SetupIntents and PaymentMethods, oldest first.

    Of every fifty one is open and made within the last day; one in eight has expired. The ids
    follow from what the account holds, so the same calls make the same account. There are no
    events: this is for what reads lists.

    Args:
        payments: So many of the completed ones, spread evenly, are followed by a PaymentIntent and
            its charge, some of them by a refund or a dispute, see `PAYMENTS`. None of it is in
            `money_moved`.

    Raises:
        ValueError: More payments than completed sessions.
    """
    open_count = -(-count // OPEN_EACH)
    able = sum(number % EXPIRED_EACH != 0 for number in range(count - open_count))
    if payments > able:
        raise ValueError(f"{count} sessions carry {able} payments at most")
    cut = _templates(stripe.public_url, now, has_payments=payments > 0)
    completed, paid = cut.completed, cut.paid

    def rows() -> Iterator[list[str | int | None]]:
        seen = 0
        for number in range(count):
            template = completed[number % len(completed)]
            if number >= count - open_count:
                template = cut.open
            elif number % EXPIRED_EACH == 0:
                template = cut.expired
            else:
                nth = seen * payments // able
                seen += 1
                if seen * payments // able > nth:
                    template = paid[PAYMENTS[nth % len(PAYMENTS)]]
            values = _values(first, number, _created(number, count, open_count, epoch(now)))
            for row in template:
                yield [_filled(column, values) for column in row]

    with stripe.database.reading() as connection:
        first = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM objects").fetchone()[0]
    marks = ", ".join("?" for _ in cut.columns)
    insert = f"INSERT INTO objects ({', '.join(cut.columns)}) VALUES ({marks})"
    stream = rows()
    while batch := list(islice(stream, BATCH)):
        with stripe.database.writing() as connection:
            connection.executemany(insert, batch)


@dataclass(frozen=True)
class _Templates:
    columns: list[str]
    completed: list[Template]
    expired: Template
    open: Template
    paid: dict[str, Template]
    """By how the payment ends."""


@functools.cache
def _templates(public_url: str, now: datetime, *, has_payments: bool) -> _Templates:
    """Cut once a process: twenty tests of one moment need no account each."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = _Scratch(Path(folder) / "practice.db", public_url, now)
        completed = [scratch.completed(slug) for slug in CARDS]
        expired, still_open = scratch.expired(), scratch.open()
        paid = {end: scratch.paid(end) for end in dict.fromkeys(PAYMENTS if has_payments else ())}
        scratch.stripe.database.close()
    return _Templates(scratch.columns, completed, expired, still_open, paid)


class _Scratch:
    """An account thrown away, whose objects are the templates."""

    def __init__(self, path: Path, public_url: str, now: datetime) -> None:
        self.now = self.moment = now
        self.stripe = PracticeStripe(path, clock=lambda: self.moment, public_url=public_url)
        self.columns: list[str] = []
        # A template's rows are copied by the ids they hold, and each copy would name the same payout.
        self.stripe.configure({"keeps_books": False})

    def completed(self, slug: str) -> Template:
        begun = self._begin()
        self._submit(begun[1], slug)
        return self._cut(*begun)

    def paid(self, end: str) -> Template:
        """A card is charged an hour later, and what follows comes another hour later."""
        begun = self._begin()
        customer, session, _ = begun
        slugs = {"declined": "chargeCustomerFail", "disputed": "createDispute"}
        self._submit(session, slugs.get(end, "visa"))
        self.moment += timedelta(seconds=HOUR_SECONDS)
        methods = self._get(f"/v1/customers/{customer['id']}/payment_methods")["data"]
        params = {
            "amount": str(_AMOUNT),
            "currency": "usd",
            "customer": customer["id"],
            "payment_method": methods[0]["id"],
            "off_session": "true",
            "confirm": "true",
            "allowed_payment_method_types": {"0": "card"},
        }
        intent = self._post("/v1/payment_intents", params)
        self.moment += timedelta(seconds=HOUR_SECONDS)
        if end.startswith("refunded"):
            part = {"amount": str(_PART)} if end == "refunded_in_part" else {}
            self._post("/v1/refunds", {"payment_intent": intent["id"]} | part)
        template = self._cut(*begun)
        self.moment = self.now
        return template

    def _submit(self, session: dict[str, Any], slug: str) -> None:
        card = card_table.by_slug(slug)
        form = CardForm(
            number=card.number,
            exp_month=1 + len(slug) % 12,
            exp_year=self.now.year + 1 + len(slug) % 4,
            cvc="1234" if card.brand == "amex" else "123",
            name="Practice Cardholder",
            email=_EMAIL,
            country=card.country,
        )
        self.stripe.submit_card(session["id"], form)

    def expired(self) -> Template:
        customer, session, before = self._begin()
        self._post(f"/v1/checkout/sessions/{session['id']}/expire", {})
        return self._cut(customer, session, before)

    def open(self) -> Template:
        return self._cut(*self._begin())

    def _post(self, path: str, params: dict[str, Any]) -> dict[str, Any]:
        return self.stripe.handle("POST", path, params, _HEADERS).body

    def _begin(self) -> tuple[dict[str, Any], dict[str, Any], int]:
        connection = self.stripe.database.connection()
        before = connection.execute("SELECT COALESCE(MAX(seq), 0) FROM objects").fetchone()[0]
        customer = self._post("/v1/customers", {"name": _NAME, "email": _EMAIL})
        base = self.stripe.public_url
        params = {
            "mode": "setup",
            "currency": "usd",
            "customer": customer["id"],
            "success_url": base + "/setup/return?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": base + "/setup/cancelled",
        }
        return customer, self._post("/v1/checkout/sessions", params), int(before)

    def _cut(self, customer: dict[str, Any], session: dict[str, Any], before: int) -> Template:
        connection = self.stripe.database.connection()
        cursor = connection.execute("SELECT * FROM objects WHERE seq > ? ORDER BY seq", (before,))
        self.columns = [column[0] for column in cursor.description if column[0] != "seq"]
        rows = cursor.fetchall()
        names = {_NAME: "name", _EMAIL: "email", customer["invoice_prefix"]: "prefix"}
        names |= {row["id"]: row["kind"] for row in rows}
        intent = self._get(f"/v1/setup_intents/{session['setup_intent']}")
        names[intent["client_secret"].rpartition("_")[2]] = "secret"
        if intent["payment_method"] is not None:
            method = self._get(f"/v1/payment_methods/{intent['payment_method']}")
            names[method["card"]["fingerprint"]] = "fingerprint"
        moment = epoch(self.now)
        paid_at = moment + HOUR_SECONDS
        names |= {
            str(moment): "created",
            str(moment + DAY_SECONDS): "expires_at",
            str(paid_at): "paid_at",
            str(paid_at + HOUR_SECONDS): "changed_at",
            str(_AMOUNT): "amount",
            str(_PART): "part",
        }
        for row in rows:
            payload = json.loads(row["payload"])
            if row["kind"] == "payment_intent":
                names[payload["client_secret"].rpartition("_")[2]] = "payment_secret"
            elif row["kind"] == "dispute":
                names[str(payload["evidence_details"]["due_by"])] = "due_by"
        cut = re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))
        return [[_parts(row[name], cut, names) for name in self.columns] for row in rows]

    def _get(self, path: str) -> dict[str, Any]:
        return self.stripe.handle("GET", path, {}, _HEADERS).body


def _parts(column: str | int | None, cut: re.Pattern[str], names: dict[str, str]) -> Column:
    if column is None or not cut.search(str(column)):
        return column
    text = str(column)
    found = [names[match] for match in cut.findall(text)]
    parts = cut.split(text)
    return [part for pair in zip(parts, [*found, ""], strict=True) for part in pair][:-1]


def _filled(column: Column, values: Values) -> str | int | None:
    if not isinstance(column, list):
        return column
    filled = column.copy()
    filled[1::2] = [values[name] for name in column[1::2]]
    return "".join(filled)


def _created(number: int, count: int, open_count: int, now: int) -> int:
    """Open ones within the last twenty hours, the others over the year before."""
    closed_count = count - open_count
    if number < closed_count:
        last = now - DAY_SECONDS - 3600
        return last - SPAN_SECONDS + SPAN_SECONDS * number // max(closed_count, 1)
    return now - 20 * 3600 + 20 * 3600 * (number - closed_count) // open_count


def _values(first: int, number: int, created: int) -> Values:
    noise = hashlib.shake_256(f"{first}:{number}".encode()).hexdigest(90)
    original = number - 1 if number % SAME_CARD_EACH == 1 else number
    fingerprint = hashlib.shake_256(f"card:{first}:{original}".encode()).hexdigest(8)
    more = hashlib.shake_256(f"payment:{first}:{number}".encode()).hexdigest(64)
    amount = 500 + int(more[:6], 16) % 200_000
    paid_at = created + HOUR_SECONDS
    customer = noise[:14]
    town, trade = _TOWNS[number % len(_TOWNS)], _TRADES[number % len(_TRADES)]
    return {
        "customer": f"cus_{customer}",
        "prefix": customer[-8:].upper(),
        "checkout.session": f"cs_test_a1{noise[14:70]}",
        "setup_intent": f"seti_{noise[70:94]}",
        "secret": noise[94:108],
        "setup_attempt": f"setatt_{noise[108:132]}",
        "payment_method": f"pm_{noise[132:156]}",
        "fingerprint": fingerprint,
        "name": f"{town} {trade} {first + number}",
        "email": f"accounts.{first + number}@bulk.example",
        "created": str(created),
        "expires_at": str(created + DAY_SECONDS),
        "payment_intent": f"pi_{more[6:30]}",
        "payment_secret": more[30:44],
        "charge": f"ch_{more[44:68]}",
        "refund": f"re_{more[68:92]}",
        "dispute": f"du_{more[92:116]}",
        "amount": str(amount),
        "part": str(amount // 4),
        "paid_at": str(paid_at),
        "changed_at": str(paid_at + HOUR_SECONDS),
        "due_by": str(paid_at + 9 * DAY_SECONDS),
    }
