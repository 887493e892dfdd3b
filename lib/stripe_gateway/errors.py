"""
SDK exceptions to ours, in one table.

    401, 403                      Misconfigured    nothing was executed
    429                           Busy             nothing was executed, the same request may go again
    402                           Declined         final
    idempotency_error             KeyReused        our bug
    payment_intent_unexpected_state, 409           OutcomeUnknown: something else moved it
    424           OutcomeUnknown: what Stripe itself waited for failed, at whatever point
    404, resource_missing         Missing
    other 400                     Refused          final
    5xx, no or unreadable reply, an error that is not in Stripe's form or under none of its codes
    (a proxy's)   OutcomeUnknown
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lib.errors import (
    Busy,
    Declined,
    GatewayError,
    KeyReused,
    Misconfigured,
    Missing,
    OutcomeUnknown,
    Refused,
)
from lib.stripe_gateway.sdk import stripe

# Under which Stripe refuses (https://docs.stripe.com/api/errors). Something between us and Stripe that
# passed the request on may answer in JSON, too: 408, 499 and the like say nothing of the request.
_STRIPES_STATUSES = frozenset({400, 401, 402, 403, 404, 409, 424, 429})
_PERMISSION = re.compile(r"Having the '(rak_[a-z_]+)' permission")
# Whoever holds a client secret can act on the intent; nothing of ours needs one.
_SECRET_FIELDS = frozenset({"client_secret"})


@contextmanager
def translated() -> Iterator[None]:
    """
    Raises:
        GatewayError: one of its leaves, for every error the SDK raises.
    """
    try:
        yield
    except stripe.StripeError as error:
        # Without its cause: the SDK's message may quote a whole body, and tracebacks are logged.
        raise translate(error) from None


def translate(error: stripe.StripeError) -> GatewayError:
    details = _details(error)
    code = _text(details.get("code"))
    facts: dict[str, Any] = {
        "code": code,
        "http_status": error.http_status,
        "request_id": error.request_id,
        "param": _text(details.get("param")),
        "details": details,
        "is_replayed": (error.headers or {}).get("Idempotent-Replayed") == "true",
    }
    message = _text(details.get("message")) or error.user_message or type(error).__name__
    status = error.http_status
    if isinstance(error, stripe.APIConnectionError) or status is None:
        return OutcomeUnknown("Stripe did not answer.", **facts)
    if not _is_stripes(details, status):
        # The SDK quotes what it could not read in its message, so that is not passed on. Whoever
        # wrote it, it is no word of Stripe's on whether the request was executed.
        return OutcomeUnknown("Stripe's answer could not be read.", **facts)
    if details.get("type") == "idempotency_error":
        return KeyReused(message, **facts)
    if status in (401, 403):
        match = _PERMISSION.search(message)
        if match:
            details["permission"] = match[1]
        return Misconfigured(message, **facts)
    if status == 429:
        reason = (error.headers or {}).get("Stripe-Rate-Limited-Reason")
        return Busy(message, **facts, limit_reason=_text(reason))
    if status in (409, 424) or code == "payment_intent_unexpected_state":
        return OutcomeUnknown(message, **facts)
    if status == 402:
        return Declined(message, **facts)
    if status == 404 or code == "resource_missing":
        return Missing(message, **facts)
    if 400 <= status < 500:
        return Refused(message, **facts)
    return OutcomeUnknown("Stripe answered with an error of its own.", **facts)


def _is_stripes(details: dict[str, Any], status: int) -> bool:
    """Each of Stripe's errors has a `type`; a proxy's own do not."""
    has_form = _text(details.get("type")) is not None
    return has_form and (status >= 500 or status in _STRIPES_STATUSES)


def _details(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    content = body.get("error") if isinstance(body, dict) else None
    cleaned = _without_secrets(content)
    return cleaned if isinstance(cleaned, dict) else {}


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 - JSON is any of its types
    if isinstance(value, dict):
        return {
            key: _without_secrets(item) for key, item in value.items() if key not in _SECRET_FIELDS
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
