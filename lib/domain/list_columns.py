"""The columns of files that lists are written to: few, and named as people name them."""

from __future__ import annotations

from lib.domain.books import CHARGE_COLUMNS, BookColumn, Kind
from lib.domain.month_end import DISPUTE_COLUMNS as DISPUTES
from lib.domain.month_end import REFUND_COLUMNS

__all__ = [
    "AUDIT",
    "CHARGE_COLUMNS",
    "CUSTOMERS",
    "DISPUTES",
    "INCIDENTS",
    "METHODS",
    "REFUNDS",
    "RUNS",
    "RUN_RESULTS",
    "SESSIONS",
    "SETUP_LINKS",
]

_NAME = BookColumn("name", "Customer")
_EMAIL = BookColumn("email", "E-mail")
_STATE = BookColumn("state", "State", meaning="When this file was written.")
_CUSTOMER = BookColumn("customer", "Customer id", meaning="At Stripe.")

SETUP_LINKS = (
    BookColumn("created_at", "Made", Kind.MOMENT),
    _NAME,
    _EMAIL,
    BookColumn("reference", "Reference"),
    _STATE,
    BookColumn("completed_at", "Card saved", Kind.MOMENT),
    BookColumn("expires_at", "Ends", Kind.MOMENT),
    BookColumn("revoked_at", "Revoked", Kind.MOMENT),
    BookColumn("created_by", "Made by"),
    _CUSTOMER,
    BookColumn(
        "charge_id", "Charge id", meaning="In Onfile, where the link is to recover a charge."
    ),
    BookColumn("id", "Link id", meaning="In Onfile."),
)
SESSIONS = (
    BookColumn("created", "Made", Kind.MOMENT),
    _NAME,
    _EMAIL,
    BookColumn("label", "Saved method"),
    _STATE,
    BookColumn("reference", "Reference"),
    BookColumn("saved_at", "Saved", Kind.MOMENT),
    BookColumn("expires_at", "Ends", Kind.MOMENT),
    _CUSTOMER,
    BookColumn("payment_method", "Method id", meaning="The PaymentMethod at Stripe."),
    BookColumn("id", "Session id", meaning="The Checkout Session at Stripe."),
)
METHODS = (
    BookColumn("created", "Saved", Kind.MOMENT),
    _NAME,
    _EMAIL,
    BookColumn("label", "Saved method"),
    _STATE,
    BookColumn("why_not", "Why not usable"),
    BookColumn("exp_year", "Expires, year", Kind.COUNT),
    BookColumn("exp_month", "Expires, month", Kind.COUNT),
    BookColumn("country", "Country"),
    BookColumn("same_card_of", "Same card as", meaning="Other customers who have it."),
    _CUSTOMER,
    BookColumn("id", "Method id", meaning="The PaymentMethod at Stripe."),
)
CUSTOMERS = (
    BookColumn("created", "Customer since", Kind.MOMENT),
    _NAME,
    _EMAIL,
    BookColumn("methods", "Saved methods", Kind.COUNT),
    BookColumn("last_charge_at", "Last charge", Kind.MOMENT),
    BookColumn("id", "Customer id", meaning="At Stripe."),
)
REFUNDS = (
    *REFUND_COLUMNS,
    BookColumn("requested_by", "Asked for by", meaning="Empty where it was made in Stripe."),
    BookColumn("decided_by", "Approved by"),
)
RUNS = (
    BookColumn("created_at", "Made", Kind.MOMENT),
    BookColumn("name", "Run"),
    _STATE,
    BookColumn("row_count", "Rows", Kind.COUNT, "Of all currencies."),
    BookColumn("amount", "Amount", Kind.AMOUNT, "What can be charged; one line a currency."),
    BookColumn("currency", "Currency"),
    BookColumn("started_at", "Started", Kind.MOMENT),
    BookColumn("finished_at", "Ended", Kind.MOMENT),
    BookColumn("created_by_name", "Made by"),
    BookColumn("file_name", "File"),
    BookColumn("id", "Run id", meaning="In Onfile."),
)
RUN_RESULTS = (
    BookColumn("number", "Row", Kind.COUNT, "Of the file."),
    BookColumn("outcome_at", "Answered", Kind.MOMENT, "Empty for what was not sent."),
    _NAME,
    _EMAIL,
    BookColumn("reference", "Reference"),
    BookColumn("amount", "Amount", Kind.AMOUNT),
    BookColumn("currency", "Currency"),
    BookColumn("state", "State", meaning="What came of the row in this run."),
    BookColumn("method", "Saved method"),
    BookColumn("why", "What happened"),
    BookColumn("next_step", "Next step"),
    BookColumn("payment_intent", "Payment id", meaning="The PaymentIntent at Stripe."),
    BookColumn("charge_id", "Charge id", meaning="In Onfile."),
    _CUSTOMER,
)
INCIDENTS = (
    BookColumn("found_at", "Found", Kind.MOMENT),
    BookColumn("title", "What"),
    _STATE,
    _NAME,
    BookColumn("reference", "Reference"),
    BookColumn("amount", "Amount", Kind.AMOUNT),
    BookColumn("currency", "Currency"),
    BookColumn("settled_at", "Settled", Kind.MOMENT),
    BookColumn("how", "How"),
    BookColumn("settled_by", "Settled by"),
    BookColumn("note", "Note"),
    BookColumn("subject", "Id", meaning="Of what it is about, at Stripe or in Onfile."),
    BookColumn("id", "Incident id", meaning="In Onfile."),
)
AUDIT = (
    BookColumn("at", "When", Kind.MOMENT),
    BookColumn("actor_name", "Who"),
    BookColumn("action", "What"),
    BookColumn("about", "About"),
    BookColumn("subject", "Id"),
    BookColumn("detail", "Detail"),
    BookColumn("hash", "Digest", meaning="Of this entry and all before it."),
    BookColumn("id", "Entry", Kind.COUNT),
)
