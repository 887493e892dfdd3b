"""The customers that a row can mean: by their ids, and by their addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lib.domain import twins
from lib.domain.identity import address_key, difference, drawn_key, id_key
from lib.domain.mirror import Customer
from lib.domain.runs import Finding, Severity
from lib.domain.twins import Twin

# In a file; where the customers stand beside each other, they are chosen there.
WRITE_THE_ID = "Write the id of the one you mean, or choose it."


class Naming(Protocol):
    """A row that says who is meant."""

    @property
    def customer(self) -> str:
        """An id or an address."""

    @property
    def chosen_beside(self) -> Sequence[str] | None:
        """None: no person chose the very id among those that look like it."""


@dataclass(frozen=True, slots=True)
class NamedCustomers:
    """What is known of the customers that rows name."""

    by_id: Mapping[str, Customer] = field(default_factory=dict)
    by_address: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Living customers by the key of their address."""
    by_drawn: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Living customers by what their address is drawn as, also those who have none that looks like another."""
    by_id_key: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Living customers whose id is written otherwise than a person reads it, by what they read."""
    twins: Mapping[str, Twin] = field(default_factory=dict)
    """What tells apart those who share an address, or whose ids look the same."""

    def of(self, request: Naming) -> Customer | Finding:
        """The one that is meant, also a deleted one; or why nobody can know."""
        wanted = request.customer
        ids = self._ids_that_look_like(request)
        what = "have ids that look like" if len(ids) > 1 else "have the address"
        # An account may have made an id of an address: then it may be another customer's address, too.
        if "@" in wanted:
            ids = list(dict.fromkeys([*ids, *self.by_address.get(address_key(wanted), ())]))
        if not ids:
            return _red(
                "customer_unknown",
                f"No customer has the address {wanted[:80]}.{self._hint(wanted)}"
                if "@" in wanted
                else f"Stripe has no customer {wanted[:40]}. Write a customer's id or e-mail address.",
            )
        if len(ids) == 1:
            return self.by_id[ids[0]]
        listed = twins.listed([self.twins.get(id_) or Twin(self.by_id[id_]) for id_ in ids])
        return _red(
            "customer_ambiguous",
            f"{len(ids):,} customers {what} {wanted[:80]}: {listed}. {WRITE_THE_ID}",
        )

    def drawn_alike(self, address: str) -> list[Customer]:
        """Those with another address that a person takes for this one."""
        key = address_key(address)
        ids = self.by_drawn.get(drawn_key(address), ())
        some = (self.by_id[id_] for id_ in ids)
        return [one for one in some if address_key(one.email or "") != key]

    def _hint(self, address: str) -> str:
        alike = self.drawn_alike(address)
        if not alike:
            return ""
        return f" That of {alike[0].label} looks like it and is another one: {difference(address, alike[0].email or '')}."

    def _ids_that_look_like(self, request: Naming) -> list[str]:
        """The very id where a person chose it; a file's letters are in the form that a program gave them."""
        wanted = request.customer
        if request.chosen_beside is not None and wanted in self.by_id:
            return [wanted]
        key = id_key(wanted)
        written = [one for one in (wanted, key) if one in self.by_id]
        return list(dict.fromkeys([*written, *self.by_id_key.get(key, ())]))


def _red(code: str, message: str) -> Finding:
    return Finding(code, Severity.RED, message, "customer")
