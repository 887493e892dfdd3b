"""Audit: who did what, narrowed, in detail, and verified."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from lib import bootstrap
from lib.domain.charges import Outcome
from lib.domain.incidents import ProposalState
from lib.domain.manual_outcomes import ManualOutcomeState
from lib.domain.outbox import MessageState
from lib.domain.refunds import RefundState
from lib.ui import audit_words
from tests.beginnings import made_once
from tests.ui.charge_pages import choose, ran, text
from tests.world import World


@pytest.fixture
@made_once
def charged(world: World) -> str:
    customer = world.customer()
    world.save_card(customer)
    return world.charge(customer, amount="12.34").charge.id


def what(at) -> list[str]:
    return list(at.dataframe[0].value["what"])


def test_first_render(open_page) -> None:
    assert what(open_page("audit", as_="vera"))[-1] == "Added a user"


def test_newest_first_with_names(open_page, charged) -> None:
    rows = open_page("audit", as_="vera").dataframe[0].value
    assert rows["what"].iloc[0] == "Recorded: charged"
    assert rows["by"].iloc[:2].tolist() == ["Onfile", "Alice Operator"]
    assert rows["about"].iloc[0] == "INV-1 · Acme Ltd"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"audit_group": "links"}, {"Made a setup link"}),
        ({"audit_who": "alice", "audit_group": "charges"}, {"Sent a charge to Stripe"}),
        ({"audit_search": "INV-1"}, {"Recorded: charged", "Sent a charge to Stripe"}),
        (
            {"audit_group": "nonsense", "audit_search": "INV-1", "audit_who": "system"},
            {"Recorded: charged"},
        ),
    ],
    # Not of sets: their order differs between the workers of pytest-xdist.
    ids=lambda given: str(given) if isinstance(given, dict) else "",
)
def test_filters(query, expected, open_page, charged) -> None:
    assert set(what(open_page("audit", as_="vera", query=query))) == expected


def test_the_foot_says_which_rows_of_how_many(open_page, world: World) -> None:
    for number in range(60):
        world.customer(f"Customer {number}")
    every = world.services.reports.audit.count()
    assert every is not None
    assert every > 60
    at = open_page("audit", as_="ada")
    assert f"1–50 of {world.services.reports.audit.count()} entries" in text(at)
    of_none = world.services.reports.audit.count(actor="nobody")
    assert of_none == 0


def test_so_many_entries_are_not_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.customer()
    monkeypatch.setattr("lib.reports.audit.MOST_COUNTED", 0)
    reports = world.services.reports.audit
    assert reports.count(actions=("customer.",)) is None
    assert reports.count(search="acme") is None
    monkeypatch.setattr("lib.reports.audit.MOST_WALKED", 0)
    assert reports.count(since=1) is None
    (whole,) = world.rows("SELECT count(*) AS n FROM audit_log")
    assert reports.count() == whole["n"]


def test_a_search_of_too_many_charges_says_what_is_listed(
    world: World, open_page, charged, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.services.search_index.index_all()
    said = "listed is what is about the newest"
    assert said not in text(open_page("audit", as_="vera", query={"audit_search": "acme"}))
    monkeypatch.setattr("lib.reports.audit.MOST_OF_A_KIND", 0)
    assert said in text(open_page("audit", as_="vera", query={"audit_search": "acme"}))


def test_nothing_matches(open_page, charged) -> None:
    at = open_page("audit", as_="vera", query={"audit_search": "%"})
    assert "No entry matches" in text(at)


def test_an_entry_as_plain_facts(open_page, charged) -> None:
    at = choose(open_page("audit", as_="vera"), "audit_rows")
    page_text = text(at)
    assert "$12.34" in page_text
    assert "INV-1 · Acme Ltd" in page_text
    assert charged in [code.value for code in at.code]


@pytest.mark.parametrize("entry", ["0", "x", "9" * 30, "²", "<b>"])
def test_an_unknown_entry_is_a_sentence(entry, open_page) -> None:
    at = open_page("audit", as_="vera", query={"entry": entry})
    assert "There is no such entry." in text(at)


def test_verify_the_chain(open_page, charged, world) -> None:
    at = open_page("audit", as_="vera")
    ran(at.button(key="audit_verify").click().run())
    assert "The chain is whole" in text(at)
    assert world.services.audit.head() in [code.value for code in at.code]


def test_a_changed_entry_breaks_the_chain(open_page, charged, world) -> None:
    database = sqlite3.connect(world.settings.database)
    database.execute("DROP TRIGGER audit_log_is_never_changed")
    database.execute("UPDATE audit_log SET actor = 'bob' WHERE id = 3")
    database.commit()
    database.close()
    at = open_page("audit", as_="vera")
    ran(at.button(key="audit_verify").click().run())
    assert "broken at entry 3" in at.error[0].value


def recorded() -> set[str]:
    """Every action that the services write, the composed ones by their parts."""
    services = Path(bootstrap.__file__).parent / "services"
    source = "".join(path.read_text() for path in services.rglob("*.py"))
    written = re.findall(r'action="([a-z_]+\.[a-z_]+)"', source)
    written += re.findall(
        r'"((?:run|user|limits|link|job|message|outbox|template)\.[a-z_]+)"', source
    )
    kinds = re.findall(r'"(refund_[a-z]+)", by=', source)
    return {
        *written,
        *(kind.replace("_", ".", 1) for kind in kinds),
        *(f"attempt.{outcome}" for outcome in Outcome),
        *(f"refund.{state}" for state in RefundState if state != RefundState.SENDING),
        *(f"manual_outcome.{state}" for state in ManualOutcomeState),
        *(f"incident.{state}" for state in ProposalState if state != ProposalState.OVERTAKEN),
        *(
            f"incident.{event}"
            for event in re.findall(r'stores,\s+incident,\s+"([a-z_]+)"', source)
        ),
        *(
            f"{kind}.{word}_refused"
            for kind in ("run", "refund", "manual_outcome", "incident")
            for word in ("approve", "reject")
        ),
        *(f"run.{word}" for word in ("approve", "reject", "paused", "stopped", "finished")),
        *(
            f"message.{state}"
            for state in MessageState
            if state
            not in {MessageState.WAITING, MessageState.HANDING_OVER, MessageState.CANCELLED}
        ),
        "user.sign_in_refused",
        "user.confirm_refused",
    }


@pytest.mark.parametrize("name", sorted(recorded()))
def test_every_action_has_words_and_a_kind(name) -> None:
    assert ": " not in audit_words.action(name).replace("Recorded: ", "")
    assert any(name.startswith(begins) for _, begins in audit_words.GROUPS.values())
