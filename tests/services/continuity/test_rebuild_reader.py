"""What a rebuild asks Stripe: the far past by Search, two days by list, all by list where it must be."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from lib.domain.charges import ChargeState
from lib.domain.list_windows import Window
from lib.errors import Blocked, GatewayError, InvalidInput, StaleState
from lib.services.continuity import payment_search, rebuild_reader
from lib.services.mirror.jobs import JobRunner
from lib.services.mirror.result import SyncIncomplete
from tests.lost_files import copied, lost, put_back
from tests.world import ALICE, NO_MONEY, World

SEARCH = "/v1/payment_intents/search"


class Asked:
    """Every GET that the gateway sends, as (path, parameters)."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        client = world.services.gateway.client
        send = client.raw_request

        def counting(method: str, path: str, **params: Any) -> Any:
            if method == "get":
                self.requests.append((path, params))
            return send(method, path, **params)

        monkeypatch.setattr(client, "raw_request", counting)

    def queries(self) -> list[str]:
        return [params["query"] for path, params in self.requests if path == SEARCH]

    def lists_of_payments(self) -> list[dict[str, int]]:
        return [
            params["created"]
            for path, params in self.requests
            if path == "/v1/payment_intents" and "created" in params
        ]


def charges(world: World, count: int, *, days_between: int = 5) -> list[str]:
    customer = world.customer()
    world.save_card(customer)
    made = []
    for number in range(count):
        made.append(world.charge(customer, reference=f"INV-{number}").charge.id)
        world.clock.advance(days=days_between)
    return made


def ledger(world: World) -> dict[str, str]:
    return {row["id"]: row["state"] for row in world.rows("SELECT id, state FROM charges")}


class TestTheFarPast:
    def test_is_searched_for_and_only_two_days_are_listed(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = charges(world, 3)
        customer = world.customer()
        world.save_card(customer)
        made.append(world.charge(customer, reference="NEW").charge.id)
        world.clock.advance(hours=2)
        old = lost(world)
        question = Asked(world, monkeypatch)
        result = world.services.rebuilds.rebuild(by=ALICE)
        assert ledger(world) == dict.fromkeys(made, "succeeded")
        assert result.adopted["charges"] == 4
        assert any(old in query for query in question.queries())
        horizon = world.now - 2 * 86_400
        assert question.lists_of_payments()
        assert all(created["gte"] == horizon for created in question.lists_of_payments())

    def test_it_says_what_it_reads_before_it_does(self, world: World) -> None:
        charges(world, 3)
        old = lost(world)
        said: list[dict[str, Any]] = []
        requests: list[int] = []

        def watch(state: dict[str, object]) -> None:
            said.append(state)
            requests.append(world.services.gateway.requests)

        result = world.services.rebuilds.rebuild(by=ALICE, progress=watch)
        first = next(n for n, state in enumerate(said) if state["doing"] == "plan")
        assert said[first]["reads"] == [
            f"Payments: about 3 that carry the marks of {old}, by Stripe's Search; of the last two days all, by list.",
            "Customers, setup sessions and refunds: all of them, by list.",
        ]
        assert requests[first] < requests[-1]
        assert result.reads == said[first]["reads"]
        assert [state["doing"] for state in said][-1] == "taking_over"

    def test_all_is_listed_where_stripe_does_not_search(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = charges(world, 3)
        lost(world)
        world.stripe.faults.add("GET", SEARCH, kind="search_unavailable", times=99)
        question = Asked(world, monkeypatch)
        result = world.services.rebuilds.rebuild(by=ALICE)
        assert ledger(world) == dict.fromkeys(made, "succeeded")
        assert "Stripe does not search for this account" in result.reads[0]
        assert any("gte" not in created for created in question.lists_of_payments())

    @pytest.mark.parametrize("days", [5, -5])
    def test_two_days_are_stripes_whatever_this_machine_says(
        self, world: World, monkeypatch: pytest.MonkeyPatch, days: int
    ) -> None:
        """Ahead, what Search does not have yet would be read by nobody; behind, a week would be listed."""
        made = charges(world, 1)
        customer = world.customer()
        world.save_card(customer)
        made.append(world.charge(customer, reference="NEW").charge.id)
        old = lost(world)
        stripes, horizon = world.clock, world.now - 2 * 86_400
        world.clock = lambda: stripes() + timedelta(days=days)  # type: ignore[assignment]
        world.rebuild()
        asked = Asked(world, monkeypatch)
        world.services.rebuilds.rebuild(by=ALICE, installation=old)
        assert {created["gte"] for created in asked.lists_of_payments()} == {horizon}
        assert ledger(world) == dict.fromkeys(made, "succeeded")

    def test_many_payments_of_two_days_do_not_keep_it_from_searching(self, world: World) -> None:
        """Several read the list of two days at once, and cut its window."""
        charges(world, 1)
        asking = rebuild_reader.MarkedReading(
            world.services.uow, world.services.gateway, clock=world.clock
        )
        begun = asking.begin()
        with world.uow.write() as stores:
            stores.sync.add_window(
                begun.id, "payment_intents", Window(begun.started_at - 9, begun.started_at)
            )
        assert asking.plan(begun, str(world.installation)).has_search
        asking.all_by_list(begun)
        assert not asking.plan(begun, str(world.installation)).has_search

    def test_also_where_it_stops_to_search_on_the_way(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = charges(world, 3)
        world.services.sync.run_now(by=ALICE)
        copy = copied(world)
        made += charges(world, 2)
        world.clock.advance(days=3)
        put_back(world, copy)
        # The plan's two questions are answered; what comes after is not.
        world.stripe.faults.add("GET", SEARCH, kind="search_unavailable", times=99, after=2)
        world.services.rebuilds.rebuild(by=ALICE)
        assert ledger(world).keys() == set(made)

    def test_more_than_a_window_holds_is_cut_and_read_page_by_page(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(payment_search, "WINDOW_PAYMENTS", 3)
        made = charges(world, 11)
        lost(world)
        question = Asked(world, monkeypatch)
        search = world.services.gateway.search_payment_intents
        monkeypatch.setattr(
            world.services.gateway,
            "search_payment_intents",
            lambda query, **more: search(query, **more | {"limit": 2}),
        )
        assert world.services.rebuilds.rebuild(by=ALICE).adopted["charges"] == 11
        assert ledger(world).keys() == set(made)
        assert any("page" in params for path, params in question.requests if path == SEARCH)
        assert len({query for query in question.queries() if "AND created>=0 " not in query}) > 2

    def test_what_search_says_late_replaces_nothing_that_is_known_better(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (charge,) = charges(world, 1)
        world.services.sync.run_now(by=ALICE, full=True)
        search = world.services.gateway.search_payment_intents

        def behind(query: str, **more: Any) -> Any:
            page = search(query, **more)
            for intent in page.items:
                object.__setattr__(intent, "status", "processing")
            return page

        monkeypatch.setattr(world.services.gateway, "search_payment_intents", behind)
        world.services.rebuilds.rebuild(by=ALICE)
        assert world.rows("SELECT status FROM payment_intents")[0]["status"] == "succeeded"
        assert ledger(world) == {charge: "succeeded"}

    def test_a_try_that_failed_in_the_copy_and_was_paid_since_is_read_again_by_its_id(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In the Dashboard, without an event that this key may read."""
        customer = world.customer()
        world.save_card(customer, NO_MONEY)
        view = world.charge(customer, reference="INV-1")
        copy = copied(world)
        intent = view.attempts[0].payment_intent
        assert intent is not None
        world.stripe.alter(intent, {"status": "succeeded", "last_payment_error": None})
        world.clock.advance(days=4)
        put_back(world, copy)
        assert ledger(world) == {view.charge.id: ChargeState.DECLINED.value}
        question = Asked(world, monkeypatch)
        world.services.rebuilds.rebuild(by=ALICE)
        assert ledger(world) == {view.charge.id: ChargeState.SUCCEEDED.value}
        assert [path for path, _ in question.requests].count(f"/v1/payment_intents/{intent}") == 1


class TestGoingOn:
    def test_a_failed_one_goes_on_and_reads_nothing_twice(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = charges(world, 3)
        lost(world)
        world.stripe.faults.add("GET", "/v1/refunds", kind="error_500_unsaved", times=5)
        with pytest.raises(GatewayError):
            world.services.rebuilds.rebuild(by=ALICE)
        job = world.services.rebuilds.latest()
        assert job is not None
        assert job.state == "failed"
        question = Asked(world, monkeypatch)
        assert world.services.rebuilds.rebuild(by=ALICE).adopted["charges"] == 3
        assert ledger(world).keys() == set(made)
        paths = [path for path, _ in question.requests]
        assert "/v1/customers" not in paths, "it was read before the failure"
        assert "/v1/refunds" in paths

    def test_one_that_stopped_a_day_ago_begins_anew(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        charges(world, 1)
        lost(world)
        world.stripe.faults.add("GET", "/v1/refunds", kind="error_500_unsaved", times=5)
        with pytest.raises(GatewayError):
            world.services.rebuilds.rebuild(by=ALICE)
        world.clock.advance(days=1)
        question = Asked(world, monkeypatch)
        world.services.rebuilds.rebuild(by=ALICE)
        assert "/v1/customers" in [path for path, _ in question.requests]

    def test_one_at_a_time(self, world: World) -> None:
        charges(world, 1)
        lost(world)
        assert world.services.rebuilds.request(by=ALICE)
        assert not world.services.rebuilds.request(by=ALICE)
        seen: list[str] = []

        def second(_: dict[str, object]) -> None:
            if not seen:
                with pytest.raises(StaleState) as refused:
                    world.services.rebuilds.rebuild(by=ALICE)
                seen.append(str(refused.value))

        world.services.rebuilds.rebuild(by=ALICE, progress=second)
        assert "running already" in seen[0]

    def test_a_person_stops_it_and_it_goes_on_from_there(self, world: World) -> None:
        made = charges(world, 3)
        lost(world)

        def stop(state: dict[str, object]) -> None:
            if state["doing"] == "taking_over":
                world.services.sync.cancel("rebuild", by=ALICE)

        with pytest.raises(StaleState, match="A person stopped it"):
            world.services.rebuilds.rebuild(by=ALICE, progress=stop)
        job = world.services.rebuilds.latest()
        assert job is not None
        assert (job.state, job.cancel_requested_by) == ("cancelled", "alice")
        assert not world.services.rebuilds.rebuild_due(), "the worker leaves it at that"
        assert world.services.completeness.behind_since() is not None
        world.services.rebuilds.rebuild(by=ALICE)
        assert ledger(world).keys() == set(made)
        assert world.services.completeness.behind_since() is None

    def test_a_key_that_may_not_read_refunds_takes_over_what_it_can(self, world: World) -> None:
        made = charges(world, 1)
        lost(world)
        world.stripe.faults.add("GET", "/v1/refunds", kind="missing_permission", times=99)
        result = world.services.rebuilds.rebuild(by=ALICE)
        assert ledger(world).keys() == set(made)
        assert [one["message"] for one in result.not_restored if one["code"] == "not_readable"] == [
            "The key may not read refunds: give it the permission rak_refund_read in the Stripe Dashboard."
        ]

    def test_a_key_that_may_not_read_payments_takes_over_nothing(self, world: World) -> None:
        charges(world, 1)
        world.services.sync.run_now(by=ALICE)
        world.stripe.faults.add("GET", "/v1/payment_intents", kind="missing_permission", times=99)
        with pytest.raises(SyncIncomplete, match="payment intents"):
            world.services.rebuilds.rebuild(by=ALICE)


class TestWhatIsMissing:
    def test_what_stripe_never_had_is_listed(self, world: World) -> None:
        charges(world, 1)
        lost(world)
        result = world.services.rebuilds.rebuild(by=ALICE)
        assert [one["code"] for one in result.not_restored] == [
            "people",
            "runs",
            "approvals",
            "texts",
            "limits",
            "notes",
            "unopened_links",
        ]


class TestWhichInstallation:
    def two(self, world: World) -> tuple[str, str]:
        charges(world, 1)
        first = lost(world)
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="OTHER")
        world.clock.advance(days=5)
        return first, lost(world)

    def test_of_several_it_is_asked_and_nothing_else_is_read(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names = self.two(world)
        question = Asked(world, monkeypatch)
        with pytest.raises(InvalidInput, match="say which one") as refused:
            world.services.rebuilds.rebuild(by=ALICE)
        assert refused.value.code == "installation_ambiguous"
        assert all(name in str(refused.value) for name in names)
        assert "/v1/customers" not in [path for path, _ in question.requests]
        assert ledger(world) == {}

    def test_the_one_that_was_said_is_taken_over_and_the_other_stays_another(
        self, world: World
    ) -> None:
        first, second = self.two(world)
        result = world.services.rebuilds.rebuild(by=ALICE, installation=second)
        assert (world.installation, result.adopted["charges"]) == (second, 1)
        world.services.sync.run_now(by=ALICE, full=True)
        assert world.services.completeness.behind_since() is None
        assert [one.id for one in world.services.installations.others()] == [first]
        with pytest.raises(Blocked, match="charges of its own"):
            world.services.rebuilds.rebuild(by=ALICE, installation=first)

    def test_one_that_nobody_knows_is_refused_with_those_that_are_known(self, world: World) -> None:
        names = self.two(world)
        with pytest.raises(InvalidInput, match="No payment at Stripe") as refused:
            world.services.rebuilds.rebuild(by=ALICE, installation="ins_x' OR '1")
        assert all(name in str(refused.value) for name in names)

    def test_a_young_mark_asks_whether_the_other_one_still_runs(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="INV-1")
        world.clock.advance(minutes=59)
        old = lost(world)
        with pytest.raises(InvalidInput, match="is the other one still running") as refused:
            world.services.rebuilds.rebuild(by=ALICE)
        assert refused.value.code == "installation_active"
        result = world.services.rebuilds.rebuild(by=ALICE, installation=old)
        assert result.adopted["charges"] == 1

    def test_its_age_goes_by_stripes_clock(self, world: World) -> None:
        """This machine's is two hours ahead."""
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="INV-1")
        lost(world)
        stripes = world.clock
        world.clock = lambda: stripes() + timedelta(hours=2)  # type: ignore[assignment]
        world.rebuild()
        with pytest.raises(InvalidInput, match="is the other one still running"):
            world.services.rebuilds.rebuild(by=ALICE)

    def test_young_marks_without_an_id_ask_it_too(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="INV-1")
        world.stripe.database.connection().execute(
            """UPDATE objects SET payload = json_remove(payload, '$.metadata.onfile_installation')
               WHERE kind = 'payment_intent'"""
        )
        lost(world)
        with pytest.raises(InvalidInput, match="before installations had ids") as refused:
            world.services.rebuilds.rebuild(by=ALICE)
        assert refused.value.code == "installation_active"
        assert world.installation is not None
        result = world.services.rebuilds.rebuild(by=ALICE, installation=world.installation)
        assert result.adopted["charges"] == 1

    def test_unnamed_marks_are_the_oldest_ones_also_when_only_ours_are_searched(
        self, world: World
    ) -> None:
        charges(world, 1)
        first = lost(world)
        world.stripe.database.connection().execute(
            """UPDATE objects SET payload = json_remove(payload, '$.metadata.onfile_installation')
               WHERE kind = 'payment_intent'"""
        )
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="SECOND")
        world.clock.advance(days=5)
        second = lost(world)
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="THIRD")
        world.clock.advance(days=5)
        third = lost(world)
        assert len({first, second, third}) == 3
        assert world.services.rebuilds.rebuild(by=ALICE, installation=third).adopted["charges"] == 1
        lost(world)
        assert (
            world.services.rebuilds.rebuild(by=ALICE, installation=second).adopted["charges"] == 2
        )

    def test_that_another_one_is_older_is_found_out_where_nothing_was_read_of_it(
        self, world: World
    ) -> None:
        """Stripe's events, which would tell, reach back for 30 days."""
        charges(world, 1, days_between=40)
        world.stripe.database.connection().execute(
            """UPDATE objects SET payload = json_remove(payload, '$.metadata.onfile_installation')
               WHERE kind = 'payment_intent'"""
        )
        lost(world)
        charges(world, 1, days_between=40)
        lost(world)
        (first,) = charges(world, 1)
        copy = copied(world)
        (second,) = charges(world, 1)
        put_back(world, copy)
        assert world.services.rebuilds.rebuild(by=ALICE).adopted["charges"] == 1
        assert ledger(world).keys() == {first, second}


def test_the_worker_goes_on_with_a_question_only_where_somebody_answers_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Begun by a person whose process died, for a database without payments."""
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer, reference="INV-1")
    lost(world)
    jobs = JobRunner(world.services.uow, clock=world.clock)
    jobs.request("rebuild", by=ALICE, params={"installation": None})
    assert jobs.take("rebuild")
    world.clock.advance(minutes=5)
    caplog.clear()
    for _ in range(3):
        world.worker.run_once()
        world.clock.advance(minutes=1)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
    job = jobs.latest("rebuild")
    assert job is not None
    assert job.state == "failed"
    assert "still running" in (job.error or "")
