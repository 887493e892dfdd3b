"""States of setup links as SQL: the same for lists, their counts and the command line."""

from __future__ import annotations

from lib.domain.confirmations import CONFIRMING
from lib.domain.links import SETUP_FAILED, LinkState

JOINS = """LEFT JOIN checkout_sessions d ON d.id = l.completed_session
       LEFT JOIN setup_intents i ON i.id = d.setup_intent"""
"""After `setup_links l`, for what became of the setup."""

STAGE = f"""CASE
    WHEN l.completed_at IS NOT NULL AND i.status IN {CONFIRMING!r} THEN 'confirming'
    WHEN l.completed_at IS NOT NULL AND i.status IN {SETUP_FAILED!r} THEN 'failed'
    WHEN l.completed_at IS NOT NULL THEN 'saved'
    WHEN l.revoked_at IS NOT NULL OR l.expires_at <= :now THEN 'ended'
    WHEN l.started_at IS NOT NULL THEN 'started'
    WHEN l.opened_at IS NOT NULL THEN 'opened'
    WHEN l.sent_at IS NOT NULL THEN 'sent'
    ELSE 'made' END"""
"""One of domain/link_desk.Stage, over `setup_links l` and JOINS; `:now` in seconds."""

OPEN = "l.completed_at IS NULL AND l.revoked_at IS NULL AND l.expires_at > :now"
"""What the stages to follow have in common."""

_NOT_ENDED = "l.completed_at IS NULL AND l.revoked_at IS NULL"
_OPEN = f"{_NOT_ENDED} AND l.expires_at > ?"
_CONDITIONS: dict[LinkState, str] = {
    LinkState.OPEN: _OPEN,
    LinkState.REFUSED: f"{_OPEN} AND l.refusal IS NOT NULL",
    LinkState.CONFIRMING: f"l.completed_at IS NOT NULL AND i.status IN {CONFIRMING!r}",
    LinkState.COMPLETED: f"""l.completed_at IS NOT NULL
        AND coalesce(i.status, '') NOT IN {CONFIRMING!r}""",
    LinkState.FAILED: f"l.completed_at IS NOT NULL AND i.status IN {SETUP_FAILED!r}",
    LinkState.EXPIRED: f"{_NOT_ENDED} AND l.expires_at <= ?",
    LinkState.REVOKED: "l.revoked_at IS NOT NULL",
}


def condition(state: LinkState, now: int) -> tuple[str, list[int]]:
    """To stand after WHERE, with its parameters; over `setup_links l` and JOINS."""
    sql = _CONDITIONS[state]
    return sql, [now] * sql.count("?")


FOR_CHARGE = """EXISTS (SELECT 1 FROM waiting_charges w WHERE w.charge_id = l.charge_id
    AND (w.ended_at IS NULL OR l.created_at < w.ended_at))"""
"""Whether the link was made to charge what never was tried: a later one of that charge is for its failure."""
