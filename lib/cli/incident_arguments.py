"""The incidents' commands as argparse knows them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lib.domain.refunds import REASONS

if TYPE_CHECKING:
    from lib.cli.parser import Add, Group

_WITH_A_REASON = (
    ("adopt", "The payment stands: the ledger takes it as its own. Of a conflict, a proposal."),
    ("cancel", "Cancel an open payment at Stripe that is no try of this ledger."),
    ("settle", "Propose that it stays as it is; somebody else agrees."),
    ("reject", "Send a proposal back."),
)


def add_incidents(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    incidents = commands.add_parser(
        "incidents", help="What Stripe has and this ledger did not expect.", parents=[common]
    )
    group = incidents.add_subparsers(required=True, metavar="COMMAND")
    made = add(group, "list", "incidents list", "Incidents, newest first.")
    made.add_argument("--state", choices=["open", "settled", "all"], default="open")
    made.add_argument("--limit", type=int, default=100, metavar="N")
    made = add(group, "show", "incidents show", "One with its evidence and what may be done.")
    made.add_argument("incident", metavar="ID")
    for word, text in _WITH_A_REASON:
        made = add(group, word, f"incidents {word}", text)
        made.add_argument("incident", metavar="ID")
        made.add_argument("--reason", required=True, metavar="TEXT", help="stays with the incident")
    made = add(group, "refund", "incidents refund", "Ask for its payment back.")
    made.add_argument("incident", metavar="ID")
    made.add_argument(
        "--reason", choices=list(REASONS), help="what Stripe is told; by the incident"
    )
    made.add_argument("--note", required=True, help="why, for whoever approves it")
    made.add_argument("--payment", metavar="pi_…", help="which one, where a debt was paid twice")
    made = add(group, "approve", "incidents approve", "Agree to what was proposed.")
    made.add_argument("incident", metavar="ID")
    made.add_argument(
        "--on-this-host",
        action="store_true",
        help="as the owner of this machine, without a sign-in: where the one who proposed it is the only approver",
    )
    made = add(group, "withdraw", "incidents withdraw", "Take your proposal back.")
    made.add_argument("incident", metavar="ID")
