"""Stripe's lists: which there are, how one page is asked for, and how it is read."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from lib.errors import Missing, OutcomeUnknown, UnreadableObject
from lib.stripe_gateway import mapping
from lib.stripe_gateway.soundness import MALFORMED, has_half, sound

PAGE = 100
"""Stripe's largest page."""

_BEGINNINGS = 5
_KIND = re.compile(r"[a-z_.0-9]{1,60}\Z", re.ASCII)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object of a list that was left out, as it is not as every other of its kind."""

    id: str
    """Words in its place, where it has none."""
    type: str
    why: str


@dataclass(frozen=True, slots=True)
class ListPage(Generic[T]):
    items: list[T]
    has_more: bool
    last_id: str | None
    """Where the next page starts; None when this one was empty."""
    last_created: int | None
    """When the last object was made; None when this page was empty or has no times."""
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchPage(Generic[T]):
    """In no order that Stripe promises, and as the objects were up to an hour ago."""

    items: list[T]
    next_page: str | None
    """What to ask for the next page with; None after the last."""
    total: int | None
    """How many there are, where that was asked for; inexact beyond 10,000."""
    unreadable: tuple[Unreadable, ...] = ()


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


def pages(
    convert: Callable[[dict[str, Any]], T], *, leaves_out: bool = False
) -> Callable[[dict[str, Any]], ListPage[T]]:
    """
    Reads a list's answer; for `read`.

    Args:
        leaves_out: one object that cannot be read is named on the page and keeps no other from being
            read. Otherwise the answer is none: a list that is evidence must be whole.
    """

    def page(data: dict[str, Any]) -> ListPage[T]:
        raw: list[dict[str, Any]] = data["data"]
        if data["has_more"] and not raw:
            # Whoever took this for the end would lose everything that follows.
            raise ValueError("more is promised, and nothing sent")
        items: list[T] = []
        unreadable: list[Unreadable] = []
        for item in raw:
            try:
                if _id_of(item) is None:
                    raise ValueError("no id")
                items.append(sound(convert(item)))
            except MALFORMED as error:
                if not leaves_out:
                    raise
                unreadable.append(_unreadable(item, error))
        last_id = next(filter(None, map(_id_of, reversed(raw))), None)
        if data["has_more"] and last_id is None:
            raise ValueError("nothing to go on from")
        times = (item.get("created") for item in reversed(raw) if isinstance(item, dict))
        return ListPage(
            items=items,
            has_more=bool(data["has_more"]),
            last_id=last_id,
            last_created=next((time for time in times if isinstance(time, int)), None),
            unreadable=tuple(unreadable),
        )

    return page


def search_pages(
    convert: Callable[[dict[str, Any]], T],
) -> Callable[[dict[str, Any]], SearchPage[T]]:
    """Reads a search's answer; for `read`. One object that cannot be read keeps no other back."""
    as_list = pages(convert, leaves_out=True)

    def page(data: dict[str, Any]) -> SearchPage[T]:
        entries, total = as_list(data), data.get("total_count")
        return SearchPage(
            items=entries.items,
            next_page=str(data["next_page"]) if entries.has_more else None,
            total=total if isinstance(total, int) else None,
            unreadable=entries.unreadable,
        )

    return page


def whole_list(fetch: Callable[[str | None], ListPage[T]]) -> ListPage[T]:
    """
    All pages of a short list as one.

    Where the object that marked the place was deleted between two pages, from the beginning again.

    Raises:
        Missing: what it is the list of is not there.
        OutcomeUnknown: it changes all the time.
    """
    beginnings = 0
    items: list[T] = []
    unreadable: list[Unreadable] = []
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
            items, unreadable, after = [], [], None
            continue
        items += page.items
        unreadable += page.unreadable
        if not page.has_more:
            return replace(page, items=items, unreadable=tuple(unreadable))
        after = page.last_id


def of_id(id_: str, convert: Callable[[dict[str, Any]], T]) -> Callable[[dict[str, Any]], T]:
    """For `read`: an answer about another object, mixed up on its way, is none."""

    def converted(data: dict[str, Any]) -> T:
        if data["id"] != id_:
            raise OutcomeUnknown("Stripe's answer is about another object.")
        return convert(data)

    return converted


def read(convert: Callable[[dict[str, Any]], T], data: dict[str, Any]) -> T:
    """
    Raises:
        OutcomeUnknown: the answer lacks what it must have, so nothing can be concluded from it.
        UnreadableObject: so does the object that it is.
    """
    try:
        return sound(convert(data))
    except MALFORMED as error:
        kind = UnreadableObject if isinstance(data.get("id"), str) else OutcomeUnknown
        raise kind(f"Stripe's answer is incomplete ({type(error).__name__}).") from error


def _id_of(item: Any) -> str | None:  # noqa: ANN401 - whatever JSON holds
    """None where it has none that a request could name."""
    id_ = item.get("id") if isinstance(item, dict) else None
    return id_ if isinstance(id_, str) and id_ and not has_half(id_) else None


def _unreadable(item: Any, error: Exception) -> Unreadable:  # noqa: ANN401 - whatever JSON holds
    kind = item.get("object") if isinstance(item, dict) else None
    is_known = isinstance(kind, str) and _KIND.match(kind)
    # By what it holds, so that the same one is told once, however often it is read.
    id_ = _id_of(item) or f"without an id ({_digest(item)})"
    return Unreadable(
        id_, str(kind) if is_known else "object", f"{type(error).__name__}: {error}"[:200]
    )


def _digest(item: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return hashlib.sha256(json.dumps(item, sort_keys=True).encode()).hexdigest()[:12]
