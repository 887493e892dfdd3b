"""Guessing is slowed down, and nobody can lock somebody else out with it."""

from __future__ import annotations

import pytest

from lib.errors import InvalidInput, NotFound, NotPermitted, NotSignedIn
from lib.services.staff import passwords
from lib.services.staff.devices import VALID_DAYS, device_token, known_device
from lib.services.staff.guesses import (
    MOST_PER_ACCOUNT,
    MOST_PER_ACCOUNT_HERE,
    MOST_PER_ADDRESS,
    WINDOW_SECONDS,
    SignInOrigin,
)
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.world import ADA, BOB, World

STRANGER, OTHER = SignInOrigin("203.0.113.7"), SignInOrigin("203.0.113.8")
WRONG = "a wrong password"


@pytest.fixture
def people(world: World) -> World:
    world.services.users.add_practice_users()
    return world


def says(world: World, username: str, password: str, origin: SignInOrigin | None) -> str:
    """Why a sign-in is refused; "" when it is not."""
    try:
        world.services.users.sign_in(username, password, origin=origin)
    except NotSignedIn as refusal:
        return str(refusal)
    return ""


def guess(world: World, times: int, origin: SignInOrigin, username: str = "ada") -> None:
    for _ in range(times):
        assert "is not right" in says(world, username, WRONG, origin)


class TestDelay:
    def test_five_wrong_ones_stop_an_account_at_an_address_for_a_quarter_of_an_hour(
        self, people: World
    ) -> None:
        guess(people, MOST_PER_ACCOUNT_HERE, STRANGER)
        assert "15 minutes" in says(people, "ada", PRACTICE_PASSWORD, STRANGER)
        people.clock.advance(seconds=WINDOW_SECONDS - 1)
        assert "1 minute," in says(people, "ada", PRACTICE_PASSWORD, STRANGER)
        people.clock.advance(seconds=1)
        assert says(people, "ada", PRACTICE_PASSWORD, STRANGER) == ""

    def test_it_outlives_a_restart(self, people: World) -> None:
        guess(people, MOST_PER_ACCOUNT_HERE, STRANGER)
        people.rebuild()
        assert "Too many" in says(people, "ada", PRACTICE_PASSWORD, STRANGER)

    def test_a_right_one_in_between_starts_the_count_again(self, people: World) -> None:
        for _ in range(8):
            guess(people, MOST_PER_ACCOUNT_HERE - 1, STRANGER)
            assert says(people, "ada", PRACTICE_PASSWORD, STRANGER) == ""
            people.clock.advance(seconds=WINDOW_SECONDS)

    def test_many_accounts_from_one_address(self, people: World) -> None:
        for number in range(MOST_PER_ADDRESS):
            guess(people, 1, STRANGER, f"name{number}")
        assert "Too many" in says(people, "ada", PRACTICE_PASSWORD, STRANGER)
        assert says(people, "ada", PRACTICE_PASSWORD, OTHER) == ""

    def test_a_right_password_of_ones_own_is_no_way_to_guess_more(self, people: World) -> None:
        """Each success would otherwise forget what the address did."""
        for number in range(MOST_PER_ADDRESS - 1):
            guess(people, 1, STRANGER, f"name{number}")
            assert says(people, "vera", PRACTICE_PASSWORD, STRANGER) == ""
        guess(people, 1, STRANGER, "one more")
        assert "Too many" in says(people, "vera", PRACTICE_PASSWORD, STRANGER)

    def test_many_addresses_against_one_account(self, people: World) -> None:
        for number in range(MOST_PER_ACCOUNT):
            guess(people, 1, SignInOrigin(f"198.51.100.{number}"))
        assert "Too many" in says(people, "ada", PRACTICE_PASSWORD, STRANGER)

    def test_the_addresses_of_one_household_count_together(self, people: World) -> None:
        for number in range(MOST_PER_ACCOUNT_HERE):
            guess(people, 1, SignInOrigin(f"2001:db8:1:2::{number}"))
        assert "Too many" in says(
            people, "ada", PRACTICE_PASSWORD, SignInOrigin("2001:db8:1:2:ffff::1")
        )
        assert says(people, "ada", PRACTICE_PASSWORD, SignInOrigin("2001:db8:1:3::1")) == ""


class TestNoWeapon:
    def test_strangers_lock_no_known_device_and_no_command_line_out(self, people: World) -> None:
        for number in range(MOST_PER_ACCOUNT):
            guess(people, 1, SignInOrigin(f"198.51.100.{number}"))
        mine = SignInOrigin("203.0.113.9", device="hers")
        assert says(people, "ada", PRACTICE_PASSWORD, mine) == ""
        assert says(people, "ada", PRACTICE_PASSWORD, None) == ""

    def test_a_stolen_device_cookie_guesses_no_more_than_a_stranger(self, people: World) -> None:
        stolen = SignInOrigin("203.0.113.9", device="hers")
        guess(people, MOST_PER_ACCOUNT_HERE, stolen)
        assert "Too many" in says(people, "ada", PRACTICE_PASSWORD, stolen)

    def test_the_command_line_locks_nobody_out(self, people: World) -> None:
        for _ in range(MOST_PER_ACCOUNT):
            assert says(people, "ada", WRONG, None)
        assert says(people, "ada", PRACTICE_PASSWORD, STRANGER) == ""

    def test_guesses_at_an_open_page_stop_that_question_alone(self, people: World) -> None:
        for _ in range(MOST_PER_ACCOUNT_HERE):
            with pytest.raises(NotSignedIn, match="not your password"):
                people.services.users.confirm("ada", WRONG)
        with pytest.raises(NotSignedIn, match="Too many"):
            people.services.users.confirm("ada", PRACTICE_PASSWORD)
        assert says(people, "ada", PRACTICE_PASSWORD, STRANGER) == ""

    def test_an_admin_forgets_them(self, people: World) -> None:
        guess(people, MOST_PER_ACCOUNT_HERE, STRANGER, "bob")
        with pytest.raises(NotPermitted):
            people.services.users.unlock("ada", by=BOB)
        people.services.users.unlock("bob", by=ADA)
        assert says(people, "bob", PRACTICE_PASSWORD, STRANGER) == ""


class TestKnownAndUnknown:
    def test_sound_the_same_all_the_way(self, people: World) -> None:
        """Each from an address of its own, until it is stopped."""
        said = [
            [
                says(people, name, WRONG, SignInOrigin(address))
                for _ in range(MOST_PER_ACCOUNT_HERE + 2)
            ]
            for name, address in (("ada", "192.0.2.1"), ("nobody", "192.0.2.2"))
        ]
        assert said[0] == said[1]

    def test_cost_one_comparison_each(self, people: World, monkeypatch) -> None:
        compared: list[str] = []
        real = passwords.is_right
        monkeypatch.setattr(
            passwords, "is_right", lambda *given: compared.append(given[1]) or real(*given)
        )
        for name in ("ada", "nobody"):
            says(people, name, WRONG, STRANGER)
        assert len(compared) == 2
        assert compared[1] == passwords.nobody(4)

    def test_what_was_typed_as_a_name_is_kept_nowhere(self, people: World) -> None:
        says(people, "my-secret-password", WRONG, STRANGER)
        with people.shell() as shell:
            dump = "\n".join(shell.iterdump())
        assert "my-secret-password" not in dump
        (entry,) = people.rows("SELECT * FROM audit_log WHERE action = 'user.sign_in_refused'")
        assert entry["subject"] == "user:(nobody of that name)"
        assert "203.0.113.7" in entry["detail"]

    def test_old_counts_are_swept(self, people: World) -> None:
        for number in range(20):
            says(people, f"name{number}", WRONG, STRANGER)
        people.clock.advance(seconds=WINDOW_SECONDS)
        says(people, "ada", WRONG, OTHER)
        assert len(people.rows("SELECT * FROM sign_in_failures")) == 3


class TestDevice:
    KEY, NOW = "k" * 48, 1_800_000_000

    def test_is_known_for_its_person_until_its_day(self) -> None:
        token = device_token("ada", cookie_key=self.KEY, now=self.NOW)
        last = self.NOW + VALID_DAYS * 86_400 - 1
        assert known_device(token, "ada", cookie_key=self.KEY, now=last)
        assert not known_device(token, "ada", cookie_key=self.KEY, now=last + 1)
        assert not known_device(token, "bob", cookie_key=self.KEY, now=self.NOW)
        assert not known_device(token, "ada", cookie_key="o" * 48, now=self.NOW)
        for forged in ("", "x", token[:-2], "a.b.c"):
            assert not known_device(forged, "ada", cookie_key=self.KEY, now=self.NOW)


class TestRecover:
    def test_opens_the_only_admin_again(self, people: World) -> None:
        guess(people, MOST_PER_ACCOUNT_HERE, STRANGER)
        token = people.services.invitations.recover("ada")[1].partition("=")[2]
        people.services.invitations.accept(token, "four gentle walruses")
        assert says(people, "ada", "four gentle walruses", STRANGER) == ""
        (entry,) = people.rows("SELECT * FROM audit_log WHERE action = 'user.recover'")
        assert (entry["actor"], entry["subject"]) == ("@host", "user:ada")

    def test_and_a_disabled_one(self, people: World) -> None:
        people.services.users.disable("bob", by=ADA)
        people.services.invitations.recover("bob")
        assert people.services.users.sign_in("bob", PRACTICE_PASSWORD)
        with pytest.raises(NotFound):
            people.services.invitations.recover("nobody")


def test_a_wrong_current_password_changes_nothing(people: World) -> None:
    with pytest.raises(InvalidInput):
        people.services.users.set_password("ada", "short", by=ADA)
    assert people.services.users.sign_in("ada", PRACTICE_PASSWORD)
