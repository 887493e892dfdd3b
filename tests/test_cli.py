"""The command line: same services, same checks as the screens; one JSON object; honest exit codes."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.cli.main import main
from lib.errors import SettingsError
from lib.services.mirror.sync import BACKFILL
from lib.stripe_gateway.gateway import StripeGateway
from tests import stripe_account
from tests.charge_runs import approved
from tests.commands import Output, Run, commands_of
from tests.lost_files import lost
from tests.mirror_checks import hide_sessions_from_syncs
from tests.world import ALWAYS_DECLINES, World, impatient

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return commands_of(world, capsys, monkeypatch)


@pytest.fixture
def empty(world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """As `run`, in a house without people."""
    monkeypatch.setenv("ONFILE_NEW_PASSWORD", "long enough 1")
    monkeypatch.delenv("ONFILE_PASSWORD", raising=False)

    def running(*argv: str) -> Output:
        capsys.readouterr()
        status = main(argv, services=lambda: world.services)
        captured = capsys.readouterr()
        return Output(status, captured.out, captured.err)

    return running


class TestHowItIsCalled:
    @pytest.mark.parametrize(
        "argv",
        [
            ("--as", "alice", "--json", "links", "list"),
            ("links", "list", "--as", "alice", "--json"),
            ("--json", "links", "list", "--as", "alice"),
            ("--as", "alice", "links", "--json", "list"),
            ("links", "--as=alice", "--json", "list"),
        ],
        ids=" ".join,
    )
    def test_as_and_json_before_and_after(self, run: Run, argv: tuple[str, ...]) -> None:
        answer = run(*argv)
        assert (answer.status, answer.json) == (0, {"links": []})

    @pytest.mark.parametrize(
        "argv",
        [
            (),
            ("nothing",),
            ("links",),
            ("links", "create", "--as", "alice"),
            ("links", "create", "--guest", "--email", "a@example.com", "--as", "alice"),
            ("links", "list", "--status", "lost"),
            ("charge", "--customer", "cus_1"),
            ("users", "add", "eve", "--email", "e@example.com", "--role", "owner"),
            ("users", "add", "eve", "--email", "e@example.com"),
            ("sync", "--only", "invoices"),
            ("doctor", "--loud"),
            ("links", "create", "--guest", "--reference", "\udcff", "--as", "alice"),
            ("links", "list", "--as", "\udcff"),
        ],
        ids=lambda argv: ascii(" ".join(argv)),
    )
    @pytest.mark.parametrize("json_", [(), ("--json",)], ids=["text", "json"])
    def test_wrong_usage_is_two_and_says_so_on_standard_error(
        self, run: Run, argv: tuple[str, ...], json_: tuple[str, ...]
    ) -> None:
        answer = run(*json_, *argv)
        assert (answer.status, answer.out) == (2, "")
        assert "usage:" in answer.err

    @pytest.mark.parametrize(
        "argv",
        [
            ("users", "list"),
            ("links", "list"),
            ("sync",),
            ("reconcile",),
            ("audit", "verify"),
            ("links", "create", "--guest"),
            ("users", "disable", "bob"),
            (
                "charge",
                "--customer",
                "cus_1",
                "--amount",
                "1",
                "--currency",
                "usd",
                "--reference",
                "A",
            ),
        ],
        ids=" ".join,
    )
    def test_without_saying_who_it_is_refused(self, run: Run, argv: tuple[str, ...]) -> None:
        answer = run("--json", *argv)
        assert (answer.status, answer.error["code"]) == (1, "not_signed_in")
        assert "--as" in answer.error["message"]

    def test_a_wrong_password_and_a_missing_one(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ONFILE_PASSWORD", "wrong password")
        assert run("--json", "--as", "alice", "sync").error["code"] == "not_signed_in"
        monkeypatch.delenv("ONFILE_PASSWORD")
        answer = run("--json", "--as", "alice", "sync")
        assert "ONFILE_PASSWORD" in answer.error["message"]

    def test_errors_in_words_go_to_standard_error(self, run: Run) -> None:
        answer = run("links", "list")
        assert (answer.status, answer.out) == (1, "")
        assert "--as" in answer.err

    def test_a_locked_database_is_an_error_object(
        self, run: Run, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        impatient(world, monkeypatch)
        holder = sqlite3.connect(world.settings.database, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        answer = run("--json", "--as", "alice", "links", "create", "--guest")
        holder.close()
        assert (answer.status, answer.error["code"]) == (1, "database")

    def test_settings_that_do_not_allow_a_start_are_an_error_object(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def broken() -> None:
            raise SettingsError("no")

        status = main(["--json", "doctor"], services=broken)  # type: ignore[arg-type]
        assert status == 1
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "settings"


class TestDoctor:
    def test_all_well(self, run: Run) -> None:
        answer = run("--json", "doctor")
        assert answer.status == 0
        assert answer.json["mode"] == "practice"
        assert all(set(check) == {"name", "ok", "detail"} for check in answer.json["checks"])

    def test_one_failing_check_is_exit_one(self, run: Run, world: World) -> None:
        world.stripe.faults.add("GET", "/v1/customers", kind="missing_permission")
        answer = run("--json", "doctor")
        assert answer.status == 1
        assert [c["name"] for c in answer.json["checks"] if not c["ok"]] == [
            "permission: read customers"
        ]
        world.stripe.faults.add("GET", "/v1/customers", kind="missing_permission")
        assert "FAIL  permission: read customers" in run("doctor").out


class TestSandbox:
    def test_a_table_and_an_object(self, run: Run) -> None:
        answer = run("--json", "doctor", "--sandbox", "--yes")
        assert answer.status == 0
        assert answer.json["mode"] == "practice"
        assert all(set(one) == {"name", "assumed", "seen", "ok"} for one in answer.json["sandbox"])
        lines = run("doctor", "--sandbox", "--yes").out.splitlines()
        assert lines[0].split() == ["tried", "assumed", "seen"]
        assert {line.split()[0] for line in lines[1:]} == {"ok"}

    def test_a_difference_is_exit_one(self, run: Run, world: World) -> None:
        world.stripe.faults.add("POST", "/v1/refunds", kind="missing_permission")
        answer = run("doctor", "--sandbox", "--yes")
        assert answer.status == 1
        [line] = [line for line in answer.out.splitlines() if line.startswith("DIFFERS")]
        assert "refund" in line
        assert "succeeded" in line
        assert "refused: 403" in line

    @pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 1), ("", 1)])
    def test_it_asks_first(
        self, run: Run, world: World, monkeypatch: pytest.MonkeyPatch, answer: str, status: int
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        reply = run("--json", "doctor", "--sandbox")
        assert reply.status == status
        assert "practice Stripe" in reply.err
        assert bool(world.services.gateway.requests) is (status == 0)
        if status:
            assert reply.error["code"] == "not_confirmed"


class TestUsers:
    def test_the_first_needs_nobody_and_the_second_is_refused(self, empty: Run) -> None:
        add = ("--json", "users", "add")
        first = empty(*add, "ada", "--email", "ada@example.com", "--role", "admin")
        assert first.status == 0
        assert first.json["user"] | {"full_name": ""} == {
            "name": "ada",
            "full_name": "",
            "email": "ada@example.com",
            "roles": ["admin"],
            "active": True,
        }
        second = empty(*add, "bob", "--email", "bob@example.com", "--role", "viewer")
        assert (second.status, second.error["code"]) == (1, "not_signed_in")

    @pytest.mark.parametrize(
        "roles",
        [
            ("--role", "approver", "--role", "operator"),
            ("--role", "approver", "operator"),
            ("--role", "operator", "approver", "--role", "operator"),
        ],
        ids=" ".join,
    )
    def test_roles_repeated_or_several(self, empty: Run, roles: tuple[str, ...]) -> None:
        answer = empty("--json", "users", "add", "bob", "--email", "b@example.com", *roles)
        assert answer.json["user"]["roles"] == ["approver", "operator"]

    def test_a_password_must_come_from_somewhere_and_be_good(
        self, empty: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add = ("--json", "users", "add", "ada", "--email", "a@example.com", "--role", "admin")
        monkeypatch.setenv("ONFILE_NEW_PASSWORD", "short")
        assert empty(*add).error == {
            "code": "invalid_input",
            "field": "password",
            "message": "Use a password of at least 12 characters.",
        }
        monkeypatch.delenv("ONFILE_NEW_PASSWORD")
        assert "ONFILE_NEW_PASSWORD" in empty(*add).error["message"]

    def test_an_admin_adds_lists_sets_and_disables(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ONFILE_NEW_PASSWORD", "long enough 1")
        as_ada = ("--json", "--as", "ada")
        email = ("--email", "e@example.com")
        assert run(*as_ada, "users", "add", "eve", *email, "--role", "viewer").status == 0
        listed = run(*as_ada, "users", "list").json["users"]
        assert [user["name"] for user in listed] == ["ada", "alice", "bob", "eve", "vera"]
        assert run(*as_ada, "users", "disable", "eve").json["user"]["active"] is False
        assert run(*as_ada, "users", "disable", "ada").error["message"].startswith("This is the")
        assert run(*as_ada, "users", "disable", "nobody").error["code"] == "not_found"
        for command in ("disable", "invite"):
            refused = run(*as_ada, "users", command, "ev\u0435").error
            assert "U+0435 (cyrillic small letter ie)" in refused["message"]
        assert run(*as_ada, "users", "set-password", "bob").status == 0
        assert run("--json", "--as", "bob", "links", "list").error["code"] == "not_signed_in"
        monkeypatch.setenv("ONFILE_PASSWORD", "long enough 1")
        assert run("--json", "--as", "bob", "links", "list").status == 0
        for answer in (run(*as_ada, "users", "list"), run("--as", "bob", "users", "list")):
            assert "$2b$" not in answer.out + answer.err

    def test_others_may_not(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ONFILE_NEW_PASSWORD", "long enough 1")
        as_alice = ("--json", "--as", "alice")
        add = ("users", "add", "eve", "--email", "e@example.com", "--role", "admin")
        for argv in (
            add,
            ("users", "list"),
            ("users", "disable", "bob"),
            ("users", "set-password", "bob"),
        ):
            assert run(*as_alice, *argv).error["code"] == "not_permitted"
        assert run(*as_alice, "users", "set-password", "alice").status == 0


class TestLinks:
    def test_create_for_each_kind(self, run: Run, world: World) -> None:
        customer = world.customer()
        create = ("--json", "--as", "alice", "links", "create")
        for whom in (
            ("--customer", customer),
            ("--email", "new@example.com", "--name", "New"),
            ("--guest",),
        ):
            answer = run(*create, *whom, "--currency", "usd", "--reference", "INV-1")
            assert answer.status == 0
            made = answer.json
            assert made["link_id"].startswith("link_")
            assert made["session_id"].startswith("cs_test_")
            assert made["session_id"] in made["url"]
            assert made["durable_url"].startswith("http://localhost:8501/l/")
            assert made["expires_at"] == world.now + 86_400
        assert len(stripe_account.listed(world, "/v1/checkout/sessions")) == 3

    def test_in_words_the_address_to_send_is_the_durable_one(self, run: Run) -> None:
        answer = run("--as", "alice", "links", "create", "--guest")
        assert answer.status == 0
        assert "http://localhost:8501/l/" in answer.out
        assert "/practice/checkout/" not in answer.out

    def test_several_twins_are_an_error_that_lists_them(self, run: Run, world: World) -> None:
        twins = [
            stripe_account.post(world, "/v1/customers", email="t@example.com")["id"]
            for _ in range(2)
        ]
        answer = run("--json", "--as", "alice", "links", "create", "--email", "t@example.com")
        assert (answer.status, answer.error["code"]) == (1, "customer_exists")
        assert all(twin in answer.error["message"] for twin in twins)
        assert answer.error["message"].count("no saved method, never paid") == 2

    def test_bad_values_are_refused_with_the_field(self, run: Run) -> None:
        create = ("--json", "--as", "alice", "links", "create")
        for argv, field in (
            (("--email", "nobody"), "email"),
            (("--guest", "--currency", "xxx"), "currency"),
            (("--guest", "--reference", "a\x00b"), "reference"),
            (("--guest", "--name", "x" * 100_000), "name"),
            (("--guest", "--locale", "tlh"), "locale"),
        ):
            answer = run(*create, *argv)
            assert (answer.status, answer.error["field"]) == (1, field)
        assert run(*create, "--customer", "cus_nobody").error["code"] == "not_found"

    def test_a_viewer_lists_and_does_not_create(self, run: Run) -> None:
        assert run("--json", "--as", "vera", "links", "list").status == 0
        answer = run("--json", "--as", "vera", "links", "create", "--guest")
        assert answer.error["code"] == "not_permitted"

    def test_list_by_status(self, run: Run, world: World) -> None:
        made = run("--json", "--as", "alice", "links", "create", "--guest").json
        listing = ("--json", "--as", "alice", "links", "list")
        [shown] = run(*listing, "--status", "open").json["links"]
        assert (shown["link_id"], shown["status"]) == (made["link_id"], "open")
        assert shown["durable_url"] == made["durable_url"]
        world.finish(made["session_id"])
        [shown] = run(*listing).json["links"]
        assert (shown["status"], shown["durable_url"]) == ("completed", None)
        assert run(*listing, "--status", "open").json["links"] == []

    def test_list_says_when_the_bank_confirms_and_when_stripe_refuses(
        self, run: Run, world: World
    ) -> None:
        create = ("--json", "--as", "alice", "links", "create", "--guest")
        made = run(*create, "--currency", "usd").json
        world.fill(made["session_id"], "000123456780")
        world.services.return_page.finish(made["session_id"])
        world.stripe.configure({"payment_method_types": ["link"]})
        assert run(*create).status == 1
        listing = ("--json", "--as", "alice", "links", "list")
        [waits] = run(*listing, "--status", "confirming").json["links"]
        assert (waits["status"], waits["durable_url"]) == ("confirming", None)
        [refused] = run(*listing, "--status", "refused").json["links"]
        assert (refused["status"], refused["durable_url"] is None) == ("open", False)
        assert "allowed payment method types" in refused["refusal"]
        assert run(*listing, "--status", "completed").json["links"] == []
        answer = run("--as", "alice", "links", "list").out
        assert "confirming" in answer
        assert "Stripe makes no page: " in answer


class TestSync:
    def test_counts_what_was_written(self, run: Run, world: World) -> None:
        world.save_card(world.customer())
        answer = run("--json", "--as", "bob", "sync")
        assert answer.status == 0
        assert set(answer.json) == {
            "checkout_sessions",
            "setup_intents",
            "payment_methods",
            "customers",
            "payment_intents",
            "charges",
            "refunds",
            "disputes",
            "events",
            "requests",
            "seconds",
            "problems",
            "unreadable",
        }
        assert answer.json["checkout_sessions"] == 1

    @pytest.mark.parametrize(
        "argv",
        [
            ("--full",),
            ("--only", "customers"),
            ("--only", "customers", "events"),
            ("--only", "customers", "--only", "events", "--full"),
        ],
        ids=" ".join,
    )
    def test_its_options(self, run: Run, world: World, argv: tuple[str, ...]) -> None:
        world.customer()
        answer = run("--json", "--as", "alice", "sync", *argv)
        assert (answer.status, answer.json["customers"]) == (0, 1)

    @pytest.mark.parametrize("verify", [False, True])
    def test_at_a_terminal_one_line_tells_how_far_it_is(
        self, run: Run, world: World, monkeypatch: pytest.MonkeyPatch, verify: bool
    ) -> None:
        world.save_card(world.customer())
        if verify:
            run("--as", "bob", "sync")
            world.clock.advance(minutes=5)
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        answer = run("--json", "--as", "bob", "sync", *["--verify"][: int(verify)])
        assert answer.status == 0
        assert answer.json, "standard output is for the answer alone"
        words = [part.strip() for part in answer.err.split("\r\x1b[K")]
        wanted = "Comparing customers · 1 of 1 parts" if verify else "Reading customers · 1 so far"
        assert any(word.startswith(wanted) for word in words)
        assert words[-1] == "", "the line is cleared in the end"
        assert "\n" not in answer.err

    def test_elsewhere_nothing_tells_how_far_it_is(self, run: Run, world: World) -> None:
        world.save_card(world.customer())
        assert run("--as", "bob", "sync").err == ""

    @pytest.mark.parametrize("options", [(), ("--full",), ("--verify",)], ids=" ".join)
    @pytest.mark.parametrize("is_terminal", [False, True])
    def test_ctrl_c_keeps_what_was_read_and_says_so(
        self,
        run: Run,
        world: World,
        monkeypatch: pytest.MonkeyPatch,
        options: tuple[str, ...],
        is_terminal: bool,
    ) -> None:
        world.save_card(world.customer())
        if "--verify" in options:
            world.services.sync.run(full=True)
        monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal, raising=False)
        list_page = StripeGateway.list_page

        def pressing(self: StripeGateway, type_: str, **given: Any) -> Any:
            if type_ == "checkout_sessions":
                raise KeyboardInterrupt
            return list_page(self, type_, **given)

        monkeypatch.setattr(StripeGateway, "list_page", pressing)
        answer = run("--json", "--as", "bob", "sync", *options)
        assert (answer.status, answer.error["code"]) == (1, "stopped")
        assert "goes on from there" in answer.error["message"]
        assert "Traceback" not in answer.err
        monkeypatch.setattr(StripeGateway, "list_page", list_page)
        if "--verify" not in options:
            job = world.services.sync.latest(BACKFILL)
            assert job is not None
            assert job.state == "cancelled"
            assert run("--json", "--as", "bob", "sync").json["customers"] == 0, "read before"

    def test_stripe_down_is_an_error_with_the_request(self, run: Run, world: World) -> None:
        world.stripe.faults.add("GET", "/v1/", kind="error_500_unsaved", times=200)
        answer = run("--json", "--as", "alice", "sync")
        assert (answer.status, answer.error["code"]) == (1, "stripe_unreachable")
        assert answer.error["request_id"].startswith("req_")


class TestCharge:
    def charge(self, run: Run, customer: str, *more: str, amount: str = "12.34") -> Output:
        return run(
            "--json",
            "--as",
            "alice",
            "charge",
            "--customer",
            customer,
            "--amount",
            amount,
            "--currency",
            "usd",
            "--reference",
            "INV-1",
            *more,
        )

    def test_prints_the_charge_object(self, run: Run, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        answer = self.charge(run, customer, "--payment-method", method, "--description", "Invoice")
        assert answer.status == 0
        made = answer.json
        assert made["charge_id"].startswith("chg_")
        assert made["payment_intent"].startswith("pi_")
        assert made | {"charge_id": "", "payment_intent": ""} == {
            "charge_id": "",
            "reference": "INV-1",
            "customer": customer,
            "payment_method": method,
            "amount": 1234,
            "currency": "usd",
            "state": "succeeded",
            "payment_intent": "",
            "attempts": 1,
            "failure": None,
            "warnings": [],
        }

    def test_says_which_of_several_methods_it_chose(self, run: Run, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.clock.advance(seconds=5)
        newest = world.save_card(customer, "5555555555554444")
        answer = self.charge(run, customer)
        assert answer.json["payment_method"] == newest
        assert "the newest is charged, Mastercard ···· 4444" in answer.json["warnings"][0]
        assert world.moved() == [(1234, "usd")]

    def test_twice_is_refused(self, run: Run, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        self.charge(run, customer)
        answer = self.charge(run, customer)
        assert (answer.status, answer.error["code"]) == (1, "already_charged")
        assert len(world.moved()) == 1

    def test_what_is_stopped_names_its_codes_and_is_opened_with_a_note(
        self, run: Run, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer, reference="inv 01")
        answer = self.charge(run, customer)
        assert (answer.status, answer.error["code"]) == (1, "reference_alike")
        (finding,) = answer.error["findings"]
        assert (finding["code"], finding["may_be_opened"]) == ("reference_alike", True)
        assert "inv 01" in finding["message"]
        assert self.charge(run, customer, "--despite", "reference_alike").status == 1
        assert len(world.moved()) == 1
        opened = ("--despite", "reference_alike", "--note", "Two deliveries.")
        assert self.charge(run, customer, *opened).json["state"] == "succeeded"

    def test_a_twin_is_stopped_before_money_moves_as_on_the_screen(
        self, run: Run, world: World
    ) -> None:
        first = world.customer(email="pay@example.com")
        world.save_card(first)
        world.charge(first, reference="INV-1")
        second = stripe_account.post(world, "/v1/customers", email="Pay@example.com")["id"]
        world.services.customers.refresh(second)
        world.save_card(second)
        answer = self.charge(run, second)
        assert (answer.status, answer.error["code"]) == (1, "charged_elsewhere")
        assert first in answer.error["message"]
        assert len(world.moved()) == 1
        opened = ("--despite", "charged_elsewhere", "--note", "Two branches, each owes it.")
        assert self.charge(run, second, *opened).json["state"] == "succeeded"

    def test_a_run_that_waits_for_the_reference_is_named(self, run: Run, world: World) -> None:
        customer = world.customer()
        method = world.save_card(customer)
        waiting = approved(world, [(customer, method, 1_234, "INV-1")])
        answer = self.charge(run, customer)
        assert (answer.status, answer.error["code"]) == (1, "in_another_run")
        assert f"“{waiting.name}”" in answer.error["message"]
        assert world.moved() == []

    def test_an_older_default_is_stopped_and_a_method_that_is_named_is_the_answer(
        self, run: Run, world: World
    ) -> None:
        customer = world.customer()
        default = world.save_card(customer)
        stripe_account.make_default(world, customer, default)
        world.clock.advance(minutes=1)
        world.save_card(customer, "5555555555554444")
        answer = self.charge(run, customer)
        assert (answer.status, answer.error["code"]) == (1, "newer_method")
        assert answer.error["findings"][0]["may_be_opened"] is True
        assert world.moved() == []
        answer = self.charge(run, customer, "--payment-method", default)
        assert answer.json["payment_method"] == default
        assert "Visa ···· 4242 was chosen" in answer.json["warnings"][0]

    def test_a_decline_is_exit_one_with_charge_and_error(self, run: Run, world: World) -> None:
        customer = world.customer()
        world.save_card(customer, ALWAYS_DECLINES)
        answer = self.charge(run, customer)
        assert answer.status == 1
        assert answer.json["state"] == "declined"
        failure = answer.json["failure"]
        assert set(failure) >= {
            "code",
            "decline_code",
            "advice_code",
            "reason",
            "next_step",
            "retry_allowed",
            "retry_not_before",
            "recovery_url",
            "request_id",
        }
        assert answer.error["code"] == "declined"
        assert failure["recovery_url"].startswith("http://localhost:8501/l/")

    def test_an_open_payment_is_cancelled_with_a_reason(self, run: Run, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.lose_reply()
        charge = self.charge(run, customer).json["charge_id"]
        intent = next(
            one.object_id
            for one in world.services.gateway.list_events().items
            if (one.object_id or "").startswith("pi_")
        )
        assert intent is not None
        words = (
            "--json",
            "--as",
            "alice",
            "charges",
            "cancel-payment",
            charge,
            "--reason",
            "Typed",
        )
        world.stripe.alter(intent, {"status": "requires_capture"})
        world.clock.advance(minutes=2)
        answer = run(*words)
        assert (answer.status, answer.json["state"]) == (0, "declined")
        assert answer.json["failure"]["retry_allowed"] is True
        again = run(*words)
        assert (again.status, again.error["code"]) == (1, "stale_state")

    def test_so_is_one_that_was_begun_elsewhere(self, run: Run, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        begun = stripe_account.post(
            world,
            "/v1/payment_intents",
            amount="9900",
            currency="usd",
            customer=customer,
            metadata={"onfile_reference": "INV-1"},
        )
        refused = self.charge(run, customer)
        assert (refused.status, refused.error["code"]) == (1, "already_charged")
        assert begun["id"] in refused.error["message"]
        words = ("--json", "--as", "alice", "charges", "cancel-payment", begun["id"])
        assert run(*words, "--reason", " ").error["code"] == "invalid_input"
        answer = run(*words, "--reason", "Begun by mistake")
        assert answer.status == 0
        assert answer.json == {
            "payment_intent": begun["id"],
            "status": "canceled",
            "customer": customer,
            "reference": "INV-1",
            "amount": 9_900,
            "currency": "usd",
        }
        assert self.charge(run, customer).status == 0

    @pytest.mark.parametrize(
        "amount", ["0", "-1", "1e3", "1,00.50", "1,000", "9" * 12, "1.234", "", "x"]
    )
    def test_a_bad_amount_is_refused_in_words(self, run: Run, world: World, amount: str) -> None:
        answer = run(
            "--json",
            "--as",
            "alice",
            "charge",
            "--customer",
            "cus_1",
            f"--amount={amount}",
            "--currency",
            "usd",
            "--reference",
            "INV-1",
        )
        assert (answer.status, answer.error["field"]) == (1, "amount")
        assert world.moved() == []

    def test_a_viewer_and_an_approver_may_not(self, run: Run) -> None:
        argv = ("charge", "--customer", "cus_1", "--amount", "1", "--currency", "usd")
        answer = run("--json", "--as", "vera", *argv, "--reference", "A")
        assert answer.error["code"] == "not_permitted"


class TestTheRest:
    def test_reconcile(self, run: Run, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.services.sync.run()
        world.stripe.faults.add("POST", "/v1/payment_intents", kind="lost_reply")
        unknown = world.charge(customer)
        assert unknown.charge.state.value == "unknown"
        world.clock.advance(minutes=5)
        reply = run("--json", "--as", "bob", "reconcile")
        answer = reply.json
        verifications = answer.pop("verifications")
        assert answer.pop("proofs") == verifications
        assert (reply.status, answer) == (
            0,
            {
                "settled": 1,
                "still_unknown": 0,
                "refunds": {"settled": 0, "still_unknown": 0},
                "drift": [],
                "notes": [],
                "ledger": "complete",
            },
        )
        assert {verification["type"] for verification in verifications} >= {
            "customers",
            "payment_intents",
        }
        assert len(world.moved()) == 1

    def test_reconcile_settles_also_before_everything_was_read(
        self, run: Run, world: World
    ) -> None:
        answer = run("--json", "--as", "bob", "reconcile")
        assert (answer.status, answer.json["settled"], answer.json["drift"]) == (0, 0, [])
        assert "Read everything first" in answer.json["notes"][0]

    def test_a_rebuild_says_what_it_reads_and_what_stripe_cannot_give_back(
        self, run: Run, world: World
    ) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer)
        world.clock.advance(minutes=30)
        old = lost(world)
        world.services.users.add_practice_users()
        answer = run("--json", "--as", "alice", "reconcile", "--rebuild")
        assert (answer.status, answer.error["code"]) == (1, "installation_active")
        assert "is the other one still running?" in answer.error["message"]
        answer = run("--json", "--as", "alice", "reconcile", "--rebuild", "--installation", old)
        assert answer.json["adopted"] == {"charges": 1, "attempts": 1, "refunds": 0, "links": 1}
        assert answer.json["conflicts"] == []
        assert {"people", "approvals", "limits", "notes", "unopened_links"} <= {
            one["code"] for one in answer.json["not_restored"]
        }
        assert answer.err.startswith(answer.json["reads"][0])
        answer = run("--as", "alice", "reconcile", "--rebuild")
        assert "Taken over: nothing." in answer.out
        assert "Limits: set them again." in answer.out

    def test_payments_that_are_another_installations(self, run: Run, world: World) -> None:
        customer = world.customer()
        world.save_card(customer)
        world.charge(customer)
        lost(world)
        world.services.users.add_practice_users()
        world.services.sync.run()
        (check,) = (
            one for one in run("--json", "doctor").json["checks"] if one["name"] == "installation"
        )
        assert (check["ok"], "Are these yours?" in check["detail"]) == (False, True)
        assert run("--json", "--as", "alice", "reconcile", "--not-ours").status == 0
        (check,) = (
            one for one in run("--json", "doctor").json["checks"] if one["name"] == "installation"
        )
        assert check["ok"]
        answer = run("--json", "--as", "alice", "reconcile", "--not-ours")
        assert answer.error["code"] == "stale_state"

    def test_comparing_before_everything_was_read(self, run: Run, world: World) -> None:
        answer = run("--json", "--as", "bob", "sync", "--verify")
        assert (answer.status, answer.error["code"], answer.json["ok"]) == (1, "stale_state", False)
        assert "Read everything first" in answer.error["message"]

    @pytest.mark.parametrize("full", [(), ("--full",)])
    def test_comparing(self, run: Run, world: World, full: tuple[str, ...]) -> None:
        world.save_card(world.customer())
        verify = ("--json", "--as", "bob", "sync", "--verify", *full)
        assert run("--json", "--as", "bob", "sync").status == 0
        answer = run(*verify)
        assert (answer.status, answer.json["ok"], answer.json["found"]) == (0, True, 0)
        world.clock.advance(days=2)
        world.services.sync.run()
        hide_sessions_from_syncs(world)
        connection = sqlite3.connect(world.settings.database)
        connection.execute("DELETE FROM setup_intents")
        connection.commit()
        connection.close()
        answer = run(*verify)
        assert (answer.status, answer.json["ok"]) == (1, False)
        assert (answer.json["found"], answer.json["missing"], answer.json["repaired"]) == (1, 1, 1)
        assert "error" not in answer.json
        assert [verification["is_full"] for verification in answer.json["verifications"]] == [
            True
        ] * 8
        answer = run(*verify)
        assert (answer.status, answer.json["ok"], answer.json["repaired"]) == (0, True, 0)
        job = world.services.sync.latest("verify")
        assert job is not None
        assert (job.state, job.requested_by, job.params) == ("done", "bob", {"full": bool(full)})
        assert "SetupIntents: 1 of 1 parts compared, no difference" in run(*verify[1:]).out

    def test_audit_verify(self, run: Run, world: World) -> None:
        answer = run("--json", "--as", "vera", "audit", "verify")
        assert (answer.status, answer.json["ok"]) == (0, True)
        assert answer.json["entries"] > 0
        number, _, digest = answer.json["head"].partition(":")
        assert (int(number), len(digest)) == (answer.json["entries"], 64)
        connection = sqlite3.connect(world.settings.database)
        connection.execute("DROP TRIGGER audit_log_is_never_changed")
        connection.execute("UPDATE audit_log SET actor = 'nobody' WHERE id = 1")
        connection.commit()
        connection.close()
        answer = run("--json", "--as", "vera", "audit", "verify")
        assert (answer.status, answer.json["ok"]) == (1, False)
        assert "error" not in answer.json
        assert "BROKEN" in run("--as", "vera", "audit", "verify").out

    def test_worker_once(self, run: Run, world: World) -> None:
        world.save_card(world.customer())
        answer = run("--json", "worker", "--once")
        assert (answer.status, answer.json) == (0, {"state": "done"})
        assert all(check.ok for check in world.services.doctor.is_ready())
        latest = world.services.sync.latest("backfill")
        assert latest is not None
        assert latest.state == "done"

    def test_everything_done_is_in_the_audit_log(self, run: Run, world: World) -> None:
        run("--json", "--as", "alice", "links", "create", "--guest")
        connection = sqlite3.connect(world.settings.database)
        actions = set(connection.execute("SELECT actor, action FROM audit_log"))
        connection.close()
        assert {("alice", "user.sign_in"), ("alice", "link.create")} <= actions


@pytest.mark.server
def test_as_a_process_of_its_own(tmp_path: Path) -> None:
    """The whole way in: settings, migrations, the embedded practice Stripe, one object, exit 0."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("ONFILE_", "STRIPE_"))}
    finished = subprocess.run(
        [sys.executable, "-m", "lib", "doctor", "--json"],
        cwd=ROOT,
        env=environ | {"ONFILE_DATA_DIR": str(tmp_path / "data"), "STRIPE_SECRET_KEY": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["mode"] == "practice"
    assert finished.stdout.count("\n") == 1
    assert (tmp_path / "data" / "onfile.db").is_file()
