"""The columns of a file: which heading is which, by their names, synonyms and what a person chose before."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import MappingProxyType

from lib.errors import InvalidInput
from lib.money import CURRENCIES

OURS = "onfile_"
_INSTEAD = "instead of "
# Above "payment method type", which is no payment method; below one wrong letter in seven.
_ALIKE = 0.88
_SHORTEST_ALIKE = 5
_SOMEBODY = re.compile(r"cus_[A-Za-z0-9]{6,}|[^\s@]+@[^\s@]+\.[^\s@]+")


@dataclass(frozen=True, slots=True)
class FileColumn:
    name: str
    label: str
    required: bool
    synonyms: tuple[str, ...]
    """In English, German, French and Japanese; the likeliest first."""


@dataclass(frozen=True)
class Guess(Mapping[str, int]):
    """Which heading each column is, by its index. Never two columns for one heading."""

    columns: Mapping[str, int]
    missing: tuple[str, ...]
    """Required columns that were not found."""
    doubts: tuple[str, ...]
    """Where a person should look, in sentences."""

    def __getitem__(self, name: str) -> int:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


class ColumnTable:
    """What a kind of file may have in its columns."""

    def __init__(
        self,
        columns: Sequence[FileColumn],
        *,
        acted_on: Sequence[str],
        is_table: Sequence[frozenset[str]],
    ) -> None:
        """
        Args:
            acted_on: columns whose cells decide what is done; a row where one is struck out is struck out.
            is_table: a sheet with all columns of one of these may be meant.
        """
        self.columns = tuple(columns)
        self.acted_on = tuple(acted_on)
        self._is_table = tuple(is_table)
        self._words = {
            column.name: tuple(
                dict.fromkeys(map(plain_name, (column.name, column.label, *column.synonyms)))
            )
            for column in columns
        }
        self._own = {c.name: {plain_name(c.name), plain_name(c.label)} for c in columns}
        self._labels = {column.name: column.label for column in columns}

    def may_be_meant(self, columns: Mapping[str, int]) -> bool:
        """Whether a sheet with these columns holds rows, and no list of other things."""
        return any(names <= set(columns) for names in self._is_table)

    def words_of(self, name: str) -> tuple[str, ...]:
        """What a heading of this column is called, as `plain_name` writes it."""
        return self._words[name]

    def guess(
        self, header: Sequence[str], remembered: Mapping[str, str] = MappingProxyType({})
    ) -> Guess:
        """
        Which heading means what: by the column's own name, as a person chose before, by a synonym, by likeness.

        The own name gives way only to what was chosen in a file that had the own name, too. A column stays
        without a heading rather than getting one of two that fit equally well.

        Args:
            remembered: what `chosen` returned for an earlier file.
        """
        headings = {
            index: plain_name(name)
            for index, name in enumerate(header)
            if plain_name(name) and not is_ours(name)
        }
        candidates = {name: self._candidates(name, headings, header) for name in self._words}
        taken = self._named_or_chosen(headings, candidates, remembered)
        doubts: list[str] = []
        ambiguous: set[str] = set()
        for name, ranked in candidates.items():
            free = [(rank, index) for rank, index in ranked if index not in taken.values()]
            best = [index for rank, index in free if rank == free[0][0]]
            if name not in taken and len(best) > 1:
                ambiguous.add(name)
                doubts.append(self._equally(name, [header[index] for index in best]))
            elif name not in taken and best:
                taken[name] = best[0]
        for name in [name for name in self._words if name in taken]:
            rivals = {index for _, index in candidates[name]} | {
                _recalled(name, headings, remembered)
            }
            others = [header[i] for i in headings if i in rivals and i not in taken.values()]
            if others:
                doubts.append(self._preferred(name, header[taken[name]], others))
        for name, index in self._alike(headings, taken, ambiguous).items():
            taken[name] = index
            doubts.append(
                f"“{_short(header[index])}” looks like {self._labels[name].lower()} and was taken for it. Check that."
            )
        missing = tuple(
            column.name for column in self.columns if column.required and column.name not in taken
        )
        return Guess(MappingProxyType(taken), missing, tuple(doubts))

    def chosen(self, header: Sequence[str], columns: Mapping[str, int]) -> dict[str, str]:
        """
        The headings by column, to be remembered for the next file.

        Under the column's name with `_INSTEAD` before it, the own name that was passed over, or nothing.
        """
        headings: dict[str, str] = {}
        for name, index in columns.items():
            if index < len(header):
                headings[name] = header[index]
                others = (other for at, other in enumerate(header) if at != index)
                headings[_INSTEAD + name] = next(
                    (o for o in others if self._is_own_name(o, name)), ""
                )
        return headings

    def _named_or_chosen(
        self,
        headings: Mapping[int, str],
        candidates: Mapping[str, Sequence[tuple[int, int]]],
        remembered: Mapping[str, str],
    ) -> dict[str, int]:
        """What a person chose over an own name, then own names, then what else was chosen before."""
        taken: dict[str, int] = {}
        own = {
            name: [index for rank, index in ranked if rank < len(self._own[name])]
            for name, ranked in candidates.items()
        }
        recalled = {name: _recalled(name, headings, remembered) for name in self._words}
        over = {name: index for name, index in recalled.items() if remembered.get(_INSTEAD + name)}
        for choices in (
            over,
            {name: indexes[0] for name, indexes in own.items() if len(indexes) == 1},
            {name: index for name, index in recalled.items() if not own[name]},
        ):
            for name, index in choices.items():
                if index is not None and name not in taken and index not in taken.values():
                    taken[name] = index
        return taken

    def _candidates(
        self, name: str, headings: Mapping[int, str], header: Sequence[str]
    ) -> list[tuple[int, int]]:
        """Headings that are called like a column, likeliest first, each with its rank."""
        words = self._words[name]
        ranks: dict[int, int] = {}
        for index, heading in headings.items():
            known = [words.index(w) for w in _readings(heading, header[index], name) if w in words]
            if known:
                ranks[index] = min(known)
        return sorted((rank, index) for index, rank in ranks.items())

    def _is_own_name(self, heading: str, name: str) -> bool:
        plain = plain_name(heading)
        return bool(plain) and not self._own[name].isdisjoint(_readings(plain, heading, name))

    def _alike(
        self, headings: Mapping[int, str], taken: Mapping[str, int], ambiguous: set[str]
    ) -> dict[str, int]:
        """Headings with a slip of the keyboard, where only one looks like a column that is still open."""
        matches: dict[str, list[int]] = {}
        for index, heading in headings.items():
            if index in taken.values() or len(heading) < _SHORTEST_ALIKE:
                continue
            likeness, name = max(
                (SequenceMatcher(None, heading, word).ratio(), name)
                for name, words in self._words.items()
                for word in words
            )
            if likeness >= _ALIKE and name not in taken and name not in ambiguous:
                matches.setdefault(name, []).append(index)
        return {name: indexes[0] for name, indexes in matches.items() if len(indexes) == 1}

    def _equally(self, name: str, headings: Sequence[str]) -> str:
        listed = " and ".join(f"“{_short(heading)}”" for heading in headings[:3])
        return f"{listed} could both be {self._labels[name].lower()}. Choose the one you mean."

    def _preferred(self, name: str, heading: str, others: Sequence[str]) -> str:
        listed = ", ".join(f"“{_short(other)}”" for other in others[:3])
        return f"“{_short(heading)}” was taken for {self._labels[name].lower()}; {listed} could be it as well."


def refuse_rows_for_headings(header: Sequence[str]) -> None:
    """
    Raises:
        InvalidInput: somebody is named in the heading, who would be passed over without a word.
    """
    named = next((cell for cell in header if _SOMEBODY.fullmatch(cell.strip())), None)
    if named is not None:
        raise InvalidInput(
            f"“{_short(named.strip())}” stands where the heading should be, so its row would be passed over. "
            "Write a row of headings above it, such as E-mail.",
            field="columns",
            code="heading_missing",
        )


def is_ours(name: str) -> bool:
    """Whether Onfile wrote this column into a results file."""
    return name.strip().casefold().startswith(OURS)


def plain_name(name: str) -> str:
    """Letters and digits only, so that “Kunden-Nr.” is “kundennr”; wide forms like narrow ones."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())


def _recalled(name: str, headings: Mapping[int, str], remembered: Mapping[str, str]) -> int | None:
    """The one heading that is called as the column was before."""
    wanted = plain_name(remembered.get(name, ""))
    same = [index for index, heading in headings.items() if heading == wanted]
    return same[0] if len(same) == 1 else None


def _readings(heading: str, name: str, column: str) -> set[str]:
    """The heading, and for an amount also without its currency: “Betrag (EUR)”."""
    if column != "amount":
        return {heading}
    last = plain_name(name.split()[-1])
    return {heading, heading.removesuffix(last) if last in CURRENCIES else heading}


def _short(heading: str) -> str:
    return " ".join(heading.split())[:40]
