"""Settings: read once from the environment and `.streamlit/secrets.toml`, checked, frozen."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import secrets
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzlocal

from lib.errors import SettingsError

NAMES = (
    "STRIPE_SECRET_KEY",
    "STRIPE_API_BASE",
    "STRIPE_WEBHOOK_SECRET",
    "ONFILE_DATA_DIR",
    "ONFILE_PUBLIC_URL",
    "ONFILE_COOKIE_KEY",
    "ONFILE_MAX_RPS",
    "ONFILE_TIMEZONE",
    "ONFILE_BACKUP_DIR",
    "ONFILE_BACKUP_KEEP",
    "ONFILE_COMPANY",
    "ONFILE_CONTACT",
)
STRIPE_API_BASE = "https://api.stripe.com"
PRACTICE_KEY = "sk_test_practice"
_SHORTEST_COOKIE_KEY = 32
_LONGEST_LINE = 100
# What a sandbox allows in all; live it is 100, and 25 an endpoint:
# https://docs.stripe.com/rate-limits
_SANDBOX_RPS = 25.0


class Mode(StrEnum):
    PRACTICE = "practice"
    TEST = "test"
    LIVE = "live"


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
    max_rps: float
    """Requests a second to one Stripe endpoint; 0 = no ceiling."""
    total_rps: float
    """Requests a second to all of them together; 0 = no ceiling but theirs."""
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

    @property
    def livemode(self) -> bool:
        return self.mode is Mode.LIVE

    @property
    def database(self) -> Path:
        return self.data_dir / "onfile.db"

    @property
    def practice_database(self) -> Path:
        return self.data_dir / "practice.db"


def load_settings(root: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """
    Read and check every setting; creates the data folder and the cookie key when absent.

    Raises:
        SettingsError: with every problem in one message.
    """
    values = _read(root, os.environ if environ is None else environ)
    problems: list[str] = []
    port = _port(values.get("PORT", ""), problems)
    key = values.get("STRIPE_SECRET_KEY", "").strip()
    mode = _mode(key, problems)
    base = values.get("STRIPE_API_BASE", "").strip().rstrip("/") or STRIPE_API_BASE
    _check_base(base, mode, problems)
    webhook_secrets = tuple(
        part.strip() for part in values.get("STRIPE_WEBHOOK_SECRET", "").split(",") if part.strip()
    )
    if any(not part.startswith("whsec_") for part in webhook_secrets):
        problems.append("STRIPE_WEBHOOK_SECRET: a webhook signing secret starts with whsec_.")
    public_url = values.get("ONFILE_PUBLIC_URL", "").strip().rstrip("/") or (
        f"http://localhost:{port}"
    )
    _check_public_url(public_url, mode, problems)
    asked_rps = values.get("ONFILE_MAX_RPS", "")
    max_rps = _max_rps(asked_rps, problems)
    # Whoever set a rate by hand, for a benchmark say, means that one.
    total_rps = _SANDBOX_RPS if mode is Mode.TEST and not asked_rps.strip() else 0.0
    data_dir = Path(values.get("ONFILE_DATA_DIR", "").strip() or "data")
    data_dir = data_dir if data_dir.is_absolute() else root / data_dir
    timezone = _timezone(values.get("ONFILE_TIMEZONE", ""), problems)
    backup_dir = Path(values.get("ONFILE_BACKUP_DIR", "").strip() or data_dir / "backups")
    backup_dir = backup_dir if backup_dir.is_absolute() else root / backup_dir
    backup_keep = _backup_keep(values.get("ONFILE_BACKUP_KEEP", ""), problems)
    company = _one_line("ONFILE_COMPANY", values, problems)
    contact = _one_line("ONFILE_CONTACT", values, problems)
    cookie_key = values.get("ONFILE_COOKIE_KEY", "").strip()
    if cookie_key and len(cookie_key) < _SHORTEST_COOKIE_KEY:
        problems.append(f"ONFILE_COOKIE_KEY: use at least {_SHORTEST_COOKIE_KEY} characters.")
    if not problems and not cookie_key:
        cookie_key = _cookie_key(data_dir, problems)
    if problems:
        raise SettingsError(
            "Onfile cannot start with these settings:\n"
            + "\n".join(f"  - {problem}" for problem in problems)
        )
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
        max_rps=max_rps,
        total_rps=total_rps,
        port=port,
        timezone=timezone,
        backup_dir=backup_dir,
        backup_keep=backup_keep,
        company=company,
        contact=contact,
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
    values |= {name: environ[name] for name in (*NAMES, "PORT") if name in environ}
    return values


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
    parts = _split(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        problems.append("ONFILE_PUBLIC_URL: this is not a web address.")
    elif mode is Mode.LIVE and parts.scheme != "https":
        problems.append("ONFILE_PUBLIC_URL: https is required with a live key.")


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


def _port(text: str, problems: list[str]) -> int:
    if not text.strip():
        return 8501
    if text.strip().isdecimal() and 0 < int(text) < 65536:
        return int(text)
    problems.append("PORT: use a number from 1 to 65535.")
    return 8501


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


def _backup_keep(text: str, problems: list[str]) -> int:
    if not text.strip():
        return 14
    if text.strip().isdecimal() and 0 < int(text) <= 1000:
        return int(text)
    problems.append("ONFILE_BACKUP_KEEP: use a number from 1 to 1000.")
    return 14


def _one_line(name: str, values: Mapping[str, str], problems: list[str]) -> str:
    text = values.get(name, "").strip()
    if len(text) > _LONGEST_LINE or not text.isprintable():
        problems.append(f"{name}: use one line of at most {_LONGEST_LINE} characters.")
    return text


def _cookie_key(data_dir: Path, problems: list[str]) -> str:
    path = data_dir / "cookie.key"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_cookie_key(path)
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        problems.append(f"ONFILE_DATA_DIR: {data_dir.name} cannot be written ({error.strerror}).")
        return ""
    except UnicodeDecodeError:
        key = ""
    if len(key) < _SHORTEST_COOKIE_KEY:
        problems.append("ONFILE_DATA_DIR: cookie.key in it is damaged. Delete it and start again.")
    return key


def _write_cookie_key(path: Path) -> None:
    """Appears whole or not at all; of several processes that start together one wins."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix="cookie.key.")  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    try:
        os.link(name, path)
    except FileExistsError:
        pass
    finally:
        Path(name).unlink()


def _practice_webhook_secret(cookie_key: str) -> str:
    """Every process over one data folder derives the same secret, so none has to be stored."""
    return "whsec_" + hashlib.sha256(b"practice webhook " + cookie_key.encode()).hexdigest()
