"""
Ownership: verifies before the first request of a process that the key belongs to the database's account.

The account is bound at first contact. Under another account's key customers would mix, and a full read
would take the first account's for deleted; so nothing is asked, nothing is sent, nothing is mirrored.
"""

from __future__ import annotations

import logging

from lib.domain.account import Account
from lib.domain.days import day_began
from lib.errors import AnotherAccount, GatewayError, Misconfigured, Missing, SettingsError
from lib.ids import new_id
from lib.store.anchor import Anchor
from lib.store.audit import AuditStore
from lib.store.meta import (
    ACCOUNT,
    BEHIND,
    COMPANY,
    DAYS_CLOSED_UNTIL,
    DECISIONS_REST,
    INSTALLATION,
    MODE,
    TIMEZONE,
    MetaStore,
)
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway

logger = logging.getLogger(__name__)


def bind_to_mode(meta: MetaStore, mode: str) -> None:
    """
    At a start: which mode this database is of, and an installation's own id where it has none yet.

    Raises:
        SettingsError: it holds rows of another mode.
    """
    bound = meta.bind(MODE, mode)
    meta.bind(INSTALLATION, new_id("ins"))
    if bound != mode:
        raise SettingsError(
            f"This data folder holds {bound} data, but the Stripe key is for {mode} mode. "
            "Point ONFILE_DATA_DIR at another folder; rows of two accounts must never mix."
        )


def bind_to_timezone(meta: MetaStore, audit: AuditStore, timezone: str, *, now: int) -> None:
    """
    At a start, in a transaction: whose days limits count. A change is told in the audit log, and no day
    that was over by the old zone, or by one before it, begins again by the new one.
    """
    before = meta.bind(TIMEZONE, timezone)
    if before == timezone:
        return
    meta.set(TIMEZONE, timezone)
    closed_until = max(day_began(now, before), int(meta.value(DAYS_CLOSED_UNTIL) or 0))
    meta.set(DAYS_CLOSED_UNTIL, str(closed_until))
    audit.record(
        at=now,
        actor="system",
        action="limits.timezone",
        subject="limits",
        detail={"from": before, "to": timezone},
    )


def doubt_without_anchor(meta: MetaStore, audit: AuditStore, anchor: Anchor, *, now: int) -> None:
    """
    At a start, in a transaction: whether the file came without what lies beside it. Then it may be a copy
    that somebody made by hand, while the newest entries stood in SQLite's log, which is not here: that is
    unlike any other file in nothing but this. The ledger counts as behind until Stripe was asked. So does one
    whose log was emptied, with or without a file beside it.
    """
    head = audit.head()
    if meta.value(BEHIND) is not None or (
        not audit.is_empty_without_reason() and (head.id == 0 or anchor.head() is not None)
    ):
        return
    logger.warning(
        "This database came without its file onfile.anchor, so it may be a copy made by hand, which lacks "
        "the newest entries. Nothing is charged until what Stripe knows is taken over (the worker does "
        "that, or “python -m lib reconcile --rebuild”) and an approver has confirmed what waits. Prefer "
        "copies made by “python -m lib backup”, put back by “python -m lib restore”."
    )
    meta.set(BEHIND, str(now))
    meta.set(DECISIONS_REST, str(now))
    audit.record(
        at=now,
        actor="system",
        action="ledger.behind",
        subject=str(head),
        detail={"reason": "no_anchor", "head": str(head)},
    )


class Ownership:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway) -> None:
        self._uow = uow
        self._gateway = gateway

    def verify(self) -> None:
        """
        The gateway's guard: called once, before anything else is asked.

        Raises:
            AnotherAccount: the database holds rows of another account.
            GatewayError: Stripe could not be asked; nothing is known, and nothing may be sent yet.
        """
        account = _readable(self._gateway)
        if account is None:
            self._verify_by_an_object()
            return
        with self._uow.read() as stores:
            bound = stores.meta.value(ACCOUNT)
        if bound is None:
            # Rows of before the account was bound: they must be of this one, too.
            self._verify_by_an_object()
            with self._uow.write() as stores:
                bound = stores.meta.bind(ACCOUNT, account.id)
        if bound != account.id:
            raise AnotherAccount(
                f"This data folder belongs to the Stripe account {bound}, and the key to {account.id}. "
                "Nothing is read or charged. Set that account's key, or point ONFILE_DATA_DIR at another folder."
            )
        _keep_name(self._uow, account)

    def learn_company(self) -> None:
        """
        In practice mode, whose account needs no verifying: the business name that customers read. A
        start does not fail for want of it.
        """
        try:
            account = _readable(self._gateway)
        except GatewayError:
            logger.info("the account's business name could not be read", exc_info=True)
            return
        if account is not None:
            _keep_name(self._uow, account)

    def _verify_by_an_object(self) -> None:
        """An object of this database that the key can read is of the same account."""
        with self._uow.read() as stores:
            customer, intent = stores.mirror.newest_customer(), stores.payments.newest_intent()
        try:
            if customer is not None:
                self._gateway.retrieve_customer(customer)
            elif intent is not None:
                self._gateway.retrieve_payment_intent(intent)
        except Missing as error:
            raise AnotherAccount(
                f"Stripe does not know {customer or intent} under this key, so the data folder belongs to another account. "
                "Nothing is read or charged. Set that account's key, or point ONFILE_DATA_DIR at another folder."
            ) from error


def _readable(gateway: StripeGateway) -> Account | None:
    """None where the key may not read it."""
    try:
        return gateway.account()
    except Misconfigured as error:
        if error.http_status != 403:
            raise
        return None


def _keep_name(uow: UnitOfWork, account: Account) -> None:
    with uow.read() as stores:
        known = stores.meta.value(COMPANY)
    if known == account.business_name:
        return
    with uow.write() as stores:
        if account.business_name is None:
            stores.meta.clear(COMPANY)
        else:
            stores.meta.set(COMPANY, account.business_name)
