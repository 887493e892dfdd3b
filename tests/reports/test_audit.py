"""The audit log as it is searched: by what entries are about whatever their age, by their words while they are new."""

from __future__ import annotations

import pytest

from lib.reports import audit
from tests.beginnings import made_once
from tests.world import World


@pytest.fixture
@made_once
def ledger(world: World) -> World:
    world.services.users.add_practice_users()
    for name in ("Acme Ltd", "Berta GmbH"):
        customer = world.customer(name, email=f"pay@{name.split()[0].lower()}.example")
        world.save_card(customer)
        for number in (1, 2):
            world.charge(customer, reference=f"{name[0]}-{number}")
            world.clock.advance(minutes=1)
    return world


def about(world: World, search: str, **narrowed: object) -> set[str]:
    frame = world.services.reports.audit.page(search=search, **narrowed).frame  # type: ignore[arg-type]
    return {text.partition(" · ")[0] for text in frame["about"]}


@pytest.mark.parametrize("entries", [1, 20_000], ids=lambda entries: f"{entries} read")
def test_what_an_entry_is_about_is_found_whatever_its_age(
    ledger: World, monkeypatch: pytest.MonkeyPatch, entries: int
) -> None:
    monkeypatch.setattr(audit, "READ_ENTRIES", entries)
    assert about(ledger, "berta gmbh") >= {"B-1", "B-2", "Berta GmbH"}
    assert not about(ledger, "berta gmbh") & {"A-1", "A-2", "Acme Ltd"}
    assert about(ledger, "pay@acme") >= {"A-1", "A-2"}
    assert about(ledger, "a 1") == {"A-1"}
    assert about(ledger, "berta", actions=("attempt.",)) == {"B-1", "B-2"}
    assert about(ledger, "berta", actor="alice", actions=("attempt.",)) == set()
    assert about(ledger, "nobody of that name") == set()
    [row] = ledger.rows("SELECT id FROM charges WHERE reference = 'A-2'")
    assert about(ledger, row["id"][:12]) == {"A-2"}
    since = ledger.now - 90
    assert about(ledger, "berta", since=since) == {"B-2"}
    assert "B-2" not in about(ledger, "berta", before=since)


def test_of_what_means_many_the_newest_of_a_kind_are_found_and_it_says_so(
    ledger: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "READ_ENTRIES", 1)
    report = ledger.services.reports.audit
    assert not report.about("berta gmbh").is_part
    monkeypatch.setattr(audit, "MOST_OF_A_KIND", 1)
    assert report.about("berta gmbh").is_part
    assert about(ledger, "berta gmbh") >= {"B-2", "Berta GmbH"}
    assert "B-1" not in about(ledger, "berta gmbh")
    shown = report.page(search="berta gmbh", rows=100).frame
    assert report.count(search="berta gmbh") == len(shown)
    # Of an earlier period, the newest that were there by then.
    before = ledger.now - 90
    assert about(ledger, "berta gmbh", before=before) >= {"B-1", "Berta GmbH"}
    assert not report.about("b 1").is_part


def test_words_of_the_newest_are_found(ledger: World, monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = ledger.rows("SELECT id FROM customers WHERE name = 'Acme Ltd'")

    def note(words: str) -> None:
        with ledger.uow.write() as stores:
            stores.audit.record(
                at=ledger.now,
                actor="alice",
                action="customer.hold",
                subject=row["id"],
                detail={"reason": words},
            )

    note("Called about the roof")
    assert about(ledger, "the roof") == {"Acme Ltd"}
    assert "A-1" in about(ledger, "alice oper"), "who did it, by name"
    monkeypatch.setattr(audit, "READ_ENTRIES", 1)
    assert about(ledger, "the roof") == {"Acme Ltd"}
    note("Called again")
    assert about(ledger, "the roof") == set()


def test_pages_of_one_second_follow_each_other(ledger: World) -> None:
    report = ledger.services.reports.audit
    whole, cursor = [], None
    while True:
        page = report.page(cursor=cursor, rows=3)
        whole += list(page.frame["id"])
        if (cursor := page.older) is None:
            break
    assert whole == sorted(whole, reverse=True)
    assert len(whole) == ledger.rows("SELECT count(*) AS n FROM audit_log")[0]["n"]
