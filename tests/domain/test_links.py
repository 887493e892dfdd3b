"""Setup links: open until used, revoked or old; a session is handed out only with time to use it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.domain.links import SESSION_MARGIN_SECONDS, LinkSession, LinkStatus, SetupLink

LINK = SetupLink(
    id="link_1",
    token="t",
    customer="cus_1",
    email=None,
    name=None,
    currency=None,
    reference=None,
    locale=None,
    charge_id=None,
    created_by="alice",
    created_at=1000,
    expires_at=2000,
    revoked_at=None,
    completed_at=None,
    completed_session=None,
)
SESSION = LinkSession(
    link_id="link_1",
    number=1,
    idempotency_key="k",
    params="{}",
    requested_at=1000,
    session_id="cs_test_1",
    url="https://example.com",
    expires_at=90_000,
    closed_at=None,
)


class TestStatus:
    @pytest.mark.parametrize(
        ("changes", "now", "status"),
        [
            ({}, 1000, LinkStatus.OPEN),
            ({}, 1999, LinkStatus.OPEN),
            ({}, 2000, LinkStatus.EXPIRED),
            ({"revoked_at": 1500}, 1600, LinkStatus.REVOKED),
            ({"revoked_at": 1500}, 3000, LinkStatus.REVOKED),
            ({"completed_at": 1500}, 1600, LinkStatus.COMPLETED),
            ({"completed_at": 1500}, 3000, LinkStatus.COMPLETED),
            # A saved card is the truth, even if somebody revoked the link in the same second.
            ({"completed_at": 1500, "revoked_at": 1500}, 1600, LinkStatus.COMPLETED),
        ],
    )
    def test_at_a_moment(self, changes: dict[str, int], now: int, status: LinkStatus) -> None:
        assert replace(LINK, **changes).status(now) is status


class TestUsableSession:
    def test_while_there_is_time_to_type_a_card_number(self) -> None:
        last = 90_000 - SESSION_MARGIN_SECONDS
        assert SESSION.is_usable(last - 1)
        assert not SESSION.is_usable(last)

    @pytest.mark.parametrize("changes", [{"closed_at": 1100}, {"url": None}])
    def test_not_when_closed_or_without_address(self, changes: dict[str, int | None]) -> None:
        assert not replace(SESSION, **changes).is_usable(1200)

    def test_an_unknown_end_counts_as_open(self) -> None:
        assert replace(SESSION, expires_at=None).is_usable(10**9)
