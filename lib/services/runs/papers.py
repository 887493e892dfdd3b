"""Certificates of runs on paper: compared anew for each print, or as they were compared last."""

from __future__ import annotations

from lib.domain import control_totals
from lib.domain.actors import Actor
from lib.domain.certificates import Certificate
from lib.errors import GatewayError, NotFound
from lib.printing.certificates import Paper, to_html
from lib.services.runs.certificate import RunCertificates
from lib.services.runs.view import RunViews
from lib.store.unit_of_work import UnitOfWork


class RunPapers:
    def __init__(
        self, uow: UnitOfWork, views: RunViews, certificates: RunCertificates, *, timezone: str
    ) -> None:
        self._uow = uow
        self._views = views
        self._certificates = certificates
        self._timezone = timezone

    def certificate(self, run_id: str, *, by: Actor) -> bytes:
        """
        A certificate as a page to print, compared with Stripe now. Where Stripe does not answer it is
        the newest one, and says so.

        Raises:
            NotFound: no such run.
            StaleState: nothing of it was executed, or it still is.
            GatewayError: Stripe does not answer, and it was never compared before.
        """
        not_again = ""
        try:
            certificate = self._certificates.print_again(run_id, by=by)
        except GatewayError as error:
            kept = self._certificates.last(run_id)
            if kept is None:
                raise
            certificate = kept
            not_again = f"Stripe could not be asked again when this page was printed: {error} It shows the comparison before that."
        return self.printed(certificate, not_again=not_again)

    def newest(self, run_id: str) -> bytes:
        """
        As it was compared last, for what keeps it with other papers.

        Raises:
            NotFound: no such run, or it was never compared with Stripe.
        """
        certificate = self._certificates.last(run_id)
        if certificate is None:
            raise NotFound("This run was not compared with Stripe yet.")
        return self.printed(certificate)

    def printed(self, certificate: Certificate, *, not_again: str = "") -> bytes:
        """One certificate as a page to print."""
        view = self._views.run(certificate.run_id)
        with self._uow.read() as stores:
            people = {user.username: user.name for user in stores.users.all()}
            file = stores.run_rows.file_totals(view.run.id)
        control = view.run.control
        paper = Paper(
            view.run,
            view.decisions,
            certificate,
            people,
            self._timezone,
            agreement=control_totals.agreement(control, file) if control is not None else "",
            not_again=not_again,
        )
        return to_html(paper)
