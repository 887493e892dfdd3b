"""
Ownership: verifies before the first request of a process that the key belongs to the database's account.

The account is bound at first contact. Under another account's key customers would mix, and a full read
would take the first account's for deleted; so nothing is asked, nothing is sent, nothing is mirrored.
"""

from __future__ import annotations

from lib.errors import AnotherAccount, Misconfigured, Missing, SettingsError
from lib.ids import new_id
from lib.store.meta import ACCOUNT, INSTALLATION, MODE, TIMEZONE, MetaStore
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway


def bind_to_mode(meta: MetaStore, mode: str, timezone: str) -> None:
    """
    At a start: which mode this database is of, and an installation's own id where it has none yet.

    Raises:
        SettingsError: it holds rows of another mode.
    """
    bound = meta.bind(MODE, mode)
    meta.bind(INSTALLATION, new_id("ins"))
    # Days that are over stay as they were counted; from now on they begin by the new zone.
    meta.set(TIMEZONE, timezone)
    if bound != mode:
        raise SettingsError(
            f"This data folder holds {bound} data, but the Stripe key is for {mode} mode. "
            "Point ONFILE_DATA_DIR at another folder; rows of two accounts must never mix."
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
        try:
            account = self._gateway.account_id()
        except Misconfigured as error:
            if error.http_status != 403:
                raise
            self._verify_by_an_object()
            return
        with self._uow.read() as stores:
            bound = stores.meta.value(ACCOUNT)
        if bound is None:
            # Rows of before the account was bound: they must be of this one, too.
            self._verify_by_an_object()
            with self._uow.write() as stores:
                bound = stores.meta.bind(ACCOUNT, account)
        if bound != account:
            raise AnotherAccount(
                f"This data folder belongs to the Stripe account {bound}, and the key to {account}. "
                "Nothing is read or charged. Set that account's key, or point ONFILE_DATA_DIR at another folder."
            )

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
