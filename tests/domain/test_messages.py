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
        ],
    )
    def test_is_refused_when_it_is_saved(self, subject, body, where, code) -> None:
        with pytest.raises(InvalidInput) as refusal:
            checked(MessageKind.LINK, Template(subject, body))
        assert (refusal.value.field, refusal.value.code) == (where, code)

    def test_every_field_has_a_meaning(self) -> None:
        assert {name for names in FIELDS.values() for name in names} == set(MEANINGS)
