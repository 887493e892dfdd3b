"""
Judges the rows of batches of links by what is known now, here and, where the mirror was never read whole,
at Stripe.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from lib.clock import Clock, epoch
from lib.domain.identity import address_key
from lib.domain.link_batches import LinkBatch, LinkRequest, LinkRow
from lib.domain.link_judge import LinkFacts, LinkJudge
from lib.errors import GatewayError, InvalidInput, Missing, NotFound
from lib.services.collect.addresses import checked_email
from lib.services.collect.customers import CustomerService
from lib.services.mirror.result import SyncIncomplete
from lib.services.mirror.sync import SyncService
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)

# At Stripe's limit of requests these take seconds; opening a link asks again for its own customer.
_MOST_LOOKS = 200


class BatchJudge:
    def __init__(
        self, uow: UnitOfWork, customers: CustomerService, sync: SyncService, *, clock: Clock
    ) -> None:
        self._uow = uow
        self._customers = customers
        self._sync = sync
        self._clock = clock

    def look_up(self, requests: Iterable[LinkRequest]) -> frozenset[str]:
        """Bring the mirror up to date, by requests; returns who may be known to Stripe alone."""
        if not self._sync.needs_backfill():
            try:
                self._sync.run()
            except (GatewayError, SyncIncomplete):
                logger.warning("the mirror could not be brought up to date", exc_info=True)
            else:
                return frozenset()
        every = list(dict.fromkeys(request.who for request in requests if request.who))
        with self._uow.read() as stores:
            named = stores.preflight.named(customers=every, emails=_addresses(every))
        left = [
            who
            for who in every
            if who not in named.by_id and not named.by_address.get(address_key(who))
        ]
        for at, who in enumerate(left):
            if at == _MOST_LOOKS or not self._ask(who):
                return frozenset(left[at:])
        return frozenset()

    def judged(
        self,
        stores: Stores,
        requests: Sequence[LinkRequest],
        *,
        batch: LinkBatch,
        unasked: frozenset[str] = frozenset(),
    ) -> list[LinkRow]:
        """In their order; `unasked` is what `look_up` returned."""
        judge = LinkJudge(
            batch,
            _facts(stores, requests, unasked=unasked),
            now=epoch(self._clock()),
            check_address=checked_email,
        )
        return [judge.row(request) for request in requests]

    def _ask(self, who: str) -> bool:
        """False when Stripe cannot be asked now."""
        try:
            if "@" in who:
                self._customers.with_email(who)
            else:
                self._customers.look_up(who)
        except (InvalidInput, Missing, NotFound):
            pass  # it is as the row's finding will say
        except GatewayError:
            logger.warning("rows could not be checked at Stripe", exc_info=True)
            return False
        return True


def _addresses(names: Iterable[str]) -> set[str]:
    return {name for name in names if "@" in name}


def _facts(
    stores: Stores, requests: Sequence[LinkRequest], *, unasked: frozenset[str]
) -> LinkFacts:
    names = {request.who for request in requests if request.who}
    named = stores.preflight.named(customers=names, emails=_addresses(names))
    ids = sorted(named.by_id)
    methods = stores.preflight.methods_of(ids)
    keys = {address_key(name) for name in names if "@" in name}
    keys |= {address_key(one.email) for one in named.by_id.values() if one.email}
    return LinkFacts(
        named=named,
        methods=methods,
        never_again=stores.preflight.never_again(
            method for some in methods.values() for method in some
        ),
        confirming=stores.confirmations.of(ids),
        held=stores.holds.covering(ids),
        of_customers=stores.links.of_customers(ids),
        of_addresses=stores.links.of_addresses(sorted(keys)),
        unasked=unasked,
        timezone=stores.meta.timezone,
    )
