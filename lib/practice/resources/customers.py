"""Customers."""

from __future__ import annotations

from typing import Any, Literal

from lib.practice import listing, metadata, searching
from lib.practice.ledger import Ledger, Stored
from lib.practice.replies import invalid
from lib.practice.routing import Call, Route

_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
_TEXTS = ("name", "email", "description", "phone")


def new(ledger: Ledger, given: dict[str, Any], *, customer_id: str | None = None) -> Stored:
    customer = ledger.add(
        "customer",
        ({"id": customer_id} if customer_id else {})
        | {
            "address": _address(given.get("address")),
            "balance": given.get("balance", 0),
            "currency": None,
            "customer_account": None,
            "default_source": None,
            "delinquent": False,
            "description": given.get("description"),
            "discount": None,
            "email": given.get("email"),
            "invoice_prefix": None,
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "metadata": metadata.checked(given.get("metadata")),
            "name": given.get("name"),
            "next_invoice_sequence": 1,
            "phone": given.get("phone"),
            "preferred_locales": given.get("preferred_locales", []),
            "shipping": _shipping(given.get("shipping")),
            "tax_exempt": given.get("tax_exempt") or "none",
            "test_clock": None,
        },
    )
    customer.payload["invoice_prefix"] = customer.id[-8:].upper()
    ledger.save(customer)
    ledger.emit("customer.created", customer)
    return customer


def change(ledger: Ledger, customer: Stored, changes: dict[str, Any]) -> None:
    """Applies the changes, and records an event when there are any."""
    payload = customer.payload
    previous = {name: payload[name] for name in changes if payload[name] != changes[name]}
    if previous:
        payload.update(changes)
        ledger.save(customer)
        ledger.emit("customer.updated", customer, previous=previous)


def _create(call: Call) -> dict[str, Any]:
    _check_email(call.params.get("email"))
    _check_payment_method(call, call.params)
    return new(call.ledger, call.params).payload


def _retrieve(call: Call) -> dict[str, Any]:
    stored = call.ledger.find("customer", call.ids["customer"])
    if stored is not None and stored.is_deleted:
        return _tombstone(stored)
    return call.ledger.get("customer", call.ids["customer"]).payload


def _update(call: Call) -> dict[str, Any]:
    customer = call.ledger.get("customer", call.ids["customer"])
    given, payload = call.params, customer.payload
    _check_email(given.get("email"))
    changes: dict[str, Any] = {name: given[name] or None for name in _TEXTS if name in given}
    changes |= {
        name: given[name]
        for name in ("balance", "preferred_locales", "next_invoice_sequence", "invoice_prefix")
        if name in given
    }
    if "metadata" in given:
        changes["metadata"] = metadata.merged(payload["metadata"], given["metadata"])
    if "address" in given:
        changes["address"] = _address(given["address"])
    if "shipping" in given:
        changes["shipping"] = _shipping(given["shipping"])
    if "tax_exempt" in given:
        changes["tax_exempt"] = given["tax_exempt"] or "none"
    if "invoice_settings" in given:
        default = given["invoice_settings"].get("default_payment_method")
        if default:
            method = call.ledger.get(
                "payment_method",
                default,
                param="invoice_settings[default_payment_method]",
                status=400,
            )
            if method.payload["customer"] != customer.id:
                raise invalid(
                    "The customer does not have a payment method with the ID "
                    f"{default}. The payment method must be attached to the customer.",
                    param="invoice_settings[default_payment_method]",
                    code="resource_missing",
                )
        changes["invoice_settings"] = payload["invoice_settings"] | {
            "default_payment_method": default or None
        }
    change(call.ledger, customer, changes)
    return customer.payload


def _delete(call: Call) -> dict[str, Any]:
    customer = call.ledger.get("customer", call.ids["customer"])
    for method in call.ledger.select("payment_method", "AND customer = ?", [customer.id]):
        method.payload["customer"] = None
        method.hidden["use"] = "burnt"
        call.ledger.save(method)
        call.ledger.emit("payment_method.detached", method, previous={"customer": customer.id})
    customer.is_deleted = True
    call.ledger.save(customer)
    call.ledger.emit("customer.deleted", customer)
    return _tombstone(customer)


def _list(call: Call) -> dict[str, Any]:
    return listing.page(call, "customer", {"email": call.params.get("email")})


def _search(call: Call) -> dict[str, Any]:
    fields = {"email": "$.email", "name": "$.name", "phone": "$.phone"}
    return searching.search(call, "customer", fields)


def _payment_methods(call: Call) -> dict[str, Any]:
    customer = call.ledger.get("customer", call.ids["customer"])
    filters = {"customer": customer.id, "type": call.params.get("type")}
    return listing.page(call, "payment_method", filters)


def _payment_method(call: Call) -> dict[str, Any]:
    customer = call.ledger.get("customer", call.ids["customer"])
    method = call.ledger.get("payment_method", call.ids["payment_method"])
    if method.payload["customer"] != customer.id:
        raise invalid(
            f"No such PaymentMethod: '{method.id}'; It's possible this PaymentMethod exists on "
            "another customer.",
            param="payment_method",
            code="resource_missing",
        )
    return method.payload


def _tombstone(customer: Stored) -> dict[str, Any]:
    return {"id": customer.id, "object": "customer", "deleted": True}


def _address(given: dict[str, Any] | Literal[""] | None) -> dict[str, Any] | None:
    if not given:
        return None
    return {name: given.get(name) or None for name in _ADDRESS}


def _shipping(given: dict[str, Any] | Literal[""] | None) -> dict[str, Any] | None:
    if not given:
        return None
    return {
        "address": _address(given["address"]),
        "name": given["name"],
        "phone": given.get("phone") or None,
    }


def _check_email(email: str | None) -> None:
    if not email:
        return
    local, at, domain = email.rpartition("@")
    is_plausible = bool(at and local and "." in domain and not any(map(str.isspace, email)))
    if not is_plausible or len(email) > 512:
        raise invalid(f"Invalid email address: {email}", param="email", code="email_invalid")


def _check_payment_method(call: Call, given: dict[str, Any]) -> None:
    for name in ("payment_method", "source"):
        if name in given:
            raise invalid(f"Practice Stripe does not take `{name}` here; attach it.", param=name)


ROUTES = [
    Route(
        "POST", "/v1/customers", "CustomerCreateParams", "rak_customer_write", "customer", _create
    ),
    Route(
        "GET",
        "/v1/customers",
        "CustomerListParams",
        "rak_customer_read",
        "customer",
        _list,
        is_list=True,
    ),
    Route(
        "GET",
        "/v1/customers/search",
        "CustomerSearchParams",
        "rak_customer_read",
        "customer",
        _search,
        is_list=True,
    ),
    Route(
        "GET",
        "/v1/customers/{customer}",
        "CustomerRetrieveParams",
        "rak_customer_read",
        "customer",
        _retrieve,
    ),
    Route(
        "POST",
        "/v1/customers/{customer}",
        "CustomerUpdateParams",
        "rak_customer_write",
        "customer",
        _update,
    ),
    Route(
        "DELETE",
        "/v1/customers/{customer}",
        "CustomerDeleteParams",
        "rak_customer_write",
        "customer",
        _delete,
    ),
    Route(
        "GET",
        "/v1/customers/{customer}/payment_methods",
        "CustomerPaymentMethodListParams",
        "rak_payment_method_read",
        "payment_method",
        _payment_methods,
        is_list=True,
    ),
    Route(
        "GET",
        "/v1/customers/{customer}/payment_methods/{payment_method}",
        "CustomerPaymentMethodRetrieveParams",
        "rak_payment_method_read",
        "payment_method",
        _payment_method,
    ),
]
