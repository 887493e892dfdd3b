"""Charge runs: made, approved, executed and reported (docs/decisions/006)."""

from __future__ import annotations

from dataclasses import dataclass

from lib.services.runs.approving import ApprovalService
from lib.services.runs.certifying import RunCertifier
from lib.services.runs.comparing import RunComparer
from lib.services.runs.control import RunControl
from lib.services.runs.executing import RunExecutor
from lib.services.runs.files import RunFiles
from lib.services.runs.following import RunFollower
from lib.services.runs.making import RunMaker
from lib.services.runs.new_cards import NewCardCharger
from lib.services.runs.viewing import RunViewer


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
