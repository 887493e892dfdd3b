"""The command line as argparse knows it. `--as` and `--json` go before or after the command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Protocol

from lib.domain.actors import Role
from lib.domain.mirror import TYPES


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


def parse(argv: Sequence[str]) -> Arguments:
    """Exits with status 2 on wrong usage."""
    parser = _parser()
    # Bytes that are no text arrive as lone surrogates, which neither SQLite nor JSON can hold.
    if any("\ud800" <= character <= "\udfff" for argument in argv for character in argument):
        parser.error("the arguments must be text in UTF-8")
    return parser.parse_args(list(argv), namespace=Arguments(json=False, as_=None))


def _parser() -> argparse.ArgumentParser:
    # Suppressed defaults: a value given before the command must survive the parser after it.
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--as", dest="as_", metavar="USER", help="the staff user who acts")
    common.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser = argparse.ArgumentParser(
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

    users = commands.add_parser("users", help="Staff accounts.", parents=[common])
    user_commands = users.add_subparsers(required=True, metavar="COMMAND")
    made = add(user_commands, "add", "users add", "Add a staff account.")
    made.add_argument("name", metavar="NAME")
    made.add_argument("--email", required=True)
    made.add_argument("--full-name", default="")
    made.add_argument(
        "--role",
        dest="roles",
        nargs="+",
        action="extend",
        required=True,
        choices=[role.value for role in Role],
    )
    add(user_commands, "list", "users list", "List staff accounts.")
    made = add(user_commands, "disable", "users disable", "Disable an account at once.")
    made.add_argument("name", metavar="NAME")
    made = add(user_commands, "set-password", "users set-password", "Set a new password.")
    made.add_argument("name", metavar="NAME")

    links = commands.add_parser("links", help="Setup links.", parents=[common])
    link_commands = links.add_subparsers(required=True, metavar="COMMAND")
    made = add(link_commands, "create", "links create", "Make a setup link.")
    whom = made.add_mutually_exclusive_group(required=True)
    whom.add_argument("--customer", metavar="cus_…")
    whom.add_argument("--email")
    whom.add_argument("--guest", action="store_true", help="no customer yet")
    made.add_argument("--name")
    made.add_argument("--currency", help="let Stripe offer its methods; otherwise cards only")
    made.add_argument("--reference")
    made.add_argument("--locale")
    made = add(link_commands, "list", "links list", "List setup links, newest first.")
    made.add_argument("--status", choices=["open", "completed", "expired", "revoked"])

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
    made.add_argument("--customer", required=True, metavar="cus_…")
    made.add_argument("--payment-method", metavar="pm_…")
    made.add_argument("--amount", required=True, help="major units, for example 12.34")
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

    _add_runs(commands, common, add)
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
    return parser


def _add_runs(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    runs = commands.add_parser("runs", help="Charge runs.", parents=[common])
    group = runs.add_subparsers(required=True, metavar="COMMAND")
    made = add(group, "import", "runs import", "Make a run from a CSV or XLSX file.")
    made.add_argument("file", metavar="FILE")
    made.add_argument("--name", help="what the run is called; the file's name otherwise")
    made.add_argument("--currency", help="for a file without a column of currencies")
    made.add_argument(
        "--decimal",
        choices=["dot", "comma"],
        help="how amounts are written, where they can mean two sums",
    )
    made.add_argument(
        "--encoding", metavar="NAME", help="of a text file that is not Unicode: cp1250, big5 …"
    )
    made.add_argument(
        "--hidden",
        choices=["include", "leave-out"],
        help="what becomes of rows that are hidden or struck out in the spreadsheet",
    )
    for word, text in (
        ("submit", "Close the rows and ask for approval."),
        ("approve", "Agree to exactly what was submitted."),
        ("reject", "Send it back, with a reason."),
        ("cancel", "Give up what was not sent."),
        ("pause", "Send nothing new."),
        ("resume", "Go on after a pause or a stop."),
        ("start", "Execute an approved run."),
        ("show", "The run with its charges."),
        ("results", "Write the results file."),
        ("certificate", "Compare file, ledger and Stripe, and say whether they agree."),
    ):
        made = add(group, word, f"runs {word}", text)
        made.add_argument("run", metavar="ID")
        if word == "submit":
            made.add_argument(
                "--canary", type=int, default=0, metavar="K", help="pause after the first K rows"
            )
            made.add_argument(
                "--charge-new-cards",
                action="store_true",
                help="the approval covers one more charge when a failed row's customer saves a new card",
            )
            made.add_argument(
                "--expect-rows",
                default="",
                metavar="N",
                help="all rows of the file by your own books; otherwise it is not submitted",
            )
            made.add_argument(
                "--expect-total",
                dest="expect_totals",
                action="append",
                default=[],
                metavar="AMOUNT:CUR",
                help="for example 12345.60:eur; once for each currency",
            )
        elif word in ("approve", "reject"):
            if word == "approve":
                made.add_argument("--note", help="why what is stopped may be charged all the same")
            made.add_argument(
                "--digest",
                help="of what you looked at, as `runs show` prints it: refused when the run is another one by now. "
                "Without it, whatever is submitted at this moment; the answer says what that was",
            )
            if word == "reject":
                made.add_argument("--reason", default="rejected on the command line")
        elif word == "start":
            made.add_argument(
                "--wait", action="store_true", help="execute it in this process until it rests"
            )
        elif word == "certificate":
            made.add_argument("--out", metavar="FILE", help="a page of HTML to print")
        elif word == "results":
            made.add_argument("--out", required=True, metavar="FILE", help="CSV or XLSX")
