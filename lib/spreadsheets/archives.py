"""An XLSX file's parts, unpacked within bounds, and packed again with only what is to be read."""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.parsers import expat

from lib.errors import InvalidInput
from lib.spreadsheets.other_kinds import refuse_archive

MOST_UNPACKED = 160 * 1024 * 1024
Element = tuple[str, dict[str, str]]
"""Its name without a prefix, and its attributes."""
_FOLDERS = ("", "_rels", "xl", "xl/_rels", "xl/worksheets", "xl/worksheets/_rels")


@dataclass(frozen=True, slots=True)
class Listed:
    """A sheet as the workbook lists it."""

    index: int
    name: str
    visible: bool
    part: str


def unpacked(data: bytes) -> dict[str, bytes]:
    """
    The parts that hold sheets, texts and styles; pictures and the rest stay packed.

    Never takes more memory than MOST_UNPACKED, whatever the archive says of itself.
    """
    parts: dict[str, bytes] = {}
    left = MOST_UNPACKED
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            refuse_archive(archive.namelist())
            for member in archive.infolist():
                name = member.filename.replace("\\", "/").lstrip("/")
                if posixpath.dirname(name) not in _FOLDERS:
                    continue
                if name in parts:
                    raise damaged()
                with archive.open(member) as stream:
                    parts[name] = stream.read(left + 1)
                left -= len(parts[name])
                if left < 0:
                    raise too_large()
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
    ):
        raise damaged() from None
    if "xl/workbook.xml" not in parts:
        raise damaged()
    return parts


def packed(parts: Mapping[str, bytes], only: str) -> io.BytesIO:
    """A workbook in which `only` is the one sheet that can be reached."""
    packed_again = io.BytesIO()
    with zipfile.ZipFile(packed_again, "w", zipfile.ZIP_STORED) as archive:
        for name, content in parts.items():
            if name == only or posixpath.dirname(name) != "xl/worksheets":
                archive.writestr(name, content)
    packed_again.seek(0)
    return packed_again


def sheets(workbook: Sequence[Element], relations: bytes) -> list[Listed]:
    """Of what a workbook and its relations say."""
    targets = {
        attributes.get("Id", ""): attributes.get("Target", "")
        for name, attributes in elements(relations)
        if name == "Relationship"
    }
    listed = [attributes for name, attributes in workbook if name == "sheet"]
    return [
        Listed(
            index,
            attributes.get("name", ""),
            attributes.get("state", "visible") == "visible",
            _part(targets.get(_relation(attributes), "")),
        )
        for index, attributes in enumerate(listed)
    ]


def opens_on(workbook: Sequence[Element]) -> int:
    """The index of the sheet that a person sees first."""
    views = [attributes for name, attributes in workbook if name == "workbookView"]
    number = views[0].get("activeTab", "") if views else ""
    return int(number) if number.isascii() and number.isdecimal() else 0


def damaged() -> InvalidInput:
    return InvalidInput(
        "This Excel workbook is damaged or incomplete, so nothing was read from it. Open it in Excel, save "
        "it again as an Excel workbook (.xlsx), and upload that.",
        code="file_damaged",
    )


def too_large() -> InvalidInput:
    return InvalidInput(
        "The workbook holds far more than a run of 100,000 rows needs, so nothing was read from it. Copy the "
        "table into a new workbook, or split it into several.",
        code="file_too_large",
    )


def elements(xml: bytes) -> list[Element]:
    """Every element with its attributes, without prefixes."""
    tags: list[Element] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        tags.append((name.rpartition(":")[2], attributes))

    parse(xml, expat.ParserCreate(), start)
    return tags


def parse(
    xml: bytes, parser: expat.XMLParserType, start: Callable[[str, dict[str, str]], None]
) -> None:
    """Run `start` on every element. A document type, which could define entities, is refused."""

    def refuse(*_: object) -> None:
        raise damaged()

    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError:
        raise damaged() from None


def _relation(attributes: Mapping[str, str]) -> str:
    return next(
        (value for name, value in attributes.items() if name.rpartition(":")[2] == "id"), ""
    )


def _part(target: str) -> str:
    if target.startswith("/"):
        return target.lstrip("/")
    return posixpath.normpath(posixpath.join("xl", target)) if target else ""
