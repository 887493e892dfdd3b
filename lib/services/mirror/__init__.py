"""
The mirror of Stripe: webhooks, polling and full reads, verified against Stripe and indexed.

Objects of Stripe's are fetched, written down and compared here; what they say about a try of ours goes
to the ledger. Nothing here makes anything at Stripe. The rooms above call it for what they need
fresh.
"""
