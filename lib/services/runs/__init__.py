"""
Charge runs: drafted from a file, approved, executed row by row, and reported (docs/decisions/006).

Rows are sent by the charges room, and nothing here asks Stripe for money. What stands here is the queue, the
lease, approvals, results and certificates. The doors (pages, command line, worker) call it; no other room does.
"""

from __future__ import annotations

from dataclasses import dataclass

from lib.services.runs.approve import RunApprovals
from lib.services.runs.certificate import RunCertificates
from lib.services.runs.control import RunControl
from lib.services.runs.corrections import RunCorrections
from lib.services.runs.corrections_view import DraftViews
from lib.services.runs.draft import RunDrafts
from lib.services.runs.draft_links import DraftLinks
from lib.services.runs.execute import RunExecutor
from lib.services.runs.files import RunFiles
from lib.services.runs.new_cards import NewCardCharger
from lib.services.runs.newer_methods import NewerMethods
from lib.services.runs.outlook import RunOutlooks
from lib.services.runs.papers import RunPapers
from lib.services.runs.retry_run import RetryRuns
from lib.services.runs.view import RunViews
from lib.services.runs.waiting_charges import WaitingCharges


@dataclass(frozen=True, slots=True)
class RunServices:
    approvals: RunApprovals
    certificates: RunCertificates
    control: RunControl
    corrections: RunCorrections
    draft_links: DraftLinks
    draft_views: DraftViews
    drafts: RunDrafts
    executor: RunExecutor
    files: RunFiles
    new_cards: NewCardCharger
    newer_methods: NewerMethods
    outlooks: RunOutlooks
    papers: RunPapers
    retry_runs: RetryRuns
    views: RunViews
    waiting_charges: WaitingCharges
