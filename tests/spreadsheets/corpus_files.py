"""
Workbooks of many numbers under many formats, and what LibreOffice shows of each cell.

`python -m tests.spreadsheets.corpus_files` writes the folder `corpus` anew. It needs openpyxl and
LibreOffice (Debian: libreoffice-calc-nogui), which neither Onfile nor its tests do.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import xlsxwriter

FOLDER = Path(__file__).parent / "corpus"
# As shown, in English (1033), UTF-8 (76), every cell of text in quotation marks.
_CSV = "csv:Text - txt - csv (StarCalc):44,34,76,1,,1033,true,true,true,false,false,1"

VALUES: tuple[float, ...] = (
    0,
    1,
    5,
    12,
    123,
    2200,
    12345,
    1234567,
    0.5,
    1.5,
    12.345,
    1234.5,
    267.49999999999994,
    0.001,
    99.995,
    1.005,
    0.045,
    10000000000,
    46350,
    46350.5625,
    0.75,
    -5,
    -1234.5,
    -0.25,
)
NUMBERS = (
    "General",
    "0",
    "0.00",
    "#,##0",
    "#,##0.00",
    "0%",
    "0.00%",
    "0.00E+00",
    "0.0",
    "0.000",
    "00",
    "0000",
    "0000000",
    "#",
    "##",
    "#.#",
    "#.##",
    "0.##",
    "0.0#",
    "#,##0.0##",
    "#,###",
    "#,##0;(#,##0)",
    "#,##0.00;(#,##0.00)",
    "#,##0.00;[Red](#,##0.00)",
    "0;-0",
    "0.00;-0.00;0",
    '0.00;-0.00;"-"',
    '0.00;-0.00;"none"',
    '"INV-"0000',
    '"INV-"0',
    '"RE-"000000',
    '"INV"0"/26"',
    '0000"-A"',
    "INV-0000",
    '"2026-"0000',
    "000-00-0000",
    "000-000",
    "(000) 000-0000",
    '00"."00',
    "0\\-00",
    "0\\ 000",
    "0,",
    "0,,",
    "#,##0,",
    "0.0,",
    '#,##0.00" €"',
    '#,##0.00" EUR"',
    '"€ "#,##0.00',
    "[$€-407] #,##0.00",
    "#,##0.00 [$€-1]",
    "[$$-409]#,##0.00",
    "[$£-809]#,##0.00",
    "[$CHF] #,##0.00",
    "[$¥-411]#,##0",
    '"kr" #,##0.00',
    "$#,##0.00",
    "€#,##0.00",
    "[Red]0.00",
    "[Blue]0;[Red]-0",
    "[<100]0.0;0",
    '[>=1000]#,##0" k";0',
    '[=0]"zero";0.00',
    '"R"General',
    'General" pcs"',
    '0" pcs"',
    "0_)",
    "_-0_-",
    "_(* #,##0.00_)",
    '_-* #,##0.00 "€"_-',
    "* 0",
    "*00",
    "# ?/?",
    "# ??/??",
    "?",
    "??0",
    "0.0?",
    "?0.0?",
    "##0.0E+0",
    "0E+0",
    "0.0E+00",
    "0.00E-00",
    "@",
    ";;;",
    '"x";"y";"z"',
    "0;",
    "0.00;;",
    "0 0",
    "00 00 00",
    "+0",
    "-0",
    "0!",
    "0:00",
    "0/00",
    "#,##0.00_);[Red]\\(#,##0.00\\)",
    "[$-409]#,##0.00",
    "[$-F800]dddd",
    "[DBNum1]0",
    "#0.00#",
    "0.00\\ \\m",
    "00000",
    '"№ "0',
    "0#0",
    "#00",
    "0.",
)
DATES = (
    "yyyy-mm-dd",
    "dd.mm.yyyy",
    "d.m.yy",
    "m/d/yyyy",
    "mm-dd-yy",
    "d-mmm",
    "mmm-yy",
    "d-mmm-yy",
    "d mmmm yyyy",
    "dddd",
    "ddd dd",
    "h:mm",
    "hh:mm:ss",
    "h:mm AM/PM",
    "mm:ss",
    "[h]:mm",
    "yyyy-mm-dd hh:mm",
    'yyyy"-"mm',
    "mmmm",
    "yyyymmdd",
    "d/m",
    "[$-409]d-mmm-yy",
)
TEXTS = ("@", '"INV-"@', "General", "0000", '0;-0;0;"RE-"@', ";;;", '@" (copy)"')
WORDS = ("2200", "0012", "A-1", "1.50", "11-24", "INV-7", "Łódź", "=x", "TRUE", "1E5")


def by_xlsxwriter(target: Path, codes: tuple[str, ...], values: tuple[object, ...]) -> None:
    with xlsxwriter.Workbook(target) as book:
        sheet = book.add_worksheet("Corpus")
        sheet.set_column(0, len(values), 40)
        sheet.write_row(0, 0, ["format", *(f"v{at}" for at in range(len(values)))])
        for row, code in enumerate(codes, 1):
            sheet.write_string(row, 0, code)
            form = book.add_format({"num_format": code})
            for column, value in enumerate(values, 1):
                write = sheet.write_string if isinstance(value, str) else sheet.write_number
                write(row, column, value, form)


def by_openpyxl(target: Path, codes: tuple[str, ...], values: tuple[object, ...]) -> None:
    from openpyxl import Workbook
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    sheet.title = "Corpus"
    sheet.append(["format", *(f"v{at}" for at in range(len(values)))])
    for column in range(len(values) + 1):
        sheet.column_dimensions[get_column_letter(column + 1)].width = 40
    for row, code in enumerate(codes, 2):
        sheet.cell(row, 1, code).data_type = "s"
        for column, value in enumerate(values, 2):
            cell = sheet.cell(row, column, value)
            if isinstance(value, str):
                cell.data_type = "s"
            cell.number_format = code
    book.save(target)


MAKERS: dict[str, Callable[[Path, tuple[str, ...], tuple[object, ...]], None]] = {
    "xlsxwriter": by_xlsxwriter,
    "openpyxl": by_openpyxl,
}
KINDS: dict[str, tuple[tuple[str, ...], tuple[object, ...]]] = {
    "numbers": (NUMBERS, VALUES),
    "dates": (DATES, VALUES),
    "texts": (TEXTS, WORDS),
}


def build() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for name, make in MAKERS.items():
        for kind, (codes, values) in KINDS.items():
            make(FOLDER / f"{kind}_{name}.xlsx", codes, values)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                "soffice",
                f"-env:UserInstallation=file://{profile}",
                "--headless",
                "--convert-to",
                _CSV,
                "--outdir",
                str(FOLDER),
                *map(str, sorted(FOLDER.glob("*.xlsx"))),
            ],
            check=True,
            timeout=300,
        )
    for shown in FOLDER.glob("*-Corpus.csv"):
        shown.rename(FOLDER / shown.name.replace("-Corpus", ""))


if __name__ == "__main__":
    build()
