"""Answers as they come off a real socket, whole and broken."""

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Iterator

import pytest
import stripe

from lib.errors import OutcomeUnknown
from lib.stripe_gateway import client
from lib.stripe_gateway.client import body_of, build_client
from lib.stripe_gateway.errors import translate

HEAD = "HTTP/1.1 {status} Such\r\nContent-Type: application/json\r\nRequest-Id: req_1\r\n"


class Line:
    """Says to each connection what a test has put there, one request a connection."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.answer = b""
        self.hangs_up = True
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(self.answer)
                if not self.hangs_up:
                    connection.recv(1)

    def says(
        self, body: bytes, *headers: str, status: int = 200, length: int | None = None
    ) -> None:
        sized = [f"Content-Length: {len(body) if length is None else length}", *headers]
        lines = "".join(f"{line}\r\n" for line in sized)
        self.answer = (HEAD.format(status=status) + lines + "\r\n").encode() + body

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def ask(line: Line) -> dict[str, object]:
    built = build_client("sk_test_" + "x" * 8, line.address)
    return body_of(built.raw_request("get", "/v1/customers"))  # type: ignore[arg-type]


def test_a_whole_answer_is_read(line: Line) -> None:
    line.says(json.dumps({"data": ["x" * 100_000]}).encode())

    assert ask(line) == {"data": ["x" * 100_000]}


@pytest.mark.parametrize(
    ("header", "told"),
    [("Date: Mon, 23 Nov 2026 12:00:00 GMT", [1_795_435_200]), ("Date: soon", []), ("X: y", [])],
)
@pytest.mark.parametrize("status", [200, 403])
def test_an_answer_tells_stripes_clock(
    line: Line, header: str, told: list[int], status: int
) -> None:
    line.says(b"{}", header, status=status)
    heard: list[int] = []
    built = build_client("sk_test_" + "x" * 8, line.address, answered=heard.append)
    with contextlib.suppress(stripe.StripeError):
        built.raw_request("get", "/v1/customers")  # type: ignore[arg-type]
    assert heard == told


def test_a_compressed_answer_is_read(line: Line) -> None:
    line.says(gzip.compress(b'{"id": "cus_1"}'), "Content-Encoding: gzip")

    assert ask(line) == {"id": "cus_1"}


@pytest.mark.parametrize("status", [200, 402])
@pytest.mark.parametrize("part", [b"", b'{"id":', b'{"id": "cus_1"}'])
def test_an_answer_that_breaks_off_is_no_answer(line: Line, part: bytes, status: int) -> None:
    line.says(part, length=1_000, status=status)

    with pytest.raises(stripe.APIConnectionError, match="broke off") as result:
        ask(line)
    assert result.value.request_id == "req_1"


@pytest.mark.parametrize("length", [10**15, 10**20])
def test_nor_is_one_of_impossible_length(line: Line, length: int) -> None:
    line.says(b"{}", length=length)

    with pytest.raises(stripe.APIConnectionError, match="broke off"):
        ask(line)


@pytest.mark.parametrize("chunks", [b"-5\r\n", b"5\r\n{}", b"ffffffffffffffff\r\n{}", b"x"])
def test_nor_is_one_of_impossible_pieces(line: Line, chunks: bytes) -> None:
    line.answer = (HEAD.format(status=200) + "Transfer-Encoding: chunked\r\n\r\n").encode() + chunks

    with pytest.raises(stripe.APIConnectionError, match="broke off"):
        ask(line)


def test_an_answer_that_stops_on_its_way_is_waited_for_and_given_up(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "READ_TIMEOUT_SECONDS", 0.05)
    line.says(b'{"id":', length=1_000)
    line.hangs_up = False

    with pytest.raises(stripe.APIConnectionError, match="broke off"):
        ask(line)


def test_an_answer_that_cannot_be_unpacked_is_no_answer(line: Line) -> None:
    line.says(b"no gzip", "Content-Encoding: gzip")

    with pytest.raises(stripe.APIConnectionError, match="broke off"):
        ask(line)


def test_an_answer_that_is_no_object_tells_which_request_it_was(line: Line) -> None:
    line.says(b"[]")

    with pytest.raises(OutcomeUnknown) as result:
        ask(line)
    assert result.value.request_id == "req_1"


def test_an_error_is_the_sdks_to_read(line: Line) -> None:
    error = {"error": {"type": "card_error", "code": "card_declined", "message": "No."}}
    line.says(json.dumps(error).encode(), status=402)

    with pytest.raises(stripe.CardError, match="No"):
        ask(line)


@pytest.mark.parametrize("status", [409, 424])
def test_what_stripe_itself_waited_for_says_nothing_of_the_request(status: int) -> None:
    body = {"error": {"type": "api_error", "message": "External dependency failed."}}
    error = stripe.APIError("failed", http_status=status, json_body=body)  # type: ignore[no-untyped-call]
    assert type(translate(error)) is OutcomeUnknown


@pytest.mark.parametrize(("header", "is_replayed"), [("true", True), ("false", False), ("", False)])
def test_an_error_says_whether_it_was_given_before(header: str, is_replayed: bool) -> None:
    body = {"error": {"type": "invalid_request_error", "message": "No such payment method."}}
    error = stripe.InvalidRequestError(  # type: ignore[no-untyped-call]
        "no",
        None,
        http_status=400,
        json_body=body,
        headers={"Idempotent-Replayed": header} if header else None,
    )
    assert translate(error).is_replayed is is_replayed
