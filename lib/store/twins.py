"""Customers beside each other, with what a person knows them by: their cards and last payments."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlite_utils import Database

from lib.domain.mirror import PaymentMethod
from lib.domain.twins import LastPayment, Twin
from lib.money import Money
from lib.store.meta import MetaStore
from lib.store.mirror import DRAWN, customer_of, payment_method_of

_DRAWN_OF_ONE = f"(SELECT {DRAWN} FROM customers WHERE id = ?1)"
_THESE = "(SELECT value FROM json_each(?))"


class TwinStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, customer_ids: Sequence[str]) -> list[Twin]:
        """In the order of the ids; what is not known is left out."""
        ids = json.dumps(list(customer_ids))
        query = self._database.query
        customers = {
            row["id"]: customer_of(row)
            for row in query(f"SELECT * FROM customers WHERE id IN {_THESE}", (ids,))
        }
        timezone = MetaStore(self._database).timezone
        methods: dict[str, list[PaymentMethod]] = {}
        for row in query(
            f"""SELECT * FROM payment_methods WHERE customer IN {_THESE} AND is_detached = 0
                ORDER BY position DESC""",
            (ids,),
        ):
            methods.setdefault(row["customer"], []).append(payment_method_of(row))
        # Columns beside max() are those of the newest row: https://www.sqlite.org/lang_select.html
        paid = {
            row["customer"]: LastPayment(
                Money(row["amount"], row["currency"]), row["created"], row["reference"], timezone
            )
            for row in query(
                f"""SELECT customer, amount, currency, reference, max(created) AS created
                    FROM payment_intents WHERE customer IN {_THESE} AND status = 'succeeded'
                    GROUP BY customer""",
                (ids,),
            )
        }
        return [
            Twin(customers[id_], tuple(methods.get(id_, ())), paid.get(id_))
            for id_ in customer_ids
            if id_ in customers
        ]

    def sharing(self, customer_id: str) -> list[Twin]:
        """This one, then other living customers whose address a person takes for its own, newest first; none where it is alone."""
        rows = self._database.query(
            f"""SELECT id FROM customers WHERE {DRAWN} = {_DRAWN_OF_ONE}
                    AND id <> ?1 AND is_deleted = 0
                ORDER BY position DESC LIMIT 20""",
            (customer_id,),
        )
        others = [row["id"] for row in rows]
        return self.of([customer_id, *others]) if others else []

    def beside(self, customer_id: str) -> tuple[str, ...]:
        """Ids of all other living customers whose address a person takes for its own."""
        rows = self._database.query(
            f"""SELECT id FROM customers WHERE {DRAWN} = {_DRAWN_OF_ONE}
                    AND id <> ?1 AND is_deleted = 0 ORDER BY id""",
            (customer_id,),
        )
        return tuple(row["id"] for row in rows)
