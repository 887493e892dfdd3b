"""Which addresses mail can reach."""

from __future__ import annotations

import pytest

from lib.errors import InvalidInput
from lib.services.collect.addresses import checked_email, why_no_mail


def test_what_is_read_as_an_encoded_word_is_none() -> None:
    """In a header of a mail it would be another address, or end the line."""
    address = "=?utf-8?b?QQ0KQmNjOiBl?=@example.com"
    with pytest.raises(InvalidInput, match="something else"):
        checked_email(address)
    assert why_no_mail(address) == "address_invalid"
    assert checked_email("a=b?c@example.com") == "a=b?c@example.com"
