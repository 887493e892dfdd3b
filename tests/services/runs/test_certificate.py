"""File, ledger and Stripe tied together: green only when they agree to the minor unit."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from lib.domain.certificates import LedgerRow, compare
from lib.domain.control_totals import ControlTotals
from lib.domain.runs import CollectedElsewhere, Run
from lib.errors import Misconfigured, NotFound, StaleState
from lib.money import Money
from lib.printing.certificates import lines_of
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.charge_runs import (
    approve,
    audited,
    executed,
    invoices,
    payers,
    rows_of,
    started,
    uow,
)
from tests.world import ALICE, ALWAYS_DECLINES, BOB, World


@pytest.fixture
def run(world: World) -> Run:
    """Three rows: two are paid, one is declined."""
    return executed(world, [*invoices(payers(world, 2)), *_declining(world)])


def _declining(world: World) -> list[tuple[str, str, int, str]]:
    customer = world.customer("Papier <script>alert(1)</script>")
    return [(customer, world.save_card(customer, ALWAYS_DECLINES), 500, "INV-9")]


def certify(world: World, run: Run):
    return world.services.runs.certificates.certify(run.id, by=ALICE)


def said(certificate, weight: str = "red") -> list[str]:
    return [r["text"] for r in certificate.content["remarks"] if r["weight"] == weight]


def intent_of(world: World, run: Run, number: int = 2) -> str:
    with uow(world).read() as stores:
        return stores.charges.attempts(stores.run_rows.find(run.id, number).charge_id)[
            -1
        ].payment_intent


class TestGreen:
    def test_all_three_agree(self, world, run) -> None:
        made = certify(world, run)
        assert made.result == "green"
        line = lines_of(made)["usd"]
        assert (line.file, line.sent, line.failed) == (2_503, 2_503, 500)
        assert line.ledger == line.stripe == 2_003
        assert made.content["counts"] == {"succeeded": 2, "declined": 1}
        assert said(made, "note") == ["Not paid: declined."]
        assert audited(world)[-1] == "run.certify"

    def test_the_worker_makes_it_when_a_run_has_ended(self, world, run) -> None:
        assert world.services.runs.certificates.last(run.id) is None
        world.worker.run_once()
        assert world.services.runs.certificates.last(run.id).result == "green"
        assert world.services.runs.certificates.certify_due() == 0

    def test_a_worker_that_cannot_read_tries_again_later(self, world, run) -> None:
        world.stripe.faults.add("GET", "/v1/payment_intents", kind="missing_permission")
        assert world.services.runs.certificates.certify_due() == 0
        assert world.services.runs.certificates.certify_due() == 0
        world.clock.advance(minutes=6)
        assert world.services.runs.certificates.certify_due() == 1

    def test_payments_of_others_in_the_same_minutes_do_not_matter(self, world) -> None:
        people = payers(world, 2)
        world.charge(people[0][0], reference="SINGLE")
        run = executed(world, invoices(people))
        world.charge(people[1][0], reference="SINGLE-2")
        made = certify(world, run)
        assert made.result == "green"
        assert lines_of(made)["usd"].stripe == 2_003

    def test_what_was_not_sent_is_part_of_the_file(self, world) -> None:
        people = payers(world, 2)
        world.charge(people[0][0], reference="INV-1")
        run = executed(world, invoices(people))
        made = certify(world, run)
        line = lines_of(made)["usd"]
        assert (line.file, line.kept_back, line.sent) == (2_003, 1_001, 1_002)
        (note,) = said(made, "note")
        assert note.startswith("Not sent. ")

    def test_what_went_back_is_noted(self, world, run) -> None:
        world.services.gateway.create_refund(
            {"payment_intent": intent_of(world, run), "amount": 1}, idempotency_key="elsewhere"
        )
        world.services.sync.run()
        made = certify(world, run)
        assert made.result == "green"
        assert "$0.01 went back since." in said(made, "note")
        assert lines_of(made)["usd"].refunded == 1
        assert not world.services.runs.certificates.is_outdated(made)

    @pytest.mark.parametrize("later", [0, 60])
    def test_what_goes_back_afterwards_makes_it_outdated(self, world, run, later) -> None:
        """Also in the very second: then the sum tells."""
        made = certify(world, run)
        assert not world.services.runs.certificates.is_outdated(made)
        world.clock.advance(seconds=later)
        world.services.gateway.create_refund(
            {"payment_intent": intent_of(world, run), "amount": 1}, idempotency_key="elsewhere"
        )
        world.services.sync.run()
        assert world.services.runs.certificates.is_outdated(made)
        world.clock.advance(seconds=60)
        assert not world.services.runs.certificates.is_outdated(certify(world, run))

    def test_a_refund_that_staff_ordered_makes_it_outdated(self, world, run) -> None:
        made = certify(world, run)
        world.clock.advance(seconds=60)
        order = world.services.refunds.request(
            rows_of(world, run.id)[0].charge_id,
            money=Money(100, "usd"),
            by=ALICE,
            reason="requested_by_customer",
            note="Wrong invoice",
        )
        assert not world.services.runs.certificates.is_outdated(made)
        world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
        assert world.services.runs.certificates.is_outdated(made)

    def test_rows_without_a_readable_amount_are_told(self) -> None:
        row = LedgerRow(2, "INV-1", "cus_1", None, None, "blocked", "")
        found = compare([row, replace(row, number=3)], [], digest_fits=True)
        assert found.remarks[0].text == "2 rows without a readable amount are not counted."
        assert found.result == "green"


class TestElsewhere:
    """A failed row that another run collects, or somebody singly: counted there and nowhere else."""

    @pytest.fixture
    def again(self, world, run) -> Run:
        """The follow-up run collects the $5.00 with a new card."""
        world.clock.advance(days=3)
        world.save_card(rows_of(world, run.id)[2].customer)
        made = world.services.runs.retry_runs.create(run.id, by=ALICE)
        submitted = world.services.runs.approvals.submit(made.id, by=ALICE)
        world.services.runs.control.start(approve(world, submitted).id, by=ALICE)
        assert world.services.runs.executor.execute(made.id)
        return world.services.runs.control.find(made.id)

    def test_each_run_certifies_what_it_collected(self, world, run, again) -> None:
        first, second = certify(world, run), certify(world, again)
        assert (first.result, second.result) == ("green", "green")
        line = lines_of(first)["usd"]
        assert (line.ledger, line.stripe, line.failed, line.elsewhere) == (2_003, 2_003, 500, 500)
        assert first.content["counts"] == {"succeeded": 2, "declined": 1}
        assert said(first, "note") == [
            "Not paid: declined.",
            f"Collected later by the run “{again.name}” ({again.id}); not part of this run's sums.",
        ]
        line = lines_of(second)["usd"]
        assert (line.ledger, line.stripe, line.elsewhere) == (500, 500, 0)
        assert said(second, "note") == []

    def test_the_run_tells_it_beside_its_totals(self, world, run, again) -> None:
        view = world.services.runs.views.run(run.id)
        assert view.totals["usd"] == {"succeeded": 2_003, "declined": 500}
        assert view.elsewhere == (CollectedElsewhere(again.id, again.name, "usd", 1, 500),)
        assert view.failed_still == 0
        assert view.as_json()["collected_elsewhere"][0]["amount"] == 500
        assert world.services.runs.views.run(again.id).totals["usd"] == {"succeeded": 500}
        _, lines = world.services.runs.views.results(run.id)
        assert [line[3] for line in lines] == ["succeeded"] * 3, "uploading it again stays harmless"

    def test_singly(self, world, run) -> None:
        row = rows_of(world, run.id)[2]
        world.clock.advance(days=3)
        card = world.save_card(row.customer)
        world.services.charges.retry(row.charge_id, by=ALICE, payment_method=card)
        made = certify(world, run)
        line = lines_of(made)["usd"]
        assert (made.result, line.ledger, line.stripe, line.elsewhere) == (
            "green",
            2_003,
            2_003,
            500,
        )
        assert "Collected later singly; not part of this run's sums." in said(made, "note")
        world.stripe.forget(world.services.charges.view(row.charge_id).last.payment_intent)
        made = certify(world, run)
        assert said(made) == ["Our ledger says it was paid singly; Stripe has no such payment."]

    def test_singly_with_another_sum_at_stripe(self, world, run) -> None:
        row = rows_of(world, run.id)[2]
        world.clock.advance(days=3)
        card = world.save_card(row.customer)
        paid = world.services.charges.retry(row.charge_id, by=ALICE, payment_method=card)
        world.stripe.alter(paid.last.payment_intent, {"amount_received": 499})
        assert said(certify(world, run)) == ["Stripe moved $4.99, which is not the row's sum."]

    def test_here_and_elsewhere_is_twice(self, world, run, again) -> None:
        """Somebody confirms the first run's failed payment in the Dashboard, behind our back."""
        charge_id = rows_of(world, run.id)[2].charge_id
        first = world.services.charges.view(charge_id).attempts[0]
        world.stripe.alter(first.payment_intent, {"status": "succeeded", "amount_received": 500})
        world.services.sync.run(full=True)
        made = certify(world, run)
        assert made.result == "red"
        assert "Paid more than once: here and elsewhere, or elsewhere twice." in said(made)
        assert certify(world, again).result == "red"

    def test_the_sums_of_all_certificates_and_singles_are_the_ledger(
        self, world, run, again
    ) -> None:
        world.charge(payers(world, 1)[0][0], reference="SINGLE", amount="7.00")
        certified = sum(lines_of(certify(world, one))["usd"].ledger for one in (run, again))
        with sqlite3.connect(world.settings.database) as shell:
            ((ledger,),) = shell.execute(
                "SELECT sum(amount) FROM charges WHERE state = 'succeeded'"
            )
            ((singles,),) = shell.execute(
                """SELECT sum(c.amount) FROM attempts a JOIN charges c ON c.id = a.charge_id
                   WHERE a.outcome = 'succeeded' AND a.run_id IS NULL"""
            )
        assert certified + singles == ledger == sum(amount for amount, _ in world.moved())

    def test_the_printed_page_has_the_sum_only_where_there_is_one(self, world, run, again) -> None:
        pages = []
        for one in (run, again):
            certify(world, one)
            pages.append(world.services.runs.files.certificate(one.id).decode())
        assert ["Collected later elsewhere" in page for page in pages] == [True, False]
        assert again.id in pages[0]


class TestRed:
    @pytest.mark.parametrize("changed", [1_000, 1_002])
    def test_one_minor_unit(self, world, run, changed) -> None:
        world.stripe.alter(intent_of(world, run), {"amount_received": changed})
        made = certify(world, run)
        assert made.result == "red"
        assert any("not the row's sum" in text for text in said(made))
        assert any(text.startswith("USD: the ledger says $20.03") for text in said(made))

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"currency": "eur"}, "not the row's sum"),
            ({"customer": "cus_other"}, "another customer"),
            ({"status": "canceled"}, "no such payment"),
        ],
    )
    def test_another_payment_than_ours(self, world, run, change, expected) -> None:
        world.stripe.alter(intent_of(world, run), change)
        made = certify(world, run)
        assert made.result == "red"
        assert any(expected in text for text in said(made))

    def test_a_payment_that_is_gone(self, world, run) -> None:
        world.stripe.forget(intent_of(world, run))
        assert any("no such payment" in text for text in said(certify(world, run)))

    @pytest.mark.parametrize("charge", ["chg_nobody", "same"])
    def test_a_payment_for_this_run_that_the_ledger_does_not_know(self, world, run, charge) -> None:
        with uow(world).read() as stores:
            row = stores.run_rows.find(run.id, 2)
        world.services.gateway.create_payment_intent(
            {
                "amount": 1_001,
                "currency": "usd",
                "customer": row.customer,
                "payment_method": row.payment_method,
                "off_session": True,
                "confirm": True,
                "allowed_payment_method_types": ["card"],
                "metadata": {
                    "onfile_charge_id": row.charge_id if charge == "same" else charge,
                    "onfile_attempt": "7",
                    "onfile_run": run.id,
                },
            },
            idempotency_key="elsewhere",
        )
        made = certify(world, run)
        assert made.result == "red"
        assert any("Paid 2 times" in t or "does not know" in t for t in said(made))
        assert lines_of(made)["usd"].stripe == 3_004

    def test_stripe_took_what_we_call_declined(self, world, run) -> None:
        world.stripe.alter(
            intent_of(world, run, 4), {"status": "succeeded", "amount_received": 500}
        )
        assert any("our ledger does not" in text for text in said(certify(world, run)))

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE run_rows SET amount = amount + 1 WHERE number = 2",
            "UPDATE run_rows SET reference = 'INV-77' WHERE number = 2",
            "DELETE FROM run_rows WHERE number = 4",
        ],
    )
    def test_rows_altered_behind_our_back(self, world, run, change) -> None:
        with sqlite3.connect(world.settings.database) as shell:
            for (name,) in shell.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'run_rows'"
            ).fetchall():
                shell.execute(f"DROP TRIGGER {name}")
            shell.execute(change)
        made = certify(world, run)
        assert made.result == "red"
        assert any("digest differs" in text for text in said(made))


class TestAmber:
    def test_an_open_outcome(self, world) -> None:
        people = payers(world, 2)
        run_id = started(world, invoices(people))
        world.stripe.faults.add("POST", "/v1/payment_intents$", kind="error_500_saved")
        world.services.runs.executor.pause = lambda _: None
        world.services.runs.executor.execute(run_id)
        made = certify(world, world.services.runs.control.find(run_id))
        assert made.result == "amber"
        assert said(made, "amber") == ["The outcome is open: unknown."]
        world.clock.advance(days=1, minutes=1)
        world.services.charge_resolver.resolve_due()
        assert world.services.runs.certificates.is_outdated(made)
        assert certify(world, world.services.runs.control.find(run_id)).result == "green"


class TestKept:
    def test_only_what_was_executed_and_rests(self, world) -> None:
        with pytest.raises(NotFound):
            world.services.runs.certificates.certify("run_none", by=ALICE)
        run_id = started(world, invoices(payers(world, 1)))
        with pytest.raises(StaleState):
            world.services.runs.certificates.certify(run_id, by=ALICE)

    def test_a_list_that_cannot_be_read_to_its_end_certifies_nothing(self, world, run) -> None:
        world.stripe.faults.add("GET", "/v1/payment_intents", kind="missing_permission")
        with pytest.raises(Misconfigured):
            certify(world, run)
        assert world.services.runs.certificates.last(run.id) is None

    @pytest.mark.parametrize(
        "change", ["UPDATE run_certificates SET result = 'green'", "DELETE FROM run_certificates"]
    )
    def test_it_is_never_changed(self, world, run, change) -> None:
        certify(world, run)
        with (
            sqlite3.connect(world.settings.database) as shell,
            pytest.raises(sqlite3.IntegrityError),
        ):
            shell.execute(change)

    def test_the_printed_page_escapes_and_names_everybody(self, world, run) -> None:
        with pytest.raises(NotFound):
            world.services.runs.files.certificate(run.id)
        certify(world, run)
        page = world.services.runs.files.certificate(run.id).decode()
        assert "<script>" not in page
        for expected in ("Alice", "Bob", run.digest, "$20.03", "INV-9", "File, ledger and Stripe"):
            assert expected in page, expected
        assert "http" not in page, "nothing is loaded"
        assert "<dt>Control totals typed</dt><dd>none</dd>" in page

    def test_the_printed_page_has_what_the_maker_typed(self, world) -> None:
        control = ControlTotals(2, {"usd": 2_003})
        run = executed(world, invoices(payers(world, 2)), control=control)
        certify(world, run)
        page = world.services.runs.files.certificate(run.id).decode()
        assert "<dt>Control totals typed</dt><dd>2 rows, $20.03</dd>" in page
