"""Choices of a person for themself: the decimal sign they type, the time zone they see."""

from __future__ import annotations

from zoneinfo import available_timezones

from lib.domain.actors import Actor
from lib.domain.files.number_styles import DecimalSign
from lib.errors import InvalidInput
from lib.store.unit_of_work import UnitOfWork


class Preferences:
    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def decimal_sign(self, who: Actor) -> DecimalSign | None:
        """The one that this person types; None when nobody asked yet."""
        with self._uow.read() as stores:
            value = stores.meta.value(f"decimal_sign:{who.username}")
        return None if value is None else DecimalSign(value)

    def remember_decimal_sign(self, sign: DecimalSign, *, by: Actor) -> None:
        with self._uow.write() as stores:
            stores.meta.set(f"decimal_sign:{by.username}", sign.value)

    def timezone(self, who: Actor) -> str | None:
        """The one in which this person sees times, by its IANA name; None: the installation's."""
        with self._uow.read() as stores:
            return stores.meta.value(f"timezone:{who.username}")

    def set_timezone(self, name: str | None, *, by: Actor) -> None:
        """
        Show a person times in a zone of their own; None: in the installation's again.

        Raises:
            InvalidInput: no such time zone.
        """
        if name is not None and name not in available_timezones():
            raise InvalidInput(
                "Choose a time zone from the list, such as Europe/Berlin.", field="timezone"
            )
        with self._uow.write() as stores:
            if name is None:
                stores.meta.clear(f"timezone:{by.username}")
            else:
                stores.meta.set(f"timezone:{by.username}", name)
