"""Onfile's own identifiers."""

from __future__ import annotations

import re
from collections import Counter

from lib.ids import new_id


def test_reads_well_and_never_comes_twice() -> None:
    made = [new_id("chg") for _ in range(2_000)]
    assert all(re.fullmatch(r"chg_[0-9a-hjkmnp-tv-z]{16}", one) for one in made)
    assert len(set(made)) == len(made)


def test_each_letter_comes_as_often_as_any_other() -> None:
    letters = Counter("".join(new_id("x")[2:] for _ in range(4_000)))
    assert len(letters) == 32
    assert max(letters.values()) < 1.25 * min(letters.values())
