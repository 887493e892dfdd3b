"""Reads what Stripe kept of each charge, and with which payout it reached the bank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lib.clock import Clock, epoch
from lib.domain.settlement import (
    OVERLAP_SECONDS,
    READ_EVERY_SECONDS,
    WINDOW_SECONDS,
    BalanceTransaction,
    Payout,
)
from lib.errors import AnotherAccount, InvalidInput, Misconfigured
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway.gateway import StripeGateway
from lib.stripe_gateway.lists import ListPage, whole_list

_TRANSACTIONS, _PAYOUTS, _LAST_READ = "balance_transactions", "payouts", "settlement_read"


@dataclass(slots=True)
class SettlementResult:
    transactions: int = 0
    payouts: int = 0
    problems: list[str] = field(default_factory=list)
    """Sentences on what the key may not read; everything else works without."""


class SettlementReader:
    def __init__(self, uow: UnitOfWork, gateway: StripeGateway, *, clock: Clock) -> None:
        self._uow = uow
        self._gateway = gateway
        self._clock = clock

    def read_due(self) -> SettlementResult | None:
        """Once in `READ_EVERY_SECONDS`, also after a failure; None when it is not time."""
        now = epoch(self._clock())
        with self._uow.read() as stores:
            last = stores.sync.cursor(_LAST_READ)
            if stores.settlement.first_try() is None:
                return None
        if last is not None and last <= now < last + READ_EVERY_SECONDS:
            return None
        with self._uow.write() as stores:
            stores.sync.set_cursor(_LAST_READ, now)
        return self.read()

    def read(self) -> SettlementResult:
        """
        What was booked since the last time, and payouts with what they hold.

        Raises:
            GatewayError: Stripe could not be asked to the end. What was read is kept.
        """
        result = SettlementResult()
        for permission, part in (
            ("Balance transactions: Read", self._read_transactions),
            ("Payouts: Read", self._read_payouts),
        ):
            try:
                part(result)
            except Misconfigured as error:
                if error.http_status != 403 or isinstance(error, AnotherAccount):
                    raise
                result.problems.append(
                    f"The key may not read fees and payouts: it lacks {error.permission or permission}. "
                    "Everything else works without."
                )
        return result

    def _read_transactions(self, result: SettlementResult) -> None:
        now = epoch(self._clock())
        with self._uow.read() as stores:
            position = stores.sync.cursor(_TRANSACTIONS)
            if position is None:
                position = stores.settlement.first_try()
        if position is None:
            return
        since = position - OVERLAP_SECONDS
        while since <= now:
            before = since + WINDOW_SECONDS
            page = whole_list(self._transactions(since, before))
            with self._uow.write() as stores:
                result.transactions += stores.settlement.save_transactions(page.items)
                # The last position is the newest that Stripe showed: this machine's clock may be ahead.
                newest = [one.created for one in page.items]
                if before <= now or newest:
                    stores.sync.set_cursor(_TRANSACTIONS, before if before <= now else max(newest))
            since = before

    def _transactions(
        self, since: int, before: int
    ) -> Callable[[str | None], ListPage[BalanceTransaction]]:
        return lambda after: self._gateway.list_balance_transactions(
            created_from=since, created_before=before, after=after
        )

    def _read_payouts(self, result: SettlementResult) -> None:
        with self._uow.read() as stores:
            since = stores.sync.cursor(_PAYOUTS)
            if since is None:
                since = stores.settlement.first_try()
        if since is None:
            return
        # Those of the last weeks again: one may fail, or be paid, some days after it was made.
        page = whole_list(
            lambda after: self._gateway.list_payouts(
                created_from=since - 2 * WINDOW_SECONDS, after=after
            )
        )
        self._keep_payouts(page.items)
        with self._uow.read() as stores:
            unread = stores.settlement.unread_payouts()
        for payout in unread:
            self._read_payout(payout, result)

    def _keep_payouts(self, payouts: list[Payout]) -> None:
        if not payouts:
            return
        with self._uow.write() as stores:
            for payout in payouts:
                stores.settlement.save_payout(payout)
            stores.sync.set_cursor(_PAYOUTS, max(payout.created for payout in payouts))

    def _read_payout(self, payout: str, result: SettlementResult) -> None:
        def fetch(after: str | None) -> ListPage[BalanceTransaction]:
            return self._gateway.list_balance_transactions(payout=payout, after=after)

        try:
            page = whole_list(fetch)
        except InvalidInput as error:
            result.problems.append(f"Stripe does not say what payout {payout} holds: {error}")
            return
        with self._uow.write() as stores:
            stores.settlement.read_payout(payout, page.items)
        result.payouts += 1
