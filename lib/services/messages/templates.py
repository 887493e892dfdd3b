"""Templates of staff: previewed, checked, saved as a version, and back to the default by one click."""

from __future__ import annotations

from lib.clock import Clock, epoch
from lib.domain.actors import Actor, Permission
from lib.domain.messages import Message, MessageKind, Template, checked, fill
from lib.errors import StaleState
from lib.languages import Language
from lib.services.messages.compose import MessageComposer
from lib.store.message_templates import TemplateVersion
from lib.store.unit_of_work import UnitOfWork
from lib.wording import messages as wording


class TemplateService:
    def __init__(self, uow: UnitOfWork, composer: MessageComposer, *, clock: Clock) -> None:
        self._uow = uow
        self._composer = composer
        self._clock = clock

    def current(self, kind: MessageKind, language: Language) -> Template:
        """What the next message says: staff's, else the default."""
        with self._uow.read() as stores:
            own = stores.message_templates.current(kind, language.code)
        return own or wording.default(kind, language)

    def versions(self, kind: MessageKind, language: Language) -> list[TemplateVersion]:
        """Newest first; empty where nobody ever changed it."""
        with self._uow.read() as stores:
            return stores.message_templates.versions(kind, language.code)

    def changed(self) -> set[tuple[MessageKind, str]]:
        """Kinds and languages in which staff's own is used."""
        with self._uow.read() as stores:
            return stores.message_templates.changed()

    def preview(self, kind: MessageKind, language: Language, template: Template) -> Message:
        """
        With made-up values of every field.

        Raises:
            InvalidInput: as when it is saved.
        """
        with self._uow.read() as stores:
            values = self._composer.sample_values(stores, language)
        return fill(checked(kind, template), values)

    def save(
        self,
        kind: MessageKind,
        language: Language,
        template: Template,
        *,
        after: int,
        by: Actor,
    ) -> None:
        """
        Use it from now on.

        Args:
            after: the newest version that the writer saw; 0 where there was none.

        Raises:
            NotPermitted
            InvalidInput: a field is missing, unknown or not closed; which one.
            StaleState: somebody saved another one meanwhile.
        """
        by.must(Permission.MANAGE_LINKS)
        self._save(kind, language, checked(kind, template), after=after, by=by)

    def reset(self, kind: MessageKind, language: Language, *, after: int, by: Actor) -> None:
        """The default again; raises as `save`."""
        by.must(Permission.MANAGE_LINKS)
        self._save(kind, language, None, after=after, by=by)

    def _save(
        self,
        kind: MessageKind,
        language: Language,
        template: Template | None,
        *,
        after: int,
        by: Actor,
    ) -> None:
        now = epoch(self._clock())
        with self._uow.write() as stores:
            saved = stores.message_templates.save(
                kind, language.code, template, after=after, by=by.username, at=now
            )
            if not saved:
                raise StaleState("Somebody saved another version meanwhile. Reload to see it.")
            stores.audit.record(
                at=now,
                actor=by.username,
                action="template.save" if template else "template.reset",
                subject=f"{kind}:{language.code}",
                detail={"version": after + 1},
            )
