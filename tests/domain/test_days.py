"""Days of an installation: from midnight there, in the nights when clocks change, too."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from lib.domain.days import day_began


@pytest.mark.parametrize(
    ("moment", "zone", "began"),
    [
        ("2026-11-30T23:30:00+00:00", "Europe/Berlin", "2026-12-01T00:00:00+01:00"),
        ("2026-11-30T23:30:00+00:00", "UTC", "2026-11-30T00:00:00+00:00"),
        ("2026-11-30T23:30:00+00:00", "America/Los_Angeles", "2026-11-30T00:00:00-08:00"),
        # The night of 25 hours, and that of 23.
        ("2026-10-25T22:30:00+00:00", "Europe/Berlin", "2026-10-25T00:00:00+02:00"),
        ("2026-03-29T21:30:00+00:00", "Europe/Berlin", "2026-03-29T00:00:00+01:00"),
        ("2026-11-23T12:00:00+00:00", "Asia/Kathmandu", "2026-11-23T00:00:00+05:45"),
    ],
)
def test_it_began_at_midnight_there(moment: str, zone: str, began: str) -> None:
    now = int(datetime.fromisoformat(moment).timestamp())
    found = datetime.fromtimestamp(day_began(now, zone), ZoneInfo(zone))
    assert found == datetime.fromisoformat(began)
    assert (found.hour, found.minute) == (0, 0)
