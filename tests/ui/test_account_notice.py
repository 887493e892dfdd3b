"""What an admin changed of somebody's account stands above their pages until they have seen it."""

from __future__ import annotations

from lib.domain.actors import Role


def warnings(at) -> str:
    return "\n".join(found.value for found in at.warning)


def test_it_is_told_and_goes_once_it_was_seen(open_page, services) -> None:
    ada = services.users.find("ada").actor
    services.users.set_roles("alice", [Role.OPERATOR, Role.VIEWER], by=ada)
    at = open_page("charges", as_="alice")
    assert "**Ada Admin** set the roles of your account" in warnings(at)
    at.button(key="account_notice_seen").click().run()
    assert not at.exception
    assert "Ada Admin" not in warnings(at)


def test_nobody_else_is_told(open_page, services) -> None:
    ada = services.users.find("ada").actor
    services.users.set_roles("alice", [Role.OPERATOR, Role.VIEWER], by=ada)
    assert "set the roles" not in warnings(open_page("charges", as_="bob"))
