"""A rebuild that dies after any commit, or meets a Stripe that is gone at any request, and goes on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest

from lib.domain.mirror import PaymentIntent
from lib.errors import GatewayError
from lib.money import Money
from lib.services.continuity import payment_search, takeover
from lib.services.continuity.rebuild_result import Rebuilt
from lib.services.staff.users import PRACTICE_PASSWORD
from lib.store.jobs import STALE_SECONDS
from lib.store.stores import Stores
from lib.store.unit_of_work import Bulk, UnitOfWork
from tests.databases import migrated
from tests.lost_files import lost
from tests.stripe_account import post
from tests.world import ALICE, BOB, NO_MONEY, World

_TABLES = {
    "charges": "id, customer, reference, amount, state, is_surplus",
    "attempts": "charge_id, number, payment_intent, outcome, code, is_surplus",
    "refunds": "id, charge_id, amount, state, refund, reason",
    "setup_links": "id, customer, charge_id, completed_session, revoked_at IS NULL, expires_at",
    "link_sessions": "link_id, number, session_id, closed_at IS NULL",
    "charge_events": "charge_id, attempt, kind",
    "incidents": "kind, subject, details",
    "meta": "name, value",
}
_OF_A_MOMENT = {
    "worker_heartbeat",
    "decisions_rest_since",
    "outbox_held_since",
    "outbox_doubted_until",
    "write_check",
}


class Killed(BaseException):
    """As by `kill -9`: nothing is tidied up."""


@dataclass
class Commits:
    """Counts them, and dies after one."""

    dies_after: int = 0
    count: int = 0

    def one_more(self) -> None:
        self.count += 1
        if self.count == self.dies_after:
            raise Killed


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    counted = Commits()
    for door in (UnitOfWork, Bulk):
        write = door.write

        @contextmanager
        def counting(self: object, *, _write: object = write, **more: bool) -> Iterator[Stores]:
            with _write(self, **more) as stores:  # type: ignore[operator]
                yield stores
            counted.one_more()

        monkeypatch.setattr(door, "write", counting)
    monkeypatch.setattr(payment_search, "WINDOW_PAYMENTS", 2)
    monkeypatch.setattr(takeover, "AT_ONCE", 2)
    return counted


def past(world: World) -> str:
    """Something of each kind, over three weeks; returns the id of the installation that is lost."""
    world.services.users.add_practice_users()
    good, bad = world.customer(), world.customer()
    world.save_card(good)
    world.save_card(bad, NO_MONEY)
    for number in range(3):
        paid = world.charge(good, reference=f"INV-{number}").charge
        world.clock.advance(days=4)
    failed = world.charge(bad, reference="INV-1").charge
    world.services.links.recover(failed.id, by=ALICE)
    world.services.links.create(form_key="open", customer=good, reference="INV-9", by=ALICE)
    order = world.services.refunds.request(
        paid.id, money=Money(400, "usd"), reason="duplicate", note="Twice", by=ALICE
    )
    world.services.refunds.approve(order.id, by=BOB, password=PRACTICE_PASSWORD)
    # The same debt under another charge: what cannot be told.
    method = world.services.charges.view(paid.id).charge.payment_method
    post(
        world,
        "/v1/payment_intents",
        amount="1234",
        currency="usd",
        customer=good,
        payment_method=method,
        off_session="true",
        confirm="true",
        allowed_payment_method_types=["card"],
        metadata={
            "onfile_charge_id": "chg_elsewhere",
            "onfile_attempt": "1",
            "onfile_reference": "INV-2",
            "onfile_installation": str(world.installation),
        },
    )
    world.clock.advance(hours=3)
    return lost(world)


def begin_anew(world: World) -> None:
    world.services.close()
    for path in world.settings.data_dir.glob("onfile.*"):
        path.unlink()
    migrated(world.settings)
    world.rebuild()


def state(world: World) -> dict[str, list[tuple[object, ...]]]:
    """All of the ledger that does not say when it was written."""
    found = {
        table: sorted(
            (tuple(row) for row in world.rows(f"SELECT {columns} FROM {table}")), key=repr
        )
        for table, columns in _TABLES.items()
    }
    found["meta"] = [row for row in found["meta"] if row[0] not in _OF_A_MOMENT]
    return found


def taken_over(world: World, old: str) -> Rebuilt:
    return world.services.rebuilds.rebuild(by=ALICE, installation=old)


def test_after_every_other_commit(world: World, commits: Commits) -> None:
    old = past(world)
    commits.count = 0
    whole = taken_over(world, old)
    expected = state(world)
    assert whole.adopted == {"charges": 4, "attempts": 4, "refunds": 1, "links": 4}
    assert [one["reason"] for one in whole.conflicts] == ["reference_taken"]
    for point in itertools.count(1, 2):
        begin_anew(world)
        commits.count, commits.dies_after = 0, point
        # How many there are depends on the order in which readers come: the last point is past them.
        with suppress(Killed):
            taken_over(world, old)
            break
        commits.dies_after = 0
        world.clock.advance(seconds=STALE_SECONDS + 1)
        world.rebuild()
        job = world.services.rebuilds.latest()
        was_over = job is not None and job.state == "done"
        result = taken_over(world, old)
        assert state(world) == expected, point
        counted = dict.fromkeys(whole.adopted, 0) if was_over else whole.adopted
        assert result.adopted == counted, point
        assert result.conflicts == whole.conflicts, point
        assert world.services.completeness.behind_since() is None
    assert point > 25
    assert len(world.moved()) == 4


def test_at_every_request(world: World) -> None:
    old = past(world)
    before = world.services.gateway.requests
    taken_over(world, old)
    requests, expected = world.services.gateway.requests - before, state(world)
    assert requests > 10
    for request in range(requests):
        begin_anew(world)
        # Asked again five times, then it is given up.
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=50, after=request)
        with pytest.raises(GatewayError):
            taken_over(world, old)
        world.stripe.faults.clear()
        taken_over(world, old)
        assert state(world) == expected, request


def test_another_process_that_comes_too_early_is_refused(world: World, commits: Commits) -> None:
    """The dead one may only be slow; its heart has to stop first."""
    old = past(world)
    commits.count, commits.dies_after = 0, 12
    with pytest.raises(Killed):
        taken_over(world, old)
    commits.dies_after = 0
    world.rebuild()
    with pytest.raises(Exception, match="running already"):
        taken_over(world, old)
    assert not world.services.rebuilds.rebuild_due()
    world.clock.advance(seconds=STALE_SECONDS + 1)
    assert world.services.rebuilds.rebuild_due(), "the worker goes on with it"
    assert world.services.completeness.behind_since() is None


def test_what_is_met_while_it_takes_over_is_taken_over_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook, say, brings a payment after everything was read: the ledger is not complete by then."""
    old = past(world)
    listed: list[PaymentIntent] = []
    keep = world.services.gateway.list_page("payment_intents").items[0]

    def meanwhile(progress: dict[str, object]) -> None:
        if progress["doing"] == "taking_over" and not listed:
            listed.append(keep)
            with world.uow.write() as stores:
                stores.payments.save_payment_intents(
                    [_late(keep, world.now, old)], synced_at_ms=world.now * 1000
                )

    result = world.services.rebuilds.rebuild(by=ALICE, installation=old, progress=meanwhile)
    assert listed
    assert result.adopted["attempts"] == 5
    with world.uow.read() as stores:
        assert stores.marks.unknown(old, limit=1) == []


def _late(intent: PaymentIntent, at: int, installation: str) -> PaymentIntent:
    return PaymentIntent(
        id="pi_late",
        livemode=False,
        status="succeeded",
        customer=intent.customer,
        payment_method=intent.payment_method,
        amount=500,
        currency="usd",
        charge_id="chg_late",
        attempt=1,
        latest_charge=None,
        description=None,
        error=None,
        created=at,
        reference="INV-LATE",
        installation=installation,
    )
