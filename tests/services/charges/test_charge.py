"""Charging a saved method: what moves money, what must not, and what staff are told."""

from __future__ import annotations

import json
import sqlite3
import threading
from dataclasses import replace

import pytest

from lib.domain.charges import ChargeState, Outcome
from lib.domain.declines import Reason
from lib.errors import (
    AlreadyCharged,
    Blocked,
    InvalidInput,
    NotFound,
    NotPermitted,
    OnfileError,
    ReviewChanged,
    StaleState,
)
from lib.money import Money
from lib.services.charges.orders import ChargeOrder
from lib.store.connection import connect
from tests import stripe_account
from tests.tries import try_again
from tests.world import (
    ADA,
    ALICE,
    ALWAYS_DECLINES,
    BLOCKED_BY_STRIPE,
    GOOD,
    NO_MONEY,
    VERA,
    WANTS_AUTHENTICATION,
    World,
    key_of,
)


class TestSuccess:
    def test_moves_the_exact_amount_once(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        view = world.charge(customer, amount="12.34", currency="usd", reference="INV-1")
        assert view.charge.state is ChargeState.SUCCEEDED
        assert world.moved() == [(1234, "usd")]
        assert view.as_json(by=ALICE)["failure"] is None

    @pytest.mark.parametrize(
        ("amount", "currency", "minor"),
        [
            ("5000", "jpy", 5000),
            ("5.120", "kwd", 5120),
            ("2000", "ugx", 200000),
            ("0.40", "gbp", 40),
        ],
    )
    def test_sends_each_currency_in_its_own_minor_units(
        self, world: World, amount: str, currency: str, minor: int
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, amount=amount, currency=currency)
        assert world.moved() == [(minor, currency)]

    def test_the_attempt_with_key_and_parameters_is_committed_before_stripe_is_asked(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        seen: list[dict[str, object]] = []
        send = world.services.gateway.create_payment_intent

        def looking(params, *, idempotency_key, **more):
            other = sqlite3.connect(world.settings.database)
            row = other.execute("SELECT idempotency_key, params, outcome FROM attempts").fetchone()
            other.close()
            seen.append({"key": row[0], "params": json.loads(row[1]), "outcome": row[2]})
            assert row[0] == idempotency_key
            assert json.loads(row[1]) == params
            return send(params, idempotency_key=idempotency_key, **more)

        monkeypatch.setattr(world.services.gateway, "create_payment_intent", looking)
        view = world.charge(customer)
        assert seen[0]["outcome"] is None
        assert seen[0]["key"] == key_of(view.charge)
        assert seen[0]["params"]["off_session"] is True  # type: ignore[index]
        assert seen[0]["params"]["confirm"] is True  # type: ignore[index]

    def test_no_transaction_is_open_while_stripe_is_asked(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        send = world.services.gateway.create_payment_intent

        def writing(params, *, idempotency_key, **more):
            other = connect(world.settings.database)
            other.execute("PRAGMA busy_timeout = 0")
            other.execute("BEGIN IMMEDIATE")  # fails at once when anybody holds the write lock
            other.execute("ROLLBACK")
            other.close()
            return send(params, idempotency_key=idempotency_key, **more)

        monkeypatch.setattr(world.services.gateway, "create_payment_intent", writing)
        assert world.charge(customer).charge.state is ChargeState.SUCCEEDED

    def test_processing_is_not_a_failure_and_settles_later(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, "DE89370400440532013000", currency="eur")
        view = world.charge(customer, currency="eur")
        assert view.charge.state is ChargeState.PROCESSING
        assert view.failure is None
        intent = view.last.payment_intent if view.last else None
        assert intent is not None
        world.stripe.settle_processing(intent, succeed=True)
        world.services.sync.run()
        assert world.services.charges.view(view.charge.id).charge.state is ChargeState.SUCCEEDED

    def test_what_a_method_does_not_take_is_refused_before_any_request(self, world: World) -> None:
        customer = world.customer()
        debit = world.save_card(customer, "DE89370400440532013000", currency="eur")
        with pytest.raises(Blocked, match="takes EUR only, and this is in JPY") as refused:
            world.charge(customer, amount="52000", currency="jpy", method=debit)
        assert refused.value.code == "currency_not_supported"
        assert world.rows("SELECT * FROM attempts") == []
        assert world.charge(customer, currency="eur").charge.state is ChargeState.PROCESSING

    def test_a_default_that_does_not_take_the_currency_gives_way(self, world: World) -> None:
        customer = world.customer()
        card = world.save_card(customer)
        debit = world.save_card(customer, "DE89370400440532013000", currency="eur")
        stripe_account.make_default(world, customer, debit)
        review = world.services.charges.review(world.order(customer), by=ALICE)
        assert review.method.id == card
        assert any(
            "The default, SEPA debit ···· 3000, does not take $12.34: Visa ···· 4242 is charged."
            in one
            for one in review.warnings
        ), review.warnings
        euros = world.services.charges.review(world.order(customer, currency="eur"), by=ALICE)
        assert euros.method.id == debit

    def test_an_unnamed_method_is_the_newest_usable_one_and_the_review_says_so(
        self, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.clock.advance(seconds=5)
        newest = world.save_card(customer, "5555555555554444")
        review = world.services.charges.review(world.order(customer), by=ALICE)
        assert review.method.id == newest
        assert any("the newest is charged, Mastercard ···· 4444" in one for one in review.warnings)


class TestNeverTwice:
    def test_the_same_reference_is_refused(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        first = world.charge(customer, reference="INV-1")
        with pytest.raises(AlreadyCharged) as refused:
            world.charge(customer, reference=" INV-1 ")
        assert refused.value.charge_id == first.charge.id
        assert len(world.moved()) == 1

    def test_also_with_another_amount_or_method(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        other = world.save_card(customer, "5555555555554444")
        world.charge(customer, amount="10")
        with pytest.raises(AlreadyCharged):
            world.charge(customer, amount="11", method=other)
        assert world.moved() == [(1000, "usd")]

    def test_two_customers_may_owe_under_the_same_reference(self, world: World) -> None:
        for name in ("Acme", "Globex"):
            customer = world.customer(name)
            world.save_card(customer)
            world.charge(customer, reference="2026-11")
        assert len(world.moved()) == 2

    def test_ten_clicks_at_once_move_money_once(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        results: list[str] = []

        def click() -> None:
            try:
                results.append(world.charge(customer).charge.state.value)
            except OnfileError as error:
                results.append(error.code)

        threads = [threading.Thread(target=click) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert world.moved() == [(1234, "usd")]
        assert results.count("succeeded") == 1
        assert set(results) <= {"succeeded", "already_charged", "stale_state"}

    def test_a_second_click_after_a_fast_decline_sends_nothing(self, world: World) -> None:
        """The first click was declined before the second arrived: it must not become a retry."""
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        good = world.save_card(customer, GOOD)
        order = world.order(customer, method=good)
        seen = world.services.charges.review(order, by=ALICE).fingerprint
        declined = world.charge(
            customer,
            method=world.services.reports.payment_methods.page(search="0341").frame["id"][0],
        )
        with pytest.raises(ReviewChanged) as changed:
            world.services.charges.charge(order, by=ALICE, seen=seen)
        assert changed.value.review == world.services.charges.review(order, by=ALICE)
        with pytest.raises(StaleState):
            world.services.charges.charge(replace(order, attempt=1), by=ALICE)
        assert declined.charge.state is ChargeState.DECLINED
        assert world.moved() == []

    @pytest.mark.parametrize("changed", ["customer", "card", "similar charge", "nothing"])
    def test_a_review_holds_only_while_all_that_was_read_is_true(
        self, changed: str, world: World
    ) -> None:
        customer = world.customer()
        card = world.save_card(customer)
        order = world.order(customer, method=card)
        seen = world.services.charges.review(order, by=ALICE).fingerprint
        match changed:
            case "customer":
                stripe_account.post(world, f"/v1/customers/{customer}", name="Acme Holding")
            case "card":
                stripe_account.post(world, f"/v1/payment_methods/{card}", card={"exp_year": "2031"})
            case "similar charge":
                world.charge(customer, method=card, reference="INV-2")
        if changed == "nothing":
            assert world.services.charges.charge(order, by=ALICE, seen=seen).charge
            return
        moved = world.moved()
        with pytest.raises(ReviewChanged):
            world.services.charges.charge(order, by=ALICE, seen=seen)
        assert world.moved() == moved

    def test_the_schema_refuses_a_second_live_charge_and_a_second_open_attempt(
        self, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        view = world.charge(customer)
        database = sqlite3.connect(world.settings.database)
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(
                """INSERT INTO charges SELECT 'chg_other', livemode, customer, payment_method,
                       amount, currency, reference, reference_key, description, 'planned', created_by,
                       created_at, updated_at, 0, NULL, created_at FROM charges WHERE id = ?""",
                (view.charge.id,),
            )
        for statement in (
            "DELETE FROM attempts",
            "UPDATE attempts SET idempotency_key = 'x'",
            "UPDATE attempts SET params = '{}'",
            "UPDATE attempts SET outcome = 'declined'",
            "UPDATE charges SET amount = 1",
            "UPDATE charges SET state = 'planned'",
            "DELETE FROM charges",
            "DELETE FROM charge_events",
            "UPDATE audit_log SET actor = 'nobody'",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(statement)
        database.close()


class TestFailure:
    @pytest.mark.parametrize(
        ("number", "state", "reason", "offers_link"),
        [
            (ALWAYS_DECLINES, "declined", Reason.BANK_REFUSED, True),
            (NO_MONEY, "declined", Reason.NOT_ENOUGH_MONEY, True),
            (WANTS_AUTHENTICATION, "needs_customer", Reason.NEEDS_AUTHENTICATION, True),
            (BLOCKED_BY_STRIPE, "declined", Reason.STRIPE_BLOCKED, False),
        ],
    )
    def test_says_why_what_next_and_offers_the_way_back(
        self, world: World, number: str, state: str, reason: Reason, offers_link: bool
    ) -> None:
        customer = world.customer()
        world.save_card(customer, number)
        view = world.charge(customer)
        shown = view.as_json(by=ALICE)
        failure = shown["failure"]
        assert isinstance(failure, dict)
        assert shown["state"] == state
        assert failure["reason"] == reason.value
        assert failure["next_step"]
        assert failure["request_id"].startswith("req_")
        assert (failure["recovery_url"] is not None) is offers_link
        if offers_link:
            assert view.recovery_url in world.told(view)
        assert world.moved() == []

    def test_the_recovery_link_leads_to_a_new_card_and_a_new_attempt(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, WANTS_AUTHENTICATION)
        failed = world.charge(customer, amount="20", currency="eur")
        assert failed.recovery_link is not None
        address = world.services.links.open_durable(failed.recovery_link.token)
        assert isinstance(address, str)
        world.clock.advance(seconds=5)
        card = world.finish(address.rsplit("/", 1)[1])
        again = try_again(
            world.services.charges, failed.charge.id, payment_method=card, by=ALICE, attempt=2
        )
        assert again.charge.state is ChargeState.SUCCEEDED
        assert again.charge.id == failed.charge.id
        assert [a.idempotency_key for a in again.attempts] == [
            key_of(failed.charge),
            key_of(failed.charge, 2),
        ]
        assert world.moved() == [(2000, "eur")]

    def test_the_earlier_intent_is_cancelled_so_that_nobody_can_still_confirm_it(
        self, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        failed = world.charge(customer)
        card = world.save_card(customer)
        try_again(world.services.charges, failed.charge.id, payment_method=card, by=ALICE)
        first = failed.last.payment_intent if failed.last else ""
        assert first
        assert world.services.gateway.retrieve_payment_intent(first).status == "canceled"

    def test_the_same_card_is_not_tried_before_its_time(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, NO_MONEY)
        failed = world.charge(customer)
        with pytest.raises(Blocked) as refused:
            try_again(world.services.charges, failed.charge.id, by=ALICE)
        assert refused.value.code == "retry_too_early"
        world.clock.advance(days=3)
        again = try_again(world.services.charges, failed.charge.id, by=ALICE)
        assert len(again.attempts) == 2

    def test_a_card_that_wants_the_customer_is_not_tried_again_alone(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, WANTS_AUTHENTICATION)
        failed = world.charge(customer)
        world.clock.advance(days=30)
        with pytest.raises(Blocked) as refused:
            try_again(world.services.charges, failed.charge.id, by=ALICE)
        assert refused.value.code == "retry_not_allowed"

    def test_a_card_that_expired_is_refused_before_any_call(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, exp_year=2026)
        world.clock.advance(days=45)
        before = world.services.gateway.requests
        with pytest.raises(Blocked):
            world.charge(customer)
        assert world.moved() == []
        with world.services.uow.read() as stores:
            assert stores.charges.unsettled() == []
        assert world.services.gateway.requests > before  # it did look

    def test_a_method_of_another_customer_is_refused(self, world: World) -> None:
        other = world.customer("Globex")
        card = world.save_card(other)
        customer = world.customer("Acme")
        with pytest.raises(Blocked) as refused:
            world.charge(customer, method=card)
        assert refused.value.code == "payment_method_of_another_customer"

    def test_a_method_removed_at_stripe_is_refused(self, world: World) -> None:
        customer = world.customer()
        card = world.save_card(customer)
        world.services.payment_methods.detach(card, by=ALICE)
        with pytest.raises(Blocked):
            world.charge(customer, method=card)

    def test_a_key_without_the_permission_leaves_the_charge_free_to_try_again(
        self, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.fault("missing_permission")
        view = world.charge(customer)
        assert view.charge.state is ChargeState.PLANNED
        assert view.last is not None
        assert view.last.outcome is Outcome.NOT_EXECUTED
        assert "permission" in (view.what_happened or "")
        assert world.charge(customer).charge.state is ChargeState.SUCCEEDED
        assert len(world.moved()) == 1

    def test_a_busy_stripe_is_asked_again_under_the_same_key(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.fault("rate_limited", times=2, detail="endpoint-rate")
        view = world.charge(customer)
        assert view.charge.state is ChargeState.SUCCEEDED
        assert len(view.attempts) == 1
        assert len(world.moved()) == 1

    def test_a_cancelled_charge_frees_its_reference(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        failed = world.charge(customer)
        cancelled = world.services.charges.cancel(failed.charge.id, by=ALICE)
        assert cancelled.charge.state is ChargeState.CANCELLED
        assert cancelled.recovery_url is None
        card = world.save_card(customer)
        assert world.charge(customer, method=card).charge.id != failed.charge.id

    def test_a_paid_charge_cannot_be_cancelled(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        paid = world.charge(customer)
        with pytest.raises(StaleState):
            world.services.charges.cancel(paid.charge.id, by=ALICE)


class TestInput:
    def test_a_viewer_may_not_charge(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        with pytest.raises(NotPermitted):
            world.services.charges.charge(world.order(customer), by=VERA)

    @pytest.mark.parametrize("reference", ["", "   ", "x" * 201, "a\x00b", "a\nb", "x" * 100_000])
    def test_bad_references_are_refused_in_words(self, world: World, reference: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            world.charge("cus_nobody", reference=reference)
        assert refused.value.field == "reference"

    @pytest.mark.parametrize("amount", [0, -1, 10**12])
    def test_amounts_out_of_bounds_are_refused(self, world: World, amount: int) -> None:
        order = ChargeOrder("cus_nobody", Money(amount, "usd"), "INV-1")
        with pytest.raises(InvalidInput):
            world.services.charges.charge(order, by=ALICE)

    @pytest.mark.parametrize(
        "customer", ["cus_nobody", "", "../accounts", "x" * 100_000, "cus_\x00"]
    )
    def test_unknown_customers_are_refused_in_words(self, world: World, customer: str) -> None:
        with pytest.raises((NotFound, InvalidInput)):
            world.charge(customer)

    def test_similar_charges_are_pointed_out(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="INV-1")
        review = world.services.charges.review(
            world.order(customer, reference="INV-1-again"), by=ALICE
        )
        assert any("INV-1" in warning for warning in review.warnings)


def test_a_sum_worth_too_little_reads_clearly(world: World) -> None:
    """30 pence are Stripe's least in pounds, and too little for an account that is paid in dollars."""
    customer = world.customer()
    world.save_card(customer)
    small = world.charge(customer, amount="0.30", currency="gbp")
    assert small.charge.state is ChargeState.DECLINED
    assert "worth less than Stripe charges at least" in str(small.what_happened)
    assert "converts to approximately $0.4" in str(small.what_happened)


def test_more_digits_than_the_brand_takes_are_not_sent(world: World) -> None:
    customer = world.customer()
    path = "/v1/payment_methods/pm_card_amex/attach"
    card = str(stripe_account.post(world, path, customer=customer)["id"])
    world.services.limits.set("usd", per_charge="", per_run="", per_day="", by=ADA)
    with pytest.raises(Blocked, match="takes at most"):
        world.charge(customer, amount="10000000.00", method=card)
    assert world.moved() == []
