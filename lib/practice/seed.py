"""Fills an empty account with the last ninety days of a small wholesale business."""

from __future__ import annotations

from lib.clock import epoch
from lib.practice.engine import PracticeStripe
from lib.practice.seed_data import BUSINESSES, GUESTS
from lib.practice.seed_plan import Past, Plan


def seed(stripe: PracticeStripe) -> None:
    """Does nothing when the account already has customers, or another process is seeding it.

    Those that were deleted, as a trial of the sandbox deletes its own, do not count.

    What it makes counts as delivered: a webhook route that starts later hears none of it.
    """
    if _is_taken(stripe):
        return
    plan = Plan(Past(stripe))
    for business in BUSINESSES:
        plan.add_business(business)
    for guest in GUESTS:
        plan.add_guest(guest)
    plan.add_links()
    plan.run()


def _is_taken(stripe: PracticeStripe) -> bool:
    with stripe.database.writing() as connection:
        query = "SELECT 1 FROM objects WHERE kind = 'customer' AND NOT is_deleted LIMIT 1"
        if connection.execute(query).fetchone() is not None:
            return True
        claim = connection.execute(
            "INSERT OR IGNORE INTO settings (name, value) VALUES ('seeded_at', ?)",
            (str(epoch(stripe.clock())),),
        )
        return claim.rowcount != 1
