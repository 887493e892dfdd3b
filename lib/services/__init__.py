"""
Use cases in rooms; each act checks permission, owns its transactions and leaves an audit entry.

`ledger` and `staff` lie at the bottom, `runs` on top. A room calls only rooms below it:
docs/decisions/001 lists them by floor, and tests/test_architecture.py holds them to it.
"""
