"""Setup links for the customers of a draft who have no card that can be charged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lib.domain.actors import Actor, Permission
from lib.domain.links import SetupLink
from lib.domain.runs import RunRow
from lib.money import format_major
from lib.services.collect.links import LinkService
from lib.services.runs.approve import find_run
from lib.spreadsheets import writing
from lib.store.unit_of_work import UnitOfWork

NO_CARD = "no_payment_method"
HEADER = ("email", "name", "reference", "amount", "currency", "link")


@dataclass(frozen=True, slots=True)
class DraftLink:
    """One for each customer, whatever the number of their rows."""

    link: SetupLink
    url: str
    rows: tuple[RunRow, ...]
    is_new: bool

    def line(self) -> tuple[str, ...]:
        """The cells under `HEADER`."""
        sums: dict[str, int] = {}
        for row in self.rows:
            if row.amount and row.currency:
                sums[row.currency] = sums.get(row.currency, 0) + row.amount
        return (
            self.link.email or "",
            self.link.name or "",
            ", ".join(row.reference for row in self.rows if row.reference),
            ", ".join(format_major(amount, code) for code, amount in sums.items()),
            ", ".join(sums),
            self.url,
        )


def to_csv(links: Iterable[DraftLink]) -> bytes:
    """A file to send them by: a row for each customer."""
    return writing.to_csv(HEADER, (link.line() for link in links))


class DraftLinks:
    def __init__(self, uow: UnitOfWork, links: LinkService) -> None:
        self._uow = uow
        self._links = links

    def make(self, run_id: str, *, by: Actor) -> list[DraftLink]:
        """
        A link for each customer whose rows have no method to charge. Who has an open one of this run
        keeps it. Costs no request to Stripe: the page is made when the customer opens the link.

        Raises:
            NotFound: no such run.
        """
        by.must(Permission.MANAGE_LINKS)
        with self._uow.read() as stores:
            find_run(stores, run_id)
            rows = stores.run_rows.some(run_id, stores.run_rows.numbers_with(run_id, NO_CARD))
        by_customer: dict[str, list[RunRow]] = {}
        for row in rows:
            if row.customer is not None:
                by_customer.setdefault(row.customer, []).append(row)
        made = []
        for customer, theirs in by_customer.items():
            link, is_new = self._links.offer(customer, occasion=f"run:{run_id}", by=by)
            made.append(DraftLink(link, self._links.durable_url(link), tuple(theirs), is_new))
        return made
