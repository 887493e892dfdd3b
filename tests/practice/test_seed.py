"""The practice account's past, and the bulk seeds that measurements use."""

from __future__ import annotations

import itertools
import json
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.seed_bulk import seed_sessions
from lib.practice import PracticeStripe
from lib.practice.delivery import EventDelivery
from lib.practice.seed import seed

from .account import FakeClock

HEADERS = {"Authorization": "Bearer sk_test_practice"}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of an account with its past, made once for all that look at it."""
    folder = tmp_path_factory.mktemp("past")
    account = PracticeStripe(
        folder / "practice.db", clock=FakeClock(), public_url="https://pay.example.com/"
    )
    seed(account)
    path = folder / "whole.db"
    account.database.connection().execute("VACUUM INTO ?", (str(path),))
    account.database.close()
    return path


@pytest.fixture
def seeded(practice: PracticeStripe, past: Path) -> PracticeStripe:
    practice.database.close()
    shutil.copy(past, practice.database.path)
    return practice


def objects(practice: PracticeStripe, kind: str) -> list[dict[str, Any]]:
    rows = practice.database.connection().execute(
        "SELECT payload FROM objects WHERE kind = ? AND is_deleted = 0 ORDER BY seq", (kind,)
    )
    return [json.loads(row["payload"]) for row in rows]


def get(practice: PracticeStripe, path: str, **params: Any) -> dict[str, Any]:
    reply = practice.handle("GET", path, params, HEADERS)
    assert reply.status == 200, reply.body
    return reply.body


class TestSeed:
    def test_customers(self, seeded: PracticeStripe) -> None:
        customers = objects(seeded, "customer")
        assert 28 <= len(customers) <= 34
        assert "Müller & Söhne <Export>" in {customer["name"] for customer in customers}
        shared = Counter(customer["email"] for customer in customers)
        assert sorted(shared.values())[-2:] == [1, 2]
        domains = {customer["email"].rsplit("@", 1)[1] for customer in customers}
        assert all(
            domain.endswith((".example", "example.com", "example.org", "example.net"))
            for domain in domains
        )
        assert {customer["address"]["country"] for customer in customers} >= {"JP", "DE", "US"}

    def test_sessions_in_every_state(self, seeded: PracticeStripe, clock: FakeClock) -> None:
        sessions = objects(seeded, "checkout.session")
        by_status = Counter(session["status"] for session in sessions)
        assert by_status["complete"] >= 25
        assert by_status["expired"] >= 4
        left = [s["expires_at"] - clock.epoch for s in sessions if s["status"] == "open"]
        assert min(left) < 3600
        assert max(left) > 23 * 3600
        assert min(left) > 0
        guests = [s for s in sessions if s["status"] == "complete" and s["customer"] is None]
        assert len(guests) >= 2
        assert all(guest["customer_details"]["email"] for guest in guests)
        intents = {intent["id"]: intent for intent in objects(seeded, "setup_intent")}
        states = Counter((s["status"], intents[s["setup_intent"]]["status"]) for s in sessions)
        assert states["open", "requires_action"] == 1
        failed = [s for s in sessions if intents[s["setup_intent"]]["last_setup_error"]]
        assert {s["status"] for s in failed} == {"open", "expired"}

    def test_saved_methods(self, seeded: PracticeStripe, clock: FakeClock) -> None:
        methods = objects(seeded, "payment_method")
        saved = [method for method in methods if method["customer"]]
        cards = [method["card"] for method in saved if method["type"] == "card"]
        assert {card["brand"] for card in cards} >= {"visa", "mastercard", "amex", "jcb"}
        last4 = {card["last4"] for card in cards}
        assert last4 >= {"0341", "3184", "3178", "0019", "3155"}
        assert "sepa_debit" in {method["type"] for method in saved}
        today = clock.moment.year * 12 + clock.moment.month
        months = [card["exp_year"] * 12 + card["exp_month"] - today for card in cards]
        assert sum(month < 0 for month in months) == 1
        assert sum(0 <= month <= 2 for month in months) == 2
        owners = Counter(method["customer"] for method in saved)
        assert max(owners.values()) == 3
        prints = Counter(card["fingerprint"] for card in cards)
        assert sorted(prints.values())[-2:] == [1, 2]
        hidden = seeded.database.connection().execute(
            "SELECT count(*) FROM objects WHERE kind = 'payment_method' AND customer IS NULL"
            " AND hidden ->> '$.use' = 'burnt'"
        )
        assert hidden.fetchone()[0] == 1

    def test_charges(self, seeded: PracticeStripe) -> None:
        intents = objects(seeded, "payment_intent")
        assert 38 <= len(intents) <= 50
        assert {intent["currency"] for intent in intents} == {"usd", "eur", "gbp", "jpy"}
        status = Counter(intent["status"] for intent in intents)
        assert status["succeeded"] > len(intents) * 0.6
        assert status["processing"] == 1
        reasons = {
            intent["last_payment_error"]["decline_code"]
            for intent in intents
            if intent["last_payment_error"]
        }
        assert reasons >= {
            "generic_decline",
            "insufficient_funds",
            "authentication_required",
            "fraudulent",
            "expired_card",
            "lost_card",
        }
        orders = [intent["metadata"] for intent in intents if intent["metadata"]]
        assert orders
        assert all(set(metadata) == {"order"} for metadata in orders)
        charges = {charge["id"]: charge for charge in objects(seeded, "charge")}
        refunded = [charge["refunded"] for charge in charges.values() if charge["amount_refunded"]]
        assert sorted(refunded) == [False, True]
        assert [dispute["status"] for dispute in objects(seeded, "dispute")] == ["needs_response"]

    def test_time_only_goes_forward_and_ends_now(
        self, seeded: PracticeStripe, clock: FakeClock
    ) -> None:
        created = [
            row["created"]
            for row in seeded.database.connection().execute(
                "SELECT created FROM objects ORDER BY seq"
            )
        ]
        assert all(earlier <= later for earlier, later in itertools.pairwise(created))
        assert clock.epoch - created[0] == pytest.approx(90 * 86400, rel=0.02)
        assert created[-1] <= clock.epoch
        methods = {method["id"]: method for method in objects(seeded, "payment_method")}
        for intent in objects(seeded, "payment_intent"):
            used = intent["payment_method"]
            assert used is None or methods[used]["created"] < intent["created"]

    def test_nothing_old_is_delivered_and_the_new_is(
        self, seeded: PracticeStripe, clock: FakeClock
    ) -> None:
        count = "SELECT count(*) FROM deliveries WHERE state <> 'delivered'"
        connection = seeded.database.connection()
        assert connection.execute("SELECT count(*) FROM deliveries").fetchone()[0] > 200
        assert connection.execute(count).fetchone()[0] == 0
        delivery = EventDelivery(seeded, webhook_url="http://127.0.0.1:9/x", secret="whsec_x")
        assert delivery.run_once() == 0
        seeded.handle("POST", "/v1/customers", {"name": "New"}, HEADERS)
        assert connection.execute(count).fetchone()[0] == 1

    def test_open_links_still_work(self, seeded: PracticeStripe) -> None:
        open_links = [s for s in objects(seeded, "checkout.session") if s["status"] == "open"]
        views = [seeded.checkout(session["id"]) for session in open_links]
        assert {view.status for view in views if view} == {"open"}

    def test_again_changes_nothing(self, seeded: PracticeStripe) -> None:
        before = list(seeded.database.connection().iterdump())
        seed(seeded)
        assert list(seeded.database.connection().iterdump()) == before

    def test_account_in_use_is_left_alone(self, practice: PracticeStripe) -> None:
        practice.handle("POST", "/v1/customers", {"name": "Only one"}, HEADERS)
        seed(practice)
        assert [customer["name"] for customer in objects(practice, "customer")] == ["Only one"]

    def test_second_process_does_not_seed_beside_the_first(
        self, practice: PracticeStripe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        second = PracticeStripe(practice.database.path, clock=practice.clock)
        monkeypatch.setattr(
            "lib.practice.seed.Past", lambda stripe: pytest.fail("seeded a second time")
        )
        with second.database.writing() as connection:
            connection.execute("INSERT INTO settings VALUES ('seeded_at', '1')")
        seed(practice)
        assert objects(practice, "customer") == []

    def test_is_the_same_each_time(self, tmp_path: Path, clock: FakeClock) -> None:
        stories = []
        for name in ("one.db", "two.db"):
            account = PracticeStripe(tmp_path / name, clock=clock)
            seed(account)
            stories.append(
                [
                    (intent["created"], intent["amount"], intent["status"], intent["metadata"])
                    for intent in objects(account, "payment_intent")
                ]
                + [
                    (
                        m["created"],
                        m.get("card", {}).get("last4"),
                        m.get("card", {}).get("exp_year"),
                    )
                    for m in objects(account, "payment_method")
                ]
            )
        assert stories[0] == stories[1]

    @pytest.mark.parametrize(
        "moment", ["2026-01-31T00:00:10", "2027-03-01T12:00:00", "2028-02-29T23:59:59"]
    )
    def test_any_day_will_do(self, practice: PracticeStripe, clock: FakeClock, moment: str) -> None:
        clock.moment = clock.moment.fromisoformat(moment + "+00:00")
        seed(practice)
        declines = [
            intent["last_payment_error"]["decline_code"]
            for intent in objects(practice, "payment_intent")
            if intent["last_payment_error"]
        ]
        assert "expired_card" in declines


class TestSeedSessions:
    @pytest.fixture
    def bulk(self, practice: PracticeStripe, clock: FakeClock) -> PracticeStripe:
        seed_sessions(practice, 400, now=clock.moment)
        return practice

    def test_shapes_are_the_engine_s_own(self, bulk: PracticeStripe, clock: FakeClock) -> None:
        other = PracticeStripe(bulk.database.path.with_name("seeded.db"), clock=clock)
        seed(other)
        for kind in ("customer", "checkout.session", "setup_intent", "setup_attempt"):
            expected = {frozenset(made) for made in objects(other, kind)}
            assert {frozenset(made) for made in objects(bulk, kind)} <= expected
        made = {frozenset(method["card"]) for method in objects(bulk, "payment_method")}
        assert made == {frozenset(objects(other, "payment_method")[0]["card"])}

    def test_lists_expand_and_filter(self, bulk: PracticeStripe) -> None:
        wanted = {"limit": "100", "expand": {"0": "data.setup_intent.payment_method"}}
        seen: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while True:
            result = get(bulk, "/v1/checkout/sessions", **wanted, **more)
            seen += result["data"]
            if not result["has_more"]:
                break
            more = {"starting_after": seen[-1]["id"]}
        assert len({session["id"] for session in seen}) == 400
        for session in seen:
            intent = session["setup_intent"]
            assert intent["customer"] == session["customer"]
            method = intent["payment_method"]
            assert (method is not None) == (session["status"] == "complete")
            if method:
                assert method["customer"] == session["customer"]
                assert method["created"] == session["created"]
        assert set(Counter(session["status"] for session in seen)) == {
            "complete",
            "open",
            "expired",
        }
        customer = seen[0]["customer"]
        assert len(get(bulk, "/v1/checkout/sessions", customer=customer)["data"]) == 1
        email = get(bulk, f"/v1/customers/{customer}")["email"]
        assert len(get(bulk, "/v1/customers", email=email)["data"]) == 1

    def test_open_ones_can_be_completed_and_saved_ones_charged(
        self, bulk: PracticeStripe, clock: FakeClock
    ) -> None:
        sessions = objects(bulk, "checkout.session")
        still_open = next(session for session in sessions if session["status"] == "open")
        assert still_open["url"] == f"https://pay.example.com/practice/checkout/{still_open['id']}"
        view = bulk.checkout(still_open["id"])
        assert view is not None
        assert view.expires_at > clock.moment
        method = objects(bulk, "payment_method")[0]
        params = {
            "amount": "500",
            "currency": "usd",
            "customer": method["customer"],
            "payment_method": method["id"],
            "off_session": "true",
            "confirm": "true",
            "allowed_payment_method_types": {"0": "card"},
        }
        reply = bulk.handle("POST", "/v1/payment_intents", params, HEADERS)
        assert (reply.status, reply.body.get("status")) == (200, "succeeded")

    def test_oldest_first_over_the_last_year(self, bulk: PracticeStripe, clock: FakeClock) -> None:
        sessions = objects(bulk, "checkout.session")
        created = [session["created"] for session in sessions]
        assert created == sorted(created)
        assert created[0] > clock.epoch - 367 * 86400
        assert created[-1] < clock.epoch
        assert {session["expires_at"] - session["created"] for session in sessions} == {86400}

    def test_sessions_stay_as_they_were_made(self, bulk: PracticeStripe, clock: FakeClock) -> None:
        before = Counter(session["status"] for session in objects(bulk, "checkout.session"))
        bulk.settle_due()
        after = Counter(session["status"] for session in objects(bulk, "checkout.session"))
        assert after == before
        clock.advance(hours=25)
        bulk.settle_due()
        after = Counter(session["status"] for session in objects(bulk, "checkout.session"))
        assert after["open"] == 0

    def test_can_be_called_again(self, bulk: PracticeStripe, clock: FakeClock) -> None:
        seed_sessions(bulk, 60, now=clock.moment - timedelta(days=1))
        assert len(objects(bulk, "checkout.session")) == 460

    def test_is_the_same_each_time(self, tmp_path: Path, clock: FakeClock) -> None:
        ids = []
        for name in ("one.db", "two.db"):
            account = PracticeStripe(tmp_path / name, clock=clock)
            seed_sessions(account, 50, now=clock.moment)
            ids.append([made["id"] for made in objects(account, "checkout.session")])
        assert ids[0] == ids[1]
        assert len(set(ids[0])) == 50

    @pytest.mark.parametrize("count", [0, 1, 2])
    def test_small_counts(self, practice: PracticeStripe, clock: FakeClock, count: int) -> None:
        seed_sessions(practice, count, now=clock.moment)
        assert len(objects(practice, "checkout.session")) == count


class TestSeedPayments:
    @pytest.fixture
    def paid(self, practice: PracticeStripe, clock: FakeClock) -> PracticeStripe:
        seed_sessions(practice, 200, now=clock.moment, payments=80)
        return practice

    def test_as_many_as_asked_for(self, paid: PracticeStripe) -> None:
        made = {
            kind: objects(paid, kind) for kind in ("payment_intent", "charge", "refund", "dispute")
        }
        assert {kind: len(result) for kind, result in made.items()} == {
            "payment_intent": 80,
            "charge": 80,
            "refund": 20,
            "dispute": 10,
        }
        assert len({one["id"] for result in made.values() for one in result}) == 190
        assert Counter(charge["status"] for charge in made["charge"]) == {
            "succeeded": 70,
            "failed": 10,
        }
        assert len({charge["amount"] for charge in made["charge"]}) > 70
        assert len(objects(paid, "checkout.session")) == 200

    def test_belong_together(self, paid: PracticeStripe) -> None:
        sessions = {one["customer"]: one for one in objects(paid, "checkout.session")}
        intents = {one["id"]: one for one in objects(paid, "payment_intent")}
        charges = {one["id"]: one for one in objects(paid, "charge")}
        refunded: Counter[str] = Counter()
        for refund in objects(paid, "refund"):
            refunded[refund["charge"]] += refund["amount"]
            assert refund["created"] == charges[refund["charge"]]["created"] + 3600
        disputed = {dispute["charge"]: dispute for dispute in objects(paid, "dispute")}
        for charge in charges.values():
            intent = intents[charge["payment_intent"]]
            assert intent["latest_charge"] == charge["id"]
            assert intent["customer"] == charge["customer"]
            assert intent["amount"] == charge["amount"]
            assert charge["created"] == sessions[charge["customer"]]["created"] + 3600
            assert charge["amount_refunded"] == refunded[charge["id"]]
            assert charge["disputed"] == (charge["id"] in disputed)
            if charge["disputed"]:
                assert disputed[charge["id"]]["amount"] == charge["amount"]
                due_by = disputed[charge["id"]]["evidence_details"]["due_by"]
                assert due_by == charge["created"] + 9 * 86400

    def test_shapes_are_the_engine_s_own(self, paid: PracticeStripe, clock: FakeClock) -> None:
        other = PracticeStripe(paid.database.path.with_name("seeded.db"), clock=clock)
        seed(other)
        for kind in ("payment_intent", "charge", "refund"):
            expected = {frozenset(made) for made in objects(other, kind)}
            assert {frozenset(made) for made in objects(paid, kind)} <= expected

    def test_lists_expand(self, paid: PracticeStripe) -> None:
        for path, expand in (
            ("/v1/payment_intents", "latest_charge"),
            ("/v1/refunds", "charge"),
            ("/v1/disputes", "charge"),
        ):
            page = get(paid, path, limit="100", expand={"0": f"data.{expand}"})
            assert {item[expand]["object"] for item in page["data"]} == {"charge"}
        charge = get(paid, "/v1/refunds")["data"][0]["charge"]
        listed = get(paid, "/v1/refunds", charge=charge)["data"]
        assert [refund["charge"] for refund in listed] == [charge]

    def test_spread_over_the_year(self, paid: PracticeStripe, clock: FakeClock) -> None:
        created = [charge["created"] for charge in objects(paid, "charge")]
        assert created == sorted(created)
        assert created[0] < clock.epoch - 350 * 86400
        assert created[-1] > clock.epoch - 20 * 86400
        assert created[-1] + 3600 < clock.epoch

    def test_sessions_are_the_same_without_them(self, tmp_path: Path, clock: FakeClock) -> None:
        made = []
        for name, payments in (("one.db", 0), ("two.db", 40)):
            account = PracticeStripe(tmp_path / name, clock=clock)
            seed_sessions(account, 50, now=clock.moment, payments=payments)
            made.append([one["id"] for one in objects(account, "checkout.session")])
        assert made[0] == made[1]

    def test_no_more_than_there_are_cards(self, practice: PracticeStripe, clock: FakeClock) -> None:
        with pytest.raises(ValueError, match="42 payments at most"):
            seed_sessions(practice, 50, now=clock.moment, payments=43)
        assert objects(practice, "checkout.session") == []
        seed_sessions(practice, 50, now=clock.moment, payments=42)
        assert len(objects(practice, "payment_intent")) == 42
