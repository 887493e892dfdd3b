"""`/metrics`: true figures, for whoever asks on this machine, and for nobody else."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from lib.web.metrics import Timings
from lib.web.routes import routes
from tests.world import ADA, World

LOCAL = ("127.0.0.1", 40_000)


def client_from(
    world: World, address: tuple[str, int] = LOCAL, host: str = "localhost:8501"
) -> TestClient:
    app = Starlette(routes=routes(lambda: world.services), middleware=[Middleware(Timings)])
    return TestClient(app, client=address, base_url=f"http://{host}", follow_redirects=False)


def figures(client: TestClient) -> dict[str, float]:
    """By name, with labels as in the text."""
    reply = client.get("/metrics")
    assert reply.status_code == 200
    return {
        sample.name
        + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def test_it_says_what_is_so(world: World) -> None:
    customer = world.customer()
    world.save_card(customer)
    world.charge(customer, reference="INV-1")
    world.fault("error_500_saved")
    world.charge(customer, reference="LOST-1")
    world.services.backups.take(by=ADA)
    world.services.sync.run(full=True)
    world.services.sync.count_reads()
    world.clock.advance(hours=3)
    values = figures(client_from(world))
    assert values["onfile_charges currency=usd state=succeeded"] == 1
    assert values["onfile_charges currency=usd state=unknown"] == 1
    assert values["onfile_unknown_charges"] == 1
    assert values["onfile_unknown_oldest_seconds"] == 3 * 3600
    assert values["onfile_backup_age_seconds"] == 3 * 3600
    assert values["onfile_sync_age_seconds"] >= 3 * 3600
    assert values["onfile_reads_used"] == world.services.gateway.reads
    assert values["onfile_reads_allowed"] >= 10_000
    assert values["onfile_ledger_behind"] == 0
    assert values["onfile_deliveries_waiting"] == 0


def test_what_has_not_happened_yet_has_no_age(world: World) -> None:
    values = figures(client_from(world))
    assert "onfile_backup_age_seconds" not in values
    assert values["onfile_unknown_oldest_seconds"] == 0


def test_routes_are_timed_without_what_is_in_their_addresses(world: World) -> None:
    client = client_from(world)
    client.get("/l/abcdefghijklmnopqrstuvwx")
    client.get("/l/abcdefghijklmnopqrstuvwy")
    client.request("BREW", "/healthz")
    text = client.get("/metrics").text
    assert "abcdefghijklmnop" not in text
    assert "BREW" not in text
    values = figures(client)
    assert values["onfile_request_seconds_count method=GET route=/l/{token} status=410"] >= 2
    assert values["onfile_stripe_seconds_count method=GET status=200"] >= 0


@pytest.mark.parametrize(
    ("address", "host", "headers"),
    [
        (("10.0.0.7", 1), "localhost", {}),
        (LOCAL, "onfile.example", {}),
        (LOCAL, "localhost", {"X-Forwarded-For": "10.0.0.7"}),
        (LOCAL, "localhost", {"X-Forwarded-For": "127.0.0.1"}),
        (LOCAL, "localhost", {"Forwarded": "for=10.0.0.7"}),
        (LOCAL, "localhost", {"Via": "1.1 proxy"}),
        (LOCAL, "", {"Host": "["}),
    ],
)
def test_from_elsewhere_or_through_a_proxy_there_is_nothing(
    world: World, address: tuple[str, int], host: str, headers: dict[str, str]
) -> None:
    reply = client_from(world, address, host or "localhost").get("/metrics", headers=headers)
    assert (reply.status_code, reply.text) == (404, "Not found")
