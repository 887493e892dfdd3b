"""Charge runs on the command line: from a file to its results, and the file again."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import python_calamine

from lib.domain.days import day_of
from lib.spreadsheets.reading import read_file
from lib.store.meta import OUTBOX_DOUBTED
from tests.charge_runs import approved, invoices, payers
from tests.commands import Run, commands_of
from tests.spreadsheets.case_files import csv_of, sheet_of
from tests.stripe_account import make_default
from tests.world import ALICE, ALWAYS_DECLINES, World


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
    answer = as_alice(run, "runs", "import", str(file), "--name", "November")
    assert answer.status == 0
    result = answer.json
    assert (result["rows"], result["valid"], result["totals"]) == (4, 2, {"eur": 1234, "usd": 2000})
    assert [(e["row"], e["column"], e["code"]) for e in result["errors"]] == [
        (4, "customer", "customer_unknown"),
        (5, "amount", "amount_invalid"),
    ]


def test_show_counts_corrections_by_kind(run: Run, world: World, tmp_path: Path) -> None:
    customer = world.customer(email="good@example.com")
    world.save_card(customer)
    path = tmp_path / "november.csv"
    path.write_text("customer,amount,currency,reference\nnobody@example.com,12.34,eur,INV-1\n")
    run_id = as_alice(run, "runs", "import", str(path)).json["run_id"]
    fix = ("--row", "2", "--set", f"customer={customer}", "--reason", "by phone")
    assert as_alice(run, "runs", "correct", run_id, *fix).status == 0
    shown = as_alice(run, "runs", "show", run_id).json["corrected"]
    assert shown["kinds"] == {
        "customer": {"rows": 1, "totals": {"eur": 1_234}, "without_amount": 0}
    }
    answer = run("--as", "bob", "runs", "show", run_id).out
    assert "against the file: 1 row corrected. Customer: 1 row, €12.34." in answer


@pytest.fixture
def severities(world: World, tmp_path: Path) -> Path:
    """Two rows to charge, one of them amber, two that are stopped, and one that is red."""
    twins = [world.customer(f"Twin {at}", email="twin@example.com") for at in range(2)]
    for customer in (*twins, world.customer(email="good@example.com")):
        world.save_card(customer)
    path = tmp_path / "november.csv"
    path.write_text(
        "customer,amount,currency,reference\n"
        "good@example.com,12.34,eur,INV-1\n"
        f"{twins[0]},20.00,eur,INV-2\n"
        f"{twins[1]},7.00,usd,INV-3\n"
        "nobody@example.com,5.00,usd,INV-4\n"
        "good@example.com,9.00,eur,3/5/2026\n"
    )
    return path


def test_every_severity_is_named_in_words(run: Run, severities: Path) -> None:
    imported = run("--as", "alice", "runs", "import", str(severities)).out
    run_id = imported.split("(")[1].split(")")[0]
    assert "2 of 5 rows can be charged\n  €21.34\n" in imported
    shown = run("--as", "alice", "runs", "show", run_id).out
    assert "  planned          €21.34\n  stopped          €20.00\n" in shown
    for out in (imported, shown):
        words = ("blocked: row 5", "stopped: row 3", "look at row 6")
        places = [out.index(f"  {word}") for word in words]
        assert places == sorted(places)
        assert (
            "2 more rows, €20.00, $7.00, are stopped: an approver has to say why they may be charged."
            in out
        )


def test_stopped_rows_are_counted_apart(run: Run, world: World, severities: Path) -> None:
    made = as_alice(run, "runs", "import", str(severities)).json
    assert (made["valid"], made["totals"]) == (2, {"eur": 2_134})
    assert _in_lists(world, made["run_id"]) == ({"eur": 2_134}, {"eur": 2_134}, {"eur": 2_134})
    stopped = {"rows": 2, "totals": {"eur": 2_000, "usd": 700}}
    assert made["stopped_rows"] == stopped
    assert [(one["row"], one["severity"]) for one in made["stopped"]] == [
        (3, "stopped"),
        (4, "stopped"),
    ]
    shown = as_alice(run, "runs", "show", made["run_id"]).json
    assert shown["stopped"] is None
    assert shown["stopped_rows"] == stopped
    assert shown["chargeable"] == {"rows": 2, "totals": {"eur": 2_134}}
    result = {
        name: [(one["row"], one["code"], one["severity"]) for one in shown[name]]
        for name in ("errors", "stopped_findings", "warnings")
    }
    assert result == {
        "errors": [(5, "customer_unknown", "red")],
        "stopped_findings": [
            (3, "customer_has_twin", "stopped"),
            (4, "customer_has_twin", "stopped"),
        ],
        "warnings": [(6, "reference_like_date", "amber")],
    }
    submitted = as_alice(run, "runs", "submit", made["run_id"]).json
    assert submitted["stopped_rows"] == stopped
    assert _in_lists(world, made["run_id"])[0] == {"eur": 2_134}
    approve = ("--as", "bob", "--json", "runs", "approve", made["run_id"])
    assert run(*approve).error["code"] == "note_missing"
    approved = run(*approve, "--note", "both asked by phone").json
    # Opened: now they are charged like the others.
    assert approved["stopped_rows"] == {"rows": 0, "totals": {}}
    every = {"eur": 4_134, "usd": 700}
    assert approved["chargeable"] == {"rows": 4, "totals": every}
    assert _in_lists(world, made["run_id"]) == (every, every, every)
    world.services.runs.approvals.withdraw(made["run_id"], by=ALICE)
    assert _in_lists(world, made["run_id"])[0] == {"eur": 2_134}


def _in_lists(world: World, run_id: str) -> tuple[dict[str, int], ...]:
    """What the list of runs, its sums and the outlook say that one run comes to."""
    frame = world.services.reports.runs.page().frame.set_index("id")
    sums = {one.currency: one.amount for one in world.services.reports.runs.sums()}
    outlook = world.services.runs.outlooks.outlook(run_id)
    return frame.loc[run_id, "totals"], sums, dict(outlook.planned)


def test_import_says_what_was_guessed(run: Run, world: World, tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("customer,amount,currency,reference,Total\na@example.com,1.00,usd,R,2.00\n")
    answer = as_alice(run, "runs", "import", str(path)).json
    assert answer["notes"] == [
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


def test_results_for_accounting_have_amounts_dates_and_sums(
    run: Run, world: World, file: Path, tmp_path: Path
) -> None:
    run_id = executed(run, file)
    book, text = tmp_path / "results.xlsx", tmp_path / "results.csv"
    for out in (book, text):
        answer = as_alice(run, "runs", "results", run_id, "--out", str(out), "--for-accounting")
        assert answer.json["rows"] == 4
    sheets = python_calamine.load_workbook(str(book))
    assert sheets.sheet_names == ["Run results", "Fields", "Sums"]
    head, *rows = sheets.get_sheet_by_name("Run results").to_python()
    lines = [dict(zip(head, row, strict=True)) for row in rows]
    assert [(one["Reference"], one["Amount"], one["Currency"], one["State"]) for one in lines] == [
        ("INV-1", 12.34, "EUR", "Succeeded"),
        ("INV-2", 20.0, "USD", "Declined"),
        ("INV-3", 5.0, "USD", "Blocked"),
        ("INV-4", "", "", "Blocked"),
    ]
    assert lines[0]["Answered (UTC)"] == world.clock.now.replace(tzinfo=None)
    assert sheets.get_sheet_by_name("Sums").to_python() == [
        ["Currency", "State", "Run results", "Amount"],
        ["EUR", "Succeeded", 1, 12.34],
        ["USD", "Blocked", 1, 5.0],
        ["USD", "Declined", 1, 20.0],
    ]
    line = next(csv.DictReader(io.StringIO(text.read_text("utf-8-sig"))))
    assert (line["Answered (UTC)"], line["Amount"]) == ("2026-11-23T12:00:00+00:00", "12.34")
    kept = world.rows("SELECT subject, detail FROM audit_log WHERE action = 'download' ORDER BY id")
    assert [one["subject"] for one in kept] == ["results.xlsx", "results.csv"]
    assert json.loads(kept[0]["detail"]) == {
        "bytes": book.stat().st_size,
        "filters": {"run": run_id},
        "rows": 4,
    }
    unknown = as_alice(run, "runs", "results", "run_no", "--out", str(text), "--for-accounting")
    assert unknown.json["error"]["code"] == "not_found"


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
        (["--expect-total", "12.34"], "currency_missing", "write each total with its currency"),
        (["--canary", "-1"], "invalid_input", "or 0 for no stop"),
    ):
        refused = as_alice(run, *submit, *options)
        assert (refused.status, refused.error["code"]) == (1, code)
        assert says in refused.error["message"]
    totals = ("--expect-total", "12.34:eur", "--expect-total", "25.00:USD")
    done = as_alice(run, *submit, "--expect-rows", "4", *totals).json
    assert done["control"] == {"rows": 4, "totals": {"eur": 1_234, "usd": 2_500}}


def test_control_totals_are_taken_as_the_run_shows_them(run: Run, file: Path) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    done = as_alice(run, "runs", "submit", run_id, "--expect-total", "€12.34 · $25.00").json
    assert done["control"] == {"rows": None, "totals": {"eur": 1_234, "usd": 2_500}}


def test_reject_sends_it_back(run: Run, file: Path) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    as_alice(run, "runs", "submit", run_id)
    answer = run("--as", "bob", "--json", "runs", "reject", run_id, "--reason", "Wrong month")
    assert answer.json["status"] == "rejected"
    assert answer.json["decisions"][0]["reason"] == "Wrong month"


@pytest.mark.parametrize(("word", "said_word"), [("approve", "Approved"), ("reject", "Rejected")])
def test_a_decision_says_what_it_was_about(run: Run, file: Path, word: str, said_word: str) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    digest = as_alice(run, "runs", "submit", run_id).json["digest"]
    assert f"digest {digest}" in run("--as", "bob", "runs", "show", run_id).out
    answer = run("--as", "bob", "runs", word, run_id)
    assert answer.out.startswith(f"{said_word}: 2 rows, €12.34, $20.00 (digest {digest})\n")


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
    answer = run("--as", "bob", "--json", "runs", "approve", run_id, "--digest", "0" * 64)
    assert (answer.status, answer.error["code"]) == (1, "stale_state")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.csv", b"", None),
        ("no-columns.csv", b"a,b\n1,2\n", "columns_missing"),
        (
            "no-heading.csv",
            b"a@example.com,5,usd,INV-1\nb@example.com,6,usd,INV-2\n",
            "heading_missing",
        ),
        ("missing.csv", None, None),
    ],
)
def test_files_that_cannot_be_read(
    run: Run, tmp_path: Path, name: str, content: bytes | None, code: str | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    answer = as_alice(run, "runs", "import", str(path))
    assert answer.status == 1
    assert code is None or answer.error["code"] == code
    assert answer.error["message"]


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
        answer = as_alice(run, "runs", "import", str(german))
        (problem,) = answer.json["errors"]
        assert (answer.status, answer.json["valid"], problem["code"]) == (
            0,
            0,
            "decimal_unconfirmed",
        )
        assert (problem["row"], problem["rows"]) == (2, list(range(2, 63)))
        assert "--decimal comma" in problem["message"]
        assert "rows 2–62 (61), amount:" in run("--as", "alice", "runs", "import", str(german)).out
        answer = as_alice(run, "runs", "import", str(german), "--decimal", "comma").json
        assert answer["valid"] == 61
        assert {
            name: answer["reading"][name]
            for name in ("sheet", "encoding", "delimiter", "decimal", "header_row")
        } == {
            "sheet": None,
            "encoding": "utf-8",
            "delimiter": ";",
            "decimal": "comma",
            "header_row": 1,
        }

    @pytest.mark.parametrize(
        ("amount", "currency", "reference", "code"),
        [
            ("1{}.00", "eur", "MÃ¼ller-{}", "letters_garbled"),
            ("1{}.00", "eur", "M&uuml;ller-{}", "letters_in_signs"),
            ("1{}.00", "eur", "M?ller-{}", "letters_perhaps_lost"),
            ("1{}.00", "eur", "{}-Nov", "reference_like_date"),
            ("1{}.00", "eur", "=A{}+1", "reference_like_formula"),
            ("1{}.00", "eur", "1.2{}E+11", "damaged_by_spreadsheet"),
            ("-1{}.00", "eur", "R-{}", "amount_negative"),
            ("US$1{}.00", "eur", "R-{}", "currency_contradicts_format"),
            ("1{}.50", "jpy", "R-{}", "amount_too_many_decimals"),
            ("{} net", "eur", "R-{}", "amount_invalid"),
        ],
    )
    def test_any_trouble_of_all_rows_is_one_cause(
        self,
        run: Run,
        world: World,
        tmp_path: Path,
        amount: str,
        currency: str,
        reference: str,
        code: str,
    ) -> None:
        world.save_card(world.customer(email="good@example.com"))
        path = tmp_path / "export.csv"
        rows = [
            ("good@example.com", amount.format(at), currency, reference.format(at))
            for at in range(10, 31)
        ]
        path.write_bytes(csv_of(rows))
        answer = as_alice(run, "runs", "import", str(path)).json
        (cause,) = [one for one in answer["causes"] if one["code"] == code]
        assert cause["rows"] == list(range(2, 23))
        assert "Likewise row 3: " in cause["message"]
        shown = as_alice(run, "runs", "show", answer["run_id"]).json
        assert [one for one in shown["causes"] if one["code"] == code] == [cause]
        for command in (("import", str(path)), ("show", answer["run_id"])):
            lines = run("--as", "alice", "runs", *command).out.splitlines()
            assert sum(cause["message"] in line for line in lines) == 1

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
        answer = as_alice(run, "runs", "import", str(path), "--hidden", "leave-out").json
        assert (answer["rows"], answer["totals"]) == (2, {"eur": 4000})
        assert answer["reading"]["unseen"][0]["rows"] == [3]
        answer = as_alice(run, "runs", "import", str(path), "--hidden", "include").json
        assert next((one["row"], one["code"]) for one in answer["warnings"]) == (3, "row_hidden")
        shown = as_alice(run, "runs", "show", answer["run_id"]).json
        assert next((one["row"], one["code"]) for one in shown["warnings"]) == (3, "row_hidden")
        assert shown["reading"]["hidden"] == "include"
        assert (
            "look at row 3, amount: This row is hidden"
            in run("--as", "alice", "runs", "show", answer["run_id"]).out
        )

    def test_of_a_hidden_sheet_alone_only_leaving_it_out_is_offered(
        self, run: Run, world: World, tmp_path: Path
    ) -> None:
        world.save_card(world.customer(email="good@example.com"))
        path = tmp_path / "open.xlsx"
        rows = [("good@example.com", 10.0, "eur", "R-1")]
        path.write_bytes(sheet_of(rows, hidden_sheet=rows))
        for choice in ((), ("--hidden", "include")):
            refused = as_alice(run, "runs", "import", str(path), *choice)
            assert (refused.status, refused.error["code"]) == (1, "hidden_unconfirmed")
            assert refused.error["choices"] == ["leave-out"]
        answer = as_alice(run, "runs", "import", str(path), "--hidden", "leave-out").json
        assert (answer["rows"], answer["totals"]) == (1, {"eur": 1000})
        assert answer["reading"]["hidden_choices"] == ["leave-out"]
        (unseen,) = answer["reading"]["unseen"]
        assert (unseen["sheet"], unseen["becomes"]) == ("Last year", "left out")

    def test_one_choice_for_the_file_where_customers_saved_a_newer_method(
        self, run: Run, world: World, tmp_path: Path
    ) -> None:
        customer = world.customer(email="good@example.com")
        default = world.save_card(customer)
        make_default(world, customer, default)
        world.clock.advance(minutes=1)
        newer = world.save_card(customer, "5555555555554444")
        path = tmp_path / "open.csv"
        path.write_bytes(csv_of([("good@example.com", "10", "eur", "R-1")]))
        answer = as_alice(run, "runs", "import", str(path)).json
        run_id = answer["run_id"]
        assert [one["code"] for one in answer["warnings"]] == ["newer_method"]
        before = as_alice(run, "runs", "show", run_id).json
        assert before["charges"][0]["payment_method"] == default
        chosen = as_alice(run, "runs", "newer-methods", run_id, "use").json
        assert chosen["changed"] == 1
        after = as_alice(run, "runs", "show", run_id).json
        assert after["charges"][0]["payment_method"] == newer
        assert [one["code"] for one in after["warnings"]] == ["corrected"]
        again = as_alice(run, "runs", "newer-methods", run_id, "leave")
        assert (again.status, again.error["code"]) == (1, "nothing_changed")

    def test_an_encoding_is_chosen_by_its_name(
        self, run: Run, world: World, tmp_path: Path
    ) -> None:
        world.save_card(world.customer(email="good@example.com"))
        path = tmp_path / "open.csv"
        path.write_bytes(csv_of([("good@example.com", "10", "eur", "Łódź-1")], encoding="cp1250"))
        answer = as_alice(run, "runs", "import", str(path)).json
        assert [one["code"] for one in answer["errors"]] == ["encoding_unconfirmed"]
        answer = as_alice(run, "runs", "import", str(path), "--encoding", "windows-1250").json
        assert (answer["valid"], answer["reading"]["encoding"]) == (1, "cp1250")
        refused = as_alice(run, "runs", "import", str(path), "--encoding", "klingon")
        assert (refused.status, refused.error["code"]) == (1, "encoding_unknown")
        answer = as_alice(run, "runs", "import", str(path), "--encoding", "windows\u200b-1250").json
        assert answer["reading"]["encoding"] == "cp1250"
        refused = as_alice(run, "runs", "import", str(path), "--encoding", "cp\u202e1250")
        assert "U+202E (right-to-left override)" in refused.error["message"]

    def test_the_results_say_how_the_file_was_read(
        self, run: Run, german: Path, tmp_path: Path
    ) -> None:
        run_id = as_alice(run, "runs", "import", str(german), "--decimal", "comma").json["run_id"]
        out = tmp_path / "results.csv"
        as_alice(run, "runs", "results", run_id, "--out", str(out))
        sheet = read_file(out.read_bytes(), out.name)
        assert sheet.header[-1] == "onfile_reading"
        assert "decimal comma" in sheet.rows[0].cells[-1]


def test_an_approval_is_given_again_on_the_command_line(run: Run, world: World, file: Path) -> None:
    run_id = str(as_alice(run, "runs", "import", str(file)).json["run_id"])
    as_alice(run, "runs", "submit", run_id)
    answer = run("--as", "bob", "runs", "approve", run_id)
    assert "the approval holds until 2026-12-07 12:00 (UTC)" in answer.out
    world.clock.advance(days=14)
    assert as_alice(run, "runs", "start", run_id).error["code"] == "approval_expired"
    shown = as_alice(run, "runs", "show", run_id).json
    assert (shown["status"], shown["approval"]["holds"]) == ("approved", False)
    assert shown["stopped"]["code"] == "approval_expired"
    renewed = run("--as", "bob", "--json", "runs", "approve", run_id, "--digest", shown["digest"])
    assert renewed.json["approval"]["holds"]
    assert [one["is_renewal"] for one in renewed.json["decisions"]] == [False, True]
    assert as_alice(run, "runs", "start", run_id, "--wait").json["status"] == "finished"


class TestMending:
    @pytest.fixture
    def draft(self, run: Run, file: Path) -> str:
        return str(as_alice(run, "runs", "import", str(file)).json["run_id"])

    def test_a_cell_with_its_reason(self, run: Run, draft: str) -> None:
        answer = as_alice(
            run,
            *("runs", "correct", draft, "--row", "5"),
            *("--set", "amount=1234.50", "description=For May", "--reason", "decimal comma"),
        )
        assert answer.status == 0
        (row,) = answer.json["rows"]
        assert (row["row"], row["state"], row["amount"]) == (5, "planned", 123_450)
        assert [(c["row"], c["field"], c["was"], c["is"]) for c in answer.json["corrections"]] == [
            (5, "amount", "1.234,50", "1234.50"),
            (5, "description", None, "For May"),
        ]
        assert answer.json["corrected"]["corrected"] == {"eur": 123_450}
        shown = as_alice(run, "runs", "show", draft).json
        assert shown["corrections"] == answer.json["corrections"]
        undone = as_alice(run, "runs", "correct", draft, "--row", "5", "--undo", "--reason", "no")
        assert undone.json["corrections"] == []
        assert undone.json["rows"][0]["state"] == "blocked"

    def test_all_rows_of_a_kind_are_left_out_and_taken_back(self, run: Run, draft: str) -> None:
        of_kind = ("runs", "correct", draft, "--found", "customer_unknown", "--reason", "not ours")
        answer = as_alice(run, *of_kind, "--leave-out")
        assert [(row["row"], row["state"]) for row in answer.json["rows"]] == [(4, "cancelled")]
        assert answer.json["corrected"]["left_out"] == 1
        assert as_alice(run, *of_kind, "--leave-out").json["error"]["code"] == "no_rows"
        back = ("runs", "correct", draft, "--row", "4", "--reason", "ours", "--take-back")
        assert as_alice(run, *back).json["rows"][0]["state"] == "blocked"

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            (("--set", "amount=1.234"), "amount_two_sums"),
            (("--set", "cells=1"), "field_unknown"),
            (("--set", "amount"), "field_unknown"),
            ((), "nothing_changed"),
            (("--take-back",), "nothing_changed"),
        ],
    )
    def test_what_cannot_be_done_is_said(self, run: Run, draft: str, arguments, code) -> None:
        answer = as_alice(run, "runs", "correct", draft, "--row", "2", "--reason", "x", *arguments)
        assert (answer.status, answer.json["error"]["code"]) == (1, code)

    def test_without_a_reason_it_is_wrong_usage(self, run: Run, draft: str) -> None:
        assert as_alice(run, "runs", "correct", draft, "--row", "2", "--leave-out").status == 2

    def test_another_file_keeps_what_was_decided(self, run: Run, draft: str, file: Path) -> None:
        as_alice(
            run, "runs", "correct", draft, "--row", "2", "--set", "description=A", "--reason", "x"
        )
        as_alice(run, "runs", "correct", draft, "--row", "3", "--leave-out", "--reason", "paid")
        other = file.with_name("november-2.csv")
        other.write_text(file.read_text("utf-8-sig").replace("20;usd", "21;usd"), "utf-8-sig")
        answer = as_alice(run, "runs", "replace", draft, str(other)).json
        assert answer["kept"] == 1
        assert [(one["row"], one["what"]) for one in answer["dropped"]] == [(3, "left out")]
        assert answer["totals"]["usd"]["planned"] == 2_100
        plain = run("--as", "alice", "runs", "replace", draft, str(file))
        assert "Rows whose decisions were kept: 1." in plain.out

    def test_links_for_who_has_no_card(self, run: Run, world: World, tmp_path: Path) -> None:
        bare = world.customer("Bare", email="bare@example.com")
        source, out = tmp_path / "a.csv", tmp_path / "links.csv"
        source.write_text(f"customer,amount,currency,reference\n{bare},5.00,usd,INV-9\n")
        draft = str(as_alice(run, "runs", "import", str(source)).json["run_id"])
        answer = as_alice(run, "runs", "links", draft, "--out", str(out)).json
        assert (answer["created"], answer["existing"], answer["links"][0]["rows"]) == (1, 0, [2])
        (line,) = read_file(out.read_bytes(), "links.csv").rows
        assert line.cells[:5] == ("bare@example.com", "Bare", "INV-9", "5.00", "usd")
        assert line.cells[5] == answer["links"][0]["durable_url"]
        assert answer["refusal"] is None
        world.stripe.faults.add("POST", "/v1/checkout/sessions", kind="missing_permission")
        run("--as", "alice", "links", "create", "--guest")
        again = as_alice(run, "runs", "links", draft).json
        assert again["existing"] == 1
        assert "rak_checkout_session_write" in again["refusal"]
        plain = run("--as", "alice", "runs", "links", draft)
        assert "Stripe makes no pages for links at present: " in plain.out


@pytest.mark.parametrize(("name", "is_sent"), [("alice", True), ("ada", True), ("vera", False)])
def test_open_links_are_sent_to_whoever_makes_links(
    run: Run, world: World, file: Path, tmp_path: Path, name: str, is_sent: bool
) -> None:
    run_id = executed(run, file)
    (token,) = [
        row["token"]
        for row in world.rows("SELECT token FROM setup_links WHERE charge_id IS NOT NULL")
    ]
    for command in (["runs", "show", run_id], ["charges", "list"], ["links", "list"]):
        for answer in (run("--as", name, "--json", *command), run("--as", name, *command)):
            assert answer.status == 0
            # Words for a terminal name no link of a run or a charge.
            assert (token in answer.out) is (
                is_sent and (answer.out[0] == "{" or "links" in command)
            )
    for ending in (".csv", ".xlsx"):
        out = tmp_path / f"results{ending}"
        run("--as", name, "runs", "results", run_id, "--out", str(out))
        cells = [cell for row in read_file(out.read_bytes(), out.name).rows for cell in row.cells]
        assert any(token in cell for cell in cells) is is_sent


class TestAnnouncing:
    """Payers are told on the command line, and their answers decided."""

    def test_what_may_have_been_sent_before_a_restore_only_when_it_is_meant(
        self, world: World, run: Run
    ) -> None:
        made = approved(world, invoices(payers(world, 1)))
        with world.uow.write() as stores:
            stores.meta.set(OUTBOX_DOUBTED, str(world.now))
        day = str(day_of(world.now, world.services.settings.timezone))
        command = ("--as", "alice", "--json", "runs", "announce", made.id, "--on", day)
        words = run(*command).json
        assert (words["queued"], words["failed"][0]["code"]) == ([], "perhaps_sent")
        assert len(run(*command, "--in-doubt").json["queued"]) == 1

    def test_told_listed_and_decided(self, world: World, run: Run) -> None:
        made = approved(world, invoices(payers(world, 2)))
        world.change("UPDATE customers SET email = NULL, address_key = NULL WHERE name = 'Payer 1'")
        day = str(day_of(world.now, world.services.settings.timezone))
        words = run("--as", "alice", "--json", "runs", "announce", made.id, "--on", day).json
        assert [one["code"] for one in words["failed"]] == ["no_address"]
        (announcement,) = words["queued"]
        world.worker.do_mail()
        world.services.messages.delivery.send_due()
        rows = run("--as", "vera", "--json", "runs", "show", made.id).json["announced"]
        assert [(row["number"], row["charge_on"]) for row in rows] == [(2, day)]
        assert "1 of 2 rows were announced" in run("--as", "vera", "runs", "show", made.id).out
        (one,) = world.services.runs.announcements.of_run(made.id)
        world.services.runs.announcements.answers.answer(one.token)
        shown = run("--as", "vera", "--json", "runs", "announcements", made.id).json
        (result,) = shown["announcements"]
        assert (result["charge_on"], result["told_at"]) == (day, world.now)
        assert result["answered_at"] == world.now
        assert len(shown["without_address"]) == 1
        decided = run("--as", "bob", "--json", "runs", "answer", announcement, "--hold").json
        assert decided == {"decision": "held"}
        again = run("--as", "bob", "--json", "runs", "answer", announcement, "--charge", "No")
        assert again.status == 1

    def test_taken_into_a_file_for_a_mail_merge(
        self, world: World, run: Run, tmp_path: Path
    ) -> None:
        made = approved(world, invoices(payers(world, 2)))
        day, out = str(day_of(world.now, world.services.settings.timezone)), tmp_path / "told.csv"
        answer = run(
            "--as", "alice", "--json", "runs", "announce", made.id, "--on", day, "--out", str(out)
        ).json
        assert (answer["queued"], answer["taken"]) == ([], 2)
        lines = list(csv.DictReader(io.StringIO(out.read_text("utf-8-sig"))))
        assert len(lines) == 2
        assert all("/l/answer/" in line["message"] for line in lines)

    def test_a_day_that_is_none(self, world: World, run: Run) -> None:
        made = approved(world, invoices(payers(world, 1)))
        refused = run("--as", "alice", "--json", "runs", "announce", made.id, "--on", "tomorrow")
        assert refused.status == 1
        assert "2026-12-31" in refused.json["error"]["message"]
