"""
The cookie that remembers a sign-in, as streamlit-authenticator signs it.

It names a *principal*, "alice:3:…": user name, session version and session (`SessionService`). A session
that is over names nobody, so a sign-out and a new password end it although the cookie cannot be revoked.
"""

from __future__ import annotations

import hashlib


def cookie_name(cookie_key: str) -> str:
    """Browsers share cookies between ports of one host; two installations must not collide."""
    return "onfile_" + hashlib.sha256(cookie_key.encode()).hexdigest()[:8]


def principal_in(cookie: str, *, cookie_key: str, now: int) -> str | None:
    """Whom a cookie names; None when it is not signed by us, or out of date."""
    import jwt

    try:
        claims = jwt.decode(cookie, cookie_key, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return None
    name, ends_at = claims.get("username"), claims.get("exp_date")
    if not isinstance(name, str) or not isinstance(ends_at, (int, float)) or ends_at <= now:
        return None
    return name
