"""
Charges: reviewed, claimed, sent, recorded and, when the answer was lost, resolved.

One charge of one saved method, from the order to its final state (docs/decisions/004). Runs send
their rows through the same claim and the same send. What became of a try is written by the ledger. Files,
approvals of runs and what customers are told stand in rooms above. The doors, `messages`, `books` and `runs` call it.
"""
