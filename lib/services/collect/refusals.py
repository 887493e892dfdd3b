"""Pages that Stripe refuses to make: kept where staff look, until one is made again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lib.clock import Clock, epoch
from lib.domain.links import LinkRefusal
from lib.errors import AnotherAccount, GatewayError, KeyReused, Misconfigured, Missing, Refused
from lib.store.meta import LINKS_REFUSED
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork


@contextmanager
def kept(uow: UnitOfWork, link_id: str, *, clock: Clock) -> Iterator[None]:
    """
    Keep what Stripe refuses for good on the link, and for all links when it is not about this one's
    customer. What passes by itself is not kept. Raises on.
    """
    try:
        yield
    except (Refused, Misconfigured, KeyReused) as error:
        refusal = LinkRefusal(_reason(error), epoch(clock()), link_id)
        with uow.write() as stores:
            stores.links.set_refusal(link_id, refusal.reason)
            if not isinstance(error, Missing):
                stores.meta.set(LINKS_REFUSED, refusal.to_json())
        raise


def forget(stores: Stores, link_id: str) -> None:
    """Stripe made a page: whatever was wrong is mended, also for links like this one."""
    stores.links.forget_refusals(link_id)
    stores.meta.clear(LINKS_REFUSED)


def _reason(error: GatewayError) -> str:
    match error:
        case AnotherAccount() | Refused():
            return str(error)
        case Misconfigured(permission=str(permission)):
            return f"The Stripe key lacks the permission {permission}."
        case Misconfigured():
            return "Stripe does not accept the key."
    return "Stripe has seen this request with other contents."
