"""
Passwords: which ones are taken, how they are kept, and whether one is right.

The rules are those of https://pages.nist.gov/800-63-4/sp800-63b.html#passwordver: length, no common
ones, nothing of the person's own; no rule on kinds of letters.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Collection, Iterable

from lib.domain.identity import whole_letters
from lib.errors import InvalidInput

SHORTEST_PASSWORD = 12
# bcrypt reads no further than 72 bytes and the installed version refuses longer ones.
LONGEST_PASSWORD_BYTES = 72
RULE = f"{SHORTEST_PASSWORD} characters or more; no common password, not your name or address."
# bcrypt's cost: each more doubles the time of a guess, a quarter of a second at this one.
ROUNDS = 12
# Everybody knows the password of the practice accounts: nothing is gained by a slow guess.
PRACTICE_ROUNDS = 4
_NOBODY = "$2b${:02}$BWtg9vO8S89ObgKmFz36Cenf7/9uOOqiwUnHEa290TK/7Xx2gERfq"
# Of 0 to 4. From 2 on a password withstands guessing that is slowed down, as at the sign-in.
_LOWEST_SCORE = 2
_AROUND_WORDS = string.digits + string.punctuation + string.whitespace


def hashed(password: str, *, of: Iterable[str], rounds: int, public: Collection[str] = ()) -> str:
    """
    Args:
        of: what the person is called: user name, name, address.
        public: passwords that everybody knows from elsewhere.

    Raises:
        InvalidInput: too short, too long, or too easy to guess; says which.
    """
    import bcrypt

    chosen = _composed(password)
    if chosen != whole_letters(chosen):
        raise _refused("The password holds half a letter, which nothing can keep. Type it again.")
    if len(chosen) < SHORTEST_PASSWORD:
        raise _refused(f"Use a password of at least {SHORTEST_PASSWORD} characters.")
    if len(chosen.encode()) > LONGEST_PASSWORD_BYTES:
        raise _refused(
            f"Use a password of at most {LONGEST_PASSWORD_BYTES} bytes: as many letters in English, "
            "about half as many in alphabets of their own."
        )
    _check_is_hard_to_guess(chosen, of)
    if chosen.casefold() in public:
        raise _refused("This is the password of the practice accounts, which everybody may know.")
    return bcrypt.hashpw(chosen.encode(), bcrypt.gensalt(rounds)).decode()


def nobody(rounds: int) -> str:
    """
    Compared with when the user is unknown or has no password yet, so that the answer takes as long as
    for a known one: the hash, at the cost of every other, of a password that nobody has.
    """
    return _NOBODY.format(rounds)


def is_right(password: str, password_hash: str) -> bool:
    """In whichever Unicode form a keyboard sends it; takes as long when it is wrong."""
    import bcrypt

    secret = _composed(password).encode()
    if len(secret) > LONGEST_PASSWORD_BYTES:
        bcrypt.checkpw(secret[:LONGEST_PASSWORD_BYTES], password_hash.encode())
        return False
    return bcrypt.checkpw(secret, password_hash.encode())


def _check_is_hard_to_guess(password: str, of: Iterable[str]) -> None:
    from zxcvbn import zxcvbn
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    folded = password.casefold()
    names = {name.casefold() for name in of if name}
    if folded in names or folded.strip(_AROUND_WORDS) in {
        *names,
        *(name.partition("@")[0] for name in names),
    }:
        raise _refused("This is your own name or address. Use a password nobody can guess.")
    words = {word for name in names for word in (name, *name.replace("@", " ").split())}
    common = folded.strip(_AROUND_WORDS) in FREQUENCY_LISTS["passwords"]
    if common or zxcvbn(password, user_inputs=sorted(words))["score"] < _LOWEST_SCORE:
        raise _refused(
            "This password is easy to guess: a common one, a pattern of the keyboard, a repetition, or "
            "your own name. Several words that have nothing to do with each other are better."
        )


def _composed(password: str) -> str:
    """One form for what looks the same: another keyboard may send é as e and an accent."""
    return unicodedata.normalize("NFC", password)


def _refused(message: str) -> InvalidInput:
    return InvalidInput(message, field="password")
