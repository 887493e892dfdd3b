"""Domains as people read them: IDNA2008 (RFC 5891), with the mapping of Unicode's UTS 46."""

from __future__ import annotations

import idna
import regex

JOINER = regex.compile(r"[\u200c\u200d]")


def in_own_letters(domain: str) -> str | None:
    """
    `bücher.example` for `xn--bcher-kva.example` and `BÜCHER。example`; a label that is no name stays as it is.

    None for what no domain can be.
    """
    try:
        mapped = idna.uts46_remap(domain, std3_rules=False)
    except UnicodeError:
        return None
    return ".".join(map(_label, mapped.split(".")))


def with_its_joiners(domain: str) -> str:
    """Without the joiners that say nothing where they stand; in Persian they make another name."""
    return ".".join(
        "".join(
            letter
            for at, letter in enumerate(label)
            if not JOINER.match(letter) or idna.core.valid_contextj(label, at)
        )
        for label in domain.split(".")
    )


def _label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return idna.ulabel(label)
    except UnicodeError:
        return label
