"""Last month's file after everything was lost: nothing that is paid, on its way, open or unknown is charged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import Run, commands_of
from tests.lost_files import copied, lost, put_back
from tests.stripe_account import listed
from tests.world import ALWAYS_DECLINES, World

STATUSES = {
    "INV-2": "processing",
    "INV-3": "requires_action",
    "INV-4": "requires_confirmation",
    "INV-5": "requires_capture",
}


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


@pytest.fixture
def november(world: World, tmp_path: Path) -> Path:
    """Six rows by e-mail address; the last one's card declines."""
    lines = ["customer,amount,currency,reference"]
    for number in range(1, 7):
        email = f"customer-{number}@example.com"
        world.save_card(
            world.customer(email=email), ALWAYS_DECLINES if number == 6 else "4242424242424242"
        )
        lines.append(f"{email},{10 + number}.00,usd,INV-{number}")
    path = tmp_path / "november.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def executed(run: Run, file: Path) -> dict[str, object]:
    run_id = str(run("--as", "alice", "--json", "runs", "import", str(file)).json["run_id"])
    run("--as", "alice", "--json", "runs", "submit", run_id)
    run("--as", "bob", "--json", "runs", "approve", run_id)
    run("--as", "alice", "--json", "runs", "start", run_id, "--wait")
    return run("--as", "alice", "--json", "runs", "show", run_id).json


def payments(world: World) -> dict[str, list[str]]:
    """Ids at Stripe by reference."""
    result: dict[str, list[str]] = {}
    for intent in listed(world, "/v1/payment_intents"):
        result.setdefault(intent["metadata"]["onfile_reference"], []).append(intent["id"])
    return result


@pytest.mark.parametrize("is_known", [False, True])
def test_one_rebuild_is_enough_after_an_older_file_was_put_back(
    run: Run, world: World, is_known: bool
) -> None:
    """Whether or not Stripe's payments told of it before; the anchor beside the file does, in any case."""
    customer = world.customer()
    world.save_card(customer)
    copy = copied(world)
    world.charge(customer, reference="INV-1")
    put_back(world, copy)
    if is_known:
        world.services.sync.run()
        assert world.services.completeness.behind_since() is not None
    answer = run("--json", "--as", "alice", "reconcile", "--rebuild").json
    assert (answer["adopted"]["charges"], answer["ledger"]) == (1, "complete")
    world.charge(customer, reference="INV-2")
    assert len(world.moved()) == 2


def test_last_months_file_charges_nothing_again(run: Run, world: World, november: Path) -> None:
    done = executed(run, november)
    assert done["counts"] == {"succeeded": 5, "declined": 1}
    before = payments(world)
    for reference, status in STATUSES.items():
        world.stripe.alter(before[reference][0], {"status": status})
    world.clock.advance(days=31)
    old = lost(world)
    world.services.users.add_practice_users()
    answer = run("--json", "--as", "alice", "reconcile", "--rebuild")
    assert answer.status == 0
    assert answer.json["adopted"] == {"charges": 6, "attempts": 6, "refunds": 0, "links": 6}
    assert answer.json["conflicts"] == []
    assert (world.installation, answer.json["ledger"]) == (old, "complete")
    world.services.sync.run(full=True)
    run("--json", "--as", "bob", "reconcile", "--confirm-decisions")
    again = executed(run, november)
    # A declined one may be tried again, and is: it was not paid.
    assert again["counts"] == {"blocked": 5, "declined": 1}
    after = payments(world)
    assert {reference: after[reference] for reference in [*STATUSES, "INV-1"]} == {
        reference: before[reference] for reference in [*STATUSES, "INV-1"]
    }
    assert len(after["INV-6"]) == 2
    assert len(world.moved()) == 5


def test_nor_before_anybody_said_whose_they_are(run: Run, world: World, november: Path) -> None:
    """Whoever does not rebuild is still refused, row by row, by what Stripe says of each customer."""
    executed(run, november)
    before = payments(world)
    world.clock.advance(days=31)
    lost(world)
    world.services.users.add_practice_users()
    world.services.sync.run(full=True)
    again = executed(run, november)
    assert again["counts"] == {"blocked": 5, "declined": 1}
    after = payments(world)
    assert all(after[f"INV-{number}"] == before[f"INV-{number}"] for number in range(1, 6))
