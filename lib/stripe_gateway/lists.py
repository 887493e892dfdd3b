"""Stripe's lists: which there are, how one page is asked for, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lib.errors import Missing, OutcomeUnknown
from lib.stripe_gateway import mapping

PAGE = 100
"""Stripe's largest page."""

_BEGINNINGS = 5

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    has_more: bool
    last_id: str | None
    """Where the next page starts; None when this one was empty."""
    last_created: int | None
    """When the last object was made; None when this page was empty or has no times."""


@dataclass(frozen=True, slots=True)
class _Listing:
    path: str
    expand: tuple[str, ...]
    convert: Callable[[dict[str, Any]], Any]


# What can be listed by `created`, newest first, with what is expanded along in the same request.
LISTINGS: dict[str, _Listing] = {
    "checkout_sessions": _Listing(
        "/v1/checkout/sessions", ("data.setup_intent.payment_method",), mapping.session_bundle
    ),
    "customers": _Listing("/v1/customers", (), mapping.customer),
    "setup_intents": _Listing(
        "/v1/setup_intents", ("data.payment_method",), mapping.setup_intent_bundle
    ),
    "payment_intents": _Listing("/v1/payment_intents", (), mapping.payment_intent),
    "charges": _Listing("/v1/charges", (), mapping.charge),
    "refunds": _Listing("/v1/refunds", ("data.charge",), mapping.refund),
    "disputes": _Listing("/v1/disputes", ("data.charge",), mapping.dispute),
}


def list_params(
    created_from: int | None,
    after: str | None,
    *,
    created_before: int | None = None,
    **more: object,
) -> dict[str, object]:
    params: dict[str, object] = {"limit": PAGE}
    bounds = {"gte": created_from, "lt": created_before}
    created = {name: bound for name, bound in bounds.items() if bound is not None}
    if created:
        params["created"] = created
    if after is not None:
        params["starting_after"] = after
    return params | {name: value for name, value in more.items() if value is not None}


def pages(convert: Callable[[dict[str, Any]], T]) -> Callable[[dict[str, Any]], Page[T]]:
    """Reads a list's answer; for `read`."""

    def page(data: dict[str, Any]) -> Page[T]:
        raw: list[dict[str, Any]] = data["data"]
        if data["has_more"] and not raw:
            # Whoever took this for the end would lose everything that follows.
            raise ValueError("more is promised, and nothing sent")
        return Page(
            items=[convert(item) for item in raw],
            has_more=bool(data["has_more"]),
            last_id=raw[-1]["id"] if raw else None,
            last_created=raw[-1].get("created") if raw else None,
        )

    return page


def whole_list(fetch: Callable[[str | None], Page[T]]) -> list[T]:
    """
    All pages of a short list.

    Where the object that marked the place was deleted between two pages, from the beginning again.

    Raises:
        Missing: what it is the list of is not there.
        OutcomeUnknown: it changes all the time.
    """
    beginnings = 0
    found: list[T] = []
    after: str | None = None
    while True:
        try:
            page = fetch(after)
        except Missing as error:
            if error.param != "starting_after":
                raise
            beginnings += 1
            if beginnings > _BEGINNINGS:
                # Not Missing: whoever is told that would take the owner of the list for deleted.
                raise OutcomeUnknown("The list changed whenever it was read.") from error
            found, after = [], None
            continue
        found += page.items
        if not page.has_more:
            return found
        after = page.last_id


def read(convert: Callable[[dict[str, Any]], T], data: dict[str, Any]) -> T:
    """
    Raises:
        OutcomeUnknown: the answer lacks what it must have, so nothing can be concluded from it.
    """
    try:
        return convert(data)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise OutcomeUnknown(f"Stripe's answer is incomplete ({type(error).__name__}).") from error
