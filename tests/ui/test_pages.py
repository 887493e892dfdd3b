"""Every page, from the list of pages: alone without a sign-in, and with each role."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from lib.ui import navigation, page_table
from tests.ui.conftest import PEOPLE

FILES = sorted(page_table.PAGES_DIR.glob("*.py"))


def test_every_file_is_in_the_navigation() -> None:
    assert {path.name for path in FILES} <= {spec.file for spec in page_table.PAGES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_page_run_alone_refuses_and_offers_nothing(path, services) -> None:
    at = AppTest.from_file(str(path), default_timeout=60).run()
    assert not at.exception
    assert [error.value for error in at.error] == ["Sign in to see this page."]
    for kind in (at.button, at.text_input, at.dataframe, at.title, at.metric, at.markdown):
        assert not kind


@pytest.mark.parametrize("username", PEOPLE)
@pytest.mark.parametrize("spec", navigation.existing(), ids=lambda spec: spec.url_path)
def test_a_page_renders_for_who_may_open_it_and_refuses_others(
    spec, username, services, open_page
) -> None:
    at = open_page(spec.url_path, as_=username)
    if services.users.find(username).actor.may(spec.permission):
        assert at.title
        assert not at.error
    else:
        assert len(at.error) == 1
        assert "needs the role" in at.error[0].value
        assert not at.title
        own = {"frame_sign_out", "search_button", "notice_theme"}
        assert {button.key for button in at.button} <= own


@pytest.mark.parametrize("page", ["sessions", "customers", "payment_methods"])
def test_an_empty_page_shows_the_way_to_who_may_go_it(open_page, page) -> None:
    def ways(username: str) -> set[str]:
        return {link.proto.label for link in open_page(page, as_=username).get("page_link")}

    assert "Make a setup link" in ways("alice")
    assert "Make a setup link" not in ways("vera")
