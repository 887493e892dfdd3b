"""
The outcome of a row of a run by its own try. Its charge may have been tried again since, in another run or
singly: that is told of the charge, and money counts where it was collected.

SQL over `run_rows w`; the row's charge is `h`, its own try `o`.
"""

from __future__ import annotations

from lib.domain.charges import FAILED_STATES
from lib.store.states import one_of

# The one that collected it, else the newest: a try that Stripe did not take is followed by another.
JOINS = """
    LEFT JOIN charges h ON h.id = w.charge_id AND w.state = 'sent'
    LEFT JOIN attempts o ON o.charge_id = h.id AND o.number = (
        SELECT t.number FROM attempts t
        WHERE t.run_id = w.run_id AND t.run_row = w.number AND t.charge_id = h.id
        ORDER BY t.outcome IS 'succeeded' DESC, t.number DESC LIMIT 1)"""
STATE = """CASE WHEN w.state <> 'sent' THEN w.state
        WHEN o.number IS NULL THEN h.state
        WHEN o.outcome IS NULL THEN 'attempting'
        WHEN o.outcome = 'not_executed' THEN iif(h.state = 'cancelled', 'cancelled', 'planned')
        ELSE o.outcome END"""
FAILED_STILL = f"h.state IN {one_of(FAILED_STATES)}"
"""Nobody has collected it elsewhere, or is about to."""
