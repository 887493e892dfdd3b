"""API keys: which are accepted, and what a restricted one may do."""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
from collections.abc import Mapping

from lib.practice.replies import API_VERSION, StripeRefusal, invalid

_KEY = re.compile(r"(sk|rk)_(test|live)_\w+")
_CREDENTIALS = re.compile(r"(\w+) +(.+)")


def authenticate(headers: Mapping[str, str]) -> str:
    """The key, from a bearer or basic `Authorization`.

    Raises:
        StripeRefusal: 401 when there is none or it is not a secret or restricted key.
    """
    given = _CREDENTIALS.fullmatch(headers.get("authorization", "").strip())
    key = ""
    if given is not None and given[1].lower() == "bearer":
        key = given[2]
    elif given is not None and given[1].lower() == "basic":
        key = _user_of(given[2])
    if not key:
        raise StripeRefusal(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization "
            "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    if not _KEY.fullmatch(key):
        raise StripeRefusal(401, f"Invalid API Key provided: {key[:8]}****{key[-4:]}")
    return key


def check_version(headers: Mapping[str, str]) -> None:
    """Older versions of the API answer in other shapes, which the double does not know."""
    wanted = headers.get("stripe-version", API_VERSION)
    if wanted != API_VERSION:
        raise invalid(
            f"Practice Stripe speaks API version {API_VERSION} only, not {wanted}.",
            param="Stripe-Version",
        )


def is_live(key: str) -> bool:
    return key[3:8] == "live_"


def is_denied(connection: sqlite3.Connection, key: str, permission: str) -> bool:
    """Only restricted keys can lack a permission."""
    if not key.startswith("rk_"):
        return False
    denied = {
        row["permission"]
        for row in connection.execute(
            "SELECT permission FROM denied_permissions WHERE api_key = ?", (key,)
        )
    }
    return permission in denied


def _user_of(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("ascii").split(":", 1)[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""
