"""Staff accounts: who may sign in, how guessing is slowed, and that somebody always can manage them."""

from __future__ import annotations

import inspect
import sqlite3

import pytest

from lib.domain.actors import SYSTEM, Role
from lib.errors import InvalidInput, NotFound, NotPermitted, NotSignedIn, RuleViolation
from lib.services.staff.passwords import is_right, nobody
from lib.services.staff.users import (
    PRACTICE_PASSWORD,
    PRACTICE_USERS,
    UserService,
)
from lib.store.users import User
from tests.world import ADA, ALICE, BOB, World

PASSWORD = "correct horse"


def add(
    world: World, username: str = "ada", *, roles: tuple[str, ...] = ("admin",), **more
) -> User:
    given = {
        "name": username.title(),
        "email": f"{username}@example.com",
        "password": PASSWORD,
        "by": None if world.services.users.find("ada") is None else ADA,
    }
    return world.services.users.add(username, roles=roles, **(given | more))


class TestFirstUser:
    def test_needs_nobody_and_the_second_does(self, world: World) -> None:
        assert add(world).roles == {Role.ADMIN}
        with pytest.raises(NotSignedIn, match="--as"):
            add(world, "bob", by=None)
        assert add(world, "bob", roles=("operator",)).roles == {Role.OPERATOR}

    def test_a_first_user_who_is_no_admin_locks_nobody_out(self, world: World) -> None:
        add(world, "vera", roles=("viewer",))
        with pytest.raises(NotSignedIn):
            add(world, "bob", roles=("operator",), by=None)
        assert add(world, "ada", by=None).roles == {Role.ADMIN}

    def test_only_an_admin_adds_more(self, world: World) -> None:
        add(world)
        for by in (ALICE, BOB):
            with pytest.raises(NotPermitted):
                add(world, "eve", by=by)

    def test_practice_users_only_in_an_empty_house(self, world: World) -> None:
        assert world.services.users.add_practice_users()
        assert not world.services.users.add_practice_users()
        for username, _, roles in PRACTICE_USERS:
            user = world.services.users.sign_in(username, PRACTICE_PASSWORD)
            assert user.roles == set(roles)


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        "username", ["", "Ada", "a b", "-a", "a" * 41, "a\nb", "ä", "a/b", "<b>", "a\x00"]
    )
    def test_user_names(self, world: World, username: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            add(world, username)
        assert refused.value.field == "username"

    @pytest.mark.parametrize(
        "email",
        ["", "ada", "a@b c", "@example.com", "a@", "a@b\nc", "x" * 100_000, "a@b\x00.com"],
        ids=lambda value: ascii(value)[:20],
    )
    def test_e_mails(self, world: World, email: str) -> None:
        with pytest.raises(InvalidInput):
            add(world, email=email)

    @pytest.mark.parametrize("name", ["x" * 101, "a\x1b[31m", "a\x00", "a\u202eb"])
    def test_names(self, world: World, name: str) -> None:
        with pytest.raises(InvalidInput):
            add(world, name=name)

    @pytest.mark.parametrize("roles", [(), ("owner",), ("admin", "root")])
    def test_roles(self, world: World, roles: tuple[str, ...]) -> None:
        with pytest.raises(InvalidInput):
            add(world, roles=roles)

    def test_a_taken_name(self, world: World) -> None:
        add(world)
        with pytest.raises(InvalidInput, match="taken"):
            add(world)

    def test_no_password_is_kept(self, world: World) -> None:
        add(world)
        connection = sqlite3.connect(world.settings.database)
        dump = "\n".join(connection.iterdump())
        connection.close()
        assert PASSWORD not in dump


class TestSignIn:
    def test_a_wrong_password_and_an_unknown_user_sound_the_same(self, world: World) -> None:
        add(world)
        said = set()
        for username in ("ada", "nobody", "", "x" * 100_000, "a\x00"):
            with pytest.raises(NotSignedIn) as refused:
                world.services.users.sign_in(username, "wrong password")
            said.add(str(refused.value))
        assert len(said) == 1

    def test_an_unknown_user_is_compared_at_the_cost_of_a_known_one(self) -> None:
        rounds = inspect.signature(UserService).parameters["bcrypt_rounds"].default
        assert nobody(rounds).startswith("$2b$12$")
        assert not is_right("wrong password", nobody(rounds))

    def test_a_disabled_account_cannot_and_an_enabled_one_can(self, world: World) -> None:
        add(world)
        add(world, "bob", roles=("operator",))
        world.services.users.disable("bob", by=ADA)
        with pytest.raises(NotSignedIn, match="not right"):
            world.services.users.sign_in("bob", PASSWORD)
        world.services.users.enable("bob", by=ADA)
        assert world.services.users.sign_in("bob", PASSWORD)

    def test_asked_again_it_speaks_of_your_password(self, world: World) -> None:
        add(world)
        with pytest.raises(NotSignedIn, match=r"^That is not your password\.$"):
            world.services.users.confirm("ada", "wrong password")
        with pytest.raises(NotSignedIn, match=r"^Enter your password\.$"):
            world.services.users.confirm("ada", "")
        assert world.services.users.confirm("ada", PASSWORD)

    def test_both_results_are_in_the_audit_log(self, world: World) -> None:
        add(world)
        world.services.users.sign_in("ada", PASSWORD)
        with pytest.raises(NotSignedIn):
            world.services.users.sign_in("ada", "wrong password")
        connection = sqlite3.connect(world.settings.database)
        rows = connection.execute("SELECT actor, action, subject FROM audit_log").fetchall()
        connection.close()
        assert ("ada", "user.sign_in", "user:ada") in rows
        assert ("system", "user.sign_in_refused", "user:ada") in rows


class TestSessionVersion:
    """A cookie names the version it was made for; raising it ends every older session."""

    def test_rises_with_a_new_password_disabling_and_signing_out(self, world: World) -> None:
        users = world.services.users
        add(world)
        seen = [add(world, "bob", roles=("operator",)).session_version]
        seen.append(users.set_password("bob", "another password", by=ADA).session_version)
        seen.append(users.disable("bob", by=ADA).session_version)
        seen.append(users.enable("bob", by=ADA).session_version)
        users.end_sessions("bob")
        found = users.find("bob")
        assert found is not None
        seen.append(found.session_version)
        assert seen == sorted(set(seen))

    def test_roles_count_at_once_without_signing_out(self, world: World) -> None:
        add(world)
        before = add(world, "bob", roles=("operator",))
        after = world.services.users.set_roles("bob", ["viewer"], by=ADA)
        assert after.roles == {Role.VIEWER}
        assert after.session_version == before.session_version


class TestManaging:
    def test_the_last_admin_stays(self, world: World) -> None:
        users = world.services.users
        add(world)
        with pytest.raises(RuleViolation, match="last active admin"):
            users.disable("ada", by=ADA)
        with pytest.raises(RuleViolation, match="last active admin"):
            users.set_roles("ada", ["operator"], by=ADA)
        add(world, "eve", roles=("admin", "operator"))
        users.disable("ada", by=SYSTEM)
        with pytest.raises(RuleViolation, match="last active admin"):
            users.disable("eve", by=ADA)
        users.set_roles("ada", ["viewer"], by=SYSTEM)  # disabled, so not the last active one

    def test_one_may_set_ones_own_password_and_nobody_elses(self, world: World) -> None:
        users = world.services.users
        add(world)
        add(world, "alice", roles=("operator",))
        users.set_password("alice", "another password", by=ALICE)
        with pytest.raises(NotPermitted):
            users.set_password("ada", "another password", by=ALICE)

    def test_only_an_admin_manages(self, world: World) -> None:
        users = world.services.users
        add(world)
        for by in (ALICE, BOB):
            with pytest.raises(NotPermitted):
                users.disable("ada", by=by)
            with pytest.raises(NotPermitted):
                users.set_roles("ada", ["viewer"], by=by)

    def test_an_unknown_user(self, world: World) -> None:
        add(world)
        for act in (
            lambda: world.services.users.disable("nobody", by=ADA),
            lambda: world.services.users.set_password("nobody", "another password", by=ADA),
            lambda: world.services.users.set_roles("nobody", ["viewer"], by=ADA),
        ):
            with pytest.raises(NotFound):
                act()


def test_nobody_is_called_as_onfile_calls_itself(world: World) -> None:
    with pytest.raises(InvalidInput, match="audit log"):
        add(world, "system")
    for username in ("@host", "System", " system"):
        with pytest.raises(InvalidInput):
            add(world, username)
    for name in ("Onfile", "ONFILE ", "the owner of  this machine"):
        with pytest.raises(InvalidInput, match="what pages call somebody else"):
            world.services.users.add(
                "eve",
                name=name,
                email="eve@example.com",
                roles=[Role.VIEWER],
                password="a long password",
                by=None,
            )
    assert world.services.users.list() == []
