"""
Known devices: a signed cookie says that a person has signed in with this browser before.

It lets nobody in. It only keeps strangers' guesses from slowing this person down.
"""

from __future__ import annotations

import hashlib
from uuid import uuid4

VALID_DAYS = 180
_AUDIENCE = "onfile-device"


def device_cookie_name(cookie_key: str) -> str:
    return "onfile_device_" + hashlib.sha256(cookie_key.encode()).hexdigest()[:8]


def device_token(username: str, *, cookie_key: str, now: int) -> str:
    import jwt

    claims = {
        "aud": _AUDIENCE,
        "sub": username,
        "jti": uuid4().hex,
        "until": now + VALID_DAYS * 86_400,
    }
    return jwt.encode(claims, cookie_key, algorithm="HS256")


def known_device(cookie: str, username: str, *, cookie_key: str, now: int) -> str | None:
    """The id of the browser, where this person has signed in with it; else None."""
    return _device(cookie, cookie_key=cookie_key, now=now, username=username)


def device_in(cookie: str, *, cookie_key: str, now: int) -> str | None:
    """The id of the browser, where anybody has signed in with it; else None."""
    return _device(cookie, cookie_key=cookie_key, now=now)


def _device(cookie: str, *, cookie_key: str, now: int, username: str | None = None) -> str | None:
    import jwt

    try:
        claims = jwt.decode(cookie, cookie_key, algorithms=["HS256"], audience=_AUDIENCE)
    except jwt.InvalidTokenError:
        return None
    until, device = claims.get("until"), claims.get("jti")
    if username is not None and claims.get("sub") != username:
        return None
    if not isinstance(until, int) or until <= now:
        return None
    return device if isinstance(device, str) else None
