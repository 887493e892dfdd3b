"""Refusals where several customers can be meant: each names them with what tells them apart."""

from __future__ import annotations

from lib.domain.twins import Twin, listed
from lib.errors import RuleViolation


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
