"""
Books: what was charged in a period, as a list with sums and as files for accountants.

Reads the ledger and the mirror and changes neither; each file that leaves is on the audit log with its
filter and its rows. Nothing here asks Stripe or judges what may be charged. Only the doors call it.
"""
