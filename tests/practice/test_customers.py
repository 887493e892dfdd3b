"""Customers of practice Stripe, and the limits of metadata."""

from __future__ import annotations

import pytest

from .account import Account, refused


class TestCustomers:
    def test_created_customer_is_found_again(self, account: Account) -> None:
        made = account.customer(metadata={"crm": "7"}, description="Club", phone="+15550001111")
        result = account.client.v1.customers.retrieve(made.id)
        assert result.to_dict(for_json=True) == made.to_dict(for_json=True)
        assert result.id.startswith("cus_")
        assert result.metadata.to_dict() == {"crm": "7"}
        assert result.created == account.clock.epoch
        assert result.livemode is False

    def test_update_changes_merges_metadata_and_tells_what_was(self, account: Account) -> None:
        made = account.customer(metadata={"a": "1", "b": "2"})
        changed = account.client.v1.customers.update(
            made.id, {"name": "Alice B", "metadata": {"a": "", "c": "3"}, "phone": ""}
        )
        assert (changed.name, changed.phone) == ("Alice B", None)
        assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
        event = account.client.v1.events.list({"type": "customer.updated"}).data[0]
        assert event.data.previous_attributes["name"] == "Alice"
        assert event.data.object["name"] == "Alice B"

    def test_update_without_a_change_makes_no_event(self, account: Account) -> None:
        made = account.customer()
        account.client.v1.customers.update(made.id, {"name": "Alice"})
        assert account.event_types() == ["customer.created"]

    def test_deleted_customer_leaves_a_tombstone_and_detaches(self, account: Account) -> None:
        made = account.customer()
        method = account.attached("pm_card_visa", made.id)
        gone = account.client.v1.customers.delete(made.id)
        assert gone.deleted is True
        assert account.client.v1.customers.retrieve(made.id).deleted is True
        assert account.client.v1.payment_methods.retrieve(method.id).customer is None
        assert account.client.v1.customers.list().data == []
        with refused(404, "resource_missing", f"No such customer: '{made.id}'"):
            account.client.v1.customers.update(made.id, {"name": "x"})
        with refused(400, "resource_missing"):
            account.link(customer=made.id)

    def test_list_filters_by_exact_case_of_email(self, account: Account) -> None:
        made = account.customer(email="Alice@example.com")
        listed = account.client.v1.customers.list
        assert [c.id for c in listed({"email": "Alice@example.com"}).data] == [made.id]
        assert listed({"email": "alice@example.com"}).data == []

    def test_search(self, account: Account) -> None:
        alice = account.customer(name="Alice Adams", metadata={"crm id": "7"})
        account.customer(name="Bob Brown", email="bob@example.com")
        search = account.client.v1.customers.search
        for query in (
            'email:"ALICE@example.com"',
            "name~'adam'",
            'metadata["crm id"]:"7"',
            'name~"alice" AND metadata["crm id"]:"7"',
        ):
            assert [c.id for c in search({"query": query}).data] == [alice.id], query
        assert search({"query": 'name~"adams" AND email:"bob@example.com"'}).data == []

    @pytest.mark.parametrize("query", ["", "nonsense", 'shoe:"9"', 'name~"a"', 'name:"a" name:"b"'])
    def test_search_refuses_what_it_cannot_read(self, account: Account, query: str) -> None:
        with refused(400):
            account.client.v1.customers.search({"query": query})

    def test_search_pages(self, account: Account) -> None:
        for _ in range(3):
            account.customer()
        result = account.client.v1.customers.search({"query": 'name:"Alice"', "limit": 2})
        assert (len(result.data), result.has_more) == (2, True)
        assert len(list(result.auto_paging_iter())) == 3

    @pytest.mark.parametrize("email", ["alice", "alice@", "@example.com", "a b@example.com"])
    def test_email_must_be_plausible(self, account: Account, email: str) -> None:
        with refused(400, "email_invalid"):
            account.customer(email=email)


class TestMetadataLimits:
    @pytest.mark.parametrize(
        "metadata",
        [
            {f"k{n}": "v" for n in range(51)},
            {"k" * 41: "v"},
            {"k": "v" * 501},
        ],
    )
    def test_too_much_is_refused(self, account: Account, metadata: dict[str, str]) -> None:
        with refused(400, message="etadata"):
            account.customer(metadata=metadata)

    def test_the_limits_themselves_are_allowed(self, account: Account) -> None:
        metadata = {f"{n:040}": "v" * 500 for n in range(50)}
        assert account.customer(metadata=metadata).metadata.to_dict() == metadata

    def test_limit_counts_merged_keys(self, account: Account) -> None:
        made = account.customer(metadata={f"k{n}": "v" for n in range(50)})
        with refused(400, message="up to 50 keys"):
            account.client.v1.customers.update(made.id, {"metadata": {"one more": "v"}})
