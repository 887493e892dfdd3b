"""Keys of this installation: from the environment, else made once in the data folder, mode 0600."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

SHORTEST_KEY = 32


def installation_key(variable: str, given: str, path: Path, problems: list[str]) -> str:
    """
    The key that the environment gives, else that of the file, which is made when it is absent.

    Appends to `problems` in words what is wrong; then the key is of no use.
    """
    if given:
        if len(given) < SHORTEST_KEY:
            problems.append(f"{variable}: use at least {SHORTEST_KEY} characters.")
        return given
    if problems:
        return ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write(path)
        key = path.read_text(encoding="ascii").strip()
    except OSError as error:
        problems.append(
            f"ONFILE_DATA_DIR: {path.parent.name} cannot be written ({error.strerror})."
        )
        return ""
    except UnicodeDecodeError:
        key = ""
    if len(key) < SHORTEST_KEY:
        problems.append(
            f"ONFILE_DATA_DIR: {path.name} in it is damaged. Put a copy back, or delete it and start again."
        )
    return key


def _write(path: Path) -> None:
    """Appears whole or not at all; of several processes that start together one wins."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    with contextlib.suppress(FileExistsError):
        os.link(name, path)
    Path(name).unlink()
