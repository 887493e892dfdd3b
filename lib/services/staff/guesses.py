"""
Guessing is slowed down without a weapon against the person whose account is guessed.

A wrong sign-in counts for the account *at the address it came from*, for that address whichever
account it named, and for the account among all strangers together. A browser in which the person has
signed in before is no stranger: it has a count of its own and none of the others stops it. Names count
as they were typed, so that one which does not exist is answered like one that does.

Whoever has a shell on the machine can read the hashes anyway: the command line neither counts nor is
stopped. docs/decisions/030-second-factor.md says why this is not a library's.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from dataclasses import dataclass

from lib.errors import NotSignedIn
from lib.store.stores import Stores

WINDOW_SECONDS = 15 * 60
MOST_PER_ACCOUNT_HERE = 5
MOST_PER_ADDRESS = 30
MOST_PER_ACCOUNT = 50


@dataclass(frozen=True, slots=True)
class SignInOrigin:
    """Where a sign-in comes from."""

    address: str | None
    """None: this machine."""
    device: str | None = None
    """The id of a browser in which this very person has signed in before."""

    @property
    def network(self) -> str:
        """Of IPv6 the /64: each household has that many addresses to spare."""
        try:
            address = ipaddress.ip_address(self.address or "127.0.0.1")
        except ValueError:
            return "unknown"
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address)


@dataclass(frozen=True, slots=True)
class _Count:
    key: str
    account: str | None
    most: int


class Guesses:
    """One sign-in that is about to be tried; counted before, so that many at once are no way around."""

    def __init__(self, username: str, origin: SignInOrigin, *, secret: str) -> None:
        self._secret = secret
        self.origin = origin
        self._account = account_of(username, secret=secret)
        if origin.device is not None:
            self._own = self._count("device", origin.device, most=MOST_PER_ACCOUNT_HERE)
            self._shared: tuple[_Count, ...] = ()
        else:
            self._own = self._count("here", origin.network, most=MOST_PER_ACCOUNT_HERE)
            self._shared = (
                _Count(_digest(secret, "address", origin.network), None, MOST_PER_ADDRESS),
                self._count("strangers", most=MOST_PER_ACCOUNT),
            )

    def begin(self, stores: Stores, *, now: int) -> None:
        """
        Raises:
            NotSignedIn: too many; nothing was compared.
        """
        counts = (self._own, *self._shared)
        full = [
            until
            for one in counts
            if (until := stores.sign_in_failures.full_until(one.key, most=one.most, now=now))
        ]
        if full:
            minutes = (max(full) - now + 59) // 60
            raise NotSignedIn(
                f"Too many wrong tries. Try again in {minutes} minute{'s' if minutes > 1 else ''}, from a "
                "browser in which you have signed in before, or ask an admin for help."
            )
        stores.sign_in_failures.sweep(now=now)
        for one in counts:
            stores.sign_in_failures.count(
                one.key, account=one.account, now=now, until=now + WINDOW_SECONDS
            )

    def end_well(self, stores: Stores) -> None:
        """It was the person: their own count starts again, the others lose this one."""
        stores.sign_in_failures.forget(self._own.key)
        for one in self._shared:
            stores.sign_in_failures.take_back(one.key)

    def _count(self, *parts: str, most: int) -> _Count:
        return _Count(_digest(self._secret, self._account, *parts), self._account, most)


def account_of(username: str, *, secret: str) -> str:
    """What counts of one account have in common."""
    return _digest(secret, "account", username)


def _digest(secret: str, *parts: str) -> str:
    return hmac.new(secret.encode(), "\0".join(parts).encode(), hashlib.sha256).hexdigest()
