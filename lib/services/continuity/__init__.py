"""
Continuity: whose file this is, whether it is the whole truth, and how it is kept and brought back.

Backups, restores, the anchor outside the database, and verifying that the ledger is not behind Stripe
stand here (docs/decisions/008). Nothing here moves money. The rooms that move it ask this one before
they act; what it reads of Stripe's payments goes into the mirror.
"""
