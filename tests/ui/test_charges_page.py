"""The list of charges and the panel of one: try again, recover, cancel, find out."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date

import pytest
import python_calamine
from streamlit.testing.v1 import AppTest

from lib.domain.charges import Outcome
from lib.domain.mirror import Decline
from lib.errors import Refused
from lib.services.ledger.attempts import AttemptResult, record_result
from tests.beginnings import made_once
from tests.stripe_account import make_default
from tests.tries import try_again
from tests.ui.charge_pages import button, buttons, choose, exported, field, ran, text
from tests.world import ALICE, ALWAYS_DECLINES, WANTS_AUTHENTICATION, World


@pytest.fixture
@made_once
def declined(world: World) -> str:
    customer = world.customer()
    world.save_card(customer, ALWAYS_DECLINES)
    return world.charge(customer, amount="20.00").charge.id


def state_of(world: World, charge_id: str) -> str:
    return world.services.charges.view(charge_id).charge.state.value


class TestList:
    def test_empty(self, open_page) -> None:
        at = open_page("charges", as_="alice")
        assert "No charges yet" in text(at)
        assert not at.dataframe

    def test_rows_say_who_what_and_why(self, open_page, declined) -> None:
        row = open_page("charges", as_="vera").dataframe[0].value.iloc[0]
        assert (row["name"], row["amount"], row["states"]) == ("Acme Ltd", "$20.00", ["Declined"])
        assert row["why"] == "Bank refused"
        assert row["method"] == "Visa ···· 0341"

    def test_state_and_search_and_customer_narrow_it(self, open_page, world, declined) -> None:
        other = world.customer("Berta GmbH")
        world.save_card(other)
        world.charge(other, reference="B-1")
        at = open_page("charges", as_="alice")
        assert len(at.dataframe[0].value) == 2
        ran(at.pills(key="charges_state").set_value("succeeded").run())
        assert list(at.dataframe[0].value["name"]) == ["Berta GmbH"]
        at = open_page("charges", as_="alice")
        ran(at.text_input(key="charges_search").set_value("acme").run())
        assert list(at.dataframe[0].value["name"]) == ["Acme Ltd"]
        at = open_page("charges", as_="alice", query={"customer": other})
        assert list(at.dataframe[0].value["name"]) == ["Berta GmbH"]
        ran(at.button(key="charges_everyone").click().run())
        assert len(at.dataframe[0].value) == 2

    @pytest.mark.parametrize("charge_id", ["chg_nothing", "x" * 100_000, "<b>", "' OR 1=1"])
    def test_an_unknown_id_is_a_sentence(self, charge_id, open_page) -> None:
        at = open_page("charges", as_="alice", query={"charge": charge_id})
        assert "There is no such charge." in text(at)

    def test_new_charge_is_for_those_who_may(self, open_page) -> None:
        assert "charges_new" in buttons(open_page("charges", as_="alice"))
        assert "charges_new" not in buttons(open_page("charges", as_="vera"))


class TestPanel:
    def test_a_row_opens_it(self, open_page, declined) -> None:
        at = choose(open_page("charges", as_="alice"), "charges_rows")
        page_text = text(at)
        assert "The bank refused and gives no reason." in page_text
        assert "Alice Operator sent a charge of $20.00 on Visa ···· 0341." in page_text
        assert "Declined. No money moved. Stripe said so at once." in page_text

    def test_a_viewer_sees_no_action_and_no_link(self, open_page, declined) -> None:
        at = open_page("charges", as_="vera", query={"charge": declined})
        assert "The bank refused and gives no reason." in text(at)
        assert not any(key.startswith("charge_") for key in buttons(at))
        assert not any("/l/" in code.value for code in at.code)

    def test_a_lost_card_is_named_in_the_folded_facts_only(self, open_page, world) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.fault("lost_request")
        charge = world.charge(customer).charge.id
        decline_as_lost(world, charge)
        for page in ("charges", "failures"):
            at = open_page(page, as_="alice", query={"charge": charge})
            assert "This card must not be charged again." in text(at)
            cells = at.dataframe[0].value.to_csv()
            facts = {"lost_card", "41"}
            codes = [code.value for code in at.code]
            assert "lost_card" in codes
            said = " ".join([text(at), cells, *(c for c in codes if c not in facts)]).lower()
            for word in ("lost", "stolen", "fraud"):
                assert word not in said

    def test_try_again_waits_until_it_makes_sense(self, open_page, declined, world) -> None:
        at = open_page("charges", as_="alice", query={"charge": declined})
        assert button(at, f"charge_again_{declined}").disabled
        assert "Visa ···· 0341: not before 24 Nov 2026" in text(at)
        world.clock.advance(days=1, minutes=1)
        assert not button(at.run(), f"charge_again_{declined}").disabled

    def test_try_again_with_another_method(self, open_page, declined, world) -> None:
        view = world.services.charges.view(declined)
        world.clock.advance(minutes=5)
        other = world.save_card(view.charge.customer, "5555555555554444")
        at = open_page("charges", as_="alice", query={"charge": declined})
        assert "New card saved: Mastercard ···· 4444" in text(at)
        choice = next(r for r in at.radio if r.key.startswith("charge_again_method"))
        assert choice.value == other
        ran(button(at, f"charge_again_{declined}").click().run())
        assert world.moved() == [(2000, "usd")]
        assert state_of(world, declined) == "succeeded"
        assert not any(key.startswith("charge_again") for key in buttons(at))

    def test_a_click_on_what_was_seen_before_does_nothing(self, open_page, declined, world) -> None:
        customer = world.services.charges.view(declined).charge.customer
        world.clock.advance(minutes=5)
        bad = world.save_card(customer, "4000008260003178")
        good = world.save_card(customer)
        at = open_page("charges", as_="alice", query={"charge": declined})
        choice = next(r for r in at.radio if r.key.startswith("charge_again_method"))
        assert len(choice.options) == 2
        choice.set_value(bad)
        try_again(world.services.charges, declined, by=ALICE, payment_method=good, attempt=2)
        ran(button(at, f"charge_again_{declined}").click().run())
        assert world.moved() == [(2000, "usd")]

    def test_a_large_sum_is_typed_again(self, open_page, world) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        charge = world.charge(customer, amount="5000.00", method=bad).charge.id
        world.save_card(customer)
        at = open_page("charges", as_="alice", query={"charge": charge})
        ran(button(at, f"charge_again_{charge}").click().run())
        assert "Type 5000\\.00 to confirm" in at.error[0].value
        field(at, "charge_again_amount").set_value("5000")
        ran(button(at, f"charge_again_{charge}").click().run())
        assert world.moved() == [(500000, "usd")]

    def test_the_recovery_link_is_made_again_after_it_ended(
        self, open_page, declined, world
    ) -> None:
        world.clock.advance(days=31)
        at = open_page("charges", as_="alice", query={"charge": declined})
        assert not any("/l/" in code.value for code in at.code)
        ran(button(at, "charge_recover").click().run())
        assert any("/l/" in code.value for code in at.code)

    @pytest.mark.parametrize(("typed", "state"), [("", "declined"), ("cancel", "cancelled")])
    def test_cancel(self, typed, state, open_page, declined, world) -> None:
        at = open_page("charges", as_="alice", query={"charge": declined})
        field(at, "charge_cancel_word").set_value(typed)
        ran(button(at, f"charge_cancel_{declined}").click().run())
        assert state_of(world, declined) == state
        assert bool(at.error) == (state == "declined")

    def test_what_stops_a_try_again_is_opened_with_a_reason(self, open_page, world) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        charge = world.charge(customer, amount="20.00", reference="INV-1").charge.id
        good = world.save_card(customer)
        world.charge(customer, amount="20.00", reference="inv 01", method=good)
        world.clock.advance(minutes=1)
        query = {"charge": charge}
        at = open_page("charges", as_="alice", query=query)
        ran(button(at, f"charge_again_{charge}").click().run())
        assert "is “INV-1” the same, written in another way?" in text(at)
        ran(button(at, f"charge_again_{charge}").click().run())
        assert "Tick “Charge it all the same”" in text(at)
        assert len(world.moved()) == 1
        next(one for one in at.checkbox if one.key.endswith("_despite")).check()
        field(at, "charge_again_").set_value("Two deliveries, I asked.")
        ran(button(at, f"charge_again_{charge}").click().run())
        assert state_of(world, charge) == "succeeded"
        assert len(world.moved()) == 2
        (entry,) = world.rows("SELECT * FROM audit_log WHERE action = 'charge.despite'")
        assert (entry["actor"], entry["subject"]) == ("alice", charge)
        assert "Two deliveries, I asked." in entry["detail"]

    def test_an_opened_try_again_is_asked_anew_when_something_changed(
        self, open_page, world
    ) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        charge = world.charge(customer, amount="20.00", reference="INV-1").charge.id
        good = world.save_card(customer)
        world.charge(customer, amount="20.00", reference="inv 01", method=good)
        at = open_page("charges", as_="alice", query={"charge": charge})
        ran(button(at, f"charge_again_{charge}").click().run())
        world.services.charges.charge(
            replace(
                world.order(customer, amount="20.00", reference="INV 001", method=good),
                despite={"reference_alike": "Asked."},
            ),
            by=ALICE,
        )
        next(one for one in at.checkbox if one.key.endswith("_despite")).check()
        field(at, "charge_again_").set_value("Two deliveries, I asked.")
        ran(button(at, f"charge_again_{charge}").click().run())
        assert state_of(world, charge) == "declined"
        assert len(world.moved()) == 2

    def test_an_older_default_is_asked_about_there_too(self, open_page, world) -> None:
        customer = world.customer()
        bad = world.save_card(customer, ALWAYS_DECLINES)
        default = world.save_card(customer)
        make_default(world, customer, default)
        world.clock.advance(minutes=1)
        world.save_card(customer, "5555555555554444")
        charge = world.charge(customer, amount="20.00", method=bad).charge.id
        at = open_page("charges", as_="alice", query={"charge": charge})
        assert "later than Visa ···· 4242, the default at Stripe" in text(at)
        ran(button(at, f"charge_again_{charge}").click().run())
        assert "Choose the saved method that is meant." in text(at)
        choice = next(r for r in at.radio if r.key.startswith("charge_again_method"))
        choice.set_value(default)
        ran(button(at, f"charge_again_{charge}").click().run())
        assert state_of(world, charge) == "succeeded"

    def test_look_now_settles_an_unknown_outcome(self, open_page, world) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.lose_reply()
        charge = world.charge(customer).charge.id
        world.clock.advance(seconds=61)
        at = open_page("charges", as_="alice", query={"charge": charge})
        assert not any(key.startswith("charge_again") for key in buttons(at))
        ran(button(at, "charge_look").click().run())
        assert state_of(world, charge) == "succeeded"
        assert "event log has an entry for exactly this try" in text(at)
        assert len(world.moved()) == 1

    def test_names_stay_text(self, open_page, world) -> None:
        customer = world.customer("<b>Eve</b> :red[x]")
        world.save_card(customer)
        charge = world.charge(customer, reference="=cmd $x$ *y*").charge.id
        at = open_page("charges", as_="alice", query={"charge": charge})
        happened = next(m.value for m in at.markdown if "Charged on" in m.value)
        assert "\\=cmd \\$x\\$ \\*y\\*" in happened

    def test_a_recovery_link_that_stripe_would_refuse_says_so(self, open_page, world) -> None:
        customer = world.customer()
        world.save_card(customer, WANTS_AUTHENTICATION)
        charge = world.charge(customer).charge.id
        world.stripe.configure({"payment_method_types": ["link"]})
        with pytest.raises(Refused):
            world.services.links.create(form_key="a", guest=True, by=ALICE)
        [error] = open_page("charges", as_="alice", query={"charge": charge}).error
        assert "Setup links do not work" in error.value

    def test_the_customer_who_must_confirm_gets_a_message(self, open_page, world) -> None:
        customer = world.customer()
        world.save_card(customer, WANTS_AUTHENTICATION)
        charge = world.charge(customer).charge.id
        at = open_page("charges", as_="alice", query={"charge": charge})
        assert button(at, f"charge_again_{charge}").disabled
        [message] = [code.value for code in at.code if "asks you to confirm" in code.value]
        assert message.endswith("Kind regards"), "nobody's name is known"
        world.services.ownership.learn_company()
        [message] = [code.value for code in at.run().code if "asks you to confirm" in code.value]
        assert message.endswith("Kind regards\nOnfile Practice Ltd")


def decline_as_lost(world: World, charge_id: str) -> None:
    """No card that a bank reports as lost can be saved first, so the answer is recorded by hand."""
    decline = Decline(
        code="card_declined",
        decline_code="lost_card",
        network_decline_code="41",
        advice_code="do_not_try_again",
        message="The card is lost.",
    )
    decline_as(world, charge_id, decline)


def decline_as(world: World, charge_id: str, decline: Decline, *, http_status: int = 402) -> None:
    """Of an unknown outcome."""
    with world.services.uow.write() as stores:
        attempt = stores.charges.attempts(charge_id)[-1]
        assert record_result(
            stores,
            attempt,
            AttemptResult(Outcome.DECLINED, http_status=http_status, decline=decline),
            evidence="reply",
            at=world.now,
        )


class TestNextStep:
    """What the box names as the next step is the one primary button."""

    @pytest.mark.parametrize(
        ("decline", "http_status", "next_step"),
        [
            (Decline(code="card_declined", decline_code="insufficient_funds"), 402, "Send to "),
            (Decline(code="authentication_required"), 402, "Send to "),
            (Decline(code="expired_card"), 402, "Send to "),
            (Decline(code="card_declined", decline_code="do_not_honor"), 402, "Send to "),
            (Decline(code="card_declined", decline_code="lost_card"), 402, "Send to "),
            (Decline(code="card_declined", decline_code="currency_not_supported"), 402, "Send to "),
            (Decline(code="payment_intent_incompatible_payment_method"), 400, "Send to "),
            (
                Decline(code="card_declined", decline_code="duplicate_transaction"),
                402,
                "Look at this",
            ),
            (Decline(code="parameter_invalid_integer"), 400, "Charge "),
            # Nothing now: later the same card, or what Stripe's Dashboard says.
            (Decline(code="processing_error"), 402, None),
            (Decline(code="card_declined", outcome_type="blocked"), 402, None),
        ],
        ids=lambda case: (case.decline_code or case.code) if isinstance(case, Decline) else "",
    )
    def test_is_the_primary_button(self, decline, http_status, next_step, open_page, world) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.fault("lost_request")
        charge = world.charge(customer).charge.id
        decline_as(world, charge, decline, http_status=http_status)
        found = primary(open_page("charges", as_="alice", query={"charge": charge}))
        assert [label[: len(next_step or "")] for label in found] == (
            [next_step] if next_step else []
        )

    def test_is_to_send_where_onfile_can_and_nothing_once_it_did(
        self, open_page, declined, world
    ) -> None:
        at = open_page("charges", as_="alice", query={"charge": declined})
        assert [label[:8] for label in primary(at)] == ["Send to "]
        ran(button(at, "charge_message_").click().run())
        assert primary(at) == []

    def test_is_to_charge_once_another_card_is_saved(self, open_page, declined, world) -> None:
        world.clock.advance(minutes=1)
        view = world.services.charges.view(declined)
        world.save_card(view.charge.customer)
        at = open_page("charges", as_="alice", query={"charge": declined})
        assert primary(at) == [r"Charge \$20\.00 again"]


def primary(at: AppTest) -> list[str]:
    """Labels of what stands out, of the page and its drawer."""
    return [
        str(found.proto.label)
        for kind in ("button", "link_button")
        for found in at.get(kind)
        if found.proto.type == "primary" and not found.proto.disabled and found.key != "charges_new"
    ]


def test_a_failed_payment_that_was_paid_with_another_sum_is_said(
    open_page, declined, world
) -> None:
    """The sum was changed and the payment confirmed in the Dashboard, say."""
    last = world.services.charges.view(declined).last
    assert last is not None
    world.stripe.alter(last.payment_intent, {"status": "succeeded", "amount": 1_700})
    world.clock.advance(days=3)
    world.services.charge_resolver.reconcile(by=ALICE)
    at = open_page("charges", as_="alice", query={"charge": declined})
    page_text = text(at)
    assert (
        f"Stripe has a payment of $17.00 for INV-1 that this ledger did not expect ({last.payment_intent}: succeeded)"
        in page_text
    )
    assert not any(key.startswith(("charge_again", "charge_cancel")) for key in buttons(at))
    assert world.services.charges.view(declined).recovery_link is None
    assert "Message for the customer" not in page_text
    # Whatever two people then say of it, nothing is offered that would be refused.
    with world.uow.write() as stores:
        (incident,) = stores.incidents.open()
    world.services.incidents.payments.adopt(
        incident.id, reason="The customer paid the rest", by=ALICE
    )
    at = open_page("charges", as_="alice", query={"charge": declined})
    assert "INV-1 was charged already: $17.00" in text(at)
    assert not any(key.startswith(("charge_again", "charge_cancel")) for key in buttons(at))


def test_a_failed_charge_whose_debt_another_one_paid_offers_nothing_that_is_refused(
    open_page, declined, world
) -> None:
    customer = world.services.charges.view(declined).charge.customer
    good = world.save_card(customer)
    world.clock.advance(days=2)
    assert any(
        key.startswith("charge_again")
        for key in buttons(open_page("charges", as_="alice", query={"charge": declined}))
    )
    world.charge(customer, amount="19.00", method=good)
    at = open_page("charges", as_="alice", query={"charge": declined})
    assert "INV-1 was charged already: $19.00" in text(at)
    assert not any(key.startswith(("charge_again", "charge_cancel")) for key in buttons(at))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_export_has_the_books_columns_and_leaves_by_a_route_of_ours(
    kind, world, services, open_page, declined
) -> None:
    other = world.customer("Berta GmbH")
    world.save_card(other)
    world.charge(other, reference="B-1", amount="12.34", currency="eur")
    at = open_page("charges", as_="vera", query={"charges_state": "succeeded"})
    file = exported(at, services, "charges_export", kind)
    assert file.name == f"charges.{kind}"
    if kind == "csv":
        header, line = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
        assert header[:5] == ["Date (UTC)", "Reference", "Customer", "E-mail", "Amount"]
        assert line[:2] == ["2026-11-23T12:00:00+00:00", "B-1"]
        assert line[4:7] == ["12.34", "EUR", "Succeeded"]
    else:
        book = python_calamine.load_workbook(io.BytesIO(file.content))
        assert book.sheet_names == ["Charges", "Fields", "Sums"]
        row = book.get_sheet_by_name("Charges").to_python()[1]
        assert (str(row[0]), row[4]) == ("2026-11-23 12:00:00", 12.34)
        assert book.get_sheet_by_name("Sums").to_python()[1:] == [["EUR", "Succeeded", 1, 12.34]]
    (entry,) = world.rows("SELECT * FROM audit_log WHERE action = 'download'")
    assert json.loads(entry["detail"])["filters"] == {"charges_state": "succeeded"}
    assert json.loads(entry["detail"])["rows"] == 1


class TestFoot:
    @pytest.fixture
    @made_once
    def many(self, world) -> None:
        customer = world.customer()
        world.save_card(customer)
        for number in range(51):
            code = "eur" if number % 2 else "usd"
            world.charge(
                customer, reference=f"FOOT-{number:02}", amount=f"{number + 1}.00", currency=code
            )
            world.clock.advance(seconds=1)

    def test_which_of_how_many_and_their_sums(self, open_page, many) -> None:
        at = open_page("charges", as_="vera")
        page_text = text(at)
        assert "1–50 of 51 charges" in page_text
        # 2 + 4 + … + 50, and 1 + 3 + … + 51.
        assert "€650.00\N{NO-BREAK SPACE}:gray[·\N{NO-BREAK SPACE}25]" in page_text
        assert "$676.00\N{NO-BREAK SPACE}:gray[·\N{NO-BREAK SPACE}26]" in page_text
        ran(at.button(key="charges_pager_older").click().run())
        assert "51–51 of 51 charges" in text(at)
        ran(at.text_input(key="charges_search").set_value("FOOT-50").run())
        assert "1 charge\n" in f"{text(at)}\n"
        assert "$51.00\N{NO-BREAK SPACE}:gray[·\N{NO-BREAK SPACE}1]" in text(at)
        assert at.pills(key="charges_state").options[0] == "Succeeded · 1"

    def test_a_month_is_the_installations(self, open_page, many, world) -> None:
        at = open_page("charges", as_="vera", query={"charges_period": "last_month"})
        assert "No charge matches" in text(at)
        ran(at.selectbox(key="charges_period").set_value("this_month").run())
        assert "1–50 of 51 charges, 1–30 Nov 2026 (UTC)" in text(at)
        ran(at.selectbox(key="charges_period").set_value("days").run())
        ran(at.date_input[0].set_value((date(2026, 11, 1), date(2026, 11, 2))).run())
        assert at.query_params["charges_period"] == "2026-11-01..2026-11-02"
        assert "No charge matches" in text(at)

    @pytest.mark.parametrize(
        ("order", "first"), [("largest", ["$51.00", "$49.00"]), ("smallest", ["€2.00", "€4.00"])]
    )
    def test_amounts_are_ordered_by_value_a_currency_after_the_other(
        self, order, first, open_page, many
    ) -> None:
        at = open_page("charges", as_="vera")
        ran(at.selectbox(key="charges_order").set_value(order).run())
        assert at.query_params["charges_order"] == order
        assert list(at.dataframe[0].value["amount"][:2]) == first
