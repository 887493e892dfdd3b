"""Who somebody at the provider is here: taken once, soon, by issuer and subject."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.clock import epoch
from lib.domain.actors import SYSTEM, Actor, Role
from lib.domain.admin_changes import AdminProposal
from lib.errors import InvalidInput, NotPermitted, NotSignedIn, RuleViolation, SecondFactorNeeded
from lib.services.staff.dual_approval import why_not
from lib.services.staff.guesses import SignInOrigin
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.store.users import User
from tests.services.staff.test_second_factors import Phone, enrol, make_live
from tests.world import ADA, ALICE, BOB, VERA, World, new_world

ISSUER = "https://login.example.com/realm"
SETTINGS = {
    "ONFILE_SSO_ISSUER": ISSUER,
    "ONFILE_SSO_CLIENT_ID": "onfile",
    "ONFILE_SSO_CLIENT_SECRET": "a secret of the provider's",
}
HERE = SignInOrigin(None)
Claims = dict[str, object]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with new_world(tmp_path, **SETTINGS) as built:
        built.services.users.add_practice_users()
        yield built


def claims(world: World, subject: str = "sub-alice", **more: object) -> Claims:
    now = epoch(world.clock())
    told = {"iss": ISSUER, "sub": subject, "iat": now, "nonce": f"n{now}", "is_logged_in": True}
    return told | more


def arrive(world: World, told: Claims, code: str = "") -> User:
    service = world.services.single_sign_on
    sign_in = service.arrival(told)
    assert sign_in is not None, "too old, or taken before"
    return service.sign_in(sign_in, address="192.0.2.7", code=code)


def link(world: World, name: str = "alice", by: Actor = ADA) -> object:
    return world.services.single_sign_on.link(name, f"sub-{name}", by=by)


def entries(world: World, action: str) -> list[str]:
    rows = world.rows(f"SELECT * FROM audit_log WHERE action = '{action}'")
    return [f"{row['actor']} {row['subject']}" for row in rows]


class TestSigningIn:
    def test_a_linked_person_is_known_by_issuer_and_subject(self, world: World) -> None:
        link(world)
        assert arrive(world, claims(world, email="other@example.com")).username == "alice"
        assert entries(world, "user.sign_in") == ["alice user:alice"]
        (entry,) = world.rows("SELECT detail FROM audit_log WHERE action = 'user.sign_in'")
        assert entry["detail"] == '{"address": "192.0.2.7", "by": "single sign-on"}'

    def test_a_sign_in_counts_once(self, world: World) -> None:
        link(world)
        told = claims(world)
        sign_in = world.services.single_sign_on.arrival(told)
        arrive(world, told)
        assert world.services.single_sign_on.arrival(told) is None
        assert sign_in is not None
        with pytest.raises(NotSignedIn, match="used already"):
            world.services.single_sign_on.sign_in(sign_in, address=None)

    @pytest.mark.parametrize(("seconds", "counts"), [(-120, True), (299, True), (300, False)])
    def test_and_soon(self, world: World, seconds: int, counts: bool) -> None:
        told = claims(world)
        world.clock.advance(seconds=seconds)
        assert (world.services.single_sign_on.arrival(told) is not None) is counts

    def test_one_from_the_future_counts_not(self, world: World) -> None:
        told = claims(world)
        world.clock.advance(seconds=-121)
        assert world.services.single_sign_on.arrival(told) is None

    @pytest.mark.parametrize(
        "odd",
        [{"iss": None}, {"sub": ""}, {"sub": 7}, {"iat": None}, {"iat": True}, {"sub": "x" * 256}],
    )
    def test_what_is_no_id_token_names_nobody(self, world: World, odd: Claims) -> None:
        assert world.services.single_sign_on.arrival(claims(world) | odd) is None

    def test_another_issuer_is_refused_in_words(self, world: World) -> None:
        link(world)
        for issuer in ("https://login.example.com/other", f"{ISSUER}/", ISSUER.upper()):
            with pytest.raises(NotSignedIn, match="set ONFILE_SSO_ISSUER"):
                world.services.single_sign_on.arrival(claims(world, iss=issuer))

    def test_somebody_unknown_is_told_what_to_ask_for(self, world: World) -> None:
        told = claims(world, "sub-stranger", email="alice@example.com", email_verified=True)
        with pytest.raises(NotSignedIn, match="with the subject sub-stranger"):
            arrive(world, told)
        assert world.services.single_sign_on.arrival(told) is None, "refused once, in one tab"
        assert entries(world, "user.sign_in_refused") == ["system user:(nobody of that name)"]

    def test_whoever_is_disabled_is_refused_whatever_their_provider_says(
        self, world: World
    ) -> None:
        link(world)
        world.services.users.disable("alice", by=ADA)
        with pytest.raises(NotSignedIn, match="switched off"):
            arrive(world, claims(world))
        assert entries(world, "user.sign_in") == []

    def test_a_second_factor_is_asked_for(self, world: World) -> None:
        phone = enrol(world, BOB)
        link(world, "bob")
        told = claims(world, "sub-bob")
        with pytest.raises(SecondFactorNeeded):
            arrive(world, told)
        with pytest.raises(NotSignedIn, match="not right"):
            arrive(world, told, "000000")
        assert arrive(world, told, phone.wait()).username == "bob"
        assert entries(world, "user.sign_in") == ["bob user:bob"]

    def test_without_a_provider_nobody_arrives(self, world: World) -> None:
        link(world)
        world.services.single_sign_on.provider = None
        assert world.services.single_sign_on.arrival(claims(world)) is None
        with pytest.raises(RuleViolation, match="not set up"):
            link(world)


class TestPasswords:
    def test_whoever_is_linked_has_no_way_around_the_provider(self, world: World) -> None:
        users = world.services.users
        users.set_password("alice", "a phrase of her own", by=ALICE)
        link(world)
        with pytest.raises(NotSignedIn, match="user name or the password is not right"):
            users.sign_in("alice", "a wrong one of hers", origin=HERE)
        with pytest.raises(NotSignedIn, match="single sign-on here"):
            users.sign_in("alice", "a phrase of her own", origin=HERE)
        assert users.sign_in("alice", "a phrase of her own").username == "alice", "a shell"

    def test_one_that_somebody_else_chose_is_gone(self, world: World) -> None:
        link(world)
        with pytest.raises(NotSignedIn):
            world.services.users.sign_in("alice", PRACTICE_PASSWORD)

    def test_unlinked_they_are_invited_to_one(self, world: World) -> None:
        link(world)
        world.services.single_sign_on.unlink("alice", by=ADA)
        address = str(world.services.invitations.invite("alice", by=ADA))
        world.services.invitations.accept(address.rpartition("=")[2], "a phrase of her own")
        assert world.services.users.sign_in("alice", "a phrase of her own", origin=HERE)
        with pytest.raises(NotSignedIn, match="Nobody in Onfile"):
            arrive(world, claims(world))

    def test_the_machines_owner_takes_the_link_away(self, world: World) -> None:
        link(world, "ada", by=SYSTEM)
        _, address = world.services.invitations.recover("ada")
        world.services.invitations.accept(address.rpartition("=")[2], "a phrase of her own")
        assert world.services.users.sign_in("ada", "a phrase of her own", origin=HERE)


class TestLinking:
    def test_is_an_admins_and_ends_sessions(self, world: World) -> None:
        with pytest.raises(NotPermitted):
            link(world, by=BOB)
        before = world.services.users.find("alice")
        link(world)
        after = world.services.users.find("alice")
        assert before is not None
        assert after is not None
        assert after.session_version > before.session_version

    def test_one_subject_is_one_persons(self, world: World) -> None:
        service = world.services.single_sign_on
        link(world)
        world.services.users.disable("alice", by=ADA)
        with pytest.raises(InvalidInput, match="linked to alice"):
            service.link("vera", "sub-alice", by=ADA)
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            world.change(
                "INSERT INTO identities VALUES ('vera', :issuer, 'sub-alice', 'ada', 1)",
                issuer=ISSUER,
            )
        with pytest.raises(sqlite3.IntegrityError, match="linked anew"):
            world.change("UPDATE identities SET username = 'vera'")

    def test_counts_for_the_rule_of_two_people_like_a_password(self, world: World) -> None:
        world.services.users.set_roles("ada", ["admin", "operator"], by=SYSTEM)
        link(world, "bob")
        with world.uow.read() as stores:
            refusal = why_not(stores, BOB, makers={"ada"}, now=epoch(world.clock()))
            assert "linked a single sign-on to" in str(refusal)
            week = epoch(world.clock()) + 7 * 86_400
            assert why_not(stores, BOB, makers={"ada"}, now=week) is None
        told = [str(one[0].action) for one in world.services.account_changes.untold(BOB)]
        assert told == ["user.link_sso"]

    def test_of_an_admin_a_second_one_agrees_to(self, world: World) -> None:
        world.services.users.add(
            "eve",
            name="Eve",
            email="eve@example.com",
            roles=["admin"],
            password="a phrase of her own",
            by=SYSTEM,
        )
        world.services.users.sign_in("eve", "a phrase of her own")
        waits = link(world, "eve")
        assert isinstance(waits, AdminProposal)
        assert world.services.single_sign_on.identities() == {}
        world.clock.advance(days=8)
        eve = Actor("eve", "Eve", frozenset({Role.ADMIN}))
        agreed = world.services.admin_proposals
        words = agreed.in_words(waits)
        assert words == f"Link Eve to the subject sub-eve of {ISSUER}"
        agreed.agree(waits.id, by=eve, password="a phrase of her own")
        assert list(world.services.single_sign_on.identities()) == ["eve"]

    def test_in_live_mode_whoever_is_linked_decides_with_their_second_factor(
        self, world: World
    ) -> None:
        phone = enrol(world, BOB)
        link(world, "bob")
        make_live(world)
        world.clock.advance(days=8)
        by = world.services.users.asked_again(
            dataclasses.replace(BOB, is_open_page=True), phone.wait()
        )
        with world.uow.read() as stores:
            assert why_not(stores, by, makers={"alice"}, now=epoch(world.clock())) is None


class TestByEmail:
    def told(self, world: World, **more: object) -> Claims:
        return claims(world, "sub-vera", email="Vera@Example.com", email_verified=True) | more

    def test_whoever_is_expected_is_linked_by_their_first_sign_in(self, world: World) -> None:
        world.services.single_sign_on.expect("vera", by=ADA)
        assert arrive(world, self.told(world)).username == "vera"
        assert entries(world, "user.bind_sso") == ["vera user:vera"]
        assert not world.services.single_sign_on.is_expected("vera")
        with pytest.raises(NotSignedIn):
            world.services.users.sign_in("vera", PRACTICE_PASSWORD)
        world.clock.advance(seconds=1)
        assert arrive(world, claims(world, "sub-vera")).username == "vera"
        world.clock.advance(seconds=1)
        with pytest.raises(NotSignedIn, match="Nobody in Onfile"):
            arrive(world, self.told(world, sub="sub-other"))

    @pytest.mark.parametrize(
        "odd",
        [
            {"email_verified": False},
            {"email_verified": None},
            {"email_verified": "true"},
            {"email_verified": 1},
            {"email": "vera@example.org"},
            {"email": None},
        ],
    )
    def test_only_a_verified_address_that_is_the_same(self, world: World, odd: Claims) -> None:
        world.services.single_sign_on.expect("vera", by=ADA)
        with pytest.raises(NotSignedIn, match="Nobody in Onfile"):
            arrive(world, self.told(world) | odd)
        assert world.services.single_sign_on.is_expected("vera")

    def test_also_whoever_was_linked_to_an_earlier_provider(self, world: World) -> None:
        link(world, "vera")
        world.change("DELETE FROM identities")
        world.change(
            "INSERT INTO identities VALUES ('vera', 'https://old.example.com', 'x', 'ada', 1)"
        )
        assert world.services.single_sign_on.identities() == {}
        world.services.single_sign_on.expect("vera", by=ADA)
        assert arrive(world, self.told(world)).username == "vera"
        assert world.services.single_sign_on.identities()["vera"].subject == "sub-vera"

    def test_whoever_is_linked_already_is_nobody_elses(self, world: World) -> None:
        link(world, "vera")
        world.services.single_sign_on.expect("vera", by=ADA)
        with pytest.raises(NotSignedIn, match="Nobody in Onfile"):
            arrive(world, self.told(world, sub="sub-other"))

    def test_for_three_days(self, world: World) -> None:
        world.services.single_sign_on.expect("vera", by=ADA)
        world.clock.advance(days=3)
        with pytest.raises(NotSignedIn, match="Nobody in Onfile"):
            arrive(world, self.told(world))

    def test_nobody_where_two_have_the_address(self, world: World) -> None:
        world.change("UPDATE users SET email = 'vera@example.com' WHERE username = 'alice'")
        for name in ("vera", "alice"):
            world.services.single_sign_on.expect(name, by=ADA)
        with pytest.raises(NotSignedIn, match="Nobody in Onfile"):
            arrive(world, self.told(world))

    def test_nobody_before_their_second_factor(self, world: World) -> None:
        phone = enrol(world, VERA)
        world.services.single_sign_on.expect("vera", by=ADA)
        with pytest.raises(SecondFactorNeeded):
            arrive(world, self.told(world))
        assert world.services.single_sign_on.identities() == {}
        assert arrive(world, self.told(world), phone.wait()).username == "vera"


class TestAskedAgain:
    def sitting(self, world: World, user: User, **more: object) -> Actor:
        principal = world.services.sessions.begin(user, **more)  # type: ignore[arg-type]
        session = principal.rpartition(":")[2]
        return dataclasses.replace(user.actor, is_open_page=True, session=session)

    def test_a_proof_at_the_provider_stands_in_for_a_password(self, world: World) -> None:
        link(world)
        user = arrive(world, claims(world))
        by = self.sitting(world, user, proved_at=epoch(world.clock()))
        users = world.services.users
        assert not users.asked_again(by, "").is_open_page
        world.clock.advance(seconds=299)
        users.asked_again(by, "")
        world.clock.advance(seconds=1)
        with pytest.raises(NotSignedIn, match="Enter your password"):
            users.asked_again(by, "")

    def test_not_where_the_provider_does_not_say_when(self, world: World) -> None:
        link(world)
        by = self.sitting(world, arrive(world, claims(world)))
        with pytest.raises(NotSignedIn):
            world.services.users.asked_again(by, "")

    def test_not_in_another_session_or_after_its_end(self, world: World) -> None:
        link(world)
        user = arrive(world, claims(world))
        proved = self.sitting(world, user, proved_at=epoch(world.clock()))
        other = self.sitting(world, user)
        for by in (other, dataclasses.replace(proved, username="vera")):
            with pytest.raises(NotSignedIn):
                world.services.users.asked_again(by, "")
        world.services.users.end_sessions("alice")
        with pytest.raises(NotSignedIn):
            world.services.users.asked_again(proved, "")

    def test_not_beside_a_second_factor(self, world: World) -> None:
        phone = enrol(world, ALICE)
        link(world)
        user = arrive(world, claims(world), phone.wait())
        by = self.sitting(world, user, proved_at=epoch(world.clock()))
        with pytest.raises(NotSignedIn):
            world.services.users.asked_again(by, "")
        assert world.services.users.asked_again(by, phone.wait()).username == "alice"

    def test_with_it_a_second_factor_is_turned_on(self, world: World) -> None:
        link(world)
        by = self.sitting(world, arrive(world, claims(world)), proved_at=epoch(world.clock()))
        begun = world.services.second_factors.begin(by=by)
        code = Phone(world, begun.secret, []).code()
        assert len(world.services.second_factors.turn_on(begun, code, "", by=by)) == 10


def test_programs_have_none(world: World) -> None:
    world.services.users.set_roles("alice", ["service"], by=SYSTEM)
    with pytest.raises(RuleViolation, match="account of a program"):
        link(world)
    link(world, "vera")
    world.services.users.set_roles("vera", ["service"], by=SYSTEM)
    with pytest.raises(NotSignedIn, match="account of a program"):
        arrive(world, claims(world, "sub-vera"))
