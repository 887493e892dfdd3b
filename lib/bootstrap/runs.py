"""The services of charge runs, over those of the other rooms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.bootstrap.once import once

if TYPE_CHECKING:
    from lib.bootstrap.services import Services
    from lib.services.runs.announce import RunAnnouncements
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
    from lib.services.runs.row_judge import RowJudge
    from lib.services.runs.view import RunViews
    from lib.services.runs.waiting_charges import WaitingCharges


class RunServices:
    """Everything a run needs, from its file to its certificate."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @once
    def announcements(self) -> RunAnnouncements:
        from lib.services.runs.announce import RunAnnouncements

        s = self._services
        return RunAnnouncements(
            s.uow,
            s.messages.composer,
            s.holds,
            clock=s.clock,
            public_url=s.settings.public_url,
            can_send=s.messages.requests.can_send,
        )

    @once
    def approvals(self) -> RunApprovals:
        from lib.services.runs.approve import RunApprovals

        s = self._services
        return RunApprovals(s.uow, s.users, clock=s.clock)

    @once
    def certificates(self) -> RunCertificates:
        from lib.services.runs.certificate import RunCertificates
        from lib.services.runs.payments_at_stripe import PaymentsAtStripe

        s = self._services
        return RunCertificates(
            s.uow, PaymentsAtStripe(s.gateway, clock=s.clock), s.completeness, clock=s.clock
        )

    @once
    def control(self) -> RunControl:
        from lib.services.runs.control import RunControl

        s = self._services
        return RunControl(s.uow, clock=s.clock)

    @once
    def corrections(self) -> RunCorrections:
        from lib.services.runs.corrections import RunCorrections

        s = self._services
        return RunCorrections(s.uow, self._judge, clock=s.clock)

    @once
    def draft_links(self) -> DraftLinks:
        from lib.services.runs.draft_links import DraftLinks

        s = self._services
        return DraftLinks(s.uow, s.links)

    @once
    def draft_views(self) -> DraftViews:
        from lib.services.runs.corrections_view import DraftViews

        s = self._services
        return DraftViews(s.uow, clock=s.clock)

    @once
    def drafts(self) -> RunDrafts:
        from lib.services.runs.draft import RunDrafts

        s = self._services
        return RunDrafts(s.uow, self._judge, clock=s.clock, livemode=s.settings.livemode)

    @once
    def executor(self) -> RunExecutor:
        from lib.services.runs.execute import RunExecutor
        from lib.services.runs.send_row import RowSender

        s = self._services
        return RunExecutor(
            s.uow,
            RowSender(
                s.uow,
                s.charge_sender,
                s.intent_canceller,
                clock=s.clock,
                livemode=s.settings.livemode,
            ),
            s.charge_resolver,
            s.completeness,
            clock=s.clock,
        )

    @once
    def files(self) -> RunFiles:
        from lib.services.runs.files import RunFiles

        s = self._services
        return RunFiles(s.uow, self.drafts, self.views, clock=s.clock)

    @once
    def new_cards(self) -> NewCardCharger:
        from lib.services.runs.new_cards import NewCardCharger

        s = self._services
        return NewCardCharger(s.uow, s.charges, s.completeness, clock=s.clock)

    @once
    def newer_methods(self) -> NewerMethods:
        from lib.services.runs.newer_methods import NewerMethods

        s = self._services
        return NewerMethods(s.uow, self.corrections, clock=s.clock)

    @once
    def outlooks(self) -> RunOutlooks:
        from lib.services.runs.outlook import RunOutlooks

        s = self._services
        return RunOutlooks(s.uow, clock=s.clock)

    @once
    def papers(self) -> RunPapers:
        from lib.services.runs.papers import RunPapers

        s = self._services
        return RunPapers(s.uow, self.views, self.certificates, timezone=s.settings.timezone)

    @once
    def retry_runs(self) -> RetryRuns:
        from lib.services.runs.retry_run import RetryRuns

        s = self._services
        return RetryRuns(s.uow, self.drafts, self.views, clock=s.clock)

    @once
    def views(self) -> RunViews:
        from lib.services.runs.view import RunViews

        s = self._services
        return RunViews(
            s.uow,
            s.messages.composer,
            clock=s.clock,
            public_url=s.settings.public_url,
            timezone=s.settings.timezone,
        )

    @once
    def waiting_charges(self) -> WaitingCharges:
        from lib.services.runs.waiting_charges import WaitingCharges

        s = self._services
        return WaitingCharges(s.uow, clock=s.clock)

    @once
    def _judge(self) -> RowJudge:
        from lib.services.runs.row_judge import RowJudge

        s = self._services
        return RowJudge(
            s.uow,
            s.customers,
            s.payment_methods,
            s.sync,
            clock=s.clock,
            statement_prefix=lambda: s.gateway.account().statement_prefix,
        )
