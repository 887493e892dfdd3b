"""Verification: what no sync would find is found, named and mended, and nothing else is reported."""

from __future__ import annotations

import itertools
import random
import sqlite3
from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.seed_bulk import seed_sessions
from lib.clock import epoch
from lib.domain.mirror import TYPES as LISTED_TYPES
from lib.domain.verification import WINDOW_OBJECTS, VerificationResult
from lib.errors import GatewayError, NotPermitted
from lib.services.mirror.result import SyncResult
from lib.services.mirror.sample import Samples, SampleWindow
from lib.services.mirror.sync import VERIFY
from lib.store.verification import COMPARED
from tests import stripe_account
from tests.beginnings import made_once
from tests.fuzzing import examples
from tests.mirror_checks import (
    TABLES,
    assert_complete,
    count,
    customer_elsewhere,
    deny,
    hide_sessions_from_syncs,
    incomplete,
    latest,
    listed_ids,
    paid_elsewhere,
    rows,
    session_elsewhere,
    watched,
)
from tests.world import ALICE, VERA, World

DISPUTED = "4000000000000259"


def verify(world: World, *, full: bool = True) -> dict[str, VerificationResult]:
    return {
        verification.type: verification
        for verification in world.services.sync.verify_now(by=ALICE, full=full)
    }


def found(
    verifications: dict[str, VerificationResult],
) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {
        (verification.type, finding.kind, finding.id, finding.fields)
        for verification in verifications.values()
        for finding in verification.findings
    }


def assert_clean(verifications: dict[str, VerificationResult]) -> None:
    assert found(verifications) == set()
    assert all(verification.is_clean for verification in verifications.values())
    assert set(verifications) == set(LISTED_TYPES)


@pytest.fixture
@made_once
def business(world: World) -> dict[str, str]:
    """One of everything, in the mirror and settled for a day."""
    customer = world.customer("Acme Ltd", "acme@example.com")
    method, disputed = world.save_card(customer), world.save_card(customer, DISPUTED)
    gone = world.customer("Gone Ltd")
    intent = paid_elsewhere(world, customer, method)
    paid_elsewhere(world, customer, disputed)
    refund = stripe_account.post(world, "/v1/refunds", payment_intent=intent, amount="500")
    world.services.sync.run(full=True)
    world.clock.advance(days=1)
    world.services.sync.run()
    hide_sessions_from_syncs(world)
    charge = str(stripe_account.get(world, f"/v1/payment_intents/{intent}")["latest_charge"])
    return {
        "customer": customer,
        "method": method,
        "disputed": disputed,
        "gone": gone,
        "intent": intent,
        "charge": charge,
        "refund": str(refund["id"]),
        "dispute": next(iter(listed_ids(world, "disputes"))),
        "session": rows(world, "SELECT id FROM checkout_sessions")[0][0],
        "setup_intent": rows(world, "SELECT id FROM setup_intents")[0][0],
    }


class TestClean:
    def test_every_type_with_what_was_compared(self, world: World) -> None:
        seed_sessions(world.stripe, 190, now=world.clock(), payments=100)
        world.clock.advance(days=2)
        world.services.sync.run()
        verifications = verify(world)
        assert_clean(verifications)
        for type_, verification in verifications.items():
            assert verification.windows >= 1, type_
            assert (
                verification.here == verification.at_stripe == len(listed_ids(world, type_)) > 0
            ), type_
            assert verification.repaired == 0
            if type_ != "payment_methods":
                assert verification.oldest_here == verification.oldest_at_stripe
                assert verification.newest_here == verification.newest_at_stripe
        assert verifications["customers"].windows == verifications["customers"].windows_of == 3

    def test_an_empty_account(self, world: World) -> None:
        world.services.sync.run()
        assert_clean(verify(world))

    def test_the_whole_practice_business(self, world: World, business: dict[str, str]) -> None:
        assert_clean(verify(world, full=False))
        assert_clean(verify(world))


class TestHoles:
    def test_in_what_happened_without_an_event(
        self, world: World, business: dict[str, str]
    ) -> None:
        customer, method = business["customer"], business["method"]
        with world.stripe.events_lost():
            made = customer_elsewhere(world)
            session = session_elsewhere(world, made)
            world.fill(session)
            intent = paid_elsewhere(world, customer, method)
            refund = str(stripe_account.post(world, "/v1/refunds", payment_intent=intent)["id"])
            paid_elsewhere(world, customer, business["disputed"])
            stripe_account.delete(world, f"/v1/customers/{business['gone']}")
            stripe_account.post(world, f"/v1/customers/{customer}", name="Renamed")
            stripe_account.post(world, f"/v1/payment_methods/{method}/detach")
            world.stripe.close_dispute(business["dispute"], won=True)
        # The sessions' list would tell of it, but not after days.
        hide_sessions_from_syncs(world, until=world.now + 86_400 * 3)
        world.clock.advance(days=3)
        verifications = verify(world)
        told = {(type_, kind, id_) for type_, kind, id_, _ in found(verifications)}
        assert {
            ("customers", "missing", made),
            ("customers", "extra", business["gone"]),
            ("customers", "differs", customer),
            ("checkout_sessions", "missing", session),
            ("payment_intents", "missing", intent),
            ("refunds", "missing", refund),
            ("disputes", "differs", business["dispute"]),
            ("payment_methods", "extra", method),
        } <= told
        assert {kind for type_, kind, _ in told if type_ == "charges"} == {"missing"}
        assert verifications["charges"].missing == 2
        assert verifications["disputes"].missing == 1
        for verification in verifications.values():
            assert verification.repaired == verification.mismatches == len(verification.findings), (
                verification.type
            )
        assert_clean(verify(world))
        assert_complete(world)

    def test_a_row_deleted_by_hand(self, world: World, business: dict[str, str]) -> None:
        for type_ in LISTED_TYPES:
            [lost] = rows(world, f"SELECT id FROM {TABLES[type_]} LIMIT 1")[0]
            with world.shell() as connection:
                connection.execute(f"DELETE FROM {TABLES[type_]} WHERE id = ?", (lost,))
            # And nothing of the round before: that is mended.
            assert found(verify(world)) == {(type_, "missing", lost, ())}
        assert_clean(verify(world))
        assert_complete(world)
        held = dict(rows(world, "SELECT state, n FROM session_counts WHERE n <> 0"))  # type: ignore[arg-type]
        counted = dict(rows(world, "SELECT status, count(*) FROM checkout_sessions GROUP BY 1"))  # type: ignore[arg-type]
        assert held == counted

    # Whose repair does not bring those of another type along.
    @pytest.mark.parametrize(
        "types",
        [
            ("checkout_sessions", "customers", "disputes"),
            ("setup_intents", "payment_intents", "charges", "refunds"),
            ("payment_methods",),
        ],
        ids=" ".join,
    )
    def test_every_value_that_is_compared_changed_by_hand(
        self, world: World, business: dict[str, str], types: tuple[str, ...]
    ) -> None:
        """One column after the other: named, and mended for good."""
        for place in range(max(len(COMPARED[type_].columns) for type_ in types)):
            wrong = set()
            with world.shell() as connection:
                for type_ in types:
                    table, kind = TABLES[type_], COMPARED[type_]
                    if place >= len(kind.columns):
                        continue
                    column = kind.columns[place]
                    if (type_, column) == ("payment_methods", "customer"):
                        continue  # belongs to somebody else then, see the next test
                    # Earlier, but still in the only window.
                    change = "created - 5" if column == "created" else None
                    change = change or _other_value(connection, table, column)
                    [id_] = connection.execute(
                        f"SELECT id FROM {table} WHERE {kind.where} LIMIT 1"
                    ).fetchone()
                    connection.execute(
                        f"UPDATE {table} SET {column} = {change}{_along(column, table)} WHERE id = ?",
                        (id_,),
                    )
                    # Stripe lets it be edited for ever, and sends no event.
                    kind_ = (
                        "late"
                        if (type_, column) == ("payment_intents", "description")
                        else "differs"
                    )
                    wrong.add((type_, kind_, id_, (column,)))
            assert found(verify(world)) == wrong
        assert_clean(verify(world))

    @pytest.mark.parametrize("owner", ["gone", None])
    def test_a_method_given_to_somebody_else_by_hand(
        self, world: World, business: dict[str, str], owner: str | None
    ) -> None:
        with world.shell() as connection:
            connection.execute(
                "UPDATE payment_methods SET customer = ? WHERE id = ?",
                (business[owner] if owner else None, business["method"]),
            )
        world.clock.advance(seconds=1)
        assert ("payment_methods", "missing", business["method"], ()) in found(verify(world))
        assert_clean(verify(world))
        method = world.services.payment_methods.get(business["method"])
        assert (method.customer, method.is_detached) == (business["customer"], False)

    def test_a_row_moved_in_time_by_hand(self, world: World, business: dict[str, str]) -> None:
        """So far that it stands in another window."""
        for type_ in LISTED_TYPES:
            table = TABLES[type_]
            with world.shell() as connection:
                [id_, created] = connection.execute(f"SELECT id, created FROM {table}").fetchone()
                moved = "position = 5 << 20, " if COMPARED[type_].has_position else ""
                connection.execute(f"UPDATE {table} SET {moved}created = 5 WHERE id = ?", (id_,))
            assert not verify(world)[type_].is_clean, type_
            assert rows(world, f"SELECT created FROM {table} WHERE id = ?", id_) == [(created,)]
        assert_clean(verify(world))

    def test_a_row_that_stripe_never_had(self, world: World, business: dict[str, str]) -> None:
        for type_ in LISTED_TYPES:
            table = TABLES[type_]
            with world.shell() as connection:
                row = dict(
                    connection.execute(
                        f"SELECT * FROM {table} WHERE {COMPARED[type_].where}"
                    ).fetchone()
                )
                row["id"] = f"{row['id']}x"
                if "position" in row:
                    row["position"] += 1000
                connection.execute(
                    f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                    tuple(row.values()),
                )
            world.clock.advance(seconds=1)
            verifications = verify(world)
            assert found(verifications) == {(type_, "extra", row["id"], ())}
            assert verifications[type_].repaired == 1
        assert_clean(verify(world))
        assert_complete(world)

    def test_more_than_are_listed_are_counted(self, world: World) -> None:
        seed_sessions(world.stripe, 70, now=world.clock())
        world.clock.advance(days=1)
        world.services.sync.run()
        with world.shell() as connection:
            connection.execute("UPDATE customers SET name = 'wrong'")
        verification = verify(world)["customers"]
        assert (verification.differing, verification.repaired, len(verification.findings)) == (
            70,
            70,
            50,
        )

    def test_a_customer_that_vanished_without_a_trace(
        self, world: World, business: dict[str, str]
    ) -> None:
        world.stripe.forget(business["gone"])
        assert ("customers", "extra", business["gone"], ()) in found(verify(world))
        assert_clean(verify(world))

    def test_a_hole_is_found_whichever_window_it_lies_in(self, world: World) -> None:
        seed_sessions(world.stripe, 400, now=world.clock())
        world.clock.advance(days=2)
        world.services.sync.run(full=True, only=["customers"])
        everyone = [row[0] for row in rows(world, "SELECT id FROM customers ORDER BY position")]
        lost = everyone[::37]
        with world.shell() as connection:
            connection.executemany("DELETE FROM customers WHERE id = ?", [(one,) for one in lost])
        verification = _verify_customers(world)
        assert {finding.id for finding in verification.findings} == set(lost)
        assert _verify_customers(world).is_clean


def _along(column: str, table: str) -> str:
    """A reference goes with its key, by a rule of the schema."""
    is_marked = (table, column) == ("payment_intents", "reference")
    return ", reference_key = 'byhand'" if is_marked else ""


def _other_value(connection: sqlite3.Connection, table: str, column: str) -> str:
    types = {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({table})")}
    if column.startswith("is_"):
        return f"1 - {column}"
    return f"coalesce({column}, 0) + 7" if types[column] == "INTEGER" else "'by hand'"


def _verify_customers(world: World, *, full: bool = True) -> VerificationResult:
    """Of one type alone, as that is what the others do."""
    verification = VerificationResult("customers", verified_at=world.now)
    proving_ = world.services.sync.verification
    proving_.verify_listed(verification, world.now - 60, SyncResult(), lambda _: None, full=full)
    proving_.samples.ended(verification)
    return verification


class TestParts:
    @given(
        st.lists(st.integers(1, 40) | st.integers(1, 2_000_000), max_size=400),
        st.lists(st.integers(0, 2_000_100), min_size=1, max_size=30),
    )
    @settings(max_examples=examples(40), deadline=None, derandomize=True, database=None)
    def test_in_full_cover_every_moment_once(self, created: list[int], anywhere: list[int]) -> None:
        end = 2_000_050
        parts = _parts_over(created, end, full=True)
        for moment in [*anywhere, *created, 0, end - 1]:
            inside = sum(part.created_from <= moment < part.created_before for part in parts)
            assert inside == (1 if moment < end else 0)

    @given(st.lists(st.integers(1, 2_000_000), min_size=500, max_size=900, unique=True))
    @settings(max_examples=examples(25), deadline=None, derandomize=True, database=None)
    def test_samples_hold_little_and_reach_both_ends(self, created: list[int]) -> None:
        end = 2_000_050
        parts = _parts_over(created, end, full=False)
        assert 4 <= len(parts) <= 7
        assert [part.is_in_turn for part in parts[:2]] == [True, True]
        assert any(part.created_before == end for part in parts)
        assert any(part.created_from == 0 for part in parts)
        last, first = max(_gaps(created))[1:]
        assert any(part.created_from <= last and first < part.created_before for part in parts)
        for part in parts:
            inside = sum(part.created_from <= moment < part.created_before for moment in created)
            assert inside <= WINDOW_OBJECTS

    def test_few_objects_are_all_looked_at(self) -> None:
        created = list(range(1, 6 * WINDOW_OBJECTS + 1))
        assert _parts_over(created, 9_000, full=False) == _parts_over(created, 9_000, full=True)


def _gaps(created: list[int]) -> list[tuple[int, int, int]]:
    ordered = sorted(created)
    return [(b - a, a, b) for a, b in itertools.pairwise(ordered)]


class _Rows:
    """The comparison's view of a table, without the table."""

    def __init__(self, created: list[int]) -> None:
        self.created = sorted(created)

    def count(self, type_: str, *, before: int) -> int:
        return len(self._older(before))

    def window_below(self, type_: str, before: int, size: int) -> int:
        older = self._older(before)
        return min(older[-size - 1] + 1, before - 1) if len(older) > size else 0

    def bounds(self, type_: str, *, before: int) -> tuple[int, int]:
        older = self._older(before) or [before]
        return older[0], older[-1]

    def end_of_widest_gap(self, type_: str, *, since: int, before: int) -> int | None:
        return max(_gaps(self.created))[2]

    def rounds(self) -> dict[str, Any]:
        return {}

    def _older(self, before: int) -> list[int]:
        return self.created[: bisect_left(self.created, before)]


def _parts_over(created: list[int], end: int, *, full: bool) -> list[SampleWindow]:
    class Uow:
        comparing = sync = _Rows(created)

        def read(self) -> Uow:
            return self

        def __enter__(self) -> Uow:
            return self

        def __exit__(self, *_: object) -> None:
            return None

    one = Samples(Uow())  # type: ignore[arg-type]
    one.random = random.Random(4)
    return list(one.parts(VerificationResult("refunds", verified_at=0), end, full=full))


class TestDuring:
    def test_what_changes_meanwhile_is_no_finding(
        self, world: World, business: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """After our side was read and before Stripe was asked."""
        seen = watched(world, monkeypatch)
        done: set[str] = set()

        def meanwhile(path: str, params: dict[str, Any]) -> None:
            if path in done or ("created" not in params and "payment_methods" not in path):
                return
            if path == "/v1/customers" and "lt" in params["created"]:
                done.add(path)
                stripe_account.post(
                    world, f"/v1/customers/{business['customer']}", name="Meanwhile"
                )
                stripe_account.delete(world, f"/v1/customers/{business['gone']}")
            elif path == "/v1/disputes":
                done.add(path)
                world.stripe.close_dispute(business["dispute"], won=False)
            elif path == "/v1/charges":
                done.add(path)
                stripe_account.post(
                    world, "/v1/refunds", payment_intent=business["intent"], amount="100"
                )
            elif path == f"/v1/customers/{business['customer']}/payment_methods":
                done.add(path)
                stripe_account.post(world, f"/v1/payment_methods/{business['method']}/detach")

        seen.before_each = meanwhile
        verifications = verify(world)
        assert len(done) == 4
        assert_clean(verifications)
        assert world.services.customers.get(business["customer"]).name == "Meanwhile"

    def test_what_changes_after_stripe_was_asked_is_none_either(
        self, world: World, business: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second look at our side then shows more than Stripe's answer."""
        other = world.customer("Untouched")
        world.clock.advance(hours=1)
        world.services.sync.run()
        with world.shell() as connection:
            connection.execute("UPDATE customers SET name = 'by hand' WHERE id = ?", (other,))
        gateway = world.services.gateway
        list_page = gateway.list_page

        def then(type_: str, **given_: Any) -> Any:
            page = list_page(type_, **given_)
            if type_ == "customers" and given_.get("created_before"):
                stripe_account.post(world, f"/v1/customers/{business['customer']}", name="Later")
            return page

        monkeypatch.setattr(gateway, "list_page", then)
        assert found(verify(world)) == {("customers", "differs", other, ("name",))}

    def test_what_was_just_made_may_be_on_its_way(
        self, world: World, business: dict[str, str]
    ) -> None:
        with world.stripe.events_lost():
            customer_elsewhere(world)
        assert_clean(verify(world))
        world.clock.advance(minutes=2)
        assert verify(world)["customers"].missing == 1

    def test_a_newer_answer_is_not_overwritten_by_the_repair(
        self, world: World, business: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the comparison and the repair somebody else wrote what Stripe says now."""
        customer = business["customer"]
        with world.shell() as connection:
            connection.execute("UPDATE customers SET name = 'by hand' WHERE id = ?", (customer,))
        one = world.services.sync.verification.comparison
        write_over = one.write_over

        def late(type_: str, items: Any, asked_at_ms: int) -> None:
            if type_ == "customers":
                world.clock.advance(seconds=1)
                stripe_account.post(world, f"/v1/customers/{customer}", name="Newest")
                world.services.return_page.refetcher.customer(customer)
            write_over(type_, items, asked_at_ms)

        monkeypatch.setattr(one, "write_over", late)
        verify(world)
        assert world.services.customers.get(customer).name == "Newest"

    def test_an_object_that_vanishes_between_two_pages_of_a_window(self, world: World) -> None:
        seed_sessions(world.stripe, 70, now=world.clock())
        world.clock.advance(days=1)
        world.services.sync.run(full=True, only=["customers"])
        with world.shell() as connection:
            connection.execute("DELETE FROM customers")
        seed_sessions(world.stripe, 70, now=world.clock())
        world.clock.advance(days=1)
        world.stripe.faults.add("GET", "/v1/customers$", kind="vanish")
        verification = _verify_customers(world)
        assert verification.repaired == verification.missing > 100
        assert count(world, "customers") == 140


class TestWithoutPermission:
    @pytest.mark.parametrize(
        ("type_", "permission"),
        [
            ("customers", "rak_customer_read"),
            ("refunds", "rak_refund_read"),
            ("payment_methods", "rak_payment_method_read"),
        ],
    )
    def test_that_type_is_not_verified_and_the_others_are(
        self, world: World, business: dict[str, str], type_: str, permission: str
    ) -> None:
        with world.shell() as connection:
            connection.execute("DELETE FROM disputes")
        deny(world, permission)
        incomplete(lambda: world.services.sync.verify_now(by=ALICE, full=True))
        verifications = {
            verification.type: verification for verification in world.services.sync.verifications()
        }
        assert permission in (verifications[type_].error or "")
        assert not verifications[type_].is_clean
        assert verifications["disputes"].repaired == 1

    def test_without_events_differences_are_mended_all_the_same(
        self, world: World, business: dict[str, str]
    ) -> None:
        deny(world, "rak_event_read")
        world.clock.advance(days=5)
        incomplete(world.services.sync.run)
        with world.shell() as connection:
            connection.execute("UPDATE customers SET name = 'by hand'")
            connection.execute("DELETE FROM stripe_refunds")
        result = incomplete(lambda: world.services.sync.verify_now(by=ALICE, full=True))
        assert ["rak_event_read" in problem for problem in result.problems] == [True]
        verifications = {
            verification.type: verification for verification in world.services.sync.verifications()
        }
        assert {name for name, verification in verifications.items() if verification.error} == set()
        assert verifications["customers"].repaired == 2
        assert count(world, "customers", "name = 'by hand'") == 0


class TestJob:
    def test_asked_for_done_by_the_worker_and_seen(
        self, world: World, business: dict[str, str]
    ) -> None:
        with world.shell() as connection:
            connection.execute("DELETE FROM stripe_refunds")
        assert world.services.sync.request_verification(by=ALICE, full=True)
        assert not world.services.sync.request_verification(by=ALICE)
        world.worker.do_long()
        job = latest(world, VERIFY)
        assert (job.state, job.requested_by, job.params) == ("done", "alice", {"full": True})
        assert (job.result or {})["found"] == 1
        assert (job.result or {})["windows"] >= len(LISTED_TYPES)
        assert job.progress["doing"] in LISTED_TYPES

    def test_samples_are_fewer_requests_than_everything(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seed_sessions(world.stripe, 900, now=world.clock())
        world.clock.advance(days=2)
        world.services.sync.run()
        # Some draws fall on what is looked at already, and are then fewer parts.
        world.services.sync.verification.samples.random = random.Random(3)
        seen = watched(world, monkeypatch)
        verifications = verify(world, full=False)
        assert 5 <= verifications["customers"].windows <= 7
        assert verifications["customers"].windows_of == 12
        # Five in turn and five drawn, which may be the same.
        assert 5 <= verifications["payment_methods"].windows <= 10
        assert seen.total() < 60

    def test_is_due_once_a_day_and_not_before_the_first_backfill(self, world: World) -> None:
        world.services.sync.request_scheduled()
        assert world.services.sync.latest(VERIFY) is None
        world.worker.run_once()
        world.worker.run_once()
        first = latest(world, VERIFY)
        assert (first.state, first.requested_by, first.params) == ("done", "system", {})
        world.clock.advance(hours=23)
        world.worker.run_once()
        assert latest(world, VERIFY).id == first.id
        world.clock.advance(hours=1)
        world.worker.run_once()
        assert latest(world, VERIFY).id != first.id

    def test_an_outage_ends_it_and_keeps_what_was_verified(
        self, world: World, business: dict[str, str]
    ) -> None:
        world.stripe.faults.add("GET", "/v1/charges", kind="error_500_unsaved", times=1000)
        world.services.sync.request_verification(by=ALICE)
        with pytest.raises(GatewayError):
            world.services.sync.run_waiting(VERIFY)
        job = latest(world, VERIFY)
        assert job.state == "failed"
        assert "Stripe" in (job.error or "")
        verified = [verification.type for verification in world.services.sync.verifications()]
        assert verified == list(LISTED_TYPES[: LISTED_TYPES.index("charges")])
        world.stripe.faults.clear()
        assert_clean(verify(world))

    def test_a_viewer_may_not(self, world: World) -> None:
        with pytest.raises(NotPermitted):
            world.services.sync.verify_now(by=VERA)
        with pytest.raises(NotPermitted):
            world.services.sync.request_verification(by=VERA)
        with pytest.raises(NotPermitted):
            world.services.sync.cancel(VERIFY, by=VERA)

    def test_the_moment_of_a_verification_is_kept(self, world: World) -> None:
        world.services.sync.run()
        assert {verification.verified_at for verification in verify(world).values()} == {
            epoch(world.clock())
        }
