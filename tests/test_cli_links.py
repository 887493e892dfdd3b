"""Links for a whole file on the command line: what becomes of each row, and the same file again."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from lib.errors import InvalidInput
from lib.spreadsheets.reading import read_file
from tests import stripe_account
from tests.commands import Output, Run, commands_of
from tests.world import ALICE, World

SESSIONS = "/v1/checkout/sessions"
# Drawn like a Latin a, and another letter.
CYRILLIC_A = "\N{CYRILLIC SMALL LETTER A}"


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


def imported(run: Run, path: Path, *options: str) -> dict[str, Any]:
    answer: Output = run("--as", "alice", "--json", "links", "import", str(path), *options)
    assert answer.status == 0, answer.err
    return answer.json


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_text(text, encoding=encoding)
    return path


@pytest.fixture
def read_whole(world: World) -> None:
    """The mirror knows every customer, as after the first sync."""
    world.services.sync.request(by=ALICE)
    world.worker.run_once()


@pytest.fixture
def file(world: World, read_whole: None, tmp_path: Path) -> Path:
    """One row of each kind that there is."""
    world.customer("No Card", "nocard@example.com")
    with_card = world.customer("Has Card", "card@example.com")
    world.save_card(with_card)
    world.customer("Twin One", "twin@example.com")
    world.customer("Twin Two", "twin@example.com")
    held = world.customer("Held", "held@example.com")
    world.services.holds.set(held, reason="Asked us to stop", by=ALICE)
    world.customer("Anna", "anna@example.com")
    return written(
        tmp_path / "ask.csv",
        "E-Mail;Kunde;Rechnung;Sprache\n"
        "nocard@example.com;;INV-1;de\n"
        "new@example.com;;INV-2;\n"
        "card@example.com;;INV-3;\n"
        "twin@example.com;;INV-4;\n"
        "held@example.com;;INV-5;\n"
        ";cus_nobody;INV-6;\n"
        f"{CYRILLIC_A}nna@example.com;;INV-7;\n"
        "NoCard@Example.com;;inv-1;\n"
        "not an address;;INV-9;\n"
        "other@example.com;;INV-10;Klingon\n"
        ";;INV-11;\n",
    )


def states(found: dict[str, Any]) -> dict[int, tuple[str, str | None]]:
    return {
        row["row"]: (row["state"], row["error"] and row["error"]["code"]) for row in found["rows"]
    }


EXPECTED = {
    2: ("created", None),
    3: ("created", None),
    4: ("has_card", "has_card"),
    5: ("failed", "customer_ambiguous"),
    6: ("failed", "do_not_charge"),
    7: ("failed", "customer_unknown"),
    8: ("failed", "address_looks_like"),
    9: ("existing", None),
    10: ("failed", "email_invalid"),
    11: ("failed", "locale_unknown"),
    12: ("failed", "customer_missing"),
}


def test_each_row_is_judged_and_made_without_a_page_at_stripe(
    world: World, run: Run, file: Path
) -> None:
    pages = len(stripe_account.listed(world, SESSIONS))
    result = imported(run, file)
    assert states(result) == EXPECTED
    assert (result["created"], result["existing"], result["skipped"], result["failed"]) == (
        2,
        1,
        1,
        7,
    )
    first, second = result["rows"][0], result["rows"][7]
    assert first["durable_url"].startswith(f"{world.settings.public_url}/l/")
    assert (second["link_id"], second["durable_url"]) == (first["link_id"], first["durable_url"])
    assert len(stripe_account.listed(world, SESSIONS)) == pages
    link = world.services.links.show(first["link_id"])[0]
    assert (link.reference, link.locale, link.name) == ("INV-1", "de", "No Card")


def test_the_same_file_again_makes_nothing_new(world: World, run: Run, file: Path) -> None:
    first = imported(run, file)
    again = imported(run, file)
    assert (again["created"], again["existing"]) == (0, 3)
    assert [row["link_id"] for row in again["rows"]] == [row["link_id"] for row in first["rows"]]


def test_a_dry_run_says_what_would_be_made(world: World, run: Run, file: Path) -> None:
    result = imported(run, file, "--dry-run")
    assert result["created"] == 0
    assert [row["state"] for row in result["rows"]][:3] == ["new", "new_customer", "has_card"]
    assert run("--as", "alice", "--json", "links", "list").json["links"][0]["reference"] is None


def test_the_results_are_the_rows_with_their_links_and_can_be_read_again(
    world: World, run: Run, file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "links.csv"
    result = imported(run, file, "--out", str(out))
    rows = list(csv.DictReader(io.StringIO(out.read_text("utf-8-sig"))))
    assert [row["E-Mail"] for row in rows][:2] == ["nocard@example.com", "new@example.com"]
    assert rows[0]["onfile_link"] == result["rows"][0]["durable_url"]
    assert rows[2]["onfile_state"] == "has_card"
    assert "4242" in rows[2]["onfile_reason"]
    book = tmp_path / "links.xlsx"
    again = imported(run, out, "--out", str(book))
    assert again["created"] == 0
    assert read_file(book.read_bytes(), book.name).header[-4:] == (
        "onfile_state",
        "onfile_link",
        "onfile_link_id",
        "onfile_reason",
    )


def test_who_has_a_card_is_asked_only_when_a_person_says_so(
    world: World, run: Run, file: Path
) -> None:
    assert imported(run, file, "--despite-card")["created"] == 3
    assert imported(run, file, "--despite-card")["created"] == 0


def test_a_link_that_was_revoked_is_renewed_only_when_a_person_says_so(
    world: World, run: Run, file: Path
) -> None:
    first = imported(run, file)["rows"][0]["link_id"]
    assert run("--as", "alice", "links", "revoke", first).status == 0
    again = imported(run, file)
    assert states(again)[2] == ("ended", "link_revoked")
    assert again["rows"][0]["durable_url"] is None
    renewed = imported(run, file, "--renew")
    assert renewed["created"] == 1
    link = world.services.links.show(renewed["rows"][0]["link_id"])[0]
    assert (link.replaces, link.id != first) == (first, True)


def test_a_link_that_was_used_is_asked_again_once_its_card_is_gone(
    world: World, run: Run, file: Path
) -> None:
    result = imported(run, file)
    token = result["rows"][0]["durable_url"].rsplit("/", 1)[1]
    world.services.links.open_durable(token)
    _, session = world.services.links.show(result["rows"][0]["link_id"])
    assert session is not None
    method = world.finish(str(session.session_id))
    assert states(imported(run, file))[2] == ("has_card", "has_card")
    world.services.payment_methods.detach(method, by=ALICE)
    assert states(imported(run, file))[2] == ("created", None)


class TestAnAddressThatNobodyHad:
    @pytest.fixture
    def link(self, world: World, run: Run, read_whole: None, tmp_path: Path) -> dict[str, Any]:
        path = written(tmp_path / "one.csv", "email,name\nnew@example.com,New Person\n")
        row: dict[str, Any] = imported(run, path)["rows"][0]
        assert stripe_account.listed(world, "/v1/customers") == []
        return row

    def opened(self, world: World, link: dict[str, Any]) -> str | None:
        world.services.links.open_durable(link["durable_url"].rsplit("/", 1)[1])
        return world.services.links.show(link["link_id"])[0].customer

    def test_gets_a_customer_when_the_link_is_opened(
        self, world: World, link: dict[str, Any]
    ) -> None:
        first = self.opened(world, link)
        (made,) = stripe_account.listed(world, "/v1/customers")
        assert (made["id"], made["email"], made["name"]) == (first, "new@example.com", "New Person")
        assert self.opened(world, link) == first
        assert len(stripe_account.listed(world, "/v1/customers")) == 1

    def test_takes_the_customer_that_came_meanwhile(
        self, world: World, link: dict[str, Any]
    ) -> None:
        there = stripe_account.post(world, "/v1/customers", email="New@example.com")
        stripe_account.post(world, "/v1/customers", email="another@example.com")
        world.services.sync.run()
        assert self.opened(world, link) == there["id"]

    def test_waits_for_a_person_where_several_came(
        self, world: World, link: dict[str, Any]
    ) -> None:
        for name in ("One", "Two"):
            stripe_account.post(world, "/v1/customers", email="new@example.com", name=name)
        assert self.opened(world, link) is None
        (session,) = stripe_account.listed(world, SESSIONS)
        assert session["customer"] is None


class TestReading:
    def test_letters_that_are_a_guess_are_asked(
        self, run: Run, read_whole: None, tmp_path: Path
    ) -> None:
        path = written(
            tmp_path / "old.csv", "email;name\nm@example.com;Jürgen Größe\n", encoding="cp1252"
        )
        assert states(imported(run, path))[2] == ("failed", "encoding_unconfirmed")
        result = imported(run, path, "--encoding", "cp1252")
        assert states(result)[2] == ("created", None)

    def test_bytes_that_may_be_unicode_are_asked(
        self, world: World, run: Run, read_whole: None, tmp_path: Path
    ) -> None:
        text = "email,reference\nm@example.com,SPÓŁKA-1\n"
        path = written(tmp_path / "old.csv", text, encoding="cp1250")
        assert "SPӣKA" in path.read_text(encoding="utf-8")
        assert states(imported(run, path))[2] == ("failed", "encoding_unconfirmed")
        assert states(imported(run, path, "--encoding", "windows-1250"))[2] == ("created", None)
        (link,) = world.rows("SELECT reference FROM setup_links")
        assert link["reference"] == "SPÓŁKA-1"

    def test_a_column_of_names_is_no_column_of_ids(
        self, world: World, run: Run, read_whole: None, tmp_path: Path
    ) -> None:
        path = written(tmp_path / "erp.csv", "Customer,E-mail\nAcme Ltd,pay@example.com\n")
        result = imported(run, path)
        assert states(result)[2] == ("created", None)
        assert "taken for the name" in result["notes"][0]["message"]
        assert world.services.links.show(result["rows"][0]["link_id"])[0].name == "Acme Ltd"

    def test_nobody_is_named(self, run: Run, tmp_path: Path) -> None:
        path = written(tmp_path / "bad.csv", "invoice,amount\nINV-1,5\n")
        answer = run("--as", "alice", "--json", "links", "import", str(path))
        assert (answer.status, answer.error["code"]) == (1, "columns_missing")

    @pytest.mark.parametrize("first", ["a@example.com", "cus_NffrFeUfNV2Hib", " A@Example.com "])
    def test_the_first_of_a_list_without_a_heading_is_not_passed_over(
        self, world: World, first: str
    ) -> None:
        with pytest.raises(InvalidInput, match="where the heading should be") as refused:
            world.services.link_files.open_pasted(f"{first}\nb@example.com\n")
        assert refused.value.code == "heading_missing"

    def test_a_customer_with_another_address_than_the_row_says(
        self, world: World, run: Run, read_whole: None, tmp_path: Path
    ) -> None:
        customer = world.customer("Acme", "acme@example.com")
        path = written(tmp_path / "two.csv", f"customer,email\n{customer},else@example.com\n")
        assert states(imported(run, path))[2] == ("failed", "customer_and_email_differ")

    def test_a_viewer_may_not(self, run: Run, tmp_path: Path) -> None:
        path = written(tmp_path / "one.csv", "email\na@example.com\n")
        answer = run("--as", "vera", "--json", "links", "import", str(path))
        assert (answer.status, answer.error["code"]) == (1, "not_permitted")


class TestRules:
    """What goes by itself, switched on the command line."""

    def test_on_off_and_who(self, run: Run) -> None:
        on = run("--as", "alice", "--json", "outbox", "rule", "thanks", "on").json["rules"]
        assert [(one["rule"], one["is_on"], one["switched_on_by"]) for one in on] == [
            ("reminders", False, None),
            ("thanks", True, "alice"),
        ]
        assert "thanks: on, by alice" in run("--as", "vera", "outbox", "rules").out
        off = run("--as", "alice", "--json", "outbox", "rule", "thanks", "off").json["rules"]
        assert not any(one["is_on"] for one in off)
        refused = run("--as", "vera", "--json", "outbox", "rule", "thanks", "on")
        assert refused.status == 1
