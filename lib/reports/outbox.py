"""Messages to customers, as pages show them."""

from __future__ import annotations

from lib.reports.paging import PAGE_ROWS, Page, Query, page_of
from lib.store.connection_pool import ConnectionPool

_MESSAGES = Query(
    """SELECT o.id, o.kind, o.is_test, o.link_id, o.customer, o.name, o.address AS email, o.subject,
           o.language, 'message_' || o.state AS state, o.reply, o.requested_by, o.requested_at,
           o.requested_at AS page_time, o.id AS page_id
       FROM outbox o""",
    "o.requested_at",
    "o.id",
)


class OutboxReports:
    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def page(
        self,
        *,
        state: str | None = None,
        search: str = "",
        cursor: str | None = None,
        rows: int = PAGE_ROWS,
    ) -> Page:
        """
        Newest first, those of tests too; `state` is a MessageState, in the rows with "message_" before it.

        Args:
            search: part of a name, an address or a subject.
        """
        query = _MESSAGES if state is None else _MESSAGES.where("o.state = ?", state)
        if search.strip():
            text = f"%{search.strip()}%"
            query = query.where(
                "(o.name LIKE ? OR o.address LIKE ? OR o.subject LIKE ?)", text, text, text
            )
        with self._pool.reading() as database:
            return page_of(database, query, cursor=cursor, rows=rows, integers=("requested_at",))
