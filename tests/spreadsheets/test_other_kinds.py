"""Files that are no table that Onfile reads: one sentence says what each is and how to save it."""

from __future__ import annotations

import io
import zipfile

import pytest

from lib.errors import InvalidInput
from lib.spreadsheets.reading import read_file, read_pasted

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 500
FLAT = '<?xml version="1.0"?>\n<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0">'


def archive(*parts: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for part in parts:
            packed.writestr(part, "x")
    return made.getvalue()


@pytest.mark.parametrize(
    ("data", "what", "how"),
    [
        (archive("Index/Document.iwa", "Metadata/x"), "Apple Numbers", "Export To, Excel"),
        (archive("Index.zip", "Data/x"), "Apple Numbers", "Export To, Excel"),
        (archive("index.xml", "buildVersionHistory.plist"), "Apple Numbers", "Export To, Excel"),
        (archive("a.numbers/Index.zip"), "Apple Numbers", "Export To, Excel"),
        (archive("__MACOSX/._a", "a.numbers/Index/Tables/x.iwa"), "Apple Numbers", "Export To"),
        (
            archive("mimetype", "content.xml", "META-INF/manifest.xml"),
            "OpenDocument",
            "LibreOffice",
        ),
        (FLAT.encode(), "OpenDocument", "LibreOffice"),
        (FLAT.encode("utf-16"), "OpenDocument", "LibreOffice"),
        (b"\xef\xbb\xbf" + FLAT.encode(), "OpenDocument", "LibreOffice"),
        (b"%PDF-1.7\n1 0 obj", "PDF", "save the table itself"),
        (b"\xef\xbb\xbf%PDF-1.7\n1 0 obj", "PDF", "save the table itself"),
        (b"\xff\xfe\r\n%PDF-1.4\n", "PDF", "save the table itself"),
        (b"From: a scanner\r\n\r\n%PDF-1.4\nx\n%%EOF\n", "PDF", "save the table itself"),
        (OLE, "(.xls)", "save it as an Excel workbook (.xlsx)"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "password", "without the password"),
        (OLE + "WordDocument".encode("utf-16-le"), "Word", "copy its table"),
        (archive("xl/workbook.bin"), "(.xlsb)", "save it as an Excel workbook (.xlsx)"),
        (archive("word/document.xml"), "Word", "copy its table"),
        (archive("table.csv"), "packed", "unpack it"),
        (b"\x1f\x8b\x08\x00", "packed", "unpack it"),
        (b"\x89PNG\r\n\x1a\n\x00", "picture", "upload the table itself"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "picture", "upload the table itself"),
        (b"<html><table><tr><td>1", "web page", "save it as an Excel workbook (.xlsx)"),
        (b"MIME-Version: 1.0\r\nContent-Type: text/html", "web page", "save it as"),
        (b"ID;PWXL;N;E\r\nC;Y1;X1;K1\r\n", "(.slk)", "save it as an Excel workbook (.xlsx)"),
        (b'TABLE\r\n0,1\r\n"EXCEL"\r\n', "(.dif)", "save it as an Excel workbook (.xlsx)"),
        (b'{"doc_id": "1"}', "JSON", "export an Excel workbook"),
        (b"{\\rtf1\\ansi", "Word", "copy its table"),
    ],
)
def test_one_sentence(data: bytes, what: str, how: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_file(data, "items.xlsx")
    said = str(refused.value)
    assert what in said
    assert how in said
    assert said.endswith(".")
    assert ". " not in said


def test_markup_that_is_pasted() -> None:
    with pytest.raises(InvalidInput, match="OpenDocument"):
        read_pasted(FLAT)


def test_a_table_that_speaks_of_them_is_read() -> None:
    sheet = read_file(b"reference,file\n%PDF-1,a.numbers\nID;P,{\n", "items.csv")
    assert [row.cells for row in sheet.rows] == [("%PDF-1", "a.numbers"), ("ID;P", "{")]
