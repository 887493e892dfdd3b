"""Columns whose cells say of each row whether it is a debit or a credit, whatever stands over them: DR and CR, S and H."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lib.domain.files import credit_words
from lib.domain.files.credit_words import bare_text, words_in

# A column of sides has few words; one of texts may hold any of them.
_MOST_TEXTS = 20
_SIGNS = str.maketrans("−–－﹣＋", "----+")


def _set(text: str) -> frozenset[str]:
    return frozenset(map(bare_text, text.split()))


# Of books: where both stand in one column, it is one of sides and of nothing else.
_BOOK_DEBITS = _set("dr dbit dt soll debe dare 借方 차변 дт дебет")
_BOOK_CREDITS = _set("cr crdt ct haben haber avere 貸方 贷方 대변 кт кредит")
_DEBITS = (
    _BOOK_DEBITS
    | {word for word in credit_words.INVOICE_TYPES if len(word) > 1}
    | _set(
        "debit debits debited deb debet debiet débit débito addebito belastung cargo cobrança wn af positive positiv positif positivo plus "
        "order renewal usage verkauf vente venta vendita venda verkoop 借 請求 売上"
    )
)
_CREDITS = (
    _BOOK_CREDITS
    | {word for word in credit_words.CREDIT_SIDES if len(word) > 1 and word != "minus"}
    | credit_words.CREDIT_WORDS
    | credit_words.REFUNDS
    | _set("gutschr crédit accredito estorno kreditering creditering 贷 貸 赤伝 返品 値引")
)
# Beside debits only: alone they stand in files of other things.
_CREDITS_BESIDE_DEBITS = (
    credit_words.CREDIT_TYPES | _set("minus negative negativ négatif negativo bij 贷 貸 入金")
) - _DEBITS
# Letters and signs, debit before credit: (a) under any heading, (b) under one of types or sides.
_PAIRS = (("d", "c"), ("s", "h"), ("+", "-"), ("1", "-1"), ("+1", "-1"))
_PAIRS_OF_TYPES = (
    *_PAIRS,
    ("d", "h"),
    ("d", "a"),
    ("d", "k"),
    ("i", "c"),
    ("b", "c"),
    ("r", "g"),
    ("f", "a"),
    ("c", "r"),
    ("s", "r"),
    ("p", "n"),
    ("s", "k"),
    ("md", "d"),
)
# Cards are of credit and debit, too, and whoever pays on credit gets no credit.
_OF_CARDS = tuple(
    map(bare_text, "card karte carte tarjeta carta cartão kaart カード funding".split())
)
_OF_PAYING = tuple(
    map(
        bare_text,
        "pay zahl paiement règlement pago pagamento betaal 支払 term method méthode método metodo".split(),
    )
)
_OF_PLACES = _set("country countrycode land pays país paese 国 国名 region state province")


@dataclass(frozen=True, slots=True)
class Sides:
    """Of one column."""

    credits: frozenset[str]
    """Cells that stand for credits, as they are written."""
    debit: str
    """What another row says; empty where none says that it is a debit."""
    is_certain: bool
    """Whether it can be nothing but a column of sides."""


def sides_of(texts: Collection[str], heading: str) -> Sides | None:
    """
    Args:
        texts: all that stands in the column, each once, without empty cells.
    """
    if not 0 < len(texts) <= _MOST_TEXTS:
        return None
    plain = bare_text(heading)
    return _of_words(texts, plain) or _of_letters(texts, plain)


def _of_words(texts: Collection[str], heading: str) -> Sides | None:
    words = {text: words_in(text) for text in texts}
    debits = {text for text, theirs in words.items() if _are_all(theirs, _DEBITS)}
    if any(word in heading for word in _OF_CARDS) and not _holds(words, _BOOK_CREDITS):
        return None
    if not debits:
        named = {text for text, theirs in words.items() if _are_all(theirs, _CREDITS)}
        may_be_else = heading in _OF_PLACES or any(word in heading for word in _OF_PAYING)
        if len(named) < len(words) or may_be_else:
            return None
        return Sides(frozenset(named), "", is_certain=False)
    every = _CREDITS | _CREDITS_BESIDE_DEBITS
    named = {
        text for text, theirs in words.items() if text not in debits and _are_all(theirs, every)
    }
    if not named:
        return None
    is_book = _holds(words, _BOOK_DEBITS) and _holds(words, _BOOK_CREDITS)
    is_whole = len(named) + len(debits) == len(words)
    return Sides(frozenset(named), min(debits), is_certain=is_book and is_whole)


def _are_all(words: Sequence[str], known: frozenset[str]) -> bool:
    """“C - Credit” says it twice: letters count for nothing beside a word."""
    longer = [word for word in words if len(word) > 1 or not word.isascii()]
    return bool(longer) and all(word in known for word in longer)


def _holds(words: Mapping[str, Sequence[str]], known: frozenset[str]) -> bool:
    return any(word in known for theirs in words.values() for word in theirs)


def _of_letters(texts: Collection[str], heading: str) -> Sides | None:
    letters = {text: _letter(text) for text in texts}
    is_of_types = heading in credit_words.TYPE_HEADINGS | credit_words.SIDE_HEADINGS
    pairs: Iterable[tuple[str, str]] = _PAIRS_OF_TYPES if is_of_types else _PAIRS
    for debit, credit in pairs:
        named = frozenset(text for text, letter in letters.items() if letter == credit)
        debits = [text for text, letter in letters.items() if letter == debit]
        is_whole = len(named) + len(debits) == len(letters)
        # A dash alone stands for nothing.
        may_be_alone = (is_of_types and credit in {"c", "h"}) or credit == "-1"
        if named and is_whole and (debits or may_be_alone):
            return Sides(named, min(debits, default=""), is_certain=False)
    return None


def _letter(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().translate(_SIGNS).strip(" .()[]")
