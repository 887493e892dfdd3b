"""Making runs: every row kept, judged with a reason, and nothing guessed silently."""

from __future__ import annotations

import pytest

from lib.domain.charges import MOST_ATTEMPTS
from lib.domain.runs import Finding, RowRequest, RowState, Severity
from lib.errors import Blocked, InvalidInput, NotPermitted
from lib.money import Money
from lib.services.runs.draft import RunSource
from tests import stripe_account
from tests.charge_runs import audited, draft, rows_of
from tests.world import ALICE, ALWAYS_DECLINES, NO_MONEY, VERA, WANTS_AUTHENTICATION, World

HEADER = ("customer", "amount", "currency", "reference")


def request(customer: str, reference: str = "INV-1", amount: int = 1000, **more: object):
    number = int(more.pop("number", 2))  # type: ignore[call-overload]
    return RowRequest(
        number,
        (customer, str(amount), "usd", reference),
        customer,
        Money(amount, "usd"),
        reference,
        **more,
    )  # type: ignore[arg-type]


def made(world: World, *requests: RowRequest):
    """The rows of a new draft, in their order."""
    run = world.services.runs.drafts.create(RunSource(HEADER, "November"), requests, by=ALICE)
    return rows_of(world, run.id)


def codes(row) -> list[str]:
    return [finding.code for finding in row.findings]


class TestGreen:
    def test_the_only_method_of_a_customer_is_charged(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        (row,) = made(world, request(customer))
        assert (row.customer, row.payment_method, row.findings) == (customer, method, ())
        assert row.state is RowState.PLANNED

    def test_by_an_address_in_any_case(self, world: World) -> None:
        customer = world.customer(email="billing@example.com")
        world.save_card(customer)
        (row,) = made(world, request("Billing@Example.com"))
        assert (row.customer, row.findings) == (customer, ())

    def test_a_customer_that_only_stripe_knows_yet(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.change("DELETE FROM customers", "DELETE FROM payment_methods")
        (row,) = made(world, request(customer))
        assert row.findings == ()


class TestRed:
    @pytest.mark.parametrize(
        ("customer", "code"),
        [
            ("cus_nobody", "customer_unknown"),
            ("nobody@example.com", "customer_unknown"),
            ("twins@example.com", "customer_ambiguous"),
        ],
    )
    def test_customers(self, world: World, customer: str, code: str) -> None:
        for name in ("One", "Two"):
            world.services.customers.create(
                email="twins@example.com", name=name, request_key=name, by=ALICE
            )
        (row,) = made(world, request(customer))
        assert (codes(row), row.state) == ([code], RowState.BLOCKED)

    def test_no_method(self, world: World) -> None:
        (row,) = made(world, request(world.customer()))
        assert codes(row) == ["no_payment_method"]

    def test_a_method_that_was_removed(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        world.services.payment_methods.detach(method, by=ALICE)
        (row,) = made(world, request(customer, payment_method=method))
        assert codes(row) == ["payment_method_not_usable"]

    def test_a_method_of_somebody_else(self, world: World) -> None:
        customer, other = world.customer(), world.customer()
        world.save_card(customer)
        (row,) = made(world, request(customer, payment_method=world.save_card(other)))
        assert codes(row) == ["payment_method_of_another_customer"]

    def test_charged_already(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="INV-1")
        (row,) = made(world, request(customer))
        assert codes(row) == ["already_charged"]

    def test_in_another_run_that_is_not_over(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        draft(world, [(customer, method, 500, "INV-1")])
        (row,) = made(world, request(customer))
        assert codes(row) == ["in_another_run"]

    def test_twice_in_one_file_also_by_another_name_of_the_customer(self, world: World) -> None:
        customer = world.customer(email="twice@example.com")
        world.save_card(customer)
        first, second = made(
            world, request(customer, number=2), request("twice@example.com", number=3)
        )
        assert (codes(first), codes(second)) == ([], ["reference_repeated"])
        assert "Row 2" in second.findings[0].message

    def test_a_card_that_wants_its_owner_is_not_tried_again(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer, WANTS_AUTHENTICATION)
        world.charge(customer, amount="10.00", method=method)
        (row,) = made(world, request(customer))
        assert codes(row) == ["retry_not_allowed"]

    def test_what_could_not_be_read_stays_with_its_reason(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        unread = Finding("amount_invalid", Severity.RED, "“x” is not an amount.", "amount")
        bad = RowRequest(
            2, (customer, "x", "usd", "INV-1"), customer, None, "INV-1", findings=(unread,)
        )
        (row,) = made(world, bad)
        assert (row.amount, row.state, row.findings) == (None, RowState.BLOCKED, (unread,))
        assert row.request == bad


class TestGivenUp:
    """Cancelling a failed charge does not wash its card clean."""

    def test_a_card_that_must_not_be_tried_again(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer, WANTS_AUTHENTICATION)
        failed = world.charge(customer, amount="10.00", method=method)
        world.services.charges.cancel(failed.charge.id, by=ALICE)
        with pytest.raises(Blocked) as refused:
            world.charge(customer, amount="10.00", method=method)
        assert refused.value.code == "retry_not_allowed"
        (row,) = made(world, request(customer))
        assert codes(row) == ["retry_not_allowed"]

    def test_the_waiting_time_and_the_number_of_tries(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer, ALWAYS_DECLINES)
        for _ in range(MOST_ATTEMPTS):
            failed = world.charge(customer, amount="10.00", method=method)
            world.services.charges.cancel(failed.charge.id, by=ALICE)
            with pytest.raises(Blocked) as early:
                world.charge(customer, amount="10.00", method=method)
            world.clock.advance(days=7)
        assert early.value.code == "too_many_attempts"
        with pytest.raises(Blocked) as many:
            world.charge(customer, amount="9.00", method=method)
        assert many.value.code == "too_many_attempts"
        (row,) = made(world, request(customer))
        assert codes(row) == ["too_many_attempts"]

    def test_a_smaller_sum_need_not_wait_in_a_run_either(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer, NO_MONEY)
        world.charge(customer, amount="10.00", method=method)
        same, smaller = made(
            world, request(customer, number=2), request(customer, amount=500, number=3)
        )
        assert codes(same) == ["retry_too_early"]
        assert codes(smaller) == ["another_try", "reference_repeated"]

    def test_the_results_say_why_and_from_when(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer, NO_MONEY)
        world.charge(customer, amount="10.00", method=method)
        maker, viewer = world.services.runs.drafts, world.services.runs.views
        run = maker.create(RunSource(HEADER, "N"), [request(customer)], by=ALICE)
        (view,) = viewer.rows(run.id)
        failure = view.as_json(by=ALICE)["failure"]
        assert isinstance(failure, dict)
        assert (failure["code"], failure["reason"]) == ("retry_too_early", "not_enough_money")
        assert failure["retry_allowed"]
        assert failure["retry_not_before"] == world.now + 2 * 86_400


class TestMadeAnew:
    """The same person as another customer at Stripe, with the same address."""

    ADDRESS = "billing@example.com"

    def paid_and_deleted(self, world: World) -> str:
        old = world.customer("Acme", email="Billing@example.com")
        world.save_card(old)
        world.charge(old, amount="10.00", reference="INV-1")
        stripe_account.delete(world, f"/v1/customers/{old}")
        world.services.customers.refresh(old)
        return old

    def anew(self, world: World) -> str:
        new = stripe_account.post(world, "/v1/customers", email=self.ADDRESS, name="Acme")["id"]
        world.services.customers.refresh(new)
        world.save_card(new)
        return new

    @pytest.mark.parametrize("by_id", [False, True])
    def test_what_the_deleted_one_paid_is_not_charged_again(
        self, world: World, by_id: bool
    ) -> None:
        old, new = self.paid_and_deleted(world), self.anew(world)
        same, other = made(
            world,
            request(new if by_id else self.ADDRESS, number=2),
            request(self.ADDRESS, "INV-2", number=3),
        )
        assert (codes(same), same.customer) == (["charged_elsewhere"], new)
        assert old in same.findings[0].message
        assert codes(other) == []

    @pytest.mark.parametrize("fault", ["lost_reply", "error_500_saved"])
    def test_nor_what_nobody_knows_yet(self, world: World, fault: str) -> None:
        old = world.customer(email=self.ADDRESS)
        world.save_card(old)
        world.fault(fault)
        world.charge(old, amount="10.00", reference="INV-1")
        (row,) = made(world, request(self.anew(world)))
        assert codes(row) == ["charged_elsewhere"]

    def test_what_failed_may_be_charged(self, world: World) -> None:
        old = world.customer(email=self.ADDRESS)
        world.save_card(old, ALWAYS_DECLINES)
        world.charge(old, amount="10.00", reference="INV-1")
        (row,) = made(world, request(self.anew(world)))
        # Both customers are there; only which one is meant is asked.
        assert codes(row) == ["customer_has_twin"]

    def test_a_single_charge_says_it(self, world: World) -> None:
        old, new = self.paid_and_deleted(world), self.anew(world)
        review = world.services.charges.review(world.order(new, reference="INV-1"), by=ALICE)
        (stopped,) = review.stopped
        assert (stopped.code, old in stopped.message) == ("charged_elsewhere", True)


class TestNotChecked:
    """What cannot be known is not guessed."""

    def test_an_address_that_two_customers_have_though_only_one_was_read(
        self, world: World
    ) -> None:
        mine = world.customer("Acme", email="billing@example.com")
        world.save_card(mine)
        stripe_account.post(world, "/v1/customers", email="billing@example.com", name="Other Acme")
        (row,) = made(world, request("billing@example.com"))
        assert codes(row) == ["customer_ambiguous"]

    def test_more_addresses_than_are_asked_about(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lib.services.runs.row_judge.MOST_LOOKS", 1)
        for name in ("a", "b"):
            world.save_card(world.customer(name, email=f"{name}@example.com"))
        rows = [request(f"{name}@example.com", number=at) for at, name in enumerate("ab", start=2)]
        assert [codes(row) for row in made(world, *rows)] == [
            [],
            ["customer_not_checked", "reference_of_another"],
        ]
        world.services.sync.run(full=True)
        assert codes(made(world, *rows)[1]) == ["reference_of_another"]

    def test_stripe_cannot_be_asked(self, world: World) -> None:
        world.services.sync.run(full=True)
        customer = stripe_account.post(world, "/v1/customers", email="new@example.com")["id"]
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=200)
        run = world.services.runs.drafts.create(
            RunSource(HEADER, "N"), [request(customer)], by=ALICE
        )
        (row,) = rows_of(world, run.id)
        assert (codes(row), row.state) == (["customer_not_checked"], RowState.BLOCKED)
        world.stripe.faults.clear()
        world.services.runs.drafts.check_again(run.id, by=ALICE)
        assert codes(rows_of(world, run.id)[0]) == ["no_payment_method"]
        assert "run.check_again" in audited(world)


class TestAmber:
    def test_the_newest_of_several_is_named(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.clock.advance(minutes=1)
        newest = world.save_card(customer, "5555555555554444")
        (row,) = made(world, request(customer))
        assert (row.payment_method, codes(row)) == (newest, ["method_chosen"])
        assert "Mastercard ···· 4444" in row.findings[0].message

    def test_another_try_of_what_was_declined(self, world: World) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        world.charge(customer, amount="10.00", method=bad)
        world.clock.advance(minutes=1)
        world.save_card(customer)
        (row,) = made(world, request(customer))
        assert codes(row) == ["method_chosen", "another_try"]

    def test_an_unusual_amount(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        for number in range(3):
            world.charge(customer, reference=f"OLD-{number}", amount="10.00")
        world.clock.advance(days=30)
        usual, unusual = made(
            world,
            request(customer, "INV-1", 3000, number=2),
            request(customer, "INV-2", 3001, number=3),
        )
        assert (codes(usual), codes(unusual)) == ([], ["amount_unusual"])

    def test_the_same_amount_within_a_week(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="INV-0", amount="10.00")
        (row,) = made(world, request(customer))
        assert codes(row) == ["similar_charge"]
        world.clock.advance(days=8)
        (row,) = made(world, request(customer, "INV-2"))
        assert codes(row) == []

    def test_references_that_differ_in_writing_only(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        writings = ("INV-1", "inv-1", "INV  1", "INV 1", "INV\u20111", "ＩＮＶ-1", "INV-2")
        rows = made(world, *(request(customer, w, number=at) for at, w in enumerate(writings, 2)))
        assert [codes(row) for row in rows] == [[], *[["reference_alike"]] * 5, []]
        assert "Row 2 charges “INV-1”" in rows[1].findings[0].message
        assert rows[1].state is RowState.PLANNED

    def test_a_reference_like_one_that_was_charged(self, world: World) -> None:
        customer, other = world.customer(), world.customer()
        for one in (customer, other):
            world.save_card(one)
        world.charge(customer, reference="INV-1", amount="7.00")
        alike, others = made(world, request(customer, "inv 1"), request(other, "inv 1", number=3))
        assert (codes(alike), codes(others)) == (["reference_alike"], ["reference_of_another"])
        assert "$7.00 for “INV-1”" in alike.findings[0].message

    def test_a_card_that_expires_soon(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, exp_year=2026)
        (row,) = made(world, request(customer))
        assert codes(row) == ["expires_soon"]


class TestDraft:
    def test_rows_are_left_out_and_taken_back(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        run = world.services.runs.drafts.create(
            RunSource(HEADER, "N"), [request(customer)], by=ALICE
        )
        corrections = world.services.runs.corrections
        corrections.leave_out(run.id, [2], reason="paid by cheque", by=ALICE)
        assert rows_of(world, run.id)[0].state is RowState.CANCELLED
        world.services.runs.drafts.check_again(run.id, by=ALICE)
        assert rows_of(world, run.id)[0].state is RowState.CANCELLED
        corrections.take_back(run.id, [2], reason="bounced", by=ALICE)
        assert rows_of(world, run.id)[0].state is RowState.PLANNED

    def test_checking_again_sees_what_changed(self, world: World) -> None:
        customer = world.customer()
        run = world.services.runs.drafts.create(
            RunSource(HEADER, "N"), [request(customer)], by=ALICE
        )
        assert codes(rows_of(world, run.id)[0]) == ["no_payment_method"]
        world.save_card(customer)
        world.services.runs.drafts.check_again(run.id, by=ALICE)
        assert codes(rows_of(world, run.id)[0]) == []

    def test_needs_rows_a_name_and_the_role(self, world: World) -> None:
        maker = world.services.runs.drafts
        with pytest.raises(InvalidInput, match="no rows"):
            maker.create(RunSource(HEADER, "N"), [], by=ALICE)
        with pytest.raises(InvalidInput, match="name"):
            maker.create(RunSource(HEADER, " "), [request("cus_1")], by=ALICE)
        with pytest.raises(NotPermitted):
            maker.create(RunSource(HEADER, "N"), [request("cus_1")], by=VERA)


class TestStatementSuffix:
    def test_is_measured_against_the_accounts_prefix(self, world: World) -> None:
        world.stripe.configure({"statement_descriptor_prefix": "ACME TOOLS"})
        customer = world.customer()
        world.save_card(customer)
        fits, long = made(
            world,
            request(customer, "A", suffix="MAY 2026"),
            request(customer, "B", number=3, suffix="MAY 2026 CLUB"),
        )
        assert (codes(fits), fits.state) == ([], RowState.PLANNED)
        assert (codes(long), long.state) == (["suffix_too_long"], RowState.BLOCKED)
        assert "“ACME TOOLS* MAY 2026 C”" in long.findings[0].message
        world.stripe.configure({"statement_descriptor_prefix": "ACME"})
        run = world.services.runs.drafts.check_again(long.run_id, by=ALICE)
        assert [codes(row) for row in rows_of(world, run.id)] == [[], []]

    def test_without_the_permission_a_person_looks(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.stripe.faults.add("GET", "/v1/account", kind="missing_permission")
        (row,) = made(world, request(customer, suffix="MAY 2026 CLUB"))
        assert (codes(row), row.state) == (["suffix_too_long"], RowState.PLANNED)
