"""Setup links for the customers of a draft who have no card that can be charged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lib.domain.actors import Actor, Permission
from lib.domain.files.row_errors import spans
from lib.domain.links import SetupLink
from lib.domain.runs import RunRow
from lib.domain.twins import HAS_TWIN
from lib.errors import GatewayError, NotAdmitted, RuleViolation
from lib.money import format_major
from lib.services.collect.links import LinkService
from lib.services.runs.approve import find_run
from lib.spreadsheets import writing
from lib.store.unit_of_work import UnitOfWork

NO_CARD = "no_payment_method"
_CHOOSE = "No link was made: choose the customer in the row, then make the links again."
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


@dataclass(frozen=True, slots=True)
class NoLink:
    """A customer for whom none was made, and why."""

    customer: str
    name: str
    """As a person knows them; the id where nothing else is known."""
    rows: tuple[RunRow, ...]
    code: str
    message: str

    def as_json(self) -> dict[str, object]:
        rows = [row.number for row in self.rows]
        return {
            "customer": self.customer,
            "name": self.name,
            "rows": rows,
            "code": self.code,
            "message": self.message,
        }

    def in_words(self) -> str:
        """ "Acme (cus_1), rows 2, 3: This customer was deleted at Stripe." """
        who = self.customer if self.name == self.customer else f"{self.name} ({self.customer})"
        word = "row" if len(self.rows) == 1 else "rows"
        return f"{who}, {word} {spans([row.number for row in self.rows])}: {self.message}"


@dataclass(frozen=True, slots=True)
class DraftLinksMade:
    links: tuple[DraftLink, ...] = ()
    none: tuple[NoLink, ...] = ()

    @property
    def new(self) -> int:
        return sum(link.is_new for link in self.links)


def to_csv(links: Iterable[DraftLink]) -> bytes:
    """A file to send them by: a row for each customer."""
    return writing.to_csv(HEADER, (link.line() for link in links))


class DraftLinks:
    def __init__(self, uow: UnitOfWork, links: LinkService) -> None:
        self._uow = uow
        self._links = links

    def make(self, run_id: str, *, by: Actor) -> DraftLinksMade:
        """
        A link for each customer whose rows have no method to charge. Who has an open one of this run
        keeps it. Costs no request to Stripe: the page is made when the customer opens the link.

        Each customer is tried. None is made for one with a twin whom nobody chose in the draft.

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
        made: list[DraftLink] = []
        none: list[NoLink] = []
        for customer, rows in by_customer.items():
            theirs = tuple(rows)
            try:
                link, is_new = self._links.offer(
                    customer, occasion=f"run:{run_id}", by=by, despite=self._chosen(theirs)
                )
            except NotAdmitted as asked:
                words = " ".join(finding.message for finding in asked.findings)
                none.append(self._none(theirs, asked.code, f"{words} {_CHOOSE}"))
            except (RuleViolation, GatewayError) as failed:
                none.append(self._none(theirs, failed.code, str(failed)))
            else:
                made.append(DraftLink(link, self._links.durable_url(link), theirs, is_new))
        return DraftLinksMade(tuple(made), tuple(none))

    def _chosen(self, rows: tuple[RunRow, ...]) -> dict[str, str]:
        """That the draft says which of those with one address is meant, in each of these rows of one customer."""
        with self._uow.read() as stores:
            others = set(stores.twins.beside(rows[0].customer or ""))
        beside = [row.request.chosen_beside for row in rows]
        if others and all(one is not None and others.issubset(one) for one in beside):
            return {HAS_TWIN: "Chosen in the draft of the run."}
        return {}

    def _none(self, rows: tuple[RunRow, ...], code: str, message: str) -> NoLink:
        id_ = rows[0].customer or ""
        with self._uow.read() as stores:
            customer = stores.mirror.customer(id_)
        return NoLink(id_, customer.label if customer else id_, rows, code, message)
