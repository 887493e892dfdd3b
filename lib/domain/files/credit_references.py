"""References that say by a word at one of their ends that they are no charge: “INV-7-CR”, “VOID INV-7”, “INV-7 (paid)”."""

from __future__ import annotations

import re

from lib.domain.files import credit_words
from lib.domain.files.credit_words import bare_text, words_in
from lib.domain.files.row_states import belongs_to_an_invoice

_ENDS = (
    credit_words.CREDIT_ENDS
    | credit_words.CREDIT_WORDS
    | credit_words.REFUNDS
    | credit_words.OVERPAID
)
# Whose names begin so, and what is sold under it.
_CREDIT_HOUSES = frozenset(
    "suisse agricole mutuel lyonnais foncier industriel europeen coop cooperatif andorra union unions card cards insurance bureau check checks "
    "report reports reform saison control line lines management one acceptance risk rating score scoring".split()
)
# ISO 11649, in which a payment is named all over Europe: RF, two digits that check, at most 21 others.
_CREDITOR_REFERENCE = re.compile(r"rf[0-9]{2}[0-9a-z]{1,21}")


def credit_in(reference: str) -> str | None:
    """The word at the beginning or the end by which it may name a credit; letters within words say nothing."""
    words = _words(reference)
    # RF7 and 7CR: the number needs no sign between.
    ends = [word for end in (words[:1], words[-1:]) for word in end]
    bare = [words[0].rstrip("0123456789"), words[-1].lstrip("0123456789")] if words else []
    word = next((word for word in (*ends, *bare) if word in _ENDS), None)
    if word == "credit" and not _CREDIT_HOUSES.isdisjoint(words[1:2]):
        return None
    # CN-TOWER-5 is somebody's.
    is_a_name = word in credit_words.CREDIT_ENDS and word not in words[-1]
    return None if is_a_name and not all(map(belongs_to_an_invoice, words[1:])) else word


def is_settled(reference: str) -> bool:
    """Whether it says that it is void, or at its end that it was paid: “Paid media 7” is an honest reference."""
    words = _words(reference)
    return bool(words) and (words[0] in credit_words.VOID or words[-1] in credit_words.DONE_WITH)


def begins_as_void(text: str) -> bool:
    return (words_in(text) or [""])[0] in credit_words.VOID


def _words(reference: str) -> list[str]:
    return [] if "@" in reference or _is_creditor_reference(reference) else words_in(reference)


def _is_creditor_reference(text: str) -> bool:
    plain = bare_text(text)
    if not _CREDITOR_REFERENCE.fullmatch(plain):
        return False
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1
