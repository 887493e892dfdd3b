"""The customer's record: everything that happened, in the installation's zone, and nothing of others."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest

from lib.domain.runs import RunState
from lib.errors import InvalidInput, NotFound, NotPermitted
from tests.charge_runs import audited, executed, rows_of
from tests.stripe_account import post
from tests.tries import try_again
from tests.world import ALICE, ALWAYS_DECLINES, BOB, GOOD, VERA, World, new_world

NASTY = "<script>alert(1)</script> & “Söhne”"


@pytest.fixture
def tokyo(tmp_path: Path) -> Iterator[World]:
    with new_world(tmp_path, ONFILE_TIMEZONE="Asia/Tokyo") as world:
        yield world


def record(world: World, customer: str) -> str:
    html = world.services.stories.printed(customer, by=VERA).decode()
    return re.sub(r"\s+", " ", html)


class TestTheRecord:
    def test_says_what_happened_with_this_customer_alone(self, world: World) -> None:
        customer, other = world.customer("Acme Ltd", "pay@acme.example"), world.customer("Other")
        method = world.save_card(customer)
        world.save_card(other)
        paid = world.charge(customer, reference="INV-7", amount="12.00")
        world.charge(other, reference="OTHER-1")
        payment = paid.attempts[0].payment_intent
        post(world, "/v1/refunds", payment_intent=payment, amount="300", reason="duplicate")
        world.services.sync.run()
        world.services.holds.set(customer, reason="In court", by=ALICE)
        world.services.stories.note(customer, "Called:\n pays later", by=ALICE)
        text = record(world, customer)
        for part in (
            "Customer record: Acme Ltd",
            f"Acme Ltd ({customer})",
            "pay@acme.example",
            "Visa ···· 4242 12 / 2030",
            "saved it there to be charged later (usage off_session)",
            method,
            "INV-7",
            "$12.00",
            str(payment),
            "$3.00",
            "Charged twice",
            "made outside Onfile",
            "In court",
            "still on",
            "pays later",
            "23 Nov 2026, 12:00:00 UTC",
            "in UTC",
        ):
            assert part in text, part
        assert "OTHER-1" not in text
        assert re.search(r"cs_test_\w+", text), "the page on which the card was saved"

    def test_has_the_agreement_as_the_customer_read_it(self, world: World) -> None:
        customer = world.customer()
        made = world.services.links.create(form_key="f", customer=customer, locale="de", by=ALICE)
        world.clock.advance(hours=1)
        method = world.finish(str(made.session_id))
        world.services.sync.run()
        agreed = world.services.agreements.of_method(method)
        assert agreed is not None
        text = record(world, customer)
        (row,) = re.findall(r"<tr>(?:(?!</tr>).)*Mit dem Speichern.*?</tr>", text)
        for part in (
            escape(agreed.text),
            "default-1 · German",
            "23 Nov 2026, 13:00:00 UTC",
            agreed.session_id,
        ):
            assert part in row, part

    def test_tells_every_try_with_its_reason_and_no_code_of_the_bank(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer, ALWAYS_DECLINES)
        run = executed(world, [(customer, method, 1_000, "R-1")])
        [row] = rows_of(world, run.id)
        world.clock.advance(days=3)
        good = world.save_card(customer, GOOD)
        try_again(world.services.charges, row.charge_id, by=ALICE, payment_method=good)
        text = record(world, customer)
        assert text.count('<td>R-1</td><td class="sum">') == 1
        assert "declined. The bank refused and gives no reason." in text
        assert ">paid<" in text
        assert "generic_decline" not in text

    def test_is_inert_and_loads_nothing(self, world: World) -> None:
        customer = world.customer(NASTY)
        world.services.stories.note(customer, NASTY, by=BOB)
        text = record(world, customer)
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert not re.search(r"src=|href=|@import|url\(", text)

    @pytest.mark.server
    def test_times_are_of_the_installations_zone_which_is_named(self, tokyo: World) -> None:
        customer = tokyo.customer()
        tokyo.save_card(customer)
        tokyo.clock.advance(hours=5)
        tokyo.charge(customer)
        text = record(tokyo, customer)
        assert "24 Nov 2026, 02:00:00 JST" in text
        assert "in Asia/Tokyo" in text
        assert "UTC" not in text

    def test_printing_is_audited_and_names_the_end_of_the_log(self, world: World) -> None:
        customer = world.customer()
        head = str(world.services.audit.head())
        assert head in record(world, customer)
        assert audited(world)[-1] == "customer.print"

    def test_of_nobody(self, world: World) -> None:
        with pytest.raises(NotFound):
            world.services.stories.printed("cus_nobody", by=VERA)


class TestNotes:
    def test_are_written_by_staff_and_stay(self, world: World) -> None:
        customer = world.customer()
        stories = world.services.stories
        stories.note(customer, "  First\nline two ", by=ALICE)
        world.clock.advance(minutes=1)
        stories.note(customer, "Second", by=BOB)
        notes = stories.notes(customer, limit=10)
        assert [(one.text, one.written_by) for one in notes] == [
            ("Second", "bob"),
            ("First\nline two", "alice"),
        ]
        for change in ("UPDATE customer_notes SET text = 'x'", "DELETE FROM customer_notes"):
            with pytest.raises(sqlite3.IntegrityError):
                world.change(change)
        assert "customer.note" in audited(world)

    @pytest.mark.parametrize("text", ["", " \n ", "x" * 2_001, "a\x07b"])
    def test_that_say_nothing_are_refused(self, world: World, text: str) -> None:
        with pytest.raises(InvalidInput):
            world.services.stories.note(world.customer(), text, by=ALICE)

    def test_by_a_viewer_or_of_nobody(self, world: World) -> None:
        with pytest.raises(NotPermitted):
            world.services.stories.note(world.customer(), "x", by=VERA)
        with pytest.raises(NotFound):
            world.services.stories.note("cus_nobody", "x", by=ALICE)


class TestAllThatIsOpen:
    def test_becomes_a_draft_that_is_judged_like_any_other(self, world: World) -> None:
        customer, other = world.customer("Acme Ltd"), world.customer()
        for each in (customer, other):
            world.save_card(each, ALWAYS_DECLINES)
            world.charge(each, reference="R-1", amount="10.00")
        world.charge(customer, reference="R-2", amount="20.00")
        world.clock.advance(days=200)
        good = world.save_card(customer)
        world.charge(customer, reference="R-2", amount="20.00")
        [open_] = world.services.stories.open_sums(customer)
        assert (open_.count, open_.amount, open_.currency) == (1, 1_000, "usd")
        run = world.services.runs.retry_runs.create_from_customer(customer, by=ALICE)
        assert (run.state, run.name) == (RunState.DRAFT, "Open: Acme Ltd")
        [row] = rows_of(world, run.id)
        assert (row.reference, row.customer, row.payment_method) == ("R-1", customer, good)
        assert len(world.moved()) == 1

    def test_of_a_customer_on_hold_is_blocked(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        world.charge(customer)
        world.save_card(customer)
        world.services.holds.set(customer, reason="In court", by=ALICE)
        run = world.services.runs.retry_runs.create_from_customer(customer, by=ALICE)
        [row] = rows_of(world, run.id)
        assert row.state.value == "blocked"
        assert "do_not_charge" in [finding.code for finding in row.findings]

    def test_nothing_is_no_run(self, world: World) -> None:
        with pytest.raises(InvalidInput):
            world.services.runs.retry_runs.create_from_customer(world.customer(), by=ALICE)
        with pytest.raises(NotPermitted):
            world.services.runs.retry_runs.create_from_customer(world.customer(), by=VERA)
