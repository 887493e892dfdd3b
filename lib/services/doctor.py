"""Checks that an installation can do its work, each with a plain word on what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.errors import GatewayError, Misconfigured, OnfileError
from lib.settings import Mode, Settings
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

# The worker beats every few seconds; a minute of silence means it is not running.
HEARTBEAT_FRESH_SECONDS = 60
# An id that no account has. Stripe checks the permission before it looks the object up, so a 404
# or 400 proves the permission and changes nothing.
_NOBODY = "onfile0probe0nothing"
_PROBES: tuple[tuple[str, str, str], ...] = (
    ("read checkout sessions", "get", f"/v1/checkout/sessions/cs_test_{_NOBODY}"),
    ("make checkout sessions", "post", "/v1/checkout/sessions"),
    ("read setup intents", "get", f"/v1/setup_intents/seti_{_NOBODY}"),
    ("read customers", "get", f"/v1/customers/cus_{_NOBODY}"),
    ("change customers", "post", f"/v1/customers/cus_{_NOBODY}"),
    ("read payment methods", "get", f"/v1/payment_methods/pm_{_NOBODY}"),
    ("attach and detach payment methods", "post", f"/v1/payment_methods/pm_{_NOBODY}/attach"),
    ("read payment intents", "get", f"/v1/payment_intents/pi_{_NOBODY}"),
    ("charge", "post", "/v1/payment_intents"),
    ("read charges", "get", f"/v1/charges/ch_{_NOBODY}"),
    ("read events", "get", f"/v1/events/evt_{_NOBODY}"),
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
        ]

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
                "database", False,
                f"onfile.db has an older schema ({len(missing)} steps behind). Restart Onfile.",
            )  # fmt: skip
        return Check("database", True, "onfile.db can be written and has the current schema.")

    def _key(self) -> Check:
        if self._settings.mode is Mode.PRACTICE:
            return Check("stripe_key", True, "Practice mode: the embedded practice Stripe answers.")
        return _asked(
            "stripe_key",
            lambda: f"Stripe answers for account {self._gateway.account_id()}.",
        )

    def _permissions(self) -> list[Check]:
        found = []
        for what, method, path in _PROBES:
            name = f"permission: {what}"
            try:
                self._gateway.probe(method, path, {})
            except Misconfigured as error:
                missing = error.permission or "unknown"
                found.append(
                    Check(
                        name,
                        False,
                        f"The key may not {what}. Give it the permission {missing} in the Stripe Dashboard."
                        if error.http_status == 403
                        else str(error),
                    )
                )
            except GatewayError as error:
                refused = error.http_status in (400, 404)
                found.append(Check(name, refused, "Allowed." if refused else str(error)))
            else:
                found.append(Check(name, True, "Allowed."))
        return found

    def _webhook(self) -> Check:
        if not self._settings.webhook_secrets:
            return Check(
                "webhook",
                True,
                "No STRIPE_WEBHOOK_SECRET: Onfile relies on polling, and news arrives later.",
            )
        return Check(
            "webhook",
            True,
            f"Deliveries to {self._settings.public_url}/webhooks/stripe are verified.",
        )

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
            "staff", True,
            "Nobody can manage users yet: python -m lib users add NAME --email E --role admin",
        )  # fmt: skip

    def _worker(self) -> Check:
        try:
            with self._uow.read() as stores:
                beat = stores.jobs.last_beat()
        except Exception as error:  # noqa: BLE001 - as above
            return Check("worker", False, f"onfile.db cannot be read: {error}")
        age = None if beat is None else epoch(self._clock()) - beat
        if age is None or age > HEARTBEAT_FRESH_SECONDS:
            return Check("worker", False, "The worker is not running.")
        return Check("worker", True, f"Last heartbeat {age} s ago.")


def _asked(name: str, question: Callable[[], str]) -> Check:
    try:
        return Check(name, True, question())
    except OnfileError as error:
        return Check(name, False, str(error))
