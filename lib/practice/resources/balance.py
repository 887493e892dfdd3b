"""The balance, its transactions, and payouts; all read only, and made by `books`."""

from __future__ import annotations

from typing import Any

from lib.practice import account_settings, books, listing
from lib.practice.replies import invalid
from lib.practice.routing import Call, Route


def _balance(call: Call) -> dict[str, Any]:
    rows = call.ledger.connection.execute(
        "SELECT currency, sum(CASE WHEN available_on <= :now THEN net ELSE 0 END) AS available,"
        " sum(CASE WHEN available_on > :now THEN net ELSE 0 END) AS pending"
        " FROM balance_ledger GROUP BY currency",
        {"now": call.now},
    )
    default = account_settings.read(call.ledger.connection).settlement_currencies[0]
    sums = {default: (0, 0)}
    if not call.ledger.livemode:
        sums |= {row["currency"]: (row["available"], row["pending"]) for row in rows}
    return {
        "object": "balance",
        "available": [_funds(currency, sums[currency][0]) for currency in sorted(sums)],
        "livemode": call.ledger.livemode,
        "pending": [_funds(currency, sums[currency][1]) for currency in sorted(sums)],
    }


def _funds(currency: str, amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": currency, "source_types": {"card": amount}}


def _list_transactions(call: Call) -> dict[str, Any]:
    filters = {"type": call.params.get("type")}
    within = {name: call.params.get(name) for name in ("currency", "source", "payout")}
    return _page(call, "balance_transaction", filters, within)


def _list_payouts(call: Call) -> dict[str, Any]:
    for name in ("arrival_date", "destination", "status"):
        if name in call.params:
            raise invalid(f"Practice Stripe does not filter payouts by `{name}`.", param=name)
    return _page(call, "payout", {}, {})


def _page(call: Call, kind: str, filters: dict[str, Any], within: dict[str, Any]) -> dict[str, Any]:
    wanted = {name: value for name, value in filters.items() if value is not None}
    booked = {name: value for name, value in within.items() if value is not None}
    where = "".join(f" AND {name} = ?" for name in wanted)
    if booked:
        conditions = " AND ".join(f"{name} = ?" for name in booked)
        where += f" AND id IN (SELECT id FROM balance_ledger WHERE {conditions})"  # noqa: S608
    values = [*wanted.values(), *booked.values()]
    page = listing.page_of(call, "objects", ("kind = ?", (kind,)), kind, where=where, values=values)
    page["data"] = [books.as_of(call.now, item) for item in page["data"]]
    return page


def _transaction(call: Call) -> dict[str, Any]:
    return books.as_of(call.now, call.ledger.get("balance_transaction", call.ids["id"]).payload)


def _payout(call: Call) -> dict[str, Any]:
    return books.as_of(call.now, call.ledger.get("payout", call.ids["payout"]).payload)


_READ, _READ_PAYOUTS = "rak_balance_transaction_read", "rak_payout_read"
_KIND = "balance_transaction"
ROUTES = [
    Route("GET", "/v1/balance", "BalanceRetrieveParams", "rak_balance_read", "balance", _balance),
    Route(
        "GET",
        "/v1/balance_transactions",
        "BalanceTransactionListParams",
        _READ,
        _KIND,
        _list_transactions,
        is_list=True,
    ),
    Route(
        "GET",
        "/v1/balance_transactions/{id}",
        "BalanceTransactionRetrieveParams",
        _READ,
        _KIND,
        _transaction,
    ),
    Route(
        "GET",
        "/v1/payouts",
        "PayoutListParams",
        _READ_PAYOUTS,
        "payout",
        _list_payouts,
        is_list=True,
    ),
    Route("GET", "/v1/payouts/{payout}", "PayoutRetrieveParams", _READ_PAYOUTS, "payout", _payout),
]
