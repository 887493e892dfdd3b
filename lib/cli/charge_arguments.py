"""The arguments of the commands that move money one payment at a time, and of what they left unknown."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lib.cli.link_arguments import add_despite
from lib.cli.run_arguments import add_decimal
from lib.domain.charges import ChargeState
from lib.domain.refunds import REASONS

if TYPE_CHECKING:
    from lib.cli.parser import Add, Group


def add_charges(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
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
    add_despite(
        made,
        "charge although this was found, which needs --note; the codes are in the refusal",
        "why it may be charged all the same",
    )

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
    _add_settling(
        charge_commands,
        "charges",
        "charge",
        "Propose what became of a charge whose outcome stays unknown.",
        evidence=("--payment", "pi_…", "it was paid, by this payment at Stripe"),
        nothing="no money moved",
        add=add,
    )


def add_refunds(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
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
    _add_settling(
        refund_commands,
        "refunds",
        "order",
        "Propose what became of an unknown one.",
        evidence=("--refund", "re_…", "it was given back, by this refund at Stripe"),
        nothing="nothing was given back",
        add=add,
    )


def _add_settling(
    group: Group,
    noun: str,
    subject: str,
    text: str,
    *,
    evidence: tuple[str, str, str],
    nothing: str,
    add: Add,
) -> None:
    """Proposing what became of one whose outcome is unknown, and deciding on what another proposed."""
    made = add(group, "settle", f"{noun} settle", text)
    made.add_argument(subject, metavar=subject.upper())
    how = made.add_mutually_exclusive_group(required=True)
    option, metavar, how_it_went = evidence
    how.add_argument(option, metavar=metavar, help=how_it_went)
    how.add_argument("--not-executed", action="store_true", help=nothing)
    made.add_argument("--reason", required=True, metavar="TEXT", help="how you know")
    for word, text in (
        ("agree", "Agree to what was proposed."),
        ("disagree", "Send a proposal back."),
        ("withdraw", "Take your proposal back."),
    ):
        made = add(group, word, f"{noun} {word}", text)
        made.add_argument("proposal", metavar="PROPOSAL")
        if word == "disagree":
            made.add_argument("--note", required=True, help="why, for whoever proposed it")
