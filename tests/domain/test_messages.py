"""Templates: what may be saved, and how one is filled."""

from __future__ import annotations

import pytest

from lib.domain.messages import FIELDS, MEANINGS, MessageKind, Template, checked, fill
from lib.errors import InvalidInput

BODY = "{greeting}\n\nPlease: {link}\n\n{signature}"


class TestFilling:
    def test_a_paragraph_with_an_empty_field_is_left_out(self) -> None:
        template = Template("For {company}", "{greeting}\n\nReference: {reference}\n\nBye")
        full = fill(template, {"company": "Acme", "greeting": "Hello,", "reference": "INV-1"})
        assert (full.subject, full.text) == ("For Acme", "Hello,\n\nReference: INV-1\n\nBye")
        assert fill(template, {"greeting": "Hello,", "reference": ""}).text == "Hello,\n\nBye"

    @pytest.mark.parametrize(
        ("body", "values", "text"),
        [
            ("Dear {name}, open {link}.", {"link": "x"}, "Dear , open x."),
            ("Open {link} for {reference}.\n\n{link}", {"link": "x"}, "x"),
            ("Owed: {failures}\n{link}", {"failures": "- INV-1"}, "Owed: - INV-1\n"),
            ("{to_charge} {invoices}", {"to_charge": "We charge it."}, "We charge it. "),
            ("Bye\n\nOpen {link} until {until}", {}, "Bye"),
        ],
    )
    def test_what_the_message_is_for_is_never_left_out(self, body, values, text) -> None:
        """Also by a template that was saved before such texts were refused."""
        assert fill(Template("x", body), values).text == text

    def test_what_a_value_says_is_no_field(self) -> None:
        """A customer may be called anything."""
        message = fill(Template("To {name}", "Hello {name}"), {"name": "{link} {0}", "link": "x"})
        assert (message.subject, message.text) == ("To {link} {0}", "Hello {link} {0}")

    def test_a_subject_is_one_line(self) -> None:
        message = fill(Template("To {name}", "x"), {"name": "Anna\r\nBcc: all@example.com"})
        assert message.subject == "To Anna Bcc: all@example.com"


class TestChecking:
    def test_is_tidied(self) -> None:
        template = checked(
            MessageKind.LINK, Template(" A \n b ", f"\r\n{BODY} \r\n\r\n\r\n\r\nEnd  ")
        )
        assert template == Template("A b", f"{BODY}\n\nEnd")

    @pytest.mark.parametrize(
        ("subject", "body", "where", "code"),
        [
            ("", BODY, "subject", "template_empty"),
            ("x", " \n ", "body", "template_empty"),
            ("x" * 151, BODY, "subject", "template_too_long"),
            ("x", BODY + "x" * 5000, "body", "template_too_long"),
            ("x", "{greeting}", "body", "template_field_missing"),
            ("x", BODY + " {amount}", "body", "template_field_unknown"),
            ("{failures}", BODY, "subject", "template_field_unknown"),
            ("x", BODY + " {name", "body", "template_brace"),
            ("x", BODY + " name}", "body", "template_brace"),
            ("x", BODY + " {0}", "body", "template_brace"),
            ("x", BODY + " {name!r}", "body", "template_brace"),
            ("x", BODY + " {{name}}", "body", "template_brace"),
            ("Ihre Karte ist gestohlen", BODY, "subject", "template_secret_word"),
            # Empty for whoever has none.
            ("{reference}", BODY, "subject", "template_field_not_sure"),
            ("{name}: {reference}", BODY, "subject", "template_field_not_sure"),
        ],
    )
    def test_is_refused_when_it_is_saved(self, subject, body, where, code) -> None:
        with pytest.raises(InvalidInput) as refusal:
            checked(MessageKind.LINK, Template(subject, body))
        assert (refusal.value.field, refusal.value.code) == (where, code)

    @pytest.mark.parametrize(
        ("kind", "paragraphs", "field", "empty"),
        [
            (MessageKind.LINK, ["Dear {name}, open {link} for {reference}."], "link", "name"),
            (MessageKind.LINK, ["{link} {contact}"], "link", "contact"),
            # A failure that no card mends is told without a link.
            (MessageKind.RECOVERY, ["{failures}\n{link}"], "failures", "link"),
            (MessageKind.RECOVERY, ["{failures}\n{until}", "{link}"], "failures", "until"),
            (
                MessageKind.CARD_FOR_CHARGE,
                ["{to_charge}", "{link} {reference}"],
                "link",
                "reference",
            ),
            (MessageKind.REMINDER, ["{link} {total}"], "link", "total"),
            (MessageKind.REMINDER, ["{to_charge} {link}"], "link", "to_charge"),
            (MessageKind.REMINDER, ["{link}", "{to_charge}\n{invoices}"], "to_charge", "invoices"),
            (MessageKind.CARD_EXPIRES, ["{card}: {link}"], "link", "card"),
            (
                MessageKind.ANNOUNCEMENT,
                ["{day} {charges}", "{answer} {contact}"],
                "answer",
                "contact",
            ),
        ],
    )
    def test_a_paragraph_that_may_be_left_out_holds_nothing_that_has_to_be_said(
        self, kind, paragraphs, field, empty
    ) -> None:
        with pytest.raises(InvalidInput) as refusal:
            checked(kind, Template("x", "\n\n".join(["{greeting}", *paragraphs])))
        assert (refusal.value.field, refusal.value.code) == ("body", "template_field_not_sure")
        assert f"{{{field}}}" in str(refusal.value)
        assert f"{{{empty}}}" in str(refusal.value)

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            (MessageKind.LINK, "{greeting} {company}: {link} until {until}"),
            (MessageKind.LINK, "{link} for {reference}\n\n{link}"),
            (MessageKind.RECOVERY, "{failures} {total}\n{invoices}\n\n{link} until {until}"),
            (MessageKind.REMINDER, "{to_charge} {link}\n\n{link}"),
            (MessageKind.ANNOUNCEMENT, "{day}: {charges}, {total}, {company}, {answer}"),
            (MessageKind.THANKS, "Thanks.\n\n{name} {reference}"),
        ],
    )
    def test_beside_what_is_always_filled_it_may_stand(self, kind, body) -> None:
        assert checked(kind, Template("x", body)).body == body

    @pytest.mark.parametrize("subject", ["{company}", "Ref {reference}", "請求 {reference}"])
    def test_a_subject_that_is_never_empty(self, subject) -> None:
        assert checked(MessageKind.LINK, Template(subject, BODY)).subject == subject

    def test_thanks_say_something_to_everybody(self) -> None:
        with pytest.raises(InvalidInput, match="The text would be empty for some customers"):
            checked(MessageKind.THANKS, Template("Thanks", "{card}\n\nFor {reference}"))

    def test_every_field_has_a_meaning(self) -> None:
        assert {name for names in FIELDS.values() for name in names} == set(MEANINGS)
