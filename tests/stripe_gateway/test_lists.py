"""Pages of Stripe's lists in which one object is not like the others."""

from __future__ import annotations

from typing import Any

import pytest

from lib.stripe_gateway import mapping
from lib.stripe_gateway.lists import pages


def _customer(id_: object, **more: object) -> dict[str, Any]:
    return {"id": id_, "object": "customer", "created": 1, "livemode": False, **more}


def _page(*items: object, has_more: bool = True) -> Any:
    read = pages(mapping.customer, leaves_out=True)
    return read({"data": list(items), "has_more": has_more})


@pytest.mark.parametrize("odd", [_customer("cus_\ud83d"), _customer(None), None, "cus_3", []])
def test_the_next_page_goes_on_from_the_last_object_that_can_be_named(odd: object) -> None:
    page = _page(_customer("cus_1"), _customer("cus_2"), odd)
    assert [one.id for one in page.items] == ["cus_1", "cus_2"]
    assert page.last_id == "cus_2"
    assert page.last_created == 1
    [left_out] = page.unreadable
    assert left_out.id.encode()
    assert "without an id" in left_out.id


def test_half_a_letter_in_a_text_leaves_out_that_object_alone() -> None:
    page = _page(_customer("cus_1", name="\ud83d"), _customer("cus_2"))
    assert [one.id for one in page.unreadable] == ["cus_1"]
    assert page.unreadable[0].why == "ValueError: name holds half a letter"


def test_a_page_from_which_nobody_can_go_on_is_none() -> None:
    with pytest.raises(ValueError, match="go on"):
        _page(_customer(None))
    assert _page(_customer(None), has_more=False).items == []
