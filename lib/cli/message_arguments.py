"""The arguments of the outbox's commands."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from lib.domain.message_rules import MessageRule
from lib.domain.messages import MessageKind
from lib.domain.outbox import MessageState

if TYPE_CHECKING:
    from lib.cli.parser import Add, Group


def add_send(made: argparse.ArgumentParser) -> None:
    made.add_argument("links", nargs="+", metavar="ID")
    made.add_argument(
        "--kind",
        choices=[one.value for one in MessageKind if one is not MessageKind.ANNOUNCEMENT],
        help="what it says; otherwise by what the link is for",
    )
    add_in_doubt(made)


def add_in_doubt(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--in-doubt",
        action="store_true",
        help="also where it may have gone before an older database was put back",
    )


def add_outbox(
    commands: Group,
    common: argparse.ArgumentParser,
    add: Add,
) -> None:
    outbox = commands.add_parser("outbox", help="Messages to customers.", parents=[common])
    outbox_commands = outbox.add_subparsers(required=True, metavar="COMMAND")
    made = add(outbox_commands, "list", "outbox list", "Messages, newest first.")
    made.add_argument("--state", choices=[state.value for state in MessageState])
    add(outbox_commands, "pause", "outbox pause", "Let nothing leave.")
    add(outbox_commands, "resume", "outbox resume", "Let messages leave again.")
    text = "Let messages leave again after an older database was put back."
    add(outbox_commands, "release", "outbox release", text)
    made = add(outbox_commands, "cancel", "outbox cancel", "Cancel messages that wait.")
    made.add_argument("messages", nargs="+", metavar="ID")
    text = "Say of messages that were perhaps sent whether they were."
    made = add(outbox_commands, "decide", "outbox decide", text)
    made.add_argument("messages", nargs="+", metavar="ID")
    how = made.add_mutually_exclusive_group(required=True)
    how.add_argument("--was-sent", action="store_true", help="they went")
    how.add_argument("--send", action="store_true", help="send them now, perhaps a second time")
    add(outbox_commands, "rules", "outbox rules", "What goes by itself.")
    made = add(
        outbox_commands, "rule", "outbox rule", "Let messages go by themselves, or stop that."
    )
    made.add_argument("rule", choices=[rule.value for rule in MessageRule])
    made.add_argument("switch", choices=["on", "off"])
