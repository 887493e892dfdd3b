"""The certificate of a charge run on paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from lib.domain.certificates import Certificate, CertificateLine
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


def lines_of(certificate: Certificate) -> dict[str, CertificateLine]:
    """Sums by currency as they were found."""
    return {code: CertificateLine(**sums) for code, sums in certificate.content["lines"].items()}


def sums_of(
    certificate: Certificate, *, where_any: tuple[str, ...] = ("elsewhere",)
) -> list[tuple[str, str]]:
    """Names of `Line` and labels; those `where_any` only if there is something in some currency."""
    lines = lines_of(certificate).values()
    return [
        (name, label)
        for name, label in SUMS
        if name not in where_any or any(getattr(line, name) for line in lines)
    ]


def to_html(paper: Paper) -> bytes:
    """A page of A4 that prints as it is; times in UTC."""
    run, certificate = paper.run, paper.certificate
    lines = lines_of(certificate)

    def person(username: str | None) -> str:
        return (
            "Onfile" if username == "system" else paper.people.get(username or "", username or "")
        )

    facts = [
        ("Run", f"{run.name} ({run.id})"),
        ("Prepared by", f"{person(run.created_by)}, {_at(run.created_at)}"),
        ("Submitted by", f"{person(run.submitted_by)}, {_at(run.submitted_at)}"),
        ("Control totals typed", run.control.in_words() if run.control is not None else "none"),
        *(
            (
                "Approved by" if d.decision == "approve" else "Rejected by",
                f"{person(d.by)}, {_at(d.at)}",
            )
            for d in paper.decisions
            if d.digest == run.digest
        ),
        ("Executed", f"{_at(run.started_at)} to {_at(run.finished_at)}"),
        ("Compared with Stripe", f"{_at(certificate.at)}, by {person(certificate.by)}"),
        ("File", run.file_name or "none"),
        ("SHA-256 of the file", run.file_digest or "none"),
        ("SHA-256 of what was approved", run.digest or "none"),
    ]
    return printed(
        "certificate.html",
        name=run.name,
        result=certificate.result,
        said=RESULTS[certificate.result],
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


def _at(seconds: int | None) -> str:
    if seconds is None:
        return "not yet"
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %b %Y, %H:%M:%S UTC")
