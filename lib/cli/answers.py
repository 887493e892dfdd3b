"""Answers of commands: an object for --json, lines for people, and whether it went well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.parser import Arguments
from lib.domain.actors import Actor, Permission
from lib.errors import InvalidInput

if TYPE_CHECKING:
    from lib.bootstrap import Services


@dataclass(frozen=True, slots=True)
class Answer:
    data: dict[str, object]
    lines: list[str]
    error: dict[str, object] | None = None
    failed: bool = False
    """Exit 1 without an error of ours: the answer itself says what is wrong."""


Run = Callable[["Services", Arguments, Actor | None], Answer]


@dataclass(frozen=True, slots=True)
class Command:
    run: Run
    permission: Permission | None
    """What it asks of the person first; None where it needs none, or asks for one itself."""


def person(actor: Actor | None) -> Actor:
    if actor is None:
        raise LookupError("the command was declared without a person")
    return actor


def read_file(source: Path) -> bytes:
    """
    Raises:
        InvalidInput: the file cannot be read.
    """
    try:
        return source.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{source.name} cannot be read: {error.strerror}.") from error


def write_file(target: Path, data: bytes) -> None:
    """
    Raises:
        InvalidInput: the file cannot be written there.
    """
    try:
        target.write_bytes(data)
    except OSError as error:
        raise InvalidInput(f"{target.name} cannot be written: {error.strerror}.") from error
