"""A seed's hazards are counted, and one that never befell hundreds of seeds is named."""

from __future__ import annotations

from tests.simulation.report import ENOUGH_SEEDS, EVERY_KIND, told

EVERYTHING = dict.fromkeys(EVERY_KIND, 2)


def test_counts_and_in_how_many_seeds() -> None:
    lines, missing = told([{"an empty file": 2}, {"an empty file": 1}, {}])
    (line,) = (line for line in lines if line.endswith("an empty file"))
    assert line.split()[:4] == ["3", "in", "2", "seeds"]
    assert missing == []  # too few seeds to say so


def test_a_kind_that_never_happened_is_missing() -> None:
    most = {kind: times for kind, times in EVERYTHING.items() if kind != "an empty file"}
    assert told([most] * ENOUGH_SEEDS)[1] == ["an empty file"]
    assert told([*[most] * ENOUGH_SEEDS, EVERYTHING])[1] == []
