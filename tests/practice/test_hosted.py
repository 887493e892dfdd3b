"""The hosted page over HTTP: forms, authentication, hostile input, micro-deposits."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from lib.practice import PracticeStripe
from lib.practice.card_table import CARDS
from lib.practice.hosted import routes

from .account import GOOD, SUCCESS_URL, FakeClock

HEADERS = {"Authorization": "Bearer sk_test_practice"}
ASKS = "4000002760003184"
NASTY = '"><script>alert(1)</script>\x00\x1b[31m'


@pytest.fixture
def browser(practice: PracticeStripe) -> TestClient:
    application = Starlette(routes=routes(lambda: practice))
    return TestClient(
        application,
        base_url="http://127.0.0.1",
        follow_redirects=False,
        raise_server_exceptions=True,
    )


def post(practice: PracticeStripe, path: str, **params: Any) -> dict[str, Any]:
    reply = practice.handle("POST", path, params, HEADERS)
    assert reply.status == 200, reply.body
    return reply.body


def link(practice: PracticeStripe, **params: Any) -> dict[str, Any]:
    given = {"mode": "setup", "currency": "usd", "success_url": SUCCESS_URL} | params
    return post(practice, "/v1/checkout/sessions", **given)


def page_of(session: dict[str, Any], step: str = "") -> str:
    return f"/practice/checkout/{session['id']}{step}"


def typed(**changes: str) -> dict[str, str]:
    return {
        "email": "alice@example.com",
        "number": "4242 4242 4242 4242",
        "expiry": "12/30",
        "cvc": "123",
        "name": "Alice Example",
        "country": "GB",
    } | changes


def get(practice: PracticeStripe, path: str) -> dict[str, Any]:
    reply = practice.handle("GET", path, {}, HEADERS)
    assert reply.status == 200, reply.body
    return reply.body


def status_of(practice: PracticeStripe, session: dict[str, Any]) -> str:
    result = practice.handle("GET", f"/v1/checkout/sessions/{session['id']}", {}, HEADERS)
    return str(result.body["status"])


def field_of(html: str, name: str) -> str:
    result = re.search(rf'<input id="{name}"[^>]*>', html)
    assert result, f"no field {name}"
    return result[0]


class TestForm:
    def test_is_labelled_and_can_be_filled_by_the_browser(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        html = browser.get(page_of(link(practice))).text
        wanted = {
            "email": "email",
            "number": "cc-number",
            "expiry": "cc-exp",
            "cvc": "cc-csc",
            "name": "cc-name",
        }
        for name, autocomplete in wanted.items():
            assert f'autocomplete="{autocomplete}"' in field_of(html, name)
            assert f'<label for="{name}">' in html
        assert "Practice mode: no money moves" in html
        assert "may charge it for future payments" in html

    @pytest.mark.parametrize(
        ("locale", "browsers", "code", "words"),
        [
            ("de", "fr", "de", "Hinterlegen Sie Ihre Karte für künftige Zahlungen"),
            ("auto", "pl, fr-CA;q=0.8", "fr", "Enregistrez votre carte"),
            (None, "ja", "ja", "カードを登録する"),
            ("sv", "", "en", "Save your card for future payments"),
        ],
    )
    def test_speaks_the_sessions_language_else_the_browsers(
        self, practice: PracticeStripe, browser: TestClient, locale, browsers, code, words
    ) -> None:
        session = link(practice, **({"locale": locale} if locale else {}))
        headers = {"Accept-Language": browsers}
        html = browser.get(page_of(session), headers=headers).text
        assert f'<html lang="{code}">' in html
        assert words in html
        wrong = browser.post(page_of(session), data=typed(cvc=""), headers=headers).text
        english = ("Enter the CVC." in wrong, "Check the marked fields." in wrong)
        assert english == (code == "en", code == "en")

    def test_countries_are_named_and_ordered_in_it(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        html = browser.get(page_of(link(practice, locale="de"))).text
        names = re.findall(r'<option value="[A-Z]{2}"[^>]*>([^<]+)<', html)
        assert "Deutschland" in names
        assert names == sorted(names, key=str.casefold)

    def test_lists_every_card_and_no_bank_account_when_none_is_taken(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        session = link(
            practice,
            allowed_payment_method_types=["card"],
            wallet_options={"link": {"display": "never"}},
        )
        html = browser.get(page_of(session)).text
        listed = set(re.findall(r'name="fill" value="(\w+)"', html))
        assert listed == {card.number for card in CARDS if card.type == "card"}

    def test_number_is_chosen_without_scripts(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        session = link(practice)
        fields = typed(number="", expiry="", cvc="", fill="378282246310005")
        html = browser.post(page_of(session), data=fields).text
        assert 'value="3782 822463 10005"' in field_of(html, "number")
        assert 'value="1234"' in field_of(html, "cvc")
        assert status_of(practice, session) == "open"

    def test_known_email_is_fixed(self, practice: PracticeStripe, browser: TestClient) -> None:
        customer = post(practice, "/v1/customers", email="known@example.com", name="Known")
        session = link(practice, customer=customer["id"])
        html = browser.get(page_of(session)).text
        assert "known@example.com" in html
        assert 'name="email"' not in html
        browser.post(page_of(session), data=typed(email="other@example.com"))
        result = practice.handle("GET", f"/v1/checkout/sessions/{session['id']}", {}, HEADERS)
        assert result.body["customer_details"]["email"] == "known@example.com"

    def test_back_link(self, practice: PracticeStripe, browser: TestClient) -> None:
        back = "https://app.example.com/back"
        assert f'href="{back}"' in browser.get(page_of(link(practice, cancel_url=back))).text
        assert "Back to" not in browser.get(page_of(link(practice))).text

    def test_uses_nothing_from_elsewhere_and_cannot_be_framed(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        reply = browser.get(page_of(link(practice)))
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "'unsafe-inline'" not in policy
        nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
        assert nonce
        assert reply.text.count(f'nonce="{nonce[1]}"') == 2
        assert reply.headers["cache-control"] == "no-store"
        assert not re.search(r'(src|href)="(https?:)?//', reply.text)

    def test_nonce_is_new_each_time(self, practice: PracticeStripe, browser: TestClient) -> None:
        path = page_of(link(practice))
        policies = {browser.get(path).headers["content-security-policy"] for _ in range(3)}
        assert len(policies) == 3


class TestSaving:
    def test_goes_to_the_success_page(self, practice: PracticeStripe, browser: TestClient) -> None:
        session = link(practice)
        reply = browser.post(page_of(session), data=typed())
        expected = SUCCESS_URL.replace("{CHECKOUT_SESSION_ID}", session["id"])
        assert (reply.status_code, reply.headers["location"]) == (303, expected)
        assert status_of(practice, session) == "complete"

    @pytest.mark.parametrize("expiry", ["12/30", "1230", "12 / 30", "12/2030", "１２/３０"])
    def test_expiry_is_read_as_people_write_it(
        self, practice: PracticeStripe, browser: TestClient, expiry: str
    ) -> None:
        session = link(practice)
        assert browser.post(page_of(session), data=typed(expiry=expiry)).status_code == 303
        methods = practice.database.connection().execute(
            "SELECT payload ->> '$.card.exp_year' AS year, payload ->> '$.card.exp_month' AS month"
            " FROM objects WHERE kind = 'payment_method'"
        )
        assert [tuple(row) for row in methods] == [(2030, 12)]

    def test_bank_account_needs_no_expiry(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        session = link(practice, currency="eur")
        assert "Card or account number" in browser.get(page_of(session)).text
        fields = typed(number="DE89 3704 0044 0532 0130 00", expiry="", cvc="")
        assert browser.post(page_of(session), data=fields).status_code == 303

    @pytest.mark.parametrize(
        ("changes", "name", "says"),
        [
            ({"number": ""}, "number", "Enter the card number."),
            ({"number": "4242 4242"}, "number", "not complete"),
            ({"number": "4242424242424241"}, "number", "not valid"),
            ({"number": "4242x42424242424"}, "number", "digits only"),
            ({"number": "4111111111111111"}, "number", "in test mode"),
            ({"number": "4000000000000002"}, "number", "declined"),
            ({"number": "4000000000000127"}, "cvc", "security code"),
            ({"expiry": ""}, "expiry", "Enter the expiry date."),
            ({"expiry": "13/30"}, "expiry", "month and year"),
            ({"expiry": "126"}, "expiry", "month and year"),
            ({"expiry": "10/26"}, "expiry", "in the past"),
            ({"expiry": "10/2099"}, "expiry", "Check the year."),
            ({"cvc": "12"}, "cvc", "Enter the 3 digits."),
            ({"cvc": "1234"}, "cvc", "Enter the 3 digits."),
            ({"number": "378282246310005"}, "cvc", "Enter the 4 digits."),
            ({"name": "  "}, "name", "Enter the name"),
            ({"name": "x" * 151}, "name", "150"),
            ({"email": "alice"}, "email", "not complete"),
            ({"country": "ZZ"}, "country", "Choose a country."),
        ],
    )
    def test_says_beside_the_field_what_is_wrong(
        self,
        practice: PracticeStripe,
        browser: TestClient,
        changes: dict[str, str],
        name: str,
        says: str,
    ) -> None:
        session = link(practice)
        reply = browser.post(page_of(session), data=typed(**changes))
        assert reply.status_code == 422
        problem = re.search(rf'id="{name}-problem">([^<]*)<', reply.text)
        assert problem, reply.text
        assert says in problem[1]
        assert status_of(practice, session) == "open"

    def test_keeps_what_was_typed_except_the_cvc(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        fields = typed(number="4000000000000002", cvc="987")
        html = browser.post(page_of(link(practice)), data=fields).text
        assert 'value="4000000000000002"' in field_of(html, "number")
        assert 'value="12/30"' in field_of(html, "expiry")
        assert 'value="Alice Example"' in field_of(html, "name")
        assert '<option value="GB" selected>' in html
        assert 'value=""' in field_of(html, "cvc")

    def test_number_is_neither_logged_nor_stored(
        self, practice: PracticeStripe, browser: TestClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        browser.post(page_of(link(practice)), data=typed(number="4000000000000002"))
        browser.post(page_of(link(practice)), data=typed(number=GOOD))
        assert "40000000" not in caplog.text
        assert "42424242" not in caplog.text
        connection = practice.database.connection()
        dump = "\n".join(connection.iterdump())
        assert "alice@example.com" in dump
        assert GOOD not in dump
        assert "4000000000000002" not in dump


class TestAuthentication:
    def test_approved(self, practice: PracticeStripe, browser: TestClient) -> None:
        session = link(practice)
        asked = browser.post(page_of(session), data=typed(number=ASKS))
        assert asked.headers["location"] == page_of(session, "/authenticate")
        assert "Approve" in browser.get(asked.headers["location"]).text
        done = browser.post(page_of(session, "/authenticate"), data={"answer": "approve"})
        assert done.status_code == 303
        assert done.headers["location"].startswith("https://app.example.com/done")
        assert status_of(practice, session) == "complete"

    def test_failed_goes_back_to_the_form(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        session = link(practice)
        browser.post(page_of(session), data=typed(number=ASKS))
        reply = browser.post(page_of(session, "/authenticate"), data={"answer": "fail"})
        assert reply.status_code == 422
        assert "unable to authenticate" in reply.text
        assert status_of(practice, session) == "open"
        assert browser.get(page_of(session)).status_code == 200

    def test_nothing_to_answer(self, practice: PracticeStripe, browser: TestClient) -> None:
        session = link(practice)
        path = page_of(session, "/authenticate")
        for reply in (browser.get(path), browser.post(path, data={"answer": "approve"})):
            assert (reply.status_code, reply.headers["location"]) == (303, page_of(session))

    def test_other_answers_change_nothing(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        session = link(practice)
        browser.post(page_of(session), data=typed(number=ASKS))
        browser.post(page_of(session, "/authenticate"), data={"answer": "perhaps"})
        # The form is not offered while the bank waits.
        assert browser.get(page_of(session)).headers["location"].endswith("/authenticate")


class TestNotOpen:
    def test_complete(self, practice: PracticeStripe, browser: TestClient) -> None:
        session = link(practice)
        browser.post(page_of(session), data=typed())
        for reply in (browser.get(page_of(session)), browser.post(page_of(session), data=typed())):
            assert reply.status_code == 200
            assert "Your card is saved" in reply.text
            assert "<form" not in reply.text

    def test_expired(self, practice: PracticeStripe, browser: TestClient, clock: FakeClock) -> None:
        session = link(practice)
        clock.advance(hours=24, seconds=1)
        for reply in (browser.get(page_of(session)), browser.post(page_of(session), data=typed())):
            assert reply.status_code == 410
            assert "This link has expired" in reply.text

    def test_ended_between_the_page_and_the_card(
        self, practice: PracticeStripe, browser: TestClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = link(practice)
        submit = practice.submit_card

        def late(session_id: str, card: Any) -> Any:
            post(practice, f"/v1/checkout/sessions/{session_id}/expire")
            return submit(session_id, card)

        monkeypatch.setattr(practice, "submit_card", late)
        reply = browser.post(page_of(session), data=typed())
        assert reply.status_code == 410

    @pytest.mark.parametrize(
        "session_id",
        [
            "cs_test_unknown",
            "pi_1",
            "%00",
            "cs_%3Cscript%3E",
            "%ff%fe",
            "..%2f..",
            "cs_" + "a" * 9000,
        ],
    )
    def test_unknown(self, browser: TestClient, session_id: str) -> None:
        for step in ("", "/authenticate"):
            reply = browser.get(f"/practice/checkout/{session_id}{step}")
            assert reply.status_code == 404
            assert "<script>" not in reply.text


class TestHostileInput:
    @pytest.mark.parametrize("name", ["email", "number", "expiry", "cvc", "name", "country"])
    @pytest.mark.parametrize("value", [NASTY, "9" * 30_000, "\u202e\ud7ff", "%00", "é" * 4_000])
    def test_any_field(
        self, practice: PracticeStripe, browser: TestClient, name: str, value: str
    ) -> None:
        session = link(practice)
        reply = browser.post(page_of(session), data=typed(**{name: value}))
        assert reply.status_code in (303, 413, 422)
        assert "<script>alert" not in reply.text
        assert "\x00" not in reply.text
        assert len(reply.text) < len(browser.get(page_of(link(practice))).text) + 5_000

    def test_too_much(self, practice: PracticeStripe, browser: TestClient) -> None:
        session = link(practice)
        reply = browser.post(page_of(session), data=typed(name="x" * 100_000))
        assert reply.status_code == 413
        assert status_of(practice, session) == "open"

    @pytest.mark.parametrize(
        ("body", "kind", "status"),
        [
            (b"{}", "application/json", 415),
            (b"", "", 415),
            (b"&".join(b"a%d=1" % n for n in range(500)), "application/x-www-form-urlencoded", 400),
            (b"\xff\xfe%zz=%", "application/x-www-form-urlencoded", 422),
        ],
    )
    def test_other_bodies(
        self, practice: PracticeStripe, browser: TestClient, body: bytes, kind: str, status: int
    ) -> None:
        reply = browser.post(page_of(link(practice)), content=body, headers={"content-type": kind})
        assert reply.status_code == status
        assert "default-src 'none'" in reply.headers["content-security-policy"]

    def test_names_of_customers_are_inert(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        text = {"submit": {"message": "<img src=x onerror=alert(1)>"}}
        html = browser.get(page_of(link(practice, custom_text=text))).text
        assert "&lt;img src=x" in html
        assert "<img" not in html


class TestWordsOfTheMerchant:
    NOTHING = "Nothing is charged today."

    def test_both_stand_there_and_nothing_that_speaks_against_them(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        texts = {
            "submit": {"message": "You allow us to charge it."},
            "after_submit": {"message": "As soon as it is saved, we charge $5.00."},
        }
        html = browser.get(page_of(link(practice, custom_text=texts))).text
        assert "You allow us to charge it." in html
        assert "As soon as it is saved, we charge $5.00." in html
        assert self.NOTHING not in html

    def test_without_them_nothing_is_charged(
        self, practice: PracticeStripe, browser: TestClient
    ) -> None:
        assert self.NOTHING in browser.get(page_of(link(practice))).text


class TestMicrodeposits:
    """The page on which a customer confirms a bank account, days after the Session was completed."""

    @pytest.mark.parametrize(
        ("answer", "status"), [("approve", "succeeded"), ("fail", "requires_payment_method")]
    )
    def test_answered(
        self, practice: PracticeStripe, browser: TestClient, answer: str, status: str
    ) -> None:
        session = link(practice)
        fields = typed(number="000123456780", expiry="", cvc="")
        browser.post(page_of(session), data=fields)
        assert status_of(practice, session) == "complete"
        intent = get(practice, f"/v1/setup_intents/{session['setup_intent']}")
        url = intent["next_action"]["verify_with_microdeposits"]["hosted_verification_url"]
        assert url.endswith(page_of(session, "/microdeposits"))
        assert "A small amount has arrived" in browser.get(page_of(session, "/microdeposits")).text
        browser.post(page_of(session, "/microdeposits"), data={"answer": answer})
        assert get(practice, f"/v1/setup_intents/{session['setup_intent']}")["status"] == status
        again = browser.post(page_of(session, "/microdeposits"), data={"answer": "approve"})
        assert "nothing more to do" in again.text
        assert get(practice, f"/v1/setup_intents/{session['setup_intent']}")["status"] == status

    def test_is_for_nobody_else(self, practice: PracticeStripe, browser: TestClient) -> None:
        html = browser.get(page_of(link(practice), "/microdeposits")).text
        assert "A small amount has arrived" not in html
