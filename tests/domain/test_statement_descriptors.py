"""What a statement shows of prefix and suffix, by docs.stripe.com/get-started/account/statement-descriptors."""

from __future__ import annotations

import pytest

from lib.domain.runs import Severity
from lib.domain.statement_descriptors import LONGEST_SUFFIX, finding, room


@pytest.mark.parametrize(("prefix", "left"), [("AB", 18), ("ACME", 16), ("ACME TOOLS", 10)])
def test_prefix_and_joint_take_their_share(prefix: str, left: int) -> None:
    assert room(prefix) == left <= LONGEST_SUFFIX
    assert finding("x" * left, prefix) is None
    too_long = finding("x" * (left + 1), prefix)
    assert too_long is not None
    assert too_long.severity is Severity.RED
    assert f"“{prefix}* {'x' * left}”" in too_long.message


def test_without_the_prefix_only_the_certain_is_certain() -> None:
    assert finding("x" * 10, None) is None
    unsure = finding("x" * 11, None)
    assert unsure is not None
    assert unsure.severity is Severity.AMBER


def test_no_suffix_has_no_length() -> None:
    assert finding(None, "ACME") is None
