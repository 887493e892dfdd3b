"""The data that is kept of a person, by table, and what is under way with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain import charges, outbox, refunds
from lib.domain.idempotency_keys import customer_key
from lib.domain.identity import address_key
from lib.domain.run_states import COUNTED_STATES
from lib.domain.runs import OVER_STATES
from lib.store.states import one_of

_CHARGES = "(SELECT id FROM charges WHERE customer IN (SELECT id FROM person))"
_LINKS = f"""(SELECT id FROM setup_links WHERE customer IN (SELECT id FROM person)
    OR charge_id IN {_CHARGES} OR (customer IS NULL AND address_key IN (SELECT key FROM addresses)))"""
OWN = "customer IN (SELECT id FROM person)"
# Of every table with something of a customer's, which rows are a person's. `person` has the ids of
# their customers, `addresses` the keys of their addresses, `key_of` makes that of any text.
PERSONAL: dict[str, str] = {
    "customers": "id IN (SELECT id FROM person)",
    "checkout_sessions": f"""{OWN}
        OR (customer IS NULL AND key_of(customer_email) IN (SELECT key FROM addresses))""",
    "setup_intents": OWN,
    "payment_methods": f"{OWN} OR last_customer IN (SELECT id FROM person)",
    "payment_intents": OWN,
    "stripe_charges": OWN,
    "stripe_refunds": OWN,
    "disputes": OWN,
    "setup_links": f"id IN {_LINKS}",
    "link_sessions": f"link_id IN {_LINKS}",
    "stripe_requests": f"""object_id IN (SELECT id FROM person)
        OR idempotency_key IN (SELECT {customer_key("")!r} || id FROM setup_links WHERE id IN {_LINKS})""",
    "charges": OWN,
    "attempts": OWN,
    "charge_events": f"charge_id IN {_CHARGES}",
    "manual_outcomes": f"charge_id IN {_CHARGES}",
    "refunds": f"charge_id IN {_CHARGES}",
    "new_card_charges": f"charge_id IN {_CHARGES}",
    "customer_holds": OWN,
    "customer_hold_writes": OWN,
    "customer_notes": OWN,
    "incidents": "json_extract(details, '$.customer') IN (SELECT id FROM person)",
    "run_rows": f"""{OWN} OR (customer IS NULL AND (
        key_of(request ->> '$.customer') IN (SELECT key FROM addresses)
            OR EXISTS (SELECT 1 FROM json_each(cells)
                WHERE value LIKE '%@%' AND key_of(value) IN (SELECT key FROM addresses))))""",
    "link_batch_rows": f"""{OWN} OR link_id IN {_LINKS} OR (customer IS NULL AND (
        key_of(request ->> '$.email') IN (SELECT key FROM addresses)
            OR key_of(request ->> '$.customer') IN (SELECT key FROM addresses)))""",
    "outbox": f"{OWN} OR link_id IN {_LINKS}",
    "announcements": OWN,
    "announcement_rows": f"announcement_id IN (SELECT id FROM announcements WHERE {OWN})",
    "agreements": f"link_id IN {_LINKS}",
    "webhook_deliveries": """object_id IN (SELECT id FROM person)
        OR body ->> '$.customer' IN (SELECT id FROM person)""",
    "audit_log": "subject IN (SELECT id FROM person)",
}
# Who knows one of these acts with it.
_SECRETS = {"token", "form_key", "url", "idempotency_key", "position", "address_key"}


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What has to be settled before a person can be erased."""

    what: str
    id: str


_OPEN_WORK = f"""
    SELECT 'charge' AS what, id FROM charges WHERE {OWN}
        AND state IN {one_of(charges.UNFINISHED_STATES)}
    UNION ALL SELECT 'run', run_id FROM run_rows r JOIN runs ON runs.id = r.run_id
        WHERE {OWN} AND r.state IN {one_of(COUNTED_STATES)}
            AND runs.state NOT IN {one_of(OVER_STATES)}
    UNION ALL SELECT 'refund', id FROM refunds WHERE charge_id IN {_CHARGES}
        AND state IN {one_of(refunds.UNFINISHED_STATES)}
    UNION ALL SELECT 'link', id FROM setup_links WHERE id IN {_LINKS}
        AND completed_at IS NULL AND revoked_at IS NULL AND expires_at > :now
    UNION ALL SELECT 'incident', id FROM incidents WHERE settled_at IS NULL
        AND json_extract(details, '$.customer') IN (SELECT id FROM person)
    UNION ALL SELECT 'message', id FROM outbox WHERE ({OWN} OR link_id IN {_LINKS})
        AND state IN {one_of(outbox.UNFINISHED_STATES)}
    UNION ALL SELECT 'new card', charge_id FROM new_card_charges
        WHERE ended_at IS NULL AND charge_id IN {_CHARGES}
    ORDER BY 1, 2 LIMIT 50"""


class PersonalStore:
    def __init__(self, database: Database) -> None:
        self._database = database
        database.register_function(_key_of, deterministic=True, name="key_of")

    def person(self, customer_id: str) -> list[str]:
        """Their customers: this one and whoever shares the address, deleted ones too; none where unknown."""
        rows = self._database.query(
            """SELECT id FROM customers WHERE id = ?1 OR address_key =
                   (SELECT address_key FROM customers WHERE id = ?1) ORDER BY created, id""",
            (customer_id,),
        )
        return [row["id"] for row in rows]

    def open_work(self, customers: Sequence[str], *, now: int) -> list[OpenWork]:
        rows = self.rows(_OPEN_WORK, customers, now=now)
        return list(dict.fromkeys(OpenWork(row["what"], row["id"]) for row in rows))

    def export(self, customers: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Every row that is theirs, by table, without what lets somebody act in their name."""
        return {
            table: [
                {
                    name: _without_address(value, row.get("url"))
                    for name, value in row.items()
                    if name not in _SECRETS
                }
                for row in self.rows(f"SELECT * FROM {table} WHERE {which}", customers)
            ]
            for table, which in PERSONAL.items()
        }

    def counts(self, customers: Sequence[str]) -> dict[str, int]:
        """How many rows of each table are theirs, where there are any."""
        counts = {
            table: int(
                next(
                    iter(self.rows(f"SELECT count(*) AS n FROM {table} WHERE {which}", customers))
                )["n"]
            )
            for table, which in PERSONAL.items()
        }
        return {table: number for table, number in counts.items() if number}

    def rows(
        self, sql: str, customers: Sequence[str], **parameters: object
    ) -> list[dict[str, Any]]:
        """Of a query that may name `person` and `addresses`."""
        return list(self._database.query(f"{PERSON} {sql}", asked_of(customers, parameters)))


def _without_address(value: object, url: object) -> object:
    """A message names its link's address, too."""
    if isinstance(value, str) and isinstance(url, str) and url:
        return value.replace(url, "(link)")
    return value


PERSON = """WITH person (id) AS (SELECT value FROM json_each(:person)),
    addresses (key) AS (SELECT DISTINCT address_key FROM customers
        WHERE id IN (SELECT id FROM person) AND address_key IS NOT NULL)"""


def _key_of(text: str | None) -> str | None:
    return None if text is None else address_key(text)


def asked_of(customers: Sequence[str], more: dict[str, object]) -> dict[str, Any]:
    return {"person": json.dumps(list(customers)), **more}
