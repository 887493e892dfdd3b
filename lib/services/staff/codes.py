"""
Codes of a second factor: from an app (TOTP, RFC 6238), or on paper.

A code counts in its half minute and the ones beside it, once. The secret lies in the database under a
key that does not, so a copy of the file is no second factor; codes on paper need no key, only their
digests are kept.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets

from lib.errors import NotSignedIn
from lib.store.stores import Stores

STEP_SECONDS = 30
RECOVERY_CODES = 10
# RFC 6238, 5.2: at most one step, for clocks that differ and people who type.
_STEPS_BESIDE = 1
_RECOVERY_BYTES = 10
_NOT_RIGHT = (
    "That code is not right, or was used already. Wait for the next one in your app, or use a recovery "
    "code."
)


class UnreadableSecret(NotSignedIn):
    """The key is not the one that the secret was encrypted under."""

    code = "second_factor_unreadable"


class Sealing:
    """Encrypts secrets under ONFILE_SECRET_KEY."""

    def __init__(self, secret_key: str) -> None:
        self._key = base64.urlsafe_b64encode(
            hashlib.sha256(b"onfile second factors\0" + secret_key.encode()).digest()
        )

    def seal(self, secret: str) -> str:
        from cryptography.fernet import Fernet

        return Fernet(self._key).encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """
        Raises:
            UnreadableSecret
        """
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(self._key).decrypt(sealed.encode()).decode()
        except InvalidToken as error:
            raise UnreadableSecret(
                "Onfile cannot read your second factor: its key (ONFILE_SECRET_KEY, or secret.key in the "
                "data folder) is not the one it was made with. Sign in with a recovery code, or ask an "
                "admin to reset your second factor."
            ) from error


def step_of(code: str, secret: str, *, now: int) -> int | None:
    """The half minute, counted from 1970, that a code belongs to; None when it is of none near `now`."""
    from pyotp import TOTP

    totp = TOTP(secret, interval=STEP_SECONDS)
    current = now // STEP_SECONDS
    near = range(current - _STEPS_BESIDE, current + _STEPS_BESIDE + 1)
    matches = [step for step in near if secrets.compare_digest(totp.generate_otp(step), code)]
    return matches[-1] if matches else None


def new_recovery_codes() -> list[str]:
    codes = [
        base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode().lower()
        for _ in range(RECOVERY_CODES)
    ]
    return ["-".join(code[at : at + 4] for at in range(0, len(code), 4)) for code in codes]


def recovery_digest(code: str) -> str:
    return hashlib.sha256(re.sub(r"[^a-z2-7]", "", code.lower()).encode()).hexdigest()


def use_code(stores: Stores, username: str, code: str, *, sealing: Sealing, now: int) -> str:
    """
    Take a code, which is used up with the transaction; says what it was: "app" or "recovery code".

    Raises:
        NotSignedIn: it is wrong, used or too old.
        UnreadableSecret
    """
    factor = stores.second_factors.find(username)
    if factor is None:
        raise NotSignedIn(_NOT_RIGHT)
    typed = "".join(code.split())
    if re.fullmatch(r"[0-9]{6}", typed):
        step = step_of(typed, sealing.open(factor.secret), now=now)
        if step is not None and stores.second_factors.use_step(username, step):
            return "app"
    elif stores.second_factors.use_recovery_code(username, recovery_digest(code), at=now):
        return "recovery code"
    raise NotSignedIn(_NOT_RIGHT)
