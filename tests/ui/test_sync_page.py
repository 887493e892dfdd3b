"""Sync: asking for one, watching it, and what it brought."""

from __future__ import annotations

import pytest

from lib import bootstrap
from tests.ui.charge_pages import buttons, ran, text
from tests.world import ALICE, World


@pytest.fixture
def empty_services(world: World, monkeypatch):
    monkeypatch.setattr(bootstrap, "services", lambda: world.services)
    return world.services


def test_empty(open_page) -> None:
    at = open_page("sync", as_="alice")
    assert "Not synced yet" in text(at)
    assert "No complete reading yet." in text(at)


@pytest.mark.parametrize(("key", "full"), [("sync_now", False), ("sync_full", True)])
def test_asking_for_a_sync(key, full, open_page, world) -> None:
    at = open_page("sync", as_="alice")
    ran(at.button(key=key).click().run())
    job = world.services.sync.latest()
    assert (job.state, job.params["full"], job.requested_by) == ("queued", full, "alice")
    assert "Queued" in text(at)
    assert at.button(key=key).disabled


def test_its_progress_survives_a_reload_and_ends_in_numbers(open_page, world) -> None:
    world.save_card(world.customer())
    world.services.sync.request(by=ALICE)
    assert "The worker begins in a moment." in text(open_page("sync", as_="vera"))
    with world.services.charging._uow.write() as stores:
        job = stores.jobs.claim(now=world.now)
        stores.jobs.progress(job.id, progress={"doing": "customers", "customers": 7}, at=world.now)
    at = open_page("sync", as_="vera")
    assert "Running" in text(at)
    assert "7" in {metric.value for metric in at.metric}
    with world.services.charging._uow.write() as stores:
        stores.jobs.finish(job.id, result={"customers": 9, "requests": 3}, at=world.now)
    at = open_page("sync", as_="vera")
    assert "9" in {metric.value for metric in at.metric}
    assert "3 requests to Stripe" in text(at)
    assert "Done" in text(at)


def test_a_failed_sync_says_what_it_means(open_page, world) -> None:
    world.services.sync.request(by=ALICE)
    with world.services.charging._uow.write() as stores:
        job = stores.jobs.claim(now=world.now)
        stores.jobs.fail(job.id, error="<b>boom</b>", at=world.now)
    at = open_page("sync", as_="alice")
    assert "stopped before its end" in at.error[0].value
    assert "\\<b\\>boom" in at.error[0].value


def test_a_viewer_only_looks(open_page) -> None:
    assert not {"sync_now", "sync_full"} & buttons(open_page("sync", as_="vera"))


def test_deliveries_are_counted(open_page, world) -> None:
    at = open_page("sync", as_="alice")
    assert "Stripe tells Onfile at once" in text(at)
    assert [t.value for t in at.text] == ["0", "0", "0", "0", "0"]
