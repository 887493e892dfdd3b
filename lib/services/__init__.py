"""
Use cases in eight rooms; each act checks permission, owns its transactions and leaves an audit entry.

`ledger` and `staff` lie at the bottom, then `mirror`, `continuity`, `collect` and
`refunds`, `charges`, and `runs` on top. A room calls only rooms below it; tests/test_architecture.py holds them to it.
"""
