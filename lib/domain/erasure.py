"""People who asked to be forgotten: what takes the place of what was erased, and what keeps it away."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from lib.domain.runs import Finding, Severity

CODE = "customer_erased"
"""Of the finding in `admit`."""
FINDING = Finding(
    CODE,
    Severity.RED,
    "This person was erased at their wish. Nothing is charged to them any more; whoever comes back is a new customer with a new link.",
    "customer",
)
PERSONAL_FIELDS = frozenset(
    (
        "name",
        "email",
        "customer_email",
        "customer_name",
        "brand",
        "last4",
        "exp_month",
        "exp_year",
        "funding",
        "country",
        "billing_name",
        "billing_email",
    )
)
"""Of mirrored objects: what is not here as it is at Stripe once a person was erased."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Something that was erased, and that neither Stripe nor an older copy brings back. Names nobody."""

    id: str
    kind: str
    """customer, checkout_session, payment_method, setup_link, run_row or link_batch_row."""
    pseudonym: str | None
    """Of a customer with an address."""
    erased_at: int


def pseudonym_of(address_key: str, *, salt: str) -> str:
    """
    An address that nobody has (RFC 2606), the same for whoever shared the real one, so that one
    person's customers still count as one.
    """
    digest = hashlib.sha256(f"{salt}:{address_key}".encode()).hexdigest()
    return f"erased-{digest[:20]}@erased.invalid"


def without_person(
    request: str, original: str | None, customer: str | None
) -> tuple[str, str | None]:
    """
    What a row asked for, as JSON, without the address by which it named its customer and without
    sentences about it; and the same of how its file had it.
    """
    cleaned = json.loads(request) | {"customer": customer or "", "findings": []}
    cleaned |= {
        field: None if field == "name" else "" for field in ("email", "name") if field in cleaned
    }
    if original is None:
        return json.dumps(cleaned), None
    before = json.loads(original)
    if "request" in before:
        inner, _ = without_person(before["request"], None, customer)
        before |= {"request": inner}
    return json.dumps(cleaned), json.dumps(before)
