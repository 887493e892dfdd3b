"""
How many examples the suite draws: all of them, or a quarter where `make test-fast` wants an answer within a minute.

`ONFILE_EXAMPLES=20000` is for a long look at what faces outside.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_FEW = 25
_SHARE = int(os.environ.get("ONFILE_ONE_EXAMPLE_IN", "1"))
EXAMPLES = int(os.environ.get("ONFILE_EXAMPLES", str(_FEW)))
OUTSIDE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == _FEW,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def examples(all_of_them: int) -> int:
    return -(-all_of_them // _SHARE)


def draw_a_share() -> None:
    """For the tests that leave the number to Hypothesis."""
    settings.register_profile("share", max_examples=examples(settings().max_examples))
    settings.load_profile("share")
