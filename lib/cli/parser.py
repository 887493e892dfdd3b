"""
The command line as argparse knows it. `--as` and `--json` go before or after the command.

Of more than a hundred commands one is run: the group that it belongs to is loaded and built, and the others
where there is none, as for --help.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

from lib.cli.pasted import PastedParser


class Group(Protocol):
    """What `add_subparsers` returns, whose own type argparse keeps private."""

    def add_parser(
        self,
        name: str,
        *,
        help: str,
        description: str | None = None,
        parents: Sequence[argparse.ArgumentParser],
    ) -> argparse.ArgumentParser: ...


Add = Callable[[Group, str, str, str], argparse.ArgumentParser]
AddGroup = Callable[[Group, argparse.ArgumentParser, Add], None]


class Arguments(argparse.Namespace):
    command: str
    json: bool
    as_: str | None
    on_this_host: bool
    """The owner of this machine acts, without a sign-in."""


def parse(argv: Sequence[str]) -> Arguments:
    """Exits with status 2 on wrong usage."""
    parser = _parser(_group_of(argv))
    # Bytes that are no text arrive as lone surrogates, which neither SQLite nor JSON can hold.
    if any("\ud800" <= character <= "\udfff" for argument in argv for character in argument):
        parser.error("the arguments must be text in UTF-8")
    return parser.parse_args(
        list(argv), namespace=Arguments(json=False, as_=None, on_this_host=False)
    )


def _group_of(argv: Sequence[str]) -> tuple[str, ...] | None:
    """The group of the first word that is no option; None where that is no command of ours."""
    words = iter(argv)
    for word in words:
        if word == "--as":
            next(words, None)
        elif not word.startswith("-"):
            return next((group for group in _GROUPS if word in group), None)
    return None


@cache
def _parser(only: tuple[str, ...] | None) -> argparse.ArgumentParser:
    # Suppressed defaults: a value given before the command must survive the parser after it.
    common: argparse.ArgumentParser = PastedParser(
        add_help=False, argument_default=argparse.SUPPRESS
    )
    common.add_argument("--as", dest="as_", metavar="USER", help="the staff user who acts")
    common.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser: argparse.ArgumentParser = PastedParser(
        prog="python -m lib", description="Onfile on the command line.", parents=[common]
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(group: Group, word: str, name: str, text: str) -> argparse.ArgumentParser:
        made = group.add_parser(word, help=text, description=text, parents=[common])
        made.set_defaults(command=name)
        return made

    for group, adding in _GROUPS.items():
        if only in (None, group):
            adding()(commands, common, add)
    return parser


def _doctor() -> AddGroup:
    from lib.cli.machine_arguments import add_doctor

    return add_doctor


def _users() -> AddGroup:
    from lib.cli.user_arguments import add_users

    return add_users


def _links() -> AddGroup:
    from lib.cli.link_arguments import add_links

    return add_links


def _payment_methods() -> AddGroup:
    from lib.cli.link_arguments import add_payment_methods

    return add_payment_methods


def _outbox() -> AddGroup:
    from lib.cli.message_arguments import add_outbox

    return add_outbox


def _sync() -> AddGroup:
    from lib.cli.machine_arguments import add_sync

    return add_sync


def _charges() -> AddGroup:
    from lib.cli.charge_arguments import add_charges

    return add_charges


def _month_end() -> AddGroup:
    from lib.cli.machine_arguments import add_month_end

    return add_month_end


def _refunds() -> AddGroup:
    from lib.cli.charge_arguments import add_refunds

    return add_refunds


def _limits() -> AddGroup:
    from lib.cli.machine_arguments import add_limits

    return add_limits


def _runs() -> AddGroup:
    from lib.cli.run_arguments import add_runs

    return add_runs


def _incidents() -> AddGroup:
    from lib.cli.incident_arguments import add_incidents

    return add_incidents


def _customers() -> AddGroup:
    from lib.cli.customer_arguments import add_customers

    return add_customers


def _reconcile() -> AddGroup:
    from lib.cli.machine_arguments import add_reconcile

    return add_reconcile


def _audit() -> AddGroup:
    from lib.cli.machine_arguments import add_audit

    return add_audit


def _backups() -> AddGroup:
    from lib.cli.machine_arguments import add_backups

    return add_backups


def _processes() -> AddGroup:
    from lib.cli.machine_arguments import add_processes

    return add_processes


_GROUPS: dict[tuple[str, ...], Callable[[], AddGroup]] = {
    ("doctor",): _doctor,
    ("users", "admin-changes"): _users,
    ("links",): _links,
    ("payment-methods",): _payment_methods,
    ("outbox",): _outbox,
    ("sync",): _sync,
    ("charge", "charges"): _charges,
    ("month-end",): _month_end,
    ("refunds",): _refunds,
    ("limits",): _limits,
    ("runs",): _runs,
    ("incidents",): _incidents,
    ("customers", "retention"): _customers,
    ("reconcile",): _reconcile,
    ("audit",): _audit,
    ("backup", "restore"): _backups,
    ("worker", "public"): _processes,
}
