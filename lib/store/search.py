"""
The search index: one FTS5 trigram table beside each table that is searched.

The text of a row holds its words behind two spaces each, so that a trigram can stand for the
beginning of a word, and tokens of one trigram for what lists are filtered by. Triggers note which
rows changed; `index` derives from them what follows: the index, which sessions need a customer, and
which methods are the same card.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlite_utils import Database

from lib.domain.identity import address_key, search_text, visible
from lib.store.search_words import PARTS, SECOND_INDEX
from lib.store.upserts import marks

_LONGEST_SEARCH = 80
# The text itself is compared in the end, so a few trigrams are enough to find it: all sixty of a
# session's id took seven times as long.
_MOST_TRIGRAMS = 6

# Only ever added to: whoever reads them compares the fingerprint that the method has now.
_FINGERPRINTS = """INSERT INTO card_fingerprints
    SELECT fingerprint, position FROM payment_methods
    WHERE position IN ({}) AND fingerprint IS NOT NULL ON CONFLICT DO NOTHING"""

# Every kind that is noted, in the order in which one leads to another: what else must be noted.
_DEPENDENTS: dict[str, tuple[str, ...]] = {
    "customers": (
        """INSERT INTO search_pending
            SELECT 'checkout_sessions', s.position FROM customers c
                JOIN checkout_sessions s ON s.customer = c.id
            WHERE c.position IN ({}) ON CONFLICT DO NOTHING""",
        """INSERT INTO search_pending
            SELECT 'payment_methods', m.position FROM customers c
                JOIN payment_methods m ON m.customer = c.id
                    OR (m.is_detached = 1 AND m.last_customer = c.id)
            WHERE c.position IN ({}) ON CONFLICT DO NOTHING""",
        """INSERT INTO search_pending
            SELECT 'charges', h.position FROM customers c JOIN charges h ON h.customer = c.id
            WHERE c.position IN ({}) ON CONFLICT DO NOTHING""",
        """INSERT INTO search_pending
            SELECT 'setup_links', l.position FROM customers c
                JOIN setup_links l ON l.customer = c.id
            WHERE c.position IN ({}) ON CONFLICT DO NOTHING""",
        """INSERT INTO search_pending
            SELECT 'refunds', f.position FROM customers c JOIN charges h ON h.customer = c.id
                JOIN refunds f ON f.charge_id = h.id
            WHERE c.position IN ({}) ON CONFLICT DO NOTHING""",
    ),
    "setup_intents": (
        """INSERT INTO search_pending
            SELECT 'checkout_sessions', s.position FROM setup_intents i
                JOIN checkout_sessions s ON s.setup_intent = i.id
            WHERE i.rowid IN ({}) ON CONFLICT DO NOTHING""",
    ),
    "payment_methods": (
        """INSERT INTO search_pending
            SELECT 'checkout_sessions', s.position FROM payment_methods m
                JOIN setup_intents i ON i.payment_method = m.id
                JOIN checkout_sessions s ON s.setup_intent = i.id
            WHERE m.position IN ({}) ON CONFLICT DO NOTHING""",
        """INSERT INTO search_pending
            SELECT 'charges', h.position FROM payment_methods m
                JOIN charges h ON h.customer = coalesce(m.customer, m.last_customer)
                    AND h.payment_method = m.id
            WHERE m.position IN ({}) ON CONFLICT DO NOTHING""",
    ),
    "checkout_sessions": (),
    "charges": (),
    "setup_links": (),
    "refunds": (),
    "runs": (),
}
_NEEDS_CUSTOMER = """WITH now (position, needs) AS (
        SELECT s.position, s.status = 'complete' AND s.customer IS NULL AND m.id IS NOT NULL
            AND m.customer IS NULL AND m.is_detached = 0
        FROM checkout_sessions s
        LEFT JOIN setup_intents i ON i.id = s.setup_intent
        LEFT JOIN payment_methods m ON m.id = i.payment_method
        WHERE s.position IN ({}))
    UPDATE checkout_sessions SET needs_customer = now.needs FROM now
    WHERE now.position = checkout_sessions.position
        AND checkout_sessions.needs_customer <> now.needs"""


@dataclass(frozen=True, slots=True)
class Match:
    """What to ask a search index."""

    expression: str
    """For MATCH; right for three letters, too wide for more."""
    texts: tuple[str, ...]
    """One of them must stand in the row's text as it is."""
    is_exact: bool
    """Whether the expression says it all."""


class SearchStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, *, most: int = 10_000) -> int:
        """Rows that the index has not seen, counted up to `most`."""
        rows = self._database.query(
            "SELECT count(*) AS n FROM (SELECT 1 FROM search_pending LIMIT ?)", (most,)
        )
        return int(next(rows)["n"])

    def index(self, limit: int) -> int:
        """
        Derive what follows from up to `limit` changed rows of a kind; returns how many there were.

        A customer's new name changes what all its sessions are found by: those are noted, too. So a
        kind waits until those that lead to it are done; sessions were indexed twice otherwise.
        """
        done = 0
        # Most writes change nothing that is searched for: one question instead of one a kind.
        if self._database.execute("SELECT 1 FROM search_pending LIMIT 1").fetchone() is None:
            return done
        for kind, dependents in _DEPENDENTS.items():
            rows = self._database.execute(
                "SELECT position FROM search_pending WHERE kind = ? LIMIT ?", (kind, limit)
            ).fetchall()
            positions = [row[0] for row in rows]
            if not positions:
                continue
            listed = marks(len(positions))
            for dependent in dependents:
                self._database.execute(dependent.format(listed), positions)
            if kind == "checkout_sessions":
                self._database.execute(_NEEDS_CUSTOMER.format(listed), positions)
            if kind == "payment_methods":
                self._database.execute(_FINGERPRINTS.format(listed), positions)
            for table in (kind, *SECOND_INDEX.get(kind, ())):
                if table in PARTS:
                    self._index(table, positions)
            self._database.conn.executemany(
                "DELETE FROM search_pending WHERE kind = ? AND position = ?",
                [(kind, position) for position in positions],
            )
            done += len(positions)
            if len(positions) == limit:
                break
        return done

    def _index(self, table: str, positions: list[int]) -> None:
        listed = marks(len(positions))
        cursor = self._database.conn.cursor()
        cursor.execute(
            f"SELECT position, text FROM {table}_search WHERE position IN ({listed})",
            positions,
        )
        before = dict(cursor.fetchall())
        cursor.execute(PARTS[table].format(listed), positions)
        after = {row[0]: _text(row[1:3], row[3:]) for row in cursor.fetchall()}
        gone = [(p, text) for p, text in before.items() if after.get(p) != text]
        new = [(p, text) for p, text in after.items() if before.get(p) != text]
        cursor.executemany(
            f"INSERT INTO {table}_fts ({table}_fts, rowid, text) VALUES ('delete', ?, ?)",
            gone,
        )
        cursor.executemany(
            f"DELETE FROM {table}_search WHERE position = ?",
            [(position,) for position, _ in gone],
        )
        cursor.executemany(f"INSERT INTO {table}_search VALUES (?, ?)", new)
        cursor.executemany(f"INSERT INTO {table}_fts (rowid, text) VALUES (?, ?)", new)


def match(search: str, *tokens: str, key: Callable[[str], str] | None = None) -> Match | None:
    """
    What to ask for this text, in rows that carry all of these tokens; None for no text.

    Three letters or more are found anywhere, fewer at the beginning of a word.

    Args:
        key: makes another writing of the text, in which it is found as well.
    """
    typed = search_text(search)
    # A domain is found in its own letters, whichever way it was typed.
    shown = address_key(typed) if "xn--" in typed.casefold() else typed
    writings = [_sought(shown), *([_sought(key(typed))] if key and typed else [])]
    texts = tuple(dict.fromkeys(text for text in writings if text))
    if not texts:
        return None
    # Two writings may have the same trigrams, which the index would look up twice.
    parts = dict.fromkeys(f"({' AND '.join(map(_quoted, _trigrams(text)))})" for text in texts)
    expression = " AND ".join([f"({' OR '.join(parts)})", *map(_quoted, map(_token, tokens))])
    return Match(expression, texts, all(len(text) == 3 for text in texts))


def _sought(typed: str) -> str:
    text = _fold(typed)[:_LONGEST_SEARCH].strip()
    return {1: "  ", 2: " "}.get(len(text), "") + text


def _trigrams(text: str) -> list[str]:
    """
    Those with digits, which few rows have, then others that do not overlap them: each is looked up in
    turn, and letters that every address has cost the most and say the least.
    """
    places = range(len(text) - 2)
    rare = _spread(
        [at for at in places if any(map(str.isdigit, text[at : at + 3]))], _MOST_TRIGRAMS
    )
    others = [at for at in places if all(abs(at - other) >= 3 for other in rare)]
    chosen = [*rare, *_spread(others, _MOST_TRIGRAMS - len(rare))]
    return list(dict.fromkeys(text[at : at + 3] for at in chosen))


def _spread(places: list[int], most: int) -> list[int]:
    """At most so many, with the first and the last."""
    if len(places) <= most:
        return places
    step = (len(places) - 1) / (most - 1) if most > 1 else 0
    return [places[round(number * step)] for number in range(most)]


def _quoted(trigram: str) -> str:
    return '"' + trigram.replace('"', '""') + '"'


def _text(tokens: Sequence[str | None], parts: Sequence[str | None]) -> str:
    words = dict.fromkeys(_fold(part) for part in parts if part)
    tags = "".join(f"  {_token(token)}" for token in tokens if token)
    return "".join(f"  {word}\n" for word in words) + tags


def _token(name: str) -> str:
    """Three characters nobody types, so that it is one trigram: the middle one tells them apart."""
    return f"\u2039{name[0]}\u203a"


def _fold(text: str) -> str:
    """
    Without case, accents, letters that are not shown and differences of spacing; two spaces before
    each further word.
    """
    plain = text.casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", visible(plain)).translate(_ACCENTS)
    return "  ".join(plain.split())


class _Accents(dict[int, int | None]):
    """For str.translate: takes combining characters away. Each character is looked up once."""

    def __missing__(self, character: int) -> int | None:
        self[character] = None if unicodedata.combining(chr(character)) else character
        return self[character]


_ACCENTS = _Accents()
