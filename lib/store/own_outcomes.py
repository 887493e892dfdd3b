"""
The outcome of a row of a run by its own try. Its charge may have been tried again since, in another run or
singly: that is told of the charge, and money counts where it was collected.

SQL over `run_rows w`; the row's charge is `h`, its own try `o`.
"""

from __future__ import annotations

from lib.domain.charges import FAILED_OUTCOMES, FAILED_STATES, RETRYABLE_STATES
from lib.domain.run_states import UNSENT_STATES
from lib.store.states import one_of

# The one that collected it, else the newest: a try that Stripe did not take is followed by another. Of a row
# that waited for a card, whatever tried its charge without another run.
JOINS = """
    LEFT JOIN charges h ON h.id = w.charge_id AND w.state = 'sent'
    LEFT JOIN attempts o ON o.charge_id = h.id AND o.number = (
        SELECT t.number FROM attempts t
        WHERE t.charge_id = h.id AND (t.run_id = w.run_id AND t.run_row = w.number
            OR w.payment_method = '' AND t.run_id IS NULL)
        ORDER BY t.outcome IS 'succeeded' DESC, t.number DESC LIMIT 1)"""
STATE = """CASE WHEN w.state <> 'sent' THEN w.state
        WHEN o.number IS NULL THEN h.state
        WHEN o.outcome IS NULL THEN 'attempting'
        WHEN o.outcome = 'not_executed' THEN iif(h.state = 'cancelled', 'cancelled', 'planned')
        ELSE o.outcome END"""
UNPAID_RUN = f"""(EXISTS (SELECT 1 FROM run_rows w WHERE w.run_id = r.id AND w.state IN {one_of(UNSENT_STATES)})
    OR EXISTS (SELECT 1 FROM attempts t WHERE t.run_id = r.id AND t.run_id IS NOT NULL
        AND t.outcome IN {one_of(FAILED_OUTCOMES)} AND NOT EXISTS (
            SELECT 1 FROM attempts n WHERE n.charge_id = t.charge_id AND +n.run_id = t.run_id
                AND +n.run_row = t.run_row AND (n.outcome IS 'succeeded' OR n.number > t.number)))
    OR EXISTS (SELECT 1 FROM waiting_charges g JOIN charges k ON k.id = g.charge_id
        WHERE g.run_id = r.id AND g.ended_at IS NOT NULL
            AND k.state IN {one_of(RETRYABLE_STATES)}))"""
"""Of a run `r`: a row was to be charged and did not bring money, as `domain.runs.outcome_of` says of counts."""
FAILED_STILL = f"h.state IN {one_of(FAILED_STATES)}"
"""Nobody has collected it elsewhere, or is about to."""
