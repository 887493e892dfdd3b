"""Ids of the account's own making are read like any other; one odd object keeps no other waiting."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from lib.domain.incidents import UNREADABLE as KIND
from lib.domain.twins import HAS_TWIN
from lib.errors import InvalidInput
from tests import stripe_account
from tests.commands import Run, commands_of
from tests.mirror_checks import count, ids, paid_elsewhere, session_elsewhere
from tests.webhook_route import deliver
from tests.world import ALICE, World

OWN_IDS = ["4711?x=1", "a/b#c", "Müller & Söhne", "50%25", "k 17", "anna@firma.example", "..."]


def own_customer(world: World, id_: str) -> None:
    world.stripe.adopt_customer(id_, {"name": f"Kunde {id_}", "email": "k@firma.example"})


def incidents(world: World) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(world.settings.database)) as database:
        return set(database.execute("SELECT kind, subject FROM incidents"))


def mirrored(world: World, table: str) -> set[str]:
    with closing(sqlite3.connect(world.settings.database)) as database:
        return {row[0] for row in database.execute(f"SELECT id FROM {table}")}


class TestOwnIds:
    def test_everything_is_read_and_charged_like_any_other(self, world: World) -> None:
        for id_ in OWN_IDS:
            own_customer(world, id_)
        result = world.services.sync.run(full=True)
        assert set(OWN_IDS) <= mirrored(world, "customers")
        assert (result.problems, result.unreadable, incidents(world)) == ([], [], set())
        for place, id_ in enumerate(OWN_IDS):
            assert world.services.customers.refresh(id_).name == f"Kunde {id_}"
            world.save_card(id_)
            # They share an address, so one reference for all would be stopped.
            order = replace(
                world.order(id_, reference=f"R-{place}"), despite={HAS_TWIN: "By the id."}
            )
            charged = world.services.charges.charge(order, by=ALICE)
            assert charged.charge.customer == id_
        world.clock.advance(days=1)
        world.services.sync.run()
        verified = world.services.sync.verify_now(by=ALICE, full=True)
        assert [one.findings for one in verified if one.findings] == []
        assert [one.error for one in verified if one.error] == []

    def test_a_delivery_about_one_is_processed_at_once(self, world: World) -> None:
        for id_ in OWN_IDS:
            own_customer(world, id_)
        for event in stripe_account.events(world, "customer.created"):
            assert deliver(world, event) == 204
        while world.services.webhooks.process_due():
            pass
        assert set(OWN_IDS) <= mirrored(world, "customers")
        with closing(sqlite3.connect(world.settings.database)) as database:
            states = database.execute("SELECT DISTINCT state, note FROM webhook_deliveries")
            assert states.fetchall() == [("processed", None)]

    @pytest.mark.parametrize("id_", [".", ".."])
    def test_what_no_path_can_hold_is_told_and_left_out(self, world: World, id_: str) -> None:
        own_customer(world, id_)
        other = world.customer()
        card = world.save_card(other)
        result = world.services.sync.run_now(by=ALICE, full=True)
        assert incidents(world) == {(KIND, id_)}
        assert len(result.unreadable) == 1
        assert card in mirrored(world, "payment_methods")
        with pytest.raises(InvalidInput):
            world.services.customers.refresh(id_)


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


ODD: list[tuple[str, str, dict[str, Any]]] = [
    ("customer", "customers", {"name": {"first": "Anna"}}),
    ("customer", "customers", {"email": 17}),
    ("customer", "customers", {"name": "Anna \ud83d"}),
    ("payment_intent", "payment_intents", {"description": "\udc00"}),
    ("payment_method", "payment_methods", {"billing_details": {"name": "\ud800"}}),
    ("payment_intent", "payment_intents", {"amount": "12.00"}),
    ("payment_intent", "payment_intents", {"status": None}),
    ("payment_intent", "payment_intents", {"amount": 1 << 62}),
    ("charge", "stripe_charges", {"currency": None}),
    ("refund", "stripe_refunds", {"amount": 1.5}),
    ("dispute", "disputes", {"evidence_details": {"due_by": "soon"}}),
    ("setup_intent", "setup_intents", {"usage": ["off_session"]}),
    ("checkout.session", "checkout_sessions", {"status": 3}),
    ("payment_method", "payment_methods", {"billing_details": {"name": 5}}),
]


class TestOddObjects:
    @pytest.mark.parametrize(("kind", "table", "change"), ODD)
    def test_the_rest_is_read(
        self, world: World, run: Run, kind: str, table: str, change: dict[str, Any]
    ) -> None:
        customer = world.customer()
        card = world.save_card(customer)
        intent = paid_elsewhere(world, customer, card)
        stripe_account.post(world, "/v1/refunds", payment_intent=intent, amount="500")
        paid_elsewhere(world, customer, world.save_card(customer, "4000000000000259"))
        id_ = _one_of(world, kind)
        before = mirrored_after_a_full_read(world)
        world.stripe.alter(id_, change)
        with closing(sqlite3.connect(world.settings.database)) as database, database:
            database.execute("DELETE FROM sync_cursors")
            for name in before:
                database.execute(f"DELETE FROM {name}")
        output = run("sync", "--full", "--as", "ada", "--json")
        assert output.status == 0, output.err
        assert [id_ in sentence for sentence in output.json["unreadable"]] == [True]
        assert incidents(world) == {(KIND, id_)}
        after = {name: mirrored(world, name) for name in before}
        assert {n: before[n] - after[n] for n in before if before[n] - after[n]} == {table: {id_}}

    @pytest.mark.parametrize("id_", [None, "", 17])
    def test_one_without_an_id_keeps_no_other_waiting(
        self, world: World, run: Run, id_: object
    ) -> None:
        # The last of its page, from which the next one would go on.
        nameless = world.customer()
        ids = [world.customer(), world.customer()]
        with closing(sqlite3.connect(world.settings.practice_database)) as database, database:
            database.execute(
                "UPDATE objects SET payload = json_set(payload, '$.id', json(?)) WHERE id = ?",
                (json.dumps(id_), nameless),
            )
        told = run("sync", "--full", "--as", "ada", "--json")
        again = run("sync", "--full", "--as", "ada", "--json")
        in_words = run("sync", "--full", "--as", "ada")
        assert (told.status, again.status) == (0, 0), told.err + again.err
        assert [one.split(" (")[0] for one in told.json["unreadable"]] == [
            "The customer without an id"
        ]
        assert again.json["unreadable"] == told.json["unreadable"]
        assert told.json["unreadable"][0] in in_words.out
        assert len(incidents(world)) == 1
        assert set(ids) <= mirrored(world, "customers")

    def test_a_delivery_about_one_is_told_and_over(self, world: World) -> None:
        customer = world.customer()
        world.stripe.alter(customer, {"name": ["Anna"]})
        [event] = stripe_account.events(world, "customer.created")
        deliver(world, event)
        assert world.services.webhooks.process_due() == 1
        assert incidents(world) == {(KIND, customer)}
        with closing(sqlite3.connect(world.settings.database)) as database:
            rows = database.execute("SELECT state, note FROM webhook_deliveries").fetchall()
        assert rows == [("processed", "left_out")]


def mirrored_after_a_full_read(world: World) -> dict[str, set[str]]:
    world.services.sync.run(full=True)
    return {table: mirrored(world, table) for _, table, _ in ODD}


def _one_of(world: World, kind: str) -> str:
    with closing(sqlite3.connect(world.settings.practice_database)) as database:
        [row] = database.execute("SELECT id FROM objects WHERE kind = ? LIMIT 1", (kind,))
    return str(row[0])


def test_an_overdue_session_that_cannot_be_read_keeps_nobody_waiting(world: World) -> None:
    for _ in range(2):
        session_elsewhere(world)
    world.services.sync.run()
    world.clock.advance(hours=27)
    with world.shell() as connection:
        connection.execute(
            "UPDATE checkout_sessions SET id = '..' "
            "WHERE position = (SELECT min(position) FROM checkout_sessions)"
        )
    new = session_elsewhere(world)
    assert [".." in told for told in world.services.sync.run().unreadable] == [True]
    assert new in ids(world, "checkout_sessions")
    assert count(world, "checkout_sessions", "status = 'open'") == 2
