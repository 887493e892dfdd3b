"""Who may do what by the command line: every command, each role, and people who are gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.cli.commands import command_of, names
from lib.domain.actors import SYSTEM, Actor, Permission, Role
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.commands import Run, commands_of
from tests.world import World

REASON = ("--reason", "because")
LIMITS = ("--per-charge", "5", "--per-run", "6", "--per-day", "7")

# What each command asks for, and the rest of its line. What is named in it is nowhere: whoever may
# gets as far as that.
TABLE: dict[str, tuple[Permission, tuple[str, ...]]] = {
    "users add": (
        Permission.MANAGE_USERS,
        ("new", "--email", "new@example.com", "--role", "viewer"),
    ),
    "users list": (Permission.MANAGE_USERS, ()),
    "users disable": (Permission.MANAGE_USERS, ("nobody",)),
    "users set-roles": (Permission.MANAGE_USERS, ("nobody", "--role", "viewer")),
    "users unlock": (Permission.MANAGE_USERS, ("nobody",)),
    "users reset-second-factor": (Permission.MANAGE_USERS, ("nobody",)),
    "users link-sso": (Permission.MANAGE_USERS, ("nobody", "--subject", "x")),
    "users unlink-sso": (Permission.MANAGE_USERS, ("nobody",)),
    "users invite": (Permission.MANAGE_USERS, ("nobody",)),
    "users set-password": (Permission.MANAGE_USERS, ("nobody",)),
    "admin-changes list": (Permission.MANAGE_USERS, ()),
    "admin-changes agree": (Permission.MANAGE_USERS, ("adm_x",)),
    "admin-changes disagree": (Permission.MANAGE_USERS, ("adm_x",)),
    "admin-changes withdraw": (Permission.MANAGE_USERS, ("adm_x",)),
    "links create": (Permission.MANAGE_LINKS, ("--email", "customer@example.com")),
    "links import": (Permission.MANAGE_LINKS, ("FILE",)),
    "links list": (Permission.VIEW, ()),
    "links revoke": (Permission.MANAGE_LINKS, ("lnk_x",)),
    "links send": (Permission.MANAGE_LINKS, ("lnk_x",)),
    "payment-methods attach": (Permission.MANAGE_METHODS, ("pm_x", "--customer", "cus_x")),
    "outbox list": (Permission.VIEW, ()),
    "outbox pause": (Permission.MANAGE_LINKS, ()),
    "outbox resume": (Permission.MANAGE_LINKS, ()),
    "outbox release": (Permission.MANAGE_LINKS, ()),
    "outbox cancel": (Permission.MANAGE_LINKS, ("msg_x",)),
    "outbox rules": (Permission.VIEW, ()),
    "outbox rule": (Permission.MANAGE_LINKS, ("thanks", "on")),
    "outbox decide": (Permission.MANAGE_LINKS, ("msg_x", "--was-sent")),
    "charges list": (Permission.VIEW, ()),
    "charges export": (Permission.VIEW, ("--out", "OUT.csv")),
    "charges cancel-payment": (Permission.CHARGE, ("chg_x", *REASON)),
    "charges waiting": (Permission.VIEW, ()),
    "charges cancel-waiting": (Permission.CHARGE, ("chg_x",)),
    "charges settle": (Permission.CHARGE, ("chg_x", "--not-executed", *REASON)),
    "charges agree": (Permission.APPROVE, ("x",)),
    "charges disagree": (Permission.APPROVE, ("x", "--note", "because")),
    "charges withdraw": (Permission.CHARGE, ("x",)),
    "month-end": (Permission.VIEW, ("2026-10", "--out", "OUT.zip")),
    "refunds request": (
        Permission.CHARGE,
        ("chg_x", "--reason", "duplicate", "--note", "because"),
    ),
    "refunds approve": (Permission.APPROVE, ("ref_x",)),
    "refunds list": (Permission.VIEW, ()),
    "refunds settle": (Permission.CHARGE, ("ref_x", "--not-executed", *REASON)),
    "refunds agree": (Permission.APPROVE, ("x",)),
    "refunds disagree": (Permission.APPROVE, ("x", "--note", "because")),
    "refunds withdraw": (Permission.CHARGE, ("x",)),
    "limits list": (Permission.MANAGE_USERS, ()),
    "limits set": (Permission.MANAGE_USERS, ("xxx", *LIMITS)),
    "sync": (Permission.SYNC, ("--only", "customers")),
    "charge": (
        Permission.CHARGE,
        ("--customer", "cus_x", "--amount", "1", "--currency", "usd", "--reference", "R"),
    ),
    "runs import": (Permission.IMPORT, ("FILE",)),
    "runs list": (Permission.VIEW, ()),
    "runs correct": (Permission.CHARGE, ("run_x", "--row", "1", "--set", "amount=1", *REASON)),
    "runs replace": (Permission.IMPORT, ("run_x", "FILE")),
    "runs links": (Permission.CHARGE, ("run_x", "--out", "OUT.csv")),
    "runs newer-methods": (Permission.CHARGE, ("run_x", "use")),
    "runs announce": (Permission.CHARGE, ("run_x", "--on", "2026-12-31")),
    "runs announcements": (Permission.VIEW, ("run_x",)),
    "runs answer": (Permission.HOLD, ("ann_x", "--hold")),
    "runs submit": (Permission.CHARGE, ("run_x",)),
    "runs approve": (Permission.APPROVE, ("run_x",)),
    "runs reject": (Permission.APPROVE, ("run_x", *REASON)),
    "runs cancel": (Permission.CHARGE, ("run_x",)),
    "runs pause": (Permission.CHARGE, ("run_x",)),
    "runs resume": (Permission.CHARGE, ("run_x",)),
    "runs start": (Permission.CHARGE, ("run_x",)),
    "runs show": (Permission.VIEW, ("run_x",)),
    "runs results": (Permission.VIEW, ("run_x", "--out", "OUT.csv")),
    "runs certificate": (Permission.SYNC, ("run_x",)),
    "incidents list": (Permission.VIEW, ()),
    "incidents show": (Permission.VIEW, ("inc_x",)),
    "incidents adopt": (Permission.CHARGE, ("inc_x", *REASON)),
    "incidents refund": (Permission.CHARGE, ("inc_x", "--note", "because")),
    "incidents cancel": (Permission.CHARGE, ("inc_x", *REASON)),
    "incidents settle": (Permission.SETTLE, ("inc_x", *REASON)),
    "incidents approve": (Permission.APPROVE, ("inc_x",)),
    "incidents reject": (Permission.APPROVE, ("inc_x", *REASON)),
    "incidents withdraw": (Permission.SETTLE, ("inc_x",)),
    "customers hold": (Permission.HOLD, ("cus_x", *REASON)),
    "customers release": (Permission.HOLD, ("cus_x", *REASON)),
    "customers show": (Permission.VIEW, ("cus_x",)),
    "customers note": (Permission.NOTE, ("cus_x", "--text", "because")),
    "customers print": (Permission.VIEW, ("cus_x", "--out", "OUT.html")),
    "customers list": (Permission.VIEW, ()),
    "customers export": (Permission.PROTECT_DATA, ("cus_x", "--out", "OUT.json")),
    "customers erase": (Permission.PROTECT_DATA, ("cus_x", *REASON)),
    "retention list": (Permission.PROTECT_DATA, ()),
    "retention set": (Permission.PROTECT_DATA, ("notes", "90")),
    "retention apply": (Permission.PROTECT_DATA, ("--dry-run",)),
    "reconcile": (Permission.SYNC, ()),
    "audit verify": (Permission.VIEW, ()),
    "audit head": (Permission.VIEW, ()),
    "audit export": (Permission.VIEW, ("--out", "OUT.csv")),
    "backup": (Permission.BACK_UP, ("FOLDER",)),
    "restore": (Permission.RESTORE, ("FILE", "--dry-run")),
}
# Without a person: they look after the machine itself, or say that its owner acts.
NOBODYS = {"doctor", "users recover", "users vouch", "worker", "public"}


@pytest.fixture
def run(
    world: World,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Run]:
    run = commands_of(world, capsys, monkeypatch)
    monkeypatch.setenv("ONFILE_NEW_PASSWORD", "four gentle walruses")
    for role in Role:
        world.services.users.add(
            f"the.{role}",
            name="",
            email=f"{role}@example.com",
            roles=[role],
            password=PRACTICE_PASSWORD,
            by=SYSTEM,
        )
    (tmp_path / "FILE").write_text("customer,amount,currency,reference\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return run


def code(run: Run, command: str, username: str) -> str:
    said = run("--as", username, *command.split(), *TABLE[command][1], "--json")
    assert said.status in (0, 1), f"{command}: {said.err}"
    return "" if said.status == 0 else str(said.json.get("error", {}).get("code"))


def test_the_table_has_every_command() -> None:
    assert sorted([*TABLE, *NOBODYS]) == sorted(names())
    assert all(command_of(name).run for name in names())


def test_each_role_may_what_its_permissions_say_and_no_more(run: Run) -> None:
    differences = []
    for command, (permission, _) in TABLE.items():
        for role in Role:
            may = Actor("x", "x", frozenset({role})).may(permission)
            answer = code(run, command, f"the.{role}")
            if (answer not in ("not_permitted", "not_signed_in")) is not may:
                differences.append(f"{role}: {command}: {answer or 'done'}")
    assert differences == []


def test_whoever_is_gone_or_has_the_role_no_more_does_nothing(run: Run, world: World) -> None:
    world.services.users.set_roles("the.admin", [Role.VIEWER], by=SYSTEM)
    world.services.users.disable("the.operator", by=SYSTEM)
    differences = []
    for command, (permission, _) in TABLE.items():
        if code(run, command, "the.operator") != "not_signed_in":
            differences.append(f"disabled: {command}")
        lost = code(run, command, "the.admin")
        if (lost == "not_permitted") is (permission is Permission.VIEW):
            differences.append(f"role lost: {command}: {lost}")
        monkey = run(*command.split(), *TABLE[command][1], "--json")
        if monkey.error["code"] != "not_signed_in":
            differences.append(f"nobody: {command}")
    assert differences == []
