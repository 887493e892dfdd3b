"""Sync health: the light, what runs and how to stop it, and what the last verification found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lib.domain.jobs import JobState
from lib.domain.verification import VerificationResult, VerificationRound
from lib.services.mirror.result import SyncIncomplete
from lib.services.mirror.sync import BACKFILL, SYNC, VERIFY
from lib.settings import Mode
from tests import stripe_account
from tests.beginnings import made_once
from tests.mirror_checks import deny
from tests.ui.charge_pages import buttons, ran, text
from tests.world import ALICE, World


@pytest.fixture
@made_once
def read(world: World) -> World:
    """Everything was read, verified, and the worker runs."""
    world.save_card(world.customer())
    world.services.sync.run_now(by=ALICE)
    world.clock.advance(seconds=70)
    world.services.sync.verify_now(by=ALICE)
    with world.services.uow.write() as stores:
        stores.jobs.beat(at=world.now)
    return world


def test_before_anything_was_read(open_page) -> None:
    at = open_page("sync", as_="alice")
    assert "Something may be missing or wrong" in text(at)
    assert "Not everything at Stripe was read yet." in text(at)


def test_green_when_everything_was_read_and_verified(open_page, read) -> None:
    at = open_page("sync", as_="vera")
    assert "Everything Stripe has is here" in text(at)


def test_a_difference_is_red_and_named(open_page, read) -> None:
    [customer] = [c["id"] for c in _customers(read)]
    read.stripe.alter(customer, {"name": "Changed behind our back"})
    read.clock.advance(seconds=5)
    read.services.sync.verify_now(by=ALICE)
    at = open_page("sync", as_="vera")
    assert "1 difference" in text(at)
    assert "Something may be missing or wrong" in text(at)


def test_an_object_that_was_left_out_is_told_below_what_was_read(open_page, read) -> None:
    [customer] = [c["id"] for c in _customers(read)]
    read.stripe.alter(customer, {"name": "Half a \ud83d"})
    read.services.sync.run_now(by=ALICE, full=True)
    told = text(open_page("sync", as_="vera"))
    assert "1 object left out, each an incident; all others were read." in told
    assert customer in told


def _customers(world: World) -> list[dict[str, object]]:
    return stripe_account.listed(world, "/v1/customers")


@pytest.mark.parametrize(
    ("key", "kind", "params"),
    [
        ("sync_now", BACKFILL, {}),
        ("sync_full", BACKFILL, {}),
    ],
)
def test_asking_before_anything_was_read(key, kind, params, open_page, world) -> None:
    at = open_page("sync", as_="alice")
    assert {at.button(key=one).disabled for one in ("sync_verify", "sync_verify_full")} == {True}
    _asks(at, key, world.services.sync, kind, params)


@pytest.mark.parametrize(
    ("key", "params"), [("sync_verify", {"full": False}), ("sync_verify_full", {"full": True})]
)
def test_asking_for_a_comparison(key, params, open_page, read) -> None:
    _asks(open_page("sync", as_="alice"), key, read.services.sync, VERIFY, params)


def _asks(at, key, sync, kind, params) -> None:
    ran(at.button(key=key).click().run())
    job = sync.latest(kind)
    assert (job.state, job.params, job.requested_by) == ("queued", params, "alice")
    assert at.button(key=key).disabled


def test_what_changed_is_asked_for_once_everything_was_read(open_page, read) -> None:
    ran(open_page("sync", as_="alice").button(key="sync_now").click().run())
    assert read.services.sync.latest(SYNC).state == "queued"


def test_progress_survives_a_reload_and_can_be_cancelled(open_page, world) -> None:
    world.services.sync.request(by=ALICE)
    with world.services.uow.write() as stores:
        job = stores.jobs.claim(now=world.now, kind=BACKFILL)
        stores.jobs.progress(
            job,
            progress={
                "doing": "customers",
                "customers": 1234,
                "rate": 2290,
                "remaining": 4580,
                "seconds_left": 2,
            },
        )
    at = open_page("sync", as_="alice")
    assert "Running" in text(at)
    bar = at.get("progress")[0].proto
    assert "Reading customers · 1,234 so far · 2,290 a second · under a minute left" in bar.text
    assert bar.text.startswith("Step 1 of 8 · ")
    assert bar.value == int(100 * 1234 / (1234 + 4580) / 8)
    ran(at.button(key="sync_cancel_backfill").click().run())
    assert world.services.sync.latest(BACKFILL).cancel_requested_by == "alice"
    assert open_page("sync", as_="alice").button(key="sync_cancel_backfill").disabled


def test_a_cancelled_reading_can_go_on(open_page, world) -> None:
    world.services.sync.request(by=ALICE)
    world.services.sync.cancel(BACKFILL, by=ALICE)
    at = open_page("sync", as_="alice")
    assert "Stopped by Alice" in text(at)
    ran(at.button(key="sync_again_backfill").click().run())
    assert world.services.sync.latest(BACKFILL).state == "queued"


def test_one_button_to_go_on_with_a_cancelled_reading(open_page, world) -> None:
    world.services.sync.request(by=ALICE)
    world.services.sync.cancel(BACKFILL, by=ALICE)
    shown = buttons(open_page("sync", as_="alice"))
    assert "sync_again_backfill" in shown
    assert "sync_remark_incomplete" not in shown


def test_while_everything_is_read_nothing_is_compared(open_page, world) -> None:
    world.services.sync.request(by=ALICE)
    with world.services.uow.write() as stores:
        stores.jobs.beat(at=world.now)
    at = open_page("sync", as_="alice")
    assert "Reading everything from Stripe" in text(at)
    assert at.button(key="sync_verify").disabled
    assert "Reading everything from Stripe" in text(open_page("home", as_="vera"))


def test_the_same_comparison_is_not_offered_while_it_runs(open_page, read) -> None:
    [customer] = [c["id"] for c in _customers(read)]
    read.stripe.alter(customer, {"name": "Changed behind our back"})
    read.clock.advance(seconds=5)
    read.services.sync.verify_now(by=ALICE)
    assert "sync_remark_differs" in buttons(open_page("sync", as_="alice"))
    read.services.sync.request_verification(by=ALICE, full=True)
    assert "sync_remark_differs" not in buttons(open_page("sync", as_="alice"))


def test_a_missing_permission_is_told_once(open_page, read) -> None:
    deny(read, "rak_event_read", "rak_dispute_read")
    for kind, ask in (
        (SYNC, read.services.sync.request),
        (VERIFY, read.services.sync.request_verification),
    ):
        ask(by=ALICE)
        with pytest.raises(SyncIncomplete):
            read.services.sync.run_waiting(kind)
        assert read.services.sync.latest(kind).state == "failed"
    shown = text(open_page("sync", as_="alice"))
    assert shown.count("may not read") == 1
    assert "may not read events and disputes." in shown
    assert "rak_event_read and rak_dispute_read" in shown


def test_a_failed_one_says_why(open_page, world) -> None:
    world.services.sync.request(by=ALICE)
    with world.services.uow.write() as stores:
        job = stores.jobs.claim(now=world.now, kind=BACKFILL)
        stores.jobs.end(job, state=JobState.FAILED, error="<b>boom</b>", at=world.now)
    shown = text(open_page("sync", as_="alice"))
    assert "boom" in shown


def test_a_viewer_only_looks(open_page) -> None:
    assert not {"sync_now", "sync_full", "sync_verify"} & buttons(open_page("sync", as_="vera"))


def test_the_reads_of_the_month_beside_what_stripe_allows(open_page, read) -> None:
    with read.services.uow.write() as stores:
        stores.sync.add_reads(1900, at=read.now - 3 * 86_400)
    read.services.sync.count_reads()
    used = read.services.sync.reads().used
    at = open_page("sync", as_="vera")
    [figure] = [metric for metric in at.metric if metric.label == "Stripe reads used"]
    assert (used > 1900, figure.value) == (True, f"{used / 10_000:.0%}")
    assert "Reads of Stripe by day" in text(at)
    with read.services.uow.write() as stores:
        stores.sync.add_reads(7500, at=read.now)
    shown = text(open_page("sync", as_="vera"))
    assert f"{used + 7500:,} of the 10,000 reads that Stripe allows in 30 days are used." in shown


def test_how_far_everything_was_compared(open_page, read) -> None:
    table = open_page("sync", as_="vera").dataframe[0].value
    assert list(table["whole"]) == ["23 Nov 2026"] * 8
    with read.services.uow.write() as stores:
        stores.sync.save_round(
            VerificationRound(
                "refunds", read.now, position="9", windows_left=3, stepped_at=read.now
            )
        )
        stores.sync.add_verification(
            VerificationResult("refunds", read.now, windows=5, windows_of=12, late=1)
        )
    at = open_page("sync", as_="vera", query={"verification": "refunds"})
    assert "75% so far" in list(at.dataframe[0].value["whole"])
    assert "75% so far; all by 26 Nov 2026" in text(at)
    assert "1 change of other programs" in text(at)


def test_webhooks_that_stopped_are_told_on_the_page(open_page, read) -> None:
    read.settings = replace(read.settings, webhook_secrets=("whsec_test",), mode=Mode.TEST)
    read.rebuild()
    customer = str(_customers(read)[0]["id"])
    stripe_account.post(read, f"/v1/customers/{customer}", name="After")
    read.clock.advance(minutes=30)
    read.services.sync.run()
    read.services.sync.beat()
    read.services.sync.verify_now(by=ALICE)
    at = open_page("sync", as_="vera")
    assert "Something needs a look" in text(at)
    assert "was read by Onfile itself only: Stripe's webhooks do not arrive." in text(at)
    [figure] = [metric for metric in at.metric if metric.label == "Last webhook"]
    assert figure.value == "Never"
    assert "webhooks do not arrive" in text(open_page("home", as_="vera"))
