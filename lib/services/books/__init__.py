"""
Books: what was charged in a period, as a list with sums, as files for accountants, and as a month that is closed.

Fees and payouts are read from Stripe here and kept beside the mirror; the ledger and the rest of the mirror
are read and never changed. Each file that leaves is on the audit log with its filter and its rows. Nothing here
judges what may be charged. Only the doors call it.
"""
