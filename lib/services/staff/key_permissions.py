"""The permissions of the key: every request of Onfile's tried with an id that nobody has, so that nothing changes."""

from __future__ import annotations

from lib.domain.checks import Check
from lib.domain.links import SETUP_SESSION
from lib.errors import GatewayError, Misconfigured
from lib.stripe_gateway.gateway import StripeGateway

# An id that no account has. Stripe checks the permission before it looks the object up, so a 404
# or 400 proves the permission and changes nothing.
_NOBODY = "onfile0probe0nothing"
_SESSIONS = "/v1/checkout/sessions"
_WITHOUT = "Without it the books have no fees and payouts; everything else works."
# An account's refusal of every setup Session, whatever the key may:
# https://github.com/TryGhost/Ghost/pull/29715
_MANAGED_PAYMENTS = "Managed Payments"
# What Onfile does; the row of the Dashboard's page for restricted keys, and the level it needs there.
PROBES: tuple[tuple[str, str, str, str], ...] = (
    (
        "read checkout sessions",
        "Checkout Sessions: Read",
        "get",
        f"/v1/checkout/sessions/cs_test_{_NOBODY}",
    ),
    ("make checkout sessions", "Checkout Sessions: Write", "post", _SESSIONS),
    ("read setup intents", "SetupIntents: Read", "get", f"/v1/setup_intents/seti_{_NOBODY}"),
    ("read customers", "Customers: Read", "get", f"/v1/customers/cus_{_NOBODY}"),
    ("change customers", "Customers: Write", "post", f"/v1/customers/cus_{_NOBODY}"),
    ("read payment methods", "PaymentMethods: Read", "get", f"/v1/payment_methods/pm_{_NOBODY}"),
    (
        "attach and detach payment methods",
        "PaymentMethods: Write",
        "post",
        f"/v1/payment_methods/pm_{_NOBODY}/attach",
    ),
    ("read payment intents", "PaymentIntents: Read", "get", f"/v1/payment_intents/pi_{_NOBODY}"),
    ("charge", "PaymentIntents: Write", "post", "/v1/payment_intents"),
    ("read charges", "Charges and Refunds: Read", "get", f"/v1/charges/ch_{_NOBODY}"),
    ("read refunds", "Charges and Refunds: Read", "get", f"/v1/refunds/re_{_NOBODY}"),
    ("refund", "Charges and Refunds: Write", "post", "/v1/refunds"),
    ("read disputes", "Disputes: Read", "get", f"/v1/disputes/du_{_NOBODY}"),
    ("read events", "Events: Read", "get", f"/v1/events/evt_{_NOBODY}"),
)


# Fees and payouts in the books; without them everything else works.
OPTIONAL: tuple[tuple[str, str, str, str], ...] = (
    (
        "read fees",
        "Balance transactions: Read",
        "get",
        f"/v1/balance_transactions/txn_{_NOBODY}",
    ),
    ("read payouts", "Payouts: Read", "get", f"/v1/payouts/po_{_NOBODY}"),
)


def permission_checks(gateway: StripeGateway) -> list[Check]:
    """One a permission, each with what the key lacks; those that only the books need never fail."""
    try:
        gateway.pass_guard()
    except Misconfigured:
        pass  # the probes say one by one what that means
    except GatewayError as error:
        # Its status would be taken for the answer to every probe.
        return [Check("permissions", False, f"None could be asked for. {error}")]
    return [
        *(_permission(gateway, *probe) for probe in PROBES),
        *(
            check if check.ok else Check(check.name, True, f"{check.detail} {_WITHOUT}")
            for check in (_permission(gateway, *probe) for probe in OPTIONAL)
        ),
    ]


def _permission(gateway: StripeGateway, what: str, row: str, method: str, path: str) -> Check:
    name = f"permission: {what}"
    # Without the addresses that a Session needs, so that none is made.
    params = SETUP_SESSION if path == _SESSIONS else {}
    try:
        gateway.probe(method, path, params)
    except Misconfigured as error:
        return Check(name, False, lacking(what, row, error))
    except GatewayError as error:
        if _MANAGED_PAYMENTS in str(error):
            return Check(name, False, f"Stripe makes no setup links for this account: {error}")
        refused = error.http_status in (400, 404)
        return Check(name, refused, "Allowed." if refused else str(error))
    return Check(name, True, "Allowed.")


def lacking(what: str, row: str | None, error: Misconfigured) -> str:
    """What a refused key needs, and where one gives it."""
    if error.http_status != 403:
        return str(error)
    missing = error.permission or "a permission that Stripe did not name"
    where = f" (probably the row “{row}”)" if row else ""
    return (
        f"The key may not {what}. It lacks {missing}: in the Stripe Dashboard, under Developers, API "
        f"keys, edit the restricted key and give it that permission{where}."
    )
