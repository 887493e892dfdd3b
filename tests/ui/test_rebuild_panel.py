"""Are these yours? And taking over what Stripe knows: asked for, watched, and what is missing."""

from __future__ import annotations

import pytest

from lib.domain.jobs import JobState
from tests.lost_files import copied, lost, put_back
from tests.ui.charge_pages import buttons, confirm, ran, text
from tests.world import ALICE, World


def paid(world: World, reference: str = "INV-1") -> str:
    customer = world.customer()
    world.save_card(customer)
    return world.charge(customer, reference=reference).charge.id


@pytest.fixture
def began_anew(world: World) -> str:
    """Two hours after the only charge; returns the id of the installation that made it."""
    paid(world)
    world.clock.advance(hours=2)
    old = lost(world)
    world.services.users.add_practice_users()
    world.services.sync.run_now(by=ALICE)
    return old


class TestAreTheseYours:
    @pytest.mark.parametrize("page", ["home", "sync"])
    def test_home_and_sync_health_ask_and_yes_takes_them_over(
        self, open_page, world: World, began_anew: str, page: str
    ) -> None:
        at = open_page(page, as_="alice")
        assert f"1 payment was made at this Stripe account by the installation {began_anew}" in (
            text(at)
        )
        ran(confirm(at).button(key="rebuild_yes").click().run())
        job = world.services.rebuilds.latest()
        assert (job.state, job.requested_by) == (JobState.QUEUED, "alice")
        world.worker.do_long()
        assert world.installation == began_anew
        at = open_page("sync", as_="vera")
        assert "Are these yours?" not in text(at)
        assert "1 charge, 1 try, 1 setup link" in at.expander[0].label
        assert "Limits: set them again." in text(at)

    def test_no_is_not_asked_again(self, open_page, world: World, began_anew: str) -> None:
        at = open_page("home", as_="alice")
        ran(confirm(at).button(key="rebuild_no").click().run())
        assert "Are these yours?" not in text(at)
        assert "Are these yours?" not in text(open_page("home", as_="bob"))
        assert began_anew in text(open_page("sync", as_="bob")), "it is named as another one"
        assert world.installation != began_anew

    def test_who_may_not_sync_reads_the_question_only(self, open_page, began_anew: str) -> None:
        at = open_page("home", as_="vera")
        assert "Are these yours?" in text(at)
        assert not {"rebuild_yes", "rebuild_no"} & buttons(at)

    def test_a_young_mark_wants_to_know_whether_the_other_one_is_stopped(
        self, open_page, world: World
    ) -> None:
        paid(world)
        old = lost(world)
        world.services.users.add_practice_users()
        world.services.sync.run_now(by=ALICE)
        at = open_page("home", as_="alice")
        assert "is the other one still running?" in text(at)
        assert at.button(key="rebuild_yes").disabled
        ran(at.checkbox(key="rebuild_is_stopped").check().run())
        ran(confirm(at).button(key="rebuild_yes").click().run())
        assert world.services.rebuilds.latest().params == {"installation": old}
        world.worker.do_long()
        assert world.installation == old

    def test_of_several_one_is_chosen(self, open_page, world: World) -> None:
        paid(world)
        world.clock.advance(hours=2)
        first = lost(world)
        paid(world, "INV-2")
        world.clock.advance(hours=2)
        second = lost(world)
        world.services.users.add_practice_users()
        world.services.sync.run_now(by=ALICE)
        at = open_page("home", as_="alice")
        assert "They are of several" in text(at)
        assert at.button(key="rebuild_yes").disabled
        ran(at.selectbox(key="rebuild_installation").select(first).run())
        ran(confirm(at).button(key="rebuild_yes").click().run())
        world.worker.do_long()
        assert world.installation == first
        assert second in text(open_page("sync", as_="vera"))


class TestTheButton:
    @pytest.fixture
    def behind(self, world: World) -> World:
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        paid(world)
        put_back(world, copy)
        world.services.sync.run_now(by=ALICE)
        return world

    def test_it_is_asked_for_watched_and_survives_a_reload(self, open_page, behind: World) -> None:
        at = open_page("sync", as_="alice")
        assert "Payments, refunds and links that are missing here" in text(at)
        ran(confirm(at).button(key="rebuild_begin").click().run())
        assert behind.services.rebuilds.latest().requested_by == "alice"
        at = open_page("sync", as_="bob")
        assert "Begins in a moment" in at.get("progress")[0].proto.text
        assert "rebuild_begin" not in buttons(at)
        with behind.services.uow.write() as stores:
            job = stores.jobs.claim(now=behind.now, kind="rebuild")
            state = {
                "doing": "taking_over",
                "adopted": {"charges": 2, "attempts": 3, "refunds": 0, "links": 0},
            }
            stores.jobs.progress(job, progress=state)
        for _ in range(2):
            bar = open_page("sync", as_="bob").get("progress")[0].proto
            assert bar.text == "Step 7 of 7 · Taking over · 2 charges, 3 tries"

    def test_what_the_worker_begins_by_itself_shows_the_same(
        self, open_page, behind: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[str] = []
        search = behind.services.gateway.search_payment_intents

        def looking(*arguments: object, **more: object) -> object:
            if not seen:
                seen.append(text(open_page("sync", as_="vera")))
            return search(*arguments, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(behind.services.gateway, "search_payment_intents", looking)
        behind.worker.do_long()
        assert "Take over what Stripe knows" in seen[0]
        assert "by itself" in seen[0]
        assert "1 charge, 1 try" in open_page("sync", as_="vera").expander[0].label

    def test_one_that_failed_says_why_and_goes_on(self, open_page, behind: World) -> None:
        behind.stripe.faults.add("GET", "/v1/refunds", kind="error_500_unsaved", times=5)
        behind.worker.do_long()
        at = open_page("sync", as_="alice")
        assert "What was read and taken over is kept" in text(at)
        ran(confirm(at).button(key="sync_again_rebuild").click().run())
        behind.worker.do_long()
        assert behind.services.completeness.behind_since() is None

    def test_a_person_stops_it_and_the_worker_leaves_it_at_that(
        self, open_page, behind: World
    ) -> None:
        at = open_page("sync", as_="alice")
        ran(confirm(at).button(key="rebuild_begin").click().run())
        ran(at.button(key="sync_cancel_rebuild").click().run())
        behind.worker.do_long()
        assert behind.services.rebuilds.latest().state is JobState.CANCELLED
        assert behind.services.completeness.behind_since() is not None
