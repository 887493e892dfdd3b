"""References that are written otherwise than the others of their file: “STO RE-7” among “RE-6” and “RE-8”."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from lib.domain.files import state_words
from lib.domain.files.credit_words import bare_text, flat_text, words_in
from lib.domain.files.row_errors import RowError
from lib.domain.runs import Severity

_NUMBER = re.compile(r"[0-9]+")
_COUNTING = re.compile(r"[1-9]")
_LETTER = re.compile(r"[^\W\d_]")
_FEWEST = 2
_LEAST_SHARE = 0.6
_LONGEST = 40
_LONGEST_NOTHING = 16
_NOTHING = frozenset(
    map(
        bare_text,
        "n/a na nn n.n. tbd tba tbc todo xx xxx xxxx none null nil unknown pending missing test dummy sample keine keins ohne unbekannt offen fehlt "
        "aucun aucune inconnu sans ninguno ninguna desconocido nessuno sconosciuto geen onbekend なし 不明 未定 无 未知".split(),
    )
)


class ReferenceShapes:
    """Of the references of one file."""

    def __init__(self, references: Iterable[str]) -> None:
        every = {reference: _shape(reference) for reference in references if reference}
        shapes = Counter(every.values())
        shape, count = shapes.most_common(1)[0] if shapes else ("", 0)
        is_usual = count >= _FEWEST and count >= _LEAST_SHARE * len(every)
        self._usual = shape if is_usual else ""
        self._example = min((one for one in every if every[one] == shape), default="")
        self._shapes = every
        self._inside = _with_a_word(shape)

    def question(self, row: int, reference: str) -> RowError | None:
        if says_nothing(reference):
            message = f"“{reference[:_LONGEST]}” stands in place of a reference: what is owed?"
            return _amber(row, "reference_says_nothing", message)
        if not self._usual or self._shapes[reference] == self._usual:
            return None
        match = self._inside.fullmatch(flat_text(reference))
        if match is None:
            return None
        extra = " ".join(filter(None, (match["before"], match["after"]))).strip(" -/_.()[]:,#*")
        if not _LETTER.search(extra) or self._usual in _shape(extra) or _is_fee(extra):
            return None
        return _amber(
            row,
            "reference_unlike_others",
            f"“{reference[:_LONGEST]}”: the other references are written like “{self._example[:_LONGEST]}”, with nothing "
            "beside. Is this a charge?",
        )


def _is_fee(text: str) -> bool:
    """“2026-11 late fee” is charged beside “2026-11”."""
    return not state_words.FEES.isdisjoint(words_in(text))


def says_nothing(reference: str) -> bool:
    """“-”, “0”, “n/a”, “TBD”."""
    if len(reference) > _LONGEST_NOTHING or _COUNTING.search(reference):
        return False
    bare = bare_text(reference)
    return not bare.strip("0") or bare in _NOTHING


def _shape(reference: str) -> str:
    return _NUMBER.sub("0", flat_text(reference))


def _with_a_word(shape: str) -> re.Pattern[str]:
    """A reference of this shape with something before or behind it; a bare number is one only between spaces."""
    inside = "[0-9]+".join(map(re.escape, shape.split("0")))
    edge = r"[\W_]" if _LETTER.search(shape) else r"[\s()\[\]]"
    return re.compile(rf"(?:(?P<before>.*){edge})?{inside}(?:{edge}(?P<after>.*))?", re.DOTALL)


def _amber(row: int, code: str, message: str) -> RowError:
    return RowError(row, "reference", code, message, Severity.AMBER)
