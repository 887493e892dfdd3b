"""Stripe's own behaviour, fact by fact, each with where it was seen.

"Recorded" are answers of Stripe's test mode that other projects keep; the facts are taken from them,
not the files.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
import stripe

from lib.practice import PracticeStripe
from lib.practice.delivery import EventDelivery

from .account import GOOD, Account, refused
from .test_delivery import Listener

INQUIRED, DISPUTED = "4000000000001976", "4000000000000259"
US_BANK_ACCOUNT, MICRODEPOSITS = "000123456789", "000123456780"


def paid(account: Account, number: str = GOOD, **given: Any) -> stripe.PaymentIntent:
    customer = account.customer().id
    return account.charge(customer, account.saved(number, customer=customer), **given)


class TestManagedPayments:
    """On by default for some accounts made since late July 2026, without an account-level switch.

    Sources: github.com/TryGhost/Ghost/pull/29715 and
    github.com/alexmorrisnz/moodle-paygw_stripe/issues/78, both met it on the real API.
    """

    @pytest.fixture(autouse=True)
    def managed(self, practice: PracticeStripe) -> None:
        practice.configure({"managed_payments": True})

    def test_setup_mode_is_refused_unless_switched_off(self, account: Account) -> None:
        with refused(400, message="only supports mode: subscription or mode: payment") as refusal:
            account.link()
        assert refusal.value.error.param == "mode"
        assert account.link(managed_payments={"enabled": False}).status == "open"

    def test_asking_for_it_is_refused_on_every_account(self, account: Account) -> None:
        account.practice.configure({"managed_payments": False})
        with refused(400, message="Managed Payments"):
            account.link(managed_payments={"enabled": True})

    def test_objects_say_that_it_is_off(self, account: Account) -> None:
        """Recorded by github.com/zulip/zulip: a SetupIntent of API version clover carries it."""
        session = account.link(managed_payments={"enabled": False})
        intent = account.session(session.id, "setup_intent").setup_intent
        assert session.managed_payments.enabled is intent.managed_payments.enabled is False


class TestRefundsOfDisputedCharges:
    """Recorded: won and `warning_*` with `is_charge_refundable: true` answer 200.

    Refusals recorded by github.com/block/misk's sample and others: `charge_disputed`, without `param`.
    """

    def dispute(self, account: Account, intent: stripe.PaymentIntent) -> stripe.Dispute:
        [dispute] = account.client.v1.disputes.list({"payment_intent": intent.id}).data
        return dispute

    def refund(self, account: Account, intent: stripe.PaymentIntent, **given: Any) -> stripe.Refund:
        return account.client.v1.refunds.create({"payment_intent": intent.id, **given})

    @pytest.mark.parametrize("status", ["needs_response", "under_review", "lost"])
    def test_chargeback_is_not_refunded(self, account: Account, status: str) -> None:
        intent = paid(account, DISPUTED)
        dispute = self.dispute(account, intent)
        if status == "lost":
            account.practice.close_dispute(dispute.id, won=False)
        else:
            account.practice.alter(dispute.id, {"status": status})
        with refused(400, "charge_disputed", "has been charged back") as refusal:
            self.refund(account, intent)
        assert refusal.value.error.param is None

    def test_won_is_refunded_although_not_marked_refundable(self, account: Account) -> None:
        intent = paid(account, DISPUTED)
        account.practice.close_dispute(self.dispute(account, intent).id, won=True)
        assert self.dispute(account, intent).is_charge_refundable is False
        assert self.refund(account, intent).status == "succeeded"

    @pytest.mark.parametrize(
        "status", ["warning_needs_response", "warning_under_review", "warning_closed"]
    )
    def test_inquiry_is_refunded(self, account: Account, status: str) -> None:
        """docs.stripe.com/testing: 4000000000001976 is disputed as an inquiry."""
        intent = paid(account, INQUIRED)
        dispute = self.dispute(account, intent)
        assert (dispute.status, dispute.is_charge_refundable) == ("warning_needs_response", True)
        account.practice.alter(dispute.id, {"status": status})
        assert self.refund(account, intent).status == "succeeded"

    def test_inquiry_takes_no_money_and_ends_with_the_whole_refund(self, account: Account) -> None:
        """docs.stripe.com/disputes/how-disputes-work: a full refund resolves an inquiry."""
        intent = paid(account, INQUIRED)
        self.refund(account, intent, amount=100)
        assert self.dispute(account, intent).status == "warning_needs_response"
        self.refund(account, intent)
        assert self.dispute(account, intent).status == "warning_closed"
        assert account.event_types()[-1] == "charge.dispute.closed"
        assert "dispute" not in {moved.kind for moved in account.practice.money_moved()}

    def test_escalated_inquiry_is_a_chargeback(self, account: Account) -> None:
        """Measured in test mode by a public dispute simulator: `needs_response`, funds withdrawn."""
        intent = paid(account, INQUIRED)
        account.practice.escalate_inquiry(self.dispute(account, intent).id)
        assert self.dispute(account, intent).status == "needs_response"
        assert [moved.kind for moved in account.practice.money_moved()] == ["charge", "dispute"]
        with refused(400, "charge_disputed"):
            self.refund(account, intent)
        with pytest.raises(ValueError, match="no inquiry"):
            account.practice.escalate_inquiry(self.dispute(account, intent).id)


class TestDynamicMethods:
    def test_dollars(self, account: Account) -> None:
        """Recorded: a usd setup Session offered exactly these."""
        offered = account.link(currency="usd").payment_method_types
        assert offered == ["card", "klarna", "link", "us_bank_account"]

    def test_excluded(self, account: Account) -> None:
        """SDK 16.1, `checkout.SessionCreateParams.excluded_payment_method_types`."""
        session = account.link(excluded_payment_method_types=["klarna", "us_bank_account", "zip"])
        assert session.payment_method_types == ["card", "link"]
        customer = account.customer().id
        session = account.link(customer=customer, excluded_payment_method_types=["klarna"])
        refusal = account.submit(session.id, "KLARNA")
        assert refusal.message == "This way to pay is not offered here."  # type: ignore[union-attr]

    def test_an_unknown_type_is_not_switched_on(self, practice: PracticeStripe) -> None:
        with pytest.raises(ValueError, match="us_bank_account"):
            practice.configure({"payment_method_types": ["card", "blik"]})

    def test_link_comes_with_cards_unless_hidden(self, account: Account) -> None:
        """docs.stripe.com/payments/link/link-payment-integrations."""
        cards = {"currency": None, "allowed_payment_method_types": ["card"]}
        hidden = cards | {"wallet_options": {"link": {"display": "never"}}}
        assert account.link(**cards).payment_method_types == ["card"]
        assert account.submit(account.link(**cards).id, "LINK").redirect_url  # type: ignore[union-attr]
        refusal = account.submit(account.link(**hidden).id, "LINK")
        assert refusal.message == "This way to pay is not offered here."  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("number", "type_", "currency", "status"),
        [
            ("LINK", "link", "usd", "succeeded"),
            ("KLARNA", "klarna", "usd", "succeeded"),
            ("PAYPAL", "paypal", "eur", "succeeded"),
            ("CASHAPPPAY", "cashapp", "usd", "succeeded"),
            ("AMAZONPAY", "amazon_pay", "usd", "succeeded"),
            ("REVOLUTPAY", "revolut_pay", "gbp", "succeeded"),
            ("KAKAOPAY", "kakao_pay", "krw", "succeeded"),
            ("KOREANCARD", "kr_card", "krw", "succeeded"),
            ("NAVERPAY", "naver_pay", "krw", "succeeded"),
            ("TWINT", "twint", "chf", "succeeded"),
            (US_BANK_ACCOUNT, "us_bank_account", "usd", "processing"),
            ("DE89370400440532013000", "sepa_debit", "eur", "processing"),
            ("00012345", "bacs_debit", "gbp", "processing"),
            ("000123456", "au_becs_debit", "aud", "processing"),
            ("00012345678", "acss_debit", "cad", "processing"),
            ("1100000000000010", "nz_bank_account", "nzd", "processing"),
        ],
    )
    def test_saved_and_charged(
        self, account: Account, number: str, type_: str, currency: str, status: str
    ) -> None:
        """docs.stripe.com/payments, the page of each on future payments; debits settle later."""
        dynamic = account.link(currency=currency).payment_method_types
        account.practice.configure({"payment_method_types": sorted({*dynamic, type_})})
        customer = account.customer().id
        method = account.saved(number, customer=customer, currency=currency)
        shown = account.client.v1.payment_methods.retrieve(method)
        assert (shown.type, shown.customer) == (type_, customer)
        assert type_ in shown
        charged = account.charge(
            customer,
            method,
            currency=currency,
            allowed_payment_method_types=[type_],
            expand=["latest_charge"],
        )
        assert (charged.status, charged.latest_charge.payment_method_details.type) == (
            status,
            type_,
        )


class TestMicrodeposits:
    """SDK 16.1, `SetupIntent.next_action`; docs.stripe.com/payments/ach-direct-debit."""

    @pytest.fixture
    def session(self, account: Account) -> stripe.checkout.Session:
        session = account.link(customer=account.customer().id)
        account.submit(session.id, MICRODEPOSITS)
        return account.session(session.id, "setup_intent")

    def test_session_is_complete_and_nothing_is_saved_yet(
        self, account: Account, session: stripe.checkout.Session
    ) -> None:
        intent = session.setup_intent
        assert (session.status, intent.status) == ("complete", "requires_action")
        waiting = intent.next_action.verify_with_microdeposits
        assert waiting.arrival_date > account.clock.epoch
        assert account.client.v1.customers.payment_methods.list(session.customer).data == []
        with refused(400, "bank_account_unverified"):
            account.charge(
                session.customer,
                intent.payment_method,
                allowed_payment_method_types=["us_bank_account"],
            )
        with refused(400, "bank_account_unverified"):
            account.attached(intent.payment_method, session.customer)

    def test_confirmed_days_later(self, account: Account, session: stripe.checkout.Session) -> None:
        account.clock.advance(days=3)
        account.practice.verify_microdeposits(session.setup_intent.id)
        done = account.session(session.id, "setup_intent.payment_method").setup_intent
        assert (done.status, done.next_action) == ("succeeded", None)
        assert done.payment_method.customer == session.customer
        assert account.event_types()[-2:] == ["payment_method.attached", "setup_intent.succeeded"]
        with pytest.raises(ValueError, match="does not wait"):
            account.practice.verify_microdeposits(session.setup_intent.id)

    @pytest.mark.parametrize("is_late", [False, True])
    def test_never_confirmed(
        self, account: Account, session: stripe.checkout.Session, is_late: bool
    ) -> None:
        if is_late:
            account.clock.advance(days=11)
        else:
            account.practice.verify_microdeposits(session.setup_intent.id, succeed=False)
        ended = account.session(session.id, "setup_intent").setup_intent
        assert ended.status == "requires_payment_method"
        assert ended.last_setup_error.code == (
            "payment_method_microdeposit_verification_timeout"
            if is_late
            else "payment_method_microdeposit_failed"
        )
        assert account.event_types()[-1] == "setup_intent.setup_failed"


class TestDestinations:
    """docs.stripe.com/event-destinations; SDK 16.1, `v2.core.EventDestination`."""

    URL = "https://app.example.com/webhooks/stripe"

    def test_endpoint_is_listed_with_its_version_and_events(self, account: Account) -> None:
        for _ in range(2):
            account.practice.register_endpoint(
                self.URL, enabled_events=("charge.refunded",), api_version="2024-06-20"
            )
        [endpoint] = account.client.v1.webhook_endpoints.list().data
        assert (endpoint.url, endpoint.api_version) == (self.URL, "2024-06-20")
        assert (endpoint.enabled_events, endpoint.status) == (["charge.refunded"], "enabled")

    def test_thin_destination_is_known_to_v2_only(self, account: Account) -> None:
        account.practice.register_endpoint(self.URL)
        account.practice.configure({"event_payload": "thin"})
        assert account.client.v1.webhook_endpoints.list().data == []
        params: Any = {"include": ["webhook_endpoint.url"]}
        [destination] = account.client.v2.core.event_destinations.list(params).data
        assert (destination.event_payload, destination.snapshot_api_version) == ("thin", None)
        assert destination.webhook_endpoint.url == self.URL

    def test_thin_event_names_the_object_and_holds_nothing_of_it(self, account: Account) -> None:
        account.practice.configure({"event_payload": "thin"})
        session = account.link()
        account.submit(session.id)
        listener = Listener()
        try:
            EventDelivery(account.practice, webhook_url=listener.url, secret="whsec_1").run_once()
        finally:
            listener.stop()
        body, headers = listener.got[-1]
        event = account.client.parse_event_notification(
            body, headers["stripe-signature"], "whsec_1", tolerance=0
        )
        assert event.type == "v1.checkout.session.completed"
        assert b"alice@example.com" not in body
        assert event.fetch_related_object().id == session.id  # type: ignore[attr-defined]
        snapshot = event.fetch_event().snapshot_event
        assert account.client.v1.events.retrieve(str(snapshot)).data.object["id"] == session.id


class TestStatementDescriptor:
    """docs.stripe.com/get-started/account/statement-descriptors: prefix, `* `, suffix, 22 in all."""

    def test_account_shows_its_prefix(self, account: Account) -> None:
        account.practice.configure({"statement_descriptor_prefix": "ACME TOOLS"})
        shown = account.client.v1.accounts.retrieve_current().settings
        assert shown.card_payments.statement_descriptor_prefix == "ACME TOOLS"

    def test_what_is_too_long_is_cut_off_without_an_error(self, account: Account) -> None:
        """Reported by chargebee.com/docs: Stripe truncates the suffix."""
        account.practice.configure({"statement_descriptor_prefix": "ACME TOOLS"})
        fits = paid(account, statement_descriptor_suffix="MAY 2026", expand=["latest_charge"])
        long = paid(account, statement_descriptor_suffix="MAY 2026 CLUB", expand=["latest_charge"])
        assert fits.latest_charge.calculated_statement_descriptor == "ACME TOOLS* MAY 2026"
        assert long.latest_charge.calculated_statement_descriptor == "ACME TOOLS* MAY 2026 C"


class TestRecordedAnswers:
    def test_list_goes_on_after_a_deleted_customer(self, account: Account) -> None:
        """Recorded: `starting_after` a deleted customer answers 200."""
        ids = [account.customer().id for _ in range(4)][::-1]
        account.client.v1.customers.delete(ids[1])
        after = account.client.v1.customers.list({"starting_after": ids[1]})
        before = account.client.v1.customers.list({"ending_before": ids[1]})
        assert [customer.id for customer in after.data] == ids[2:]
        assert [customer.id for customer in before.data] == ids[:1]

    def test_attached_again_to_its_own_customer(self, account: Account) -> None:
        """Recorded: 200."""
        customer = account.customer().id
        method = account.attached("pm_card_visa", customer)
        assert account.attached(method.id, customer).customer == customer
        assert account.event_types().count("payment_method.attached") == 1

    def test_methods_of_nobody(self, account: Account) -> None:
        """Recorded: `/v1/payment_methods` without a customer is an empty list."""
        account.saved(customer=account.customer().id)
        account.saved()
        assert account.client.v1.payment_methods.list({"type": "card"}).data == []

    @pytest.mark.parametrize("suffix", ["", "/pm_1"])
    def test_methods_of_a_missing_customer(self, account: Account, suffix: str) -> None:
        """Recorded: 404 whose `param` is `id`."""
        with refused(404, "resource_missing", "No such customer: 'cus_none'") as refusal:
            if suffix:
                account.client.v1.customers.payment_methods.retrieve("cus_none", "pm_1")
            account.client.v1.customers.payment_methods.list("cus_none")
        assert refusal.value.error.param == "id"

    def test_refund_names_customer_and_method(self, account: Account) -> None:
        """Recorded; also in Stripe's own fixtures of July 2026."""
        intent = paid(account)
        refund = account.client.v1.refunds.create({"payment_intent": intent.id})
        assert (refund.customer, refund.payment_method) == (intent.customer, intent.payment_method)
        assert refund.customer_account is None

    def test_open_session_knows_the_email_only(self, account: Account) -> None:
        """Recorded by github.com/zulip/zulip: name and tax_exempt are null until completion."""
        session = account.link(customer=account.customer(name="Alice").id)
        assert session.customer_details.email == "alice@example.com"
        assert session.customer_details.name is session.customer_details.tax_exempt is None
        account.submit(session.id)
        done = account.session(session.id).customer_details
        assert (done.name, done.tax_exempt) == ("Alice Example", "none")

    def test_generic_decline_has_network_code_01(self, account: Account) -> None:
        """Recorded."""
        with refused(402, "card_declined") as refusal:
            paid(account, "4000000000000341")
        error = refusal.value.error
        assert (error.decline_code, error.network_decline_code) == ("generic_decline", "01")


class TestOwnIds:
    """A public thread with Stripe's staff: ids of an account's own making still work."""

    @pytest.mark.parametrize("own", ["customer-17", "a.b@example.com", "shop/42?x=1&y#z", "50%off"])
    def test_they_work_when_quoted(self, account: Account, own: str) -> None:
        account.practice.adopt_customer(own, {"email": "alice@example.com"})
        method = account.saved(customer=own)
        assert account.client.v1.customers.retrieve(own).id == own
        assert account.charge(own, method).customer == own
        url = f"/v1/customers/{quote(own, safe='')}/payment_methods"
        headers = {"Authorization": "Bearer sk_test_1"}
        listed = account.practice.handle("GET", url, {}, headers).body["data"]
        assert [item["id"] for item in listed] == [method]


class TestMinimums:
    """docs.stripe.com/currencies: the minimum is of what is settled, after conversion.

    The wording is reported by github.com/opencollective/opencollective-api/pull/10662.
    """

    @pytest.mark.parametrize(
        ("currency", "amount"),
        [("clp", 1), ("bif", 1), ("twd", 1), ("isk", 500), ("ugx", 10000), ("jpy", 50)],
    )
    def test_less_than_half_a_dollar_is_refused(
        self, account: Account, currency: str, amount: int
    ) -> None:
        with refused(400, "amount_too_small", "Amount must convert to at least 50 cents") as small:
            paid(account, currency=currency, amount=amount)
        assert small.value.error.param == "amount"
        assert "converts to approximately $0." in str(small.value)

    def test_where_the_account_is_paid_in_it_the_table_holds(self, account: Account) -> None:
        account.practice.configure({"settlement_currencies": ["usd", "gbp"]})
        assert paid(account, currency="gbp", amount=30).status == "succeeded"
        with refused(400, "amount_too_small", "Amount must be at least"):
            paid(account, currency="gbp", amount=29)

    @pytest.mark.parametrize(
        ("currency", "amount"),
        [("clp", 500), ("bif", 1500), ("twd", 1600), ("isk", 6500), ("ugx", 180000), ("jpy", 77)],
    )
    def test_a_little_more_is_not(self, account: Account, currency: str, amount: int) -> None:
        assert paid(account, currency=currency, amount=amount).status == "succeeded"
