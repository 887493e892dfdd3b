"""After a run: messages to customers, and a draft of what did not work."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lib.domain.declines import SECRET_CODES
from lib.errors import InvalidInput, NotPermitted, StaleState
from lib.services.runs.retry_run import LinkCounts
from tests.beginnings import made_once
from tests.charge_runs import approved, executed, rows_of
from tests.world import (
    ALICE,
    ALWAYS_DECLINES,
    BLOCKED_BY_STRIPE,
    NO_MONEY,
    VERA,
    WANTS_AUTHENTICATION,
    World,
    new_world,
)

# Half an hour past midnight of the next month, in Tokyo.
AT = int(datetime(2026, 11, 30, 15, 30, tzinfo=UTC).timestamp())


def row(world: World, reference: str, number: str = "4242424242424242", amount: int = 1000):
    customer = world.customer(f"Payer {reference}", f"{reference.lower()}@example.com")
    return (customer, world.save_card(customer, number), amount, reference)


class TestAgain:
    def test_failures_come_with_their_numbers_and_the_new_card(self, world: World) -> None:
        bad = row(world, "INV-2", ALWAYS_DECLINES)
        run = executed(world, [row(world, "INV-1"), bad])
        world.clock.advance(minutes=1)
        new = world.save_card(bad[0])
        again = world.services.runs.retry_runs.create(run.id, by=ALICE)
        assert again.follows == run.id
        (only,) = rows_of(world, again.id)
        assert (only.number, only.payment_method, only.state) == (3, new, "planned")

    def test_what_must_not_be_tried_again_is_listed_as_blocked(self, world: World) -> None:
        run = executed(world, [row(world, "INV-1", WANTS_AUTHENTICATION)])
        again = world.services.runs.retry_runs.create(run.id, by=ALICE)
        (only,) = rows_of(world, again.id)
        assert (only.state, only.findings[0].code) == ("blocked", "retry_not_allowed")

    def test_nothing_failed(self, world: World) -> None:
        run = executed(world, [row(world, "INV-1")])
        with pytest.raises(InvalidInput, match="Every row"):
            world.services.runs.retry_runs.create(run.id, by=ALICE)

    def test_a_run_that_is_not_over(self, world: World) -> None:
        run = approved(world, [row(world, "INV-1")])
        with pytest.raises(StaleState):
            world.services.runs.retry_runs.create(run.id, by=ALICE)


class TestOpenReferences:
    def test_every_failure_that_was_not_made_good(self, world: World) -> None:
        bad = row(world, "INV-1", ALWAYS_DECLINES)
        good = row(world, "INV-2", ALWAYS_DECLINES)
        world.charge(bad[0], reference="INV-1", amount="10.00")
        world.charge(good[0], reference="INV-2", amount="12.00")
        world.charge(good[0], reference="INV-2", amount="11.00", method=world.save_card(good[0]))
        run = world.services.runs.retry_runs.create_from_open(by=ALICE)
        (only,) = rows_of(world, run.id)
        assert (only.reference, only.amount, only.cells[1]) == ("INV-1", 1000, "10.00")

    def test_what_stripe_never_executed_is_open_too(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.fault("missing_permission")
        assert world.charge(customer, amount="10.00").charge.state == "planned"
        run = world.services.runs.retry_runs.create_from_open(by=ALICE)
        (only,) = rows_of(world, run.id)
        assert (only.reference, only.state) == ("INV-1", "planned")

    def test_none(self, world: World) -> None:
        with pytest.raises(InvalidInput, match="No reference"):
            world.services.runs.retry_runs.create_from_open(by=ALICE)


def test_messages_are_for_customers_who_can_do_something(world: World) -> None:
    run = executed(world, [row(world, "INV-1"), row(world, "INV-2", ALWAYS_DECLINES)])
    header, lines = world.services.runs.views.messages(run.id)
    (message,) = [dict(zip(header, line, strict=True)) for line in lines]
    assert (message["email"], message["reference"]) == ("inv-2@example.com", "INV-2")
    assert message["link"].startswith("http")
    assert message["link"] in message["message"]


class TestResults:
    """The code of the results file says more than that the card was declined."""

    def codes(self, world: World, run) -> list[str]:
        header, lines = world.services.runs.views.results(run.id, by=ALICE)
        return [line[header.index("onfile_failure_code")] for line in lines]

    def test_the_banks_own_code_where_there_is_one(self, world: World) -> None:
        run = executed(
            world,
            [
                row(world, "INV-1", NO_MONEY),
                row(world, "INV-2", WANTS_AUTHENTICATION),
                row(world, "INV-3"),
            ],
        )
        assert self.codes(world, run) == ["insufficient_funds", "authentication_required", ""]
        world.change("UPDATE attempts SET code = 'x', decline_code = NULL")
        assert self.codes(world, run)[0] == "x"

    @pytest.mark.parametrize("code", sorted(SECRET_CODES))
    def test_secret_ones_look_generic(self, world: World, code: str) -> None:
        run = executed(world, [row(world, "INV-1", NO_MONEY)])
        world.change("UPDATE attempts SET decline_code = :code", code=code)
        assert self.codes(world, run) == ["generic_decline"]

    @pytest.mark.server
    @pytest.mark.parametrize(
        ("zone", "charged_at"),
        [("UTC", "2026-11-30T15:30:00+00:00"), ("Asia/Tokyo", "2026-12-01T00:30:00+09:00")],
    )
    def test_times_are_the_installations_with_their_offset(
        self, tmp_path: Path, zone: str, charged_at: str
    ) -> None:
        with new_world(tmp_path, ONFILE_TIMEZONE=zone) as world:
            run = executed(world, [row(world, "INV-1")])
            world.change("UPDATE attempts SET outcome_at = :at", at=AT)
            header, lines = world.services.runs.views.results(run.id, by=ALICE)
            assert [line[header.index("onfile_charged_at")] for line in lines] == [charged_at]


class TestOneMessageACustomer:
    @pytest.fixture
    @made_once
    def run(self, world: World):
        """Of one customer two the bank refused, one Stripe blocked, one paid; and another customer."""
        bad = row(world, "INV-1", ALWAYS_DECLINES)
        blocked = world.save_card(bad[0], BLOCKED_BY_STRIPE)
        good = world.save_card(bad[0])
        return executed(
            world,
            [
                bad,
                row(world, "INV-2", ALWAYS_DECLINES),
                (bad[0], bad[1], 2_050, "INV-3"),
                (bad[0], blocked, 300, "INV-4"),
                (bad[0], good, 400, "INV-5"),
            ],
        )

    def told(self, world: World, run, numbers=None) -> list[dict[str, str]]:
        header, lines = world.services.runs.views.messages(run.id, numbers=numbers)
        return [dict(zip(header, line, strict=True)) for line in lines]

    def link_of(self, world: World, run, number: int) -> str | None:
        charge = rows_of(world, run.id)[number - 2].charge_id
        return world.services.charges.view(charge).recovery_url

    def test_lists_what_is_open_with_one_link(self, world: World, run) -> None:
        first, second = self.told(world, run)
        assert (first["email"], second["email"]) == ("inv-1@example.com", "inv-2@example.com")
        assert first["reference"] == "INV-1, INV-3, INV-4"
        assert (first["amount"], first["currency"]) == ("33.50", "usd")
        assert first["link"] == self.link_of(world, run, 4)
        assert first["message"].split("\n") == [
            "Hello Payer INV-1,",
            "",
            "Your bank declined to pay what is listed below. Please contact your bank, or use another card on this page.",
            "- INV-1: $10.00",
            "- INV-3: $20.50",
            "",
            "What is listed below could not be paid. Please contact us.",
            "- INV-4: $3.00",
            "",
            first["link"],
            "",
            "The page is run by Stripe. The link works until December 22, 2026.",
            "",
            "Kind regards",
        ]
        assert (first["subject"], first["language"]) == (
            "Your payment to our company needs your attention",
            "en",
        )

    def test_in_the_customers_language(self, world: World, run) -> None:
        world.change("UPDATE customers SET preferred_locales = 'pl,de-AT'")
        first, _ = self.told(world, run)
        assert first["subject"] == "Ihre Zahlung an unser Unternehmen: bitte sehen Sie nach"
        assert "- INV-3: $ 20,50" in first["message"].replace("\N{NO-BREAK SPACE}", " ")
        assert "Der Link gilt bis 22. Dezember 2026." in first["message"]

    def test_only_about_the_chosen_rows_and_by_their_link(self, world: World, run) -> None:
        (only,) = self.told(world, run, numbers={2, 5, 6})
        assert only["reference"] == "INV-1, INV-4"
        assert only["link"] == self.link_of(world, run, 2)

    def test_the_newest_link(self, world: World, run) -> None:
        world.clock.advance(days=31)
        world.services.runs.retry_runs.create_links(run.id, by=ALICE, numbers={2})
        (first,) = self.told(world, run)
        assert first["link"] == self.link_of(world, run, 2)
        assert "INV-3" in first["message"], "its own link has ended, and this one serves"

    def test_without_a_link_only_what_needs_none(self, world: World, run) -> None:
        world.clock.advance(days=31)
        (only,) = self.told(world, run)
        assert (only["reference"], only["link"]) == ("INV-4", "")

    def test_several_currencies(self, world: World, run) -> None:
        views = [world.services.charges.view(one.charge_id) for one in rows_of(world, run.id)[:3:2]]
        other = replace(views[1], charge=replace(views[1].charge, currency="jpy"))
        with world.uow.read() as stores:
            composed = world.services.messages.composer.about_charges(stores, [views[0], other])
        assert composed is not None
        assert composed.references == "INV-1, INV-3"
        assert composed.sums == ("10.00, 2050", "usd, jpy")
        assert "- INV-3: ¥2,050" in composed.message.text

    def test_of_one_charge_it_says_the_same(self, world: World, run) -> None:
        """Single and bulk have the same words."""
        (only,) = self.told(world, run, numbers={2})
        single = world.services.messages.composer.about_charge(rows_of(world, run.id)[0].charge_id)
        assert single is not None
        assert single.message.text == only["message"]

    def test_the_company_signs(self, world: World, run) -> None:
        world.settings = replace(world.settings, company="Acme Ltd", contact="help@acme.example")
        world.rebuild()
        (first, *_) = self.told(world, run)
        assert first["message"].endswith("\n\nKind regards\nAcme Ltd\nhelp@acme.example")

    @pytest.mark.parametrize("code", sorted(SECRET_CODES))
    def test_secrets_of_the_bank_are_in_no_message(self, world: World, run, code) -> None:
        world.change("UPDATE attempts SET decline_code = :code", code=code)
        (first, *_) = self.told(world, run)
        words = " ".join(first.values()).lower()
        assert not any(word in words for word in ("lost", "stolen", "fraud", "blacklist", code))


class TestSome:
    """Only the rows that were chosen."""

    def test_tried_again(self, world: World) -> None:
        run = executed(world, [row(world, f"INV-{at}", ALWAYS_DECLINES) for at in range(3)])
        again = world.services.runs.retry_runs.create(run.id, by=ALICE, numbers={3})
        assert [one.reference for one in rows_of(world, again.id)] == ["INV-1"]
        with pytest.raises(InvalidInput):
            world.services.runs.retry_runs.create(run.id, by=ALICE, numbers={77})

    def test_messages(self, world: World) -> None:
        run = executed(world, [row(world, f"INV-{at}", ALWAYS_DECLINES) for at in range(3)])
        text = world.services.runs.files.messages(run.id, numbers={4}, by=ALICE).decode("utf-8-sig")
        assert "INV-2" in text
        assert "INV-1" not in text


class TestLinks:
    def test_made_for_those_who_have_none(self, world: World) -> None:
        rows = [row(world, f"INV-{at}", ALWAYS_DECLINES) for at in range(3)]
        run = executed(world, [*rows, row(world, "INV-9")])
        follower = world.services.runs.retry_runs
        assert follower.create_links(run.id, by=ALICE) == LinkCounts(0, 3, 0)
        world.clock.advance(days=31)
        assert follower.create_links(run.id, by=ALICE, numbers={2}) == LinkCounts(1, 0, 0)
        assert follower.create_links(run.id, by=ALICE) == LinkCounts(2, 1, 0)
        _, lines = world.services.runs.views.messages(run.id)
        assert len(list(lines)) == 3

    def test_no_new_card_mends_a_block_by_stripe(self, world: World) -> None:
        run = executed(world, [row(world, "INV-1", BLOCKED_BY_STRIPE)])
        assert world.services.runs.retry_runs.create_links(run.id, by=ALICE) == LinkCounts(0, 0, 1)

    def test_viewers_may_not(self, world: World) -> None:
        run = executed(world, [row(world, "INV-1", ALWAYS_DECLINES)])
        with pytest.raises(NotPermitted):
            world.services.runs.retry_runs.create_links(run.id, by=VERA)
