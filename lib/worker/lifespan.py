"""The lifespan of the server process: what starts and ends with it."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.concurrency import run_in_threadpool

from lib import bootstrap
from lib.bootstrap import Services
from lib.practice.delivery import EventDelivery
from lib.practice.seed import seed
from lib.rehearsal import rehearse
from lib.services.staff.users import PRACTICE_PASSWORD, PRACTICE_USERS
from lib.settings import Mode
from lib.worker.loop import Worker


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    services = bootstrap.services()
    delivery: EventDelivery | None = None
    if services.settings.mode is Mode.PRACTICE:
        delivery = await run_in_threadpool(_open_practice, services)
    worker = Worker(services)
    worker.start()
    sys.stdout.write(greeting(services))
    sys.stdout.flush()
    try:
        yield
    finally:
        await run_in_threadpool(worker.stop)
        if delivery is not None:
            await run_in_threadpool(delivery.stop)
        services.close()


def _open_practice(services: Services) -> EventDelivery:
    """A believable business, people to sign in as, and events on their way to our own route."""
    services.users.add_practice_users()
    practice = bootstrap.practice()
    seed(practice)
    services.ownership.learn_company()
    rehearse(services.settings, services.clock())
    delivery = EventDelivery(
        practice,
        webhook_url=f"http://127.0.0.1:{services.settings.webhook_port}/webhooks/stripe",
        secret=services.settings.webhook_secrets[0],
    )
    delivery.start()
    return delivery


def greeting(services: Services) -> str:
    """What the person at the terminal needs to know, once."""
    settings = services.settings
    lines = ["", f"  Onfile is at http://localhost:{settings.port} ({settings.mode.value} mode)"]
    if settings.public_apart:
        lines += [f"  Customers and Stripe need `python -m lib public`: {settings.public_url}"]
    if settings.mode is Mode.PRACTICE:
        lines += [
            "  No money moves. Sign in with one of these and the password " + PRACTICE_PASSWORD
        ]
        lines += [
            f"    {username:<8}{name} ({', '.join(role.value for role in roles)})"
            for username, name, roles in PRACTICE_USERS
        ]
    elif not services.users.list():
        lines += [
            "  Nobody can sign in yet. Add the first admin:",
            "    .venv/bin/python -m lib users add NAME --email E --role admin",
        ]
    return "\n".join([*lines, "  Stop with Ctrl+C.", "", ""])
