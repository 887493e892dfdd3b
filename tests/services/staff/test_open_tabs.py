"""Strangers have so many tabs and no more; people and known browsers are not shut out by them."""

from __future__ import annotations

import pytest

from lib.services.staff.devices import device_in, device_token
from lib.services.staff.open_tabs import MOST_OF_ONE, MOST_OF_STRANGERS, OpenTabs


@pytest.fixture
def crowded() -> OpenTabs:
    """As many strangers as there may be, from many addresses."""
    tabs = OpenTabs()
    for number in range(MOST_OF_STRANGERS):
        assert tabs.open(f"192.0.2.{number % 100}") is not None
    return tabs


def test_an_address_has_so_many() -> None:
    tabs = OpenTabs()
    names = [tabs.open("192.0.2.1") for _ in range(MOST_OF_ONE)]
    assert None not in names
    assert tabs.open("192.0.2.1") is None
    assert tabs.open("192.0.2.2") is not None
    tabs.close(str(names[0]))
    assert tabs.open("192.0.2.1") is not None


def test_strangers_shut_out_strangers_only(crowded: OpenTabs) -> None:
    assert crowded.open("198.51.100.1") is None
    assert crowded.open("198.51.100.1", known="a browser of alice's") is not None
    assert crowded.open("198.51.100.1", username="alice") is not None


def test_a_tab_is_somebodys_once_they_are_in(crowded: OpenTabs) -> None:
    last = MOST_OF_STRANGERS - 1
    tabs = OpenTabs()
    told: list[bool] = []
    name = str(tabs.open("192.0.2.1", of=told.append))
    for number in range(last):
        tabs.open(f"192.0.2.{number % 100}")
    assert tabs.open("198.51.100.1") is None
    tabs.belongs_to(name, "alice")
    tabs.belongs_to(name, "alice")
    assert tabs.open("198.51.100.1") is not None
    assert (tabs.is_strangers(name), tabs.owner(name)) == (False, "person alice")
    tabs.belongs_to(name, None)
    assert (tabs.is_strangers(name), tabs.owner(name)) == (True, "address 192.0.2.1")
    assert told == [False, True, False]


def test_a_known_browser_is_anybodys() -> None:
    token = device_token("alice", cookie_key="k" * 32, now=1_000)
    device = device_in(token, cookie_key="k" * 32, now=1_001)
    assert device
    assert device_in(token, cookie_key="x" * 32, now=1_001) is None
    assert device_in(token, cookie_key="k" * 32, now=10**9) is None
    assert device_in("", cookie_key="k" * 32, now=1_001) is None
