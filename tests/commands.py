"""Commands of the command line, run in this process, and what they said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from lib.cli.main import main
from lib.services.staff.users import PRACTICE_PASSWORD
from tests.world import World


@dataclass(frozen=True)
class Output:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output; fails when there is more or less."""
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1, self.out
        result = json.loads(self.out)
        assert isinstance(result, dict)
        return result

    @property
    def error(self) -> dict[str, Any]:
        result = self.json["error"]
        assert set(result) >= {"code", "message"}
        assert result["message"]
        return dict(result)


Run = Callable[..., Output]


def commands_of(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs a command; practice users exist, and ONFILE_PASSWORD is theirs."""
    world.services.users.add_practice_users()
    monkeypatch.setenv("ONFILE_PASSWORD", PRACTICE_PASSWORD)
    monkeypatch.delenv("ONFILE_NEW_PASSWORD", raising=False)

    def running(*argv: str) -> Output:
        capsys.readouterr()
        try:
            status = main(argv, services=lambda: world.services)
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        captured = capsys.readouterr()
        return Output(status, captured.out, captured.err)

    return running
