"""
Whole Onfiles in one thread, without HTTP: many in a second, and the same again from the same seed.

What is Onfile's runs as in production, down to the SDK; only the socket is missing. A process dies by
an exception after which nothing of it can write or ask any more.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest
import stripe
from requests.structures import CaseInsensitiveDict

from lib import bootstrap
from lib.bootstrap import Services
from lib.clock import Clock, epoch
from lib.practice.engine import PracticeStripe
from lib.practice.parameters import decode_form
from lib.practice.replies import ConnectionDropped
from lib.services.runs import execute, lease, send_row
from lib.settings import Settings, load_settings
from lib.store import group_commit, unit_of_work
from lib.store.connection_pool import ConnectionPool
from lib.store.stores import Stores
from lib.store.unit_of_work import UnitOfWork
from lib.stripe_gateway import parallel_reader
from lib.stripe_gateway.client import API_VERSION, unread
from tests.world import FakeClock, World, new_world

T = TypeVar("T")

KEY = "sk_test_simulation"
ANOTHER_KEY = "sk_test_of_another_account"
# From the making of the template to the beginning of each seed: what made it is no news by then.
HOURS_LATER = 3


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

    def __init__(self, engine: PracticeStripe, answered: Callable[[int], None]) -> None:
        super().__init__()
        self._engine = engine
        self._answered = answered

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
        self._answered(epoch(self._engine.clock()))
        body = orjson.dumps(reply.body) if reply.raw is None else reply.raw
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


class Stripe:
    """Practice Stripe by API key: the account of everybody here, and one that is somebody else's."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.clock.advance(hours=HOURS_LATER)
        self.account = PracticeStripe(folder / "data" / "practice.db", clock=self.clock)
        self._folder = folder
        self._others: PracticeStripe | None = None
        patch.setattr(lease, "BEAT_SECONDS", 3_600)
        patch.setattr(execute, "ThreadPoolExecutor", _InTurn)
        # Of a certificate, or of a rebuild: as many as there are answers to wait for, and here is none.
        patch.setattr(parallel_reader, "READERS", 1)
        patch.setattr(group_commit, "ThreadPoolExecutor", _InTurn)
        patch.setattr("lib.stripe_gateway.client.build_client", self._client)

    @property
    def others(self) -> PracticeStripe:
        """The account of `ANOTHER_KEY`."""
        if self._others is None:
            self._others = PracticeStripe(self._folder / "other.db", clock=self.clock)
            self._others.configure({"account_id": "acct_1SomebodyElse00"})
        return self._others

    def close(self) -> None:
        for account in (self.account, self._others):
            if account is not None:
                account.database.close()

    def _client(
        self, api_key: str, api_base: str, *, answered: Callable[[int], None]
    ) -> stripe.StripeClient:
        engine = self.others if api_key == ANOTHER_KEY else self.account
        return stripe.StripeClient(
            api_key,
            stripe_version=API_VERSION,
            max_network_retries=0,
            http_client=InProcess(engine, answered),
        )


class House:
    """One data folder and as many processes over it as are asked for."""

    def __init__(
        self,
        data: Path,
        at: Stripe,
        call: Callable[[Callable[[], Any], tuple[Any, ...]], Any],
        clock: Clock,
    ) -> None:
        """
        Args:
            call: makes each call to Stripe, and may look at it and do something around it.
            clock: of the machine, perhaps not Stripe's.
        """
        self.settings = settings_of(data)
        self.clock = at.clock
        self.stripe = at.account
        self._call = call
        # Of all processes: one that is gone has none of it any more, and each new connection reads the schema.
        self._pool = ConnectionPool(self.settings.database, clock=clock)

    def close(self) -> None:
        self._pool.close()

    def unit_of_work(self) -> UnitOfWork:
        with pytest.MonkeyPatch.context() as patch:
            self._share_pool(patch)
            return UnitOfWork(self.settings.database)

    def _share_pool(self, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(unit_of_work, "ConnectionPool", lambda path, **_: self._pool)

    def process(self, clock: Clock, *, key: str = KEY) -> tuple[Services, Life]:
        life = Life()
        settings = replace(self.settings, stripe_secret_key=key)
        with pytest.MonkeyPatch.context() as patch:
            # Whoever it would wait for is in this same thread.
            patch.setattr(send_row, "IN_FLIGHT_SECONDS", 0)
            self._share_pool(patch)
            services = bootstrap.build_services(settings, clock=clock, bcrypt_rounds=4)
            # Each is built when it is first asked for.
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


def settings_of(data: Path) -> Settings:
    return load_settings(
        data.parent,
        {
            "ONFILE_DATA_DIR": str(data),
            "ONFILE_MAX_RPS": "0",
            "ONFILE_TIMEZONE": "UTC",
            "STRIPE_SECRET_KEY": KEY,
        },
    )


def made_once(folder: Path, prepare: Callable[[World], T]) -> T:
    """
    A world prepared over HTTP, to be copied for each seed, in `data`; beside it in `second` another
    installation that knows the same customers, and in `empty` one that knows nothing.
    """
    with new_world(folder, STRIPE_SECRET_KEY=KEY) as world:
        prepared = prepare(world)
        world.clock.advance(hours=HOURS_LATER)
        world.services.sync.run()
        for name in ("second", "empty"):
            like = settings_of(folder / name)
            bootstrap.migrate(like)
            services = bootstrap.build_services(
                like, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
            )
            services.users.add_practice_users()
            if name == "second":
                services.sync.run(full=True)
                services.sync.run()
            services.close()
        return prepared


@contextmanager
def copy_of(template: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(template / "data", folder / "data")
        yield folder
