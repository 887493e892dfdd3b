"""
The ledger: what became of every try to move money, and the ways back it offers customers.

Attempts, refund orders and recovery links are written here, inside a transaction that the caller
holds. Nothing here asks Stripe or opens a transaction, so that the sender of a charge, a webhook, a
sync and a person who settles by hand all record through the same functions. Every other room may
call it; it calls none.
"""
