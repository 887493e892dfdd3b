"""The arguments of the commands of the machine's owner: what is checked, read, copied and kept running."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lib.domain.mirror import TYPES

if TYPE_CHECKING:
    from lib.cli.parser import Add, Group


def add_doctor(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    made = add(commands, "doctor", "doctor", "Check settings, key, permissions, database.")
    made.add_argument(
        "--sandbox", action="store_true", help="try with test cards what Stripe leaves undocumented"
    )
    made.add_argument("--yes", action="store_true", help="with --sandbox: do not ask first")


def add_sync(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
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


def add_month_end(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    made = add(commands, "month-end", "month-end", "Close a month and pack it for an accountant.")
    made.add_argument("month", metavar="YYYY-MM")
    made.add_argument("--out", required=True, metavar="FILE", help="ZIP")
    made.add_argument("--closing", type=int, metavar="N", help="an earlier closing as it was")


def add_limits(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
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


def add_reconcile(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
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


def add_audit(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    audit = commands.add_parser("audit", help="The audit log.", parents=[common])
    audit_commands = audit.add_subparsers(required=True, metavar="COMMAND")
    made = add(audit_commands, "verify", "audit verify", "Recompute the chain of digests.")
    made.add_argument("--head", metavar="ID:HASH", help="a head that was kept elsewhere")
    add(audit_commands, "head", "audit head", "Where the log ends, to be kept elsewhere.")
    made = add(audit_commands, "export", "audit export", "Every entry as a line of JSON.")
    made.add_argument("--out", metavar="FILE", required=True)


def add_backups(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
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


def add_processes(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    made = add(commands, "worker", "worker", "Do the background work without the dashboard.")
    made.add_argument("--once", action="store_true", help="do what is due and end")

    made = add(commands, "public", "public", "Serve what customers and Stripe reach, alone.")
    made.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    made.add_argument("--port", type=int, help="instead of ONFILE_PUBLIC_PORT")
