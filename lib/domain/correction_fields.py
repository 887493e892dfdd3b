"""The cells of a draft's row that a person may correct, and their names."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Field(StrEnum):
    CUSTOMER = "customer"
    AMOUNT = "amount"
    CURRENCY = "currency"
    REFERENCE = "reference"
    PAYMENT_METHOD = "payment_method"
    DESCRIPTION = "description"
    SUFFIX = "statement_descriptor_suffix"
    LEFT_OUT = "left_out"


CELLS = tuple(field for field in Field if field is not Field.LEFT_OUT)
"""What has a cell in the file, in the order in which corrections are read: amounts need a currency."""

LABELS: Mapping[Field, str] = {
    Field.CUSTOMER: "Customer",
    Field.AMOUNT: "Amount",
    Field.CURRENCY: "Currency",
    Field.REFERENCE: "Reference",
    Field.PAYMENT_METHOD: "Saved method",
    Field.DESCRIPTION: "Description",
    Field.SUFFIX: "Statement suffix",
    Field.LEFT_OUT: "Left out",
}
