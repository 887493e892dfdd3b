"""The month-end page: closes a month, keeps each closing, and says what is different in a second one."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import pytest

from lib.domain.month_end import month_of
from tests.beginnings import made_once
from tests.ui.charge_pages import button, buttons, ran, text
from tests.world import ALICE, ALWAYS_DECLINES, World

NOVEMBER = {"month": "2026-11"}


@pytest.fixture
@made_once
def november(world: World) -> str:
    """Paid $12.34 and declined $20.00; it is December."""
    good, poor = world.customer("Good"), world.customer("Poor")
    world.save_card(good)
    world.save_card(poor, ALWAYS_DECLINES)
    paid = world.charge(good).charge.id
    world.charge(poor, reference="INV-P", amount="20.00")
    later = datetime(2026, 12, 2, 9, tzinfo=UTC)
    world.clock.advance(seconds=later.timestamp() - world.clock().timestamp())
    world.services.sync.run()
    return paid


def figures(at) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def sums(at) -> list[list[object]]:
    frame = next(one.value for one in at.dataframe if "count" in one.value.columns)
    return [
        [row["code"], row["state"][0], row["count"], row["amount"]] for _, row in frame.iterrows()
    ]


def closed(at):
    return ran(button(at, "month_end_close").click().run())


def test_the_month_that_is_over_is_closed_with_what_stripe_says_today(
    open_page, world, november
) -> None:
    at = open_page("month_end", as_="alice")
    assert at.selectbox(key="month_end_month").value == "2026-11"
    assert figures(at) == {"Charges": "2", "Paid": "1", "Failed": "1", "Not settled": "0"}
    days = "2026-11-01..2026-11-30"
    addresses = {link.proto.label: link.proto.query_string for link in at.get("page_link")}
    assert days in addresses["Charges"]
    assert days in addresses["Paid"]
    assert "charges_state=succeeded" in addresses["Paid"]
    assert days in addresses["Failed"]
    assert "Nobody has closed this month" in text(at)
    assert "the fee of 1 paid charge is not known yet" in text(at).lower()
    at = closed(at)
    assert at.toast[0].value.replace("\\", "") == "Closed."
    page_text = text(at)
    assert "November 2026, closing 1" in page_text
    assert "Alice Operator" in page_text
    assert "Agrees]" in page_text, "its fee was read before it was closed"
    assert sums(at) == [["USD", "Declined", 1, "$20.00"], ["USD", "Succeeded", 1, "$12.34"]]
    assert "month_end_differences" not in page_text


def test_what_came_later_is_a_second_closing_with_its_differences(
    open_page, world, november
) -> None:
    world.services.month_end.close(month_of("2026-11"), by=ALICE)
    world.services.settlement.read()
    at = closed(open_page("month_end", as_="alice", query=NOVEMBER))
    assert "Closed again" in at.toast[0].value
    frame = next(one.value for one in at.dataframe if "before" in one.value.columns)
    changed = {row["field"]: (row["before"], row["after"]) for _, row in frame.iterrows()}
    assert changed["Net"] == ("", "$11.68")
    assert changed["Fee"] == ("", "$0.66")
    assert changed["Available on"][1].endswith("UTC")
    at = ran(at.segmented_control(key="month_end_closing").set_value(1).run())
    assert "closing 1" in text(at)
    assert at.query_params["closing"] == "1"
    assert not any("before" in one.value.columns for one in at.dataframe)


def test_nothing_new_closes_nothing(open_page, world, november) -> None:
    at = closed(closed(open_page("month_end", as_="alice", query=NOVEMBER)))
    assert "Nothing has changed since closing 1." in at.toast[0].value.replace("\\", "")
    [line] = [one for one in world.services.months.months(by=ALICE) if one.closings]
    assert [one.number for one in line.closings] == [1]


def test_its_files_leave_by_our_own_route(open_page, world, november, monkeypatch) -> None:
    closed(open_page("month_end", as_="alice", query=NOVEMBER))
    offered = {}
    monkeypatch.setattr(
        type(world.services.downloads),
        "offer",
        lambda _, download, **__: offered.setdefault(download.name, download.content) and "token",
    )
    at = open_page("month_end", as_="vera", query=NOVEMBER)
    ran(button(at, "month_end_pack").click().run())
    ran(button(at, "month_end_summary").click().run())
    with zipfile.ZipFile(io.BytesIO(offered["month-end-2026-11-closing-1.zip"])) as pack:
        assert pack.read("summary.html") == offered["month-end-2026-11-closing-1.html"]
        assert "charges.csv" in pack.namelist()


def test_a_viewer_closes_nothing(open_page, world, november) -> None:
    at = open_page("month_end", as_="vera")
    assert "month_end_close" not in buttons(at)
    assert sums(at) == [["USD", "Declined", 1, "$20.00"], ["USD", "Succeeded", 1, "$12.34"]]


def test_an_empty_installation_and_a_month_that_is_not_over(open_page, world) -> None:
    at = open_page("month_end", as_="alice")
    assert "This month is not over" in text(at)
    assert "Nothing was charged in this month." in text(at)


def test_what_could_not_be_read_is_said(open_page, world, november) -> None:
    world.stripe.faults.add("GET", "/v1/events", kind="error_500_unsaved", times=99)
    at = closed(open_page("month_end", as_="alice", query=NOVEMBER))
    assert "Stripe's news could not be read" in text(at)
