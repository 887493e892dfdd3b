"""
A Stripe account of any size that is nowhere stored: everything about session number n follows
from n, and n can be read back from every id.

Ids are made as Stripe's are, going by those of its published fixtures (seti_1Pgag7B7WZ01zgkWSgwGdb8Z,
made 13 s after ch_1PgafuB7WZ01zgkWXYmPNZs8): the second in which it was made, the account, then
noise; a Session's are all noise. That what was made together stands together in an index is worth a
lot at a million rows, and Stripe promises none of it: `has_dated_ids=False` makes all ids noise.

Number 0 is the oldest. Times are spread over eighteen months as a business has them: growth, busy
days, quiet nights and weekends, and on the first of each month an import that makes a twelfth of
everything within two minutes, several a second.
"""

from __future__ import annotations

import base64
import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import accumulate

# Fixed, so that two runs read the same account.
END = int(datetime(2026, 11, 23, tzinfo=UTC).timestamp())
SPAN_HOURS = 549 * 24
DAY = 24 * 3600
CARDS = 8
"""How many kinds of card there are; the kind of number n is n % CARDS."""

_EXPIRED_EACH, _OPEN_EACH, _SECOND_EACH, _GUEST_EACH, _REFERENCE_EACH = 8, 3, 5, 37, 2
_IMPORT_SECONDS, _IMPORT_SHARE = 120, 1 / 12
# An odd factor makes neighbours look unlike each other and can be undone.
_FACTOR, _MODULUS = 0x9E3779B97F, 1 << 40
_UNDO = pow(_FACTOR, -1, _MODULUS)
_LETTERS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_READABLE = bytes(_LETTERS[byte % len(_LETTERS)] for byte in range(256))
# Of an id: what it begins with, and how much stands between that and its number.
_ACCOUNT = "B7WZ01zgkW"
_STAMP = 5
_DATED = _STAMP + len(_ACCOUNT)
_SKIPPED = {"cs_test_a1": 0, "seti_1": _DATED, "setatt_1": _DATED, "pm_1": _DATED, "cus_": _STAMP}

_FIRST = (
    "Ada Alice Anton Berta Bruno Carla Cem Clara Dana David Elena Emil Fatima Felix Greta Hana "
    "Hugo Ida Ines Ivan Jonas Julia Kai Lara Leon Lina Luca Maja Marco Mila Nadia Noah Olga Omar "
    "Paula Rosa Samir Sofia Theo Yara"
).split()
_LAST = (
    "Albers Becker Brandt Costa Dietrich Engel Fischer Garcia Haas Ivanov Jansen Kaya Keller "
    "Krause Lang Lopez Maier Moreau Nowak Okafor Ortiz Peters Petrov Quinn Richter Rossi Sato "
    "Schubert Silva Tanaka Ullmann Vogel Weber Winkler Yilmaz Zimmermann Smith Jones Khan Lee"
).split()
_TRADES = "Bakery Books Catering Dental Foods Joinery Print Studio Supply Tools Travel Yoga".split()


@dataclass(frozen=True, slots=True)
class Item:
    """All that tells session number `number`, its customer and its card apart from others."""

    number: int
    status: str
    created: int
    session: str
    setup_intent: str
    setup_attempt: str
    payment_method: str
    customer: str | None
    name: str
    email: str
    reference: str | None
    link: str | None
    fingerprint: str
    secret: str


class Account:
    def __init__(self, sessions: int, *, has_dated_ids: bool = True) -> None:
        self.sessions = sessions
        self._has_dated_ids = has_dated_ids

    def item(self, number: int) -> Item:
        owner = owner_of(number)
        noise = _noise(number)
        created = self.created(number)
        first, last = _FIRST[owner % len(_FIRST)], _LAST[owner // len(_FIRST) % len(_LAST)]
        trade = _TRADES[owner * 7 // 3 % len(_TRADES)]
        named = number % _REFERENCE_EACH == 0
        made = self._stamp(number, created) + _ACCOUNT
        return Item(
            number=number,
            status=self._status(number, created),
            created=created,
            session=_id("cs_test_a1", number, noise[:48]),
            setup_intent=_id("seti_1" + made, number),
            setup_attempt=_id("setatt_1" + made, number),
            payment_method=_id("pm_1" + made, number),
            customer=self._customer_id(owner),
            name=f"{first} {last} {trade}",
            email=f"{first}.{last}.{owner}@{trade}.example".lower(),
            reference=f"INV-{number:07d}" if named else None,
            link=f"lnk_{noise[96:112].lower()}" if named else None,
            fingerprint=noise[112:128],
            secret=noise[128:153],
        )

    def created(self, number: int) -> int:
        """Never smaller than that of an earlier number."""
        share = (number + 0.5) / self.sessions
        hour = bisect_right(self._shares, share)
        before = self._shares[hour - 1] if hour else 0.0
        within = (share - before) / (self._shares[hour] - before)
        seconds = _IMPORT_SECONDS if _is_import(hour) else 3600
        return _START + hour * 3600 + min(int(within * seconds), seconds - 1)

    def first_since(self, moment: int) -> int:
        """The smallest number that was created at `moment` or later."""
        low, high = 0, self.sessions
        while low < high:
            middle = (low + high) // 2
            if self.created(middle) < moment:
                low = middle + 1
            else:
                high = middle
        return low

    def number_of(self, identifier: str) -> int | None:
        """The number an id was made from; None for an id of somewhere else."""
        prefix = next((name for name in _SKIPPED if identifier.startswith(name)), None)
        if prefix is None:
            return None
        begin = len(prefix) + _SKIPPED[prefix]
        code = identifier[begin : begin + 8]
        if len(code) < 8:
            return None
        try:
            bits = base64.b32decode(code)
        except ValueError:
            return None
        number = int.from_bytes(bits, "big") * _UNDO % _MODULUS
        return number if number < self.sessions else None

    def customers_below(self, number: int) -> Iterator[int]:
        """The numbers that have a customer of their own, newest first."""
        return (n for n in range(number - 1, -1, -1) if owner_of(n) == n and not _is_guest(n))

    def sessions_of(self, owner: int) -> list[int]:
        """The sessions of one customer, newest first."""
        return [n for n in (owner + 1, owner) if n < self.sessions and owner_of(n) == owner]

    def _customer_id(self, owner: int) -> str | None:
        """None for those who paid as a guest."""
        if _is_guest(owner):
            return None
        return _id("cus_" + self._stamp(owner, self.created(owner)), owner, _noise(owner)[154:155])

    def _stamp(self, number: int, created: int) -> str:
        """Five digits that grow with time, or as many of noise."""
        if not self._has_dated_ids:
            return _noise(number)[155:160]
        left = created - len(_LETTERS) ** _STAMP
        digits = bytearray()
        for _ in range(_STAMP):
            left, digit = divmod(left, len(_LETTERS))
            digits.append(_LETTERS[digit])
        return digits[::-1].decode("ascii")

    def _status(self, number: int, created: int) -> str:
        if END - created < DAY and number % _OPEN_EACH == 0:
            return "open"
        return "expired" if number % _EXPIRED_EACH == 3 else "complete"

    @cached_property
    def _shares(self) -> list[float]:
        """For each hour, the share of all sessions that were made by its end."""
        ordinary = [0.0 if _is_import(hour) else _weight(hour) for hour in range(SPAN_HOURS)]
        imports = sum(_is_import(hour) for hour in range(SPAN_HOURS))
        scale = (1 - _IMPORT_SHARE) / sum(ordinary)
        shares = [
            _IMPORT_SHARE / imports if _is_import(hour) else weight * scale
            for hour, weight in enumerate(ordinary)
        ]
        reached = list(accumulate(shares))
        reached[-1] = 1.0
        return reached


_START = END - SPAN_HOURS * 3600
_IMPORTS = frozenset(
    hour
    for hour in range(SPAN_HOURS)
    if (moment := datetime.fromtimestamp(_START + hour * 3600, UTC)).day == 1 and moment.hour == 9
)


def _is_import(hour: int) -> bool:
    return hour in _IMPORTS


def _weight(hour: int) -> float:
    moment = datetime.fromtimestamp(_START + hour * 3600, UTC)
    growth = 1 + 2 * hour / SPAN_HOURS
    of_day = 0.05 if moment.hour < 6 or moment.hour > 21 else 1.0
    of_week = 0.2 if moment.weekday() > 4 else 1.0
    busy = 6.0 if moment.day == 25 else 1.0
    return growth * of_day * of_week * busy


def owner_of(number: int) -> int:
    """The number whose customer this session belongs to: some customers saved twice."""
    return number - 1 if number % _SECOND_EACH == 1 else number


def _is_guest(owner: int) -> bool:
    return owner % _GUEST_EACH == 5


def _noise(number: int) -> str:
    return hashlib.shake_256(b"%d" % number).digest(160).translate(_READABLE).decode("ascii")


def _id(prefix: str, number: int, tail: str = "") -> str:
    code = base64.b32encode((number * _FACTOR % _MODULUS).to_bytes(5, "big")).decode("ascii")
    return f"{prefix}{code}{tail}"
