"""
Runs one command: parse, sign in, call the service, print.

Exit status: 0 done; 1 refused or failed, with an error object; 2 wrong usage. With --json exactly
one JSON object goes to standard output and everything else to standard error.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from lib.cli.answers import Answer
from lib.cli.parser import Arguments, parse
from lib.cli.pasted import refuse_unreadable_arguments
from lib.errors import GatewayError, NotAdmitted, NotPermitted, OnfileError, UnusableDatabase

if TYPE_CHECKING:
    from lib.bootstrap import Services

logger = logging.getLogger(__name__)


def main(argv: Sequence[str], *, services: Callable[[], Services] | None = None) -> int:
    """`services` stand for the process's own."""
    arguments = parse(argv)
    # Help and wrong usage have ended by now, and needed none of this.
    from lib import bootstrap, logs
    from lib.cli.backups import restore_alone
    from lib.cli.commands import command_of
    from lib.cli.staff import signed_in
    from lib.store.trouble import in_words

    # What runs under a service manager speaks to a log; all else to the person at the terminal.
    logs.configure(plain=arguments.command not in ("public", "worker"))
    try:
        refuse_unreadable_arguments(arguments)
        try:
            built = (services or bootstrap.services)()
        except UnusableDatabase as error:
            if arguments.command != "restore":
                raise
            return _show(arguments, restore_alone(bootstrap.restores(), arguments, error))
        command = command_of(arguments.command)
        needs_person = command.permission is not None and not arguments.on_this_host
        actor = signed_in(arguments, built) if needs_person else None
        try:
            if actor is not None and command.permission is not None:
                actor.must(command.permission)
            answer = command.run(built, arguments, actor)
        except NotPermitted as error:
            if actor is not None:
                built.audit.note_denied(error, by=actor, door=f"command {arguments.command}")
            raise
        finally:
            _count_reads(built)
    except OnfileError as error:
        return _show(arguments, Answer({}, [], error=_error_object(error)))
    except sqlite3.Error as error:
        message = in_words(error, bootstrap.settings().data_dir)
        return _show(arguments, Answer({}, [], error={"code": "database", "message": message}))
    except KeyboardInterrupt:
        message = "Stopped. What was done before is kept."
        return _show(arguments, Answer({}, [], error={"code": "stopped", "message": message}))
    return _show(arguments, answer)


def _count_reads(services: Services) -> None:
    """However the command ended."""
    try:
        services.count_reads()
    except sqlite3.Error:
        logger.warning("the reads of this command could not be counted", exc_info=True)


def _show(arguments: Arguments, answer: Answer) -> int:
    if arguments.json:
        body = dict(answer.data)
        if answer.error is not None:
            body["error"] = answer.error
        sys.stdout.write(json.dumps(body, ensure_ascii=False) + "\n")
    else:
        for line in answer.lines:
            sys.stdout.write(line + "\n")
    if answer.error is not None:
        sys.stderr.write(f"{answer.error['message']}\n")
    return 1 if answer.error is not None or answer.failed else 0


def _error_object(error: OnfileError) -> dict[str, object]:
    body: dict[str, object] = {"code": error.code, "message": str(error)}
    field = getattr(error, "field", "")
    if field:
        body["field"] = field
    choices = getattr(error, "choices", ())
    if choices:
        body["choices"] = list(choices)
    if isinstance(error, NotAdmitted):
        body["findings"] = [
            {"code": one.code, "message": one.message, "may_be_opened": True}
            for one in error.findings
        ]
    if isinstance(error, GatewayError):
        body["stripe_code"] = error.stripe_code
        body["request_id"] = error.request_id
    return body
