"""The page Data protection: one person exported and erased, and rules of retention."""

from __future__ import annotations

from lib.services.staff.users import PRACTICE_PASSWORD
from tests.world import ADA, World


def opened(open_page, customer: str):
    return open_page("data_protection", as_="ada", query={"protection_customer": customer})


def shown(at) -> str:
    kinds = (at.markdown, at.caption, at.info, at.success, at.warning, at.error)
    return "\n".join(str(one.value) for kind in kinds for one in kind)


def test_a_person_is_erased_once_their_id_was_typed(open_page, world: World) -> None:
    customer = world.customer("Zacharias Quimby", "zacharias@quimby.example")
    world.save_card(customer)
    world.services.backups.take(by=ADA)
    at = opened(open_page, customer)
    assert customer in shown(at)
    for typed, password, told in (
        ("cus_other", PRACTICE_PASSWORD, "Nothing was erased"),
        (customer, "", "Enter your password"),
        (customer, PRACTICE_PASSWORD, "1 backup here still holds"),
    ):
        at.text_input(key="protection_reason").set_value("Asked by letter")
        at.text_input(key="protection_typed").set_value(typed)
        at.text_input(key="protection_password").set_value(password)
        at.button(key="protection_submit").click().run()
        assert not at.exception
        assert told in shown(at)
    assert "quimby" not in str([tuple(row) for row in world.rows("SELECT * FROM customers")])
    page = open_page("customers", as_="vera", query={"customer": customer})
    assert "erased at their wish" in shown(page)


def test_what_is_under_way_is_named(open_page, world: World) -> None:
    customer = world.customer()
    link = world.services.links.create(form_key="x", customer=customer, by=ADA)
    at = opened(open_page, customer)
    assert link.link.id in shown(at)
    assert not [one for one in at.text_input if one.key == "protection_typed"]


def test_rules_are_set_and_tried(open_page, world: World) -> None:
    at = open_page("data_protection", as_="ada")
    assert at.button(key="protection_look").disabled
    at.selectbox(key="protection_kind").select_index(1)
    at.text_input(key="protection_days").set_value("12")
    at.text_input(key="protection_rule_password").set_value(PRACTICE_PASSWORD)
    at.button(key="protection_save").click().run()
    assert "from 30" in shown(at)
    at.text_input(key="protection_days").set_value("90")
    at.button(key="protection_save").click().run()
    assert not at.exception
    assert world.services.retention.rules()["notes"].days == 90
    at.button(key="protection_look").click().run()
    assert list(at.dataframe[0].value["older"]) == ["", "0", ""]


def test_what_is_older_is_removed_for_whoever_types_the_password(open_page, world: World) -> None:
    world.services.retention.set("notes", "90", by=ADA)
    at = open_page("data_protection", as_="ada")
    for typed, told in (("", "Enter your password"), (PRACTICE_PASSWORD, "Removed: 0 entries")):
        at.text_input(key="protection_apply_password").set_value(typed)
        at.button(key="protection_apply").click().run()
        assert not at.exception
        assert told in shown(at) + "".join(toast.value.replace("\\", "") for toast in at.toast)
    assert len(world.rows("SELECT 1 FROM audit_log WHERE action = 'retention.apply'")) == 1
