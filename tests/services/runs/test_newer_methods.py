"""Customers who saved a method after their default: one choice for the file, kept in what is approved."""

from __future__ import annotations

import pytest

from lib.domain.newer_methods import NEWER_METHOD, OLDER_METHOD_CHOSEN
from lib.domain.runs import RunRow, RunState, Severity
from lib.errors import InvalidInput, NotPermitted, StaleState
from lib.practice.declines import DECLINES
from tests import stripe_account
from tests.beginnings import made_once
from tests.charge_runs import approve, counts, rows_of
from tests.world import ALICE, ALWAYS_DECLINES, GOOD, VERA, World

MASTERCARD = "5555555555554444"
HEADER = "customer,amount,currency,reference,payment_method"
REASON = "Acme wrote that the new card is meant"


def payer(world: World, newer: str | None = MASTERCARD, older: str = GOOD) -> tuple[str, str, str]:
    """A customer, the default, and what was saved after it."""
    customer = world.customer()
    default = world.save_card(customer, older)
    stripe_account.make_default(world, customer, default)
    world.clock.advance(minutes=1)
    return customer, default, world.save_card(customer, newer) if newer else ""


def imported(world: World, *lines: str) -> str:
    world.services.users.add_practice_users()
    upload = world.services.runs.files.open("\n".join([HEADER, *lines, ""]).encode(), "may.csv")
    return world.services.runs.files.create_run(upload, name="May", by=ALICE).id


def choose(world: World, run_id: str, *, use: bool) -> int:
    return world.services.runs.newer_methods.choose(run_id, use=use, reason=REASON, by=ALICE)


def found(row: RunRow) -> list[tuple[str, Severity]]:
    return [(one.code, one.severity) for one in row.findings if one.column == "payment_method"]


def digest(world: World, run_id: str) -> str | None:
    digest = world.services.runs.approvals.submit(run_id, by=ALICE).digest
    world.services.runs.approvals.withdraw(run_id, by=ALICE)
    return digest


@pytest.fixture
@made_once
def draft(world: World) -> tuple[str, tuple[str, str, str], tuple[str, str, str]]:
    """A run; the customer of its first row, whose method nobody named, and of the second, where it is."""
    asked, named, alone = payer(world), payer(world), payer(world, newer=None)
    run_id = imported(
        world,
        f"{asked[0]},10.00,usd,A-1,",
        f"{named[0]},11.00,usd,A-2,{named[1]}",
        f"{alone[0]},12.00,usd,A-3,",
    )
    return run_id, asked, named


class TestOneChoice:
    def test_it_is_asked_where_nobody_named_a_method(self, world: World, draft) -> None:
        run_id, asked, named = draft
        first, second, third = rows_of(world, run_id)
        assert first.payment_method == asked[1]
        assert found(first) == [(NEWER_METHOD, Severity.AMBER)]
        assert second.payment_method == named[1]
        assert found(second) == [(OLDER_METHOD_CHOSEN, Severity.AMBER)]
        assert found(third) == []

    def test_the_method_saved_last_is_charged(self, world: World, draft) -> None:
        run_id, asked, named = draft
        assert choose(world, run_id, use=True) == 1
        first, second, _ = rows_of(world, run_id)
        assert (first.payment_method, second.payment_method) == (asked[2], named[1])
        assert NEWER_METHOD not in [one.code for one in first.findings]
        (seen,) = [one for one in first.findings if one.code == "corrected"]
        assert REASON in seen.message
        run = world.services.runs.approvals.submit(run_id, by=ALICE)
        approve(world, run)
        world.services.runs.control.start(run_id, by=ALICE)
        assert world.services.runs.executor.execute(run_id)
        assert world.services.runs.control.find(run_id).state is RunState.FINISHED
        assert counts(world, run_id) == {"succeeded": 3}
        charged = world.services.charges.view(rows_of(world, run_id)[0].charge_id).charge
        assert charged.payment_method == asked[2]

    def test_or_the_default_and_then_it_is_no_question_any_more(self, world: World, draft) -> None:
        run_id, asked, _ = draft
        assert choose(world, run_id, use=False) == 1
        world.services.runs.drafts.check_again(run_id, by=ALICE)
        first = rows_of(world, run_id)[0]
        assert first.payment_method == asked[1]
        assert found(first) == [
            (OLDER_METHOD_CHOSEN, Severity.AMBER),
            ("corrected", Severity.AMBER),
        ]
        with pytest.raises(InvalidInput, match="Nothing would change"):
            choose(world, run_id, use=False)

    def test_an_approval_holds_for_one_choice_only(self, world: World, draft) -> None:
        run_id = draft[0]
        digests = {digest(world, run_id)}
        choose(world, run_id, use=False)
        digests.add(digest(world, run_id))
        world.services.runs.corrections.undo(run_id, [2], reason="Other way round", by=ALICE)
        choose(world, run_id, use=True)
        digests.add(digest(world, run_id))
        assert len(digests) == 3

    def test_only_the_maker_of_a_draft_chooses(self, world: World, draft) -> None:
        run_id = draft[0]
        with pytest.raises(NotPermitted):
            world.services.runs.newer_methods.choose(run_id, use=True, reason="x", by=VERA)
        with pytest.raises(InvalidInput):
            world.services.runs.newer_methods.choose(run_id, use=True, reason=" ", by=ALICE)
        world.services.runs.approvals.submit(run_id, by=ALICE)
        with pytest.raises(StaleState):
            choose(world, run_id, use=True)


def test_a_newer_card_that_must_not_be_charged_again_is_no_choice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DECLINES, "generic_decline", DECLINES["stolen_card"])
    customer, default, newer = payer(world, newer=ALWAYS_DECLINES)
    world.charge(customer, reference="B-1", method=newer)
    (row,) = rows_of(world, imported(world, f"{customer},10.00,usd,B-2,"))
    assert (row.payment_method, found(row)) == (default, [])
    review = world.services.charges.review(world.order(customer, reference="B-3"), by=ALICE)
    assert (review.method.id, review.stopped) == (default, ())
