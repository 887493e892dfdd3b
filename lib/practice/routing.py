"""Descriptions of endpoints: path, parameters, permission, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from lib.practice.ledger import Ledger


@dataclass(slots=True)
class Call:
    """One request to one endpoint.

    Attributes:
        ids: What stood in the braces of the path.
        params: Checked and typed.
    """

    ledger: Ledger
    path: str
    ids: dict[str, str]
    params: dict[str, Any]
    public_url: str
    fingerprint_key: bytes

    @property
    def now(self) -> int:
        return self.ledger.now


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint.

    Attributes:
        spec: Name of the SDK's typed dict for the parameters.
        permission: What a restricted key needs, as Stripe spells it.
        returns: Kind of the object, or of the items when `is_list`.
    """

    method: str
    path: str
    spec: str
    permission: str
    returns: str
    act: Callable[[Call], dict[str, Any]]
    is_list: bool = False

    @property
    def segments(self) -> list[str]:
        return self.path.split("/")

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The ids in a path of as many segments; None where it is another route's."""
        ids: dict[str, str] = {}
        for mine, theirs in zip(self.segments, segments, strict=True):
            if mine.startswith("{"):
                ids[mine.strip("{}")] = unquote(theirs)
            elif mine != theirs:
                return None
        return ids
