"""Which method is charged when nobody names one, in runs and singly alike; and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from lib.domain.charges import ChargeState
from lib.domain.runs import Finding, RowRequest, Severity
from lib.errors import Blocked, InvalidInput
from lib.money import Money
from lib.reports.frames import records
from lib.services.continuity.ownership import bind_to_timezone
from lib.services.runs.draft import RunSource
from lib.spreadsheets.reading import read_file
from tests import stripe_account
from tests.charge_runs import executed, rows_of
from tests.world import ALICE, ALWAYS_DECLINES, WANTS_AUTHENTICATION, World

MASTERCARD = "5555555555554444"


def two_methods(world: World, first: str, second: str = MASTERCARD) -> tuple[str, str, str]:
    """A customer whose default is the older of two methods."""
    customer = world.customer()
    older = world.save_card(customer, first)
    world.clock.advance(minutes=1)
    newer = world.save_card(customer, second)
    stripe_account.make_default(world, customer, older)
    return customer, older, newer


def judged(world: World, customer: str, *, amount: int = 1234):
    request = RowRequest(2, (), customer, Money(amount, "usd"), "INV-1")
    run = world.services.runs.drafts.create(RunSource((), "November"), [request], by=ALICE)
    (row,) = rows_of(world, run.id)
    world.services.runs.control.cancel(run.id, by=ALICE)
    return row


def reviewed(world: World, customer: str):
    return world.services.charges.review(world.order(customer), by=ALICE)


def test_the_default_before_the_newest(world: World) -> None:
    customer, older, _ = two_methods(world, "4242424242424242")
    row, review = judged(world, customer), reviewed(world, customer)
    assert (row.payment_method, review.method.id) == (older, older)
    (remark,), (stopped,) = row.findings, review.stopped
    assert (remark.code, remark.severity) == ("newer_method", Severity.AMBER)
    assert (stopped.code, stopped.severity) == ("newer_method", Severity.STOPPED)
    named = world.services.charges.review(world.order(customer, method=older), by=ALICE)
    assert named.stopped == ()
    assert "saved Mastercard ···· 4444 later than Visa ···· 4242" in named.warnings[0]


def test_the_newest_without_a_default_is_named(world: World) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.clock.advance(minutes=1)
    newest = world.save_card(customer, MASTERCARD)
    row, review = judged(world, customer), reviewed(world, customer)
    assert (row.payment_method, review.method.id) == (newest, newest)
    assert row.findings[0].message == review.warnings[0]
    assert "2 saved methods and no default: the newest is charged" in review.warnings[0]


def test_a_default_that_must_not_be_charged_again_gives_way(world: World) -> None:
    customer, older, newer = two_methods(world, WANTS_AUTHENTICATION)
    world.charge(customer, method=older)
    row, review = judged(world, customer), reviewed(world, customer)
    assert (row.payment_method, review.method.id) == (newer, newer)
    assert "The default, Visa ···· 3184, failed for this reference" in review.warnings[0]
    assert [finding.code for finding in row.findings] == ["method_chosen", "another_try"]
    assert "not yet on Mastercard ···· 4444" in row.findings[1].message


def test_a_default_that_failed_and_may_be_tried_again_gives_way_as_well(world: World) -> None:
    customer, older, newer = two_methods(world, ALWAYS_DECLINES)
    world.charge(customer, method=older)
    world.clock.advance(days=7)
    assert judged(world, customer).payment_method == newer
    assert reviewed(world, customer).method.id == newer


def test_when_all_are_refused_the_row_says_so(world: World) -> None:
    customer = world.customer()
    only = world.save_card(customer, WANTS_AUTHENTICATION)
    world.charge(customer, method=only)
    row = judged(world, customer)
    assert (row.payment_method, row.findings[0].code) == (only, "retry_not_allowed")


class TestTryAgain:
    """A draft of what failed in a run."""

    def test_takes_the_new_card_although_the_failed_one_is_the_default(self, world: World) -> None:
        customer = world.customer()
        bad = world.save_card(customer, WANTS_AUTHENTICATION)
        stripe_account.make_default(world, customer, bad)
        run = executed(world, [(customer, bad, 1234, "INV-1")])
        world.clock.advance(minutes=1)
        new = world.save_card(customer)
        again = world.services.runs.retry_runs.create(run.id, by=ALICE)
        (row,) = rows_of(world, again.id)
        assert (row.payment_method, row.state) == (new, "planned")

    def test_keeps_the_method_that_a_row_named_when_it_did_not_fail(self, world: World) -> None:
        customer, older, newer = two_methods(world, "4242424242424242")
        world.lose_reply()
        world.fault("error_500_saved")
        paid = world.charge(customer, amount="12.34", method=older)
        assert paid.charge.state is ChargeState.UNKNOWN
        request = RowRequest(2, (), customer, Money(1234, "usd"), "INV-1", newer)
        other = world.customer()
        good = RowRequest(3, (), other, Money(500, "usd"), "INV-9", world.save_card(other))
        maker, control = world.services.runs.drafts, world.services.runs.control
        run = maker.create(RunSource((), "November"), [request, good], by=ALICE)
        assert rows_of(world, run.id)[0].findings[0].code == "outcome_unknown"
        control.cancel(run.id, by=ALICE)
        again = world.services.runs.retry_runs.create(run.id, by=ALICE)
        assert rows_of(world, again.id)[0].payment_method == newer


class TestExpiry:
    """A card is good until its month ends at the installation, here in December 2026."""

    def payer_with_a_newer_card_that_ends(self, world: World, zone: str, *, at: str) -> str:
        world.clock.now = datetime.fromisoformat(at)
        with world.uow.write() as stores:
            bind_to_timezone(stores.meta, stores.audit, zone, now=world.now)
        world.clock.advance(days=-10)
        customer = world.customer()
        default = world.save_card(customer)
        world.clock.advance(days=1)
        world.save_card(customer, MASTERCARD, exp_year=2026)
        stripe_account.make_default(world, customer, default)
        world.clock.advance(days=9)
        return customer

    @pytest.mark.parametrize(
        ("zone", "at", "is_good"),
        [
            ("UTC", "2026-12-31T23:59:59+00:00", True),
            ("UTC", "2027-01-01T00:00:00+00:00", False),
            ("America/Los_Angeles", "2027-01-01T07:59:59+00:00", True),
            ("America/Los_Angeles", "2027-01-01T08:00:00+00:00", False),
            ("Pacific/Auckland", "2026-12-31T10:59:59+00:00", True),
            ("Pacific/Auckland", "2026-12-31T11:00:00+00:00", False),
        ],
    )
    def test_every_place_means_the_same_day(
        self, world: World, zone: str, at: str, is_good: bool
    ) -> None:
        customer = self.payer_with_a_newer_card_that_ends(world, zone, at=at)
        reports = world.services.reports
        rows = {row["last4"]: row for row in records(reports.payment_methods.page().frame)}
        usual = world.services.charges.reviews.usual_method(customer, reference="INV-1")
        assert rows["4444"]["state"] == ("expiring" if is_good else "expired")
        assert reports.payment_methods.counts().by_state["expired"] == (not is_good)
        assert reports.payment_methods.counts(search="4444").by_state["expired"] == (not is_good)
        assert len(reports.payment_methods.page(state="expired").frame) == (not is_good)
        assert reports.waiting.counts()["expiring"] == is_good
        # With the newer one a person has to say which is meant.
        assert (usual.question is not None) == is_good
        assert ("newer_method" in codes(judged(world, customer).findings)) == is_good
        assert [one.code for one in reviewed(world, customer).stopped] == (
            ["newer_method"] if is_good else []
        )

    def test_a_card_that_is_named_or_the_only_one(self, world: World) -> None:
        """In Auckland it is 2027 already."""
        world.clock.now = datetime(2026, 12, 31, 12, tzinfo=UTC)
        customer = world.customer()
        method = world.save_card(customer, exp_year=2026)
        assert reviewed(world, customer).method.id == method
        assert in_template(world) == [customer]
        with world.uow.write() as stores:
            bind_to_timezone(stores.meta, stores.audit, "Pacific/Auckland", now=world.now)
        assert "no_payment_method" in codes(judged(world, customer).findings)
        for named, code in ((None, "no_payment_method"), (method, "payment_method_not_usable")):
            with pytest.raises(Blocked) as refusal:
                world.services.charges.review(world.order(customer, method=named), by=ALICE)
            assert refusal.value.code == code
        with pytest.raises(InvalidInput, match="no row below it"):
            in_template(world)


def in_template(world: World) -> list[str]:
    """Customers with a method that can be charged; a file without rows cannot be read."""
    sheet = read_file(world.services.runs.files.template(by=ALICE), "template.xlsx")
    return [row.cells[0] for row in sheet.rows]


def codes(findings: Sequence[Finding]) -> list[str]:
    return [finding.code for finding in findings]
