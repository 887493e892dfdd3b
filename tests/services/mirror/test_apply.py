"""Three ways in, one upsert: whichever brings the news, and in whatever order, the mirror is the same."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from lib.domain.charges import ChargeState
from lib.domain.links import LinkStatus
from lib.errors import Blocked, NotFound, NotPermitted, Refused, StaleState
from lib.services.collect.links import CreatedLink
from lib.services.mirror.backfill import Backfill
from lib.services.mirror.result import SyncResult
from lib.stripe_gateway.mapping import session_bundle
from tests import stripe_account
from tests.webhook_route import client_of, deliver
from tests.world import ALICE, VERA, World

TABLES = ("customers", "checkout_sessions", "setup_intents", "payment_methods")


def mirror(world: World) -> dict[str, list[dict[str, Any]]]:
    """Every mirrored row, without the moment it was written."""
    connection = sqlite3.connect(world.settings.database)
    connection.row_factory = sqlite3.Row
    found = {}
    for table in TABLES:
        rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")]
        for row in rows:
            del row["synced_at_ms"]
        found[table] = rows
    connection.close()
    return found


def link(world: World, customer: str | None, form_key: str = "form") -> CreatedLink:
    return world.services.links.create(
        form_key=form_key, customer=customer, guest=customer is None, by=ALICE
    )


def by_webhook(world: World, made: CreatedLink) -> None:
    for event in reversed(stripe_account.events(world)):
        assert deliver(world, event) == 204
    while world.services.webhooks.process_due():
        pass


def by_return(world: World, made: CreatedLink) -> None:
    reply = client_of(world).get("/setup/return", params={"session_id": made.session_id})
    assert reply.status_code == 200


def by_poll(world: World, made: CreatedLink) -> None:
    world.services.sync.run()


WAYS: dict[str, Callable[[World, CreatedLink], None]] = {
    "webhook": by_webhook,
    "return": by_return,
    "poll": by_poll,
}


class TestEachWayAlone:
    @pytest.mark.parametrize("has_customer", [True, False], ids=["customer", "guest"])
    @pytest.mark.parametrize("way", WAYS)
    def test_is_enough(self, world: World, way: str, has_customer: bool) -> None:
        customer = world.customer() if has_customer else None
        made = link(world, customer)
        world.fill(made.session_id)
        WAYS[way](world, made)
        rows = mirror(world)
        [session] = rows["checkout_sessions"]
        [intent] = rows["setup_intents"]
        [method] = rows["payment_methods"]
        assert (session["status"], session["customer"]) == ("complete", customer)
        assert session["setup_intent"] == intent["id"]
        assert session["completed_at"] == world.now
        assert (intent["status"], intent["payment_method"]) == ("succeeded", method["id"])
        assert (method["last4"], method["customer"]) == ("4242", customer)
        assert not method["is_detached"]
        shown, last = world.services.links.show(made.link.id)
        assert shown.status(world.now) is LinkStatus.COMPLETED
        assert shown.completed_session == made.session_id
        assert last is not None
        assert last.url is None

    @pytest.mark.parametrize("order", list(itertools.permutations(WAYS)), ids="-".join)
    def test_all_together_in_any_order_say_the_same(
        self, world: World, order: tuple[str, ...]
    ) -> None:
        made = link(world, world.customer())
        world.fill(made.session_id)
        WAYS[order[0]](world, made)
        alone = mirror(world)
        for way in order[1:]:
            world.clock.advance(seconds=1)
            WAYS[way](world, made)
        assert mirror(world) == alone

    def test_the_return_page_costs_one_request_for_a_known_customer(self, world: World) -> None:
        made = link(world, world.customer())
        world.fill(made.session_id)
        before = world.services.gateway.requests
        by_return(world, made)
        assert world.services.gateway.requests - before == 1

    def test_a_customer_unknown_until_now_is_fetched_along(self, world: World) -> None:
        there = stripe_account.post(world, "/v1/customers", email="x@example.com", name="Xavier")
        session = stripe_account.post(
            world,
            "/v1/checkout/sessions",
            mode="setup",
            currency="usd",
            customer=there["id"],
            success_url="https://example.com",
        )
        world.fill(session["id"])
        [event] = stripe_account.events(world, "checkout.session.completed")
        deliver(world, event)
        world.services.webhooks.process_due()
        assert [c["name"] for c in mirror(world)["customers"]] == ["Xavier"]

    def test_a_session_made_for_another_purpose_is_left_alone(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Stripe has no mode filter: payment pages of other programs come along in every list."""
        made = link(world, None)
        gateway = world.services.gateway
        listing = gateway.list_page

        def with_a_payment(*given: Any, **named: Any) -> Any:
            page = listing(*given, **named)
            from dataclasses import replace

            page.items[:] = [
                replace(b, session=replace(b.session, mode="payment")) for b in page.items
            ]
            return page

        monkeypatch.setattr(gateway, "list_page", with_a_payment)
        world.fill(made.session_id)
        result = world.services.sync.run(only=["checkout_sessions"])
        assert result.checkout_sessions == 0
        [kept] = mirror(world)["checkout_sessions"]
        assert kept["status"] == "open", "as we made it; the payment page changed nothing"


class TestOrder:
    def test_repeated_deliveries_change_nothing(self, world: World) -> None:
        made = link(world, world.customer())
        world.fill(made.session_id)
        by_webhook(world, made)
        once = mirror(world)
        world.clock.advance(seconds=5)
        by_webhook(world, made)
        assert mirror(world) == once

    def test_deliveries_newest_first_end_the_same(self, world: World) -> None:
        made = link(world, world.customer())
        world.fill(made.session_id)
        for event in stripe_account.events(world):
            deliver(world, event)
            world.services.webhooks.process_due()
        assert mirror(world)["checkout_sessions"][0]["status"] == "complete"
        assert mirror(world)["payment_methods"][0]["customer"] == made.link.customer

    def test_an_event_of_yesterday_tells_what_is_true_today(self, world: World) -> None:
        """The event carries the method as it was; the mirror gets it as it is."""
        customer = world.customer()
        method = world.save_card(customer)
        [attached] = stripe_account.events(world, "payment_method.attached")
        world.clock.advance(seconds=5)
        stripe_account.post(world, f"/v1/payment_methods/{method}/detach")
        deliver(world, attached)
        world.services.webhooks.process_due()
        assert world.services.payment_methods.get(method).is_detached

    def test_an_answer_from_before_cannot_overwrite_a_later_one(self, world: World) -> None:
        """Two processes ask; the first to ask is the last to write."""
        made = link(world, world.customer())
        gateway = world.services.gateway
        retrieve = gateway.retrieve_session
        asked: list[str] = []

        def slow(session_id: str) -> Any:
            answer = retrieve(session_id)  # still open
            if not asked:
                asked.append(session_id)
                world.fill(session_id)
                world.clock.advance(seconds=2)
                assert world.services.return_page.finish(session_id)
            return answer

        gateway.retrieve_session = slow  # type: ignore[method-assign]
        assert not world.services.return_page.finish(made.session_id)
        assert mirror(world)["checkout_sessions"][0]["status"] == "complete"
        shown, _ = world.services.links.show(made.link.id)
        assert shown.status(world.now) is LinkStatus.COMPLETED

    def test_a_failed_setup_is_known_with_its_reason(self, world: World) -> None:
        made = link(world, world.customer())
        world.fill(made.session_id, "4000000000000002")
        by_webhook(world, made)
        [intent] = mirror(world)["setup_intents"]
        assert intent["status"] == "requires_payment_method"
        assert intent["last_error_code"] == "generic_decline"
        shown, _ = world.services.links.show(made.link.id)
        assert shown.status(world.now) is LinkStatus.OPEN


class TestGuest:
    def test_needs_a_customer_then_is_chargeable(self, world: World) -> None:
        method = world.save_card(None)
        customer = world.customer()
        counted = world.services.reports.payment_methods.counts()
        assert counted.by_state["needs_customer"] == 1
        attached = world.services.payment_methods.attach(method, customer_id=customer, by=ALICE)
        assert attached.customer == customer
        assert world.charge(customer, method=method).charge.state is ChargeState.SUCCEEDED

    def test_cannot_be_charged_before_that_and_is_not_burnt_by_trying(self, world: World) -> None:
        method = world.save_card(None)
        customer = world.customer()
        with pytest.raises(Blocked) as refused:
            world.charge(customer, method=method)
        assert refused.value.code == "payment_method_not_usable"
        assert "needs a customer" in str(refused.value)
        assert stripe_account.listed(world, "/v1/payment_intents") == []
        world.services.payment_methods.attach(method, customer_id=customer, by=ALICE)
        assert world.charge(customer, method=method).charge.state is ChargeState.SUCCEEDED

    def test_attaching_twice_to_the_same_customer_is_done_already(self, world: World) -> None:
        method = world.save_card(None)
        customer = world.customer()
        attach = world.services.payment_methods.attach
        first = attach(method, customer_id=customer, by=ALICE)
        assert attach(method, customer_id=customer, by=ALICE) == first

    def test_attaching_to_a_second_customer_is_refused(self, world: World) -> None:
        method = world.save_card(None)
        world.services.payment_methods.attach(method, customer_id=world.customer(), by=ALICE)
        with pytest.raises(StaleState, match="belongs to a customer"):
            world.services.payment_methods.attach(method, customer_id=world.customer(), by=ALICE)

    def test_a_lost_reply_to_attach_is_asked_again_under_the_same_key(self, world: World) -> None:
        method = world.save_card(None)
        customer = world.customer()
        world.stripe.faults.add("POST", "/v1/payment_methods", kind="lost_reply")
        attached = world.services.payment_methods.attach(method, customer_id=customer, by=ALICE)
        assert attached.customer == customer

    def test_unknown_methods_customers_and_viewers(self, world: World) -> None:
        method = world.save_card(None)
        customer = world.customer()
        attach = world.services.payment_methods.attach
        with pytest.raises(NotFound):
            attach("pm_nothing", customer_id=customer, by=ALICE)
        with pytest.raises(NotFound):
            attach(method, customer_id="cus_nothing", by=ALICE)
        with pytest.raises(NotFound):
            attach(f"{method}/detach", customer_id=customer, by=ALICE)
        with pytest.raises(NotPermitted):
            attach(method, customer_id=customer, by=VERA)
        with pytest.raises(NotPermitted):
            world.services.payment_methods.detach(method, by=VERA)


class TestDetach:
    def test_is_for_good_here_and_there(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        gone = world.services.payment_methods.detach(method, by=ALICE)
        assert (gone.is_detached, gone.customer) == (True, None)
        assert stripe_account.get(world, f"/v1/payment_methods/{method}")["customer"] is None
        with pytest.raises(StaleState):
            world.services.payment_methods.detach(method, by=ALICE)
        with pytest.raises(StaleState, match="removed"):
            world.services.payment_methods.attach(method, customer_id=customer, by=ALICE)

    def test_one_removed_in_the_dashboard_meanwhile_ends_the_same(self, world: World) -> None:
        method = world.save_card(world.customer())
        stripe_account.post(world, f"/v1/payment_methods/{method}/detach")
        assert world.services.payment_methods.detach(method, by=ALICE).is_detached

    def test_a_method_without_a_customer_cannot_be_detached(self, world: World) -> None:
        method = world.save_card(None)
        with pytest.raises((Refused, StaleState)):
            world.services.payment_methods.detach(method, by=ALICE)
        assert not world.services.payment_methods.get(method).is_detached

    @pytest.mark.parametrize("way", ["webhook", "poll"])
    def test_in_the_dashboard_is_learnt(self, world: World, way: str) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        world.services.sync.run()
        world.clock.advance(minutes=5)
        stripe_account.post(world, f"/v1/payment_methods/{method}/detach")
        if way == "webhook":
            [event] = stripe_account.events(world, "payment_method.detached")
            deliver(world, event)
            world.services.webhooks.process_due()
        else:
            world.services.sync.run()
        assert world.services.payment_methods.get(method).is_detached

    @pytest.mark.parametrize("way", ["sessions", "setup intents"])
    def test_before_onfile_ever_looked(self, world: World, way: str) -> None:
        """No card in need of a customer: it had one, and can never get another."""
        customer = world.customer()
        method = world.save_card(customer)
        guest = world.save_card(None)
        stripe_account.post(world, f"/v1/payment_methods/{method}/detach")
        with world.shell() as connection:
            for table in (
                "payment_methods",
                "customers",
                "setup_intents",
                "checkout_sessions",
                "webhook_deliveries",
                "sync_cursors",
            ):
                connection.execute(f"DELETE FROM {table}")
        world.clock.advance(days=40)
        only = ["setup_intents"] if way == "setup intents" else []
        world.services.sync.run(full=True, only=only)
        found = world.services.payment_methods.get(method)
        assert (found.customer, found.is_detached, found.last_customer) == (None, True, customer)
        assert not world.services.payment_methods.get(guest).is_detached
        world.services.search_index.index_all()
        world.services.sync.run(full=True)
        world.services.search_index.index_all()
        frame = world.services.reports.sessions.page(state="needs_customer").frame
        assert list(frame["payment_method"]) == [guest]
        assert world.services.reports.sessions.counts().by_state["needs_customer"] == 1
        with pytest.raises(StaleState):
            world.services.payment_methods.attach(method, customer_id=customer, by=ALICE)

    def test_a_bank_account_that_is_verified_later_is_not_removed(self, world: World) -> None:
        """Its session is complete at once; it is attached when its SetupIntent succeeds."""
        customer = world.customer()
        session = stripe_account.get(
            world,
            f"/v1/checkout/sessions/{_session_of(world, world.save_card(customer))}",
            expand=["setup_intent.payment_method"],
        )
        session["setup_intent"]["status"] = "requires_action"
        session["setup_intent"]["payment_method"]["customer"] = None
        bundle = session_bundle(session).payment_method
        assert bundle is not None
        assert (bundle.is_detached, bundle.last_customer) == (False, None)
        session["setup_intent"]["status"] = "succeeded"
        bundle = session_bundle(session).payment_method
        assert bundle is not None
        assert (bundle.is_detached, bundle.last_customer) == (True, customer)


def _session_of(world: World, method: str) -> str:
    frame = world.services.reports.sessions.page().frame
    return str(frame.loc[frame["payment_method"] == method, "id"].iloc[0])


class TestDeletedBehindAPage:
    """Events are read while a page that was asked for before them waits to be written."""

    @pytest.fixture
    def customer_and_method(self, world: World) -> tuple[str, str]:
        customer = world.customer()
        method = world.save_card(customer)
        with world.shell() as connection:
            for table in (
                "payment_methods",
                "customers",
                "setup_intents",
                "checkout_sessions",
                "webhook_deliveries",
            ):
                connection.execute(f"DELETE FROM {table}")
        world.clock.advance(days=2)
        return customer, method

    def meanwhile(
        self, world: World, monkeypatch: pytest.MonkeyPatch, type_: str, act: Callable[[], object]
    ) -> None:
        """Between the answer with the first page of this type and its writing."""
        write, done = Backfill.write_page, []

        def writing(self: Backfill, bulk: Any, of: str, message: Any, result: Any) -> None:
            if of == type_ and message.items and not done:
                done.append(act())
                world.clock.advance(seconds=3)
                world.services.sync.incremental.events(SyncResult(), lambda _: None)
            write(self, bulk, of, message, result)

        monkeypatch.setattr(Backfill, "write_page", writing)

    def test_a_customer_does_not_come_back(
        self, world: World, monkeypatch: pytest.MonkeyPatch, customer_and_method: tuple[str, str]
    ) -> None:
        customer, method = customer_and_method
        self.meanwhile(
            world,
            monkeypatch,
            "customers",
            lambda: stripe_account.delete(world, f"/v1/customers/{customer}"),
        )
        world.services.sync.run(full=True)
        with pytest.raises(NotFound):
            world.services.customers.get(customer)
        assert world.services.reports.customers.page().frame.empty
        assert world.services.payment_methods.get(method).is_detached

    @pytest.mark.parametrize("gone", ["customers", "payment_methods"])
    def test_nor_does_a_method(
        self,
        world: World,
        monkeypatch: pytest.MonkeyPatch,
        gone: str,
        customer_and_method: tuple[str, str],
    ) -> None:
        customer, method = customer_and_method

        def act() -> None:
            if gone == "customers":
                stripe_account.delete(world, f"/v1/customers/{customer}")
            else:
                stripe_account.post(world, f"/v1/payment_methods/{method}/detach")

        self.meanwhile(world, monkeypatch, "checkout_sessions", act)
        world.services.sync.run(full=True, only=["checkout_sessions"])
        found = world.services.payment_methods.get(method)
        assert (found.customer, found.is_detached, found.last_customer) == (None, True, customer)


class TestCustomerDeletedAtStripe:
    @pytest.mark.parametrize("way", ["webhook", "poll", "full poll"])
    def test_is_learnt_and_their_methods_are_gone(self, world: World, way: str) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        world.services.sync.run()
        world.clock.advance(minutes=5)
        stripe_account.delete(world, f"/v1/customers/{customer}")
        if way == "webhook":
            [event] = stripe_account.events(world, "customer.deleted")
            deliver(world, event)
            world.services.webhooks.process_due()
        else:
            world.services.sync.run(full=way == "full poll")
        assert mirror(world)["customers"][0]["is_deleted"] == 1
        assert world.services.payment_methods.get(method).is_detached
        with pytest.raises(NotFound):
            world.services.customers.get(customer)
        with pytest.raises((Blocked, NotFound)):
            world.charge(customer)
        assert world.moved() == []


class TestAccountsV2:
    """A method may belong to an Account (`acct_…`) in place of a Customer: SDK 16.1, `customer_account`."""

    def test_its_method_is_not_shown_as_removed(self, world: World) -> None:
        made = link(world, world.customer())
        world.finish(made.session_id)
        session = stripe_account.get(
            world,
            f"/v1/checkout/sessions/{made.session_id}",
            expand=["setup_intent.payment_method"],
        )
        intent = session["setup_intent"]
        for one in (intent, intent["payment_method"]):
            one |= {"customer": None, "customer_account": "acct_1Alice"}
        owned = session_bundle(session).payment_method
        assert owned is not None
        assert (owned.customer, owned.is_detached) == ("acct_1Alice", False)
        intent["payment_method"]["customer_account"] = None
        removed = session_bundle(session).payment_method
        assert removed is not None
        assert removed.is_detached
