"""A spreadsheet's numbers without a format: the fifteen digits that were entered."""

from __future__ import annotations

from decimal import Decimal

# Excel shows and keeps no more than fifteen digits.
_EXACT = 1e15


def exact(value: float) -> Decimal:
    """The number that was entered: fifteen digits of the double that holds it."""
    return Decimal(f"{value:.15g}")


def plain(number: Decimal) -> str:
    """
    Its digits without a format: 12.3 and not 12.300000000000001.

    One of more than fifteen digits has lost the others, and is written the way Excel shows it
    (“1.23E+17”), so that nobody takes it for whole.
    """
    if abs(number) < _EXACT:
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, exponent = f"{float(number):.14E}".split("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{exponent}"
