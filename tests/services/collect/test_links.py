"""Setup links: one link for one form, one live session, and a durable address that always answers."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing

import pytest

from lib.domain.links import LinkState, LinkStatus
from lib.domain.mirror import Customer
from lib.errors import (
    GatewayError,
    InvalidInput,
    NotFound,
    NotPermitted,
    OutcomeUnknown,
    Refused,
    StaleState,
)
from lib.services.collect.customers import DuplicateCustomer
from lib.services.collect.links import CreatedLink, LinkGone
from tests import stripe_account
from tests.world import ALICE, ALWAYS_DECLINES, VERA, World

SESSIONS = "/v1/checkout/sessions"


def create(world: World, form_key: str = "form-1", **given: object) -> CreatedLink:
    return world.services.links.create(form_key=form_key, by=ALICE, **given)  # type: ignore[arg-type]


def session(world: World, made: CreatedLink) -> dict[str, object]:
    return stripe_account.get(world, f"{SESSIONS}/{made.session_id}")


class TestThreeKinds:
    def test_for_an_existing_customer(self, world: World) -> None:
        customer = world.customer("Acme Ltd", "acme@example.com")
        made = create(world, customer=customer)
        assert session(world, made)["customer"] == customer
        assert (made.link.name, made.link.email) == ("Acme Ltd", "acme@example.com")

    def test_for_a_new_customer(self, world: World) -> None:
        made = create(world, email="new@example.com", name="New  Person")
        customer = stripe_account.get(world, f"/v1/customers/{made.link.customer}")
        assert (customer["email"], customer["name"]) == ("new@example.com", "New Person")
        assert session(world, made)["customer"] == made.link.customer

    def test_for_nobody_yet(self, world: World) -> None:
        made = create(world, guest=True)
        assert session(world, made)["customer"] is None
        assert stripe_account.listed(world, "/v1/customers") == []

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"guest": True, "email": "a@example.com"},
            {"customer": "cus_1", "guest": True},
            {"customer": "cus_1", "email": "a@example.com"},
        ],
    )
    def test_exactly_one_of_them(self, world: World, given: dict[str, object]) -> None:
        with pytest.raises(InvalidInput):
            create(world, **given)
        assert stripe_account.listed(world, SESSIONS) == []

    def test_a_customer_known_only_to_stripe_is_found(self, world: World) -> None:
        made_there = stripe_account.post(world, "/v1/customers", email="x@example.com", name="X")
        assert create(world, customer=made_there["id"]).link.name == "X"

    def test_an_unknown_or_deleted_customer_is_refused(self, world: World) -> None:
        gone = world.customer()
        stripe_account.delete(world, f"/v1/customers/{gone}")
        world.services.customers.refresh(gone)
        for customer in (gone, "cus_nobody"):
            with pytest.raises(NotFound):
                create(world, f"form-{customer}", customer=customer)
        for customer in ("", "../charges", "cus_1/x", "c" * 100_000, "cus_\x00"):
            with pytest.raises((InvalidInput, NotFound)):
                create(world, "form", customer=customer)

    def test_a_viewer_may_not(self, world: World) -> None:
        with pytest.raises(NotPermitted):
            world.services.links.create(form_key="f", guest=True, by=VERA)
        with pytest.raises(NotPermitted):
            world.services.links.expire("link_1", by=VERA)

    @pytest.mark.parametrize(
        ("locale", "at_stripe", "reads"),
        [("de", ["de"], "de"), ("auto", [], "en"), (None, [], "en")],
    )
    def test_whoever_is_new_is_written_to_in_the_language_of_the_link_ever_after(
        self, world: World, locale: str | None, at_stripe: list[str], reads: str
    ) -> None:
        made = create(world, email="new@example.com", locale=locale)
        assert made.link.customer is not None
        customer = stripe_account.get(world, f"/v1/customers/{made.link.customer}")
        assert customer["preferred_locales"] == at_stripe
        with world.uow.read() as stores:
            language = world.services.languages.of_customer(stores, made.link.customer)
        assert language.code == reads


class TestWhatIsSent:
    def test_a_link_with_currency(self, world: World) -> None:
        made = create(
            world, customer=world.customer(), currency="EUR", reference=" INV-7 ", locale="de"
        )
        sent = session(world, made)
        ours = {
            "onfile_link_id": made.link.id,
            "onfile_reference": "INV-7",
            "onfile_agreement": "default-1 de",
        }
        assert sent["mode"] == "setup"
        assert sent["success_url"] == (
            "http://localhost:8501/setup/return?session_id={CHECKOUT_SESSION_ID}"
        )
        back = f"http://localhost:8501/setup/cancelled?link={made.link.id}"
        assert sent["cancel_url"] == back
        installation = {"onfile_installation": sent["metadata"]["onfile_installation"]}
        assert sent["metadata"] == ours | installation
        assert sent["client_reference_id"] == made.link.id
        assert (sent["currency"], sent["locale"]) == ("eur", "de")
        intent = stripe_account.get(world, f"/v1/setup_intents/{sent['setup_intent']}")
        assert intent["metadata"] == ours | installation
        assert intent["usage"] == "off_session"

    @pytest.mark.parametrize(
        ("locale", "at_stripe", "page"),
        [
            (None, "ja", "ja"),
            (None, "de-AT,en", "de"),
            (None, "tlh,fr", "fr"),
            ("auto", "ja", "ja"),
            ("it", "ja", "it"),
            ("pl", "ja", "pl"),
            # Nobody said: the page goes by the browser.
            (None, None, None),
            (None, "tlh", None),
        ],
    )
    def test_stripes_page_has_the_language_of_our_words_on_it(
        self, world: World, locale: str | None, at_stripe: str | None, page: str | None
    ) -> None:
        customer = world.customer()
        world.change("UPDATE customers SET preferred_locales = :tags", tags=at_stripe)
        sent = session(world, create(world, customer=customer, locale=locale))
        assert sent["locale"] == page

    @pytest.mark.parametrize("currency", [None, "usd"])
    def test_a_currency_or_cards_only_and_never_payment_method_types(
        self, world: World, monkeypatch: pytest.MonkeyPatch, currency: str | None
    ) -> None:
        sent: list[dict[str, object]] = []
        gateway = world.services.gateway
        send = gateway.create_session

        def looking(params, *, idempotency_key):
            sent.append(dict(params))
            return send(params, idempotency_key=idempotency_key)

        monkeypatch.setattr(gateway, "create_session", looking)
        create(world, guest=True, currency=currency)
        assert "payment_method_types" not in sent[0]
        assert ("currency" in sent[0]) is (currency is not None)
        assert ("allowed_payment_method_types" in sent[0]) is (currency is None)
        # Stripe takes one of the two lists only.
        assert ("excluded_payment_method_types" in sent[0]) is (currency is not None)

    def test_cards_only_brings_no_link_along(self, world: World) -> None:
        sent = session(world, create(world, guest=True))
        assert sent["payment_method_types"] == ["card"]
        assert sent["wallet_options"] == {"link": {"display": "never"}}

    def test_what_cannot_be_charged_is_not_offered(self, world: World) -> None:
        world.stripe.configure({"payment_method_types": ["card", "cashapp", "klarna", "paypal"]})
        sent = session(world, create(world, guest=True, currency="usd"))
        assert sent["payment_method_types"] == ["card", "cashapp", "paypal"]

    def test_nothing_is_sent_for_a_bad_value(self, world: World) -> None:
        before = world.services.gateway.requests
        for bad in (
            {"guest": True, "currency": "xxx"},
            {"guest": True, "locale": "tlh"},
            {"guest": True, "reference": "x" * 201},
            {"guest": True, "reference": "a\x00b"},
            {"guest": True, "name": "x" * 100_000},
            {"guest": True, "name": "a\x1bb"},
            {"email": "nobody"},
            {"email": "a@b"},
            {"email": "a b@example.com"},
            {"email": "a@example.com\r\nBcc: x@example.com"},
            {"email": "x" * 100_000 + "@example.com"},
            {"email": "a\x00@example.com"},
        ):
            with pytest.raises(InvalidInput):
                create(world, **bad)
        assert world.services.gateway.requests == before
        assert world.services.links.listing() == []

    @pytest.mark.parametrize(
        "name",
        [
            "<script>alert(1)</script>",
            "=HYPERLINK(1)",
            "+1",
            "@SUM(A1)",
            "O'Brien & Søn",
            "日本 商店",
        ],
    )
    def test_markup_and_formulas_in_names_are_only_text(self, world: World, name: str) -> None:
        made = create(world, email="a@example.com", name=name, reference=name)
        assert made.link.name == name
        assert stripe_account.get(world, f"/v1/customers/{made.link.customer}")["name"] == name
        metadata = session(world, made)["metadata"]
        assert metadata.pop("onfile_installation").startswith("ins_")
        assert metadata.pop("onfile_agreement") == "default-1 en"
        assert metadata == {"onfile_link_id": made.link.id, "onfile_reference": name}


class TestOnce:
    def test_a_double_submit_makes_one_link_one_session_and_one_customer(
        self, world: World
    ) -> None:
        first = create(world, email="a@example.com", name="A")
        again = create(world, email="a@example.com", name="A")
        assert again == first
        assert len(stripe_account.listed(world, SESSIONS)) == 1
        assert len(stripe_account.listed(world, "/v1/customers")) == 1

    def test_also_when_both_arrive_at_once(self, world: World) -> None:
        together = threading.Barrier(4)
        made: list[CreatedLink] = []

        def click() -> None:
            together.wait()
            made.append(create(world, email="a@example.com", name="A"))

        threads = [threading.Thread(target=click) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({(m.link.id, m.session_id) for m in made}) == 1
        assert len(made) == 4
        assert len(stripe_account.listed(world, SESSIONS)) == 1
        assert len(stripe_account.listed(world, "/v1/customers")) == 1

    def test_a_customer_who_is_made_while_it_is_asked_for_is_found(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        customers, made = world.services.customers, []
        ask = customers.only_one_with_email

        def asked(email: str) -> Customer | None:
            known = ask(email)
            if known is None:
                made.append(world.customer(email=email))
            return known

        monkeypatch.setattr(customers, "only_one_with_email", asked)
        link = create(world, email="a@example.com", name="A").link
        assert [link.customer] == made

    def test_another_form_makes_another_link(self, world: World) -> None:
        customer = world.customer()
        assert create(world, "f1", customer=customer) != create(world, "f2", customer=customer)
        assert len(stripe_account.listed(world, SESSIONS)) == 2

    @pytest.mark.parametrize("kind", ["lost_reply", "error_500_unsaved", "truncated_json"])
    def test_after_a_lost_reply_the_same_form_finds_the_same_session(
        self, world: World, kind: str
    ) -> None:
        customer = world.customer()
        world.stripe.faults.add("POST", SESSIONS, kind=kind, times=3)
        with pytest.raises(OutcomeUnknown):
            create(world, customer=customer)
        made = create(world, customer=customer)
        assert [s["id"] for s in stripe_account.listed(world, SESSIONS)] == [made.session_id]
        assert len(world.services.links.listing()) == 1

    def test_one_lost_reply_is_not_even_noticed(self, world: World) -> None:
        world.stripe.faults.add("POST", SESSIONS, kind="lost_reply")
        made = create(world, guest=True)
        assert [s["id"] for s in stripe_account.listed(world, SESSIONS)] == [made.session_id]

    def test_a_lost_reply_while_making_the_customer_makes_no_twin(self, world: World) -> None:
        world.stripe.faults.add("POST", "/v1/customers", kind="lost_reply", times=3)
        with pytest.raises(OutcomeUnknown):
            create(world, email="a@example.com")
        made = create(world, email="a@example.com")
        assert [c["id"] for c in stripe_account.listed(world, "/v1/customers")] == [
            made.link.customer
        ]

    def test_a_form_sent_again_after_the_customer_finished_says_so(self, world: World) -> None:
        customer = world.customer()
        world.finish(create(world, customer=customer).session_id)
        with pytest.raises(StaleState, match="completed"):
            create(world, customer=customer)


class TestTwins:
    def test_the_one_customer_with_this_e_mail_is_used(self, world: World) -> None:
        existing = world.customer("Acme", "acme@example.com")
        assert create(world, email="ACME@example.com").link.customer == existing
        assert len(stripe_account.listed(world, "/v1/customers")) == 1

    def test_also_one_that_only_stripe_knows(self, world: World) -> None:
        there = stripe_account.post(world, "/v1/customers", email="acme@example.com")
        assert create(world, email="acme@example.com").link.customer == there["id"]

    def test_of_several_a_person_chooses(self, world: World) -> None:
        several = {
            stripe_account.post(world, "/v1/customers", email="two@example.com", name=f"Two {n}")[
                "id"
            ]
            for n in (1, 2)
        }
        with pytest.raises(DuplicateCustomer) as found:
            create(world, email="two@example.com")
        assert {twin.customer.id for twin in found.value.twins} == several
        for customer in several:
            assert customer in str(found.value)
        assert stripe_account.listed(world, SESSIONS) == []

    def test_a_new_one_if_that_is_what_the_person_wants(self, world: World) -> None:
        existing = world.customer("Acme", "acme@example.com")
        made = create(world, email="acme@example.com", allow_twin=True)
        assert made.link.customer not in (None, existing)

    def test_a_deleted_customer_is_no_twin(self, world: World) -> None:
        gone = world.customer("Acme", "acme@example.com")
        stripe_account.delete(world, f"/v1/customers/{gone}")
        world.services.customers.refresh(gone)
        assert create(world, email="acme@example.com").link.customer != gone


class TestExpire:
    def test_ends_the_page_at_stripe_and_the_durable_address(self, world: World) -> None:
        made = create(world, guest=True)
        link = world.services.links.expire(made.link.id, by=ALICE)
        assert link.status(world.now) is LinkStatus.REVOKED
        assert session(world, made)["status"] == "expired"
        gone = world.services.links.open_durable(made.link.token)
        assert gone == LinkGone(LinkStatus.REVOKED)
        _, last = world.services.links.show(made.link.id)
        assert last is not None
        assert last.url is None, "the address of an ended page is forgotten"

    def test_of_a_page_just_completed_says_so_and_keeps_the_card(self, world: World) -> None:
        made = create(world, customer=world.customer())
        world.fill(made.session_id)
        with pytest.raises(StaleState, match="finished"):
            world.services.links.expire(made.link.id, by=ALICE)
        link, _ = world.services.links.show(made.link.id)
        assert link.status(world.now) is LinkStatus.COMPLETED
        session = world.services.reports.sessions.find(made.session_id)
        assert session is not None
        assert session["payment_method"]

    def test_of_a_page_that_ended_by_itself(self, world: World) -> None:
        made = create(world, guest=True)
        world.clock.advance(hours=25)
        link = world.services.links.expire(made.link.id, by=ALICE)
        assert link.status(world.now) is LinkStatus.REVOKED

    def test_twice_is_too_late(self, world: World) -> None:
        made = create(world, guest=True)
        world.services.links.expire(made.link.id, by=ALICE)
        with pytest.raises(StaleState):
            world.services.links.expire(made.link.id, by=ALICE)

    def test_an_unknown_link(self, world: World) -> None:
        with pytest.raises(NotFound):
            world.services.links.expire("link_nothing", by=ALICE)

    def test_stripe_down_leaves_the_link_open(self, world: World) -> None:
        made = create(world, guest=True)
        world.stripe.faults.add("*", "/v1/", kind="error_500_unsaved", times=20)
        with pytest.raises(GatewayError):
            world.services.links.expire(made.link.id, by=ALICE)
        world.stripe.faults.clear()
        assert world.services.links.open_durable(made.link.token) == made.url


class TestDurableAddress:
    def test_leads_to_the_same_page_while_it_lives(self, world: World) -> None:
        made = create(world, guest=True)
        world.clock.advance(hours=23)
        assert world.services.links.open_durable(made.link.token) == made.url
        assert len(stripe_account.listed(world, SESSIONS)) == 1

    @pytest.mark.parametrize("hours", [23.9, 24.0, 25.0, 24 * 29])
    def test_leads_to_a_new_page_when_the_last_is_about_to_end(
        self, world: World, hours: float
    ) -> None:
        made = create(world, customer=world.customer(), currency="usd", reference="INV-1")
        world.clock.advance(hours=hours)
        address = world.services.links.open_durable(made.link.token)
        assert isinstance(address, str)
        assert address != made.url
        again = world.services.links.open_durable(made.link.token)
        assert again == address
        new, old = stripe_account.listed(world, SESSIONS)
        assert new["metadata"] == old["metadata"]
        assert (new["customer"], new["currency"]) == (old["customer"], "usd")
        world.finish(str(new["id"]))
        link, _ = world.services.links.show(made.link.id)
        assert link.completed_session == new["id"]

    def test_two_openings_at_once_make_one_page(self, world: World) -> None:
        made = create(world, guest=True)
        world.clock.advance(hours=25)
        together = threading.Barrier(4)
        addresses: list[object] = []

        def open_it() -> None:
            together.wait()
            addresses.append(world.services.links.open_durable(made.link.token))

        threads = [threading.Thread(target=open_it) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(addresses) == 4
        assert len(set(addresses)) == 1
        assert len(stripe_account.listed(world, SESSIONS)) == 2

    def test_is_gone_when_used(self, world: World) -> None:
        made = create(world, guest=True)
        world.finish(made.session_id)
        assert world.services.links.open_durable(made.link.token) == LinkGone(LinkStatus.COMPLETED)

    def test_is_gone_when_used_though_nobody_told_us_yet(self, world: World) -> None:
        """Completed at Stripe, no webhook, no return; then the customer opens the mail again."""
        made = create(world, guest=True)
        world.fill(made.session_id)
        assert world.services.links.open_durable(made.link.token) == LinkGone(LinkStatus.COMPLETED)

    def test_is_gone_when_the_customer_was_deleted(self, world: World) -> None:
        customer = world.customer()
        made = create(world, customer=customer)
        world.stripe.handle(
            "DELETE", f"/v1/customers/{customer}", {}, {"Authorization": "Bearer sk_test_practice"}
        )
        world.clock.advance(hours=25)
        assert world.services.links.open_durable(made.link.token) == LinkGone(LinkStatus.REVOKED)

    def test_leads_to_the_known_page_while_stripe_cannot_say(self, world: World) -> None:
        made = create(world, guest=True)
        world.stripe.faults.add("GET", "/v1/checkout", kind="error_500_unsaved", times=10)
        assert world.services.links.open_durable(made.link.token) == made.url

    def test_is_gone_after_thirty_days(self, world: World) -> None:
        made = create(world, guest=True)
        world.clock.advance(days=30)
        assert world.services.links.open_durable(made.link.token) == LinkGone(LinkStatus.EXPIRED)
        assert len(stripe_account.listed(world, SESSIONS)) == 1

    def test_an_unknown_token(self, world: World) -> None:
        assert world.services.links.open_durable("nothing") == LinkGone(None)

    def test_of_a_new_customer_whose_making_failed_still_saves_for_that_customer(
        self, world: World
    ) -> None:
        """The link exists before the customer does; its address must not make a guest of them."""
        world.stripe.faults.add("POST", "/v1/customers", kind="error_500_unsaved", times=3)
        with pytest.raises(OutcomeUnknown):
            create(world, email="a@example.com", name="A")
        [listed] = world.services.links.listing()
        assert isinstance(world.services.links.open_durable(listed.link.token), str)
        [made] = stripe_account.listed(world, SESSIONS)
        [customer] = stripe_account.listed(world, "/v1/customers")
        assert made["customer"] == customer["id"]


class TestRecovery:
    def test_one_open_link_for_a_failed_charge(self, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        failed = world.charge(customer)
        first = world.services.links.recover(failed.charge.id, by=ALICE)
        again = world.services.links.recover(failed.charge.id, by=ALICE)
        assert first == again
        assert first.link == failed.recovery_link
        assert first.link.customer == customer

    def test_an_unknown_charge(self, world: World) -> None:
        with pytest.raises(NotFound):
            world.services.links.recover("chg_nothing", by=ALICE)
        with pytest.raises(NotPermitted):
            world.services.links.recover("chg_nothing", by=VERA)


class TestListing:
    def test_by_state(self, world: World) -> None:
        kept = create(world, "f1", guest=True)
        ended = create(world, "f2", guest=True)
        used = create(world, "f3", guest=True)
        world.services.links.expire(ended.link.id, by=ALICE)
        world.finish(used.session_id)
        for state, made in (
            (LinkState.OPEN, kept),
            (LinkState.REVOKED, ended),
            (LinkState.COMPLETED, used),
        ):
            assert listed(world, state) == [(made.link.id, state)]
        world.clock.advance(days=31)
        assert listed(world, LinkState.EXPIRED) == [(kept.link.id, LinkState.EXPIRED)]
        assert listed(world, LinkState.OPEN) == []

    def test_a_link_whose_bank_confirms_is_not_completed(self, world: World) -> None:
        made = create(world, "f1", currency="usd", customer=world.customer())
        world.fill(made.session_id, "000123456780")
        world.services.return_page.finish(made.session_id)
        waits = [(made.link.id, LinkState.CONFIRMING)]
        assert listed(world, LinkState.CONFIRMING) == waits == listed(world, None)
        assert listed(world, LinkState.COMPLETED) == []
        counts = world.services.reports.links.counts().by_state
        assert (counts["confirming"], counts["completed"]) == (1, 0)
        [row] = world.services.reports.links.page(state="confirming").frame.to_dict("records")
        assert row["id"] == made.link.id

    def test_one_whose_bank_did_not_confirm_is_among_the_completed_and_says_so(
        self, world: World
    ) -> None:
        made = create(world, "f1", currency="usd", customer=world.customer())
        world.fill(made.session_id, "000123456780")
        world.services.return_page.finish(made.session_id)
        [intent] = world.rows("SELECT id FROM setup_intents")
        world.stripe.verify_microdeposits(intent["id"], succeed=False)
        world.services.return_page.finish(made.session_id)
        failed = [(made.link.id, LinkState.FAILED)]
        assert listed(world, LinkState.FAILED) == failed == listed(world, LinkState.COMPLETED)
        [row] = world.services.reports.links.page(state="completed").frame.to_dict("records")
        assert row["state"] == "failed"
        assert world.services.reports.links.counts().by_state["completed"] == 1


def listed(world: World, state: LinkState | None) -> list[tuple[str, LinkState]]:
    return [(one.link.id, one.state) for one in world.services.links.listing(state=state)]


class TestManagedPayments:
    """Accounts on which setup mode is refused unless a request switches Managed Payments off."""

    def test_a_link_is_made(self, world: World) -> None:
        world.stripe.configure({"managed_payments": True})
        assert world.services.links.create(form_key="form", guest=True, by=ALICE).session_id

    def test_what_an_older_version_planned_is_planned_anew_and_not_sent_again(
        self, world: World
    ) -> None:
        world.stripe.faults.add("POST", "/v1/checkout/sessions", kind="lost_request", times=9)
        with pytest.raises(OutcomeUnknown):
            world.services.links.create(form_key="form", guest=True, by=ALICE)
        world.stripe.faults.clear()
        rewrite_params(world, {"managed_payments": None})
        world.stripe.configure({"managed_payments": True})
        before = world.services.gateway.requests
        made = world.services.links.create(form_key="form", guest=True, by=ALICE)
        assert made.session_id
        assert world.services.gateway.requests - before == 1
        assert [row["number"] for row in planned(world)] == [1, 2]
        assert planned(world)[0]["session_id"] is None
        assert len({row["idempotency_key"] for row in planned(world)}) == 2

    def test_an_unanswered_plan_keeps_its_parameters_under_its_key(self, world: World) -> None:
        """Stripe may have made the page: with other parameters the same key would be refused."""
        world.stripe.faults.add("POST", "/v1/checkout/sessions", kind="truncated_json", times=9)
        with pytest.raises(OutcomeUnknown):
            world.services.links.create(form_key="form", guest=True, by=ALICE)
        world.stripe.faults.clear()
        [before] = planned(world)
        assert world.services.links.create(form_key="form", guest=True, by=ALICE).session_id
        [after] = planned(world)
        assert after["params"] == before["params"]

    def test_a_refusal_of_what_is_sent_today_is_not_repeated(self, world: World) -> None:
        world.stripe.configure({"payment_method_types": ["link"]})
        with pytest.raises(Refused):
            world.services.links.create(form_key="form", guest=True, by=ALICE)
        assert len(planned(world)) == 1
        refusal = world.services.links.refusal()
        assert refusal is not None
        assert "allowed payment method types" in refusal.reason
        [kept] = world.services.links.listing(state=LinkState.REFUSED)
        assert (kept.link.id, kept.link.refusal) == (refusal.link_id, refusal.reason)
        assert kept.state is LinkState.OPEN
        assert world.services.reports.links.counts().by_state["refused"] == 1

    def test_once_it_is_mended_links_that_were_refused_alike_are_open_again(
        self, world: World
    ) -> None:
        world.stripe.configure({"payment_method_types": ["link"]})
        for key in ("a", "b"):
            with pytest.raises(Refused):
                world.services.links.create(form_key=key, guest=True, by=ALICE)
        world.services.links.create(form_key="usd", guest=True, currency="usd", by=ALICE)
        refused = world.services.links.listing(state=LinkState.REFUSED)
        assert len(refused) == 2, "a page for dollars says nothing of cards"
        world.stripe.configure({"payment_method_types": ["card"]})
        world.services.links.create(form_key="c", guest=True, by=ALICE)
        assert world.services.links.listing(state=LinkState.REFUSED) == []

    def test_a_refusal_about_one_customer_is_kept_on_that_link_only(self, world: World) -> None:
        customer = world.customer()
        made = create(world, customer=customer)
        stripe_account.delete(world, f"/v1/customers/{customer}")
        world.clock.advance(hours=25)
        assert world.services.links.open_durable(made.link.token) == LinkGone(LinkStatus.REVOKED)
        assert world.services.links.refusal() is None
        assert world.services.links.show(made.link.id)[0].refusal
        create(world, "another", customer=world.customer())
        assert world.services.links.show(made.link.id)[0].refusal, "another customer's page"


def planned(world: World) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(world.settings.database)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute("SELECT * FROM link_sessions ORDER BY number").fetchall()


def rewrite_params(world: World, changes: dict[str, object]) -> None:
    """As an older version of Onfile would have written them."""
    with closing(sqlite3.connect(world.settings.database)) as connection, connection:
        [row] = connection.execute("SELECT params FROM link_sessions").fetchall()
        params = json.loads(row[0]) | changes
        kept = {name: value for name, value in params.items() if value is not None}
        connection.execute("UPDATE link_sessions SET params = ?", (json.dumps(kept),))


def test_a_page_that_is_open_costs_one_read_also_where_two_customers_share_the_address(
    world: World,
) -> None:
    """Which of them is meant is asked when the page is made, not at every opening."""
    upload = world.services.link_files.open(b"email,name\nnew@example.com,New\n", "links.csv")
    batch = world.services.link_files.draft(upload, name="May", by=ALICE)
    world.services.link_batches.start(batch.id, despite_card=False, renew=False, by=ALICE)
    world.services.link_batches.work(batch.id)
    (view,) = world.services.link_batches.views.rows(batch.id)
    link, _ = world.services.links.show(view.row.link_id or "")
    for name in ("One", "Two"):
        stripe_account.post(world, "/v1/customers", email="new@example.com", name=name)
    first = world.services.links.open_durable(link.token)
    before = world.services.gateway.requests
    assert world.services.links.open_durable(link.token) == first
    assert world.services.gateway.requests - before == 1
    assert world.services.links.show(link.id)[0].customer is None
