"""
Stripe for an account whose payments an installation made that is lost, from a process of its own:

    .venv/bin/python -m bench.marked_server --payments 40000 [--latency-ms 80] [--rps 25]

Three years of payments, denser towards the end; for every four of them a customer and a setup session, for
every hundred a refund. Lists and the Search of payments; every other list is empty.
"""

from __future__ import annotations

import argparse
import bisect
import json
import re
from typing import Any

from bench.stripe_server import Application, Refused, serve

END = 1_790_000_000
INSTALLATION = "ins_bench0lost0file0"
PAYMENTS_A_CUSTOMER, PAYMENTS_A_REFUND = 4, 100
_PAGE = 100
_YEARS_SECONDS = 3 * 365 * 86_400
_BOUND = re.compile(r"created(>=|<)(\d+)")


class Collection:
    """Objects of a kind, newest first, as JSON."""

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        newest_first = sorted(objects, key=lambda one: -one["created"])
        self.ages = [-one["created"] for one in newest_first]
        self.texts = [json.dumps(one) for one in newest_first]
        self.places = {one["id"]: place for place, one in enumerate(newest_first)}

    def between(self, created_from: int, created_before: int) -> range:
        """Places of what was made then."""
        return range(
            bisect.bisect_right(self.ages, -created_before),
            bisect.bisect_right(self.ages, -created_from),
        )


class Account:
    def __init__(self, payments: int) -> None:
        numbers = range(payments)
        self._collections = {
            "payment_intents": Collection([_payment(n, payments) for n in numbers]),
            "customers": Collection(
                [_customer(n, payments) for n in numbers[::PAYMENTS_A_CUSTOMER]]
            ),
            "sessions": Collection([_session(n, payments) for n in numbers[::PAYMENTS_A_CUSTOMER]]),
            "refunds": Collection([_refund(n, payments) for n in numbers[::PAYMENTS_A_REFUND]]),
        }

    def answer(self, path: str, pairs: list[tuple[str, str]]) -> str:
        """
        Raises:
            Refused
        """
        asked = dict(pairs)
        *_, last = path.split("/")
        if last == "account":
            return '{"id": "acct_1Bench", "object": "account", "livemode": false}'
        if path.endswith("/payment_intents/search"):
            return self._searched(path, asked)
        collection = self._collections.get(last, Collection([]))
        places = collection.between(
            int(asked.get("created[gte]", 0)), int(asked.get("created[lt]", 2**40))
        )
        after = asked.get("starting_after")
        if after is not None:
            places = range(max(places.start, collection.places[after] + 1), places.stop)
        return _list(path, "list", collection, places, int(asked.get("limit", 10)))

    def _searched(self, path: str, asked: dict[str, str]) -> str:
        query = asked["query"]
        bounds = {mark: int(moment) for mark, moment in _BOUND.findall(query)}
        collection = self._collections["payment_intents"]
        # Every payment here is of the one installation: a query for others', or for none's, finds none.
        is_ours = "null" not in query and f"'{INSTALLATION}'" in query
        if not is_ours and "-metadata['onfile_installation']:null" in query:
            is_ours = INSTALLATION not in query
        if "<" not in bounds:
            raise Refused(400, f"This server has no search for {query}.")
        found = collection.between(bounds.get(">=", 0), bounds["<"]) if is_ours else range(0)
        start = found.start + int(asked.get("page", "0"))
        limit = int(asked.get("limit", 10))
        body = json.loads(_list(path, "search_result", collection, range(start, found.stop), limit))
        body["next_page"] = str(start + limit - found.start) if body["has_more"] else None
        if asked.get("expand[0]") == "total_count":
            body["total_count"] = min(len(found), 10_000)
        return json.dumps(body)


def _list(path: str, kind: str, collection: Collection, places: range, limit: int) -> str:
    data = ", ".join(collection.texts[place] for place in places[:limit])
    more = "true" if len(places) > limit else "false"
    return f'{{"object": "{kind}", "data": [{data}], "has_more": {more}, "url": "{path}"}}'


def _made(number: int, of: int) -> int:
    """Ever denser: half of them in the last year."""
    return END - int(_YEARS_SECONDS * (1 - number / of) ** 1.6)


def _customer_of(number: int) -> str:
    return f"cus_Bench{number // PAYMENTS_A_CUSTOMER:09d}"


def _payment(number: int, of: int) -> dict[str, Any]:
    return {
        "id": f"pi_1Bench{number:09d}",
        "object": "payment_intent",
        "livemode": False,
        "status": "succeeded",
        "customer": _customer_of(number),
        "payment_method": f"pm_1Bench{number // PAYMENTS_A_CUSTOMER:09d}",
        "amount": 1000 + number % 5000,
        "currency": "usd",
        "metadata": {
            "onfile_charge_id": f"chg_bench{number:09d}",
            "onfile_attempt": "1",
            "onfile_reference": f"INV-{number}",
            "onfile_installation": INSTALLATION,
        },
        "created": _made(number, of),
        "latest_charge": f"ch_1Bench{number:09d}",
        "last_payment_error": None,
        "description": None,
    }


def _customer(number: int, of: int) -> dict[str, Any]:
    return {
        "id": _customer_of(number),
        "object": "customer",
        "livemode": False,
        "name": f"Customer {number}",
        "email": f"customer{number}@example.com",
        "created": _made(number, of) - 60,
        "invoice_settings": {"default_payment_method": None},
    }


def _session(number: int, of: int) -> dict[str, Any]:
    return {
        "id": f"cs_test_Bench{number:09d}",
        "object": "checkout.session",
        "livemode": False,
        "mode": "setup",
        "status": "complete",
        "customer": _customer_of(number),
        "customer_email": None,
        "customer_details": {"email": f"customer{number}@example.com", "name": None},
        "currency": None,
        "setup_intent": f"seti_1Bench{number:09d}",
        "client_reference_id": f"link_bench{number:09d}",
        "metadata": {
            "onfile_link_id": f"link_bench{number:09d}",
            "onfile_installation": INSTALLATION,
        },
        "url": None,
        "created": _made(number, of) - 30,
        "expires_at": _made(number, of) + 86_400,
    }


def _refund(number: int, of: int) -> dict[str, Any]:
    payment = _payment(number, of)
    return {
        "id": f"re_1Bench{number:09d}",
        "object": "refund",
        "status": "succeeded",
        "charge": payment["latest_charge"],
        "payment_intent": payment["id"],
        "amount": 500,
        "currency": "usd",
        "reason": "duplicate",
        "metadata": {
            "onfile_refund_id": f"rfd_bench{number:09d}",
            "onfile_charge_id": payment["metadata"]["onfile_charge_id"],
            "onfile_installation": INSTALLATION,
        },
        "created": payment["created"] + 3600,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, required=True)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--rps", type=float, default=0, help="for each endpoint; 0 is no limit")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    application = Application(
        Account(arguments.payments),
        latency_seconds=arguments.latency_ms / 1000,
        rps=arguments.rps,
    )
    serve(application, arguments.port)


if __name__ == "__main__":
    main()
