"""Settings: read once, checked together, refused with every problem named, secrets unseen."""

from __future__ import annotations

import re
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lib import bootstrap
from lib.errors import SettingsError
from lib.settings import (
    NAMES,
    PRACTICE_KEY,
    STRIPE_API_BASE,
    Mode,
    Provider,
    Settings,
    load_settings,
)

ROOT = Path(__file__).resolve().parent.parent
TEST_KEY = "rk_test_" + "4" * 24
LIVE_KEY = "rk_live_" + "4" * 24
LIVE = {"STRIPE_SECRET_KEY": LIVE_KEY, "ONFILE_PUBLIC_URL": "https://onfile.example.com"}


def write_secrets(root: Path, text: str) -> None:
    folder = root / ".streamlit"
    folder.mkdir(exist_ok=True)
    (folder / "secrets.toml").write_text(text, encoding="utf-8")


def problems_of(root: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings(root, environ)
    return str(refused.value)


class TestDefaults:
    def test_nothing_set_is_practice_mode(self, tmp_path: Path) -> None:
        settings = load_settings(tmp_path, {})
        assert settings.mode is Mode.PRACTICE
        assert not settings.livemode
        assert settings.stripe_secret_key == PRACTICE_KEY
        assert settings.stripe_api_base == STRIPE_API_BASE
        assert settings.data_dir == tmp_path / "data"
        assert settings.database == tmp_path / "data" / "onfile.db"
        assert settings.practice_database == tmp_path / "data" / "practice.db"
        assert settings.public_url == "http://localhost:8501"
        assert settings.max_rps == 20
        assert settings.rebuild_rps == 24
        assert settings.port == 8501

    @pytest.mark.parametrize(
        ("key", "asked", "total"),
        [
            (TEST_KEY, {}, 25),
            (TEST_KEY, {"ONFILE_MAX_RPS": "0"}, 0),
            (TEST_KEY, {"ONFILE_MAX_RPS": "40"}, 0),
            ("rk_live_0123456789", {"ONFILE_PUBLIC_URL": "https://pay.example.com"}, 0),
            ("", {}, 0),
        ],
    )
    def test_a_sandbox_has_a_ceiling_for_all_endpoints_unless_one_is_set_by_hand(
        self, tmp_path: Path, key: str, asked: dict[str, str], total: float
    ) -> None:
        settings = load_settings(tmp_path, {"STRIPE_SECRET_KEY": key, **asked})
        assert settings.total_rps == total

    def test_the_public_address_follows_the_port(self, tmp_path: Path) -> None:
        assert load_settings(tmp_path, {"PORT": "9000"}).public_url == "http://localhost:9000"


class TestSources:
    def test_every_setting_from_the_environment(self, tmp_path: Path) -> None:
        settings = load_settings(
            tmp_path,
            {
                "STRIPE_SECRET_KEY": TEST_KEY,
                "STRIPE_API_BASE": "http://127.0.0.1:1234/",
                "STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old",
                "ONFILE_DATA_DIR": str(tmp_path / "elsewhere"),
                "ONFILE_PUBLIC_URL": "https://pay.example.com/",
                "ONFILE_COOKIE_KEY": "k" * 32,
                "ONFILE_SECRET_KEY": "s" * 32,
                "ONFILE_MAX_RPS": "2.5",
                "ONFILE_TIMEZONE": "Asia/Tokyo",
                "ONFILE_BACKUP_DIR": str(tmp_path / "copies"),
                "ONFILE_COMPANY": " Acme Ltd ",
                "ONFILE_CONTACT": "billing@example.com",
                "ONFILE_LANGUAGE": "de-AT",
                "ONFILE_BACKUP_KEEP": "3",
                "PORT": "9000",
            },
        )
        assert settings == Settings(
            mode=Mode.TEST,
            stripe_secret_key=TEST_KEY,
            stripe_api_base="http://127.0.0.1:1234",
            webhook_secrets=("whsec_new", "whsec_old"),
            data_dir=tmp_path / "elsewhere",
            public_url="https://pay.example.com",
            cookie_key="k" * 32,
            secret_key="s" * 32,
            max_rps=2.5,
            total_rps=0.0,
            rebuild_rps=2.5,
            port=9000,
            timezone="Asia/Tokyo",
            backup_dir=tmp_path / "copies",
            backup_keep=3,
            company="Acme Ltd",
            contact="billing@example.com",
            language="de-AT",
        )

    def test_a_mail_server_needs_an_address_and_shows_no_password(self, tmp_path: Path) -> None:
        url = "smtp://anna:geheim@mail.example.com"
        message = problems_of(tmp_path, ONFILE_SMTP_URL=url)
        assert "ONFILE_MAIL_FROM" in message
        assert "geheim" not in message
        given = {"ONFILE_SMTP_URL": url, "ONFILE_MAIL_FROM": "billing@example.com"}
        settings = load_settings(tmp_path, given)
        assert (settings.smtp_url, settings.mail_from) == (url, "billing@example.com")
        assert "geheim" not in repr(settings)
        message = problems_of(tmp_path, ONFILE_SMTP_URL="smtps://anna:geheim@")
        assert "geheim" not in message

    def test_a_provider_is_given_whole_by_https_and_shows_no_secret(self, tmp_path: Path) -> None:
        issuer = "https://login.example.com/realm"
        given = {
            "ONFILE_SSO_ISSUER": issuer,
            "ONFILE_SSO_CLIENT_ID": "onfile",
            "ONFILE_SSO_CLIENT_SECRET": "geheim",
        }
        settings = load_settings(tmp_path, given)
        assert settings.provider == Provider(issuer, "onfile", "geheim", "your company account")
        assert "geheim" not in repr(settings)
        assert load_settings(tmp_path, {"ONFILE_SSO_NAME": "Acme"}).provider is None
        for name in given:
            message = problems_of(tmp_path, **{**given, name: ""})
            assert "ONFILE_SSO_" in message
            assert "geheim" not in message
        for odd in ("login.example.com", "http://login.example.com", f"{issuer}?x=1"):
            assert "ONFILE_SSO_ISSUER" in problems_of(
                tmp_path, **{**given, "ONFILE_SSO_ISSUER": odd}
            )
        local = {**given, "ONFILE_SSO_ISSUER": "http://localhost:9000"}
        assert load_settings(tmp_path, local).provider
        assert "ONFILE_SSO_ISSUER" in problems_of(tmp_path, **LIVE, **local)

    def test_live_mail_goes_to_a_server(self, tmp_path: Path) -> None:
        given = {"ONFILE_SMTP_URL": "file:///tmp/mails", "ONFILE_MAIL_FROM": "a@example.com"}
        assert load_settings(tmp_path, given).smtp_url == "file:///tmp/mails"
        assert "not a folder" in problems_of(tmp_path, **LIVE, **given)

    def test_the_environment_outranks_the_file_name_by_name(self, tmp_path: Path) -> None:
        write_secrets(
            tmp_path,
            f'STRIPE_SECRET_KEY = "{TEST_KEY}"\nONFILE_MAX_RPS = 5\n'
            'ONFILE_PUBLIC_URL = "https://file.example.com"\n[connections.other]\nurl = "x"\n',
        )
        settings = load_settings(tmp_path, {"ONFILE_PUBLIC_URL": "https://env.example.com"})
        assert settings.stripe_secret_key == TEST_KEY
        assert settings.max_rps == 5
        assert settings.public_url == "https://env.example.com"

    def test_a_relative_data_folder_lies_below_the_root(self, tmp_path: Path) -> None:
        assert load_settings(tmp_path, {"ONFILE_DATA_DIR": "x"}).data_dir == tmp_path / "x"

    def test_a_broken_file_is_refused_without_quoting_it(self, tmp_path: Path) -> None:
        write_secrets(tmp_path, f'STRIPE_SECRET_KEY = "{TEST_KEY}')
        message = problems_of(tmp_path)
        assert "secrets.toml" in message
        assert TEST_KEY not in message

    def test_the_example_file_names_every_setting(self) -> None:
        text = (ROOT / ".streamlit" / "secrets.toml.example").read_text(encoding="utf-8")
        assert set(re.findall(r"^# ([A-Z_]+) = ", text, re.MULTILINE)) == set(NAMES)


class TestRefusals:
    def test_every_problem_in_one_message(self, tmp_path: Path) -> None:
        message = problems_of(
            tmp_path,
            STRIPE_SECRET_KEY="pk_test_1",
            STRIPE_API_BASE="ftp://example.com",
            STRIPE_WEBHOOK_SECRET="whsec_ok,sk_oops",
            ONFILE_PUBLIC_URL="example.com",
            ONFILE_COOKIE_KEY="short",
            ONFILE_MAX_RPS="fast",
            PORT="0",
        )
        for name in (
            "STRIPE_SECRET_KEY",
            "STRIPE_API_BASE",
            "STRIPE_WEBHOOK_SECRET",
            "ONFILE_PUBLIC_URL",
            "ONFILE_COOKIE_KEY",
            "ONFILE_MAX_RPS",
            "PORT",
        ):
            assert message.count(f"- {name}:") == 1
        assert "sk_oops" not in message
        assert not (tmp_path / "data").exists(), "nothing is made when the start is refused"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("STRIPE_SECRET_KEY", "pk_live_1"),
            ("STRIPE_SECRET_KEY", "whsec_1"),
            ("STRIPE_SECRET_KEY", "live"),
            ("STRIPE_API_BASE", "http://stripe.example.com"),
            ("STRIPE_API_BASE", "http://10.0.0.1"),
            ("STRIPE_API_BASE", "https://[::1"),
            ("STRIPE_API_BASE", "https://"),
            ("ONFILE_PUBLIC_URL", "https://[::1"),
            ("ONFILE_PUBLIC_URL", "javascript:alert(1)"),
            ("ONFILE_PUBLIC_URL", "//example.com"),
            ("ONFILE_MAX_RPS", "-1"),
            ("ONFILE_MAX_RPS", "nan"),
            ("ONFILE_MAX_RPS", "inf"),
            ("ONFILE_MAX_RPS", "1001"),
            ("ONFILE_LANGUAGE", "pl"),
            ("ONFILE_SMTP_URL", "mail.example.com"),
            ("ONFILE_SMTP_URL", "smtp://mail.example.com:port"),
            ("ONFILE_SMTP_URL", "file://relative"),
            ("ONFILE_MAIL_PER_MINUTE", "0"),
            ("ONFILE_TIMEZONE", "Berlin"),
            ("ONFILE_TIMEZONE", "../etc/passwd"),
            ("ONFILE_BACKUP_KEEP", "0"),
            ("ONFILE_IDLE_MINUTES", "0"),
            ("ONFILE_IDLE_MINUTES", "1441"),
            ("ONFILE_SESSION_HOURS", "never"),
            ("ONFILE_SESSION_HOURS", "169"),
            ("ONFILE_BACKUP_KEEP", "all"),
            ("PORT", "65536"),
            ("PORT", "-1"),
            ("PORT", "http"),
            ("ONFILE_COOKIE_KEY", "k" * 31),
        ],
    )
    def test_one_bad_value(self, tmp_path: Path, name: str, value: str) -> None:
        assert f"- {name}:" in problems_of(tmp_path, **{name: value})

    @pytest.mark.parametrize(
        "base",
        [
            "http://api.stripe.com",
            "http://127.0.0.1:8000",
            "https://127.0.0.1",
            "https://stripe.com.example.com",
            "https://notstripe.com",
            "https://api.stripe.com@example.com",
            "https://example.com/api.stripe.com",
            "https://example.com#.stripe.com",
        ],
    )
    def test_a_live_key_goes_to_stripe_by_https_only(self, tmp_path: Path, base: str) -> None:
        assert "- STRIPE_API_BASE:" in problems_of(tmp_path, **LIVE, STRIPE_API_BASE=base)

    @pytest.mark.parametrize("base", ["https://api.stripe.com", "https://stripe.com"])
    def test_these_it_may_go_to(self, tmp_path: Path, base: str) -> None:
        assert load_settings(tmp_path, LIVE | {"STRIPE_API_BASE": base}).livemode

    @pytest.mark.parametrize("url", ["", "http://localhost:8501", "http://onfile.example.com"])
    def test_a_live_key_needs_a_public_address_by_https(self, tmp_path: Path, url: str) -> None:
        message = problems_of(tmp_path, STRIPE_SECRET_KEY=LIVE_KEY, ONFILE_PUBLIC_URL=url)
        assert "- ONFILE_PUBLIC_URL: https is required" in message

    def test_a_data_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        assert "- ONFILE_DATA_DIR:" in problems_of(
            tmp_path, ONFILE_DATA_DIR=str(tmp_path / "file" / "data")
        )


class TestSecrets:
    def test_the_cookie_key_is_made_once_and_only_its_owner_reads_it(self, tmp_path: Path) -> None:
        first = load_settings(tmp_path, {}).cookie_key
        file = tmp_path / "data" / "cookie.key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert len(first) >= 32
        assert load_settings(tmp_path, {}).cookie_key == first
        assert load_settings(tmp_path / "other", {}).cookie_key != first

    def test_an_empty_cookie_key_is_refused_rather_than_used(self, tmp_path: Path) -> None:
        """With an empty key anybody could sign a cookie; a crash while writing could leave one."""
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "cookie.key").write_text("")
        assert "cookie.key" in problems_of(tmp_path)

    def test_processes_that_start_together_agree_on_one_whole_key(self, tmp_path: Path) -> None:
        together = threading.Barrier(8)

        def start(_: int) -> str:
            together.wait()
            return load_settings(tmp_path, {}).cookie_key

        with ThreadPoolExecutor(8) as pool:
            keys = set(pool.map(start, range(8)))
        assert len(keys) == 1
        assert {path.name for path in (tmp_path / "data").iterdir()} == {"cookie.key", "secret.key"}

    def test_the_practice_webhook_secret_is_the_same_in_every_process(self, tmp_path: Path) -> None:
        first = load_settings(tmp_path, {}).webhook_secrets
        assert load_settings(tmp_path, {}).webhook_secrets == first
        assert first[0].startswith("whsec_")
        assert load_settings(tmp_path / "other", {}).webhook_secrets != first

    def test_with_a_key_but_no_secret_webhooks_are_off(self, tmp_path: Path) -> None:
        assert load_settings(tmp_path, {"STRIPE_SECRET_KEY": TEST_KEY}).webhook_secrets == ()

    def test_repr_shows_no_secret(self, tmp_path: Path) -> None:
        environ = LIVE | {"STRIPE_WEBHOOK_SECRET": "whsec_hidden", "ONFILE_COOKIE_KEY": "q" * 40}
        shown = repr(load_settings(tmp_path, environ))
        for secret in (LIVE_KEY, "whsec_", "q" * 40):
            assert secret not in shown


class TestDatabaseBelongsToOneMode:
    def test_another_mode_is_refused_and_the_same_one_is_not(self, tmp_path: Path) -> None:
        bootstrap.migrate(load_settings(tmp_path, {}))
        bootstrap.migrate(load_settings(tmp_path, {}))
        for environ in ({"STRIPE_SECRET_KEY": TEST_KEY}, LIVE):
            with pytest.raises(SettingsError, match="practice data"):
                bootstrap.migrate(load_settings(tmp_path, environ))

    def test_a_test_key_never_meets_live_rows(self, tmp_path: Path) -> None:
        bootstrap.migrate(load_settings(tmp_path, LIVE))
        with pytest.raises(SettingsError, match="live data"):
            bootstrap.migrate(load_settings(tmp_path, {"STRIPE_SECRET_KEY": TEST_KEY}))
