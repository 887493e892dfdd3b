"""
The ledger: outcomes of every try to move money, and the ways back it offers customers.

Attempts, refund orders and recovery links are written here inside a transaction that the caller holds, so
that the sender of a charge, a webhook, a sync and two people who decide by hand all record through the
same functions. `send_and_record` is the one way a request that moves money is sent; the request itself
is handed to it, so that nothing here asks Stripe. The rooms that move money or
learn of it call this one; it calls none.
"""
