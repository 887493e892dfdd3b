"""The command line as argparse knows it. `--as` and `--json` go before or after the command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

from lib.cli.customer_arguments import add_customers
from lib.cli.incident_arguments import add_incidents
from lib.cli.link_arguments import add_links, add_payment_methods
from lib.cli.message_arguments import add_outbox
from lib.cli.pasted import PastedParser
from lib.cli.run_arguments import add_decimal, add_runs
from lib.cli.user_arguments import add_users
from lib.domain.charges import ChargeState
from lib.domain.mirror import TYPES
from lib.domain.refunds import REASONS


class Group(Protocol):
    """What `add_subparsers` returns, whose own type argparse keeps private."""

    def add_parser(
        self,
        name: str,
        *,
        help: str,
        description: str,
        parents: Sequence[argparse.ArgumentParser],
    ) -> argparse.ArgumentParser: ...


Add = Callable[[Group, str, str, str], argparse.ArgumentParser]


class Arguments(argparse.Namespace):
    command: str
    json: bool
    as_: str | None
    on_this_host: bool
    """The owner of this machine acts, without a sign-in."""


def parse(argv: Sequence[str]) -> Arguments:
    """Exits with status 2 on wrong usage."""
    parser = _parser()
    # Bytes that are no text arrive as lone surrogates, which neither SQLite nor JSON can hold.
    if any("\ud800" <= character <= "\udfff" for argument in argv for character in argument):
        parser.error("the arguments must be text in UTF-8")
    return parser.parse_args(
        list(argv), namespace=Arguments(json=False, as_=None, on_this_host=False)
    )


@cache
def _parser() -> argparse.ArgumentParser:
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

    made = add(commands, "doctor", "doctor", "Check settings, key, permissions, database.")
    made.add_argument(
        "--sandbox", action="store_true", help="try with test cards what Stripe leaves undocumented"
    )
    made.add_argument("--yes", action="store_true", help="with --sandbox: do not ask first")

    add_users(commands, common, add)
    add_links(commands, common, add)
    add_payment_methods(commands, common, add)
    add_outbox(commands, common, add)

    made = add(commands, "sync", "sync", "Fetch what changed at Stripe, or compare with it.")
    made.add_argument(
        "--full",
        action="store_true",
        help="read everything again; with --verify compare everything",
    )
    what = made.add_mutually_exclusive_group()
    what.add_argument("--only", nargs="+", action="extend", default=[], choices=(*TYPES, "events"))
    what.add_argument(
        "--verify", action="store_true", help="compare with Stripe and repair; samples, or --full"
    )

    made = add(commands, "charge", "charge", "Charge a saved payment method now.")
    made.add_argument(
        "--customer", required=True, metavar="cus_…", help="a customer's id or e-mail address"
    )
    made.add_argument("--payment-method", metavar="pm_…")
    made.add_argument("--amount", required=True, help="major units, for example 12.34 or 12,34")
    add_decimal(made)
    made.add_argument("--currency", required=True)
    made.add_argument("--reference", required=True, help="what is owed; never charged twice")
    made.add_argument("--description")
    made.add_argument(
        "--despite",
        action="extend",
        nargs="+",
        default=[],
        metavar="CODE",
        help="charge although this was found, which needs --note; the codes are in the refusal",
    )
    made.add_argument("--note", default="", help="why it may be charged all the same")

    charges = commands.add_parser("charges", help="Charges of a period.", parents=[common])
    charge_commands = charges.add_subparsers(required=True, metavar="COMMAND")
    listed = add(charge_commands, "list", "charges list", "Charges, oldest first, with their sums.")
    exported = add(charge_commands, "export", "charges export", "A file for an accountant.")
    for made in (listed, exported):
        made.add_argument("--from", dest="from_", metavar="DATE", help="the first day: 2026-11-01")
        made.add_argument("--to", metavar="DATE", help="the last day, included")
        made.add_argument("--state", choices=[state.value for state in ChargeState])
    listed.add_argument("--customer", metavar="cus_…")
    listed.add_argument("--reference")
    exported.add_argument("--out", required=True, metavar="FILE", help="XLSX or CSV")
    text = "Cancel a payment that is open at Stripe: of an unknown charge, or of no charge here."
    made = add(charge_commands, "cancel-payment", "charges cancel-payment", text)
    made.add_argument("charge", metavar="CHARGE|pi_…")
    made.add_argument("--reason", required=True, metavar="TEXT", help="stays with the charge")
    add(charge_commands, "waiting", "charges waiting", "Approved charges that wait for a card.")
    text = "Give up a charge that waits for a card; its link ends."
    made = add(charge_commands, "cancel-waiting", "charges cancel-waiting", text)
    made.add_argument("charge", metavar="CHARGE")
    made.add_argument("--paid-otherwise", action="store_true", help="the customer paid another way")
    text = "Propose what became of a charge whose outcome stays unknown."
    made = add(charge_commands, "settle", "charges settle", text)
    made.add_argument("charge", metavar="CHARGE")
    how = made.add_mutually_exclusive_group(required=True)
    how.add_argument("--payment", metavar="pi_…", help="it was paid, by this payment at Stripe")
    how.add_argument("--not-executed", action="store_true", help="no money moved")
    made.add_argument("--reason", required=True, metavar="TEXT", help="how you know")
    _add_second_look(charge_commands, "charges", add)

    made = add(commands, "month-end", "month-end", "Close a month and pack it for an accountant.")
    made.add_argument("month", metavar="YYYY-MM")
    made.add_argument("--out", required=True, metavar="FILE", help="ZIP")
    made.add_argument("--closing", type=int, metavar="N", help="an earlier closing as it was")

    refunds = commands.add_parser("refunds", help="Refunds of charges.", parents=[common])
    refund_commands = refunds.add_subparsers(required=True, metavar="COMMAND")
    made = add(refund_commands, "request", "refunds request", "Ask for a refund of a charge.")
    made.add_argument("charge", metavar="CHARGE")
    made.add_argument("--amount", metavar="A", help="major units; without it all that is left")
    add_decimal(made)
    made.add_argument("--reason", required=True, choices=[*REASONS])
    made.add_argument("--note", required=True, help="for whoever approves it")
    made = add(refund_commands, "approve", "refunds approve", "Agree to a refund, and send it.")
    made.add_argument("order", metavar="ORDER")
    add(refund_commands, "list", "refunds list", "Refunds that were asked for, newest first.")
    made = add(
        refund_commands, "settle", "refunds settle", "Propose what became of an unknown one."
    )
    made.add_argument("order", metavar="ORDER")
    how = made.add_mutually_exclusive_group(required=True)
    how.add_argument("--refund", metavar="re_…", help="it was given back, by this refund at Stripe")
    how.add_argument("--not-executed", action="store_true", help="nothing was given back")
    made.add_argument("--reason", required=True, metavar="TEXT", help="how you know")
    _add_second_look(refund_commands, "refunds", add)

    limits = commands.add_parser(
        "limits", help="Above which a second person is needed.", parents=[common]
    )
    limit_commands = limits.add_subparsers(required=True, metavar="COMMAND")
    add(limit_commands, "list", "limits list", "What holds now, by currency; also the defaults.")
    made = add(limit_commands, "set", "limits set", "Set the three limits of a currency.")
    made.add_argument("currency", metavar="CURRENCY")
    for word in ("charge", "run", "day"):
        made.add_argument(
            f"--per-{word}", required=True, metavar="A", help="major units, or none for no limit"
        )

    add_runs(commands, common, add)
    add_incidents(commands, common, add)
    add_customers(commands, common, add)
    made = add(commands, "reconcile", "reconcile", "Settle unknown charges; compare with Stripe.")
    made.add_argument(
        "--rebuild",
        action="store_true",
        help="first take over what Stripe knows of this installation and this database does not",
    )
    made.add_argument(
        "--confirm-decisions",
        action="store_true",
        help="as an approver: runs and waiting charges of an older copy may go on",
    )
    made.add_argument(
        "--not-ours",
        action="store_true",
        help="on a database that began anew: the payments at Stripe are another installation's",
    )
    made.add_argument(
        "--installation",
        metavar="ID",
        help="with --rebuild, on a database that began anew: whose payments are ours",
    )

    audit = commands.add_parser("audit", help="The audit log.", parents=[common])
    audit_commands = audit.add_subparsers(required=True, metavar="COMMAND")
    made = add(audit_commands, "verify", "audit verify", "Recompute the chain of digests.")
    made.add_argument("--head", metavar="ID:HASH", help="a head that was kept elsewhere")
    add(audit_commands, "head", "audit head", "Where the log ends, to be kept elsewhere.")
    made = add(audit_commands, "export", "audit export", "Every entry as a line of JSON.")
    made.add_argument("--out", metavar="FILE", required=True)

    made = add(commands, "backup", "backup", "Copy the database, checked, while everything runs.")
    made.add_argument(
        "destination",
        metavar="DEST",
        nargs="?",
        help="a folder, or a file that does not exist; otherwise the backup folder",
    )
    made = add(commands, "restore", "restore", "Put a backup in the database's place.")
    made.add_argument("file", metavar="FILE")
    made.add_argument(
        "--dry-run", action="store_true", help="say what would be lost, change nothing"
    )

    made = add(commands, "worker", "worker", "Do the background work without the dashboard.")
    made.add_argument("--once", action="store_true", help="do what is due and end")

    made = add(commands, "public", "public", "Serve what customers and Stripe reach, alone.")
    made.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    made.add_argument("--port", type=int, help="instead of ONFILE_PUBLIC_PORT")
    return parser


def _add_second_look(group: Group, noun: str, add: Add) -> None:
    """Deciding on an outcome that one person proposed."""
    for word, text in (
        ("agree", "Agree to what was proposed."),
        ("disagree", "Send a proposal back."),
        ("withdraw", "Take your proposal back."),
    ):
        made = add(group, word, f"{noun} {word}", text)
        made.add_argument("proposal", metavar="PROPOSAL")
        if word == "disagree":
            made.add_argument("--note", required=True, help="why, for whoever proposed it")
