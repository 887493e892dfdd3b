"""Second factors: turned on, asked for, used once, lost, and required where money is real."""

from __future__ import annotations

import dataclasses
import sqlite3

import pyotp
import pytest

from lib import bootstrap
from lib.domain.actors import Actor
from lib.errors import InvalidInput, NotPermitted, NotSignedIn, RuleViolation, SecondFactorNeeded
from lib.services.staff import dual_approval
from lib.services.staff.codes import STEP_SECONDS, UnreadableSecret
from lib.services.staff.guesses import MOST_PER_ACCOUNT_HERE, SignInOrigin
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.settings import Mode
from tests.world import ADA, ALICE, BOB, VERA, World


@pytest.fixture
def people(world: World) -> World:
    world.services.users.add_practice_users()
    return world


@dataclasses.dataclass
class Phone:
    """An authenticator app, and the codes on paper."""

    world: World
    secret: str
    paper: list[str]

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).generate_otp(self.world.now // STEP_SECONDS + steps)

    def wait(self) -> str:
        """The next code."""
        self.world.clock.advance(seconds=STEP_SECONDS)
        return self.code()


def enrol(world: World, who: Actor = ADA) -> Phone:
    factors = world.services.second_factors
    begun = factors.begin(by=who)
    phone = Phone(world, begun.secret, [])
    phone.paper = factors.turn_on(begun, phone.code(), PRACTICE_PASSWORD, by=who)
    return phone


def sign_in(world: World, code: str = "", origin: SignInOrigin | None = None) -> None:
    world.services.users.sign_in("ada", PRACTICE_PASSWORD, origin=origin, code=code)


def make_live(world: World) -> None:
    world.change("UPDATE meta SET value = 'live' WHERE name = 'mode'")
    live = dataclasses.replace(world.settings, mode=Mode.LIVE)
    world.services = bootstrap.build_services(
        live, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
    )


class TestTurningOn:
    def test_needs_a_code_of_the_app_and_the_password(self, people: World) -> None:
        factors = people.services.second_factors
        begun = factors.begin(by=ADA)
        phone = Phone(people, begun.secret, [])
        with pytest.raises(InvalidInput, match="clock of the phone"):
            factors.turn_on(begun, "000000", PRACTICE_PASSWORD, by=ADA)
        with pytest.raises(NotSignedIn, match="not your password"):
            factors.turn_on(begun, phone.code(), "a wrong password", by=ADA)
        assert not factors.standing(ADA).is_on
        assert len(factors.turn_on(begun, phone.code(), PRACTICE_PASSWORD, by=ADA)) == 10
        assert factors.standing(ADA).is_on

    def test_ends_the_sessions_that_knew_a_password_only(self, people: World) -> None:
        before = people.services.users.find("ada")
        enrol(people)
        after = people.services.users.find("ada")
        assert before is not None
        assert after is not None
        assert after.session_version > before.session_version

    def test_the_next_one_needs_a_code_of_the_one_before(self, people: World) -> None:
        """An open page and a password that somebody saw are no way to a phone of theirs."""
        factors, phone = people.services.second_factors, enrol(people)
        begun = factors.begin(by=ADA)
        another = Phone(people, begun.secret, [])
        for code in ("", "000000", another.code()):
            with pytest.raises(NotSignedIn):
                factors.turn_on(begun, another.code(), PRACTICE_PASSWORD, by=ADA, replaced=code)
        sign_in(people, phone.wait())
        codes = factors.turn_on(
            begun, another.code(), PRACTICE_PASSWORD, by=ADA, replaced=phone.paper[0]
        )
        assert len(codes) == 10
        for old in (phone.wait(), phone.paper[1]):
            with pytest.raises(NotSignedIn):
                sign_in(people, old)
        sign_in(people, another.wait())

    def test_the_app_shows_whose_it_is(self, people: World) -> None:
        assert people.services.second_factors.begin(by=ADA).address.startswith(
            "otpauth://totp/Onfile:ada?secret="
        )

    def test_neither_secret_nor_recovery_codes_are_in_the_file(self, people: World) -> None:
        phone = enrol(people)
        with people.shell() as shell:
            dump = "\n".join(shell.iterdump())
        for code in (phone.secret, *phone.paper):
            assert code not in dump
            assert code.replace("-", "") not in dump


class TestSignIn:
    def test_asks_for_a_code_once_the_password_is_right(self, people: World) -> None:
        phone = enrol(people)
        with pytest.raises(SecondFactorNeeded):
            sign_in(people)
        with pytest.raises(NotSignedIn, match="password is not right"):
            people.services.users.sign_in("ada", "a wrong password", code=phone.wait())
        sign_in(people, phone.wait())

    def test_a_code_works_once_and_so_do_earlier_ones_not_at_all(self, people: World) -> None:
        phone = enrol(people)
        code = phone.wait()
        sign_in(people, code)
        for used in (code, phone.code(-1)):
            with pytest.raises(NotSignedIn, match="used already"):
                sign_in(people, used)
        sign_in(people, phone.wait())

    def test_the_code_that_turned_it_on_is_used_up(self, people: World) -> None:
        phone = enrol(people)
        with pytest.raises(NotSignedIn, match="used already"):
            sign_in(people, phone.code())

    @pytest.mark.parametrize(("steps", "works"), [(-2, False), (-1, True), (1, True), (2, False)])
    def test_half_a_minute_of_difference_is_allowed(
        self, people: World, steps: int, works: bool
    ) -> None:
        phone = enrol(people)
        people.clock.advance(minutes=5)
        if works:
            sign_in(people, f" {phone.code(steps)[:3]} {phone.code(steps)[3:]} ")
        else:
            with pytest.raises(NotSignedIn):
                sign_in(people, phone.code(steps))

    def test_a_recovery_code_stands_in_once(self, people: World) -> None:
        phone = enrol(people)
        sign_in(people, phone.paper[0].upper().replace("-", " "))
        with pytest.raises(NotSignedIn):
            sign_in(people, phone.paper[0])
        assert people.services.second_factors.standing(ADA).recovery_codes_left == 9

    def test_codes_are_not_guessed_from_many_addresses(self, people: World) -> None:
        phone = enrol(people)
        for number in range(MOST_PER_ACCOUNT_HERE):
            with pytest.raises(NotSignedIn, match="That code is not right"):
                sign_in(people, "000000", SignInOrigin(f"198.51.100.{number}"))
        with pytest.raises(NotSignedIn, match="Too many"):
            sign_in(people, phone.wait(), SignInOrigin("198.51.100.99"))

    def test_another_persons_code_does_not(self, people: World) -> None:
        enrol(people)
        theirs = enrol(people, BOB)
        for code in (theirs.wait(), theirs.paper[0]):
            with pytest.raises(NotSignedIn):
                sign_in(people, code)

    @pytest.mark.parametrize("code", ["x", "0" * 100_000, "١٢٣٤٥٦", "a\x00", "12345", "-"])
    def test_anything_else_is_refused(self, people: World, code: str) -> None:
        enrol(people)
        with pytest.raises(NotSignedIn):
            sign_in(people, code)


class TestKey:
    def test_without_it_a_recovery_code_still_signs_in(self, people: World) -> None:
        """As after a restore to a machine that lacks secret.key."""
        phone = enrol(people)
        other = dataclasses.replace(people.settings, secret_key="o" * 48)
        people.services = bootstrap.build_services(
            other, clock=people.clock, api_base=people.server.base_url, bcrypt_rounds=4
        )
        with pytest.raises(UnreadableSecret, match="ONFILE_SECRET_KEY"):
            sign_in(people, phone.wait())
        sign_in(people, phone.paper[0])

    def test_is_a_file_that_only_onfile_reads(self, world: World) -> None:
        path = world.settings.data_dir / "secret.key"
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text() == world.settings.secret_key
        assert world.settings.secret_key not in repr(world.settings)


class TestLost:
    def test_an_admin_resets_it_for_somebody_else(self, people: World) -> None:
        enrol(people, BOB)
        factors = people.services.second_factors
        with pytest.raises(NotPermitted):
            factors.reset("bob", by=ALICE)
        factors.reset("bob", by=ADA)
        assert people.services.users.sign_in("bob", PRACTICE_PASSWORD)
        with pytest.raises(RuleViolation, match="has no second factor"):
            factors.reset("bob", by=ADA)

    def test_nobody_resets_their_own_at_an_open_page(self, people: World) -> None:
        enrol(people)
        with pytest.raises(RuleViolation, match="on-this-host"):
            people.services.second_factors.reset("ada", by=ADA)

    def test_the_owner_of_the_machine_recovers_the_only_admin(self, people: World) -> None:
        enrol(people)
        people.services.invitations.recover("ada")
        sign_in(people)

    def test_turning_it_off_needs_a_code(self, people: World) -> None:
        phone = enrol(people)
        with pytest.raises(NotSignedIn):
            people.services.second_factors.turn_off("000000", by=ADA)
        people.services.second_factors.turn_off(phone.wait(), by=ADA)
        sign_in(people)

    def test_not_all_codes_are_tried_at_an_open_page(self, people: World) -> None:
        phone = enrol(people)
        for _ in range(MOST_PER_ACCOUNT_HERE):
            with pytest.raises(NotSignedIn, match="not right"):
                people.services.second_factors.turn_off("000000", by=ADA)
        with pytest.raises(NotSignedIn, match="Too many"):
            people.services.second_factors.turn_off(phone.wait(), by=ADA)
        assert people.services.second_factors.standing(ADA).is_on
        tries = people.rows("SELECT actor FROM audit_log WHERE action = 'user.confirm_refused'")
        assert [row["actor"] for row in tries] == ["ada"] * (MOST_PER_ACCOUNT_HERE + 1)


class TestWhereMoneyIsReal:
    def why_not(self, world: World) -> str:
        with world.uow.read() as stores:
            return str(dual_approval.why_not(stores, BOB, makers=["alice"], now=world.now) or "")

    def test_approvers_and_admins_need_one(self, people: World) -> None:
        factors = people.services.second_factors
        assert not factors.standing(BOB).is_required
        assert self.why_not(people) == ""
        people.services.users.set_password("bob", "four gentle walruses", by=BOB)
        make_live(people)
        factors = people.services.second_factors
        assert [factors.is_missing(who) for who in (ALICE, VERA, BOB, ADA)] == [
            False,
            False,
            True,
            True,
        ]
        assert factors.standing(BOB).is_missing
        assert "second factor" in self.why_not(people)

    def test_and_do_not_turn_it_off(self, people: World) -> None:
        phone = enrol(people)
        make_live(people)
        with pytest.raises(RuleViolation, match="in live mode"):
            people.services.second_factors.turn_off(phone.wait(), by=ADA)

    def test_with_one_they_decide(self, people: World) -> None:
        enrol(people, BOB)
        people.services.users.set_password("bob", "four gentle walruses", by=BOB)
        make_live(people)
        assert self.why_not(people) == ""


class TestSchema:
    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE second_factors SET last_step = last_step",
            "UPDATE second_factors SET last_step = last_step - 1",
            "UPDATE recovery_codes SET used_at = 2 WHERE used_at IS NOT NULL",
            "UPDATE recovery_codes SET used_at = NULL WHERE used_at IS NOT NULL",
        ],
    )
    def test_gives_no_code_a_second_life(self, people: World, change: str) -> None:
        phone = enrol(people)
        sign_in(people, phone.paper[0])
        with pytest.raises(sqlite3.IntegrityError, match="works once"):
            people.change(change)
