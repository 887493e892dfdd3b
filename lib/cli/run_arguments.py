"""The arguments of the commands of charge runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lib.cli.message_arguments import add_in_doubt
from lib.domain.correction_fields import CELLS

if TYPE_CHECKING:
    from lib.cli.parser import Add, Group


def add_runs(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    runs = commands.add_parser("runs", help="Charge runs.", parents=[common])
    group = runs.add_subparsers(required=True, metavar="COMMAND")
    made = add(group, "import", "runs import", "Make a run from a CSV or XLSX file.")
    made.add_argument("file", metavar="FILE")
    made.add_argument("--name", help="what the run is called; the file's name otherwise")
    _add_reading(made)
    made = add(group, "replace", "runs replace", "Put another file under a draft.")
    made.add_argument("run", metavar="ID")
    made.add_argument("file", metavar="FILE")
    _add_reading(made)
    _add_correct(add(group, "correct", "runs correct", "Mend rows of a draft, with a reason."))
    made = add(
        group,
        "newer-methods",
        "runs newer-methods",
        "One choice for a draft: where customers saved a method after their default, which is charged.",
    )
    made.add_argument("run", metavar="ID")
    made.add_argument("choice", choices=["use", "leave"], help="the one saved last, or the default")
    made.add_argument("--reason", default="Chosen for the whole file", metavar="TEXT")
    made = add(group, "links", "runs links", "Setup links for who has no card in a draft.")
    made.add_argument("run", metavar="ID")
    made.add_argument("--out", metavar="FILE", help="CSV: address, name, what is owed, link")
    made = add(
        group,
        "announce",
        "runs announce",
        "Tell the payers of an approved run what is charged, when and from what.",
    )
    made.add_argument("run", metavar="ID")
    made.add_argument("--on", required=True, metavar="YYYY-MM-DD", help="the day it is charged")
    made.add_argument(
        "--out",
        metavar="FILE",
        help="CSV for a mail merge, which you send: nothing leaves from here",
    )
    add_in_doubt(made)
    made = add(
        group,
        "announcements",
        "runs announcements",
        "Who was told of a run, and what they answered.",
    )
    made.add_argument("run", metavar="ID")
    made = add(group, "answer", "runs answer", "Decide on a payer's answer “please not”.")
    made.add_argument("announcement", metavar="ID")
    how = made.add_mutually_exclusive_group(required=True)
    how.add_argument("--hold", action="store_true", help="charge this customer nothing any more")
    how.add_argument("--charge", metavar="REASON", help="charge it all the same, and why")
    add(group, "list", "runs list", "The newest runs, and what came of those that are finished.")
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
                "--wait-for-cards",
                action="store_true",
                help="rows that lack nothing but a card are part of it, each charged once when its own link brings one",
            )
            made.add_argument(
                "--expect-rows",
                default="",
                metavar="N",
                help="all rows of the run by your own books, blocked and left out ones too, and not what was hidden and left out "
                "when the file was read; otherwise it is not submitted",
            )
            made.add_argument(
                "--expect-total",
                dest="expect_totals",
                action="append",
                default=[],
                metavar="AMOUNT:CUR",
                help="for example 12345.60:eur, once for each currency; or as the run shows them",
            )
            add_decimal(made, "a total")
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
            made.add_argument(
                "--for-accounting",
                action="store_true",
                help="amounts and dates as such, with sums, instead of the rows as they came in",
            )


def add_decimal(made: argparse.ArgumentParser, what: str = "an amount") -> None:
    made.add_argument(
        "--decimal", choices=["dot", "comma"], help=f"of {what} that can mean two sums"
    )


def _add_reading(made: argparse.ArgumentParser) -> None:
    made.add_argument("--currency", help="for a file without a column of currencies")
    made.add_argument(
        "--decimal",
        choices=["dot", "comma"],
        help="how amounts are written, where they can mean two sums",
    )
    add_reading(made)


def add_reading(made: argparse.ArgumentParser) -> None:
    """How any file is read."""
    made.add_argument(
        "--encoding", metavar="NAME", help="of a text file that is not Unicode: cp1250, big5 …"
    )
    made.add_argument(
        "--hidden",
        choices=["include", "leave-out"],
        help="what becomes of rows that are hidden or struck out in the spreadsheet",
    )


def _add_correct(made: argparse.ArgumentParser) -> None:
    made.add_argument("run", metavar="ID")
    which = made.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--row", dest="rows", type=int, nargs="+", action="extend", metavar="N", help="these rows"
    )
    which.add_argument("--found", metavar="CODE", help="all rows of which this was found")
    made.add_argument(
        "--set",
        dest="changes",
        nargs="+",
        action="extend",
        default=[],
        metavar="FIELD=VALUE",
        help=f"a field is {', '.join(CELLS)}; nothing behind the sign empties the cell",
    )
    what = made.add_mutually_exclusive_group()
    what.add_argument("--newest-method", action="store_true", help="charge the newest usable one")
    what.add_argument("--leave-out", action="store_true", help="do not charge these rows")
    what.add_argument("--take-back", action="store_true", help="undo --leave-out")
    what.add_argument("--undo", action="store_true", help="everything as in the file again")
    add_decimal(made)
    made.add_argument("--reason", required=True, help="why; whoever approves reads it")
