"""
The log: one line of JSON a fault, for whoever looks after the machine; rotation is the host's.

Every line, of ours and of the libraries', passes through `redact`, and through a filter that lets the
same fault through once a minute.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from lib.absent import hidden

# Its renderers for a developer's terminal, which nothing here is written for, take as long as the rest.
with hidden("better_exceptions", "rich"):
    import structlog

REPEAT_SECONDS = 60.0
_KEPT_FAULTS = 1_000
_HIDDEN = "[hidden]"
_SECRET_NAMES = re.compile(r"password|passwd|secret|token|cookie|authorization|api_?key|otp", re.I)
# An error with this text is the same fault wherever it is met.
_OF_THE_MACHINE = ("sqlite3", "builtins.OSError")

# Without word limits: a secret that is glued to a letter is one.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # Before addresses: what stands before the @ of a URL is a password.
    (
        re.compile(r"([a-z][a-z0-9+.-]*://)(?:[^\s/@\"'<>]*@)*([^\s/?#@\"'<>]*)[^\s\"'<>]*", re.I),
        r"\1\2/" + _HIDDEN,
    ),
    (re.compile(r"(/(?:l|download)/)[A-Za-z0-9_\-%.~]+"), r"\1" + _HIDDEN),
    (
        re.compile(r"((?:sk|rk|pk)_(?:live|test)|whsec|ek_(?:live|test))_[A-Za-z0-9_+/=*-]+"),
        r"\1_" + _HIDDEN,
    ),
    (re.compile(r"([A-Za-z]+_[A-Za-z0-9]+)_secret_[A-Za-z0-9_%-]+"), r"\1_secret_" + _HIDDEN),
    (re.compile(r"eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){1,4}"), _HIDDEN),
    (re.compile(r"(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+", re.I), r"\1 " + _HIDDEN),
    (re.compile(r"[^\s@<>\"'(),;:=\[\]{}]+@[^\s@<>\"'(),;:=\[\]{}]+"), "[address]"),
)
_CARD = re.compile(r"(?<![\dA-Za-z_])[2-6](?:[ -]?\d){13,18}(?![\dA-Za-z_])")


def text_without_secrets(text: str) -> str:
    """Keys, tokens, links beyond their host, e-mail addresses and card numbers, each replaced."""
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    return _CARD.sub(lambda number: "[number]" if _is_card(number[0]) else number[0], text)


def redact(_: object, __: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """A processor of structlog's; the last before the line is written, so tracebacks pass, too."""
    return {str(name): _clean(str(name), value) for name, value in event.items()}


def _clean(name: str, value: object) -> object:
    if _SECRET_NAMES.search(name):
        return _HIDDEN
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if len(str(value)) < 14 else text_without_secrets(str(value))
    if isinstance(value, Mapping):
        return {text_without_secrets(str(key)): _clean(str(key), one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", one) for one in value]
    return text_without_secrets(value if isinstance(value, str) else repr(value))


def _is_card(text: str) -> bool:
    digits = [int(one) for one in text if one.isdigit()]
    doubled = [sum(divmod(2 * one, 10)) for one in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


class OncePerMinute(logging.Filter):
    """
    Lets a fault through once a minute; the next line says how often it was kept back.

    One that cannot be told apart from another by its text, its numbers aside, is the same. A full disk is one
    fault, wherever it is met.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: OrderedDict[tuple[str, ...], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        fault, now = _fault_of(record), self._clock()
        last = self._seen.get(fault)
        if last is not None and now - last[0] < REPEAT_SECONDS:
            self._seen[fault] = last[0], last[1] + 1
            return False
        if last is not None and last[1]:
            record.kept_back = last[1]
        self._seen[fault] = now, 0
        self._seen.move_to_end(fault)
        if len(self._seen) > _KEPT_FAULTS:
            self._seen.popitem(last=False)
        return True


def _fault_of(record: logging.LogRecord) -> tuple[str, ...]:
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return record.levelname, record.name, _without_numbers(record.getMessage())
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    if kind.startswith(_OF_THE_MACHINE):
        return kind, _without_numbers(str(error))
    frames = traceback.extract_tb(error.__traceback__)
    return kind, f"{frames[-1].filename}:{frames[-1].lineno}" if frames else record.name


def _without_numbers(text: str) -> str:
    return re.sub(r"\w*\d\w*", "#", text)


def _add_stripes_request(_: object, __: str, event: dict[str, Any]) -> dict[str, Any]:
    """By which Stripe's support finds the request that failed; the error says it, or its cause."""
    current = event.get("exc_info")
    error = current[1] if isinstance(current, tuple) else None
    for _depth in range(10):
        if error is None:
            break
        request = getattr(error, "request_id", None)
        if isinstance(request, str) and request:
            event["stripe_request_id"] = request
            break
        error = error.__cause__ or error.__context__
    return event


def _add_kept_back(_: object, __: str, event: dict[str, Any]) -> dict[str, Any]:
    kept_back = getattr(event.get("_record"), "kept_back", 0)
    return event | {"kept_back": kept_back} if kept_back else event


def formatter(*, plain: bool = False) -> logging.Formatter:
    """`plain`: the message alone, for the person at the terminal."""
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_kept_back,
        _add_stripes_request,
    ]
    ending: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact,
        _message_alone if plain else structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=ending)


def _message_alone(_: object, __: str, event: Mapping[str, Any]) -> str:
    return "\n".join(str(event[name]) for name in ("event", "exception") if name in event)


def configure(*, plain: bool = False) -> None:
    """
    Once a process. Who has set up the root logger already, as a test does, keeps that.
    """
    shape, once = formatter(plain=plain), OncePerMinute()
    root = logging.getLogger()
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(shape)
        handler.addFilter(once)
        root.addHandler(handler)
        root.setLevel(logging.WARNING)
    # Of stamina, which tells by it what is tried again: the same way as all else.
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def take_handlers(logger: logging.Logger) -> None:
    """What a library's logger says is written by the root logger's handlers, like ours, and by no other."""
    logger.handlers.clear()
    logger.propagate = True


def take_all_handlers() -> None:
    """Of every logger that was made until now. uvicorn gives its own some when it starts."""
    for logger in list(logging.Logger.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            take_handlers(logger)


def during_request(request_id: str) -> AbstractContextManager[object]:
    """Every line that is written meanwhile, by this request's threads too, names it."""
    return structlog.contextvars.bound_contextvars(request_id=request_id)
