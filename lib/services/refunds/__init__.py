"""Refunds: ordered by two people, sent once, found out by evidence (docs/decisions/007)."""
