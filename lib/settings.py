"""Settings: read once from the environment and `.streamlit/secrets.toml`, checked, frozen."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzlocal

from lib.errors import SettingsError
from lib.key_files import installation_key
from lib.languages import LANGUAGES, SOURCE, first_of

NAMES = (
    "STRIPE_SECRET_KEY",
    "STRIPE_API_BASE",
    "STRIPE_WEBHOOK_SECRET",
    "ONFILE_DATA_DIR",
    "ONFILE_PUBLIC_URL",
    "ONFILE_STAFF_URL",
    "ONFILE_PUBLIC_APART",
    "ONFILE_PUBLIC_PORT",
    "ONFILE_COOKIE_KEY",
    "ONFILE_SECRET_KEY",
    "ONFILE_MAX_RPS",
    "ONFILE_TIMEZONE",
    "ONFILE_BACKUP_DIR",
    "ONFILE_BACKUP_KEEP",
    "ONFILE_COMPANY",
    "ONFILE_CONTACT",
    "ONFILE_LANGUAGE",
    "ONFILE_SMTP_URL",
    "ONFILE_MAIL_FROM",
    "ONFILE_MAIL_PER_MINUTE",
    "ONFILE_IDLE_MINUTES",
    "ONFILE_SESSION_HOURS",
    "ONFILE_SSO_ISSUER",
    "ONFILE_SSO_CLIENT_ID",
    "ONFILE_SSO_CLIENT_SECRET",
    "ONFILE_SSO_NAME",
)
STRIPE_API_BASE = "https://api.stripe.com"
PRACTICE_KEY = "sk_test_practice"
_LONGEST_LINE = 100
_ADDRESS = re.compile(r"[^@\s<>,]+@[^@\s<>,]+\Z")
# What a sandbox allows in all; live it is 100, and 25 an endpoint:
# https://docs.stripe.com/rate-limits
_SANDBOX_RPS = 25.0
# Of one list, while a rebuild reads and nothing is charged: just below what an endpoint allows.
_REBUILD_RPS = 24.0


class Mode(StrEnum):
    PRACTICE = "practice"
    TEST = "test"
    LIVE = "live"


@dataclass(frozen=True)
class Provider:
    """Of a single sign-on, by OpenID Connect."""

    issuer: str
    """As its ID tokens name it, letter by letter."""
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    """What staff call it."""

    @property
    def metadata_url(self) -> str:
        """Where it describes itself: https://openid.net/specs/openid-connect-discovery-1_0.html"""
        return f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"


@dataclass(frozen=True)
class Settings:
    mode: Mode
    stripe_secret_key: str = field(repr=False)
    stripe_api_base: str
    """In practice mode this is replaced by the address of the embedded practice Stripe."""
    webhook_secrets: tuple[str, ...] = field(repr=False)
    """Two while a secret is being rolled: STRIPE_WEBHOOK_SECRET may hold both, comma-separated."""
    data_dir: Path
    public_url: str
    """Without a trailing slash."""
    cookie_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    """Encrypts what the database may not show, such as the secrets of second factors."""
    max_rps: float
    """Requests a second to one Stripe endpoint; 0 = no ceiling."""
    total_rps: float
    """Requests a second to all of them together; 0 = no ceiling but theirs."""
    rebuild_rps: float
    """Requests a second to one list while a rebuild reads; that of `max_rps` where it is more."""
    port: int
    timezone: str
    """IANA name: whose days limits, periods and exports mean."""
    backup_dir: Path
    backup_keep: int
    """How many daily copies stay."""
    company: str = ""
    """Who writes to customers, as they know it."""
    contact: str = ""
    """Whom customers ask: an e-mail address or a telephone number."""
    language: str = SOURCE
    """In which customers are written to where nobody knows theirs."""
    smtp_url: str = field(default="", repr=False)
    """`smtp://user:password@host:587`, `smtps://…`, or `file:///folder`; empty: there is no mail server."""
    mail_from: str = ""
    """Whose address messages come from."""
    mail_per_minute: int = 60
    """Messages handed to the server, at most."""
    idle_minutes: int = 30
    session_hours: int = 12
    staff_url: str = ""
    """Where staff reach the dashboard, without a trailing slash; empty: as customers do, or on this machine."""
    public_apart: bool = False
    """The dashboard does not serve what customers and Stripe reach: `python -m lib public` does."""
    public_port: int = 8502
    """Of that process."""
    provider: Provider | None = None
    """None: people sign in with passwords."""

    @property
    def livemode(self) -> bool:
        return self.mode is Mode.LIVE

    @property
    def own_urls(self) -> tuple[str, ...]:
        """Under which browsers know this installation, besides the machine's own names."""
        return tuple(url for url in (self.public_url, self.staff_url) if url)

    @property
    def staff_host(self) -> str:
        return _split(self.staff_url or self.public_url).hostname or ""

    @property
    def dashboard_url(self) -> str:
        """Where staff reach it, without a trailing slash."""
        here = f"http://localhost:{self.port}"
        return self.staff_url or (here if self.public_apart else self.public_url)

    @property
    def webhook_port(self) -> int:
        """Where this machine's own process takes deliveries."""
        return self.public_port if self.public_apart else self.port

    @property
    def database(self) -> Path:
        return self.data_dir / "onfile.db"

    @property
    def practice_database(self) -> Path:
        return self.data_dir / "practice.db"


def load_settings(root: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """
    Read and check every setting; creates the data folder and the keys when absent.

    Raises:
        SettingsError: with every problem in one message.
    """
    values = _read(root, os.environ if environ is None else environ)
    problems: list[str] = []
    port = _whole("PORT", values, 8501, 65535, problems)
    key = values.get("STRIPE_SECRET_KEY", "").strip()
    mode = _mode(key, problems)
    base = values.get("STRIPE_API_BASE", "").strip().rstrip("/") or STRIPE_API_BASE
    _check_base(base, mode, problems)
    webhook_secrets = tuple(
        part.strip() for part in values.get("STRIPE_WEBHOOK_SECRET", "").split(",") if part.strip()
    )
    if any(not part.startswith("whsec_") for part in webhook_secrets):
        problems.append("STRIPE_WEBHOOK_SECRET: a webhook signing secret starts with whsec_.")
    public_apart = _yes("ONFILE_PUBLIC_APART", values, problems)
    public_port = _whole("ONFILE_PUBLIC_PORT", values, 8502, 65535, problems)
    public_url = values.get("ONFILE_PUBLIC_URL", "").strip().rstrip("/") or (
        f"http://localhost:{public_port if public_apart else port}"
    )
    _check_public_url(public_url, mode, problems)
    staff_url = values.get("ONFILE_STAFF_URL", "").strip().rstrip("/")
    if staff_url and not _is_web_address(staff_url):
        problems.append("ONFILE_STAFF_URL: this is not a web address.")
    asked_rps = values.get("ONFILE_MAX_RPS", "")
    max_rps = _max_rps(asked_rps, problems)
    # Whoever set a rate by hand, for a benchmark say, means that one.
    total_rps = _SANDBOX_RPS if mode is Mode.TEST and not asked_rps.strip() else 0.0
    rebuild_rps = max_rps if asked_rps.strip() else _REBUILD_RPS
    data_dir = root / (values.get("ONFILE_DATA_DIR", "").strip() or "data")
    timezone = _timezone(values.get("ONFILE_TIMEZONE", ""), problems)
    backup_dir = root / (values.get("ONFILE_BACKUP_DIR", "").strip() or data_dir / "backups")
    backup_keep = _whole("ONFILE_BACKUP_KEEP", values, 14, 1000, problems)
    idle_minutes = _whole("ONFILE_IDLE_MINUTES", values, 30, 24 * 60, problems)
    session_hours = _whole("ONFILE_SESSION_HOURS", values, 12, 24 * 7, problems)
    company = _one_line("ONFILE_COMPANY", values, problems)
    contact = _one_line("ONFILE_CONTACT", values, problems)
    language = _language(values.get("ONFILE_LANGUAGE", ""), problems)
    smtp_url = _smtp_url(values.get("ONFILE_SMTP_URL", "").strip(), mode, problems)
    mail_from = _one_line("ONFILE_MAIL_FROM", values, problems)
    if smtp_url and not _ADDRESS.match(mail_from):
        problems.append("ONFILE_MAIL_FROM: name the e-mail address that messages come from.")
    mail_per_minute = _whole("ONFILE_MAIL_PER_MINUTE", values, 60, 10_000, problems)
    provider = _provider(values, mode, problems)
    cookie_key, secret_key = (
        installation_key(name, values.get(name, "").strip(), data_dir / file, problems)
        for name, file in (("ONFILE_COOKIE_KEY", "cookie.key"), ("ONFILE_SECRET_KEY", "secret.key"))
    )
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise SettingsError(f"Onfile cannot start with these settings:{listed}")
    if mode is Mode.PRACTICE:
        webhook_secrets = (_practice_webhook_secret(cookie_key),)
    return Settings(
        mode=mode,
        stripe_secret_key=key or PRACTICE_KEY,
        stripe_api_base=base,
        webhook_secrets=webhook_secrets,
        data_dir=data_dir,
        public_url=public_url,
        cookie_key=cookie_key,
        secret_key=secret_key,
        max_rps=max_rps,
        total_rps=total_rps,
        rebuild_rps=rebuild_rps,
        port=port,
        timezone=timezone,
        backup_dir=backup_dir,
        backup_keep=backup_keep,
        company=company,
        contact=contact,
        language=language,
        smtp_url=smtp_url,
        mail_from=mail_from,
        mail_per_minute=mail_per_minute,
        idle_minutes=idle_minutes,
        session_hours=session_hours,
        staff_url=staff_url,
        public_apart=public_apart,
        public_port=public_port,
        provider=provider,
    )


def _read(root: Path, environ: Mapping[str, str]) -> dict[str, str]:
    secrets_file = root / ".streamlit" / "secrets.toml"
    values: dict[str, str] = {}
    if secrets_file.is_file():
        try:
            loaded = tomllib.loads(secrets_file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f".streamlit/secrets.toml cannot be read: {error}") from error
        values = {name: str(loaded[name]) for name in (*NAMES, "PORT") if name in loaded}
    return values | {name: environ[name] for name in (*NAMES, "PORT") if name in environ}


def _mode(key: str, problems: list[str]) -> Mode:
    if not key:
        return Mode.PRACTICE
    if key.startswith(("rk_live_", "sk_live_")):
        return Mode.LIVE
    if not key.startswith(("rk_test_", "sk_test_")):
        kind = "a publishable key" if key.startswith("pk_") else "not a Stripe secret key"
        problems.append(
            f"STRIPE_SECRET_KEY: this is {kind}. Use a restricted key (rk_test_… or rk_live_…)."
        )
    return Mode.TEST


def _check_base(base: str, mode: Mode, problems: list[str]) -> None:
    parts = _split(base)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        problems.append("STRIPE_API_BASE: this is not a web address.")
    elif mode is Mode.LIVE and not (
        parts.scheme == "https" and (host == "stripe.com" or host.endswith(".stripe.com"))
    ):
        problems.append("STRIPE_API_BASE: with a live key only https on stripe.com is allowed.")
    elif parts.scheme == "http" and not _is_loopback(host):
        problems.append("STRIPE_API_BASE: use https, except for an address on this machine.")


def _check_public_url(url: str, mode: Mode, problems: list[str]) -> None:
    if not _is_web_address(url):
        problems.append("ONFILE_PUBLIC_URL: this is not a web address.")
    elif mode is Mode.LIVE and _split(url).scheme != "https":
        problems.append("ONFILE_PUBLIC_URL: https is required with a live key.")


def _is_web_address(url: str) -> bool:
    parts = _split(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _whole(
    name: str, values: Mapping[str, str], default: int, most: int, problems: list[str]
) -> int:
    text = values.get(name, "").strip()
    if not text:
        return default
    if text.isdecimal() and 0 < int(text) <= most:
        return int(text)
    problems.append(f"{name}: use a number from 1 to {most}.")
    return default


def _yes(name: str, values: Mapping[str, str], problems: list[str]) -> bool:
    text = values.get(name, "").strip().lower()
    if text not in ("", "yes", "no", "true", "false", "1", "0"):
        problems.append(f"{name}: use yes or no.")
    return text in ("yes", "true", "1")


def _max_rps(text: str, problems: list[str]) -> float:
    if not text.strip():
        return 20.0
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1000:
        problems.append("ONFILE_MAX_RPS: use a number from 0 (no ceiling) to 1000.")
    return value


def _timezone(text: str, problems: list[str]) -> str:
    """The machine's own where none is named."""
    name = text.strip() or tzlocal.get_localzone_name() or "UTC"
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError):
        problems.append(
            f"ONFILE_TIMEZONE: {name[:60]} is not the name of a time zone. Use one such as Europe/Berlin."
        )
    return "UTC"


def _one_line(name: str, values: Mapping[str, str], problems: list[str]) -> str:
    text = values.get(name, "").strip()
    if len(text) > _LONGEST_LINE or not text.isprintable():
        problems.append(f"{name}: use one line of at most {_LONGEST_LINE} characters.")
    return text


def _provider(values: Mapping[str, str], mode: Mode, problems: list[str]) -> Provider | None:
    issuer, client_id, client_secret = (
        values.get(f"ONFILE_SSO_{part}", "").strip()
        for part in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")
    )
    name = _one_line("ONFILE_SSO_NAME", values, problems) or "your company account"
    if not issuer and not client_id and not client_secret:
        return None
    host = _split(issuer).hostname or ""
    if not _is_web_address(issuer) or "?" in issuer or "#" in issuer:
        problems.append(
            "ONFILE_SSO_ISSUER: use the provider's issuer, such as https://login.example.com/realm."
        )
    elif _split(issuer).scheme != "https" and (mode is Mode.LIVE or not _is_loopback(host)):
        problems.append("ONFILE_SSO_ISSUER: use https, except for an address on this machine.")
    if not client_id or not client_secret:
        problems.append(
            "ONFILE_SSO_CLIENT_ID and ONFILE_SSO_CLIENT_SECRET: the provider gives you both when you register Onfile there."
        )
    return Provider(issuer, client_id, client_secret, name)


def _smtp_url(url: str, mode: Mode, problems: list[str]) -> str:
    """No problem quotes it: it holds a password."""
    if not url:
        return ""
    parts = _split(url)
    try:
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        has_port = False
    if parts.scheme == "file" and parts.path.startswith("/"):
        if mode is Mode.LIVE:
            problems.append("ONFILE_SMTP_URL: with a live key a mail server, not a folder.")
    elif parts.scheme not in ("smtp", "smtps") or not parts.hostname or not has_port:
        problems.append("ONFILE_SMTP_URL: use smtp://USER:PASSWORD@HOST:587 or smtps://….")
    return url


def _language(text: str, problems: list[str]) -> str:
    language = first_of([text.strip() or SOURCE])
    if language is None:
        problems.append(
            f"ONFILE_LANGUAGE: use one of {', '.join(LANGUAGES)}, or with a region, such as de-AT."
        )
    return language.tag if language else SOURCE


def _practice_webhook_secret(cookie_key: str) -> str:
    """Every process over one data folder derives the same secret, so none has to be stored."""
    return "whsec_" + hashlib.sha256(b"practice webhook " + cookie_key.encode()).hexdigest()
