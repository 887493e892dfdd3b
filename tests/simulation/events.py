"""What happens by itself in the simulation: the worker, Stripe's bad days, clocks and customers."""

from __future__ import annotations

from datetime import timedelta

from lib.practice.replies import ConnectionDropped
from tests.simulation.people import People
from tests.simulation.state import debt_of
from tests.world import ALWAYS_DECLINES, GOOD, card_form

KEY = {"Authorization": "Bearer sk_test_practice"}
ON_CHARGE = (
    "lost_reply lost_request error_500_saved error_500_unsaved conflict_409 truncated_json "
    "rate_limited lock_timeout missing_permission"
).split()
ON_READ = "lost_reply error_500_unsaved rate_limited missing_permission empty_page_has_more".split()


class Events(People):
    def settle(self) -> None:
        step = len(self.steps)
        self.services.charge_resolver.resolve_due()
        if len(self.steps) == step:  # nothing else happened meanwhile
            self.check_looked_at()

    def sync(self) -> None:
        self.services.sync.run()

    def fault(self) -> None:
        faults = self.house.stripe.faults
        times = self.random.choice([1, 1, 1, 2, 5])
        if self.random.random() < 0.75:
            kind = self.random.choice(ON_CHARGE)
            path = self.random.choice(["/v1/payment_intents"] * 4 + ["/v1/refunds"])
            faults.add("POST", path, kind=kind, times=times)
        else:
            kind = self.random.choice(ON_READ)
            faults.add("GET", "/v1/", kind=kind, times=times * 3)
            self.stage.may_search = self.stage.may_search and kind != "missing_permission"
        self.say(f"{times} {kind}")

    def wait(self) -> None:
        seconds = self.random.choice([1, 5, 5, 61, 400, 4_000, 23 * 3_600, 25 * 3_600])
        self.house.clock.advance(seconds=seconds)
        self.say(seconds)

    def clock_is_set(self) -> None:
        self.skew = timedelta(seconds=self.random.choice([0, 0, -30, 90, -3_600, 7_200]))
        self.was_skewed = self.was_skewed or bool(self.skew)
        self.say(self.skew)

    def dashboard_confirm(self) -> None:
        """Somebody pays a failed PaymentIntent by hand."""
        failed = [
            i
            for i in self.intents()
            if i["status"] == "requires_payment_method" and i["id"] not in self.stage.by_hand
        ]
        if self.stage.hazards:
            # Whoever pays by hand looks first whether it was paid already.
            paid = {debt_of(i) for i in self.intents() if i["status"] == "succeeded"}
            paid |= {
                self.stage.made_for.get(i["id"], debt_of(i))
                for i in self.intents()
                if i["status"] == "succeeded"
            }
            failed = [
                i
                for i in failed
                if not paid & {debt_of(i), self.stage.made_for.get(i["id"], debt_of(i))}
            ]
        if not failed:
            return
        intent = self.random.choice(failed)
        method = self.random.choice(self.people[intent["customer"]])
        # What is known of its last refusal is of another card from now on.
        for one in self.stage.installations:
            one.failed.pop(debt_of(intent), None)
        try:
            self.house.stripe.handle(
                "POST",
                f"/v1/payment_intents/{intent['id']}/confirm",
                {"payment_method": method, "off_session": "true"},
                KEY,
            )
        except ConnectionDropped:
            return
        self.stage.happened["a payment of ours paid later"] += 1

    def default_is_set(self) -> None:
        """In the Dashboard; we hear of it at once, or at the next sync."""
        customer = self.random.choice(list(self.people))
        method = self.random.choice(self.people[customer])
        try:
            self.house.stripe.handle(
                "POST",
                f"/v1/customers/{customer}",
                {"invoice_settings": {"default_payment_method": method}},
                KEY,
            )
        except ConnectionDropped:
            return
        if self.random.random() < 0.5:
            self.services.customers.refresh(customer)

    def card_arrives(self) -> None:
        """A customer of a failed charge uses its link; the worker looks for what may be charged."""
        open_ids = [
            row["id"]
            for row in self.query(
                """SELECT l.id FROM setup_links l JOIN charges h ON h.id = l.charge_id
                   WHERE l.completed_at IS NULL AND l.revoked_at IS NULL
                       AND h.state IN ('declined', 'needs_customer') ORDER BY l.rowid"""
            )
        ]
        with self.uow.read() as stores:
            link = stores.links.find(self.random.choice(open_ids)) if open_ids else None
        if link is not None:
            opened = self.services.links.open_durable(link.token)
            with self.uow.read() as stores:
                session = stores.link_sessions.last_of(link.id)
            if isinstance(opened, str) and session is not None and session.session_id is not None:
                number = self.random.choice([GOOD, ALWAYS_DECLINES])
                self.house.stripe.submit_card(session.session_id, card_form(number))
                self.services.return_page.finish(session.session_id)
        self.services.runs.new_cards.charge_due()
