"""The customers' commands as argparse knows them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lib.domain.retention import RetentionKind

if TYPE_CHECKING:
    from lib.cli.parser import Add, Group

_WITH_A_REASON = (
    ("hold", "Charge nothing to this customer any more, whatever was planned."),
    ("release", "Lift what another person stopped."),
)


def add_customers(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    customers = commands.add_parser(
        "customers", help="Customers, and who must not be charged.", parents=[common]
    )
    group = customers.add_subparsers(required=True, metavar="COMMAND")
    for word, text in _WITH_A_REASON:
        made = add(group, word, f"customers {word}", text)
        made.add_argument("customer", metavar="cus_…")
        made.add_argument("--reason", required=True, metavar="TEXT", help="stays with the customer")
    made = add(group, "show", "customers show", "One: holds, notes, and what is open.")
    made.add_argument("customer", metavar="cus_…")
    made = add(group, "note", "customers note", "Write something down; nobody changes it.")
    made.add_argument("customer", metavar="cus_…")
    made.add_argument("--text", required=True)
    made = add(group, "print", "customers print", "All that happened, as a page to print.")
    made.add_argument("customer", metavar="cus_…")
    made.add_argument("--out", required=True, metavar="FILE", help="HTML")
    made = add(group, "export", "customers export", "All that is kept of one person, as JSON.")
    made.add_argument("customer", metavar="cus_…")
    made.add_argument("--out", required=True, metavar="FILE", help="JSON")
    made = add(group, "erase", "customers erase", "Forget one person; what is charged stays.")
    made.add_argument("customer", metavar="cus_…")
    made.add_argument("--reason", required=True, metavar="TEXT", help="for the audit log")
    made.add_argument("--dry-run", action="store_true", help="say what would go, change nothing")
    made = add(group, "list", "customers list", "Customers, newest first.")
    made.add_argument("--on-hold", action="store_true", help="only those who must not be charged")
    made.add_argument("--search", default="", metavar="TEXT", help="name, e-mail or id")
    made.add_argument("--limit", type=int, default=100, metavar="N")

    retention = commands.add_parser(
        "retention", help="For how long what is kept of people is kept.", parents=[common]
    )
    rules = retention.add_subparsers(required=True, metavar="COMMAND")
    add(rules, "list", "retention list", "What is set.")
    made = add(rules, "set", "retention set", "For how many days something is kept.")
    made.add_argument("kind", choices=[kind.value for kind in RetentionKind], metavar="KIND")
    made.add_argument("days", metavar="DAYS|none")
    made = add(rules, "apply", "retention apply", "Remove what is older; the worker does it daily.")
    made.add_argument("--dry-run", action="store_true", help="say what would go, change nothing")
