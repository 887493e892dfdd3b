"""The arguments of the commands of setup links."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lib.cli.message_arguments import add_send
from lib.cli.run_arguments import add_reading
from lib.domain.links import LinkState

if TYPE_CHECKING:
    from lib.cli.parser import Add, Group


def add_links(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    links = commands.add_parser("links", help="Setup links.", parents=[common])
    link_commands = links.add_subparsers(required=True, metavar="COMMAND")
    made = add(link_commands, "create", "links create", "Make a setup link.")
    whom = made.add_mutually_exclusive_group(required=True)
    whom.add_argument("--customer", metavar="cus_…", help="a customer's id or e-mail address")
    whom.add_argument("--email")
    whom.add_argument("--guest", action="store_true", help="no customer yet")
    made.add_argument("--name")
    made.add_argument("--currency", help="let Stripe offer its methods; otherwise cards only")
    made.add_argument("--reference")
    made.add_argument("--locale")
    _add_despite_twin(made)
    _add_import(add(link_commands, "import", "links import", "Make a link for each row of a file."))
    made = add(link_commands, "list", "links list", "List setup links, newest first.")
    made.add_argument("--status", choices=[state.value for state in LinkState])

    add_send(add(link_commands, "send", "links send", "Send links to their customers, each once."))
    made = add(link_commands, "revoke", "links revoke", "End an open setup link for good.")
    made.add_argument("link", metavar="ID")


def add_payment_methods(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    methods = commands.add_parser(
        "payment-methods", help="Saved payment methods.", parents=[common]
    )
    group = methods.add_subparsers(required=True, metavar="COMMAND")
    text = "Give a method that was saved without a customer its customer, for good."
    made = add(group, "attach", "payment-methods attach", text)
    made.add_argument("method", metavar="pm_…")
    made.add_argument(
        "--customer", required=True, metavar="cus_…", help="a customer's id or e-mail address"
    )
    _add_despite_twin(made)


def add_despite(made: argparse.ArgumentParser, what: str, why: str) -> None:
    """
    Args:
        what: of --despite, in the help.
        why: of --note.
    """
    made.add_argument(
        "--despite", action="extend", nargs="+", default=[], metavar="CODE", help=what
    )
    made.add_argument("--note", default="", help=why)


def _add_despite_twin(made: argparse.ArgumentParser) -> None:
    add_despite(
        made,
        "customer_has_twin: this customer, or a new one, is meant, though another has the address or one that looks like it; needs --note",
        "why this one is meant",
    )


def _add_import(made: argparse.ArgumentParser) -> None:
    made.add_argument("file", metavar="FILE")
    made.add_argument("--out", metavar="FILE", help="the rows with their links, as CSV or XLSX")
    made.add_argument("--name", help="what the batch is called; the file's name otherwise")
    made.add_argument("--dry-run", action="store_true", help="judge the rows and make no link")
    made.add_argument("--send", action="store_true", help="send each link to its customer, once")
    made.add_argument(
        "--despite-card",
        action="store_true",
        help="also for customers who have a card that can be charged",
    )
    made.add_argument(
        "--renew",
        action="store_true",
        help="also where the last link that asked the same was revoked or expired",
    )
    add_reading(made)
