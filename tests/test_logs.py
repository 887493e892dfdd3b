"""The log: nothing secret in a line, and one line a fault."""

from __future__ import annotations

import io
import json
import logging
import sqlite3
import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from lib.errors import OutcomeUnknown
from lib.logs import OncePerMinute, formatter, redact, text_without_secrets
from lib.web.request_ids import RequestIds

_LETTERS = string.ascii_letters + string.digits
_AROUND = st.text(st.sampled_from(" \n\t\"'(),:;<>[]{}=é"), max_size=3)
_WORDS = st.text(st.sampled_from(string.ascii_lowercase + " .,é"), max_size=30)
_BODY = st.text(st.sampled_from(_LETTERS), min_size=24, max_size=60)
_TOKEN = st.text(st.sampled_from(_LETTERS + "_-"), min_size=24, max_size=60)


def secrets() -> st.SearchStrategy[tuple[str, str]]:
    """What is written, and what of it must not be left."""
    keys = st.sampled_from(["sk_live_", "rk_live_", "sk_test_", "rk_test_", "whsec_"])
    hosts = st.sampled_from(["checkout.stripe.com", "pay.example.com", "127.0.0.1:8501", "[::1]"])
    return st.one_of(
        st.builds(lambda kind, body: (kind + body, body), keys, _BODY),
        st.builds(lambda body: (f"seti_1Ab2_secret_{body}", body), _BODY),
        st.builds(
            lambda host, body: (f"https://{host}/c/pay/cs_live_{body}#frag", body), hosts, _BODY
        ),
        st.builds(lambda host, body: (f"https://{host}?session_id={body}", body), hosts, _BODY),
        st.builds(
            lambda body: (f"smtp://clerk%40example:{body}@mail.example.com:587", body), _BODY
        ),
        st.builds(lambda body: (f"smtps://clerk@example.com:{body}@mail.example.com", body), _BODY),
        st.builds(lambda token: (f"GET /l/{token} HTTP/1.1", token), _TOKEN),
        st.builds(lambda token: (f"/download/{token}", token), _TOKEN),
        st.builds(lambda a, b: (f"eyJ{a}.eyJ{b}.{a}", b), _BODY, _BODY),
        st.builds(lambda body: (f"Authorization: Bearer {body}", body), _BODY),
        st.builds(lambda name: (f"{name}@customer.example", name), _BODY),
        st.builds(lambda name: (f"{name}+x@bücher.example", name), _BODY),
        st.sampled_from(["4242424242424242", "4000 0027 6000 3184", "378282246310005"]).map(
            lambda number: (number, number)
        ),
    )


# How long it takes to draw examples says something of the machine alone.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_WORDS, _AROUND.filter(bool), secrets(), _AROUND.filter(bool), _WORDS)
def test_no_secret_is_left_of_a_text(
    before: str, left: str, secret: tuple[str, str], right: str, after: str
) -> None:
    written, hidden = secret
    assert hidden not in text_without_secrets(before + left + written + right + after)


@given(
    st.recursive(
        secrets(),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from(["what", "where"]), inner, max_size=2),
            st.tuples(inner),
        ),
        max_leaves=4,
    )
)
def test_nor_of_anything_however_deep(value: Any) -> None:
    def split(one: Any) -> tuple[Any, list[str]]:
        if isinstance(one, dict):
            parts = {key: split(inner) for key, inner in one.items()}
            return {k: p[0] for k, p in parts.items()}, [h for p in parts.values() for h in p[1]]
        if isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str):
            return one[0], [one[1]]
        parts_ = [split(inner) for inner in one]
        return [p[0] for p in parts_], [h for p in parts_ for h in p[1]]

    given_, hidden = split(value)
    line = json.dumps(redact(None, "", {"event": "x", "detail": given_}), ensure_ascii=False)
    assert not [one for one in hidden if one in line]


@given(st.sampled_from(["password", "new_password", "ONFILE_OTP", "Cookie", "api_key"]), _WORDS)
def test_what_is_named_a_secret_is_hidden_whatever_it_is(name: str, value: str) -> None:
    assert redact(None, "", {name: value})[name] == "[hidden]"


@pytest.mark.parametrize(
    "text",
    [
        "run run_01JAB2 waits: Stripe is busy (req_8xY1)",
        "charge ch_3Px of cus_Qabc: 12,345.67 USD at 2026-11-30T07:12:00+00:00",
        "1764486732123 ms",
        "File lib/store/copies.py, line 79, in copy_database",
    ],
)
def test_what_whoever_looks_needs_stays(text: str) -> None:
    assert text_without_secrets(text) == text


def test_a_link_keeps_its_host() -> None:
    assert text_without_secrets("see https://pay.example.com:8443/l/abc?x=1.") == (
        "see https://pay.example.com:8443/[hidden]"
    )


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, io.StringIO, list[float]]]:
    """A logger as `configure` makes it, what it wrote, and the clock of its filter."""
    out, clock = io.StringIO(), [0.0]
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter())
    handler.addFilter(OncePerMinute(lambda: clock[0]))
    logger = logging.getLogger("lib.of_a_test")
    logger.addHandler(handler)
    logger.propagate = False
    yield logger, out, clock
    logger.removeHandler(handler)
    logger.propagate = True


Log = tuple[logging.Logger, io.StringIO, list[float]]


def lines_of(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def fail(logger: logging.Logger, error: Exception, *words: object) -> None:
    try:
        raise error
    except Exception:
        logger.exception("worker: %s failed (%s)", *words)


def test_a_line_names_level_logger_and_stripes_request_and_hides_what_its_trace_holds(
    log: Log,
) -> None:
    logger, out, _ = log
    fail(
        logger,
        OutcomeUnknown(
            "of ada@example.com, " + "rk_" + "live_abcdefgh12345678", request_id="req_8x"
        ),
        "sync",
        "err_1",
    )
    (line,) = lines_of(out)
    assert (line["level"], line["logger"]) == ("error", "lib.of_a_test")
    assert line["event"] == "worker: sync failed (err_1)"
    assert line["stripe_request_id"] == "req_8x"
    assert "OutcomeUnknown" in line["exception"]
    assert "in fail" in line["exception"]
    assert not {"ada@example.com", "abcdefgh12345678"} & set(line["exception"].split())
    assert "abcdefgh12345678" not in out.getvalue()
    assert "ada@" not in out.getvalue()


def test_a_full_disk_is_one_line_a_minute_wherever_it_is_met(log: Log) -> None:
    logger, out, clock = log
    for number in range(1_030):
        fail(
            logger,
            sqlite3.OperationalError("database or disk is full"),
            f"part {number % 7}",
            number,
        )
        clock[0] += 20 / 1_030
    assert len(lines_of(out)) == 1
    clock[0] = 61
    fail(logger, sqlite3.OperationalError("database or disk is full"), "webhooks", "err_2")
    assert [line.get("kept_back") for line in lines_of(out)] == [None, 1_029]


def test_another_fault_is_not_kept_back(log: Log) -> None:
    logger, out, _ = log
    fail(logger, sqlite3.OperationalError("database or disk is full"), "a", 1)
    fail(logger, sqlite3.OperationalError("database is locked"), "a", 2)
    fail(logger, KeyError("x"), "a", 3)
    logger.warning("run %s waits", "run_1")
    logger.warning("run %s waits", "run_2")
    logger.warning("run %s was cancelled", "run_2")
    assert [line["event"] for line in lines_of(out)] == [
        "worker: a failed (1)",
        "worker: a failed (2)",
        "worker: a failed (3)",
        "run run_1 waits",
        "run run_2 was cancelled",
    ]


def test_what_is_written_during_a_request_names_it_and_so_does_the_answer(log: Log) -> None:
    logger, out, _ = log

    def page(_: Request) -> PlainTextResponse:
        logger.warning("it could not be opened")
        return PlainTextResponse("no")

    application = Starlette(routes=[Route("/", page)], middleware=[Middleware(RequestIds)])
    answer = TestClient(application).get("/", headers={"X-Request-Id": "forged"})
    (line,) = lines_of(out)
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert line["request_id"].startswith("req_")
    logger.warning("afterwards")
    assert "request_id" not in lines_of(out)[-1]
