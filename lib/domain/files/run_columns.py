"""The columns of a run's file: what each means, what people call it, and which heading it is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import MappingProxyType

from lib.money import CURRENCIES


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    label: str
    required: bool
    synonyms: tuple[str, ...]
    """In English, German, French and Japanese; the likeliest first."""


COLUMNS = (
    Column(
        "customer",
        "Customer",
        True,
        (
            "customer id",
            "stripe customer",
            "stripe customer id",
            "customer_email",
            "client",
            "client id",
            "e-mail",
            "email address",
            "e-mail address",
            "Kunde",
            "Kunden-ID",
            "Kundennummer",
            "Kunden-Nr.",
            "Kundennr",
            "E-Mail-Adresse",
            "Kunden-E-Mail",
            "client e-mail",
            "courriel",
            "adresse e-mail",
            "identifiant client",
            "numéro client",
            "顧客",
            "顧客ID",
            "顧客番号",
            "お客様",
            "メールアドレス",
            "メール",
        ),
    ),
    Column(
        "amount",
        "Amount",
        True,
        (
            "amount due",
            "total",
            "total amount",
            "sum",
            "gross",
            "gross amount",
            "invoice amount",
            "Betrag",
            "Summe",
            "Gesamtbetrag",
            "Rechnungsbetrag",
            "Bruttobetrag",
            "Brutto",
            "montant",
            "montant TTC",
            "montant dû",
            "montant total",
            "金額",
            "請求金額",
            "請求額",
            "合計",
            "合計金額",
        ),
    ),
    Column(
        "currency",
        "Currency",
        True,
        (
            "currency code",
            "ccy",
            "cur",
            "ISO currency",
            "Währung",
            "Waehrung",
            "Währungscode",
            "devise",
            "monnaie",
            "code devise",
            "通貨",
            "通貨コード",
        ),
    ),
    Column(
        "reference",
        "Reference",
        True,
        (
            "invoice number",
            "invoice no",
            "invoice id",
            "invoice",
            "invoice #",
            "ref",
            "reference number",
            "bill number",
            "order number",
            "Rechnungsnummer",
            "Rechnungs-Nr.",
            "Rechnungsnr",
            "Rechnung",
            "Belegnummer",
            "Referenz",
            "Zahlungsreferenz",
            "référence",
            "réf",
            "numéro de facture",
            "n° de facture",
            "no facture",
            "facture",
            "請求書番号",
            "請求番号",
            "参照番号",
            "伝票番号",
        ),
    ),
    Column(
        "payment_method",
        "Payment method",
        False,
        (
            "payment method id",
            "stripe payment method",
            "saved method",
            "pm",
            "card",
            "Zahlungsmethode",
            "Zahlungsart",
            "Zahlungsmittel",
            "Karte",
            "moyen de paiement",
            "mode de paiement",
            "carte",
            "支払い方法",
            "支払方法",
            "決済方法",
            "カード",
        ),
    ),
    Column(
        "description",
        "Description",
        False,
        (
            "details",
            "purpose",
            "text",
            "memo",
            "Beschreibung",
            "Verwendungszweck",
            "Buchungstext",
            "libellé",
            "désignation",
            "motif",
            "説明",
            "摘要",
            "内容",
        ),
    ),
    Column(
        "statement_descriptor_suffix",
        "Text on the statement",
        False,
        (
            "statement descriptor",
            "descriptor suffix",
            "descriptor",
            "suffix",
            "statement text",
            "Kontoauszugstext",
            "Text auf dem Kontoauszug",
            "libellé du relevé",
            "libellé bancaire",
            "明細書表記",
            "明細表記",
        ),
    ),
)

RESULT_COLUMNS = (
    "onfile_state",
    "onfile_payment_intent",
    "onfile_failure_code",
    "onfile_reason",
    "onfile_next_step",
    "onfile_recovery_url",
    "onfile_charged_at",
    "onfile_reading",
)
_OURS = "onfile_"
_INSTEAD = "instead of "
_LETTERS = re.compile(r"[^\W\d_]+")
# Above "payment method type", which is no payment method; below one wrong letter in seven.
_ALIKE = 0.88
_SHORTEST_ALIKE = 5


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


def guess(header: Sequence[str], remembered: Mapping[str, str] = MappingProxyType({})) -> Guess:
    """
    Which heading means what: by the column's own name, as a person chose before, by a synonym, by likeness.

    The own name gives way only to what was chosen in a file that had the own name, too. A column stays
    without a heading rather than getting one of two that fit equally well.

    Args:
        remembered: what `chosen` returned for an earlier file.
    """
    headings = {
        index: _plain(name)
        for index, name in enumerate(header)
        if _plain(name) and not is_ours(name)
    }
    candidates = {name: _candidates(name, headings, header) for name in _WORDS}
    taken = _named_or_chosen(headings, candidates, remembered)
    doubts: list[str] = []
    ambiguous: set[str] = set()
    for name, ranked in candidates.items():
        free = [(rank, index) for rank, index in ranked if index not in taken.values()]
        best = [index for rank, index in free if rank == free[0][0]]
        if name not in taken and len(best) > 1:
            ambiguous.add(name)
            doubts.append(_equally(name, [header[index] for index in best]))
        elif name not in taken and best:
            taken[name] = best[0]
    for name in [name for name in _WORDS if name in taken]:
        rivals = {index for _, index in candidates[name]} | {_recalled(name, headings, remembered)}
        others = [header[i] for i in headings if i in rivals and i not in taken.values()]
        if others:
            doubts.append(_preferred(name, header[taken[name]], others))
    for name, index in _alike(headings, taken, ambiguous).items():
        taken[name] = index
        doubts.append(
            f"“{_short(header[index])}” looks like {_LABELS[name].lower()} and was taken for it. Check that."
        )
    missing = tuple(
        column.name for column in COLUMNS if column.required and column.name not in taken
    )
    return Guess(MappingProxyType(taken), missing, tuple(doubts))


def chosen(header: Sequence[str], columns: Mapping[str, int]) -> dict[str, str]:
    """
    The headings by column, to be remembered for the next file.

    Under the column's name with `_INSTEAD` before it, the own name that was passed over, or nothing.
    """
    headings: dict[str, str] = {}
    for name, index in columns.items():
        if index < len(header):
            headings[name] = header[index]
            others = (other for at, other in enumerate(header) if at != index)
            headings[_INSTEAD + name] = next((o for o in others if _is_own_name(o, name)), "")
    return headings


def stated_currency(heading: str) -> str | None:
    """The one currency that a heading of amounts states in it: “Betrag (EUR)”, “Total €”."""
    words = _LETTERS.findall(unicodedata.normalize("NFKC", heading))
    codes = {word.lower() for word in words if word.isupper() and word.lower() in CURRENCIES}
    last = words[-1].lower() if words else ""
    if last in CURRENCIES and _plain(heading).removesuffix(last) in _WORDS["amount"]:
        codes.add(last)
    if "€" in heading:
        codes.add("eur")
    return codes.pop() if len(codes) == 1 else None


def is_ours(name: str) -> bool:
    """Whether Onfile wrote this column into a results file."""
    return name.strip().casefold().startswith(_OURS)


def results_header(header: Sequence[str]) -> tuple[str, ...]:
    return (*[name for name in header if not is_ours(name)], *RESULT_COLUMNS)


def _plain(name: str) -> str:
    """Letters and digits only, so that “Kunden-Nr.” is “kundennr”; wide forms like narrow ones."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())


_WORDS = {
    column.name: tuple(dict.fromkeys(map(_plain, (column.name, column.label, *column.synonyms))))
    for column in COLUMNS
}
_OWN = {column.name: {_plain(column.name), _plain(column.label)} for column in COLUMNS}
_LABELS = {column.name: column.label for column in COLUMNS}


def _named_or_chosen(
    headings: Mapping[int, str],
    candidates: Mapping[str, Sequence[tuple[int, int]]],
    remembered: Mapping[str, str],
) -> dict[str, int]:
    """What a person chose over an own name, then own names, then what else was chosen before."""
    taken: dict[str, int] = {}
    own = {
        name: [index for rank, index in ranked if rank < len(_OWN[name])]
        for name, ranked in candidates.items()
    }
    recalled = {name: _recalled(name, headings, remembered) for name in _WORDS}
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


def _recalled(name: str, headings: Mapping[int, str], remembered: Mapping[str, str]) -> int | None:
    """The one heading that is called as the column was before."""
    wanted = _plain(remembered.get(name, ""))
    same = [index for index, heading in headings.items() if heading == wanted]
    return same[0] if len(same) == 1 else None


def _candidates(
    name: str, headings: Mapping[int, str], header: Sequence[str]
) -> list[tuple[int, int]]:
    """Headings that are called like a column, likeliest first, each with its rank."""
    words = _WORDS[name]
    ranks: dict[int, int] = {}
    for index, heading in headings.items():
        known = [words.index(w) for w in _readings(heading, header[index], name) if w in words]
        if known:
            ranks[index] = min(known)
    return sorted((rank, index) for index, rank in ranks.items())


def _is_own_name(heading: str, name: str) -> bool:
    plain = _plain(heading)
    return bool(plain) and not _OWN[name].isdisjoint(_readings(plain, heading, name))


def _readings(heading: str, name: str, column: str) -> set[str]:
    """The heading, and for an amount also without its currency: “Betrag (EUR)”."""
    if column != "amount":
        return {heading}
    last = _plain(name.split()[-1])
    return {heading, heading.removesuffix(last) if last in CURRENCIES else heading}


def _alike(
    headings: Mapping[int, str], taken: Mapping[str, int], ambiguous: set[str]
) -> dict[str, int]:
    """Headings with a slip of the keyboard, where only one looks like a column that is still open."""
    matches: dict[str, list[int]] = {}
    for index, heading in headings.items():
        if index in taken.values() or len(heading) < _SHORTEST_ALIKE:
            continue
        likeness, name = max(
            (SequenceMatcher(None, heading, word).ratio(), name)
            for name, words in _WORDS.items()
            for word in words
        )
        if likeness >= _ALIKE and name not in taken and name not in ambiguous:
            matches.setdefault(name, []).append(index)
    return {name: indexes[0] for name, indexes in matches.items() if len(indexes) == 1}


def _equally(name: str, headings: Sequence[str]) -> str:
    listed = " and ".join(f"“{_short(heading)}”" for heading in headings[:3])
    return f"{listed} could both be {_LABELS[name].lower()}. Choose the one you mean."


def _preferred(name: str, heading: str, others: Sequence[str]) -> str:
    listed = ", ".join(f"“{_short(other)}”" for other in others[:3])
    return (
        f"“{_short(heading)}” was taken for {_LABELS[name].lower()}; {listed} could be it as well."
    )


def _short(heading: str) -> str:
    return " ".join(heading.split())[:40]
