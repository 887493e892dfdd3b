"""Metadata: Stripe's limits, and how an update merges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from lib.practice.replies import invalid

MOST_KEYS = 50
LONGEST_KEY = 40
LONGEST_VALUE = 500


def checked(
    given: Mapping[str, str] | Literal[""] | None, *, param: str = "metadata"
) -> dict[str, str]:
    """New metadata. Empty values are dropped, as Stripe does."""
    return merged({}, given, param=param)


def merged(
    current: Mapping[str, str],
    given: Mapping[str, str] | Literal[""] | None,
    *,
    param: str = "metadata",
) -> dict[str, str]:
    """An empty value unsets its key; an empty string in place of the whole unsets all."""
    if given is None:
        return dict(current)
    if given == "":
        return {}
    for key, value in given.items():
        _check(key, value, f"{param}[{key}]")
    result = {key: value for key, value in {**current, **given}.items() if value != ""}
    if len(result) > MOST_KEYS:
        raise invalid(
            f"Metadata can have up to {MOST_KEYS} keys, but you passed {len(result)}.", param=param
        )
    return result


def _check(key: str, value: str, param: str) -> None:
    if len(key) > LONGEST_KEY:
        raise invalid(
            f"Metadata keys can have up to {LONGEST_KEY} characters, but you passed in a key of "
            f"{len(key)} characters. Invalid key: {key}",
            param=param,
        )
    if "[" in key or "]" in key:
        raise invalid("Metadata keys can't include square brackets.", param=param)
    if len(value) > LONGEST_VALUE:
        raise invalid(
            f"Metadata values can have up to {LONGEST_VALUE} characters, but you passed in a value "
            f"that is {len(value)} characters. Invalid value: {value[:40]}…",
            param=param,
        )
