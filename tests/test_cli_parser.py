"""The parser of a command's own group says what the parser of all commands says."""

from __future__ import annotations

import re

import pytest

from lib.cli.commands import names
from lib.cli.parser import parse


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        parse([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(names()))
def test_every_command_is_in_its_group(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert help_of(name.split(), capsys).startswith(f"usage: python -m lib {name} ")


def test_help_lists_the_first_words_of_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    listed = help_of([], capsys)
    for word in {name.split()[0] for name in names()}:
        assert re.search(rf"^    {word}\b", listed, re.M), word


@pytest.mark.parametrize(
    "argv",
    [
        ["--as", "links", "users", "list"],
        ["--as=links", "users", "list"],
        ["--json", "--as", "ada", "users", "list"],
        ["users", "--as", "links", "list"],
    ],
)
def test_a_user_s_name_is_no_command(argv: list[str]) -> None:
    assert parse(argv).command == "users list"


@pytest.mark.parametrize("argv", [["nonsense"], ["nonsense", "links"], []])
def test_what_is_no_command_is_told_which_there_are(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(argv)
    assert ended.value.code == 2
    words = capsys.readouterr().err
    assert not argv or ("'doctor'" in words and "'public'" in words)
