"""The certificate of a charge run on paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from lib.domain.certificates import Certificate, CertificateLine
from lib.domain.files.readings import not_counted
from lib.domain.runs import ApprovalDecision, Run
from lib.money import format_money
from lib.printing import printed

RESULTS = {
    "green": "File, ledger and Stripe agree to the cent.",
    "amber": "No difference was found, but an outcome is still open.",
    "red": "File, ledger and Stripe do not agree. Look at the differences before relying on this run.",
}
SUMS = (
    ("file", "File"),
    ("corrected", "Corrections"),
    ("kept_back", "Not sent"),
    ("sent", "Sent"),
    ("failed", "Failed"),
    ("elsewhere", "Collected later elsewhere"),
    ("open", "Open"),
    ("ledger", "Paid, our ledger"),
    ("stripe", "Paid, Stripe"),
    ("refunded", "Went back since"),
)


@dataclass(frozen=True, slots=True)
class Paper:
    """What stands on a certificate."""

    run: Run
    decisions: tuple[ApprovalDecision, ...]
    certificate: Certificate
    people: Mapping[str, str]
    """Names by user name."""
    timezone: str
    """The installation's, by its IANA name."""
    agreement: str = ""
    """What the typed totals fit where corrections changed a sum: the file, or the corrected sums."""
    not_again: str = ""
    """Why Stripe could not be asked again when this was printed."""


def lines_of(certificate: Certificate) -> dict[str, CertificateLine]:
    """Sums by currency as they were found."""
    return {code: CertificateLine(**sums) for code, sums in certificate.content["lines"].items()}


def sums_of(
    certificate: Certificate, *, where_any: tuple[str, ...] = ("elsewhere", "corrected")
) -> list[tuple[str, str]]:
    """Names of `Line` and labels; those `where_any` only if there is something in some currency."""
    lines = lines_of(certificate).values()
    return [
        (name, label)
        for name, label in SUMS
        if name not in where_any or any(getattr(line, name) for line in lines)
    ]


def to_html(paper: Paper) -> bytes:
    """A page of A4 that prints as it is; times in the installation's time zone."""
    run, certificate = paper.run, paper.certificate
    lines, zone = lines_of(certificate), ZoneInfo(paper.timezone)

    def at(seconds: int | None) -> str:
        if seconds is None:
            return "not yet"
        return datetime.fromtimestamp(seconds, zone).strftime("%-d %b %Y, %H:%M:%S %Z")

    def person(username: str | None) -> str:
        return (
            "Onfile" if username == "system" else paper.people.get(username or "", username or "")
        )

    facts = [
        ("Run", f"{run.name} ({run.id})"),
        ("Prepared by", f"{person(run.created_by)}, {at(run.created_at)}"),
        ("Submitted by", f"{person(run.submitted_by)}, {at(run.submitted_at)}"),
        ("Control totals typed", _typed(paper)),
        *(
            (
                _decided(d),
                f"{person(d.by)}, {at(d.at)}" + (f": {d.reason}" if d.reason else ""),
            )
            for d in paper.decisions
            if d.digest == run.digest
        ),
        ("Executed", f"{at(run.started_at)} to {at(run.finished_at)}"),
        ("Compared with Stripe", f"{at(certificate.at)}, by {person(certificate.by)}"),
        ("File", run.file_name or "none"),
        *([("Not in the run", beside)] if (beside := not_counted(run.reading)) else []),
        ("SHA-256 of the file", run.file_digest or "none"),
        ("SHA-256 of what was approved", run.digest or "none"),
        ("End of the audit log", certificate.content.get("audit_head", "not kept then")),
        ("Times", f"in {paper.timezone}"),
    ]
    return printed(
        "certificate.html",
        name=run.name,
        result=certificate.result,
        said=RESULTS[certificate.result],
        not_again=paper.not_again,
        facts=facts,
        sums=[
            (label, [format_money(getattr(line, sum_), code) for code, line in lines.items()])
            for sum_, label in sums_of(certificate)
        ],
        lines=[(code.upper(), line.agrees) for code, line in lines.items()],
        counts=certificate.content["counts"],
        remarks=certificate.content["remarks"],
        left_out=certificate.content["left_out"],
    )


def _decided(decision: ApprovalDecision) -> str:
    word = "Approved" if decision.decision == "approve" else "Rejected"
    return f"{word} again by" if decision.is_renewal else f"{word} by"


def _typed(paper: Paper) -> str:
    control = paper.run.control
    if control is None:
        return "none"
    return f"{control.in_words()}. {paper.agreement}" if paper.agreement else control.in_words()
