"""Checks that an installation can do its work, each with a plain word on what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.links import SETUP_SESSION, LinkRefusal
from lib.domain.webhook_endpoints import THIN_ADVICE, WebhookEndpoint, advice, problem
from lib.errors import DecisionsRest, GatewayError, LedgerBehind, Misconfigured, OnfileError
from lib.services.staff.sandbox import Trial, trials
from lib.settings import Mode, Settings
from lib.store.meta import BEHIND, DECISIONS_REST, LINKS_REFUSED
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

# The worker beats every few seconds; a minute of silence means it is not running.
HEARTBEAT_FRESH_SECONDS = 60
# The rest is counted.
_MOST_NAMED = 10
# An id that no account has. Stripe checks the permission before it looks the object up, so a 404
# or 400 proves the permission and changes nothing.
_NOBODY = "onfile0probe0nothing"
_SESSIONS = "/v1/checkout/sessions"
# An account's refusal of every setup Session, whatever the key may:
# https://github.com/TryGhost/Ghost/pull/29715
_MANAGED_PAYMENTS = "Managed Payments"
# What Onfile does; the row of the Dashboard's page for restricted keys, and the level it needs there.
_PROBES: tuple[tuple[str, str, str, str], ...] = (
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


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    ok: bool
    detail: str


class DoctorService:
    def __init__(
        self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock, settings: Settings
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock
        self._settings = settings

    def checks(self) -> list[Check]:
        """Every check, in the order in which one would repair things. Changes nothing at Stripe."""
        return [
            self._database(),
            self._key(),
            *self._permissions(),
            self._webhook(),
            self._public_url(),
            self._staff(),
            self._ledger(),
            self._links(),
            self._incidents(),
        ]

    def sandbox(self) -> Iterator[Trial]:
        """What the documentation leaves open, tried with a test key as it is iterated over."""
        return trials(self._gateway, self._settings.mode)

    def is_ready(self) -> list[Check]:
        """The quick checks for monitoring; Stripe is not asked."""
        return [self._database(), self._worker()]

    def _database(self) -> Check:
        try:
            with self._uow.write() as stores:
                stores.users.count()
            missing = self._uow.missing_steps()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the file is the answer
            return Check("database", False, f"onfile.db cannot be written: {error}")
        if missing:
            return Check(
                "database",
                False,
                f"onfile.db has an older schema ({len(missing)} steps behind). Restart Onfile.",
            )
        return Check("database", True, "onfile.db can be written and has the current schema.")

    def _key(self) -> Check:
        if self._settings.mode is Mode.PRACTICE:
            return Check("stripe_key", True, "Practice mode: the embedded practice Stripe answers.")
        try:
            account = self._gateway.account_id()
        except Misconfigured as error:
            if error.http_status == 403 and error.permission:
                # Stripe knows the key; whatever Onfile needs is asked for one by one below.
                return Check(
                    "stripe_key",
                    True,
                    f"Stripe answers. The key may not read the account ({error.permission}), which "
                    "Onfile needs only to measure statement suffixes.",
                )
            return Check("stripe_key", False, _lacking("read the account", None, error))
        except OnfileError as error:
            return Check("stripe_key", False, str(error))
        return Check("stripe_key", True, f"Stripe answers for account {account}.")

    def _permissions(self) -> list[Check]:
        return [self._permission(*probe) for probe in _PROBES]

    def _permission(self, what: str, row: str, method: str, path: str) -> Check:
        name = f"permission: {what}"
        # Without the addresses that a Session needs, so that none is made.
        params = SETUP_SESSION if path == _SESSIONS else {}
        try:
            self._gateway.probe(method, path, params)
        except Misconfigured as error:
            return Check(name, False, _lacking(what, row, error))
        except GatewayError as error:
            if _MANAGED_PAYMENTS in str(error):
                return Check(name, False, f"Stripe makes no setup links for this account: {error}")
            refused = error.http_status in (400, 404)
            return Check(name, refused, "Allowed." if refused else str(error))
        return Check(name, True, "Allowed.")

    def _webhook(self) -> Check:
        if not self._settings.webhook_secrets:
            return Check(
                "webhook",
                True,
                "No STRIPE_WEBHOOK_SECRET: Onfile relies on polling, and news arrives later.",
            )
        verified = f"Deliveries to {self._webhook_url} are verified."
        arrived = f"{verified} {self._thin_deliveries()}".rstrip()
        if self._settings.mode is Mode.PRACTICE:
            return Check("webhook", True, arrived)
        try:
            endpoint = self._endpoint()
        except Misconfigured as error:
            named = error.permission or "a permission that Stripe did not name"
            return Check(
                "webhook",
                True,
                f"{arrived} Whether Stripe sends what Onfile needs could not be looked at: the key "
                f"lacks {named}. Compare the endpoint with the README.",
            )
        except GatewayError as error:
            return Check("webhook", True, f"{arrived} Its settings could not be read: {error}")
        if endpoint is None:
            # In test mode Stripe's own command line may pass events on, without an endpoint.
            return Check(
                "webhook",
                self._settings.mode is Mode.TEST,
                f"Stripe has no webhook endpoint for {self._webhook_url}. Make one as the README says.",
            )
        trouble = problem(endpoint)
        hint = advice(endpoint, api_version=self._gateway.api_version)
        detail = " ".join(part for part in (trouble or verified, hint) if part)
        return Check("webhook", trouble is None, detail)

    def _thin_deliveries(self) -> str:
        """What the deliveries themselves say of the destination, for a key that may not look at it."""
        with self._uow.read() as stores:
            count = stores.deliveries.thin()
        return f"{THIN_ADVICE} (Of the newest 500 deliveries: {count}.)" if count else ""

    @property
    def _webhook_url(self) -> str:
        return f"{self._settings.public_url}/webhooks/stripe"

    def _endpoint(self) -> WebhookEndpoint | None:
        for listed in (self._gateway.webhook_endpoints, self._gateway.event_destinations):
            # A second one, switched off, may have been left from before.
            at = [one for one in listed() if one.is_at(self._webhook_url)]
            if at:
                return next((one for one in at if one.status == "enabled"), at[0])
        return None

    def _public_url(self) -> Check:
        local = "localhost" in self._settings.public_url or "127.0.0.1" in self._settings.public_url
        if local and self._settings.mode is not Mode.PRACTICE:
            return Check(
                "public_url",
                self._settings.mode is Mode.TEST,
                f"{self._settings.public_url} can be opened on this machine only; set ONFILE_PUBLIC_URL for customers.",
            )
        return Check("public_url", True, self._settings.public_url)

    def _staff(self) -> Check:
        with self._uow.read() as stores:
            admins = stores.users.active_admins()
        if admins:
            return Check("staff", True, f"{admins} active admin(s).")
        return Check(
            "staff",
            True,
            "Nobody can manage users yet: python -m lib users add NAME --email E --role admin",
        )

    def _ledger(self) -> Check:
        with self._uow.read() as stores:
            behind, rests = stores.meta.value(BEHIND), stores.meta.value(DECISIONS_REST)
        if behind is not None:
            return Check("ledger", False, str(LedgerBehind()))
        if rests is not None:
            return Check("ledger", False, str(DecisionsRest()))
        return Check("ledger", True, "Nothing at Stripe says that this database is an older one.")

    def _links(self) -> Check:
        with self._uow.read() as stores:
            refused = stores.meta.value(LINKS_REFUSED)
        if refused is not None:
            reason = LinkRefusal.from_json(refused).reason
            return Check("links", False, f"Stripe refused the last setup link: {reason}")
        return Check("links", True, "Stripe made a page for the last setup link.")

    def _incidents(self) -> Check:
        with self._uow.read() as stores:
            incidents = stores.incidents.open()
        named = ", ".join(f"{one.subject} ({one.kind})" for one in incidents[:_MOST_NAMED])
        more = f" and {len(incidents) - _MOST_NAMED} more" if len(incidents) > _MOST_NAMED else ""
        return Check(
            "incidents",
            not incidents,
            f"Not settled yet: {named}{more}." if incidents else "Nothing is open.",
        )

    def _worker(self) -> Check:
        try:
            with self._uow.read() as stores:
                beat = stores.jobs.last_beat()
        except Exception as error:  # noqa: BLE001 - as above
            return Check("worker", False, f"onfile.db cannot be read: {error}")
        age = None if beat is None else epoch(self._clock()) - beat
        # From the future: a clock was wrong, and nothing has written since.
        if age is None or abs(age) > HEARTBEAT_FRESH_SECONDS:
            return Check("worker", False, "The worker is not running.")
        return Check("worker", True, f"Last heartbeat {age} s ago.")


def _lacking(what: str, row: str | None, error: Misconfigured) -> str:
    """What a refused key needs, and where one gives it."""
    if error.http_status != 403:
        return str(error)
    missing = error.permission or "a permission that Stripe did not name"
    where = f" (probably the row “{row}”)" if row else ""
    return (
        f"The key may not {what}. It lacks {missing}: in the Stripe Dashboard, under Developers, API "
        f"keys, edit the restricted key and give it that permission{where}."
    )
