"""Result of a sync: rows written, progress on its way, and what it could not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from lib.errors import AnotherAccount, Misconfigured, OnfileError

Progress = Callable[[dict[str, object]], None]


@dataclass(slots=True)
class SyncResult:
    """Objects written, by type."""

    checkout_sessions: int = 0
    setup_intents: int = 0
    payment_methods: int = 0
    customers: int = 0
    payment_intents: int = 0
    charges: int = 0
    refunds: int = 0
    disputes: int = 0
    events: int = 0
    requests: int = 0
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)
    """Sentences on what could not be read; the rest was."""
    unreadable: list[str] = field(default_factory=list)
    """Sentences on single objects that were left out; each stands as an incident."""

    def add(self, written: Mapping[str, int]) -> None:
        for name, number in written.items():
            setattr(self, name, getattr(self, name) + number)

    def add_problem(self, type_: str, error: Misconfigured) -> None:
        what = type_.replace("_", " ")
        self.problems.append(
            f"The key may not read {what}: give it the permission {error.permission} in the "
            "Stripe Dashboard."
            if error.permission
            else f"The key may not read {what}: {error}"
        )

    @contextmanager
    def noting_permission(self, type_: str) -> Iterator[None]:
        """Notes a refusal because the key lacks a permission, and goes on with what comes after."""
        try:
            yield
        except Misconfigured as error:
            if error.http_status != 403 or isinstance(error, AnotherAccount):
                raise
            self.add_problem(type_, error)

    def progress(self, doing: str, **more: object) -> dict[str, object]:
        return {"doing": doing, **self.as_json(), **more}

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class SyncIncomplete(OnfileError):
    """A part could not be read; everything else was. The message names each problem."""

    code = "sync_incomplete"

    def __init__(self, result: SyncResult) -> None:
        super().__init__(" ".join(result.problems))
        self.result = result
