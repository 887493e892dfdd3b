"""Incidents on the pages: red on Home, a list, the evidence, and the honest ways out."""

from __future__ import annotations

import csv
import io

import pytest
from streamlit.testing.v1 import AppTest

from lib.domain.incidents import CONFLICT, UNEXPECTED, Incident, Resolution
from lib.domain.mirror import PaymentIntent
from lib.settings import Mode
from lib.ui import stripe_links
from tests.ui.charge_pages import button, buttons, choose, confirm, exported, field, ran, text
from tests.ui.conftest import PASSWORD, TEST_MODE
from tests.unexpected_payments import conflict, marked_payment, paid_late, the_incident
from tests.world import ALICE, World


@pytest.fixture
def customer(world: World) -> str:
    made = world.customer()
    world.save_card(made)
    return made


@pytest.fixture
def late(world: World, customer: str) -> Incident:
    paid_late(world, customer)
    return the_incident(world, UNEXPECTED)


def settled(world: World, incident: Incident) -> Incident:
    return world.services.incidents.views.incident(incident.id).incident


def press(at: AppTest, beginning: str) -> AppTest:
    return ran(button(confirm(at), beginning).click().run())


def test_nothing_is_open(open_page) -> None:
    assert "No incidents" in text(open_page("incidents", as_="vera"))
    assert "to be settled" not in text(open_page("home", as_="vera"))


def links(at: AppTest) -> list[str]:
    return [link.label for link in at.get("page_link")]


def test_home_is_red_and_leads_there(open_page, late) -> None:
    at = open_page("home", as_="vera")
    assert "1 incident waits to be settled." in text(at)
    assert "Everything Stripe has is here" not in text(at), "no green beside it"
    assert "See them" in links(at)
    at = open_page("charges", as_="vera", query={"charge": late.charge_id})
    assert "See the incident" in links(at)


def test_the_list_opens_one_at_an_address_of_its_own(open_page, late) -> None:
    at = open_page("incidents", as_="vera")
    frame = at.dataframe[0].value
    assert list(frame["title"]) == ["Unexpected payment"]
    assert list(frame["state"]) == [["Open"]]
    assert list(frame["reference"]) == ["INV-1"]
    assert list(frame["amount"]) == ["$10.00"]
    at = choose(at, "incidents_rows")
    assert at.query_params["incident"] == late.id
    page_text = text(at)
    assert "The charge had been cancelled here, and was paid all the same." in page_text
    assert "Nothing is charged for INV-1 of this customer until it is settled." in page_text


def test_the_evidence_stands_side_by_side(open_page, world, late) -> None:
    at = open_page("incidents", as_="vera", query={"incident": late.id})
    stripe, ledger = (table.value for table in at.dataframe)
    assert list(stripe["payment"]) == list(ledger["payment"]) == [late.payment_intent]
    assert list(stripe["marks"]) == list(ledger["charge"]) == [f"{late.charge_id}/1"]
    assert not any(key.endswith("_do") for key in buttons(at))
    assert "needs the role operator or approver" in text(at)


def test_keep_it(open_page, world, late) -> None:
    at = open_page("incidents", as_="alice", query={"incident": late.id})
    ran(button(at, f"incident_adopt_{late.id}").click().run())
    assert settled(world, late).is_open, "without a reason nothing happens"
    field(at, f"incident_adopt_{late.id}").set_value("They want to pay it")
    at = press(at, f"incident_adopt_{late.id}")
    assert settled(world, late).resolution is Resolution.ADOPTED
    page_text = text(open_page("incidents", as_="vera", query={"incident": late.id}))
    assert "The payment stands: They want to pay it" in page_text
    assert "Settled by Alice Operator" in page_text
    assert "to be settled" not in text(open_page("home", as_="vera"))


def test_refund_it(open_page, world, late) -> None:
    at = open_page("incidents", as_="alice", query={"incident": late.id})
    field(at, f"incident_refund_form_{late.id}").set_value("It had been cancelled")
    at = press(at, f"incident_refund_form_{late.id}")
    assert "Waits for a second person to approve it" in text(at)
    (order,) = world.services.refunds.to_decide()
    at = open_page("incidents", as_="bob", query={"incident": late.id})
    field(at, f"incident_refund_{order.id}").set_value(PASSWORD)
    at = press(at, f"incident_refund_{order.id}_approve")
    assert settled(world, late).resolution is Resolution.REFUNDED
    assert "Settled by Onfile" in text(at)


def test_a_second_payment_cannot_be_kept(open_page, world, customer) -> None:
    charge = world.charge(customer, reference="INV-1").charge
    marked_payment(world, customer, charge_id=charge.id)
    world.services.sync.run_now(by=ALICE, full=True)
    incident = the_incident(world, UNEXPECTED)
    at = open_page("incidents", as_="alice", query={"incident": incident.id})
    assert "Another payment of INV-1 is in the ledger" in text(at)
    assert not any(key.startswith("incident_adopt") for key in buttons(at))
    assert next(iter(at.dataframe[0].value["payment"])) == incident.payment_intent
    assert any(key.startswith("incident_refund_form") for key in buttons(at))


def test_two_people_settle_a_conflict(open_page, world, customer) -> None:
    world.charge(customer, reference="INV-1")
    incident = conflict(world, customer)
    at = open_page("incidents", as_="ada", query={"incident": incident.id})
    field(at, f"incident_accept_{incident.id}").set_value("Both were owed")
    at = press(at, f"incident_accept_{incident.id}")
    assert "You prepared it, so somebody else decides." in text(at)
    assert not any("_approve" in key for key in buttons(at))
    at = open_page("approvals", as_="bob")
    assert "Both were owed" in text(at)
    field(at, "approvals_incident_").set_value(PASSWORD)
    at = press(at, "approvals_incident_")
    assert settled(world, incident).resolution is Resolution.ACCEPTED
    assert "Nothing waits" in text(at)


def test_an_approver_alone_may_propose_and_take_it_back(open_page, world, customer) -> None:
    world.charge(customer, reference="INV-1")
    incident = conflict(world, customer)
    at = open_page("incidents", as_="bob", query={"incident": incident.id})
    assert not any(key.startswith("incident_refund_form") for key in buttons(at))
    field(at, f"incident_accept_{incident.id}").set_value("Both were owed")
    at = press(at, f"incident_accept_{incident.id}")
    at = press(at, "incident_proposal_")
    assert world.services.incidents.proposals.to_decide() == []
    assert "Taken back." in text(at)


def test_one_that_is_not_there(open_page) -> None:
    at = open_page("incidents", as_="vera", query={"incident": "inc_none"})
    assert "No such incident" in text(at)


@pytest.mark.parametrize(
    ("mode", "address"),
    [
        (Mode.PRACTICE, None),
        (Mode.TEST, "https://dashboard.stripe.com/test/payments/pi_1"),
        (Mode.LIVE, "https://dashboard.stripe.com/payments/pi_1"),
    ],
)
def test_the_way_to_stripes_dashboard(mode: Mode, address: str | None) -> None:
    assert stripe_links.payment(mode, "pi_1") == address


class TestInTestMode:
    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return TEST_MODE

    def test_each_payment_leads_to_stripes_dashboard(self, open_page, world) -> None:
        payment = PaymentIntent(
            "pi_1",
            False,
            "succeeded",
            "cus_1",
            None,
            1700,
            "eur",
            "chg_1",
            1,
            None,
            None,
            None,
            world.now,
        )
        with world.uow.write() as stores:
            stores.payments.save_payment_intents([payment], synced_at_ms=1)
            stores.incidents.add(
                "inc_1", kind=CONFLICT, subject="pi_1", details={"customer": "cus_1"}, at=world.now
            )
        at = open_page("incidents", as_="vera", query={"incident": "inc_1"})
        (button,) = at.get("link_button")
        assert button.url == "https://dashboard.stripe.com/test/payments/pi_1"
        assert "any reference of theirs may be meant" in text(at)


def test_the_list_has_periods_and_a_file(open_page, services, late) -> None:
    at = open_page("incidents", as_="vera", query={"incidents_period": "last_month"})
    assert "Choose another state or period" in text(at)
    at = open_page("incidents", as_="vera", query={"incidents_period": "this_month"})
    assert "1 incident, 1" in text(at)
    file = exported(at, services, "incidents_export", "csv")
    (line,) = csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")))
    assert (line["What"], line["State"]) == ("Unexpected payment", "Open")
    assert line["Amount"].endswith(".00")
    settled_at = next(name for name in line if name.startswith("Settled ("))
    assert (line[settled_at], line["How"]) == ("", "")
