"""Passwords: which are taken, whose they are, and invitations with which a person chooses one."""

from __future__ import annotations

import sqlite3
import unicodedata

import pytest

from lib.domain.actors import Actor, Role
from lib.errors import InvalidInput, NotFound, NotPermitted, NotSignedIn, RuleViolation
from lib.services.staff import dual_approval
from lib.services.staff.invitations import VALID_SECONDS
from lib.services.staff.passwords import hashed
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.world import ADA, BOB, World

OWN = "four gentle walruses"
NAMES = ("maria.k", "Maria Kowalska", "maria.kowalska@example.com")
# 72 bytes that are no pattern.
LONG = "velvet otters juggle seven brass kettles over Lisbon at noon, quietly!!!"


def taken(password: str, **more) -> str:
    return hashed(password, of=NAMES, rounds=4, **more)


@pytest.fixture
def people(world: World) -> World:
    world.services.users.add_practice_users()
    return world


class TestWhichAreTaken:
    @pytest.mark.parametrize(
        ("password", "why"),
        [
            ("", "at least 12"),
            ("7 otters!!!", "at least 12"),
            ("e\u0301" * 11, "at least 12"),  # eleven letters, though twice as many characters
            (LONG + "x", "at most 72 bytes"),
            ("зелёный слон и семь тихих выдр", None),
            ("зелёный слон и семь тихих выдр у синей реки", "at most 72 bytes"),
            ("aaaaaaaaaaaa", "easy to guess"),
            ("123456789012", "easy to guess"),
            ("password1234", "easy to guess"),
            ("Password2026!", "easy to guess"),
            ("Summer2026!!", "easy to guess"),
            ("qwertyuiop12", "easy to guess"),
            ("letmeinletmein", "easy to guess"),
            ("MARIA.kowalska@example.com", "own name or address"),
            ("maria.kowalska", "own name or address"),
            ("Maria Kowalska 1!", "own name or address"),
            ("KowalskaMaria", "easy to guess"),
            (OWN, None),
            (LONG, None),
        ],
        ids=lambda value: ascii(value)[:30],
    )
    def test_says_why_not(self, password: str, why: str | None) -> None:
        if why is None:
            assert taken(password)
            return
        with pytest.raises(InvalidInput, match=why) as refused:
            taken(password)
        assert refused.value.field == "password"

    def test_the_password_of_the_practice_accounts_only_where_no_money_is(self) -> None:
        assert taken(PRACTICE_PASSWORD)
        with pytest.raises(InvalidInput, match="practice accounts"):
            taken("Practice-Only", public=[PRACTICE_PASSWORD])

    def test_a_hundred_thousand_letters_are_refused_at_once(self) -> None:
        with pytest.raises(InvalidInput, match="72 bytes"):
            taken("x" * 100_000)


class TestSignIn:
    def test_whichever_unicode_form_the_keyboard_sends(self, people: World) -> None:
        users, decomposed = people.services.users, unicodedata.normalize("NFD", "fünf kühle Öfen")
        users.set_password("ada", decomposed, by=ADA)
        assert users.sign_in("ada", unicodedata.normalize("NFC", decomposed))
        assert users.sign_in("ada", decomposed)

    def test_a_longer_one_with_the_same_first_72_bytes_is_wrong(self, people: World) -> None:
        people.services.users.set_password("ada", LONG, by=ADA)
        assert people.services.users.sign_in("ada", LONG)
        with pytest.raises(NotSignedIn):
            people.services.users.sign_in("ada", LONG + "x")


def invite(world: World, username: str = "bob", by: Actor = ADA) -> str:
    address = world.services.invitations.invite(username, by=by)
    assert address.startswith(world.settings.public_url + "/?invitation=")
    return address.partition("=")[2]


class TestInvitation:
    def test_works_once_and_ends_sessions(self, people: World) -> None:
        token, before = invite(people), people.services.users.find("bob")
        assert people.services.users.sign_in("bob", PRACTICE_PASSWORD), "until it is used"
        after = people.services.invitations.accept(token, OWN)
        assert after.password_is_own
        assert before is not None
        assert after.session_version > before.session_version
        with pytest.raises(NotFound, match="Ask an admin"):
            people.services.invitations.accept(token, "another gentle walrus")
        assert people.services.users.sign_in("bob", OWN)

    def test_a_password_that_is_refused_leaves_it_open(self, people: World) -> None:
        token = invite(people)
        with pytest.raises(InvalidInput):
            people.services.invitations.accept(token, "bob@example.com")
        assert people.services.invitations.accept(token, OWN)

    def test_not_after_three_days_nor_beside_a_newer_one(self, people: World) -> None:
        first, second = invite(people), invite(people)
        people.clock.advance(seconds=VALID_SECONDS - 1)
        with pytest.raises(NotFound):
            people.services.invitations.invited(first)
        assert people.services.invitations.invited(second).username == "bob"
        people.clock.advance(seconds=1)
        with pytest.raises(NotFound):
            people.services.invitations.accept(second, OWN)

    def test_not_for_whoever_is_disabled_meanwhile(self, people: World) -> None:
        token = invite(people)
        people.services.users.disable("bob", by=ADA)
        with pytest.raises(NotFound):
            people.services.invitations.accept(token, OWN)
        with pytest.raises(RuleViolation, match="Enable it first"):
            invite(people)

    def test_only_an_admin_invites(self, people: World) -> None:
        with pytest.raises(NotPermitted):
            invite(people, "ada", by=BOB)
        with pytest.raises(NotFound):
            invite(people, "nobody")

    def test_before_it_nobody_signs_in_to_a_new_account(self, people: World) -> None:
        people.services.users.add(
            "eve", name="Eve", email="eve@example.com", roles=["viewer"], password=None, by=ADA
        )
        for guess in ("", "eve", PRACTICE_PASSWORD):
            with pytest.raises(NotSignedIn, match="is not right"):
                people.services.users.sign_in("eve", guess)
        people.services.invitations.accept(invite(people, "eve"), OWN)
        assert people.services.users.sign_in("eve", OWN).roles == {Role.VIEWER}

    def test_the_token_is_nowhere_in_the_file_and_both_ends_are_on_record(
        self, people: World
    ) -> None:
        token = invite(people)
        people.services.invitations.accept(token, OWN)
        with people.shell() as shell:
            dump = "\n".join(shell.iterdump())
        assert token not in dump
        assert OWN not in dump
        said = people.rows("SELECT actor, action FROM audit_log WHERE subject = 'user:bob'")
        assert [tuple(row) for row in said] == [
            ("ada", "user.invite"),
            ("bob", "user.accept_invitation"),
        ]

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE invitations SET ended_at = NULL",
            "UPDATE invitations SET username = 'ada'",
            "UPDATE invitations SET expires_at = expires_at + 1, ended_at = 1",
            "DELETE FROM invitations",
        ],
    )
    def test_the_schema_gives_none_a_second_life(self, people: World, change: str) -> None:
        people.services.invitations.accept(invite(people), OWN)
        with pytest.raises(sqlite3.IntegrityError):
            people.change(change)


class TestWhoseItIs:
    def why_not(self, world: World) -> NotPermitted | None:
        with world.uow.read() as stores:
            return dual_approval.why_not(stores, BOB, makers=["alice"], now=world.now)

    def test_in_live_mode_an_approver_chooses_their_own_first(self, people: World) -> None:
        assert self.why_not(people) is None, "in practice mode what was handed over counts"
        people.change("UPDATE meta SET value = 'live' WHERE name = 'mode'")
        people.change("INSERT INTO second_factors VALUES ('bob', 'sealed', 1, 1)")
        assert "Choose one that only you know" in str(self.why_not(people))
        people.services.users.set_password("bob", OWN, by=BOB)
        assert self.why_not(people) is None
        people.services.users.set_password("bob", "five gentle walruses", by=ADA)
        assert "Somebody else chose your password" in str(self.why_not(people))
