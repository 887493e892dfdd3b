"""The files in deploy/ name what is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from lib.cli.parser import parse

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"


def test_what_the_image_is_made_of_is_there_and_is_all_that_runs() -> None:
    copied = re.findall(r"^COPY ((?!--)\S+) ", (DEPLOY / "Dockerfile").read_text("utf-8"), re.M)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {"app.py", "lib", "pages", ".streamlit/config.toml", "requirements.lock"} == set(copied)


def test_what_the_units_start_can_be_started() -> None:
    started = {
        unit.name: shlex.split(re.findall(r"^ExecStart=(.+)$", unit.read_text("utf-8"), re.M)[0])
        for unit in (DEPLOY / "systemd").glob("onfile*.service")
    }
    assert parse(started["onfile-public.service"][3:]).command == "public"
    assert started["onfile.service"][1:5] == ["-m", "streamlit", "run", "app.py"]


def test_proxies_pass_on_all_that_customers_reach_and_nothing_of_the_staffs() -> None:
    nginx = re.findall(r"location ~ (\S+) \{", (DEPLOY / "nginx.conf").read_text("utf-8"))[0]
    caddy = re.findall(r"@customers path (.+)", (DEPLOY / "Caddyfile").read_text("utf-8"))[
        0
    ].split()
    public = ["/webhooks/stripe", "/setup/return", "/setup/cancelled", "/l/abc", "/healthz"]
    for path in public:
        assert re.match(nginx, path)
        assert any(Path(path).match(one) for one in caddy)
    for path in ["/", "/home", "/_stcore/stream", "/download/abc", "/media/abc.csv", "/link"]:
        assert not re.match(nginx, path)
        assert not any(Path(path).match(one) for one in caddy)
