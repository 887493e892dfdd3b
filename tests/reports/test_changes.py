"""What open pages ask: another answer after each change that they show, by index, and none without."""

from __future__ import annotations

import pytest

from lib.reports import changes
from tests.charge_runs import approve, invoices, payers, submitted
from tests.world import ALICE, ALWAYS_DECLINES, World


@pytest.fixture
def asked(world: World):
    return world.services.reports.changes


def test_a_link_until_the_customer_has_used_it(world: World, asked) -> None:
    link = world.services.links.create(form_key="f", by=ALICE, guest=True).link
    other = world.services.links.create(form_key="g", by=ALICE, guest=True).link
    answers = [asked.link(link.id)]
    world.services.links.expire(other.id, by=ALICE)
    answers.append(asked.link(link.id))
    url = world.services.links.open_durable(link.token)
    world.finish(str(url).rsplit("/", 1)[-1])
    answers.append(asked.link(link.id))
    assert [answers.index(answer) for answer in answers] == [0, 0, 2]


def test_a_link_that_ends_with_time(world: World, asked) -> None:
    link = world.services.links.create(form_key="f", by=ALICE, guest=True).link
    before = asked.link(link.id)
    world.clock.advance(days=400)
    assert asked.link(link.id) != before


def test_a_charge_and_what_its_customer_saves(world: World, asked) -> None:
    customer = world.customer()
    bad = world.save_card(customer, ALWAYS_DECLINES)
    charge = world.charge(customer, method=bad).charge.id
    answers = [asked.charge(charge)]
    world.save_card(world.customer("Somebody Else"))
    answers.append(asked.charge(charge))
    good = world.save_card(customer)
    answers.append(asked.charge(charge))
    world.charge(customer, method=good)
    answers.append(asked.charge(charge))
    assert [answers.index(answer) for answer in answers] == [0, 0, 2, 3]


def test_a_run_from_submitted_to_running(world: World, asked) -> None:
    run = submitted(world, invoices(payers(world, 2)))
    answers = [asked.run(run.id)]
    approve(world, run)
    answers.append(asked.run(run.id))
    world.services.runs.control.start(run.id, by=ALICE)
    answers.append(asked.run(run.id))
    assert len(set(answers)) == 3


def test_the_counters_of_waiting_work_are_shared_for_a_moment(world: World, asked) -> None:
    before = asked.waiting()
    world.save_card(None)
    assert asked.waiting() == before
    world.clock.advance(seconds=2)
    assert dict(asked.waiting())["unattached"] == 1
    world.clock.advance(hours=-1)
    world.save_card(None)
    assert dict(asked.waiting())["unattached"] == 2, "a clock that was put back stops nothing"


def test_nothing_there_has_an_answer_too(asked) -> None:
    assert asked.link("no") == asked.charge("no") == asked.run("no") == ()


@pytest.mark.parametrize("name", ["_LINK", "_CHARGE", "_RUN"])
def test_each_question_is_answered_by_index(world: World, name: str) -> None:
    sql = getattr(changes, name)
    with world.uow.pool.reading() as database:
        plan = list(database.execute(f"EXPLAIN QUERY PLAN {sql}", {"id": "x", "now": 0}))
    assert not [step[3] for step in plan if step[3].startswith("SCAN")]
