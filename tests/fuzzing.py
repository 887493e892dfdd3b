"""How many examples the suite tries of what faces outside; `ONFILE_EXAMPLES=20000` for a long look."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_FEW = 25
EXAMPLES = int(os.environ.get("ONFILE_EXAMPLES", str(_FEW)))
OUTSIDE = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=EXAMPLES == _FEW,
    database=None,
    suppress_health_check=list(HealthCheck),
)
