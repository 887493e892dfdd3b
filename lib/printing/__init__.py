"""Documents to be printed or filed: one self-contained page of HTML, nothing loaded, nothing run."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@functools.cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def printed(template: str, **context: object) -> bytes:
    """UTF-8; everything in `context` is escaped."""
    return _templates().get_template(template).render(**context).encode()
