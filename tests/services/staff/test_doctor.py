"""The doctor: each check in plain words, the missing permission by its name, nothing changed at Stripe."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lib import bootstrap
from lib.bootstrap import Services
from lib.domain.checks import Check
from lib.domain.event_types import EVENT_TYPES, MORE_EVENT_TYPES
from lib.domain.incidents import Resolution
from lib.errors import Misconfigured, OutcomeUnknown
from lib.practice import thin_events
from lib.services.staff.doctor import DoctorService
from lib.services.staff.file_checks import HEARTBEAT_FRESH_SECONDS
from lib.services.staff.key_permissions import OPTIONAL, PROBES
from lib.settings import Mode, load_settings
from lib.store.unit_of_work import UnitOfWork
from tests import stripe_account
from tests.databases import migrated
from tests.mail_server import mail_server
from tests.webhook_route import deliver
from tests.world import ADA, World

# As practice Stripe spells them, and the check that fails without them.
PERMISSIONS = {
    "rak_checkout_session_read": "permission: read checkout sessions",
    "rak_checkout_session_write": "permission: make checkout sessions",
    "rak_setup_intent_read": "permission: read setup intents",
    "rak_customer_read": "permission: read customers",
    "rak_customer_write": "permission: change customers",
    "rak_payment_method_read": "permission: read payment methods",
    "rak_payment_method_write": "permission: attach and detach payment methods",
    "rak_payment_intent_read": "permission: read payment intents",
    "rak_payment_intent_write": "permission: charge",
    "rak_charge_read": "permission: read charges",
    "rak_refund_read": "permission: read refunds",
    "rak_refund_write": "permission: refund",
    "rak_dispute_read": "permission: read disputes",
    "rak_event_read": "permission: read events",
}


def readme_events() -> tuple[str, ...]:
    """From the list under “Going live”, where `.expired` goes on from the type before it."""
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    section = text.partition("and these events:")[2].partition("Without one")[0]
    names: list[str] = []
    for name in re.findall(r"`([a-z_.]+)`", section):
        names.append(names[-1].rpartition(".")[0] + name if name.startswith(".") else name)
    return tuple(names)


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def other_services(world: World, folder: Path, **environ: str) -> Services:
    """Over the same practice Stripe, as if it were the real one."""
    settings = load_settings(
        folder, {"ONFILE_DATA_DIR": str(folder / "other"), "ONFILE_MAX_RPS": "0", **environ}
    )
    migrated(settings)
    return bootstrap.build_services(
        settings, clock=world.clock, api_base=world.server.base_url, bcrypt_rounds=4
    )


class TestChecks:
    def test_an_account_that_makes_no_setup_links_is_named(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As it would be without our switching Managed Payments off, or if Stripe stopped minding."""
        monkeypatch.setattr("lib.services.staff.key_permissions.SETUP_SESSION", {"mode": "setup"})
        name = "permission: make checkout sessions"
        assert by_name(world.services.doctor.checks())[name].ok
        world.stripe.configure({"managed_payments": True})
        check = by_name(world.services.doctor.checks())[name]
        assert not check.ok
        assert "makes no setup links for this account" in check.detail
        assert "Managed Payments" in check.detail

    def test_a_managed_account_is_well_as_we_ask_it(self, world: World) -> None:
        world.stripe.configure({"managed_payments": True})
        assert all(check.ok for check in world.services.doctor.checks())

    def test_all_well_in_practice_mode(self, world: World) -> None:
        checks = world.services.doctor.checks()
        assert all(check.ok for check in checks), checks
        assert "Practice" in by_name(checks)["stripe_key"].detail

    def test_asking_changes_nothing_at_stripe(self, world: World) -> None:
        world.services.doctor.checks()
        for path in ("customers", "checkout/sessions", "payment_intents", "events"):
            assert stripe_account.listed(world, f"/v1/{path}") == []

    def test_open_incidents_are_named_and_settled_ones_are_not(self, world: World) -> None:
        with UnitOfWork(world.services.settings.database).write() as stores:
            for subject in ("pi_1", "pi_2"):
                stores.incidents.add(
                    f"inc_{subject}", kind="unexpected_payment", subject=subject, details={}, at=1
                )
            stores.incidents.settle(
                "inc_pi_1", resolution=Resolution.REFUNDED, by="alice", note="refunded", at=2
            )
        check = by_name(world.services.doctor.checks())["incidents"]
        assert not check.ok
        assert check.detail.startswith("Not settled yet: pi_2 (unexpected_payment). ")
        assert f"{world.settings.public_url}/incidents" in check.detail

    @pytest.mark.parametrize(("permission", "name"), PERMISSIONS.items())
    def test_a_missing_permission_alone_is_named(
        self, world: World, tmp_path: Path, permission: str, name: str
    ) -> None:
        key = "rk_test_onfile"
        world.stripe.faults.deny(key, permission)
        services = other_services(world, tmp_path, STRIPE_SECRET_KEY=key)
        checks = by_name(services.doctor.checks())
        assert [check.name for check in checks.values() if not check.ok] == [name]
        assert re.findall(r"rak_\w+", str(checks)) == [permission]
        assert "Developers, API keys" in checks[name].detail
        assert key not in str(checks)
        world.stripe.faults.allow(key, permission)
        assert all(check.ok for check in services.doctor.checks())

    @pytest.mark.parametrize("permission", ["rak_balance_transaction_read", "rak_payout_read"])
    def test_without_fees_and_payouts_everything_else_works(
        self, world: World, tmp_path: Path, permission: str
    ) -> None:
        key = "rk_test_onfile"
        world.stripe.faults.deny(key, permission)
        checks = other_services(world, tmp_path, STRIPE_SECRET_KEY=key).doctor.checks()
        assert all(check.ok for check in checks)
        (named,) = [check for check in checks if permission in check.detail]
        assert "everything else works" in named.detail

    def test_every_permission_that_reading_and_charging_takes_is_asked_for(self) -> None:
        """Whatever the gateway sends, the doctor has tried."""
        folder = Path(__file__).parents[3] / "lib" / "stripe_gateway"
        source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
        used = set(re.findall(r"/v1/([a-z_]+(?:/sessions)?)", source))
        asked = {path.removeprefix("/v1/") for *_, path in (*PROBES, *OPTIONAL)}
        covered = {path for path in used if any(f"{a}/".startswith(f"{path}/") for a in asked)}
        # What the doctor only looks at where it may.
        assert used - covered == {"account", "webhook_endpoints"}

    def test_every_permission_denied_names_every_one(self, world: World, tmp_path: Path) -> None:
        world.stripe.faults.deny("rk_test_onfile", *PERMISSIONS)
        services = other_services(world, tmp_path, STRIPE_SECRET_KEY="rk_test_onfile")
        checks = services.doctor.checks()
        assert {check.name for check in checks if not check.ok} == set(PERMISSIONS.values())
        assert set(re.findall(r"rak_\w+", str(checks))) == set(PERMISSIONS)

    def test_a_permission_that_stripe_does_not_name(self, world: World, tmp_path: Path) -> None:
        services = other_services(world, tmp_path, STRIPE_SECRET_KEY="rk_test_onfile")
        world.stripe.faults.add("GET", "/v1/refunds/", kind="missing_permission", detail="none")
        check = by_name(services.doctor.checks())["permission: read refunds"]
        assert not check.ok
        assert "did not name" in check.detail

    def test_reading_the_account_is_not_needed(self, world: World, tmp_path: Path) -> None:
        world.stripe.faults.deny("rk_test_onfile", "rak_account_read")
        services = other_services(world, tmp_path, STRIPE_SECRET_KEY="rk_test_onfile")
        checks = services.doctor.checks()
        assert all(check.ok for check in checks), checks
        detail = by_name(checks)["stripe_key"].detail
        assert "rak_account_read" in detail
        assert "needs only to measure statement suffixes" in detail

    @pytest.mark.parametrize(
        ("status", "details"), [(401, {}), (401, {"permission": "rak_account_read"}), (403, {})]
    )
    def test_a_key_that_stripe_does_not_know(
        self,
        world: World,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        status: int,
        details: dict[str, str],
    ) -> None:
        """Nor one that is refused altogether, from an address it is not meant for, say."""
        services = other_services(world, tmp_path, STRIPE_SECRET_KEY="rk_test_onfile")

        def refused(_: object) -> str:
            raise Misconfigured("Not this key.", http_status=status, details=dict(details))

        monkeypatch.setattr("lib.stripe_gateway.gateway.StripeGateway.account", refused)
        assert not by_name(services.doctor.checks())["stripe_key"].ok

    def test_an_account_that_cannot_be_read_is_no_permission(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its 404 is not the one that Stripe gives to whoever may ask. Seen with a stand-in for Stripe."""
        services = other_services(world, tmp_path, STRIPE_SECRET_KEY="rk_test_onfile")

        def unknown(_: object) -> None:
            raise OutcomeUnknown("Stripe's answer could not be read.", http_status=404)

        monkeypatch.setattr("lib.stripe_gateway.gateway.StripeGateway.account", unknown)
        checks = by_name(services.doctor.checks())
        assert not checks["permissions"].ok
        assert "permission: charge" not in checks
        with pytest.raises(OutcomeUnknown):
            list(services.doctor.sandbox())

    def test_stripe_out_of_reach(self, world: World) -> None:
        world.server.stop()
        checks = by_name(world.services.doctor.checks())
        assert not checks["permission: charge"].ok
        assert checks["permission: charge"].detail == "Stripe did not answer."
        assert checks["database"].ok

    def test_without_a_webhook_secret_it_says_what_that_means(
        self, world: World, tmp_path: Path
    ) -> None:
        services = other_services(world, tmp_path, STRIPE_SECRET_KEY="rk_test_onfile")
        check = by_name(services.doctor.checks())["webhook"]
        assert check.ok
        assert "polling" in check.detail

    def test_a_local_address_with_a_test_key_is_pointed_out(
        self, world: World, tmp_path: Path
    ) -> None:
        services = other_services(world, tmp_path, STRIPE_SECRET_KEY="rk_test_onfile")
        check = by_name(services.doctor.checks())["public_url"]
        assert check.ok
        assert "ONFILE_PUBLIC_URL" in check.detail

    def test_nobody_can_manage_users_yet(self, world: World) -> None:
        assert "users add" in by_name(world.services.doctor.checks())["staff"].detail
        world.services.users.add_practice_users()
        assert "1 active admin" in by_name(world.services.doctor.checks())["staff"].detail


class TestWebhookEndpoint:
    URL = "https://pay.example.com/webhooks/stripe"
    KEY = "rk_test_onfile"

    @pytest.fixture
    def look(self, world: World, tmp_path: Path) -> Callable[[], Check]:
        services = other_services(
            world,
            tmp_path,
            STRIPE_SECRET_KEY=self.KEY,
            STRIPE_WEBHOOK_SECRET="whsec_1",
            ONFILE_PUBLIC_URL="https://pay.example.com",
        )
        return lambda: by_name(services.doctor.checks())["webhook"]

    def test_as_the_readme_says(self, world: World, look: Callable[[], Check]) -> None:
        world.stripe.register_endpoint("https://other.example.com/", enabled_events=("x.y",))
        world.stripe.register_endpoint(self.URL, enabled_events=readme_events())
        assert look() == Check("webhook", True, f"Deliveries to {self.URL} are verified.")

    def test_none_of_ours(self, world: World, look: Callable[[], Check]) -> None:
        """With a test key Stripe's command line may pass events on instead."""
        world.stripe.register_endpoint("https://other.example.com/webhooks/stripe")
        check = look()
        assert check.ok
        assert f"Stripe has no webhook endpoint for {self.URL}" in check.detail

    def test_events_that_stay_out_are_named(self, world: World, look: Callable[[], Check]) -> None:
        out = ("charge.dispute.created", "refund.failed")
        events = tuple(type_ for type_ in readme_events() if type_ not in out)
        world.stripe.register_endpoint(self.URL, enabled_events=events)
        check = look()
        assert not check.ok
        assert "does not get charge.dispute.created, refund.failed. Add them" in check.detail

    def test_one_of_an_older_version_and_one_switched_off(
        self, world: World, look: Callable[[], Check]
    ) -> None:
        world.stripe.register_endpoint(self.URL, api_version="2024-06-20")
        check = look()
        assert check.ok
        assert "API version 2024-06-20" in check.detail
        [endpoint] = stripe_account.listed(world, "/v1/webhook_endpoints")
        world.stripe.alter(endpoint["id"], {"status": "disabled"})
        check = look()
        assert not check.ok
        assert "the endpoint is disabled" in check.detail

    def test_thin_events(self, world: World, look: Callable[[], Check]) -> None:
        world.stripe.register_endpoint(self.URL)
        world.stripe.configure({"event_payload": "thin"})
        check = look()
        assert check.ok
        assert "This destination sends thin events: choose snapshot." in check.detail

    def test_a_key_that_may_not_look(self, world: World, look: Callable[[], Check]) -> None:
        world.stripe.faults.deny(self.KEY, "rak_webhook_read")
        check = look()
        assert check.ok
        assert "could not be looked at: the key lacks rak_webhook_read" in check.detail

    def test_none_of_ours_with_a_live_key(self, world: World) -> None:
        settings = replace(world.settings, mode=Mode.LIVE, public_url="https://pay.example.com")
        services = world.services
        doctor = DoctorService(
            world.uow, services.gateway, None, clock=world.clock, settings=settings
        )
        check = by_name(doctor.checks())["webhook"]
        assert not check.ok
        assert "Stripe has no webhook endpoint" in check.detail

    def test_deliveries_that_were_thin_say_so_themselves(self, world: World) -> None:
        stripe_account.post(world, "/v1/customers")
        [event] = stripe_account.events(world, "customer.created")
        assert "thin" not in by_name(world.services.doctor.checks())["webhook"].detail
        deliver(world, thin_events.notification(event))
        check = by_name(world.services.doctor.checks())["webhook"]
        assert check.ok
        assert "choose snapshot. (Of the newest 500 deliveries: 1.)" in check.detail

    def test_the_readme_names_every_event_that_is_read(self) -> None:
        assert {*EVENT_TYPES, *MORE_EVENT_TYPES} <= set(readme_events())


class TestReady:
    def test_while_the_worker_beats(self, world: World) -> None:
        world.worker.run_once()
        assert all(check.ok for check in world.services.doctor.is_ready())
        world.clock.advance(seconds=HEARTBEAT_FRESH_SECONDS)
        assert all(check.ok for check in world.services.doctor.is_ready())
        world.clock.advance(seconds=1)
        assert [c.name for c in world.services.doctor.is_ready() if not c.ok] == ["worker"]

    def test_not_before_the_worker_ever_ran(self, world: World) -> None:
        assert [c.name for c in world.services.doctor.is_ready() if not c.ok] == ["worker"]

    def test_asks_stripe_nothing(self, world: World) -> None:
        before = world.services.gateway.requests
        world.services.doctor.is_ready()
        assert world.services.gateway.requests == before

    def test_not_with_a_database_that_is_none(self, world: World) -> None:
        for path in world.settings.data_dir.glob("onfile.db*"):
            path.unlink()
        world.settings.database.write_bytes(b"this is not a database" * 1000)
        checks = by_name(world.services.doctor.is_ready())
        assert not checks["database"].ok
        assert not checks["worker"].ok

    def test_not_with_a_schema_from_before(self, world: World) -> None:
        """A copy put back from before an update, say."""
        world.worker.run_once()
        connection = sqlite3.connect(world.settings.database)
        connection.execute(
            "DELETE FROM _sqlite_migrations WHERE name = (SELECT max(name) FROM _sqlite_migrations)"
        )
        connection.commit()
        connection.close()
        check = by_name(world.services.doctor.is_ready())["database"]
        assert not check.ok
        assert "Restart" in check.detail


@pytest.mark.parametrize(("ahead", "says"), [(600, "600 s ahead of"), (-90, "90 s behind")])
def test_a_wrong_clock_is_told(world: World, ahead: int, says: str) -> None:
    assert by_name(world.services.doctor.checks())["clock"].ok
    stripes = world.clock
    world.clock = lambda: stripes() + timedelta(seconds=ahead)  # type: ignore[assignment]
    check = by_name(world.rebuild().doctor.checks())["clock"]
    assert not check.ok
    assert says in check.detail


class TestBackups:
    def test_the_last_good_one_is_named(self, world: World) -> None:
        taken = world.services.backups.take(by=ADA)
        check = by_name(world.services.doctor.checks())["backup"]
        assert check.ok
        assert str(taken.path) in check.detail
        taken.path.unlink()
        check = by_name(world.services.doctor.checks())["backup"]
        assert not check.ok
        assert "not there any more" in check.detail

    def test_one_older_than_two_days_fails(self, world: World) -> None:
        world.services.backups.take(by=ADA)
        world.clock.advance(days=2, seconds=1)
        check = by_name(world.services.doctor.checks())["backup"]
        assert not check.ok
        assert "older than two days" in check.detail


class TestMail:
    """Connects and signs in as the settings say, and sends nothing."""

    def check(self, world: World, **settings: str) -> Check:
        world.settings = replace(world.settings, **settings)
        return by_name(world.rebuild().doctor.checks())["mail"]

    def test_practice_writes_to_nobody(self, world: World) -> None:
        assert self.check(world).detail.startswith("Practice mode")

    def test_a_server_that_answers(self, world: World) -> None:
        with mail_server(user="anna", password="secret") as server:
            url = f"smtp://anna:secret@127.0.0.1:{server.port}"
            check = self.check(world, smtp_url=url, mail_from="billing@acme.example")
            assert check.ok
            assert check.detail == (
                "127.0.0.1 answers without TLS, on this machine, and takes the user anna. "
                "Messages come from billing@acme.example."
            )
            assert server.taken == []

    def test_a_wrong_password(self, world: World) -> None:
        with mail_server(user="anna", password="secret") as server:
            url = f"smtp://anna:wrong@127.0.0.1:{server.port}"
            check = self.check(world, smtp_url=url, mail_from="billing@acme.example")
        assert not check.ok
        assert "does not accept user and password: 535" in check.detail
        assert "wrong" not in check.detail

    def test_nobody_answers(self, world: World) -> None:
        check = self.check(world, smtp_url="smtp://127.0.0.1:1", mail_from="a@b.example")
        assert not check.ok
        assert "127.0.0.1:1 does not answer" in check.detail
        assert "ONFILE_SMTP_URL" in check.detail

    def test_a_folder(self, world: World, tmp_path: Path) -> None:
        check = self.check(world, smtp_url=f"file://{tmp_path}/mails", mail_from="a@b.example")
        assert check.ok
        assert "written as files" in check.detail
