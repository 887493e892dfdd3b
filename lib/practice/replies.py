"""Ends of a request: a reply, a refusal in Stripe's words, or a dropped connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

API_VERSION = "2026-10-28.endive"
DOC_URL = "https://stripe.com/docs/error-codes/"


@dataclass(frozen=True, slots=True)
class Reply:
    """`raw`, when set, is sent in place of `body`: half a JSON document, for instance."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None


class ConnectionDropped(Exception):
    """The network failed: the caller hears nothing, whether or not Stripe has acted."""


class StripeRefusal(Exception):
    """A request that Stripe answers with an error.

    Attributes:
        has_begun: Whether execution had begun. What was written is then kept, and the answer is
            saved under the idempotency key; before that nothing is kept.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        type_: str = "invalid_request_error",
        has_begun: bool = False,
        headers: dict[str, str] | None = None,
        **details: object,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.has_begun = has_begun
        self.headers = headers or {}
        self.error: dict[str, Any] = {"type": type_, "message": message}
        if code is not None:
            self.error |= {"code": code, "doc_url": DOC_URL + code.replace("_", "-")}
        if param is not None:
            self.error["param"] = param
        self.error |= {name: value for name, value in details.items() if value is not None}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeRefusal:
    """The request itself is wrong, whatever the account holds."""
    return StripeRefusal(400, message, param=param, code=code)


def conflicting(
    message: str, *, param: str | None = None, code: str | None = None, **details: object
) -> StripeRefusal:
    """The request is well formed; what the account holds does not allow it."""
    refusal = StripeRefusal(400, message, param=param, code=code, has_begun=True)
    refusal.error |= details
    return refusal


def missing(noun: str, object_id: str, *, param: str = "id", status: int = 404) -> StripeRefusal:
    """No such object. 404 when the path names it, 400 when a parameter does."""
    return StripeRefusal(
        status,
        f"No such {noun}: '{object_id}'",
        code="resource_missing",
        param=param,
        has_begun=True,
    )


def head(request_id: str, now: int) -> dict[str, str]:
    """What every answer begins with, by the account's own clock."""
    return {
        "Date": formatdate(now, usegmt=True),
        "Request-Id": request_id,
        "Stripe-Version": API_VERSION,
    }


def refusal_reply(refused: StripeRefusal, request_id: str) -> Reply:
    error = dict(refused.error)
    error["request_log_url"] = f"https://dashboard.stripe.com/test/logs/{request_id}"
    return Reply(refused.status, {"error": error}, refused.headers)
