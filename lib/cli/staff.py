"""The person who acts on the command line, and passwords: from the environment, else from the terminal."""

from __future__ import annotations

import getpass
import os
import sys

from lib.cli.parser import Arguments
from lib.domain.actors import Actor
from lib.errors import NotSignedIn
from lib.services.staff.users import UserService


def signed_in(arguments: Arguments, users: UserService) -> Actor:
    """
    The person named by --as, after their password was checked.

    Raises:
        NotSignedIn: no --as, a wrong password, or no way to ask for it.
    """
    if arguments.as_ is None:
        raise NotSignedIn("Say who you are with --as USER.")
    password = _password("ONFILE_PASSWORD", f"Password of {arguments.as_}: ")
    return users.sign_in(arguments.as_, password).actor


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
