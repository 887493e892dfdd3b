"""
Charge runs: drafted from a file, approved, executed row by row, and reported (docs/decisions/006).

Rows are sent by the charges room, and nothing here asks Stripe for money. What stands here is the queue, the
lease, approvals, results and certificates. The doors (pages, command line, worker) call it; no other room does.
"""
