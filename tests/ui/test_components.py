"""Formats, badges, tables, outcomes and navigation, without a page around them."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from lib import bootstrap
from lib.domain.actors import Actor, Permission, Role
from lib.domain.charges import ChargeState, Outcome
from lib.domain.links import LinkStatus
from lib.settings import NAMES
from lib.ui import badges, environment, formats, page_table, selections, style, tables
from tests.ui.collect_pages import choose_row

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


class TestFormats:
    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (0, "just now"),
            (-60, "1 minute ago"),
            (-7200, "2 hours ago"),
            (-86_400, "1 day ago"),
            (-86_400 * 800, "2 years ago"),
            (30, "in a moment"),
            (3 * 86_400, "in 3 days"),
        ],
    )
    def test_ago(self, seconds, words) -> None:
        moment = NOW + timedelta(seconds=seconds)
        assert formats.ago(moment, NOW) == words
        assert formats.ago(int(moment.timestamp()), NOW) == words

    def test_exact_is_in_the_operators_zone(self) -> None:
        assert formats.exact(NOW, BERLIN) == "23 Nov 2026, 13:00 CET"
        assert formats.exact(None, BERLIN) == formats.NONE

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (-1, "expired"),
            (0, "expired"),
            (30, "under a minute left"),
            (240, "4 min left"),
            (86_280, "23 h 58 min left"),
            (100 * 3600, "4 d 4 h left"),
        ],
    )
    def test_countdown(self, seconds, words) -> None:
        assert formats.countdown(NOW + timedelta(seconds=seconds), NOW) == words

    @pytest.mark.parametrize("sign", "\\`*_{}[]()<>#+-.!|~$:&^=\"'%,/;?@")
    def test_every_sign_is_escaped(self, sign) -> None:
        assert formats.escape(f"a{sign}b") == f"a\\{sign}b"

    def test_shortcodes_and_addresses_are_broken(self) -> None:
        assert formats.escape(":smile:") == r":color[\:]smile\:"
        assert formats.escape(":material/home:") == r":color[\:]material\/home\:"
        assert formats.escape("www.example.com") == r"www:color[\.]example\.com"
        assert formats.escape("https://example.com") == r"https:color[\:]\/\/example\.com"
        assert formats.escape("anna@example.com") == r"anna:color[\@]example\.com"
        assert formats.escape("one\n\ntwo") == "one two"

    def test_money(self) -> None:
        assert formats.money(123450, "eur") == "€1,234.50"
        assert formats.money(5000, "jpy") == "¥5,000"


class TestBadges:
    @pytest.mark.parametrize(
        "state",
        sorted(
            {
                *ChargeState,
                *Outcome,
                *LinkStatus,
                "queued",
                "running",
                "done",
                "failed",
                "received",
                "processed",
                "ignored",
                "open",
                "complete",
                "expired",
                "rejected",
            }
        ),
    )
    def test_every_state_has_a_look(self, state) -> None:
        assert state in badges.STATES

    def test_the_words_of_look_md(self) -> None:
        colors = {name: look.color for name, look in badges.STATES.items()}
        assert {colors[name] for name in ("succeeded", "saved", "active")} == {"green"}
        assert {colors[name] for name in ("planned", "draft", "expired", "cancelled")} == {"gray"}
        assert {colors[name] for name in ("open", "approved", "running", "processing")} == {"blue"}
        amber = ("needs_customer", "awaiting_approval", "expiring")
        assert {colors[name] for name in amber} == {"orange"}
        assert {colors[name] for name in ("declined", "failed", "stopped")} == {"red"}
        assert colors["unknown"] == "violet"

    def test_icons_exist(self) -> None:
        from streamlit.material_icon_names import ALL_MATERIAL_ICONS

        used = {look.icon for look in badges.STATES.values()}
        used |= {spec.icon for spec in page_table.PAGES}
        assert used <= set(ALL_MATERIAL_ICONS)

    def test_a_badge_is_markdown(self) -> None:
        assert (
            badges.badge("unknown", detail="3 h") == ":violet-badge[:material/help: Unknown · 3 h]"
        )
        assert badges.badge("new[state]") == ":gray-badge[:material/label: New(state)]"


class TestTables:
    FRAME = pd.DataFrame(
        {
            "id": ["chg_1", "chg_2"],
            "secret": ["a", "b"],
            "amount": pd.array([123450, None], dtype="Int64"),
            "currency": ["eur", "jpy"],
            "state": ["succeeded", "unknown"],
            "at": [1_795_435_200, 1_795_435_260],
        }
    )
    COLUMNS: ClassVar = {
        "amount": tables.amount(),
        "state": tables.state(),
        "at": tables.time("When"),
    }

    def test_only_named_columns_leave_the_server(self) -> None:
        assert list(tables.rendered(self.FRAME, self.COLUMNS)) == ["amount", "state", "at"]

    @pytest.mark.parametrize("dark", [False, True])
    @pytest.mark.parametrize("state", badges.STATES)
    def test_every_state_has_its_own_colour(self, state, dark) -> None:
        shown = badges.STATES[state]
        for cell in (state, [state], (state,)):
            assert badges.cell_colors([cell, None], dark=dark) == {
                badges.cell_label(state): badges.CELL_COLORS[shown.color][dark]
            }

    def test_values_are_ready_to_show(self) -> None:
        shown = tables.rendered(self.FRAME, self.COLUMNS)
        assert shown["amount"][0] == "€1,234.50"
        assert pd.isna(shown["amount"][1])
        assert list(shown["state"]) == [["Succeeded"], ["? Unknown"]]
        assert shown["at"].dt.tz is not None

    def test_what_is_copied_holds_nothing_that_nobody_sees(self) -> None:
        frame = pd.DataFrame({"id": ["4711\u200b", "cus_1"], "name": ["A\u2060b", "می\u200cخ"]})
        shown = tables.rendered(frame, {"id": tables.text("Id"), "name": tables.text("Name")})
        assert list(shown["id"]) == ["4711", "cus_1"]
        assert list(shown["name"]) == ["Ab", "می\u200cخ"]
        assert list(frame["id"]) == ["4711\u200b", "cus_1"], "which is chosen"

        def script() -> None:
            from lib.ui.layout import Fact, facts

            facts([Fact("Id", "4711\u200b", copy=True), Fact("Name", "A\u2060b")])

        at = AppTest.from_function(script).run()
        assert [one.value for one in (*at.code, *at.text)] == ["4711", "Ab"]

    @pytest.mark.parametrize(
        ("is_of_a_question", "words"), [(True, "went no further"), (False, "not known yet whether")]
    )
    def test_only_what_was_sent_may_have_happened(self, is_of_a_question: bool, words: str) -> None:
        def script() -> None:
            import streamlit as st

            from lib.errors import OutcomeUnknown
            from lib.ui.outcome import gateway_error

            error = OutcomeUnknown("Stripe did not answer.")
            if st.session_state["is_of_a_question"]:
                error.by_a_question()
            gateway_error(error)

        at = AppTest.from_function(script)
        at.session_state["is_of_a_question"] = is_of_a_question
        assert words in at.run().warning[0].value

    def test_the_chosen_id_is_the_one_that_was_clicked(self) -> None:
        def script() -> None:
            from zoneinfo import ZoneInfo

            import pandas as pd
            import streamlit as st

            from lib.ui import tables

            frame = pd.DataFrame({"id": st.session_state["ids"]})
            chosen = tables.table(
                frame, {"id": tables.text("Id")}, key="rows", alt="Rows", timezone=ZoneInfo("UTC")
            )
            st.text(str(chosen))

        at = AppTest.from_function(script)
        at.session_state["ids"] = ["a", "b", "c"]
        at.session_state["rows"] = {"selection": {"rows": [1], "columns": [], "cells": []}}
        assert at.run().text[0].value == "b"
        at.session_state["ids"] = ["new", "a", "b", "c"]
        assert at.run().text[0].value == "b"
        # The mark went with its row, and leaves with it.
        assert at.session_state["rows"]["selection"]["rows"] == [2]
        at.session_state["ids"] = ["new", "a"]
        assert at.run().text[0].value == "None"
        assert at.session_state["rows"]["selection"]["rows"] == []


class TestOutcome:
    @pytest.mark.parametrize(
        ("raising", "words"),
        [
            ("InvalidInput('<b>no</b>')", "\\<b\\>no"),
            ("OutcomeUnknown('x', request_id='req_1')", "not known yet"),
            ("Misconfigured('x', details={'permission': 'rak_x'})", "permission"),
            ("Refused('Bad *thing*.', request_id='req_1')", "Bad \\*thing\\*"),
            ("Busy('x')", "busy"),
            ("Missing('x')", "no such object"),
            ("Declined('x')", "declined"),
            ("KeyReused('x')", "stopped"),
        ],
    )
    def test_errors_become_sentences(self, raising, words) -> None:
        at = AppTest.from_string(
            "import streamlit as st\nfrom lib.errors import *\nfrom lib.ui import outcome\n"
            f"with outcome.show('done'):\n    raise {raising}\nst.text('after')"
        ).run()
        assert not at.exception
        shown = [*at.error, *at.warning]
        assert len(shown) == 1
        assert words in shown[0].value
        assert ("req\\_1" in shown[0].value) == ("req_1" in raising)
        assert at.text[0].value == "after"
        assert not at.toast

    def test_success_survives_the_rerun_and_is_told_once(self) -> None:
        at = AppTest.from_string(
            "import streamlit as st\nfrom lib.ui import outcome\noutcome.show_flash()\n"
            "if st.button('Go', key='go'):\n    with outcome.show('Link *made*'):\n        pass\n"
        ).run()
        at.button(key="go").click().run()
        assert [toast.value for toast in at.toast] == ["Link \\*made\\*"]
        assert not at.run().toast

    def test_what_nobody_foresaw_goes_through(self) -> None:
        at = AppTest.from_string(
            "from lib.ui import outcome\nwith outcome.show('done'):\n    raise ValueError('x')"
        ).run()
        assert at.exception

    def test_a_form_is_empty_only_after_it_worked(self) -> None:
        at = AppTest.from_string(
            "import streamlit as st\nfrom lib.errors import InvalidInput\nfrom lib.ui import outcome\n"
            "with st.form(outcome.fresh('f')):\n"
            "    text = st.text_input('T', key=outcome.fresh('f_text'))\n"
            "    asked = st.form_submit_button('Go')\n"
            "if asked:\n    with outcome.show('done', clears='f'):\n"
            "        if text == 'bad':\n            raise InvalidInput('no')\n"
        ).run()
        at.text_input[0].set_value("bad")
        at.button[0].click().run()
        assert at.text_input[0].value == "bad"
        at.text_input[0].set_value("good")
        at.button[0].click().run()
        assert at.text_input[0].value == ""


def test_an_unforeseen_failure_shows_a_number_and_no_detail(caplog) -> None:
    at = AppTest.from_string(
        "import streamlit as st\nfrom lib.ui import script_errors\n"
        "st.text(str(script_errors.report(ValueError('the secret'))))"
    ).run()
    assert at.text[0].value == "True"
    number = at.error[0].value.split("`")[1]
    assert "secret" not in at.error[0].value
    assert number in caplog.text


class TestDrawer:
    SCRIPT = (
        "from datetime import UTC\nimport pandas as pd\nimport streamlit as st\n"
        "from lib.ui import drawers, tables\n"
        "frame = pd.DataFrame({'id': ['a', 'b', 'c'], 'name': ['A', 'B', 'C']})\n"
        "drawers.follow_address('row', 'rows')\n"
        "chosen = tables.table(frame, {'name': tables.text('Name')}, key='rows', alt='Rows', timezone=UTC)\n"
        "st.button('Close', key='close', on_click=drawers.close, args=('row', 'rows'))\n"
        "st.text(drawers.opened('row', chosen))\n"
    )

    def test_closing_takes_its_mark_away(self) -> None:
        at = choose_row(AppTest.from_string(self.SCRIPT).run(), "rows", 0)
        assert at.text[0].value == "a"
        at.button(key="close").click().run()
        assert at.text[0].value == "None"
        assert at.session_state["rows"]["selection"]["rows"] == []

    def test_a_clicked_row_opens_that_the_list_has_lost_meanwhile(self) -> None:
        at = AppTest.from_string(self.SCRIPT).run()
        at.session_state["rows"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
        # AppTest does not call what hears of a click; this is what it leaves.
        at.session_state["rows_chosen"] = at.session_state["rows_clicked"] = "gone"
        assert at.run().text[0].value == "gone"
        assert at.session_state["rows"]["selection"]["rows"] == []

    def test_a_row_clicked_meanwhile_opens(self) -> None:
        """A slow server hears of both at once: that one drawer was closed, and of the next row."""
        at = choose_row(AppTest.from_string(self.SCRIPT).run(), "rows", 0)
        at.session_state["rows"] = {"selection": {"rows": [2], "columns": [], "cells": []}}
        # AppTest does not call what hears of a click; this is what it leaves.
        at.session_state["rows_chosen"] = "c"
        at.button(key="close").click().run()
        assert at.text[0].value == "c"
        assert at.query_params["row"] == "c"


class TestPaging:
    SCRIPT = (
        "import streamlit as st\nfrom lib.ui import layout\n"
        "kind = st.text_input('Filter', key='kind')\n"
        "place = layout.paging('p', kind)\nst.text(f'{place.older_than} {place.newer_than}')\n"
        "is_start = place == layout.Paging()\n"
        "layout.pager('p', newer=None if is_start else 'c1', older='c50')\n"
    )

    def test_buttons_move_the_address(self) -> None:
        at = AppTest.from_string(self.SCRIPT).run()
        assert at.button(key="p_pager_newer").disabled
        at.button(key="p_pager_older").click().run()
        assert at.text[0].value == "c50 None"
        assert at.query_params["p_older"] == "c50"
        at.button(key="p_pager_newer").click().run()
        assert at.text[0].value == "None c1"
        assert "p_older" not in at.query_params

    def test_a_changed_filter_goes_back_to_the_start(self) -> None:
        at = AppTest.from_string(self.SCRIPT)
        at.query_params["p_older"] = "c50"
        assert at.run().text[0].value == "c50 None"
        at.text_input(key="kind").set_value("x").run()
        assert at.text[0].value == "None None"


class TestNavigation:
    def test_addresses_and_files_are_unique(self) -> None:
        assert len({spec.url_path for spec in page_table.PAGES}) == len(page_table.PAGES)
        assert len({spec.file for spec in page_table.PAGES}) == len(page_table.PAGES)

    def test_only_admins_and_programs_that_back_up_see_admin_pages(self) -> None:
        for role in Role:
            actor = Actor("x", "X", frozenset({role}))
            opens = {
                spec.section
                for spec in page_table.PAGES
                if spec.is_listed and actor.may(spec.permission)
            }
            assert ("Admin" in opens) == (role in {Role.ADMIN, Role.SERVICE})

    def test_viewers_are_not_offered_a_charge(self) -> None:
        spec = next(spec for spec in page_table.PAGES if spec.url_path == "new_charge")
        assert spec.permission is Permission.CHARGE


class TestEnvironment:
    def test_practice_says_so_in_these_words(self, services, open_page) -> None:
        at = open_page("home", as_="vera")
        assert any("Practice mode: no money moves" in html.value for html in at.html)

    def test_every_strip_is_readable(self) -> None:
        for shown in environment.ENVIRONMENTS.values():
            assert contrast(shown.background, shown.foreground) >= 4.5

    def test_theme_text_is_readable(self) -> None:
        config = tomllib.loads((bootstrap.ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
        for name in ("light", "dark"):
            theme = config["theme"][name]
            back, text = theme["backgroundColor"], theme["textColor"]
            assert contrast(back, text) >= 7
            # Captions are the text colour at 60 %.
            assert contrast(back, mix(text, back, 0.6)) >= 4.5
            assert contrast(back, theme["linkColor"]) >= 4.5
            assert contrast(theme["primaryColor"], "#FFFFFF") >= 4.5
            for color in ("green", "blue", "orange", "red", "violet", "gray"):
                pair = theme[f"{color}BackgroundColor"], theme[f"{color}TextColor"]
                assert contrast(*pair) >= 4.5, (name, color)
                assert contrast(back, theme[f"{color}TextColor"]) >= 4.5, (name, color)

    def test_a_chosen_pill_is_readable(self) -> None:
        """Streamlit lays the primary colour at 10 % under the text, at 20 % under the mouse."""
        config = tomllib.loads((bootstrap.ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
        for name, text in (("light", None), ("dark", style.CHOSEN_ON_DARK)):
            theme = config["theme"][name]
            back, primary = theme["backgroundColor"], theme["primaryColor"]
            assert contrast(mix(primary, back, 0.1), text or primary) >= 4.5, name

    def test_nothing_is_fetched_from_outside(self) -> None:
        text = (bootstrap.ROOT / ".streamlit" / "config.toml").read_text("utf-8")
        assert "http" not in text

    def test_the_example_names_every_setting(self) -> None:
        path = bootstrap.ROOT / ".streamlit" / "secrets.toml.example"
        lines = path.read_text("utf-8").splitlines()
        named = {line.removeprefix("# ").split(" =")[0] for line in lines if " = " in line}
        assert named == set(NAMES)
        assert tomllib.loads("\n".join(lines)) == {}
        uncommented = "\n".join(line.removeprefix("# ") for line in lines if " = " in line)
        assert set(tomllib.loads(uncommented)) == set(NAMES)


def mix(over: str, under: str, share: float) -> str:
    pairs = zip(rgb(over), rgb(under), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02X}" for a, b in pairs)


def rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        parts = [value / 255 for value in rgb(color)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class TestHeadings:
    def event(self, *, rows: tuple[int, ...] = (), columns: tuple[str, ...] = ()) -> dict:
        return {"selection": {"rows": list(rows), "columns": list(columns), "cells": []}}

    def test_each_click_counts_also_one_that_only_takes_the_mark_away(self) -> None:
        marked, unmarked = self.event(columns=("amount",)), self.event()
        assert selections.heading(marked, None, had_row=False) == "amount"
        assert selections.heading(unmarked, "amount", had_row=False) == "amount"

    def test_rows_are_no_headings(self) -> None:
        assert selections.heading(self.event(rows=(2,)), "amount", had_row=False) is None
        assert selections.heading(self.event(), "amount", had_row=True) is None
        assert selections.heading(self.event(), None, had_row=False) is None
        assert selections.cleared() != self.event()
