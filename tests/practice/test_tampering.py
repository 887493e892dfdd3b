"""What leaves no trace: lost events, objects that disappear, changes behind everyone's back."""

from __future__ import annotations

from typing import Any

import pytest

from lib.practice import PracticeStripe

from .account import GOOD, Account, FakeClock, refused


class TestLostEvents:
    def test_neither_recorded_nor_delivered(self, account: Account) -> None:
        before = account.customer().id
        with account.practice.events_lost():
            account.client.v1.customers.delete(before)
            hidden = account.saved()
        assert account.event_types() == ["customer.created"]
        deliveries = account.practice.database.connection().execute("SELECT * FROM deliveries")
        assert len(deliveries.fetchall()) == 1
        assert account.client.v1.payment_methods.retrieve(hidden).id == hidden
        account.customer()
        assert account.event_types() == ["customer.created"] * 2

    def test_in_another_process_too(self, account: Account, clock: FakeClock) -> None:
        other = PracticeStripe(account.practice.database.path, clock=clock)
        with other.events_lost(), account.practice.events_lost():
            account.customer()
        with pytest.raises(KeyError), other.events_lost():
            raise KeyError
        account.customer(name="Bob")
        assert account.event_types() == ["customer.created"]

    def test_one_within_another(self, account: Account) -> None:
        with account.practice.events_lost():
            with account.practice.events_lost():
                account.customer()
            account.customer()
        assert account.event_types() == []


class TestForget:
    def test_as_if_it_had_never_been(self, account: Account) -> None:
        customer = account.customer().id
        other = account.customer(name="Bob").id
        method = account.saved(customer=customer)
        words = account.event_types()
        account.practice.forget(customer)
        with refused(404, "resource_missing"):
            account.client.v1.customers.retrieve(customer)
        assert [made.id for made in account.client.v1.customers.list().data] == [other]
        with refused(400, "resource_missing"):
            account.client.v1.customers.list({"starting_after": customer})
        assert account.client.v1.payment_methods.retrieve(method).customer == customer
        assert account.event_types() == words

    def test_one_event(self, account: Account) -> None:
        account.customer()
        account.customer()
        newest, oldest = account.client.v1.events.list().data
        account.practice.forget(newest.id)
        assert [event.id for event in account.client.v1.events.list().data] == [oldest.id]

    def test_time_goes_on_without_it(self, account: Account) -> None:
        """What is due by itself does not stumble over what is gone."""
        session = account.link()
        account.practice.forget(str(session.setup_intent))
        customer = account.customer().id
        for number in ("4000000000007726", "4000000000005126"):
            paid = account.charge(customer, account.saved(number, customer=customer))
            account.client.v1.refunds.create({"payment_intent": paid.id})
            account.practice.forget(str(paid.latest_charge))
        account.clock.advance(hours=25)
        assert account.session(session.id).status == "expired"
        assert {refund.status for refund in account.client.v1.refunds.list().data} == {
            "succeeded",
            "failed",
        }

    def test_what_is_not_there(self, account: Account) -> None:
        with pytest.raises(ValueError, match="cus_none"):
            account.practice.forget("cus_none")


class TestAlter:
    def test_changes_and_says_nothing(self, account: Account) -> None:
        customer = account.customer(metadata={"a": "1"}).id
        method = account.saved(GOOD, customer=customer)
        words = account.event_types()
        account.practice.alter(customer, {"email": "new@example.com", "metadata": {"b": "2"}})
        account.practice.alter(method, {"card": {"exp_year": 2041}})
        [result] = account.client.v1.customers.list({"email": "new@example.com"}).data
        assert result.metadata.to_dict() == {"a": "1", "b": "2"}
        card = account.client.v1.payment_methods.retrieve(method).card
        assert (card.exp_year, card.last4) == (2041, "4242")
        assert account.event_types() == words

    @pytest.mark.parametrize("changes", [{"id": "cus_2"}, {"created": 1}, {"emial": "a@b.example"}])
    def test_refused(self, account: Account, changes: dict[str, Any]) -> None:
        customer = account.customer().id
        with pytest.raises(ValueError, match="cannot be altered"):
            account.practice.alter(customer, changes)
        with pytest.raises(ValueError, match="there is no"):
            account.practice.alter("cus_none", {"name": "x"})


class TestHappenings:
    @pytest.mark.parametrize(("won", "status"), [(True, "won"), (False, "lost")])
    def test_a_dispute_is_decided_once(self, account: Account, won: bool, status: str) -> None:
        customer = account.customer().id
        account.charge(customer, account.saved("4000000000000259", customer=customer))
        [dispute] = account.client.v1.disputes.list().data
        account.practice.close_dispute(dispute.id, won=won)
        assert account.client.v1.disputes.retrieve(dispute.id).status == status
        assert account.event_types()[-1] == "charge.dispute.closed"
        with pytest.raises(ValueError, match="not open"):
            account.practice.close_dispute(dispute.id, won=won)

    def test_a_card_is_renewed_by_its_network(self, account: Account) -> None:
        method = account.saved(customer=account.customer().id)
        account.practice.renew_card(method, exp_month=7, exp_year=2031)
        [event] = account.client.v1.events.list(
            {"type": "payment_method.automatically_updated"}
        ).data
        assert event.data.object["card"]["exp_year"] == 2031
        assert event.data.previous_attributes["card"].to_dict() == {
            "exp_month": 12,
            "exp_year": 2030,
        }
        with pytest.raises(ValueError, match="not a card"):
            account.practice.renew_card("pm_none", exp_month=1, exp_year=2031)
