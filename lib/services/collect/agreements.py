"""The text that customers agree to by saving a method, and what each of them agreed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.agreements import (
    DEFAULTS,
    LANGUAGES,
    Agreement,
    SavedAgreement,
    agreement,
    checked_text,
)
from lib.domain.links import SetupLink
from lib.errors import InvalidInput
from lib.services.collect.charge_notices import PageWords, page_words
from lib.services.collect.language import CustomerLanguages
from lib.services.collect.sender import SenderService
from lib.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class AgreementTexts:
    version: int | None
    """None: nobody wrote any, and the default of this release is shown."""
    texts: Mapping[str, str]
    """By language, with {company} and {contact}; the default where staff wrote none."""
    written: frozenset[str]
    """Languages that staff wrote."""


class AgreementService:
    def __init__(
        self,
        uow: UnitOfWork,
        senders: SenderService,
        languages: CustomerLanguages,
        *,
        clock: Clock,
    ) -> None:
        self._uow = uow
        self._languages = languages
        self._senders = senders
        self._clock = clock

    def texts(self) -> AgreementTexts:
        with self._uow.read() as stores:
            version, written = stores.agreements.written()
        return AgreementTexts(version, {**DEFAULTS, **written}, frozenset(written))

    def shown(self, link: SetupLink) -> Agreement:
        """What the page of a link says from now on, in its customer's language."""
        with self._uow.read() as stores:
            language = self._languages.of_link(stores, link)
        return self.preview(language.code)

    def page_of(self, link: SetupLink) -> PageWords:
        """All that its page says: what is agreed to, and what is charged as soon as a card is saved."""
        shown = self.shown(link)
        sender = self._senders.sender()
        with self._uow.read() as stores:
            return page_words(stores, link, shown, sender)

    def preview(self, language: str) -> Agreement:
        sender = self._senders.sender()
        with self._uow.read() as stores:
            version, written = stores.agreements.written()
        return agreement(written, version, locale=language, sender=sender)

    def write(self, language: str, text: str, *, by: Actor) -> int:
        """
        A new version with this text, and with the others as they are; pages that are made from now on
        show it. Its number.

        Raises:
            InvalidInput: no such language, or a text that cannot be shown.
        """
        if language not in LANGUAGES:
            raise InvalidInput(f"Languages: {', '.join(LANGUAGES)}.", field="language")
        return self._write({language: checked_text(text)}, keep=True, by=by)

    def restore_default(self, *, by: Actor) -> int:
        """A new version with the default's words in every language; its number."""
        return self._write(DEFAULTS, keep=False, by=by)

    def of_method(self, method_id: str) -> SavedAgreement | None:
        """What the customer agreed to when they saved it; None for what was saved elsewhere or before."""
        with self._uow.read() as stores:
            return stores.agreements.of_method(method_id)

    def _write(self, texts: Mapping[str, str], *, keep: bool, by: Actor) -> int:
        by.must(Permission.MANAGE_USERS)
        now = epoch(self._clock())
        with self._uow.write() as stores:
            before = stores.agreements.written()[1] if keep else {}
            version = stores.agreements.write({**before, **texts}, by=by.username, at=now)
            stores.audit.record(
                at=now,
                actor=by.username,
                action="link.agreement",
                subject=f"version {version}",
                detail=dict(texts),
            )
        return version
