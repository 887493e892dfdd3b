"""
The limit on how often one address may come.

The address is that of the connection, or what a proxy says of it (`X-Forwarded-For`) where uvicorn
trusts the proxy: 127.0.0.1, or those that FORWARDED_ALLOW_IPS names.
"""

from __future__ import annotations

import ipaddress

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.requests import HTTPConnection, Request

# An office behind one address, whose mail scanner opens every link it sees, stays below.
_REQUESTS = RateLimitItemPerMinute(300)
# Addresses that nobody was ever sent.
_MISSES = RateLimitItemPerMinute(30)
RETRY_AFTER_SECONDS = 60
# Whoever has one IPv6 address has all of its network.
_NETWORK_BITS = 64


class AddressLimits:
    """In memory: of one process, and forgotten with it."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def admits(self, request: Request) -> bool:
        """Counts this request."""
        address = address_of(request)
        return self._limiter.test(_MISSES, "miss", address) and self._limiter.hit(
            _REQUESTS, "request", address
        )

    def miss(self, request: Request) -> None:
        """Count a request for something that there never was."""
        self._limiter.hit(_MISSES, "miss", address_of(request))


def address_of(request: HTTPConnection) -> str:
    """The sender's IPv4 address, or the /64 network of its IPv6 address."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, _NETWORK_BITS), strict=False))
    return str(address)
