"""
Charge runs: drafted from a file, approved, executed row by row, and reported (docs/decisions/006).

Rows are sent by the charges room. What stands here is the queue, the lease, approvals, results and
certificates. The doors (pages, command line, worker) call it; no other room does.
"""

from __future__ import annotations

from dataclasses import dataclass

from lib.services.runs.approve import ApprovalService
from lib.services.runs.certificate import RunCertifier
from lib.services.runs.control import RunControl
from lib.services.runs.draft import RunMaker
from lib.services.runs.execute import RunExecutor
from lib.services.runs.files import RunFiles
from lib.services.runs.new_cards import NewCardCharger
from lib.services.runs.outlook import RunComparer
from lib.services.runs.retry_run import RunFollower
from lib.services.runs.view import RunViewer


@dataclass(frozen=True, slots=True)
class RunServices:
    approvals: ApprovalService
    certifier: RunCertifier
    comparer: RunComparer
    control: RunControl
    executor: RunExecutor
    files: RunFiles
    follower: RunFollower
    maker: RunMaker
    new_cards: NewCardCharger
    viewer: RunViewer
