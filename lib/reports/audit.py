"""What pages show of the audit log and the webhook inbox."""

from __future__ import annotations

from pathlib import Path

from lib.reports.paging import PAGE_ROWS, Page, Query, page_of, reading

_AUDIT = Query(
    """SELECT id, at, actor, action, subject, detail, hash, at AS page_time, id AS page_id
       FROM audit_log""",
    "at",
    "id",
)


class AuditReports:
    def __init__(self, path: Path) -> None:
        self._path = path

    def page(
        self, *, search: str = "", action: str | None = None, cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:  # fmt: skip
        query = _AUDIT.matching(search, ("actor", "action", "subject", "detail"))
        if action:
            query = query.where("action LIKE ? || '.%'", action)
        with reading(self._path) as database:
            return page_of(database, query, cursor=cursor, rows=rows, integers=("at", "id"))

    def inbox_counts(self) -> dict[str, int]:
        """Webhook deliveries by state."""
        with reading(self._path) as database:
            rows = database.query(
                "SELECT state, count(*) AS n FROM webhook_deliveries GROUP BY state"
            )
            found = {row["state"]: int(row["n"]) for row in rows}
        return {
            state: found.get(state, 0) for state in ("received", "processed", "ignored", "failed")
        }
