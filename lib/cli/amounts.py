"""Sums on the command line: as files have them, with a decimal dot or comma."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lib.domain.files.number_styles import DecimalSign
from lib.domain.files.typed_sums import typed
from lib.errors import InvalidInput

if TYPE_CHECKING:
    from lib.cli.parser import Arguments
    from lib.money import Money


def amount(arguments: Arguments, code: str) -> Money:
    """
    Of any size, also nothing.

    Raises:
        InvalidInput: no sum, or two that it can mean, both named.
    """
    with two_sums_named():
        return typed(arguments.amount, code, sign_of(arguments))


def sign_of(arguments: Arguments) -> DecimalSign | None:
    return DecimalSign(arguments.decimal) if arguments.decimal else None


@contextmanager
def two_sums_named() -> Iterator[None]:
    try:
        yield
    except InvalidInput as refused:
        if refused.code != "amount_two_sums":
            raise
        raise InvalidInput(
            f"{refused} Or say --decimal dot or --decimal comma.",
            field=refused.field,
            code=refused.code,
        ) from refused
