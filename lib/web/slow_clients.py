"""
Closes connections that do not finish what they began to ask.

uvicorn closes an idle connection between two requests, but waits for ever for the rest of a request's
head, and Streamlit, which starts it, has no way to name another protocol: so its own gets a deadline.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

# Of a head, and of a body that nobody reads. Browsers send both at once.
HEAD_SECONDS = 10.0
_TIMER = "onfile_deadline"

_connection_made = H11Protocol.connection_made
_data_received = H11Protocol.data_received
_connection_lost = H11Protocol.connection_lost


def close_slow_clients() -> None:
    """For every server of this process; again changes nothing."""
    H11Protocol.connection_made = _made  # type: ignore[method-assign]
    H11Protocol.data_received = _received  # type: ignore[method-assign]
    H11Protocol.connection_lost = _lost  # type: ignore[method-assign]


def _made(self: H11Protocol, transport: asyncio.Transport) -> None:
    _connection_made(self, transport)
    _wait(self)


def _received(self: H11Protocol, data: bytes) -> None:
    _data_received(self, data)
    is_upgraded = self.transport.get_protocol() is not self
    if is_upgraded or (self.cycle is not None and not self.cycle.response_complete):
        _forget(self)
    else:
        # A head that is not whole, or more of a body whose request was answered.
        _wait(self)


def _lost(self: H11Protocol, exc: Exception | None) -> None:
    _forget(self)
    _connection_lost(self, exc)


def _wait(self: H11Protocol) -> None:
    if getattr(self, _TIMER, None) is None:
        setattr(self, _TIMER, self.loop.call_later(HEAD_SECONDS, _close, self))


def _forget(self: H11Protocol) -> None:
    timer: asyncio.TimerHandle | None = getattr(self, _TIMER, None)
    if timer is not None:
        timer.cancel()
        setattr(self, _TIMER, None)


def _close(self: H11Protocol) -> None:
    setattr(self, _TIMER, None)
    # A request may have become whole meanwhile, and be under way.
    if self.cycle is None or self.cycle.response_complete:
        self.transport.close()
