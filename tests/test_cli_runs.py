"""Charge runs on the command line: from a file to its results, and the file again."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.spreadsheets.reading import read_file
from tests.commands import Run, commands_of
from tests.spreadsheets.case_files import csv_of, sheet_of
from tests.world import ALWAYS_DECLINES, World


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


def as_alice(run: Run, *argv: str):
    return run("--as", "alice", "--json", *argv)


@pytest.fixture
def file(world: World, tmp_path: Path) -> Path:
    """One that works, one that declines, one unknown customer, one amount nobody can read."""
    good, bad = world.customer(email="good@example.com"), world.customer()
    world.save_card(good)
    world.save_card(bad, ALWAYS_DECLINES)
    path = tmp_path / "november.csv"
    path.write_text(
        "customer;amount;currency;reference;note\n"
        f"good@example.com;12.34;EUR;INV-1;first\n"
        f"{bad};20;usd;INV-2;=1+1\n"
        "nobody@example.com;5.00;usd;INV-3;\n"
        f"{good};1.234,50;eur;INV-4;\n",
        encoding="utf-8-sig",
    )
    return path


def executed(run: Run, file: Path) -> str:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    as_alice(run, "runs", "submit", run_id)
    run("--as", "bob", "--json", "runs", "approve", run_id)
    assert as_alice(run, "runs", "start", run_id, "--wait").json["status"] == "finished"
    return run_id


def test_import_lists_what_cannot_be_charged(run: Run, file: Path) -> None:
    said = as_alice(run, "runs", "import", str(file), "--name", "November")
    assert said.status == 0
    found = said.json
    assert (found["rows"], found["valid"], found["totals"]) == (4, 2, {"eur": 1234, "usd": 2000})
    assert [(e["row"], e["column"], e["code"]) for e in found["errors"]] == [
        (4, "customer", "customer_unknown"),
        (5, "amount", "amount_invalid"),
    ]


def test_import_says_what_was_guessed(run: Run, world: World, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("customer,amount,currency,reference,Total\na@example.com,1.00,usd,R,2.00\n")
    said = as_alice(run, "runs", "import", str(path)).json
    assert said["notes"] == [
        {
            "code": "column",
            "message": "“amount” was taken for amount; “Total” could be it as well.",
        }
    ]
    assert (
        "look at this: “amount” was taken" in run("--as", "alice", "runs", "import", str(path)).out
    )


def test_from_a_file_to_its_end(run: Run, world: World, file: Path) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    submitted = as_alice(run, "runs", "submit", run_id).json
    assert submitted["status"] == "awaiting_approval"
    refused = as_alice(run, "runs", "approve", run_id)
    assert (refused.status, refused.error["code"]) == (1, "not_permitted")
    assert as_alice(run, "runs", "start", run_id, "--wait").status == 1
    assert world.moved() == []
    approved = run("--as", "bob", "--json", "runs", "approve", run_id)
    assert (approved.status, approved.json["status"]) == (0, "approved")
    done = as_alice(run, "runs", "start", run_id, "--wait")
    assert (done.status, done.json["status"]) == (0, "finished")
    assert done.json["counts"] == {"succeeded": 1, "declined": 1, "blocked": 2}
    assert world.moved() == [(1234, "eur")]


def test_show_has_a_charge_for_every_row(run: Run, file: Path) -> None:
    shown = as_alice(run, "runs", "show", executed(run, file)).json
    assert [charge["state"] for charge in shown["charges"]] == [
        "succeeded",
        "declined",
        "blocked",
        "blocked",
    ]
    declined = shown["charges"][1]
    assert (declined["amount"], declined["currency"], declined["reference"]) == (
        2000,
        "usd",
        "INV-2",
    )
    assert declined["failure"]["recovery_url"].startswith("http")
    assert shown["totals"]["eur"] == {"succeeded": 1234}


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_results_are_the_rows_in_their_order_and_what_came_of_them(
    run: Run, file: Path, tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"results{ending}"
    assert (
        as_alice(run, "runs", "results", executed(run, file), "--out", str(out)).json["rows"] == 4
    )
    sheet = read_file(out.read_bytes(), out.name)
    assert sheet.header[:5] == ("customer", "amount", "currency", "reference", "note")
    assert [row.cells[3] for row in sheet.rows] == ["INV-1", "INV-2", "INV-3", "INV-4"]
    assert [row.cells[5] for row in sheet.rows] == ["succeeded", "declined", "blocked", "blocked"]
    assert sheet.rows[1].cells[4] == "=1+1"
    if ending == ".csv":
        assert "'=1+1" in out.read_text(encoding="utf-8-sig")


def test_results_uploaded_again_charge_nothing_twice(
    run: Run, world: World, file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again.csv"
    as_alice(run, "runs", "results", executed(run, file), "--out", str(out))
    again = as_alice(run, "runs", "import", str(out)).json
    assert again["valid"] == 0, "the declined card must wait before it is tried again"
    assert {e["code"] for e in again["errors"] if e["row"] in (2, 3)} == {
        "already_charged",
        "retry_too_early",
    }
    assert len(world.moved()) == 1


def test_the_same_file_again_is_named(run: Run, file: Path) -> None:
    first = as_alice(run, "runs", "import", str(file)).json
    again = as_alice(run, "runs", "import", str(file)).json
    assert again["same_file_as"] == [first["run_id"]]
    assert again["valid"] == 0


def test_pause_resume_and_cancel(run: Run, world: World, file: Path) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    as_alice(run, "runs", "submit", run_id, "--canary", "1")
    run("--as", "bob", "--json", "runs", "approve", run_id)
    stopped = as_alice(run, "runs", "start", run_id, "--wait").json
    assert (stopped["status"], stopped["stopped"]["code"]) == ("paused", "canary")
    assert as_alice(run, "runs", "resume", run_id).json["status"] == "running"
    assert as_alice(run, "runs", "pause", run_id).json["status"] == "paused"
    assert as_alice(run, "runs", "cancel", run_id).json["status"] == "cancelled"
    assert world.moved() == [(1234, "eur")]


def test_control_totals_are_those_of_the_file(run: Run, world: World, file: Path) -> None:
    """All four rows, although two of them cannot be charged; INV-4 has an amount nobody can read."""
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    submit = ("runs", "submit", run_id)
    for options, code, says in (
        (["--expect-rows", "2"], "control_rows", "this run holds 4. 2 of its 4 rows are blocked"),
        (["--expect-total", "12.34:eur"], "control_totals", "You expect $0.00"),
        (
            ["--expect-total", "12.34:eur", "--expect-total", "20:usd"],
            "control_totals",
            "1 row without a readable amount is not counted.",
        ),
        (["--expect-total", "12,34.1:eur"], "amount_invalid", "is not an amount"),
        (["--expect-total", "12.34"], "currency_unknown", "is not a currency"),
        (["--canary", "-1"], "invalid_input", "or 0 for no stop"),
    ):
        refused = as_alice(run, *submit, *options)
        assert (refused.status, refused.error["code"]) == (1, code)
        assert says in refused.error["message"]
    totals = ("--expect-total", "12.34:eur", "--expect-total", "25.00:USD")
    done = as_alice(run, *submit, "--expect-rows", "4", *totals).json
    assert done["control"] == {"rows": 4, "totals": {"eur": 1_234, "usd": 2_500}}


def test_reject_sends_it_back(run: Run, file: Path) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    as_alice(run, "runs", "submit", run_id)
    said = run("--as", "bob", "--json", "runs", "reject", run_id, "--reason", "Wrong month")
    assert said.json["status"] == "rejected"
    assert said.json["decisions"][0]["reason"] == "Wrong month"


@pytest.mark.parametrize(("word", "said_word"), [("approve", "Approved"), ("reject", "Rejected")])
def test_a_decision_says_what_it_was_about(run: Run, file: Path, word: str, said_word: str) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    digest = as_alice(run, "runs", "submit", run_id).json["digest"]
    assert f"digest {digest}" in run("--as", "bob", "runs", "show", run_id).out
    said = run("--as", "bob", "runs", word, run_id)
    assert said.out.startswith(f"{said_word}: 2 rows, €12.34, $20.00 (digest {digest})\n")


def test_what_was_approved_as_an_object(run: Run, file: Path) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    digest = as_alice(run, "runs", "submit", run_id).json["digest"]
    approved = run("--as", "bob", "--json", "runs", "approve", run_id).json
    assert approved["decided_on"] == {
        "digest": digest,
        "rows": 2,
        "totals": {"eur": 1234, "usd": 2000},
    }


def test_the_digest_of_another_version_is_refused(run: Run, file: Path) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    as_alice(run, "runs", "submit", run_id)
    said = run("--as", "bob", "--json", "runs", "approve", run_id, "--digest", "0" * 64)
    assert (said.status, said.error["code"]) == (1, "stale_state")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.csv", b"", None),
        ("no-columns.csv", b"a,b\n1,2\n", "columns_missing"),
        ("missing.csv", None, None),
    ],
)
def test_files_that_cannot_be_read(
    run: Run, tmp_path: Path, name: str, content: bytes | None, code: str | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    said = as_alice(run, "runs", "import", str(path))
    assert said.status == 1
    assert code is None or said.error["code"] == code
    assert said.error["message"]


def test_a_certificate_that_file_ledger_and_stripe_agree(
    run: Run, world: World, file: Path, tmp_path: Path
) -> None:
    run_id = executed(run, file)
    out = tmp_path / "certificate.html"
    made = as_alice(run, "runs", "certificate", run_id, "--out", str(out)).json
    assert (made["verdict"], made["lines"]["eur"]["stripe"]) == ("green", 1234)
    assert "Charge run certificate" in out.read_text()
    refused = as_alice(run, "runs", "certificate", run_id, "--out", str(tmp_path / "no" / "x.html"))
    assert refused.status == 1


class TestHowAFileIsRead:
    GERMAN = "Kunde;Betrag;Währung;Rechnungsnummer\n"

    @pytest.fixture
    def german(self, world: World, tmp_path: Path) -> Path:
        world.save_card(world.customer(email="good@example.com"))
        path = tmp_path / "export.csv"
        rows = [f"good@example.com;1.{at:03d},50;EUR;RE-{at}\n" for at in range(100, 161)]
        path.write_text(self.GERMAN + "".join(rows), encoding="utf-8-sig")
        return path

    def test_sixty_one_rows_are_one_problem_with_the_switch_that_solves_it(
        self, run: Run, german: Path
    ) -> None:
        said = as_alice(run, "runs", "import", str(german))
        (problem,) = said.json["errors"]
        assert (said.status, said.json["valid"], problem["code"]) == (0, 0, "decimal_unconfirmed")
        assert (problem["row"], problem["rows"]) == (2, list(range(2, 63)))
        assert "--decimal comma" in problem["message"]
        assert "rows 2–62 (61), amount:" in run("--as", "alice", "runs", "import", str(german)).out
        said = as_alice(run, "runs", "import", str(german), "--decimal", "comma").json
        assert said["valid"] == 61
        assert {
            name: said["reading"][name]
            for name in ("sheet", "encoding", "delimiter", "decimal", "header_row")
        } == {
            "sheet": None,
            "encoding": "utf-8",
            "delimiter": ";",
            "decimal": "comma",
            "header_row": 1,
        }

    def test_hidden_rows_are_refused_until_somebody_chooses(
        self, run: Run, world: World, tmp_path: Path
    ) -> None:
        world.save_card(world.customer(email="good@example.com"))
        path = tmp_path / "open.xlsx"
        rows = [("good@example.com", 10.0 * at, "eur", f"R-{at}") for at in (1, 2, 3)]
        path.write_bytes(sheet_of(rows, hidden_rows=[2]))
        refused = as_alice(run, "runs", "import", str(path))
        assert (refused.status, refused.error["code"]) == (1, "hidden_unconfirmed")
        assert "€20.00" in refused.error["message"]
        said = as_alice(run, "runs", "import", str(path), "--hidden", "leave-out").json
        assert (said["rows"], said["totals"]) == (2, {"eur": 4000})
        assert said["reading"]["unseen"][0]["rows"] == [3]
        said = as_alice(run, "runs", "import", str(path), "--hidden", "include").json
        assert next((one["row"], one["code"]) for one in said["warnings"]) == (3, "row_hidden")
        shown = as_alice(run, "runs", "show", said["run_id"]).json
        assert next((one["row"], one["code"]) for one in shown["warnings"]) == (3, "row_hidden")
        assert shown["reading"]["hidden"] == "include"
        assert (
            "look at row 3, amount: This row is hidden"
            in run("--as", "alice", "runs", "show", said["run_id"]).out
        )

    def test_an_encoding_is_chosen_by_its_name(
        self, run: Run, world: World, tmp_path: Path
    ) -> None:
        world.save_card(world.customer(email="good@example.com"))
        path = tmp_path / "open.csv"
        path.write_bytes(csv_of([("good@example.com", "10", "eur", "Łódź-1")], encoding="cp1250"))
        said = as_alice(run, "runs", "import", str(path)).json
        assert [one["code"] for one in said["errors"]] == ["encoding_unconfirmed"]
        said = as_alice(run, "runs", "import", str(path), "--encoding", "windows-1250").json
        assert (said["valid"], said["reading"]["encoding"]) == (1, "cp1250")
        refused = as_alice(run, "runs", "import", str(path), "--encoding", "klingon")
        assert (refused.status, refused.error["code"]) == (1, "encoding_unknown")

    def test_the_results_say_how_the_file_was_read(
        self, run: Run, german: Path, tmp_path: Path
    ) -> None:
        run_id = as_alice(run, "runs", "import", str(german), "--decimal", "comma").json["run_id"]
        out = tmp_path / "results.csv"
        as_alice(run, "runs", "results", run_id, "--out", str(out))
        sheet = read_file(out.read_bytes(), out.name)
        assert sheet.header[-1] == "onfile_reading"
        assert "decimal comma" in sheet.rows[0].cells[-1]
