"""Refusals where several customers can be meant: each names them with what tells them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lib.domain.runs import Finding
from lib.domain.twins import HAS_TWIN, Twin, has_twin, listed, looks_known
from lib.errors import NotAdmitted, RuleViolation


class IdsLookTheSame(RuleViolation):
    """Customers whose ids are one text to a person; the caller chooses one by its name."""

    code = "customer_ambiguous"

    def __init__(self, text: str, twins: list[Twin]) -> None:
        super().__init__(
            f"{len(twins)} customers have ids that look like {text[:80]}: {listed(twins)}. Choose the one you "
            "mean on a page, where they stand beside each other."
        )


class AddressOfSeveral(RuleViolation):
    """Customers with this address, of whom a person has to choose one by its id."""

    code = "customer_ambiguous"

    def __init__(self, email: str, twins: list[Twin]) -> None:
        super().__init__(
            f"{len(twins)} customers have the address {email[:80]}: {listed(twins)}. Write the id of the one you mean."
        )
        self.twins = twins


def why_meant(sharing: Sequence[Twin], despite: Mapping[str, str], *, nothing: str) -> str:
    """
    Why this customer is meant of those with one address; empty where nobody else has it.

    Raises:
        NotAdmitted: `despite` does not say; `nothing` tells what was not done.
    """
    if not sharing:
        return ""
    return _meant(has_twin(sharing), despite, nothing=nothing)


def why_new(
    address: str, alike: Sequence[Twin], despite: Mapping[str, str], *, nothing: str
) -> str:
    """
    Why a customer is made beside those whose address a person takes for this one; empty where there is none.

    Raises:
        NotAdmitted: `despite` does not say; `nothing` tells what was not done.
    """
    if not alike:
        return ""
    return _meant(looks_known(address, alike), despite, nothing=nothing)


def _meant(finding: Finding, despite: Mapping[str, str], *, nothing: str) -> str:
    meant = despite.get(HAS_TWIN, "").strip()
    if not meant:
        raise NotAdmitted([finding], nothing=nothing)
    return meant
