"""Customers that are the same to a person stand beside each other wherever one is chosen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lib.domain.correction_fields import Field
from lib.domain.runs import Run as ChargeRun
from lib.domain.runs import Severity
from lib.domain.twins import HAS_TWIN
from lib.errors import InvalidInput, NotAdmitted
from lib.services.collect.customers import DuplicateCustomer
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.beginnings import made_once
from tests.charge_runs import approve, rows_of
from tests.commands import Run, commands_of
from tests.spreadsheets.case_files import csv_of
from tests.world import ALICE, ALWAYS_DECLINES, BOB, World


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


@pytest.fixture
@made_once
def twins(world: World) -> tuple[str, str]:
    """One that paid, and one that was made anew in another writing."""
    one = world.customer("Anna Amber", "büro@firma-test.example")
    world.save_card(one)
    world.charge(one, reference="INV-7", amount="12.00")
    world.services.sync.run(full=True)
    return one, world.customer("Anna Blue", "BU\u0308RO@Firma-Test.example")


def test_a_single_charge_waits_until_one_is_chosen(world: World, twins: tuple[str, str]) -> None:
    one, other = twins
    world.save_card(other, "5555555555554444")
    order = world.order(other, reference="INV-8", amount="7.00")
    review = world.services.charges.review(order, by=ALICE)
    [finding] = review.stopped
    assert (finding.code, review.warnings) == (HAS_TWIN, ())
    for told in (one, "Anna Amber", "Visa", "last paid $12.00 on 23 Nov 2026 for INV-7", other):
        assert told in finding.message
    with pytest.raises(NotAdmitted):
        world.services.charges.charge(order, by=ALICE)
    chosen = replace(order, despite={HAS_TWIN: "She called from the other office."})
    assert world.services.charges.charge(chosen, by=ALICE).charge.customer == other
    assert world.moved() == [(1_200, "usd"), (700, "usd")]
    [entry] = [
        json.loads(row["detail"])
        for row in world.rows("SELECT detail FROM audit_log WHERE action = 'charge.despite'")
    ]
    assert (entry["code"], entry["note"]) == (HAS_TWIN, "She called from the other office.")


def test_whoever_was_chosen_once_is_not_asked_for_again(
    world: World, twins: tuple[str, str]
) -> None:
    world.save_card(twins[1], ALWAYS_DECLINES)
    order = replace(world.order(twins[1], reference="INV-8"), despite={HAS_TWIN: "By the card."})
    world.services.charges.charge(order, by=ALICE)
    world.save_card(twins[1])
    again = world.services.charges.review(replace(order, despite={}), by=ALICE)
    assert again.stopped == ()
    assert any("2 customers have the address" in one for one in again.warnings)


class TestRowsThatNameOneByItsId:
    """As in a single charge: stopped, until somebody says which is meant."""

    @pytest.fixture
    @made_once
    def draft(self, world: World, twins: tuple[str, str]) -> ChargeRun:
        world.services.users.add_practice_users()
        world.save_card(twins[1])
        rows = [(twins[0], "8.00", "usd", "INV-8"), (twins[1], "9.00", "usd", "INV-9")]
        upload = world.services.runs.files.open(csv_of(rows), "file.csv")
        return world.services.runs.files.create_run(upload, name="Case", by=ALICE)

    def execute(self, world: World, run_id: str) -> None:
        world.services.runs.control.start(run_id, by=ALICE)
        assert world.services.runs.executor.execute(run_id)

    def test_they_are_stopped_with_both_beside_each_other(
        self, world: World, twins: tuple[str, str], draft: ChargeRun
    ) -> None:
        rows = rows_of(world, draft.id)
        assert [[(one.code, one.severity) for one in row.findings] for row in rows] == [
            [(HAS_TWIN, Severity.STOPPED)]
        ] * 2
        for row in rows:
            for told in (*twins, "Anna Amber", "Anna Blue", "Visa", "last paid $12.00"):
                assert told in row.findings[0].message
        choices = world.services.runs.draft_views.choices(draft.id, 2)
        assert {twin.customer.id for twin in choices.customers} == set(twins)

    def test_an_approver_needs_a_reason_and_then_they_are_charged(
        self, world: World, draft: ChargeRun
    ) -> None:
        runs = world.services.runs
        submitted = runs.approvals.submit(draft.id, by=ALICE)
        with pytest.raises(InvalidInput, match="2 rows are stopped") as refused:
            approve(world, submitted)
        assert refused.value.code == "note_missing"
        runs.approvals.approve(
            draft.id,
            digest=submitted.digest or "",
            by=BOB,
            password=PRACTICE_PASSWORD,
            note="Both branches were asked.",
        )
        self.execute(world, draft.id)
        assert sorted(world.moved()) == [(800, "usd"), (900, "usd"), (1_200, "usd")]

    def test_whoever_was_chosen_in_the_draft_is_charged(
        self, world: World, twins: tuple[str, str], draft: ChargeRun
    ) -> None:
        correct = world.services.runs.corrections.correct
        correct(draft.id, [2], {Field.CUSTOMER: twins[1]}, reason="The younger.", by=ALICE)
        correct(draft.id, [3], {Field.CUSTOMER: twins[0]}, reason="The elder.", by=ALICE)
        rows = rows_of(world, draft.id)
        assert [[one.code for one in row.findings] for row in rows] == [["corrected"]] * 2
        approve(world, world.services.runs.approvals.submit(draft.id, by=ALICE))
        self.execute(world, draft.id)
        assert [row.state for row in rows_of(world, draft.id)] == ["sent"] * 2
        assert sorted(world.moved()) == [(800, "usd"), (900, "usd"), (1_200, "usd")]

    def test_a_choice_covers_no_invoice_that_the_other_paid_under_a_look_alike(
        self, world: World, twins: tuple[str, str], draft: ChargeRun
    ) -> None:
        """Anna Amber paid $12.00 for INV-7."""
        correct = world.services.runs.corrections.correct
        correct(draft.id, [3], {Field.CUSTOMER: twins[1]}, reason="The younger.", by=ALICE)
        meant = {Field.AMOUNT: "12.00", Field.REFERENCE: "inv 07"}
        correct(draft.id, [3], meant, reason="By the invoice.", by=ALICE)
        found = {one.code: one.severity for one in rows_of(world, draft.id)[1].findings}
        assert found == {"reference_alike": Severity.STOPPED, "corrected": Severity.AMBER}
        correct(draft.id, [2], {Field.CUSTOMER: twins[0]}, reason="The elder.", by=ALICE)
        with pytest.raises(InvalidInput, match="1 row is stopped"):
            approve(world, world.services.runs.approvals.submit(draft.id, by=ALICE))

    def test_nor_one_that_the_other_pays_before_the_run_is_executed(
        self, world: World, twins: tuple[str, str], draft: ChargeRun
    ) -> None:
        correct = world.services.runs.corrections.correct
        correct(draft.id, [2], {Field.CUSTOMER: twins[0]}, reason="The elder.", by=ALICE)
        correct(draft.id, [3], {Field.CUSTOMER: twins[1]}, reason="The younger.", by=ALICE)
        approve(world, world.services.runs.approvals.submit(draft.id, by=ALICE))
        order = world.order(twins[0], reference="inv/09", amount="9.00")
        chosen = replace(order, despite={HAS_TWIN: "She called."})
        world.services.charges.charge(chosen, by=ALICE)
        self.execute(world, draft.id)
        assert [row.state for row in rows_of(world, draft.id)] == ["sent", "blocked"]
        assert sorted(world.moved()) == [(800, "usd"), (900, "usd"), (1_200, "usd")]

    def test_a_choice_covers_whom_it_was_made_beside(
        self, world: World, twins: tuple[str, str], draft: ChargeRun
    ) -> None:
        runs = world.services.runs
        runs.corrections.correct(
            draft.id, [2], {Field.CUSTOMER: twins[1]}, reason="The younger.", by=ALICE
        )
        newest = world.customer("Anna Cyan", "büro@Firma-Test.example")
        runs.drafts.check_again(draft.id, by=ALICE)
        stopped, _ = rows_of(world, draft.id)
        assert [one.code for one in stopped.findings] == [HAS_TWIN, "corrected"]
        assert stopped.findings[0].severity is Severity.STOPPED
        assert newest in stopped.findings[0].message
        with pytest.raises(InvalidInput, match="2 rows are stopped"):
            approve(world, runs.approvals.submit(draft.id, by=ALICE))

    def test_the_same_customer_can_be_chosen_again(
        self, world: World, twins: tuple[str, str], draft: ChargeRun
    ) -> None:
        correct = world.services.runs.corrections.correct
        correct(draft.id, [2], {Field.CUSTOMER: twins[1]}, reason="The younger.", by=ALICE)
        world.customer("Anna Cyan", "büro@Firma-Test.example")
        world.services.runs.drafts.check_again(draft.id, by=ALICE)
        correct(draft.id, [2], {Field.CUSTOMER: twins[1]}, reason="Still she.", by=ALICE)
        correct(draft.id, [3], {Field.CUSTOMER: twins[1]}, reason="As in the file.", by=ALICE)
        rows = rows_of(world, draft.id)
        assert [[one.code for one in row.findings] for row in rows] == [["corrected"]] * 2
        approve(world, world.services.runs.approvals.submit(draft.id, by=ALICE))
        self.execute(world, draft.id)
        assert sorted(world.moved()) == [(800, "usd"), (900, "usd"), (1_200, "usd")]

    def test_a_twin_that_came_after_the_approval_keeps_a_chosen_row_back(
        self, world: World, twins: tuple[str, str], draft: ChargeRun
    ) -> None:
        correct = world.services.runs.corrections.correct
        correct(draft.id, [2], {Field.CUSTOMER: twins[1]}, reason="The younger.", by=ALICE)
        correct(draft.id, [3], {Field.CUSTOMER: twins[0]}, reason="The elder.", by=ALICE)
        approve(world, world.services.runs.approvals.submit(draft.id, by=ALICE))
        world.customer("Anna Cyan", "büro@Firma-Test.example")
        self.execute(world, draft.id)
        found = [(row.state, row.findings[-1].code) for row in rows_of(world, draft.id)]
        assert found == [("blocked", HAS_TWIN)] * 2
        assert world.moved() == [(1_200, "usd")]

    def test_a_twin_that_no_approver_saw_keeps_the_row_back(
        self, world: World, twins: tuple[str, str]
    ) -> None:
        world.services.users.add_practice_users()
        single = world.customer("Carl", "carl@firma.example")
        world.save_card(single)
        world.save_card(twins[1])
        runs = world.services.runs
        upload = runs.files.open(
            csv_of([(single, "8.00", "usd", "INV-8"), (twins[1], "9.00", "usd", "INV-9")]), "a.csv"
        )
        submitted = runs.approvals.submit(
            runs.files.create_run(upload, name="Case", by=ALICE).id, by=ALICE
        )
        runs.approvals.approve(
            submitted.id,
            digest=submitted.digest or "",
            by=BOB,
            password=PRACTICE_PASSWORD,
            note="The younger is meant.",
        )
        world.customer("Carl Anew", "Carl@Firma.example")
        self.execute(world, submitted.id)
        first, second = rows_of(world, submitted.id)
        assert (first.state, first.findings[-1].code, second.state) == ("blocked", HAS_TWIN, "sent")
        assert world.moved()[1:] == [(900, "usd")]


def test_among_many_the_oldest_is_asked_about_too(world: World) -> None:
    ids = [world.customer(f"No. {at}", "many@firma.example") for at in range(25)]
    world.save_card(ids[0])
    [finding] = world.services.charges.review(world.order(ids[0]), by=ALICE).stopped
    assert (finding.code, ids[0] in finding.message) == (HAS_TWIN, True)


def test_a_link_for_one_by_its_id_waits_until_one_is_chosen(
    world: World, twins: tuple[str, str]
) -> None:
    create = world.services.links.create
    with pytest.raises(NotAdmitted) as refused:
        create(form_key="form", customer=twins[0], by=ALICE)
    for told in (*twins, "Anna Amber", "Visa", "No link was made."):
        assert told in str(refused.value)
    made = create(form_key="form", customer=twins[0], by=ALICE, despite={HAS_TWIN: "By her card."})
    assert made.link.customer == twins[0]
    [row] = world.rows(
        "SELECT detail FROM audit_log WHERE action = 'link.create' AND subject = ?", made.link.id
    )
    assert json.loads(row["detail"])["despite"] == {HAS_TWIN: "By her card."}


@pytest.fixture
def nobodys_card(world: World) -> str:
    """Saved by a link for nobody yet."""
    made = world.services.links.create(form_key="guest", guest=True, by=ALICE)
    world.fill(made.session_id)
    world.services.sync.run(full=True)
    [row] = world.rows("SELECT id FROM payment_methods WHERE customer IS NULL")
    return str(row["id"])


def test_a_method_is_attached_to_one_once_it_is_chosen(
    world: World, twins: tuple[str, str], nobodys_card: str
) -> None:
    attach = world.services.payment_methods.attach
    with pytest.raises(NotAdmitted) as refused:
        attach(nobodys_card, customer_id=twins[1], by=ALICE)
    for told in (*twins, "Anna Amber", "Visa", "Nothing was attached."):
        assert told in str(refused.value)
    assert world.services.payment_methods.refresh(nobodys_card).customer is None
    why = {HAS_TWIN: "She opened the link."}
    assert attach(nobodys_card, customer_id=twins[1], by=ALICE, despite=why).customer == twins[1]
    [row] = world.rows("SELECT detail FROM audit_log WHERE action = 'payment_method.attach'")
    assert json.loads(row["detail"]) == {"customer": twins[1], "despite": why}
    assert attach(nobodys_card, customer_id=twins[1], by=ALICE).customer == twins[1], "done already"


class TestOnTheCommandLine:
    def test_a_method_for_one_of_two(
        self, world: World, run: Run, twins: tuple[str, str], nobodys_card: str
    ) -> None:
        command = ("payment-methods", "attach", nobodys_card, "--as", "ada", "--json", "--customer")
        output = run(*command, "BÜRO@firma-test.example")
        assert (output.status, output.error["code"]) == (1, "customer_ambiguous")
        output = run(*command, twins[0])
        assert (output.status, output.error["code"]) == (1, HAS_TWIN)
        assert output.error["findings"][0]["may_be_opened"]
        assert run(*command, twins[0], "--despite", HAS_TWIN).status == 1, "no note"
        done = run(*command, twins[0], "--despite", HAS_TWIN, "--note", "By phone.")
        assert done.json == {"payment_method": nobodys_card, "customer": twins[0]}

    def test_an_address_of_two_is_ambiguous(
        self, world: World, run: Run, twins: tuple[str, str]
    ) -> None:
        charge = ("--amount", "7.00", "--currency", "usd", "--reference", "INV-8")
        for command in (
            ("charge", "--customer", "büro@firma-test.example", *charge),
            ("links", "create", "--customer", "BÜRO@firma-test.example"),
        ):
            output = run(*command, "--as", "ada", "--json")
            assert (output.status, output.error["code"]) == (1, "customer_ambiguous")
            for told in (*twins, "Visa", "last paid $12.00"):
                assert told in output.error["message"]
        assert world.moved() == [(1_200, "usd")]

    def test_an_id_needs_a_word_on_which_is_meant(
        self, world: World, run: Run, twins: tuple[str, str]
    ) -> None:
        world.save_card(twins[1])
        charge = ("--amount", "7.00", "--currency", "usd", "--reference", "INV-8")
        for command in (
            ("charge", "--customer", twins[1], *charge),
            ("links", "create", "--customer", twins[1]),
        ):
            output = run(*command, "--as", "ada", "--json")
            assert (output.status, output.error["code"]) == (1, HAS_TWIN)
            [finding] = output.error["findings"]
            assert (finding["code"], finding["may_be_opened"]) == (HAS_TWIN, True)
            assert twins[0] in finding["message"]
            opened = run(
                *command, "--despite", HAS_TWIN, "--note", "By the card.", "--as", "ada", "--json"
            )
            assert opened.status == 0, opened.err
            assert opened.json["customer"] == twins[1]

    def test_an_address_of_one_is_theirs(self, world: World, run: Run) -> None:
        customer = world.customer("Bob", "bob@firma.example")
        world.save_card(customer)
        output = run(
            *("charge", "--customer", "BOB@firma.example", "--amount", "7.00", "--currency", "usd"),
            *("--reference", "INV-8", "--as", "ada", "--json"),
        )
        assert (output.status, output.json["customer"]) == (0, customer)


def test_a_customer_alone_is_not_doubted(world: World) -> None:
    customer = world.customer("Bob", "bob@firma.example")
    world.save_card(customer)
    review = world.services.charges.review(world.order(customer), by=ALICE)
    assert [warning for warning in review.warnings if "address" in warning] == []


def test_a_link_for_an_address_of_two_is_asked(world: World, twins: tuple[str, str]) -> None:
    with pytest.raises(DuplicateCustomer) as asked:
        world.services.links.create(
            form_key="form", email="büro\u2060@firma-test.example", by=ALICE
        )
    assert [twin.customer.id for twin in asked.value.twins] == [twins[1], twins[0]]
    assert "Visa" in str(asked.value)
    assert "no saved method, never paid" in str(asked.value)


def test_what_tells_them_apart_in_a_list(world: World, twins: tuple[str, str]) -> None:
    details = world.services.customers.details(twins)
    assert details[twins[0]].endswith("last paid $12.00 on 23 Nov 2026 for INV-7")
    assert details[twins[1]] == "no saved method, never paid"


def test_an_existing_address_that_no_validator_likes_gets_its_link(world: World) -> None:
    """Older Japanese mailboxes have two dots in a row."""
    odd = "anna..k@mobile.example"
    world.stripe.adopt_customer("cus_odd", {"email": odd})
    made = world.services.links.create(form_key="form", email=odd, by=ALICE)
    assert made.link.customer == "cus_odd"


LOOKS = "\u0430nna@example.com"
"""With a Cyrillic а, where a customer has a Latin one."""


@pytest.fixture
@made_once
def anna(world: World) -> str:
    customer = world.customer("Anna Amber", "anna@example.com")
    world.save_card(customer)
    world.charge(customer, reference="INV-7", amount="12.00")
    return customer


class TestAnAddressThatLooksLikeAnothers:
    def test_a_link_for_it_is_asked_before_a_customer_is_made(
        self, world: World, run: Run, anna: str
    ) -> None:
        command = ("links", "create", "--as", "ada", "--json", "--email", LOOKS)
        output = run(*command)
        assert (output.status, output.error["code"]) == (1, HAS_TWIN)
        for told in (anna, "Visa", "last paid $12.00", "U+0430 (cyrillic small letter a)"):
            assert told in output.error["message"]
        assert len(world.rows("SELECT 1 FROM customers")) == 1
        assert run(*command, "--despite", HAS_TWIN).status == 1, "no note"
        made = run(*command, "--despite", HAS_TWIN, "--note", "She has both.")
        assert made.status == 0, made.err
        assert made.json["customer"] != anna
        entry = world.rows("SELECT detail FROM audit_log WHERE action = 'link.create'")[-1]
        assert json.loads(entry["detail"])["despite"] == {HAS_TWIN: "She has both."}

    @pytest.mark.parametrize(
        ("known", "other"),
        [
            (LOOKS, "anna@example.com"),
            ("a@stra\u00dfe.example", "a@strasse.example"),
            ("a@xn--strae-oqa.example", "a@STRASSE.example"),
            ("\uff41nna@example.com", "anna@example.com"),
            ("anna@\u0435x\u0430mple.com", "\u0430nna@example.com"),
        ],
    )
    def test_also_where_the_known_one_has_the_odd_letter(
        self, world: World, run: Run, known: str, other: str
    ) -> None:
        world.stripe.adopt_customer("cus_known", {"email": known})
        world.services.sync.run(full=True)
        output = run("links", "create", "--as", "ada", "--json", "--email", other)
        assert (output.status, output.error["code"]) == (1, HAS_TWIN)
        assert "cus_known" in output.error["message"]
        assert "U+" in output.error["message"]

    def test_a_single_charge_and_a_row_are_asked_where_there_are_both(
        self, world: World, run: Run, anna: str
    ) -> None:
        other = world.customer("Anna Odd", LOOKS)
        world.save_card(other)
        charge = ("--amount", "7.00", "--currency", "usd", "--reference", "INV-8")
        command = ("charge", "--as", "ada", "--json", "--customer", LOOKS, *charge)
        output = run(*command)
        assert (output.status, output.error["code"]) == (1, HAS_TWIN)
        assert anna in output.error["message"]
        assert "U+0430" in output.error["message"]
        files = world.services.runs.files
        upload = files.open(csv_of([(LOOKS, "7.00", "usd", "INV-8")]), "one.csv")
        made = files.create_run(upload, name="One", by=ALICE)
        [row] = rows_of(world, made.id)
        assert row.customer == other
        assert (HAS_TWIN, Severity.STOPPED) in [(one.code, one.severity) for one in row.findings]
        done = run(*command, "--despite", HAS_TWIN, "--note", "By phone.")
        assert (done.status, done.json["customer"]) == (0, other)

    def test_what_its_twin_paid_is_not_charged_again_unasked(self, world: World, anna: str) -> None:
        other = world.customer("Anna Odd", LOOKS)
        world.save_card(other)
        review = world.services.charges.review(
            world.order(other, reference="INV-7", amount="12.00"), by=ALICE
        )
        assert "charged_elsewhere" in [one.code for one in review.stopped]

    def test_nobody_is_charged_by_a_look_alike(self, world: World, run: Run, anna: str) -> None:
        charge = ("--amount", "7.00", "--currency", "usd", "--reference", "INV-8")
        output = run("charge", "--as", "ada", "--json", "--customer", LOOKS, *charge)
        assert output.status == 1
        assert world.moved() == [(1_200, "usd")]

    def test_a_pasted_list_names_the_letter(
        self, world: World, run: Run, anna: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "list.csv"
        path.write_text(f"email\n{LOOKS}\n", "utf-8")
        output = run("links", "import", str(path), "--as", "ada", "--json")
        [row] = output.json["rows"]
        assert (row["state"], row["error"]["code"]) == ("failed", "address_looks_like")
        assert "U+0430" in row["error"]["message"]
        world.customer("Anna Odd", LOOKS)
        [row] = run("links", "import", str(path), "--as", "ada", "--json").json["rows"]
        assert (row["state"], row["error"]["code"]) == ("failed", "customer_ambiguous")
