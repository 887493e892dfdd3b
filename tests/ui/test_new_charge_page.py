"""A new charge: fill in, review, confirm, and every outcome."""

from __future__ import annotations

import pytest

from lib.domain.files.number_styles import DecimalSign
from tests.stripe_account import make_default
from tests.ui.charge_pages import button, buttons, field, ran, text
from tests.world import ALICE, ALWAYS_DECLINES, GOOD, WANTS_AUTHENTICATION, World

STAYS_PROCESSING = "4000900000000292"


@pytest.fixture
def fill_in(world: World, open_page):
    """The form for a customer with one card, filled in and sent to review."""

    def filled(number: str = GOOD, *, name: str = "Acme Ltd", **values: str):
        customer = world.customer(name)
        world.save_card(customer, number)
        at = open_page("new_charge", as_="alice", query={"customer": customer})
        return review(at, **values)

    return filled


def review(at, *, amount="1234.50", currency="eur", reference="INV-17", description=""):
    at.selectbox(key="new_charge_currency").set_value(currency)
    at.text_input(key="new_charge_amount").set_value(amount)
    at.text_input(key="new_charge_reference").set_value(reference)
    at.text_input(key="new_charge_description").set_value(description)
    return ran(at.button(key="new_charge_review").click().run())


def confirm(at, typed: str = ""):
    if typed:
        field(at, "new_charge_typed").set_value(typed)
    return ran(at.button(key="new_charge_confirm").click().run())


class TestThatReadTheSame:
    """A browser answers with the words of an option: twins and equal cards must not share them."""

    def test_the_second_of_two_twins_is_the_one_that_was_clicked(self, world, open_page) -> None:
        twins = [world.customer("Acme", email="twin@example.com") for _ in range(2)]
        for wanted in twins:
            at = open_page("new_charge", as_="alice")
            at.radio(key="new_charge_customer_matches").set_value(wanted).run()
            assert at.session_state["new_charge_customer_chosen"] == wanted

    @pytest.mark.parametrize("place", [0, 1])
    def test_the_one_of_two_equal_cards_too(self, world, open_page, place) -> None:
        customer = world.customer()
        wanted = [world.save_card(customer) for _ in range(2)][place]
        at = open_page("new_charge", as_="alice", query={"customer": customer})
        at.radio(key="new_charge_method").set_value(wanted)
        confirm(review(at, amount="12.00"))
        charged = world.rows("SELECT payment_method FROM charges")
        assert [row["payment_method"] for row in charged] == [wanted]


def test_the_example_is_one_of_the_currency(open_page, world) -> None:
    customer = world.customer()
    world.save_card(customer)
    at = open_page("new_charge", as_="alice", query={"customer": customer})
    assert at.text_input(key="new_charge_amount").placeholder == "1234.50"
    world.charge(customer, amount="5000", currency="jpy")
    at = open_page("new_charge", as_="alice", query={"customer": customer})
    assert at.text_input(key="new_charge_amount").placeholder == "1234"


def test_the_currency_is_one_that_the_method_takes(open_page, world) -> None:
    """A SEPA debit is in euros, whatever others were charged in of late."""
    other, customer = world.customer(), world.customer()
    world.save_card(other)
    world.charge(other, amount="5.00", currency="usd")
    world.save_card(customer, "DE89370400440532013000", currency="eur")
    at = open_page("new_charge", as_="alice", query={"customer": customer})
    assert at.selectbox(key="new_charge_currency").value == "eur"


class TestTwins:
    """Two customers with one address stand beside each other until one is chosen."""

    @pytest.fixture
    def reviewed(self, world, open_page):
        twins = [world.customer(name, email="twin@example.com") for name in ("Anna", "Berta")]
        for one in twins:
            world.save_card(one)
        at = open_page("new_charge", as_="alice", query={"customer": twins[0]})
        return twins, review(at, amount="12.00")

    def test_nothing_is_charged_before(self, world, reviewed) -> None:
        _, at = reviewed
        meant = next(one for one in at.radio if one.key.endswith("_twin"))
        assert len(set(meant.options)) == 2
        assert all("Visa" in caption for caption in meant.proto.captions)
        assert not [one for one in at.checkbox if one.key.endswith("_despite")]
        at = confirm(at)
        assert "Choose which of the customers is meant. Nothing was charged." in text(at)
        assert world.moved() == []

    def test_the_one_that_was_reviewed(self, world, reviewed) -> None:
        twins, at = reviewed
        next(one for one in at.radio if one.key.endswith("_twin")).set_value(twins[0])
        confirm(at)
        assert world.moved() == [(1_200, "eur")]
        [entry] = world.rows("SELECT detail FROM audit_log WHERE action = 'charge.despite'")
        assert "Chosen on the page beside" in entry["detail"]
        assert twins[1] in entry["detail"]

    def test_the_other_one_is_reviewed_first(self, world, reviewed) -> None:
        twins, at = reviewed
        next(one for one in at.radio if one.key.endswith("_twin")).set_value(twins[1])
        at = confirm(at)
        assert world.moved() == []
        assert at.text_input(key="new_charge_amount").value == "12.00"
        at = ran(at.button(key="new_charge_review").click().run())
        next(one for one in at.radio if one.key.endswith("_twin")).set_value(twins[1])
        confirm(at)
        [charged] = world.rows("SELECT customer FROM charges")
        assert charged["customer"] == twins[1]


class TestStripeUnreachable:
    def test_nothing_is_lost_and_nothing_waits_unseen(self, world, fill_in) -> None:
        at = fill_in(amount="12.00")
        world.clock.advance(minutes=5)
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=200)
        at = confirm(at)
        assert "went no further. Nothing was changed" in text(at)
        assert "INV-17" in text(at)
        assert world.rows("SELECT * FROM charges") == []
        world.stripe.faults.clear()
        world.clock.advance(minutes=5)
        world.worker.run_once()
        assert world.moved() == []
        confirm(at)
        assert world.moved() == [(1_200, "eur")]


class TestForm:
    def test_empty(self, open_page) -> None:
        at = open_page("new_charge", as_="alice")
        assert at.title[0].value == "New charge"
        assert "new_charge_review" not in buttons(at)
        # Nothing is said to be there that is not.
        assert "New customer" not in text(at)
        assert "Make a setup link" in [link.proto.label for link in at.get("page_link")]

    def test_the_address_fills_it_in(self, world, open_page) -> None:
        customer = world.customer()
        world.save_card(customer)
        second = world.save_card(customer, "5555555555554444")
        query = {
            "customer": customer,
            "method": second,
            "amount": "12.00",
            "currency": "chf",
            "reference": "INV-9",
        }
        at = open_page("new_charge", as_="alice", query=query)
        assert at.radio(key="new_charge_method").value == second
        assert at.text_input(key="new_charge_amount").value == "12.00"
        assert at.selectbox(key="new_charge_currency").value == "chf"
        at = review(at, amount="0", reference="INV-10")
        assert at.text_input(key="new_charge_reference").value == "INV-10"

    @pytest.mark.parametrize(
        "query",
        [
            {"customer": "cus_nobody"},
            {"charge": "chg_nothing"},
            {"customer": "x" * 100_000},
            {"method": "pm_nothing", "currency": "zzz"},
        ],
        ids=["customer", "charge", "long", "method"],
    )
    def test_an_unknown_address_is_no_accident(self, query, world, open_page) -> None:
        if "method" in query:
            query["customer"] = world.customer()
            world.save_card(query["customer"])
        at = open_page("new_charge", as_="alice", query=query)
        assert at.title[0].value == "New charge"
        assert not at.error

    def test_no_usable_method_offers_a_link(self, world, open_page) -> None:
        customer = world.customer()
        world.save_card(customer, exp_year=2026)
        world.clock.advance(days=60)
        at = open_page("new_charge", as_="alice", query={"customer": customer})
        assert "no saved method that can be charged" in text(at)
        assert "Visa ···· 4242: expired" in text(at)
        assert "new_charge_review" not in buttons(at)

    @pytest.mark.parametrize(
        ("amount", "currency", "said"),
        [
            ("0", "eur", "more than zero"),
            ("-1", "eur", "no charge"),
            ("1e3", "eur", "not an amount"),
            ("1,00.50", "eur", "not an amount"),
            ("1 00", "jpy", "not an amount"),
            ("$12", "eur", "another currency"),
            ("", "eur", "Enter the amount"),
            ("10000000000.00", "eur", "larger than Stripe takes"),
            ("1.2345", "eur", "two decimals"),
            ("1.234", "eur", "can mean 1.234 (decimal dot) or 1,234.00 (decimal comma)"),
            ("5.5", "jpy", "no decimals"),
            ("0.10", "eur", "or more"),
            ("9" * 100_000, "eur", "not an amount"),
            ("1\x002", "eur", "U+0000"),
            ("<b>1</b>", "eur", "not an amount"),
        ],
        ids=lambda value: str(value)[:16],
    )
    def test_bad_amounts(self, amount, currency, said, fill_in, world) -> None:
        at = fill_in(amount=amount, currency=currency)
        assert len(at.error) == 1
        assert said in at.error[0].value.replace("\\", "")
        assert at.text_input(key="new_charge_amount").value == amount
        assert at.text_input(key="new_charge_reference").value == "INV-17"
        assert "new_charge_confirm" not in buttons(at)

    @pytest.mark.parametrize(
        ("amount", "sum_"),
        [
            ("120,00", "€120.00"),
            ("1,234.50", "€1,234.50"),
            ("1.234,50", "€1,234.50"),
            ("€1’234.50", "€1,234.50"),
            ("1 234,5 EUR", "€1,234.50"),
        ],
    )
    def test_any_style_that_can_mean_one_thing(self, amount, sum_, fill_in) -> None:
        assert sum_ in text(fill_in(amount=amount, currency="eur"))

    def test_two_sums_are_asked_and_the_answer_is_kept_for_the_person(self, fill_in, world) -> None:
        at = fill_in(amount="1.234", currency="eur")
        assert "new_charge_confirm" not in buttons(at)
        at.segmented_control(key="new_charge_amount_decimal_1.234").set_value("comma")
        at = ran(button(at, "new_charge_review").click().run())
        assert "€1,234.00" in text(at)
        assert world.services.preferences.decimal_sign(ALICE) == "comma"

    @pytest.mark.parametrize(
        ("amount", "currency", "sign", "sum_"),
        [
            ("1.230", "kwd", "comma", "KWD 1,230.000"),
            ("1.230", "kwd", "dot", "KWD 1.230"),
            ("KWD 1.230", "kwd", "comma", "KWD 1,230.000"),
            ("1,230 KWD", "kwd", "comma", "KWD 1.230"),
            ("KWD\N{NO-BREAK SPACE}1,230", "kwd", "dot", "KWD 1,230.000"),
            ("1.230", "eur", "comma", "€1,230.00"),
        ],
    )
    def test_what_the_person_said_the_last_time_is_applied(
        self, amount, currency, sign, sum_, fill_in, world
    ) -> None:
        world.services.preferences.remember_decimal_sign(DecimalSign(sign), by=ALICE)
        at = fill_in(amount=amount, currency=currency)
        assert f"Acme Ltd {sum_} on" in text(at).replace("\N{NO-BREAK SPACE}", " ")

    @pytest.mark.parametrize("amount", ["1.230", "KWD 1.230"])
    def test_two_sums_of_three_decimals_are_asked(self, amount, fill_in) -> None:
        at = fill_in(amount=amount, currency="kwd")
        assert "new_charge_confirm" not in buttons(at)
        assert "can mean 1.230 (decimal dot) or 1,230.000 (decimal comma)" in text(at)

    def test_change_keeps_the_sum_that_was_meant(self, fill_in, world) -> None:
        world.services.preferences.remember_decimal_sign(DecimalSign.COMMA, by=ALICE)
        at = fill_in(amount="1,230", currency="kwd")
        assert "Charge Acme Ltd KWD 1.230 on" in text(at).replace("\N{NO-BREAK SPACE}", " ")
        ran(at.button(key="new_charge_change").click().run())
        assert at.text_input(key="new_charge_amount").value == "1,230"
        at = ran(button(at, "new_charge_review").click().run())
        assert "Charge Acme Ltd KWD 1.230 on" in text(at).replace("\N{NO-BREAK SPACE}", " ")

    def test_a_sum_without_decimals_is_not_asked(self, fill_in, world) -> None:
        assert "Acme Ltd ¥1,234 on" in text(fill_in(amount="1.234", currency="jpy"))

    @pytest.mark.parametrize(
        "bad",
        [
            {"reference": ""},
            {"reference": "   "},
            {"reference": "x" * 100_000},
            {"reference": "a\x07b"},
            {"description": "x" * 100_000},
            {"description": "a\x07b"},
        ],
        ids=str,
    )
    def test_bad_texts(self, bad, fill_in) -> None:
        at = fill_in(**bad)
        assert len(at.error) == 1
        assert at.text_input(key="new_charge_amount").value == "1234.50"


class TestReview:
    def test_it_says_exactly_what_will_happen(self, fill_in, world) -> None:
        at = fill_in(amount="99.00")
        assert "Charge Acme Ltd €99.00 on Visa ···· 4242 for INV-17" in text(at)
        assert at.button(key="new_charge_confirm").label.replace("\\", "") == "Charge €99.00"
        assert world.moved() == []

    def test_markup_in_names_stays_text(self, fill_in) -> None:
        at = fill_in(name="<b>Eve</b> :red[x] $y$", reference="=1+1 $z$", amount="9.00")
        heading = next(found.value for found in at.subheader if "Charge" in found.value)
        assert "\\<b\\>Eve" in heading
        assert "\\:red\\[x\\] \\$y\\$" in heading
        assert "\\=1\\+1 \\$z\\$" in heading

    def test_change_keeps_what_was_typed(self, fill_in) -> None:
        at = fill_in(amount="99.00", description="Paper")
        ran(at.button(key="new_charge_change").click().run())
        assert at.text_input(key="new_charge_amount").value == "99.00"
        assert at.selectbox(key="new_charge_currency").value == "eur"
        assert at.text_input(key="new_charge_reference").value == "INV-17"
        assert at.text_input(key="new_charge_description").value == "Paper"

    @pytest.mark.parametrize("typed", ["", "1", "1234.51", "abc"])
    def test_a_large_sum_is_typed_again(self, typed, fill_in, world) -> None:
        at = confirm(fill_in(), typed)
        said = at.error[0].value
        assert "1234\\.50 to confirm" in said
        assert ("not the amount" in said) is bool(typed)
        assert world.moved() == []

    def test_a_similar_charge_is_a_warning_and_asks_for_the_amount(
        self, fill_in, world, open_page
    ) -> None:
        at = confirm(fill_in(amount="20.00"))
        customer = world.services.charges.view(at.query_params["charge"]).charge.customer
        at = open_page("new_charge", as_="alice", query={"customer": customer})
        at = review(at, amount="20.00", reference="INV-18")
        assert "same amount was charged" in at.warning[0].value
        confirm(at)
        assert len(world.moved()) == 1
        confirm(at, "20.00")
        assert len(world.moved()) == 2

    def test_a_look_alike_is_opened_with_a_reason(self, fill_in, world, open_page) -> None:
        at = confirm(fill_in(amount="20.00"))
        charge = world.services.charges.view(at.query_params["charge"]).charge
        at = open_page("new_charge", as_="alice", query={"customer": charge.customer})
        at = review(at, amount="20.00", reference=charge.reference.lower().replace("-", " "))
        assert "written in another way" in "".join(one.value for one in at.warning)
        confirm(at, "20.00")
        assert "say why" in at.error[0].value
        (opened,) = [one for one in at.checkbox if one.key.endswith("_despite")]
        opened.check()
        confirm(at, "20.00")
        assert "say why" in at.error[0].value
        assert len(world.moved()) == 1
        (opened,) = [one for one in at.checkbox if one.key.endswith("_despite")]
        opened.check()
        (reason,) = [one for one in at.text_input if one.key.endswith("_reason")]
        reason.input("Two deliveries.")
        confirm(at, "20.00")
        assert len(world.moved()) == 2

    def test_a_paid_reference_names_the_charge(self, fill_in, world, open_page) -> None:
        at = confirm(fill_in(amount="20.00"))
        customer = world.services.charges.view(at.query_params["charge"]).charge.customer
        again = open_page("new_charge", as_="alice", query={"customer": customer})
        again = review(again, amount="21.00")
        assert "was charged already" in again.error[0].value
        assert "new_charge_confirm" not in buttons(again)


class TestWhichMethod:
    MASTERCARD = "5555555555554444"

    @pytest.fixture
    def older(self, world: World) -> tuple[str, str, str]:
        """A customer, the default method, and one that was saved later."""
        customer = world.customer()
        default = world.save_card(customer)
        make_default(world, customer, default)
        world.clock.advance(minutes=1)
        return customer, default, world.save_card(customer, self.MASTERCARD)

    def test_an_older_default_is_asked_about_and_a_click_is_the_answer(
        self, world, open_page, older
    ) -> None:
        customer, default, _ = older
        at = open_page("new_charge", as_="alice", query={"customer": customer})
        assert "saved Mastercard ···· 4444 later than Visa ···· 4242" in text(at)
        assert at.radio(key="new_charge_method").value is None
        at = review(at, amount="20.00", currency="usd")
        assert "Choose the saved method that is meant." in text(at)
        at.radio(key="new_charge_method").set_value(default)
        at = ran(at.button(key="new_charge_review").click().run())
        assert "Visa ···· 4242 was chosen." in text(at)
        assert not [one for one in at.checkbox if one.key.endswith("_despite")]
        at = confirm(at, "20.00")
        made = world.services.charges.view(at.query_params["charge"])
        assert (made.charge.state.value, made.charge.payment_method) == ("succeeded", default)

    def test_one_that_was_saved_while_the_form_was_open_stops_what_nobody_chose(
        self, world, open_page
    ) -> None:
        customer = world.customer()
        default = world.save_card(customer)
        make_default(world, customer, default)
        at = open_page("new_charge", as_="alice", query={"customer": customer})
        assert at.radio(key="new_charge_method").value == default
        world.clock.advance(minutes=1)
        world.save_card(customer, self.MASTERCARD)
        at = confirm(review(at, amount="20.00", currency="usd"))
        assert "Tick" in text(at)
        assert world.moved() == []
        (opened,) = [one for one in at.checkbox if one.key.endswith("_despite")]
        opened.check()
        (reason,) = [one for one in at.text_input if one.key.endswith("_reason")]
        reason.set_value("The customer said the Visa.")
        at = confirm(at)
        made = world.services.charges.view(at.query_params["charge"])
        assert made.charge.payment_method == default
        (entry,) = world.rows("SELECT * FROM audit_log WHERE action = 'charge.despite'")
        assert "newer_method" in entry["detail"]

    def test_without_a_default_a_person_says_which(self, world, open_page) -> None:
        customer = world.customer()
        older = world.save_card(customer)
        world.save_card(customer, self.MASTERCARD)
        at = open_page("new_charge", as_="alice", query={"customer": customer})
        assert "2 saved methods and no default at Stripe" in text(at)
        at.radio(key="new_charge_method").set_value(older)
        at = confirm(review(at, amount="20.00", currency="usd"))
        made = world.services.charges.view(at.query_params["charge"])
        assert made.charge.payment_method == older

    def test_what_was_chosen_is_still_chosen_after_change_and_what_was_not_is_not(
        self, world, open_page, older
    ) -> None:
        customer, _, newer = older
        at = open_page("new_charge", as_="alice", query={"customer": customer})
        at.radio(key="new_charge_method").set_value(newer)
        at = review(at, amount="20.00", currency="usd")
        at = ran(at.button(key="new_charge_change").click().run())
        assert at.radio(key="new_charge_method").value == newer
        other = world.customer()
        only = world.save_card(other)
        at = open_page("new_charge", as_="alice", query={"customer": other})
        at = review(at, amount="20.00", currency="usd")
        at = ran(at.button(key="new_charge_change").click().run())
        assert at.radio(key="new_charge_method").value == only


class TestConfirm:
    def test_stripe_is_asked_for_each_thing_once_then_to_charge(
        self, fill_in, world, monkeypatch
    ) -> None:
        """Nothing is read twice: neither by the page nor by what sends the charge."""
        other = world.customer()
        world.save_card(other)
        # The first charge of a process also asks whether the ledger is complete.
        world.charge(other)
        at = fill_in(amount="20.00")
        handle, requests = world.stripe.handle, []

        def counted(method, path, *rest):
            requests.append(f"{method} /{path.split('/')[2]}")
            return handle(method, path, *rest)

        monkeypatch.setattr(world.stripe, "handle", counted)
        confirm(at)
        assert requests == [
            "GET /customers",
            # Nobody named a method, so it is chosen among all of the customer's.
            "GET /customers",
            # Whether the ledger lacks a payment of this customer's.
            "GET /payment_intents",
            "POST /payment_intents",
        ]
        assert world.moved()[1:] == [(2000, "eur")]

    def test_what_changed_since_the_review_is_shown_and_asked_again(
        self, fill_in, world, open_page
    ) -> None:
        at = fill_in(amount="20.00")
        customer = at.query_params["customer"]
        other = review(
            open_page("new_charge", as_="alice", query={"customer": customer}),
            amount="20.00",
            reference="INV-18",
        )
        confirm(other)
        confirm(at)
        assert "Something changed since you looked" in at.toast[0].value
        assert "same amount was charged" in at.warning[0].value
        assert world.moved() == [(2000, "eur")]
        confirm(at, "20.00")
        assert len(world.moved()) == 2


class TestOutcome:
    def test_succeeded(self, fill_in, world) -> None:
        at = confirm(fill_in(), "1234.50")
        assert world.moved() == [(123450, "eur")]
        assert "Succeeded" in text(at)
        assert "€1,234.50" in text(at)
        assert "new_charge_confirm" not in buttons(at)
        ran(at.button(key="new_charge_again").click().run())
        assert "charge" not in at.query_params
        assert "Succeeded" not in text(at)

    def test_declined_with_the_way_back(self, fill_in, world) -> None:
        at = confirm(fill_in(ALWAYS_DECLINES, amount="20.00"))
        page_text = text(at)
        assert world.moved() == []
        assert "The bank refused and gives no reason." in page_text
        assert "may be tried again from" in page_text
        assert any("/l/" in code.value for code in at.code)
        assert "€20.00 for INV-17 on Visa ···· 0341" in page_text
        [message] = [code.value for code in at.code if "Your bank declined" in code.value]
        assert "- INV-17: €20.00" in message
        [write] = at.get("link_button")
        assert write.proto.label == "Write to the customer"
        assert (write.proto.type, button(at, "charge_message_").proto.type) == (
            "secondary",
            "primary",
        )
        assert write.proto.url.startswith("mailto:")
        assert "INV-17%3A%20%E2%82%AC20.00" in write.proto.url
        assert "INV\\-17" in [one.value for one in at.subheader]
        assert "this page says so by itself" in page_text

    def test_says_by_itself_that_the_customer_has_saved_a_card(self, fill_in, world) -> None:
        at = confirm(fill_in(ALWAYS_DECLINES, amount="20.00"))
        charge = world.services.charges.view(at.query_params["charge"]).charge
        world.save_card(charge.customer)
        page_text = text(ran(at.run()))
        assert "Next: Charge again" in page_text
        assert "this page says so by itself" not in page_text

    def test_needs_the_customer(self, fill_in, world) -> None:
        at = confirm(fill_in(WANTS_AUTHENTICATION, amount="20.00"))
        assert "Needs customer" in text(at)
        assert "The bank wants the customer to confirm." in text(at)
        assert any("asks you to confirm" in code.value for code in at.code)
        assert world.moved() == []

    def test_unknown_until_it_is_settled(self, fill_in, world) -> None:
        at = fill_in(amount="20.00")
        world.lose_reply()
        confirm(at)
        assert "Unknown" in text(at)
        assert "Nothing can be charged for this reference until then." in text(at)
        world.clock.advance(seconds=61)
        ran(button(at, "new_charge_look").click().run())
        assert "Succeeded" in text(at)
        assert world.moved() == [(2000, "eur")]

    def test_processing_is_no_failure(self, fill_in) -> None:
        at = confirm(fill_in(STAYS_PROCESSING, amount="20.00"))
        assert "Processing" in text(at)
        assert "This is not a failure" in text(at)
        assert not at.error


class TestTwice:
    def test_two_clicks_move_money_once(self, fill_in, world) -> None:
        at = fill_in(amount="20.00")
        confirm(at)
        # What the browser had still sent for the review that is gone.
        at.session_state["new_charge_confirm"] = True
        at.run()
        assert world.moved() == [(2000, "eur")]

    def test_two_tabs_move_money_once(self, fill_in, world, open_page) -> None:
        first = fill_in(amount="20.00")
        customer = first.query_params["customer"]
        second = review(
            open_page("new_charge", as_="alice", query={"customer": customer}), amount="20.00"
        )
        confirm(first)
        confirm(second)
        assert world.moved() == [(2000, "eur")]
        assert "was charged already" in second.error[0].value

    def test_a_decline_in_another_tab_is_shown_before_anything_is_sent(
        self, fill_in, world, open_page
    ) -> None:
        first = fill_in(ALWAYS_DECLINES, amount="20.00")
        customer = first.query_params["customer"]
        second = review(
            open_page("new_charge", as_="alice", query={"customer": customer}), amount="20.00"
        )
        confirm(first)
        confirm(second)
        found = world.services.reports.charges.page().frame
        assert list(found["attempts"]) == [1]
        # Refused, with the way to what happened.
        assert second.error
        assert "See that charge" in [link.proto.label for link in second.get("page_link")]

    def test_a_click_that_interrupts_the_charge_finds_its_outcome(self, fill_in, world) -> None:
        """Streamlit ends the run that sent the charge; the next run knows that it was sent."""
        at = fill_in(amount="20.00")
        seen = at.session_state["new_charge_reviewed"]
        world.services.charges.charge(seen.order, by=world.services.users.find("alice").actor)
        at.session_state["new_charge_confirmed"] = seen.form
        ran(at.run())
        assert "Succeeded" in text(at)
        assert world.moved() == [(2000, "eur")]
