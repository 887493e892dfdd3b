"""One person exported and erased: nothing brings them back, and nothing that money rests on is lost."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lib import bootstrap
from lib.domain.charges import ChargeState
from lib.domain.identity import address_key
from lib.domain.runs import Run
from lib.errors import Blocked, NotFound, NotPermitted
from lib.services.charges.view import ChargeView
from lib.services.protection.persons import StillOpen
from lib.store import erasure_file
from lib.store.personal import PERSONAL
from tests.beginnings import made_once
from tests.charge_runs import approve, rows_of
from tests.stripe_account import events, post
from tests.webhook_route import deliver
from tests.world import ADA, ALICE, BOB, VERA, World

NAME, ADDRESS = "Zacharias Quimby", "zacharias@quimby.example"
MARKS = ("quimby", "zacharias")
WHY = "Asked for it by letter of 12 November"


def entries(world: World, action: str) -> list[dict[str, Any]]:
    """What the audit log says of it, oldest first."""
    with world.services.uow.read() as stores:
        return stores.audit.of_action(action)


def known(world: World) -> str:
    """A person with a card, a link, charges, a note, a row of a run, and a twin."""
    customer = world.customer(NAME, ADDRESS)
    world.save_card(customer)
    world.charge(customer, reference="INV-1")
    world.services.stories.note(customer, f"{NAME} pays late", by=BOB)
    link = world.services.links.create(form_key="q", customer=customer, by=ALICE)
    world.services.messages.requests.send([link.link.id], by=ALICE)
    world.services.messages.delivery.send_due()
    world.services.links.expire(link.link.id, by=ALICE)
    world.customer(f"{NAME} junior", ADDRESS.upper())
    return customer


def charge_the_elder(world: World, customer: str, reference: str) -> ChargeView:
    """Although another customer has the same address."""
    order = world.order(customer, reference=reference)
    meant = {"customer_has_twin": "The elder of the two"}
    return world.services.charges.charge(replace(order, despite=meant), by=ALICE)


def texts(world: World) -> dict[str, str]:
    """Every table that still names the person, with one row that does."""
    found = {}
    with world.shell() as shell:
        tables = [
            row[0]
            for row in shell.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not row[0].startswith("sqlite_")
        ]
        for table in tables:
            for row in shell.execute(f'SELECT * FROM "{table}"'):
                text = " ".join(str(value) for value in tuple(row)).lower()
                if any(mark in text for mark in MARKS):
                    found[table] = text
    return found


def bytes_of(world: World) -> str:
    """All of the file and its log, as somebody with a disk editor sees it."""
    folder = world.settings.data_dir
    return "".join(
        path.read_bytes().decode("latin-1").lower() for path in folder.glob("onfile.db*")
    )


class TestErasing:
    def test_nothing_names_the_person_any_more(self, world: World) -> None:
        customer = known(world)
        assert {"customers", "checkout_sessions", "setup_links", "customer_notes", "outbox"} <= set(
            texts(world)
        )
        done = world.services.persons.erase(customer, reason=WHY, by=ADA)
        assert len(done.customers) == 2, "whoever shares the address is the same person"
        assert texts(world) == {}
        assert not [mark for mark in MARKS if mark in bytes_of(world)]

    def test_what_money_rests_on_stays(self, world: World) -> None:
        customer = known(world)
        before = world.rows("SELECT * FROM attempts"), world.rows("SELECT * FROM charges")
        fingerprint = world.rows("SELECT fingerprint FROM payment_methods")[0][0]
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        after = world.rows("SELECT * FROM attempts"), world.rows("SELECT * FROM charges")
        assert [list(map(tuple, rows)) for rows in after] == [
            list(map(tuple, rows)) for rows in before
        ]
        (method,) = world.rows("SELECT * FROM payment_methods")
        assert (method["fingerprint"], method["last4"], method["exp_year"]) == (
            fingerprint,
            None,
            None,
        )
        assert world.services.audit.verify().ok

    def test_it_is_on_record_by_id_with_its_reason(self, world: World) -> None:
        customer = known(world)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        entry = entries(world, "person.erase")[-1]
        assert (entry["subject"], entry["actor"]) == (customer, "ada")
        assert WHY in str(entry["detail"])

    def test_only_an_admin_may(self, world: World) -> None:
        customer = known(world)
        for by in (ALICE, BOB, VERA):
            with pytest.raises(NotPermitted):
                world.services.persons.erase(customer, reason=WHY, by=by)
            with pytest.raises(NotPermitted):
                world.services.persons.export(customer, by=by)
        with pytest.raises(NotFound):
            world.services.persons.erase("cus_nobody", reason=WHY, by=ADA)

    def test_while_something_is_under_way_it_waits(self, world: World) -> None:
        customer = known(world)
        world.fault("error_500_saved")
        lost = charge_the_elder(world, customer, "LOST-1")
        assert lost.charge.state is ChargeState.UNKNOWN
        with pytest.raises(StillOpen, match=lost.charge.id):
            world.services.persons.look(customer, by=ADA)
        with pytest.raises(StillOpen):
            world.services.persons.erase(customer, reason=WHY, by=ADA)
        assert texts(world)

    def test_a_dry_run_changes_nothing_and_says_until_when_backups_hold_them(
        self, world: World
    ) -> None:
        customer = known(world)
        taken = world.services.backups.take(by=ADA)
        plan = world.services.persons.look(customer, by=ADA)
        assert plan.rows["customers"] == 2
        assert plan.backups == (taken.path.name,)
        assert plan.backups_until == world.now + world.settings.backup_keep * 86_400
        assert "customers" in texts(world)
        assert entries(world, "person.look")


class TestNothingBringsThemBack:
    def test_neither_a_sync_nor_an_event_nor_a_search(self, world: World) -> None:
        customer = known(world)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        post(world, f"/v1/customers/{customer}", name=f"{NAME} again", phone="1")
        for event in events(world, "customer.updated"):
            deliver(world, event)
        world.services.webhooks.process_due()
        world.services.sync.run(full=True)
        world.worker.do_index()
        assert texts(world) == {}
        assert world.services.reports.customers.page(search="quimby").frame.empty

    def test_comparing_with_stripe_finds_nothing_wrong(self, world: World) -> None:
        customer = known(world)
        world.services.sync.run(full=True)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        results = world.services.sync.verify_now(full=True, by=ALICE)
        assert results
        assert [one.findings for one in results if not one.is_clean or one.findings] == []
        assert texts(world) == {}

    def test_an_older_copy_is_put_back_without_them(self, world: World) -> None:
        customer = known(world)
        taken = world.services.backups.take(by=ADA)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        world.services.restores.restore(taken.path, by=ADA)
        assert texts(world) == {}
        assert world.services.persons.erased_at(customer) == world.now

    def test_nor_a_copy_in_which_a_message_to_them_still_waits(self, world: World) -> None:
        """Whether it was sent nobody can know of such a copy; its words go all the same."""
        customer = known(world)
        world.change(
            """INSERT INTO outbox (id, once_key, kind, customer, address, name, language, subject, body,
                   state, next_try_at, requested_by, requested_at)
               VALUES ('msg_1', 'once', 'link', :customer, :address, :name, 'en', :name, :name, 'waiting',
                   0, 'alice', 1)""",
            customer=customer,
            address=ADDRESS,
            name=NAME,
        )
        taken = world.services.backups.take(by=ADA)
        world.change("UPDATE outbox SET state = 'cancelled' WHERE id = 'msg_1'")
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        world.services.restores.restore(taken.path, by=ADA)
        assert texts(world) == {}
        (message,) = world.rows("SELECT state, address FROM outbox WHERE id = 'msg_1'")
        assert tuple(message) == ("perhaps_sent", "")

    def test_a_copy_put_back_by_hand_neither(self, world: World) -> None:
        customer = known(world)
        taken = world.services.backups.take(by=ADA)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        world.services.close()
        for suffix in ("-wal", "-shm"):
            Path(f"{world.settings.database}{suffix}").unlink(missing_ok=True)
        world.settings.database.write_bytes(taken.path.read_bytes())
        bootstrap.migrate(world.settings)
        assert texts(world) == {}

    def test_an_empty_folder_with_the_list_of_the_erased_neither(self, world: World) -> None:
        customer = known(world)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        world.services.close()
        for path in world.settings.data_dir.glob("onfile.db*"):
            path.unlink()
        (world.settings.data_dir / erasure_file.NAME).unlink()
        bootstrap.migrate(world.settings)
        world.rebuild()
        world.services.sync.run(full=True)
        assert world.rows("SELECT 1 FROM customers WHERE id = ?", customer)
        assert texts(world) == {}

    def test_a_list_that_cannot_be_read_stops_the_start(self, world: World) -> None:
        (world.settings.data_dir / erasure_file.NAME).write_text("{")
        with pytest.raises(Exception, match="who was erased"):
            bootstrap.migrate(world.settings)


class TestAdmission:
    def test_nothing_is_charged_to_them(self, world: World) -> None:
        customer = known(world)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        with pytest.raises(Blocked) as refusal:
            world.charge(customer, reference="INV-2")
        assert refusal.value.code == "customer_erased"
        with world.shell() as shell, pytest.raises(sqlite3.IntegrityError, match="erased"):
            shell.execute(
                """INSERT INTO attempts (charge_id, number, idempotency_key, params, requested_by,
                       requested_at) SELECT id, 9, 'k', '{}', 'x', 1 FROM charges"""
            )

    def test_who_comes_back_is_still_known_by_what_they_paid(self, world: World) -> None:
        customer = known(world)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        again = world.customer(NAME, ADDRESS)
        world.save_card(again)
        with pytest.raises(Blocked) as refusal:
            world.charge(again, reference="INV-1")
        assert refusal.value.code == "charged_elsewhere"
        assert charge_the_elder(world, again, "INV-2").charge.state is ChargeState.SUCCEEDED

    def test_and_their_switch_still_holds(self, world: World) -> None:
        customer = known(world)
        world.services.holds.set(customer, reason="In court", by=ALICE)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        again = world.customer(NAME, ADDRESS)
        world.save_card(again)
        with pytest.raises(Blocked) as refusal:
            world.charge(again, reference="INV-2")
        assert refusal.value.code == "do_not_charge"


class TestRuns:
    @pytest.fixture
    @made_once
    def run(self, world: World) -> Run:
        """Approved, over a file that says more of the person than the charge does."""
        world.services.users.add_practice_users()
        world.save_card(world.customer(NAME, ADDRESS))
        data = f"customer,amount,currency,reference,who\n{ADDRESS},12.00,usd,INV-9,Mr Quimby of 5 Elm Street\n"
        files = world.services.runs.files
        draft = files.create_run(files.open(data.encode(), "may.csv"), name="May", by=ALICE)
        return approve(world, world.services.runs.approvals.submit(draft.id, by=ALICE))

    def test_one_that_is_over_keeps_what_was_charged_and_loses_who_it_was(
        self, world: World, run: Run
    ) -> None:
        world.services.runs.control.start(run.id, by=ALICE)
        assert world.services.runs.executor.execute(run.id)
        world.services.runs.certificates.certify(run.id, by=ALICE)
        assert "quimby" in texts(world)["run_rows"]
        (row,) = rows_of(world, run.id)
        world.services.persons.erase(row.customer or "", reason=WHY, by=ADA)
        assert texts(world) == {}
        (after,) = rows_of(world, run.id)
        assert (after.customer, after.reference, after.amount, after.state) == (
            row.customer,
            "INV-9",
            1200,
            row.state,
        )
        assert after.cells == ("", "", "usd", "INV-9", "")
        assert world.services.runs.certificates.certify(run.id, by=ALICE).result == "green"

    def test_one_that_waits_stops_it(self, world: World, run: Run) -> None:
        (row,) = rows_of(world, run.id)
        with pytest.raises(StillOpen, match=run.id):
            world.services.persons.erase(row.customer or "", reason=WHY, by=ADA)

    def test_rows_from_before_they_were_a_customer_are_found_by_the_address(
        self, world: World
    ) -> None:
        files = world.services.runs.files
        data = f"customer,amount,currency,reference\n{ADDRESS},1.00,usd,INV-8\nx{ADDRESS},1.00,usd,INV-7\n"
        draft = files.create_run(files.open(data.encode(), "june.csv"), name="June", by=ALICE)
        customer = world.customer(NAME, ADDRESS)
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        assert [row.cells[0] for row in rows_of(world, draft.id)] == ["", f"x{ADDRESS}"]


WRITINGS = [
    ("straße@quimby.example", "STRASSE@quimby.example"),
    ("STRASSE@quimby.example", "straße@Quimby.example"),
    ("i\u0307nci@quimby.example", "\u0130nci@quimby.example"),
    ("\u0130nci@quimby.example", "i\u0307nci@Quimby.example"),
    ("info@bücher-quimby.example", "Info@XN--bcher-quimby-dlb.example"),
    ("info@xn--bcher-quimby-dlb.example", "info@BU\u0308CHER-quimby.example"),
    ("büro@quimby.example", "BÜRO\u2060@quimby.example\u00a0"),
]


@pytest.mark.parametrize(("at_stripe", "written"), WRITINGS)
def test_one_person_however_their_address_is_written(
    world: World, at_stripe: str, written: str
) -> None:
    runs, files, batches = (
        world.services.runs.files,
        world.services.link_files,
        world.services.link_batches,
    )
    data = f"customer,amount,currency,reference,copy\n{written},1.00,usd,INV-8,{written}\nx{written},1.00,usd,INV-7,-\n"
    draft = runs.create_run(runs.open(data.encode(), "june.csv"), name="June", by=ALICE)
    asked = f"email,reference\n{written},INV-7\nother@example.com,INV-8\n"
    batch = files.draft(files.open(asked.encode(), "ask.csv"), name="Ask", by=ALICE)
    batches.start(batch.id, by=ALICE)
    batches.work(batch.id)
    world.clock.advance(days=60)
    customer = world.customer(NAME, at_stripe)
    world.change(
        "UPDATE setup_links SET customer = NULL WHERE address_key = :key", key=address_key(written)
    )
    exported = json.loads(world.services.persons.export(customer, by=ADA))["rows"]
    assert [row["number"] for row in exported["run_rows"]] == [2]
    assert [row["reference"] for row in exported["setup_links"]] == ["INV-7"]
    assert len(exported["link_batch_rows"]) == 1
    world.services.persons.erase(customer, reason=WHY, by=ADA)
    assert [row.cells[0] for row in rows_of(world, draft.id)] == ["", f"x{written}"]
    assert [row.cells[4] for row in rows_of(world, draft.id)] == ["", "-"]
    assert [one.row.request.email for one in batches.views.rows(batch.id)] == [
        "",
        "other@example.com",
    ]


class TestBatchesOfLinks:
    def test_rows_and_links_lose_who_was_asked(self, world: World) -> None:
        files, batches = world.services.link_files, world.services.link_batches
        data = f"email,name,reference\n{ADDRESS},{NAME},INV-7\nother@example.com,Other,INV-8\n"
        batch = files.draft(files.open(data.encode(), "ask.csv"), name="Ask", by=ALICE)
        batches.start(batch.id, by=ALICE)
        batches.work(batch.id)
        world.clock.advance(days=60)
        customer = world.customer(NAME, ADDRESS)
        assert {"link_batch_rows", "setup_links"} <= set(texts(world))
        world.services.persons.erase(customer, reason=WHY, by=ADA)
        assert texts(world) == {}
        first, second = batches.views.rows(batch.id)
        assert (first.row.request.email, first.row.request.reference) == ("", "INV-7")
        assert second.row.request.email == "other@example.com"
        with world.shell() as shell, pytest.raises(sqlite3.IntegrityError, match="decided"):
            shell.execute("UPDATE link_batch_rows SET cells = '[]' WHERE number = 3")


class TestExport:
    def test_it_has_all_that_is_theirs_and_nothing_of_others(self, world: World) -> None:
        customer = known(world)
        other = world.customer("Somebody Else", "else@example.com")
        content: dict[str, Any] = json.loads(world.services.persons.export(customer, by=ADA))
        rows = content["rows"]
        text = json.dumps(rows)
        assert NAME in text
        assert ADDRESS in text
        assert other not in text
        assert {one["reference"] for one in rows["charges"]} == {"INV-1"}
        assert [one["text"] for one in rows["customer_notes"]] == [f"{NAME} pays late"]
        token = world.rows("SELECT token FROM setup_links")[0]["token"]
        assert token not in text
        assert entries(world, "person.export")[-1]["subject"] == customer

    def test_every_table_with_something_of_customers_is_looked_at(self, world: World) -> None:
        """A new table with a customer, a name or an address belongs into PERSONAL."""
        of_staff_or_derived = {
            "users",
            "runs",
            "meta",
            "erasures",
            "invitations",
            "sync_cursors",
            "run_row_corrections",
            "link_batches",
        }
        with world.shell() as shell:
            found = {
                row["t"]
                for row in shell.execute(
                    r"""SELECT m.name AS t FROM sqlite_schema m, pragma_table_info(m.name) c
                       WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'
                           AND m.name NOT LIKE '\_%' ESCAPE '\' AND m.name NOT LIKE '%\_fts%' ESCAPE '\'
                           AND (c.name LIKE '%customer%' OR c.name LIKE '%email%' OR c.name = 'name'
                               OR c.name = 'address')"""
                )
            }
        assert found - of_staff_or_derived - set(PERSONAL) == set()
