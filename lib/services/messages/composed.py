"""A message as its customer would read it now, with what it is about."""

from __future__ import annotations

from dataclasses import dataclass

from lib.domain.messages import Message, MessageKind
from lib.languages import Language
from lib.money import format_major
from lib.services.charges.view import ChargeView
from lib.wording import messages as wording


@dataclass(frozen=True, slots=True)
class Composed:
    kind: MessageKind
    customer: str | None
    address: str
    """Where it goes; empty: no address is known."""
    name: str
    language: Language
    message: Message
    link_id: str | None
    url: str | None
    """The durable address in it."""
    about: tuple[ChargeView, ...] = ()

    @property
    def html(self) -> str:
        return wording.html(self.message, self.language, kind=self.kind, link=self.url)

    @property
    def references(self) -> str:
        return ", ".join(view.charge.reference for view in self.about)

    @property
    def sums(self) -> tuple[str, str]:
        """Of what it is about, for files: amounts and their currencies in the same order."""
        sums: dict[str, int] = {}
        for view in self.about:
            charge = view.charge
            sums[charge.currency] = sums.get(charge.currency, 0) + charge.amount
        return (
            ", ".join(format_major(amount, code) for code, amount in sums.items()),
            ", ".join(sums),
        )
