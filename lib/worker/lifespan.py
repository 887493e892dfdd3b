"""What starts and ends with the server process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lib import bootstrap
from lib.bootstrap import Services
from lib.services.users import PRACTICE_PASSWORD, PRACTICE_USERS
from lib.settings import Mode


@asynccontextmanager
async def lifespan(app: object) -> AsyncIterator[None]:
    services = bootstrap.services()
    if services.settings.mode is Mode.PRACTICE:
        services.users.add_practice_users()
    sys.stdout.write(greeting(services))
    sys.stdout.flush()
    yield


def greeting(services: Services) -> str:
    """What the person at the terminal needs to know, once."""
    settings = services.settings
    lines = ["", f"  Onfile is at http://localhost:{settings.port} ({settings.mode.value} mode)"]
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
