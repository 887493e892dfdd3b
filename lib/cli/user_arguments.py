"""The commands of staff accounts, and of what waits for a second admin, as argparse knows them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lib.domain.actors import Role

if TYPE_CHECKING:
    from lib.cli.parser import Add, Group


def add_users(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    users = commands.add_parser("users", help="Staff accounts.", parents=[common])
    user_commands = users.add_subparsers(required=True, metavar="COMMAND")
    made = add(user_commands, "add", "users add", "Add a staff account.")
    made.add_argument("name", metavar="NAME")
    made.add_argument("--email", required=True)
    made.add_argument("--full-name", default="")
    _add_roles(made)
    add(user_commands, "list", "users list", "List staff accounts.")
    made = add(user_commands, "disable", "users disable", "Disable an account at once.")
    made.add_argument("name", metavar="NAME")
    made.add_argument(
        "--on-this-host",
        action="store_true",
        help="as the owner of this machine, without a sign-in: where no second admin can agree",
    )
    made = add(user_commands, "set-roles", "users set-roles", "Set the roles of an account.")
    made.add_argument("name", metavar="NAME")
    _add_roles(made)
    made = add(user_commands, "unlock", "users unlock", "Forget the wrong sign-ins of an account.")
    made.add_argument("name", metavar="NAME")
    made = add(
        user_commands, "recover", "users recover", "Open an account again, as the machine's owner."
    )
    made.add_argument("name", metavar="NAME")
    made.add_argument(
        "--on-this-host",
        action="store_true",
        required=True,
        help="say that you own this machine: it needs no sign-in, and the audit log says so",
    )
    made = add(
        user_commands,
        "reset-second-factor",
        "users reset-second-factor",
        "Remove the second factor of somebody who lost theirs.",
    )
    made.add_argument("name", metavar="NAME")
    made = add(user_commands, "invite", "users invite", "An address to choose a password with.")
    made.add_argument("name", metavar="NAME")
    made = add(
        user_commands,
        "link-sso",
        "users link-sso",
        "Say who somebody is at the provider of the single sign-on.",
    )
    made.add_argument("name", metavar="NAME")
    how = made.add_mutually_exclusive_group(required=True)
    how.add_argument("--subject", metavar="SUBJECT", help="what the provider calls them (“sub”)")
    how.add_argument(
        "--by-email",
        action="store_true",
        help="for three days their first sign-in with the same verified address links them",
    )
    made = add(user_commands, "unlink-sso", "users unlink-sso", "Let them use a password again.")
    made.add_argument("name", metavar="NAME")
    made = add(user_commands, "vouch", "users vouch", "Answer for an account's being one person's.")
    made.add_argument("name", metavar="NAME")
    made.add_argument(
        "--on-this-host",
        action="store_true",
        required=True,
        help="as the owner of this machine, without a sign-in: in the first week of a small company",
    )
    made = add(user_commands, "set-password", "users set-password", "Set a new password.")
    made.add_argument("name", metavar="NAME")
    _add_changes(commands, common, add)


def _add_changes(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    changes = commands.add_parser(
        "admin-changes", help="Limits, roles and admins: two admins.", parents=[common]
    )
    change_commands = changes.add_subparsers(required=True, metavar="COMMAND")
    add(change_commands, "list", "admin-changes list", "What waits for a second admin.")
    for word, text in (
        ("agree", "Make a change that another admin asked for."),
        ("disagree", "Reject it."),
        ("withdraw", "Take back what you asked for."),
    ):
        made = add(change_commands, word, f"admin-changes {word}", text)
        made.add_argument("change", metavar="CHANGE")


def _add_roles(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--role",
        dest="roles",
        nargs="+",
        action="extend",
        required=True,
        choices=[role.value for role in Role],
    )
