"""Customers who must not be charged, and what has yet to be written to them at Stripe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlite_utils import Database

from lib.domain.holds import Hold
from lib.store.erasures import ErasureStore
from lib.store.slices import THESE, in_slices

# Longer than one request that is repeated to its end.
_LEASE_SECONDS = 300
# One that was put further ahead was put there by a clock that was wrong.
_LONGEST_WAIT_SECONDS = 6 * 3600


@dataclass(frozen=True, slots=True)
class HoldWrite:
    customer: str
    version: int
    tries: int
    error: str | None
    """Why the last try did not work, for a person."""


class HoldStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def any(self) -> bool:
        """Whether there ever was one."""
        return bool(list(self._database.query("SELECT 1 FROM customer_holds LIMIT 1")))

    def of(self, customers: Iterable[str]) -> list[Hold]:
        """All of these customers, newest first for each."""
        rows = in_slices(
            self._database,
            f"""SELECT * FROM customer_holds WHERE customer IN {THESE}
                ORDER BY customer, set_at DESC, rowid DESC""",
            customers,
        )
        return [_hold_of(row) for row in rows]

    def open_of(self, customer: str) -> list[Hold]:
        return [one for one in self.of([customer]) if one.is_open]

    def covering(self, customers: Iterable[str]) -> dict[str, Hold]:
        """By customer: a hold of their own, or else one of somebody who shares their address."""
        if not list(
            self._database.query("SELECT 1 FROM customer_holds WHERE lifted_at IS NULL LIMIT 1")
        ):
            return {}
        ids = list(customers)
        twins = in_slices(
            self._database,
            f"""SELECT c.id AS charged, h.* FROM customers c
                CROSS JOIN customers twin ON twin.address_key = c.address_key AND twin.id <> c.id
                CROSS JOIN customer_holds h ON h.customer = twin.id AND h.lifted_at IS NULL
                WHERE c.id IN {THESE}""",
            ids,
        )
        covering = self._of_erased(ids) | {row.pop("charged"): _hold_of(row) for row in twins}
        own = in_slices(
            self._database,
            f"SELECT * FROM customer_holds WHERE customer IN {THESE} AND lifted_at IS NULL",
            ids,
        )
        return covering | {row["customer"]: _hold_of(row) for row in own}

    def _of_erased(self, ids: list[str]) -> dict[str, Hold]:
        """Holds of people who were erased, by whoever came back with the same address."""
        keys: dict[str, list[str]] = {}
        for row in in_slices(
            self._database,
            f"SELECT id, address_key FROM customers WHERE id IN {THESE} AND address_key IS NOT NULL",
            ids,
        ):
            keys.setdefault(row["address_key"], []).append(row["id"])
        aliases = ErasureStore(self._database).aliases(keys)
        rows = in_slices(
            self._database,
            f"""SELECT c.address_key, h.* FROM customers c
                CROSS JOIN customer_holds h ON h.customer = c.id AND h.lifted_at IS NULL
                WHERE c.address_key IN {THESE}""",
            aliases,
        )
        return {
            id_: hold
            for row in rows
            for id_ in keys[aliases[row.pop("address_key")]]
            for hold in [_hold_of(row)]
        }

    def newest(self, *, limit: int) -> list[Hold]:
        """Those that are on, newest first."""
        rows = self._database.query(
            """SELECT * FROM customer_holds WHERE lifted_at IS NULL
               ORDER BY set_at DESC, rowid DESC LIMIT ?""",
            (limit,),
        )
        return [_hold_of(row) for row in rows]

    def add(self, hold: Hold) -> None:
        self._database.execute(
            """INSERT INTO customer_holds (id, customer, reason, set_by, set_at, is_from_stripe,
                   lifted_by, lifted_at, lift_reason, lift_confirmed_at_ms)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                hold.id,
                hold.customer,
                hold.reason,
                hold.set_by,
                hold.set_at,
                int(hold.is_from_stripe),
                hold.lifted_by,
                hold.lifted_at,
                hold.lift_reason,
                hold.lift_confirmed_at_ms,
            ),
        )

    def lift(self, hold_id: str, *, by: str, reason: str, at: int) -> bool:
        """False when it was lifted before."""
        return (
            self._database.execute(
                """UPDATE customer_holds SET lifted_by = ?, lifted_at = ?, lift_reason = ?
                   WHERE id = ? AND lifted_at IS NULL""",
                (by, at, reason, hold_id),
            ).rowcount
            == 1
        )

    def confirm_lifts(self, customer: str, *, at_ms: int) -> None:
        """Stripe says now what is true here: whoever asked before this moment may hear older news."""
        self._database.execute(
            """UPDATE customer_holds SET lift_confirmed_at_ms = ?
               WHERE customer = ? AND lifted_at IS NOT NULL AND lift_confirmed_at_ms IS NULL""",
            (at_ms, customer),
        )

    # What Stripe has yet to be told

    def want_write(self, customer: str, *, at: int) -> None:
        self._database.execute(
            """INSERT INTO customer_hold_writes (customer, version, next_try_at) VALUES (?, 1, ?)
               ON CONFLICT (customer) DO UPDATE SET version = version + 1, tries = 0,
                   error = NULL, next_try_at = excluded.next_try_at""",
            (customer, at),
        )

    def waiting(self, customer: str) -> HoldWrite | None:
        rows = self._database.query(
            "SELECT customer, version, tries, error FROM customer_hold_writes WHERE customer = ?",
            (customer,),
        )
        return next((HoldWrite(**row) for row in rows), None)

    def due(self, *, now: int, limit: int) -> list[str]:
        rows = self._database.query(
            f"""SELECT customer FROM customer_hold_writes
                WHERE next_try_at <= ?1 OR next_try_at > ?1 + {_LONGEST_WAIT_SECONDS}
                ORDER BY next_try_at LIMIT ?2""",
            (now, limit),
        )
        return [row["customer"] for row in rows]

    def claim_write(self, customer: str, *, now: int) -> HoldWrite | None:
        """None while another process writes it, or nothing waits: two writes never overtake each other."""
        claimed = self._database.execute(
            f"""UPDATE customer_hold_writes SET tries = tries + 1, leased_until = ?1 + {_LEASE_SECONDS}
                WHERE customer = ?2 AND (leased_until IS NULL OR leased_until <= ?1
                    OR leased_until > ?1 + {_LEASE_SECONDS})""",
            (now, customer),
        ).rowcount
        return self.waiting(customer) if claimed else None

    def end_write(self, write: HoldWrite) -> bool:
        """True where nothing changed since it was claimed; otherwise it is written once more."""
        ended = self._database.execute(
            "DELETE FROM customer_hold_writes WHERE customer = ? AND version = ?",
            (write.customer, write.version),
        ).rowcount
        self._database.execute(
            "UPDATE customer_hold_writes SET leased_until = NULL WHERE customer = ?",
            (write.customer,),
        )
        return ended == 1

    def fail_write(self, write: HoldWrite, *, error: str, next_try_at: int) -> None:
        self._database.execute(
            """UPDATE customer_hold_writes SET leased_until = NULL, error = ?, next_try_at = ?
               WHERE customer = ?""",
            (error, next_try_at, write.customer),
        )


def _hold_of(row: dict[str, Any]) -> Hold:
    return Hold(**{**row, "is_from_stripe": bool(row["is_from_stripe"])})
