"""The SDK, set up: version, patience, and nothing that it does of its own accord."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

import orjson
import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from lib.errors import OutcomeUnknown
from lib.metrics import STRIPE_SECONDS
from lib.stripe_gateway.sdk import stripe

API_VERSION = "2026-10-28.endive"
# A charge waits for the customer's bank: Stripe's own clients allow 80 s. Thirty covers all but
# the slowest banks, and what takes longer becomes `unknown` and is settled by evidence.
CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 30


def build_client(
    api_key: str, api_base: str, *, answered: Callable[[int], None] = lambda _: None
) -> stripe.StripeClient:
    """
    The SDK, without its own retries: which request may go again is decided here, per call.

    `answered` is told Stripe's clock, in Unix seconds, with every answer that names it, errors included.
    """
    stripe.enable_telemetry = False  # also writes an id file into the home folder
    # Below this the SDK logs addresses with e-mails, and whole bodies with client secrets.
    logging.getLogger("stripe").setLevel(logging.WARNING)
    return stripe.StripeClient(
        api_key,
        stripe_version=API_VERSION,
        base_addresses={"api": api_base},
        max_network_retries=0,
        http_client=UnreadClient(answered, api_base),
    )


def body_of(response: stripe.StripeResponse) -> dict[str, object]:
    """
    What a client of `build_client` was answered.

    Raises:
        OutcomeUnknown: cut off on its way, or no JSON object.
    """
    content = response.headers.content if isinstance(response.headers, _Answer) else b""
    try:
        data = orjson.loads(content)
    except orjson.JSONDecodeError:
        data = _with_halves(content)
    if not isinstance(data, dict):
        raise OutcomeUnknown(
            "Stripe's answer could not be read.",
            request_id=response.request_id,
            http_status=response.code,
        )
    return data


def _with_halves(content: bytes) -> object:
    """
    What orjson refuses for half a letter (a lone surrogate) in one name, and with it every other object of
    the page; None where it is no JSON either.
    """
    try:
        return json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _date_of(headers: Mapping[str, str]) -> int | None:
    try:
        return int(parsedate_to_datetime(headers["date"]).timestamp())
    except (KeyError, ValueError, TypeError):
        return None


class _Answer(CaseInsensitiveDict[str]):
    """An answer's headers, and its body beside them."""

    def __init__(self, headers: Mapping[str, str], content: bytes) -> None:
        super().__init__(headers)
        self.content = content


def unread(
    content: bytes, status: int, headers: Mapping[str, str]
) -> tuple[bytes, int, Mapping[str, str]]:
    """
    Keeps an answer's body from the SDK, which finds an empty object there. Errors it reads.

    It would write each into a log line first, wanted or not, and then parse it into OrderedDicts:
    16 ms for a page of 100 sessions. `body_of` takes 3.
    """
    if not 200 <= status < 300:
        return content, status, headers
    return b"{}", status, _Answer(headers, content)


class UnreadClient(stripe.RequestsClient):
    def __init__(self, answered: Callable[[int], None], api_base: str) -> None:
        super().__init__(timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS))
        self._answered = answered
        self._proxies = get_environ_proxies(api_base)

    # The SDK's own RequestsClient differs from its base in the same way.
    def request(  # type: ignore[override]
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: object = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        began, answered = time.perf_counter(), 0
        try:
            content, answered, answer_headers = self._request(method, url, headers, post_data)
        finally:
            STRIPE_SECONDS.labels(method.upper(), str(answered)).observe(
                time.perf_counter() - began
            )
        return unread(content, answered, answer_headers)

    def _request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: object
    ) -> tuple[bytes, int, Mapping[str, str]]:
        if getattr(self._thread_local, "session", None) is None:
            self._thread_local.session = self._new_session()
        # Read as a stream, and that at once: otherwise a page of 100 sessions comes in seventy
        # pieces, and each wakes the thread.
        stream, status, answer_headers = self.request_stream(method, url, headers, post_data)
        date = _date_of(answer_headers)
        if date is not None:
            self._answered(date)
        try:
            content = stream.read(decode_content=True)
        except Exception as error:
            # Whatever a mangled answer is raised as (also OverflowError or ValueError for a length that
            # is none), the request may have been executed.
            stream.close()
            raise stripe.APIConnectionError(  # type: ignore[no-untyped-call]
                f"Stripe's answer broke off ({type(error).__name__}).", headers=answer_headers
            ) from error
        return content, status, answer_headers

    def _new_session(self) -> requests.Session:
        """
        With the environment's proxies as they were at the start: looking for them before each request took
        longer than the request. A password in ~/.netrc is not sent in place of the key.
        """
        session = requests.Session()
        session.trust_env = False
        session.proxies = dict(self._proxies)
        return session
