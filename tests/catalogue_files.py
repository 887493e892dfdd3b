"""
What the code says to customers, read from the code, and the catalogues that translate it.

`make words` brings new and changed strings into the `.po` files, for translators to fill.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from lib.languages import LANGUAGES, SOURCE, catalogue_path
from lib.practice.hosted_words import FOLDER as PRACTICE_FOLDER
from lib.wording.catalogues import FOLDER

ROOT = Path(__file__).resolve().parent.parent
_NOISE = re.compile(
    rb'"(?:POT-Creation|PO-Revision|Report-Msgid|Last-Translator|Language-Team|Generated|Project-Id)'
)
_KEYWORDS = {"translatable": None, "_": None}
TRANSLATIONS = [code for code in LANGUAGES if code != SOURCE]


@dataclass(frozen=True)
class Place:
    """Where strings stand, and where their catalogues lie."""

    name: str
    folder: Path
    sources: tuple[Path, ...]

    @cache  # noqa: B019 - of the few places there are
    def strings(self) -> dict[str, list[tuple[str, int]]]:
        """By string, the files and lines in which it stands."""
        found: dict[str, list[tuple[str, int]]] = {}
        for path in self.sources:
            method = "jinja2" if path.suffix == ".html" else "python"
            for line, text, *_ in extract_from_file(method, path, _KEYWORDS):
                assert isinstance(text, str)
                found.setdefault(text, []).append((str(path.relative_to(ROOT)), line))
        return found

    def catalogue(self, code: str) -> Catalog:
        with catalogue_path(self.folder, code).open("rb") as file:
            return read_po(file, locale=code)


def _files(*patterns: str) -> tuple[Path, ...]:
    return tuple(sorted(path for pattern in patterns for path in ROOT.glob(pattern)))


PLACES = (
    Place("messages and pages", FOLDER, _files("lib/domain/**/*.py", "lib/wording/*.py")),
    Place(
        "the practice payment page",
        PRACTICE_FOLDER,
        _files("lib/practice/**/*.py", "lib/practice/templates/*.html"),
    ),
)


def update(place: Place, code: str) -> None:
    """Strings that are new come without a translation, and those that are gone go."""
    path = catalogue_path(place.folder, code)
    before = place.catalogue(code) if path.exists() else Catalog(locale=code)
    catalogue = Catalog(
        locale=code,
        project="Onfile",
        fuzzy=False,
        header_comment=f"# {LANGUAGES[code]}: {place.name}.",
    )
    for text, locations in place.strings().items():
        known = before.get(text)
        catalogue.add(
            text,
            known.string if known is not None else "",
            # Line numbers would change with every edit of the code.
            locations=[(file, 0) for file in dict.fromkeys(file for file, _ in locations)],
        )
    write(path, catalogue)


def write(path: Path, catalogue: Catalog) -> None:
    written = BytesIO()
    write_po(written, catalogue, width=0, include_lineno=False)
    # Placeholders, and times that would change with every look.
    lines = [
        line for line in written.getvalue().splitlines(keepends=True) if not _NOISE.match(line)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(lines))


if __name__ == "__main__":
    for place in PLACES:
        for code in TRANSLATIONS:
            update(place, code)
