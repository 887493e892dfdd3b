"""Answers of commands: an object for --json, lines for people, and whether it went well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lib.cli.parser import Arguments
from lib.domain.actors import Actor

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
    needs_person: bool = field(default=True)


def person(actor: Actor | None) -> Actor:
    if actor is None:
        raise LookupError("the command was declared without a person")
    return actor
