"""Cards and accounts as messages name them to the customers whose they are."""

from __future__ import annotations

from lib.domain.links import SetupLink
from lib.domain.mirror import PaymentMethod
from lib.domain.payment_methods import name_of
from lib.languages import Words
from lib.store.stores import Stores
from lib.wording.catalogues import month


def named(method: PaymentMethod, say: Words) -> str:
    """ "Visa •••• 4242", "SEPA-Lastschrift •••• 3000"."""
    name = say(name_of(method.type, method.brand))
    return f"{name} •••• {method.last4}" if method.last4 else name


def expiring(stores: Stores, link: SetupLink, say: Words) -> dict[str, str]:
    """Fields of the card that the link is to replace."""
    method = _method(stores, link.expiring_method)
    if method is None:
        return {}
    ends = method.exp_year and method.exp_month
    return {
        "card": named(method, say),
        "expiry": month(method.exp_year or 0, method.exp_month or 0, say.language) if ends else "",
    }


def saved(stores: Stores, link: SetupLink, say: Words) -> dict[str, str]:
    """The field of what the link brought."""
    method = _method(stores, stores.message_rules.method_saved_by(link.id))
    return {"card": named(method, say) if method else ""}


def _method(stores: Stores, method_id: str | None) -> PaymentMethod | None:
    return stores.mirror.payment_method(method_id) if method_id else None
