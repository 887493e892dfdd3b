"""Links by which a customer whose charge failed can save another card."""

from __future__ import annotations

from lib.domain.links import LINK_LIFETIME_SECONDS, EndReason, SetupLink
from lib.ids import new_id, new_token
from lib.store.stores import Stores


def offer_recovery(
    stores: Stores, charge_id: str, *, by: str, at: int, until: int | None = None
) -> SetupLink:
    """
    The open recovery link of a failed charge, or of one that waits for a card, made when there is none.
    `until` None: for as long as links work.

    Costs no request to Stripe: the Checkout Session is minted when the customer opens it.
    """
    existing = stores.links.open_recovery_of(charge_id)
    if existing is not None and existing.expires_at > at:
        return existing
    if existing is not None:
        stores.links.revoke(existing.id, at=at, why=EndReason.REPLACED)
    charge = stores.charges.find(charge_id)
    if charge is None:
        raise LookupError(charge_id)
    customer = stores.mirror.customer(charge.customer)
    link = SetupLink(
        id=new_id("link"),
        token=new_token(),
        customer=charge.customer,
        email=customer.email if customer else None,
        name=customer.name if customer else None,
        currency=None,
        reference=charge.reference,
        locale=None,
        charge_id=charge_id,
        created_by=by,
        created_at=at,
        expires_at=until or at + LINK_LIFETIME_SECONDS,
        revoked_at=None,
        completed_at=None,
        completed_session=None,
        replaces=existing.id if existing else None,
    )
    stores.links.add(link, form_key=f"recovery:{link.id}")
    stores.audit.record(
        at=at, actor=by, action="link.create", subject=link.id, detail={"charge": charge_id}
    )
    return link


def withdraw_recovery(stores: Stores, charge_id: str, *, at: int) -> None:
    """Once paid, an open recovery link would only confuse the customer."""
    link = stores.links.open_recovery_of(charge_id)
    if link is not None and stores.links.revoke(link.id, at=at, why=EndReason.PAID):
        stores.link_sessions.close(link.id, at=at)
