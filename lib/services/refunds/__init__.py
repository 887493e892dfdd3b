"""
Refunds: requested, agreed to by a second person, sent, and resolved when the answer was lost.

The same three phases as a charge, over a payment that the ledger knows. What became of an order is
written by the ledger; what Stripe says of it reaches the mirror. Nothing here charges.
The doors and `incidents` call it.
"""
