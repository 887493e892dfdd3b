"""Commands that go on until they are stopped: the background work, and the public side."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

from lib.cli.answers import Answer

if TYPE_CHECKING:
    from lib.bootstrap import Services
    from lib.cli.parser import Arguments
    from lib.domain.actors import Actor


def worker(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    from lib.worker.loop import Worker  # the other commands need none

    worker = Worker(services)
    if arguments.once:
        worker.run_once()
        return Answer({"state": "done"}, ["Did what was due."])
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    worker.start()
    sys.stderr.write("The worker runs. Stop it with Ctrl+C.\n")
    try:
        stopping.wait()
    finally:
        worker.stop()
    return Answer({"state": "stopped"}, ["Stopped."])


def public(services: Services, arguments: Arguments, _: Actor | None) -> Answer:
    from lib.web.server import serve  # the other commands need none

    port = arguments.port or services.settings.public_port
    sys.stderr.write(
        f"Customers and Stripe are served at http://{arguments.host}:{port} "
        f"({services.settings.mode.value} mode). Stop it with Ctrl+C.\n"
    )
    try:
        started = serve(services, host=arguments.host, port=port)
    finally:
        services.close()
    if not started:
        message = f"Nothing can be served at {arguments.host}:{port}. Is another process there?"
        return Answer({}, [], error={"code": "address_in_use", "message": message})
    return Answer({"state": "stopped"}, ["Stopped."])
