"""The charge that the page of a link announces as soon as a card is saved on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lib.domain.agreements import LONGEST, Agreement
from lib.domain.charges import Charge, ChargeState
from lib.domain.links import SetupLink
from lib.domain.sender import Sender
from lib.domain.waiting_charges import WaitingCharge
from lib.languages import ENGLISH, first_of
from lib.services.staff import dual_approval
from lib.store.stores import Stores
from lib.store.waiting_charges import MARK
from lib.wording import messages as wording
from lib.wording.catalogues import words
from lib.wording.messages import Owed


@dataclass(frozen=True, slots=True)
class PageWords:
    agreement: Agreement
    charge_id: str | None = None
    """The charge that is made as soon as a card is saved; None: nothing is charged then."""
    notice: str = ""
    """The sentence that says so."""

    @property
    def custom_text(self) -> dict[str, object]:
        """Of the Session. The notice stands before what is agreed to, or below it where both are too long."""
        both = f"{self.notice}\n\n{self.agreement.text}" if self.notice else self.agreement.text
        if len(both) <= LONGEST:
            return {"submit": {"message": both}}
        return {
            "submit": {"message": self.agreement.text},
            "after_submit": {"message": self.notice},
        }

    @property
    def metadata(self) -> dict[str, str]:
        return {} if self.charge_id is None else {MARK: self.charge_id}

    def fits(self, params: Mapping[str, object]) -> bool:
        """
        Whether a page that was asked for with these parameters says the same of what is charged. The
        rest of its words may be older.
        """
        charge_id = announced_charge(params)
        is_the_same = self.charge_id is None or params.get("custom_text") == self.custom_text
        return charge_id == self.charge_id and is_the_same


def announced_charge(params: Mapping[str, object]) -> str | None:
    """The charge that a page asked for with these parameters announces."""
    metadata = params.get("metadata")
    return metadata.get(MARK) if isinstance(metadata, Mapping) else None


def waiting_charge(stores: Stores, link: SetupLink) -> Charge | None:
    """
    The approved charge that waits for the card of this link, and that its customer reads of; None also while a
    hold keeps it back.
    """
    if link.charge_id is None or not stores.waiting_charges.still([link.charge_id]):
        return None
    charge = stores.charges.find(link.charge_id)
    if charge is None or charge.state is not ChargeState.PLANNED:
        return None
    return None if stores.holds.covering([charge.customer]) else charge


def link_until(stores: Stores, charge_id: str | None, *, now: int) -> int | None:
    """Until when a link for this charge works: while it waits for a card, as long as its approval; else None."""
    waiting = None if charge_id is None else stores.waiting_charges.find(charge_id)
    run = stores.runs.find(waiting.run_id) if waiting and waiting.end_reason is None else None
    return None if run is None else dual_approval.standing(stores, run, now=now).until


def may_be_charged_now(stores: Stores, waiting: WaitingCharge, *, now: int) -> bool:
    """Whether neither the approval of its run nor a hold keeps it back from a card that is there."""
    charge, run = stores.charges.find(waiting.charge_id), stores.runs.find(waiting.run_id)
    if charge is None or run is None or stores.holds.covering([charge.customer]):
        return False
    return dual_approval.standing(stores, run, now=now).stop is None


def page_words(stores: Stores, link: SetupLink, agreement: Agreement, sender: Sender) -> PageWords:
    charge = waiting_charge(stores, link)
    if charge is None:
        return PageWords(agreement)
    say = words(first_of([agreement.language]) or ENGLISH)
    notice = wording.to_charge(owed(charge), sender, say)
    return PageWords(agreement, charge.id, notice)


def owed(charge: Charge) -> Owed:
    return Owed(charge.reference, charge.amount, charge.currency, None)
