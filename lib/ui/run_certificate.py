"""The certificate on a run's page: three sums side by side, what differs, and the printable page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from lib.domain.actors import Permission
from lib.domain.certificates import Certificate
from lib.domain.runs import Run, RunState
from lib.printing.certificates import RESULTS, lines_of, sums_of
from lib.services.runs.run_object import RunView
from lib.ui import badges, downloads, outcome, tables
from lib.ui.context import PageContext
from lib.ui.formats import escape, plural, when

_RESTS = (RunState.FINISHED, RunState.CANCELLED, RunState.STOPPED, RunState.PAUSED)
_SHOWN = 100
# So that those that matter fit side by side; the page to print has them all.
_WHERE_ANY = ("corrected", "elsewhere", "open", "refunded")
_NOT_PAID = ("declined", "needs_customer", "blocked", "cancelled", "planned")


def is_due(run: Run) -> bool:
    """A run that was executed and rests has one, or is about to."""
    return run.started_at is not None and run.state in _RESTS


def draw(ctx: PageContext, view: RunView) -> None:
    """Of a run of which it `is_due`."""
    run = view.run
    certificate = ctx.services.runs.certificates.last(run.id)
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.subheader("Certificate", anchor=False)
        with st.container(horizontal=True, width="content"):
            click = ctx.actor.may(Permission.SYNC) and st.button(
                "Verify with Stripe", key="run_certify", icon=":material/balance:"
            )
            downloads.file(
                partial(_paper, ctx, run.id),
                file_name=f"{run.name}-certificate.html",
                key="run_certificate",
                label="Verify and print",
            )
    if click:
        _compare(ctx, run.id)
    if certificate is None:
        st.caption(
            "Onfile compares a finished run with Stripe by itself: the file, our ledger and Stripe must agree."
        )
        return
    _result(ctx, certificate)
    _sums(ctx, certificate)
    _remarks(ctx, certificate)


def _paper(ctx: PageContext, run_id: str) -> bytes:
    with st.spinner("Reading payments at Stripe …"):
        return ctx.services.runs.papers.certificate(run_id, by=ctx.actor)


def _compare(ctx: PageContext, run_id: str) -> None:
    bar = st.progress(0.0, text="Reading payments at Stripe …")

    def progress(read: int) -> None:
        bar.progress(0.5, text=f"{read:,} payments read at Stripe …")

    with outcome.show() as toast:
        made = ctx.services.runs.certificates.certify(run_id, by=ctx.actor, progress=progress)
        toast.message = RESULTS[made.result]
    bar.empty()


def _result(ctx: PageContext, certificate: Certificate) -> None:
    at = when(certificate.at, ctx.now, ctx.timezone)
    st.markdown(
        f"{badges.badge(f'certificate_{certificate.result}')} {escape(RESULTS[certificate.result])}"
    )
    st.caption(
        escape(
            f"Verified {at} against all payments that Stripe has for it, of any age. Printing verifies again."
        )
    )
    if ctx.services.runs.certificates.is_outdated(certificate):
        st.warning(
            "Charges of this run have changed since. Compare it again.", icon=":material/update:"
        )


def _sums(ctx: PageContext, certificate: Certificate) -> None:
    lines, sums = lines_of(certificate), sums_of(certificate, where_any=_WHERE_ANY)
    frame = pd.DataFrame(
        [
            {"currency": code, "code": code.upper()}
            | {name: getattr(line, name) for name, _ in sums}
            for code, line in lines.items()
        ]
    )
    if not frame.empty:
        tables.listing(
            frame,
            {"code": tables.text("Currency", width=80)}
            | {name: tables.amount(label) for name, label in sums},
            key="run_certificate_sums",
            alt="Sums of the file, our ledger and Stripe by currency",
            timezone=ctx.timezone,
        )


def _remarks(ctx: PageContext, certificate: Certificate) -> None:
    remarks = certificate.content["remarks"]
    frame = pd.DataFrame(remarks)
    if frame.empty:
        return
    weights = frame["weight"].map(
        {"red": "difference", "amber": "open_outcome", "note": "note"}.__getitem__
    )
    heavy = frame[frame["weight"] != "note"]
    with st.expander(
        counted(frame["weight"].tolist(), certificate.content["counts"]),
        icon=":material/list:",
        expanded=not heavy.empty,
    ):
        tables.listing(
            frame.assign(weight=weights).head(_SHOWN),
            {
                "weight": tables.state("Weight", width=110),
                "row": tables.number("Row", width=60),
                "reference": tables.text("Reference", width=120),
                "text": tables.text("What", width=560),
            },
            key="run_certificate_remarks",
            alt="What differs and what is an exception, by row",
            timezone=ctx.timezone,
            wraps=True,
        )
        if len(frame) > _SHOWN:
            st.caption(f"The printed certificate lists all {len(frame):,}.")


def counted(weights: Sequence[str], counts: Mapping[str, int]) -> str:
    """What the list holds: differences first, then rows that were not paid, then what else is to be known."""
    unpaid = sum(counts.get(state, 0) for state in _NOT_PAID)
    notes = max(weights.count("note") - unpaid, 0)
    parts = [
        plural(weights.count("red"), "difference") if "red" in weights else "",
        plural(weights.count("amber"), "open outcome") if "amber" in weights else "",
        f"{plural(unpaid, 'row')} not paid, each with its reason" if unpaid else "",
        plural(notes, "note") if notes else "",
    ]
    return " · ".join(filter(None, parts))
