"""The tries of one charge, and its ids and codes for support."""

from __future__ import annotations

import pandas as pd

from lib.domain.retries import method_of
from lib.ui import layout, tables
from lib.ui.charge_details import Details
from lib.ui.layout import Fact


def attempts(details: Details) -> None:
    tries = details.view.attempts
    tables.listing(
        pd.DataFrame(
            {
                "number": [attempt.number for attempt in tries],
                "method": [details.names.method(method_of(attempt)) for attempt in tries],
                "state": [
                    attempt.outcome.value if attempt.outcome else "attempting" for attempt in tries
                ],
                "at": [attempt.requested_at for attempt in tries],
                "by": [details.names.person(attempt.requested_by) for attempt in tries],
            }
        ),
        {
            "number": tables.number("Try", width=50),
            "method": tables.text("Saved method"),
            "state": tables.state("Outcome"),
            "at": tables.time("Sent"),
            "by": tables.text("By"),
        },
        key=f"charge_attempts_{details.id}",
        alt="Every try to collect this charge, oldest first",
        timezone=details.ctx.timezone,
    )


def raw(details: Details) -> None:
    """For support, in Stripe's own words: folded, so that nobody reads them to a customer by the way."""
    view, last = details.view, details.view.last
    rows = [
        Fact("Charge", details.id),
        Fact("Customer", view.charge.customer),
        Fact("Saved method", view.charge.payment_method),
    ]
    if last is not None:
        rows += [
            Fact("PaymentIntent", last.payment_intent),
            Fact("Idempotency key", last.idempotency_key),
            Fact("Request", last.request_id),
            Fact("HTTP status", str(last.http_status) if last.http_status else None),
            Fact("Code", last.decline.code),
            Fact("Decline code", last.decline.decline_code),
            Fact("Advice code", last.decline.advice_code),
            Fact("Network code", last.decline.network_decline_code),
            Fact("Evidence", last.evidence),
        ]
    layout.raw(rows)
