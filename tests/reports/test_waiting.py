"""Failures by reason, the counters of waiting work, and audit entries with names."""

from __future__ import annotations

from lib.reports.charge_filter import ChargeFilter
from lib.reports.sums import Sum
from tests.world import ALWAYS_DECLINES, NO_MONEY, World


class TestReasons:
    def test_counted_per_reason_and_currency(self, world: World) -> None:
        customer = world.customer()
        bad, poor = world.save_card(customer, ALWAYS_DECLINES), world.save_card(customer, NO_MONEY)
        world.charge(customer, reference="A", amount="10.00", method=bad)
        world.charge(customer, reference="B", amount="11.00", method=bad)
        world.charge(customer, reference="C", amount="5000", currency="jpy", method=poor)
        which = ChargeFilter(unresolved=True)
        assert world.services.reports.charges.reasons(which) == {
            "bank_refused": [Sum("declined", "usd", 2, 2100)],
            "not_enough_money": [Sum("declined", "jpy", 1, 5000)],
        }
        page = world.services.reports.charges.page(which, reason="not_enough_money")
        assert list(page.frame["reference"]) == ["C"]
        none = world.services.reports.charges.page(which, reason="card_stopped")
        assert none.frame.empty

    def test_a_method_saved_after_the_failure_is_named(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.clock.advance(minutes=1)
        bad = world.save_card(customer, ALWAYS_DECLINES)
        charge = world.charge(customer, method=bad).charge.id
        world.clock.advance(minutes=1)
        assert world.services.reports.charges.find(charge)["new_method"] == ""
        new = world.save_card(customer, "5555555555554444")
        found = world.services.reports.charges.find(charge)
        assert (found["new_method"], found["new_method_id"]) == ("Mastercard ···· 4444", new)


class TestWaiting:
    def test_nothing(self, world: World) -> None:
        assert set(world.services.reports.waiting.counts().values()) == {0}

    def test_each_kind_once(self, world: World) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        good = world.save_card(customer, exp_year=2026)
        world.save_card(None)
        world.charge(customer, reference="A", method=bad)
        world.lose_reply()
        world.charge(customer, reference="B", method=good)
        assert world.services.reports.waiting.counts() == {
            "failures": 1,
            "unknown": 1,
            "unattached": 1,
            "open_links": 1,
            "expiring": 1,
            "runs": 0,
            "approvals": 0,
            "admin_changes": 0,
            "messages": 0,
            "answers": 0,
            "incidents": 0,
        }

    def test_old_failures_stop_counting(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        world.charge(customer)
        world.clock.advance(days=31)
        assert world.services.reports.waiting.counts()["failures"] == 0


class TestAudit:
    def test_pages_by_number_both_ways(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer)
        reports = world.services.reports.audit
        everything = list(reports.page().frame["id"])
        first = reports.page(rows=2)
        second = reports.page(rows=2, cursor=first.older)
        assert [*first.frame["id"], *second.frame["id"]] == everything[:4]
        assert list(reports.page(rows=2, cursor=second.newer).frame["id"]) == everything[:2]

    def test_names_and_filters(self, world: World) -> None:
        customer = world.customer("Acme Ltd")
        world.save_card(customer)
        world.charge(customer)
        reports = world.services.reports.audit
        page = reports.page(actor="alice", actions=("charge.",))
        assert list(page.frame["about"]) == ["INV-1 · Acme Ltd"]
        assert reports.find(10**15) is None
        assert "hash" in page.frame.columns
