"""The number formats that a workbook names by number and does not write out."""

from __future__ import annotations

# ECMA-376 part 1, 18.8.30; in every language the same.
BUILT_IN = {
    0: "General",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    37: "#,##0 ;(#,##0)",
    38: "#,##0 ;[Red](#,##0)",
    39: "#,##0.00;(#,##0.00)",
    40: "#,##0.00;[Red](#,##0.00)",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mmss.0",
    48: "##0.0E+0",
    49: "@",
}
# Dates whose order, and sums whose currency, are those of the program's language. A fill (“* ”) keeps
# what is rendered from counting as certain.
BY_LANGUAGE_DATES = frozenset({14, 22, *range(27, 37), *range(50, 59)})
BY_LANGUAGE = {
    **dict.fromkeys((5, 6, 41, 42), "* #,##0;-#,##0"),
    **dict.fromkeys((7, 8, 43, 44), "* #,##0.00;-#,##0.00"),
}
