"""The person who acts on the command line, and passwords: from the environment, else from the terminal."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING

from lib.domain.identity import visible
from lib.errors import NotSignedIn, SecondFactorNeeded

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.actors import Actor
    from lib.services.staff.users import UserService


def signed_in(arguments: Arguments, services: Services) -> Actor:
    """
    The person named by --as, after their password and second factor were checked.

    Raises:
        NotSignedIn: no --as, a wrong password, or no way to ask for it.
    """
    if arguments.as_ is None:
        raise NotSignedIn("Say who you are with --as USER.")
    password = _password("ONFILE_PASSWORD", f"Password of {arguments.as_}: ")
    actor = _with_code(services.users, visible(arguments.as_), password)
    if services.second_factors.is_missing(actor):
        raise NotSignedIn(
            "With a live key approvers and admins need a second factor. Sign in to the dashboard and turn "
            "it on, on “Your account”."
        )
    return actor


def _with_code(users: UserService, username: str, password: str) -> Actor:
    """From ONFILE_OTP; on a terminal it is asked for when it is needed."""
    code = os.environ.get("ONFILE_OTP", "")
    try:
        return users.sign_in(username, password, code=code).actor
    except SecondFactorNeeded:
        if not sys.stdin.isatty():
            raise NotSignedIn(
                "This account has a second factor: set ONFILE_OTP to the code of this moment.",
            ) from None
    code = getpass.getpass(f"Code of {username}: ")
    return users.sign_in(username, password, code=code).actor


def password_again(arguments: Arguments) -> str:
    """
    Once more before a decision: a terminal that was left open must not decide.

    Raises:
        NotSignedIn: neither ONFILE_PASSWORD nor a terminal to ask on.
    """
    return _password("ONFILE_PASSWORD", f"Password of {arguments.as_} again, to decide: ")


def new_password(username: str) -> str:
    """
    Raises:
        NotSignedIn: neither ONFILE_NEW_PASSWORD nor a terminal to ask on.
    """
    return _password("ONFILE_NEW_PASSWORD", f"New password for {username}: ")


def _password(variable: str, prompt: str) -> str:
    password = os.environ.get(variable)
    if password is not None:
        return password
    if not sys.stdin.isatty():
        raise NotSignedIn(f"There is no terminal to ask for a password: set {variable}.")
    return getpass.getpass(prompt)
