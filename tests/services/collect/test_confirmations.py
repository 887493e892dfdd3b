"""A bank account that its bank still confirms: neither saved nor failed, wherever one looks."""

from __future__ import annotations

import pytest

from lib.domain.links import LinkStatus
from lib.errors import Blocked
from lib.services.collect.links import CreatedLink, LinkGone
from lib.services.collect.return_page import Setup
from tests.webhook_route import client_of
from tests.world import ALICE, World

LATER = "000123456780"
PAGE = "/setup/return"


def link(world: World, customer: str | None) -> CreatedLink:
    whom = {"customer": customer} if customer else {"guest": True}
    made = world.services.links.create(form_key="f", currency="usd", by=ALICE, **whom)  # type: ignore[arg-type]
    world.fill(made.session_id, LATER)
    return made


def verify(world: World, made: CreatedLink, *, succeed: bool) -> None:
    [row] = world.rows("SELECT setup_intent FROM checkout_sessions WHERE id = ?", made.session_id)
    world.stripe.verify_microdeposits(row["setup_intent"], succeed=succeed)


def link_state(world: World, made: CreatedLink) -> str:
    row = world.services.reports.links.find(made.link.id)
    assert row is not None
    return str(row["state"])


class TestWhileTheBankConfirms:
    @pytest.fixture
    def customer(self, world: World) -> str:
        return world.customer()

    @pytest.fixture
    def made(self, world: World, customer: str) -> CreatedLink:
        return link(world, customer)

    def test_the_customer_reads_that_they_are_done_and_the_bank_is_not(
        self, world: World, made: CreatedLink
    ) -> None:
        client = client_of(world)
        for path, params in (
            (PAGE, {"session_id": made.session_id}),
            (f"/l/{made.link.token}", {}),
        ):
            reply = client.get(path, params=params)
            assert "still confirming" in reply.text
            assert "is saved" not in reply.text

    def test_the_session_and_the_link_are_neither_saved_nor_failed(
        self, world: World, made: CreatedLink
    ) -> None:
        assert world.services.return_page.finish(made.session_id) is Setup.CONFIRMING
        reports = world.services.reports
        assert reports.sessions.counts().by_state["confirming"] == 1
        [row] = reports.sessions.page(state="confirming").frame.to_dict("records")
        assert (row["id"], row["is_confirming"], row["setup_status"]) == (
            made.session_id,
            1,
            "requires_action",
        )
        assert link_state(world, made) == "confirming"
        assert world.services.links.open_durable(made.link.token) == LinkGone(
            LinkStatus.COMPLETED, is_confirming=True
        )

    def test_a_charge_is_refused_with_the_day_and_without_a_second_link(
        self, world: World, customer: str, made: CreatedLink
    ) -> None:
        world.services.return_page.finish(made.session_id)
        with pytest.raises(Blocked, match=r"still confirming .*until \d+ \w+ \d{4}") as refused:
            world.charge(customer, reference="A")
        assert refused.value.code == "method_confirming"
        assert "no second link" in str(refused.value)

    def test_the_day_is_ten_days_after_completion(
        self, world: World, customer: str, made: CreatedLink
    ) -> None:
        world.services.return_page.finish(made.session_id)
        confirmation = world.services.customers.confirmation(customer)
        assert confirmation is not None
        assert confirmation.until == world.now + 10 * 86_400

    def test_another_method_is_charged_all_the_same(
        self, world: World, customer: str, made: CreatedLink
    ) -> None:
        world.services.return_page.finish(made.session_id)
        world.save_card(customer)
        assert world.charge(customer, reference="A").charge.state == "succeeded"

    @pytest.mark.parametrize(("succeed", "state"), [(True, "completed"), (False, "failed")])
    def test_the_bank_answers(
        self, world: World, customer: str, made: CreatedLink, succeed: bool, state: str
    ) -> None:
        world.services.return_page.finish(made.session_id)
        verify(world, made, succeed=succeed)
        after = world.services.return_page.finish(made.session_id)
        assert after is (Setup.SAVED if succeed else None)
        assert link_state(world, made) == state
        assert world.services.customers.confirmation(customer) is None
        assert world.services.reports.sessions.counts().by_state["confirming"] == 0


def test_a_row_of_a_run_is_red_and_says_wait(world: World) -> None:
    customer = world.customer("Acme", "acme@example.com")
    made = link(world, customer)
    world.services.return_page.finish(made.session_id)
    with world.uow.read() as stores:
        facts = stores.preflight.facts(
            customers=[customer], emails=[], methods=[], except_run="", now=world.now
        )
    assert facts.confirming[customer].session_id == made.session_id


def test_the_few_are_found_by_their_index(world: World) -> None:
    [plan] = world.rows(
        """EXPLAIN QUERY PLAN SELECT id FROM setup_intents
           WHERE status IN ('processing', 'requires_action')"""
    )
    assert "setup_intents_confirming" in plan["detail"]
