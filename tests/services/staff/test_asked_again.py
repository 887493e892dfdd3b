"""Before money somebody is asked for the password or a code again, and an open page is refused."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lib import services as rooms
from lib.domain.actors import Actor
from lib.domain.charges import Outcome
from lib.domain.incidents import Resolution
from lib.domain.refunds import RefundState
from lib.errors import NotSignedIn, OnfileError
from lib.money import parse_amount
from lib.services.staff.second_factors import Enrolment
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.services.staff.test_second_factors import enrol
from tests.world import ADA, ALICE, BOB, World

Act = Callable[[Any, Actor], object]
TEN = parse_amount("10.00", "usd")

# Every act before money or for good, as the module and the method of lib/services that refuse an open page.
ASKED: dict[str, tuple[Actor, Act]] = {
    "runs/control._go_on": (ALICE, lambda s, by: s.runs.control.start("run_x", by=by)),
    "refunds/request.request": (
        ALICE,
        lambda s, by: s.refunds.request("chg_x", money=TEN, reason="", note="n", by=by),
    ),
    "refunds/settle_by_hand.propose": (
        ALICE,
        lambda s, by: s.refunds_by_hand.propose(
            "ref_x", RefundState.NOT_EXECUTED, reason="r", by=by
        ),
    ),
    "charges/manual_outcomes.propose": (
        ALICE,
        lambda s, by: s.manual_outcomes.propose("chg_x", Outcome.NOT_EXECUTED, reason="r", by=by),
    ),
    "charges/cancel_open.cancel": (
        ALICE,
        lambda s, by: s.open_payments.cancel("chg_x", reason="r", by=by),
    ),
    "incidents/payments.adopt": (
        ALICE,
        lambda s, by: s.incidents.payments.adopt("inc_x", reason="r", by=by),
    ),
    "incidents/payments.refund": (
        ALICE,
        lambda s, by: s.incidents.payments.refund("inc_x", note="n", by=by),
    ),
    "incidents/payments.cancel": (
        ALICE,
        lambda s, by: s.incidents.payments.cancel("inc_x", reason="r", by=by),
    ),
    "incidents/proposals.propose": (
        ALICE,
        lambda s, by: s.incidents.proposals.propose(
            "inc_x", Resolution.ACCEPTED, reason="r", by=by
        ),
    ),
    "continuity/completeness.confirm_decisions": (
        BOB,
        lambda s, by: s.completeness.confirm_decisions(by=by),
    ),
    "continuity/installations.disown": (ALICE, lambda s, by: s.installations.disown(by=by)),
    "continuity/rebuild.request": (
        ALICE,
        lambda s, by: s.rebuilds.request(by=by, installation="ins_x"),
    ),
    # No money moves by these, but nothing brings back what they take away.
    "protection/persons.erase": (ADA, lambda s, by: s.persons.erase("cus_x", reason="r", by=by)),
    "protection/retention.set": (ADA, lambda s, by: s.retention.set("notes", "x", by=by)),
    "protection/retention.apply": (ADA, lambda s, by: s.retention.apply(by=by)),
    "staff/limits.set": (
        ADA,
        lambda s, by: s.limits.set("xxx", per_charge="", per_run="", per_day="", by=by),
    ),
    "staff/limits.confirm_defaults": (ADA, lambda s, by: s.limits.confirm_defaults(by=by)),
}
# These are given what was typed, and ask by themselves.
GIVEN: dict[str, Callable[[Any, str], object]] = {
    "runs/approve._decide": lambda s, typed: s.runs.approvals.approve(
        "run_x", digest="", by=BOB, password=typed
    ),
    "refunds/request.approve": lambda s, typed: s.refunds.approve("ref_x", by=BOB, password=typed),
    "refunds/request.reject": lambda s, typed: s.refunds.reject(
        "ref_x", by=BOB, password=typed, note="n"
    ),
    "refunds/settle_by_hand.approve": lambda s, typed: s.refunds_by_hand.approve(
        "x", by=BOB, password=typed
    ),
    "refunds/settle_by_hand.reject": lambda s, typed: s.refunds_by_hand.reject(
        "x", by=BOB, password=typed, note="n"
    ),
    "charges/manual_outcomes.approve": lambda s, typed: s.manual_outcomes.approve(
        "x", by=BOB, password=typed
    ),
    "charges/manual_outcomes.reject": lambda s, typed: s.manual_outcomes.reject(
        "x", by=BOB, password=typed, note="n"
    ),
    "incidents/proposals.approve": lambda s, typed: s.incidents.proposals.approve(
        "x", by=BOB, password=typed
    ),
    "incidents/proposals.reject": lambda s, typed: s.incidents.proposals.reject(
        "x", by=BOB, password=typed, note="n"
    ),
    "staff/second_factors.turn_on": lambda s, typed: s.second_factors.turn_on(
        Enrolment("JBSWY3DPEHPK3PXP" * 2, ""), "000000", typed, by=BOB
    ),
    "staff/admin_proposals.agree": lambda s, typed: s.admin_proposals.agree(
        "x", by=ADA, password=typed
    ),
    "staff/admin_proposals.reject": lambda s, typed: s.admin_proposals.reject(
        "x", by=ADA, password=typed
    ),
}


def calls(method: str) -> Iterator[str]:
    """The functions of lib/services that call it, as "room/module.function"."""
    root = Path(rooms.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(function, ast.FunctionDef) and any(
                isinstance(node, ast.Attribute) and node.attr == method
                for node in ast.walk(function)
            ):
                yield f"{path.relative_to(root).with_suffix('')}.{function.name}"


def test_the_lists_are_whole() -> None:
    # `why_not` asks once more what whoever decides was asked already.
    assert set(calls("must_be_asked")) == {*ASKED, "staff/dual_approval.why_not"}
    assert set(calls("asked_again")) == set(GIVEN)


def refusal(do: Callable[[], object]) -> OnfileError | None:
    try:
        do()
    except OnfileError as error:
        return error
    return None


@pytest.fixture
def people(world: World) -> World:
    world.services.users.add_practice_users()
    return world


@pytest.mark.parametrize("act", ASKED)
def test_an_open_page_is_refused(people: World, act: str) -> None:
    who, do = ASKED[act]
    sitting = dataclasses.replace(who, is_open_page=True)
    entries = len(people.rows("SELECT 1 FROM audit_log"))
    with pytest.raises(NotSignedIn, match="Enter your password, or the code"):
        do(people.services, sitting)
    assert len(people.rows("SELECT 1 FROM audit_log")) == entries
    asked = people.services.users.asked_again(sitting, PRACTICE_PASSWORD)
    assert not isinstance(refusal(lambda: do(people.services, asked)), NotSignedIn)


@pytest.mark.parametrize("act", GIVEN)
def test_what_was_typed_is_looked_at_first(people: World, act: str) -> None:
    for typed in ("", "a guess of mine", "123456"):
        with pytest.raises(NotSignedIn):
            GIVEN[act](people.services, typed)
    with pytest.raises(OnfileError) as error:
        GIVEN[act](people.services, PRACTICE_PASSWORD)
    assert not isinstance(error.value, NotSignedIn)


def test_a_code_of_the_app_counts_once_as_well_as_the_password(people: World) -> None:
    phone = enrol(people, BOB)
    users = people.services.users
    with pytest.raises(NotSignedIn, match="used already"):
        users.asked_again(BOB, phone.code())
    code = phone.wait()
    assert not users.asked_again(dataclasses.replace(BOB, is_open_page=True), code).is_open_page
    with pytest.raises(NotSignedIn, match="used already"):
        users.asked_again(BOB, code)
    assert users.asked_again(BOB, PRACTICE_PASSWORD).username == "bob"
    with pytest.raises(NotSignedIn, match="no code of yours"):
        users.asked_again(ALICE, "123456")
    refused = people.rows("SELECT * FROM audit_log WHERE action = 'user.confirm_refused'")
    assert [row["subject"] for row in refused] == ["user:bob", "user:bob", "user:alice"]


def test_codes_at_an_open_page_are_guessed_five_times(people: World) -> None:
    phone = enrol(people, BOB)
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            people.services.users.asked_again(BOB, "000000")
    with pytest.raises(NotSignedIn, match="Too many wrong"):
        people.services.users.asked_again(BOB, phone.wait())
