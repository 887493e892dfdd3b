"""Templates that staff wrote in the place of the default messages, every version of them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlite_utils import Database

from lib.domain.messages import MessageKind, Template


@dataclass(frozen=True, slots=True)
class TemplateVersion:
    version: int
    template: Template | None
    """None: the default again."""
    saved_by: str
    saved_at: int


class MessageTemplateStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self, kind: MessageKind, language: str) -> Template | None:
        """None: the default."""
        newest = self.versions(kind, language, limit=1)
        return newest[0].template if newest else None

    def versions(
        self, kind: MessageKind, language: str, *, limit: int = 100
    ) -> list[TemplateVersion]:
        """Newest first."""
        rows = self._database.query(
            """SELECT * FROM message_templates WHERE kind = ? AND language = ?
               ORDER BY version DESC LIMIT ?""",
            (kind.value, language, limit),
        )
        return [
            TemplateVersion(
                row["version"],
                None if row["body"] is None else Template(row["subject"], row["body"]),
                row["saved_by"],
                row["saved_at"],
            )
            for row in rows
        ]

    def changed(self) -> set[tuple[MessageKind, str]]:
        """Kinds and languages whose newest version is no default."""
        rows = self._database.query(
            """SELECT kind, language, max(version) AS version, body FROM message_templates
               GROUP BY kind, language"""
        )
        return {(MessageKind(row["kind"]), row["language"]) for row in rows if row["body"]}

    def save(
        self,
        kind: MessageKind,
        language: str,
        template: Template | None,
        *,
        after: int,
        by: str,
        at: int,
    ) -> bool:
        """`after`: the newest version its writer saw, 0 where there was none. False when it is older."""
        cursor = self._database.execute(
            """INSERT INTO message_templates (kind, language, version, subject, body, saved_by, saved_at)
               SELECT ?1, ?2, ?3 + 1, ?4, ?5, ?6, ?7 WHERE ?3 = (SELECT coalesce(max(version), 0)
                   FROM message_templates WHERE kind = ?1 AND language = ?2)""",
            (
                kind.value,
                language,
                after,
                template.subject if template else None,
                template.body if template else None,
                by,
                at,
            ),
        )
        return cursor.rowcount == 1
