"""File, ledger and Stripe tied together: green only when they agree to the minor unit."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from lib.domain.certificates import compare
from lib.domain.control_totals import ControlTotals
from lib.domain.ledger_rows import LedgerRow
from lib.domain.runs import CollectedElsewhere, Run
from lib.errors import Misconfigured, NotFound, StaleState
from lib.money import Money
from lib.printing.certificates import lines_of
from lib.services.charges import claim
from lib.services.continuity.completeness import Completeness
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.store.payments import PaymentStore
from lib.stripe_gateway.parallel_reader import READERS
from tests import stripe_account
from tests.beginnings import made_once
from tests.charge_runs import (
    approve,
    approved,
    audited,
    executed,
    invoices,
    payers,
    rows_of,
    started,
    submitted,
    uow,
)
from tests.lost_files import copied, put_back
from tests.tries import try_again
from tests.world import ADA, ALICE, ALWAYS_DECLINES, BOB, VERA, World


@pytest.fixture
@made_once
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


def nothing_is_new(world: World) -> None:
    """Every event was read: what is altered from now on is altered behind our back."""
    for _ in range(3):
        world.clock.advance(minutes=2)
        world.services.completeness.read_news()


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
        world.stripe.faults.add("GET", "/v1/payment_intents$", kind="missing_permission")
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
    @made_once
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
        _, lines = world.services.runs.views.results(run.id, by=ALICE)
        assert [line[3] for line in lines] == ["succeeded"] * 3, "uploading it again stays harmless"

    def test_singly(self, world, run) -> None:
        row = rows_of(world, run.id)[2]
        world.clock.advance(days=3)
        card = world.save_card(row.customer)
        try_again(world.services.charges, row.charge_id, by=ALICE, payment_method=card)
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
        paid = try_again(world.services.charges, row.charge_id, by=ALICE, payment_method=card)
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
            pages.append(world.services.runs.papers.certificate(one.id, by=VERA).decode())
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
        """And no event says so; one that did would be read before anything is compared."""
        nothing_is_new(world)
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
        assert any("checksum differs" in text for text in said(made))


def without_search(world: World) -> None:
    """What a list must find, Search would find as well."""
    world.stripe.faults.add("GET", "/v1/payment_intents/search", kind="search_unavailable")


class TestAllTime:
    """Whatever Stripe ever took for the run, whenever that was."""

    def paid_again(self, world: World, run: Run, number: int = 2, **more: object) -> str:
        """A payment with the marks of a row, as an older file or a second process would make it."""
        row = next(one for one in rows_of(world, run.id) if one.number == number)
        intent = world.services.gateway.create_payment_intent(
            {
                "amount": row.amount,
                "currency": row.currency,
                "customer": row.customer,
                "payment_method": row.payment_method,
                "off_session": True,
                "confirm": True,
                "allowed_payment_method_types": [more.pop("type", "card")],
                "metadata": {
                    "onfile_charge_id": row.charge_id,
                    "onfile_attempt": "1",
                    "onfile_run": run.id,
                },
                **more,
            },
            idempotency_key=f"again-{number}-{world.now}",
        )
        return intent.id

    @pytest.mark.parametrize("days", [2, 400])
    def test_a_payment_long_after_the_tries(self, world, run, days) -> None:
        assert certify(world, run).result == "green"
        world.clock.advance(days=days)
        self.paid_again(world, run)
        made = certify(world, run)
        assert made.result == "red"
        assert "Paid 2 times at Stripe." in said(made)
        assert lines_of(made)["usd"].stripe == 3_004

    def test_and_long_before_them(self, world) -> None:
        run = approved(world, invoices(payers(world, 2)))
        self.paid_again(world, run)
        world.clock.advance(days=3)
        world.services.runs.control.start(run.id, by=ALICE)
        # It is not known that the file is old, so nothing stops the run.
        world.services.runs.executor.execute(run.id)
        without_search(world)
        made = certify(world, run)
        assert made.result == "red"
        assert "Paid 2 times at Stripe." in said(made)

    def test_an_older_file_whose_approved_run_was_started_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Six payments for three rows, if every defence failed: the new tries' certificate is red."""
        run = approved(world, invoices(payers(world, 3)))
        copy = copied(world)
        world.services.runs.control.start(run.id, by=ALICE)
        world.services.runs.executor.execute(run.id)
        assert len(world.moved()) == 3
        world.clock.advance(days=3)  # Stripe has forgotten the keys.
        put_back(world, copy)
        for defence in ("verify", "verify_for_run", "must_not_rest"):
            monkeypatch.setattr(Completeness, defence, lambda _: None)
        monkeypatch.setattr(claim, "findings_of", lambda *_, **__: ())
        monkeypatch.setattr(claim, "is_behind", lambda *_: False)
        monkeypatch.setattr(PaymentStore, "tries", lambda *_: 0)
        world.services.runs.control.start(run.id, by=ALICE)
        assert world.services.runs.executor.execute(run.id)
        assert len(world.moved()) == 6
        monkeypatch.undo()
        made = certify(world, run)
        assert made.result == "red"
        assert said(made).count("Paid 2 times at Stripe.") == 3
        assert lines_of(made)["usd"].stripe == 2 * lines_of(made)["usd"].ledger

    @pytest.mark.parametrize("account", [2, 10_000])
    def test_by_customer_or_by_account_whichever_takes_fewer_requests(
        self, world, run, account, monkeypatch
    ) -> None:
        world.services.sync.run(full=True)
        monkeypatch.setattr(PaymentStore, "count_intents", lambda _: account)
        world.clock.advance(days=2)
        self.paid_again(world, run)
        world.clock.advance(days=2)
        asked = lists_read(world, monkeypatch)
        without_search(world)
        assert "Paid 2 times at Stripe." in said(certify(world, run))
        assert asked == (["account"] if account == 2 else ["customer"] * 3)

    def test_a_payment_of_a_customer_who_is_not_in_the_run(self, world, run) -> None:
        """Under the marks of the run all the same; Search is asked for those."""
        stranger = world.customer()
        again = self.paid_again(
            world, run, customer=stranger, payment_method=world.save_card(stranger)
        )
        world.clock.advance(minutes=5)
        made = certify(world, run)
        assert made.result == "red"
        assert any("Stripe charged another customer" in text for text in said(made)), again

    def test_where_search_is_not_open_it_says_what_was_not_looked_for(self, world, run) -> None:
        without_search(world)
        made = certify(world, run)
        assert made.result == "green"
        assert any("Search is not open" in text for text in said(made, "note"))

    def test_a_payment_that_is_still_on_its_way_counts(self, world, run) -> None:
        again = self.paid_again(world, run)
        world.services.sync.run()
        world.stripe.alter(again, {"status": "processing", "amount_received": 0})
        assert f"It is paid, and Stripe is taking another payment ({again})." in said(
            certify(world, run)
        )

    def test_what_was_paid_singly_with_a_run_that_was_not_sent_is_none_of_it(self, world) -> None:
        """A run tries a failed charge again; somebody was faster."""
        first = executed(world, _declining(world))
        row = rows_of(world, first.id)[0]
        world.clock.advance(minutes=1)
        card = world.save_card(row.customer)
        again = world.services.runs.retry_runs.create(first.id, by=ALICE)
        try_again(world.services.charges, row.charge_id, by=ALICE, payment_method=card)
        approve(world, world.services.runs.approvals.submit(again.id, by=ALICE))
        world.services.runs.control.start(again.id, by=ALICE)
        world.services.runs.executor.execute(again.id)
        assert rows_of(world, again.id)[0].state == "blocked"
        assert certify(world, world.services.runs.control.find(again.id)).result == "green"
        assert certify(world, first).result == "green"

    def test_of_a_customer_who_was_deleted(self, world, run) -> None:
        row = rows_of(world, run.id)[0]
        world.clock.advance(days=2)
        self.paid_again(world, run)
        stripe_account.delete(world, f"/v1/customers/{row.customer}")
        assert "Paid 2 times at Stripe." in said(certify(world, run))


def lists_read(world: World, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which lists of payments are read from now on."""
    asked: list[str] = []
    gateway = world.services.gateway
    by_customer, by_time = gateway.list_payment_intents, gateway.list_page

    def of_customer(**more):
        asked.append("customer")
        return by_customer(**more)

    def of_account(type_, **more):
        asked.append("account")
        return by_time(type_, **more)

    monkeypatch.setattr(gateway, "list_payment_intents", of_customer)
    monkeypatch.setattr(gateway, "list_page", of_account)
    return asked


class TestWhatWentBack:
    """Refunds and disputes, at Stripe and here, to the minor unit."""

    @pytest.mark.parametrize(("ours", "theirs"), [(5, 4), (5, 6), (0, 1), (1, 0)])
    def test_one_minor_unit(self, world, run, ours, theirs) -> None:
        intent = intent_of(world, run)
        nothing_is_new(world)
        charge = world.rows("SELECT id FROM stripe_charges WHERE payment_intent = ?", intent)[0][0]
        world.change(
            "UPDATE stripe_charges SET amount_refunded = :ours WHERE payment_intent = :intent",
            ours=ours,
            intent=intent,
        )
        world.stripe.alter(charge, {"amount_refunded": theirs})
        made = certify(world, run)
        assert made.result == "red"
        assert said(made) == [f"Stripe gave back $0.0{theirs}; our ledger knows of $0.0{ours}."]

    def test_an_order_that_stripe_does_not_have(self, world, run) -> None:
        charge_id = rows_of(world, run.id)[0].charge_id
        order = world.services.refunds.request(
            charge_id, money=Money(400, "usd"), reason="duplicate", note="twice", by=ALICE
        )
        world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
        nothing_is_new(world)
        assert certify(world, run).result == "green"
        intent = intent_of(world, run)
        charge = world.rows("SELECT id FROM stripe_charges WHERE payment_intent = ?", intent)[0][0]
        world.stripe.alter(charge, {"amount_refunded": 399})
        world.change(
            "UPDATE stripe_charges SET amount_refunded = 399 WHERE payment_intent = :intent",
            intent=intent,
        )
        assert said(certify(world, run)) == [
            "Refunds of $4.00 were ordered here; Stripe gave back $3.99."
        ]

    @pytest.mark.parametrize("at_stripe", [True, False])
    def test_a_dispute_that_one_of_both_does_not_know(self, world, run, at_stripe) -> None:
        intent = intent_of(world, run)
        nothing_is_new(world)
        charge = world.rows("SELECT id FROM stripe_charges WHERE payment_intent = ?", intent)[0][0]
        world.change(
            "UPDATE stripe_charges SET is_disputed = :ours WHERE payment_intent = :intent",
            ours=int(not at_stripe),
            intent=intent,
        )
        world.stripe.alter(charge, {"disputed": at_stripe})
        [text] = said(certify(world, run))
        assert "disputed it" in text

    def test_what_went_back_in_the_dashboard_a_moment_ago_is_read_first(self, world, run) -> None:
        world.services.sync.run()
        world.services.gateway.create_refund(
            {"payment_intent": intent_of(world, run), "amount": 1}, idempotency_key="elsewhere"
        )
        made = certify(world, run)
        assert made.result == "green"
        assert lines_of(made)["usd"].refunded == 1


class TestNames:
    """Who stands behind a run, what they opened, and where the audit log ended."""

    def test_the_end_of_the_audit_log_with_its_own_entry(self, world, run) -> None:
        head = certify(world, run).content["audit_head"]
        assert head == world.services.audit.head()
        page = world.services.runs.papers.certificate(run.id, by=VERA).decode()
        assert world.services.audit.head() in page
        assert world.services.audit.verify(head).ok

    def test_what_was_opened_by_whom_with_which_note(self, world: World) -> None:
        run = submitted(world, invoices(payers(world, 1)))
        stop = '[{"code": "twin_charged", "severity": "stopped", "message": "Look twice.", "column": null, "reason": null, "not_before": null}]'
        world.change(
            "UPDATE run_rows SET findings = :stop, severity = 'amber' WHERE run_id = :run",
            stop=stop,
            run=run.id,
        )
        world.services.runs.approvals.approve(
            run.id, digest=run.digest, by=BOB, password=PRACTICE_PASSWORD, note="Another shop"
        )
        with world.uow.write() as stores:
            found = stores.run_rows.of(run.id)[0].findings
        real = claim.findings_of
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(claim, "findings_of", lambda *a, **k: (*real(*a, **k), *found))
            world.services.runs.control.start(run.id, by=ALICE)
            world.services.runs.executor.execute(run.id)
        made = certify(world, run)
        assert made.result == "green"
        assert said(made, "note") == [
            "Charged despite twin_charged (Look twice.), opened by bob: Another shop"
        ]
        page = world.services.runs.papers.certificate(run.id, by=VERA).decode()
        assert "opened by bob: Another shop" in page
        assert "Bob Approver" in page

    def test_who_approved_it_again(self, world: World) -> None:
        run = approved(world, invoices(payers(world, 1)))
        world.services.users.disable("bob", by=ADA)
        world.services.runs.approvals.approve(
            run.id, digest=run.digest, by=ADA, password=PRACTICE_PASSWORD
        )
        world.services.runs.control.start(run.id, by=ALICE)
        world.services.runs.executor.execute(run.id)
        page = world.services.runs.papers.certificate(run.id, by=VERA).decode()
        assert "<dt>Approved by</dt><dd>Bob Approver" in page
        assert "<dt>Approved again by</dt><dd>Ada Admin" in page


class TestPrintedAgain:
    def test_it_is_compared_each_time_and_says_when(self, world, run) -> None:
        first = world.services.runs.papers.certificate(run.id, by=VERA).decode()
        assert "23 Nov 2026, 12:00:00 UTC, by Vera" in first
        world.clock.advance(days=1)
        world.stripe.alter(intent_of(world, run), {"amount_received": 999})
        second = world.services.runs.papers.certificate(run.id, by=VERA).decode()
        assert "24 Nov 2026, 12:00:00 UTC, by Vera" in second
        assert "do not agree" in second
        assert world.services.runs.certificates.last(run.id).result == "red"

    def test_in_the_installations_time_zone(self, world, run) -> None:
        world.settings = replace(world.settings, timezone="Asia/Tokyo")
        page = world.rebuild().runs.papers.certificate(run.id, by=VERA).decode()
        assert "23 Nov 2026, 21:00:00 JST" in page
        assert "in Asia/Tokyo" in page

    def test_where_stripe_does_not_answer_it_says_so(self, world, run) -> None:
        world.stripe.faults.add("GET", "/v1/payment_intents$", kind="missing_permission")
        with pytest.raises(Misconfigured):
            world.services.runs.papers.certificate(run.id, by=VERA)
        certify(world, run)
        world.stripe.faults.add("GET", "/v1/payment_intents$", kind="missing_permission")
        page = world.services.runs.papers.certificate(run.id, by=VERA).decode()
        assert "could not be asked again when this page was printed" in page


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

    def test_a_key_that_may_not_read_is_refused_a_few_times_and_not_once_a_customer(
        self, world, monkeypatch
    ) -> None:
        run = executed(world, invoices(payers(world, 20)))
        asked: list[str] = []

        def refused(**more):
            asked.append(more["customer"])
            raise Misconfigured("No.", http_status=403)

        monkeypatch.setattr(world.services.gateway, "list_payment_intents", refused)
        with pytest.raises(Misconfigured):
            certify(world, run)
        assert 1 <= len(asked) <= 2 * READERS

    def test_a_list_that_cannot_be_read_to_its_end_certifies_nothing(self, world, run) -> None:
        world.stripe.faults.add("GET", "/v1/payment_intents$", kind="missing_permission")
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
        page = world.services.runs.papers.certificate(run.id, by=VERA).decode()
        assert "<script>" not in page
        for expected in ("Alice", "Bob", run.digest, "$20.03", "INV-9", "File, ledger and Stripe"):
            assert expected in page, expected
        assert "http" not in page, "nothing is loaded"
        assert "<dt>Control totals typed</dt><dd>none</dd>" in page

    def test_the_printed_page_has_what_the_maker_typed(self, world) -> None:
        control = ControlTotals(2, {"usd": 2_003})
        run = executed(world, invoices(payers(world, 2)), control=control)
        certify(world, run)
        page = world.services.runs.papers.certificate(run.id, by=VERA).decode()
        assert "<dt>Control totals typed</dt><dd>2 rows, $20.03</dd>" in page
