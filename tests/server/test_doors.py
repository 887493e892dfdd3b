"""
Who may do what, tried from outside at every door of a real server.

The table is made of the permissions: each role, somebody who is nobody, and tabs that stay open while their
person is switched off, loses the role or the time is over. Pages are asked for over Streamlit's websocket,
which no browser limits: a button is pressed by its id whether it was shown or not.
"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import jwt
import pytest

from lib import bootstrap
from lib.bootstrap import Services
from lib.clock import epoch, utcnow
from lib.domain.actors import SYSTEM, Actor, Permission, Role
from lib.domain.sessions import StaffSession
from lib.services.staff.sign_in_cookie import cookie_name
from lib.settings import load_settings
from lib.ui import page_table
from tests.server.conftest import Server
from tests.server.raw_tab import Drawn, RawTab, raw_tab

pytestmark = pytest.mark.server

PAGES = {spec.url_path: spec.permission for spec in page_table.PAGES}


@dataclass(frozen=True)
class Act:
    """A button that asks for more than its page."""

    page: str
    query: str
    key: str
    """How its key begins and ends, with * between."""
    permission: Permission

    def shown(self, drawn: Drawn) -> str | None:
        pattern = re.compile(re.escape(self.key).replace(r"\*", ".*"))
        return next((one for key, one in drawn.buttons.items() if pattern.fullmatch(key)), None)


@dataclass(frozen=True)
class House:
    server: Server
    services: Services

    def cookie(self, username: str) -> str:
        user = self.services.users.find(username)
        assert user is not None
        key = self.services.settings.cookie_key
        claims = {"username": self.services.sessions.begin(user), "exp_date": 4e9}
        return f"{cookie_name(key)}={jwt.encode(claims, key)}"

    def tab(self, stack: ExitStack, username: str | None) -> RawTab:
        cookie = self.cookie(username) if username else None
        return stack.enter_context(raw_tab(self.server.url, cookie))

    def acts_of(self, username: str) -> set[str]:
        """What the audit log says they did."""
        with self.services.uow.read() as stores:
            rows = stores.database.query(
                "SELECT DISTINCT action FROM audit_log WHERE actor = ?", (username,)
            )
            return {row["action"] for row in rows}


@pytest.fixture(scope="module")
def house(one_server: Server) -> Iterator[House]:
    """One person a role; nobody of them prepared anything."""
    settings = load_settings(
        bootstrap.ROOT, {"ONFILE_DATA_DIR": str(one_server.data_dir), "ONFILE_TIMEZONE": "UTC"}
    )
    services = bootstrap.build_services(settings, clock=utcnow, bcrypt_rounds=4)
    for role in Role:
        services.users.add(
            f"the.{role}",
            name=f"The {role}",
            email=f"{role}@example.com",
            roles=[role],
            password="four gentle walruses",
            by=SYSTEM,
        )
    yield House(one_server, services)
    services.close()


@pytest.fixture(scope="module")
def acts(house: House) -> list[Act]:
    with house.services.uow.read() as stores:
        one = lambda sql: next(iter(stores.database.query(sql)))  # noqa: E731
        runs = {
            state: one(f"SELECT id FROM runs WHERE state = '{state}'")["id"]
            for state in ("draft", "awaiting_approval")
        }
        paid = one(
            """SELECT id, customer FROM charges WHERE state = 'succeeded'
               AND id NOT IN (SELECT charge_id FROM refunds)"""
        )
    charge, customer = paid["id"], paid["customer"]
    return [
        Act("users", "", "users_open_add", Permission.MANAGE_USERS),
        Act("settings", "", "settings_limits_save*", Permission.MANAGE_USERS),
        Act("backups", "", "backups_now", Permission.BACK_UP),
        Act("sync", "", "sync_now", Permission.SYNC),
        Act("approvals", "", "approvals_refund_*_approve", Permission.APPROVE),
        Act("runs", f"run={runs['draft']}", "run_submit", Permission.CHARGE),
        Act("runs", f"run={runs['awaiting_approval']}", "run_approve", Permission.APPROVE),
        Act("charges", f"charge={charge}", "charge_refund_*_ask", Permission.CHARGE),
        Act("customers", f"customer={customer}", "customers_hold_submit", Permission.HOLD),
        Act("customers", f"customer={customer}", "customers_note_submit", Permission.NOTE),
        Act("customers", f"customer={customer}", "customers_new_link", Permission.MANAGE_LINKS),
    ]


def may_see(role: Role, permission: Permission) -> bool:
    """By a browser: programs sign in on the command line and nowhere else."""
    return role is not Role.SERVICE and Actor("x", "x", frozenset({role})).may(permission)


def opens(drawn: Drawn) -> bool:
    assert not drawn.exceptions
    return bool(drawn.headings) and not drawn.signs_in


def test_pages_and_their_buttons(house: House, acts: list[Act]) -> None:
    differences: list[str] = []
    ids: dict[Act, str] = {}
    seen: list[Drawn] = []
    with ExitStack() as stack:
        tabs = {role: house.tab(stack, f"the.{role}") for role in reversed(Role)}
        for role, tab in tabs.items():
            for page, permission in PAGES.items():
                drawn = tab.visit(page)
                seen.append(drawn)
                if opens(drawn) is not may_see(role, permission):
                    differences.append(f"{role} at {page}: {drawn.headings} {drawn.errors}")
            for act in acts:
                button = act.shown(tab.visit(act.page, act.query))
                if (button is not None) is not may_see(role, act.permission):
                    differences.append(f"{role} and {act.key}: {button}")
                if button is not None:
                    ids.setdefault(act, button)
        assert ids.keys() == set(acts), "each was shown to somebody"
        # Pressed by whoever was not shown it, as by a changed page.
        for role, tab in tabs.items():
            for act in acts:
                if not may_see(role, act.permission):
                    tab.visit(act.page, act.query, click=ids[act])
        nobody = house.tab(stack, None)
        for page in PAGES:
            drawn = nobody.visit(page)
            seen.append(drawn)
            if opens(drawn) or not drawn.signs_in:
                differences.append(f"nobody at {page}: {drawn.headings}")
        for act in acts:
            drawn = nobody.visit(act.page, act.query, click=ids[act])
            if not drawn.signs_in or drawn.buttons.keys() & {act.key}:
                differences.append(f"nobody pressed {act.key}")
    assert not differences
    for role in Role:
        assert house.acts_of(f"the.{role}") <= {"denied"}
    media = {one for drawn in seen for one in re.findall(r"/media/[\w.-]+", drawn.text)}
    assert media == set(), "nothing about anybody leaves by Streamlit's own store"


def end(house: House, username: str, how: str) -> None:
    services, now = house.services, epoch(utcnow())
    if how == "disabled":
        services.users.disable(username, by=SYSTEM)
    elif how == "role lost":
        services.users.set_roles(username, [Role.VIEWER], by=SYSTEM)
    else:
        hours = services.settings.session_hours if how == "too long" else 1
        with services.uow.write() as stores:
            # The row never changes in this way, so the session begins anew, earlier.
            rows = stores.database.query(
                "SELECT * FROM staff_sessions WHERE username = ?", (username,)
            )
            for row in list(rows):
                stores.database.execute("DELETE FROM staff_sessions WHERE id = ?", (row["id"],))
                began = now - 3_600 * hours
                last = now if how == "too long" else began
                stores.staff_sessions.add(
                    StaffSession(row["id"], username, row["session_version"], began, last)
                )


@pytest.mark.parametrize("how", ["idle", "too long", "role lost", "disabled"])
def test_tabs_that_stayed_open(house: House, acts: list[Act], how: str) -> None:
    """As an admin, who sees everything, until it ends."""
    username = "the.admin"
    house.services.users.enable(username, by=SYSTEM)
    house.services.users.set_roles(username, [Role.ADMIN], by=SYSTEM)
    before = house.acts_of(username)
    differences: list[str] = []
    with ExitStack() as stack:
        cookie = house.cookie(username)
        tab = stack.enter_context(raw_tab(house.server.url, cookie))
        assert opens(tab.visit("users"))
        ids = {act: act.shown(tab.visit(act.page, act.query)) for act in acts}
        assert all(ids.values())
        end(house, username, how)
        again = stack.enter_context(raw_tab(house.server.url, cookie))
        for act in acts:
            may = how == "role lost" and act.permission is Permission.VIEW
            drawn = tab.visit(act.page, act.query, click=ids[act])
            if (act.shown(drawn) is not None) is not may:
                differences.append(f"{act.key} is still there")
        for page, permission in PAGES.items():
            may = how == "role lost" and permission is Permission.VIEW
            for one in (tab, again):
                if opens(one.visit(page)) is not may:
                    differences.append(f"{page} is {'closed' if may else 'open'}")
    assert not differences
    assert house.acts_of(username) - before <= {"denied"}


def status(url: str, cookie: str | None) -> int:
    request = urllib.request.Request(url, headers={"Cookie": cookie} if cookie else {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_file_leaves_once_to_whom_it_was_offered(house: House) -> None:
    with house.services.uow.read() as stores:
        run = next(iter(stores.database.query("SELECT id FROM runs WHERE state = 'finished'")))
    people = {role: f"the.{role}" for role in Role if role is not Role.SERVICE}
    for username in people.values():
        house.services.users.enable(username, by=SYSTEM)
    answers: dict[str, list[int]] = {}
    with ExitStack() as stack:
        tabs = {role: house.tab(stack, username) for role, username in people.items()}
        for role, tab in tabs.items():
            button = tab.visit("runs", f"run={run['id']}").buttons["run_results_csv"]
            drawn = tab.visit("runs", f"run={run['id']}", click=button)
            assert "/media/" not in drawn.text
            [path] = set(re.findall(r"/download/[\w-]+", drawn.text))
            others = [house.cookie(name) for other, name in people.items() if other is not role]
            own = house.cookie(people[role])
            if role is Role.VIEWER:
                end(house, people[role], "disabled")
            asked = [None, *others, own, own]
            answers[role] = [status(house.server.url + path, cookie) for cookie in asked]
            assert status(house.server.url + path.replace("download", "media"), own) == 404
            if role is Role.VIEWER:
                house.services.users.enable(people[role], by=SYSTEM)
    not_theirs = [401, 410, 410, 410]
    assert answers == {
        role: [*not_theirs, *((401, 401) if role is Role.VIEWER else (200, 410))] for role in people
    }
