"""Verifies webhook deliveries and reads what Onfile needs of them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from lib.domain.mirror import Event
from lib.errors import InvalidSignature, UnreadableEvent
from lib.stripe_gateway import destinations, mapping
from lib.stripe_gateway.soundness import has_half

# Stripe's own default. The SDK refuses only signatures that are too old; one from the future
# would otherwise stay valid for as long as its sender likes.
TOLERANCE_SECONDS = 300
# Stripe's has a hundred bytes for each secret. Anybody may send a longer one, and reading it would
# keep all others waiting.
_LONGEST_HEADER = 4_096
# Whole events and thin ones, which a destination at Stripe is set up for.
_EVENTS = {"event": mapping.event, "v2.core.event": destinations.thin_event}
_NO_EVENT = "The delivery is signed, but it is not an event that Onfile can read."
# The year 5138; a larger number is no time.
_END_OF_TIME = 10**11


@dataclass(frozen=True, slots=True)
class VerifiedDelivery:
    event: Event
    signature_age: int
    """Seconds between signing and receipt; negative when the sender's clock is ahead."""


def verify(
    payload: bytes, header: str | None, secrets: tuple[str, ...], *, now: int
) -> VerifiedDelivery:
    """
    Check a delivery against each secret (two while one is being rolled).

    Raises:
        InvalidSignature: unsigned, wrongly signed, too old or too far in the future.
        UnreadableEvent: signed, but not an event, or nested deeper than can be read.
    """
    header = header or ""
    if len(header) > _LONGEST_HEADER:
        raise InvalidSignature("a signature of this length is none of Stripe's")
    signed_at = _signed_at(header)
    age = now - signed_at
    if abs(age) > TOLERANCE_SECONDS:
        raise InvalidSignature("signed outside the tolerance")
    try:
        text = payload.decode()
    except UnicodeDecodeError as error:
        raise InvalidSignature("not text") from error
    # The SDK's comparison raises TypeError for a header with other characters.
    if not header.isascii() or not any(_matches(text, header, secret) for secret in secrets):
        raise InvalidSignature("signature does not match")
    try:
        data = json.loads(text)
        convert = _EVENTS.get(data.get("object"))
        if convert is None:
            raise UnreadableEvent(_NO_EVENT)
        event = convert(data)
    except RecursionError as error:
        raise UnreadableEvent("The event is nested too deeply to be read.") from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UnreadableEvent(_NO_EVENT) from error
    if not _is_well_formed(event):
        raise UnreadableEvent(_NO_EVENT)
    return VerifiedDelivery(event, age)


def _is_well_formed(event: Event) -> bool:
    """Ids and types of Stripe's making are ASCII; an account's own ids are any text."""
    texts = (event.id, event.type)
    maybe = (event.api_version, event.object_type, event.account)
    of_others = (event.object_id, event.idempotency_key)
    return (
        all(isinstance(text, str) and text and text.isascii() for text in texts)
        and all(text is None or (isinstance(text, str) and text.isascii()) for text in maybe)
        and all(text is None or _is_text(text) for text in of_others)
        and isinstance(event.created, int)
        and 0 <= event.created < _END_OF_TIME
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not has_half(value)


def _matches(text: str, header: str, secret: str) -> bool:
    from lib.stripe_gateway.sdk import stripe

    try:
        # The age was checked above against the injected clock, so the SDK's own check is off.
        return bool(stripe.WebhookSignature.verify_header(text, header, secret, tolerance=None))
    except stripe.SignatureVerificationError:
        return False


def _signed_at(header: str) -> int:
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and value.isascii() and value.isdecimal() and len(value) <= 12:
            return int(value)
    raise InvalidSignature("no timestamp")
