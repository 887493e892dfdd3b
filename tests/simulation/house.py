"""
Whole Onfiles in one thread, without HTTP: many in a second, and the same again from the same seed.

What is Onfile's runs as in production, down to the SDK; only the socket is missing. A process dies by
an exception after which nothing of it can write or ask any more.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pytest
import stripe
from requests.structures import CaseInsensitiveDict

from lib import bootstrap
from lib.bootstrap import Services
from lib.clock import Clock
from lib.practice.engine import PracticeStripe
from lib.practice.parameters import decode_form
from lib.practice.replies import ConnectionDropped
from lib.services.runs import execute, lease, send_row
from lib.settings import Settings, load_settings
from lib.store import group_commit
from lib.store.unit_of_work import Stores
from lib.stripe_gateway.client import API_VERSION, unread
from tests.world import FakeClock, World, new_world

T = TypeVar("T")


class Died(BaseException):
    """The process is gone."""


class Life:
    """Of one process. `left` points from now it dies: at a commit, or at a call."""

    def __init__(self) -> None:
        self.left: int | None = None
        self.is_over = False

    def point(self) -> None:
        if self.left is not None:
            self.left -= 1
            self.is_over = self.is_over or self.left <= 0
        if self.is_over:
            raise Died


class InProcess(stripe.HTTPClient):
    """The SDK's way out, straight into practice Stripe."""

    name = "in process"

    def __init__(self, engine: PracticeStripe) -> None:
        super().__init__()
        self._engine = engine

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        parts = urlsplit(url)
        pairs = [
            pair
            for text in (parts.query, post_data or "")
            for pair in parse_qsl(text, keep_blank_values=True)
        ]
        try:
            reply = self._engine.handle(method, parts.path, decode_form(pairs), headers or {})
        except ConnectionDropped as dropped:
            raise stripe.APIConnectionError("dropped", should_retry=False) from dropped
        body = json.dumps(reply.body).encode() if reply.raw is None else reply.raw
        return unread(body, reply.status, CaseInsensitiveDict(reply.headers))

    def close(self) -> None:
        """Nothing is open."""


class _InTurn:
    """In place of a pool of one thread: done when it is submitted."""

    def __init__(self, *_: object, **__: object) -> None:
        """Starts nothing."""

    def __enter__(self) -> _InTurn:
        return self

    def __exit__(self, *_: object) -> None:
        """Everything is done."""

    def submit(self, work: Callable[..., T], *given: object) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(work(*given))
        except BaseException as error:  # noqa: BLE001 - as a pool keeps it for whoever asks
            done.set_exception(error)
        return done


class House:
    """One data folder, one practice Stripe, and as many processes as are asked for."""

    def __init__(
        self,
        folder: Path,
        patch: pytest.MonkeyPatch,
        call: Callable[[Callable[[], Any], tuple[Any, ...]], Any],
    ) -> None:
        """`call` makes each call to Stripe, and may look at it and do something around it."""
        patch.setattr(lease, "BEAT_SECONDS", 3_600)
        patch.setattr(execute, "ThreadPoolExecutor", _InTurn)
        patch.setattr(group_commit, "ThreadPoolExecutor", _InTurn)
        patch.setattr("lib.stripe_gateway.client.build_client", self._client)
        self.settings = settings_of(folder)
        self.clock = FakeClock()
        self.stripe = PracticeStripe(
            self.settings.practice_database, clock=self.clock, public_url=self.settings.public_url
        )
        self._call = call

    def close(self) -> None:
        self.stripe.database.close()

    def _client(self, api_key: str, api_base: str) -> stripe.StripeClient:
        return stripe.StripeClient(
            api_key,
            stripe_version=API_VERSION,
            max_network_retries=0,
            http_client=InProcess(self.stripe),
        )

    def process(self, clock: Clock) -> tuple[Services, Life]:
        life = Life()
        with pytest.MonkeyPatch.context() as patch:
            # Whoever it would wait for is in this same thread.
            patch.setattr(send_row, "IN_FLIGHT_SECONDS", 0)
            services = bootstrap.build_services(self.settings, clock=clock, bcrypt_rounds=4)
        executor, uow, client = services.runs.executor, services.uow, services.gateway.client
        write, submit, ask = uow.write, uow.submit, client.raw_request

        @contextmanager
        def dying(*, in_bulk: bool = False) -> Iterator[Stores]:
            with write(in_bulk=in_bulk) as stores:
                yield stores
                life.point()
            life.point()

        def submitted(work: Callable[[Stores], T]) -> Future[T]:
            life.point()
            future = submit(work)
            life.point()
            return future

        def asked(method: str, path: str, **params: Any) -> Any:
            life.point()
            key = params.pop("idempotency_key", None)
            options = {"idempotency_key": key} if key else {}
            answer = self._call(
                lambda: ask(method, path, **params, **options), (method, path, params, key)
            )
            life.point()
            return answer

        uow.write = dying  # type: ignore[method-assign]
        uow.submit = submitted  # type: ignore[method-assign]
        client.raw_request = asked  # type: ignore[method-assign]
        executor.in_flight = 1
        executor.pause = lambda _: None
        return services, life


def settings_of(folder: Path) -> Settings:
    return load_settings(folder, {"ONFILE_DATA_DIR": str(folder / "data"), "ONFILE_MAX_RPS": "0"})


def made_once(folder: Path, prepare: Callable[[World], T]) -> T:
    """A world prepared over HTTP, to be copied for each seed."""
    with new_world(folder) as world:
        return prepare(world)


@contextmanager
def copy_of(template: Path) -> Iterator[Path]:
    """Kept open: tidying up after each connection would only cost time."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(template / "data", folder / "data")
        keeper = sqlite3.connect(settings_of(folder).database)
        keeper.execute("SELECT count(*) FROM users").fetchone()
        try:
            yield folder
        finally:
            keeper.close()
