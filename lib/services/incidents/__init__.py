"""
Incidents: seen with their evidence, and settled (docs/decisions/023).

A payment is adopted, refunded through the refunds room, or cancelled; what no fact settles, two people do.
Each way closes the incident only when it is true. What should not be is noted by the ledger; nothing here looks
for it, or charges. Only the doors call it.
"""
