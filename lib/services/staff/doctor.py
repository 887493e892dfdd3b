"""Checks that an installation can do its work, each with a plain word on what is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from lib.clock import Clock, epoch
from lib.domain.checks import Check
from lib.domain.links import LinkRefusal
from lib.domain.rebuild import HOW_TO_ANSWER, beside, question
from lib.domain.webhook_endpoints import THIN_ADVICE, WebhookEndpoint, advice, problem
from lib.errors import DecisionsRest, GatewayError, LedgerBehind, Misconfigured, OnfileError
from lib.mail.mailer import Mailer
from lib.services.staff.file_checks import FileChecks
from lib.services.staff.key_permissions import lacking, permission_checks
from lib.services.staff.mail_check import check_mail
from lib.services.staff.provider_check import provider_checks
from lib.services.staff.sandbox import Trial, trials
from lib.settings import Mode, Settings
from lib.store.meta import BEHIND, DECISIONS_REST, INSTALLATION, LINKS_REFUSED
from lib.store.trouble import in_words
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

# Webhooks are refused from five minutes on.
CLOCK_OFF_SECONDS = 60
# The rest is counted.
_MOST_NAMED = 10


class DoctorService:
    def __init__(
        self,
        uow: UnitOfWork,
        gateway: StripeGateway,
        mailer: Mailer | None,
        *,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._uow = uow
        self._gateway = gateway
        self._mailer = mailer
        self._clock = clock
        self._settings = settings
        self._file = FileChecks(uow, clock=clock, settings=settings)

    def checks(self) -> list[Check]:
        """Every check, in the order in which one would repair things. Changes nothing at Stripe."""
        return [
            self._file.database(thorough=True),
            self._file.backup(),
            self._key(),
            *permission_checks(self._gateway),
            self._stripe_clock(),
            *self._readable("webhook", self._webhook),
            self._public_url(),
            check_mail(self._mailer, self._settings),
            *provider_checks(self._settings.provider),
            *self._readable("staff", self._staff),
            *self._readable("ledger", self._ledger),
            *self._readable("installation", self._installation),
            *self._readable("links", self._links),
            *self._readable("incidents", self._incidents),
        ]

    def _readable(self, name: str, check: Callable[[], Check]) -> Iterator[Check]:
        try:
            yield check()
        except sqlite3.Error as error:
            yield Check(name, False, in_words(error, self._settings.data_dir))

    def sandbox(self) -> Iterator[Trial]:
        """What the documentation leaves open, tried with a test key as it is iterated over."""
        return trials(self._gateway, self._settings.mode)

    def is_ready(self) -> list[Check]:
        """The quick checks for monitoring; Stripe is not asked."""
        return [self._file.database(thorough=False), self._file.worker()]

    def _key(self) -> Check:
        if self._settings.mode is Mode.PRACTICE:
            return Check("stripe_key", True, "Practice mode: the embedded practice Stripe answers.")
        try:
            account = self._gateway.account()
        except Misconfigured as error:
            if error.http_status == 403 and error.permission:
                # Stripe knows the key; whatever Onfile needs is asked for one by one below.
                return Check(
                    "stripe_key",
                    True,
                    f"Stripe answers. The key may not read the account ({error.permission}), which "
                    "Onfile needs only to measure statement suffixes, and to name the company to customers "
                    "where ONFILE_COMPANY does not.",
                )
            return Check("stripe_key", False, lacking("read the account", None, error))
        except OnfileError as error:
            return Check("stripe_key", False, str(error))
        return Check("stripe_key", True, f"Stripe answers for account {account.id}.")

    def _stripe_clock(self) -> Check:
        try:
            stripe_time = self._gateway.ask_time()
        except GatewayError as error:
            return Check("clock", True, f"Stripe's clock could not be asked: {error}")
        if stripe_time is None:
            return Check("clock", True, "Stripe's answers do not say its time.")
        ahead = epoch(self._clock()) - stripe_time
        if abs(ahead) <= CLOCK_OFF_SECONDS:
            return Check("clock", True, "This machine's clock agrees with Stripe's.")
        return Check(
            "clock",
            False,
            f"This machine's clock is {abs(ahead):,} s {'ahead of' if ahead > 0 else 'behind'} Stripe's. "
            "Nothing is missed, but Stripe's webhooks are refused from five minutes on, and the times "
            "that Onfile writes down are wrong. Have the system set the clock (timedatectl set-ntp true).",
        )

    def _webhook(self) -> Check:
        if not self._settings.webhook_secrets:
            return Check(
                "webhook",
                True,
                "No STRIPE_WEBHOOK_SECRET: Onfile asks Stripe itself (polling), and news arrives later.",
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

    def _installation(self) -> Check:
        with self._uow.read() as stores:
            ours = stores.meta.value(INSTALLATION) or ""
            unclaimed, others = stores.marks.unclaimed(), stores.marks.others(ours)
            has_read = stores.sync.cursor("backfill") is not None
        if unclaimed:
            now = self._gateway.answered_at or epoch(self._clock())
            asks = question(unclaimed, now=now)
            return Check("installation", False, f"{asks} {HOW_TO_ANSWER}")
        if others:
            return Check("installation", True, beside(others))
        known = "No other Onfile charges on this account"
        if not has_read:
            known = "Not everything was read yet; so far no other Onfile charges on this account"
        return Check("installation", True, f"{known}. This one is {ours}.")

    def _links(self) -> Check:
        with self._uow.read() as stores:
            refused = stores.meta.value(LINKS_REFUSED)
        if refused is not None:
            reason = LinkRefusal.from_json(refused).reason
            return Check("links", False, f"Stripe refused the last setup link: {reason}")
        return Check("links", True, "Stripe made a page for the last setup link.")

    def _incidents(self) -> Check:
        with self._uow.read() as stores:
            newest = stores.incidents.open(limit=_MOST_NAMED)
            rest = stores.incidents.count_open() - len(newest)
        if not newest:
            return Check("incidents", True, "Nothing is open.")
        named = ", ".join(f"{one.subject} ({one.kind})" for one in newest)
        more = f" and {rest} more" if rest else ""
        return Check(
            "incidents",
            False,
            f"Not settled yet: {named}{more}. Settle them at {self._settings.public_url}/incidents, "
            "or see them with “python -m lib incidents list”.",
        )
