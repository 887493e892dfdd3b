"""The last comparison of each type with Stripe: a table, and each one's findings in the drawer."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from lib.domain.progress import NAMES
from lib.domain.verification import LISTED_DIFFERENCES, VerificationResult, VerificationRound
from lib.ui import badges, drawers, layout, sync_words, tables
from lib.ui.context import PageContext, require
from lib.ui.formats import day, escape, exact, plural, when
from lib.ui.layout import Fact

PARAM = "verification"
TABLE = "sync_verifications"
_KINDS = {
    "missing": ("Missing here", "At Stripe, but not here. Onfile wrote them down."),
    "extra": (
        "Not at Stripe",
        "Here, but Stripe does not list them. Onfile asked for each: what is gone was removed.",
    ),
    "differs": ("Different", "Here with another value. Onfile wrote Stripe's value over its own."),
    "late": (
        "Read late",
        "Changed by other programs, and Stripe tells of such changes to nobody. Nothing was lost: "
        "Onfile has them now.",
    ),
}
_FIELDS = {
    "name": "name",
    "email": "e-mail",
    "created": "when it was made",
    "status": "state",
    "customer_email": "customer's e-mail",
    "customer_name": "customer's name",
    "setup_intent": "SetupIntent",
    "client_reference_id": "reference",
    "link_id": "setup link",
    "expires_at": "when it expires",
    "usage": "use without the customer",
    "last_error_code": "last refusal",
    "payment_method": "saved method",
    "charge_id": "charge",
    "attempt": "attempt",
    "latest_charge": "charge at Stripe",
    "payment_intent": "payment",
    "amount_refunded": "refunded amount",
    "is_disputed": "disputed or not",
    "failure_code": "refusal",
    "failure_reason": "reason of the failure",
    "due_by": "due date",
    "last4": "last four digits",
    "exp_month": "month of expiry",
    "exp_year": "year of expiry",
    "funding": "kind of card",
    "billing_name": "name on the card",
    "billing_email": "e-mail",
    "charge": "charge at Stripe",
}


def table(ctx: PageContext) -> None:
    """Every type with what its last comparison found; a row opens the drawer."""
    verifications = {
        verification.type: verification for verification in ctx.services.sync.verifications()
    }
    st.subheader("Compared with Stripe", anchor=False)
    st.caption(
        "Onfile compares samples of everything at Stripe, field by field, and repairs what differs."
    )
    if not verifications:
        layout.empty(
            "fact_check",
            "Not compared yet",
            "Onfile does it once a day by itself, or when you press “Verify with Stripe”.",
        )
        return
    rounds = ctx.services.sync.rounds()
    drawers.follow_address(PARAM, TABLE)
    chosen = tables.table(
        pd.DataFrame(
            [_row(ctx, type_, verifications.get(type_), rounds.get(type_)) for type_ in NAMES]
        ),
        {
            "name": tables.text("What", width=132),
            "state": tables.state("Result", width=120),
            "share": tables.text(
                "Share",
                width=56,
                help="How much of it was compared: the newest, the oldest, where nothing is for long, others at random, and the next in turn.",
            ),
            "whole": tables.text(
                "All since",
                width=102,
                help="Since when everything was compared at least once, or how far the turns have come.",
            ),
            "here": tables.number("Here", width=70, help="So many were compared."),
            "at_stripe": tables.number(
                "At Stripe", width=78, help="So many were there in the same time."
            ),
            "missing": tables.number("Missing", width=68, help="At Stripe, and were not here."),
            "extra": tables.number("Extra", width=52, help="Here, and not at Stripe."),
            "differing": tables.number("Differing", width=76, help="Here with another value."),
            "verified_at": tables.date("Compared", ctx.now),
        },
        key=TABLE,
        alt="The last comparison of each type with Stripe",
        timezone=ctx.timezone,
    )
    opened = drawers.opened(PARAM, chosen)
    if opened in NAMES:
        drawers.show(
            NAMES[opened], partial(_panel, opened), on_close=partial(drawers.close, PARAM, TABLE)
        )


def state_of(verification: VerificationResult | None) -> str:
    if verification is None:
        return "not_yet"
    if verification.error:
        return "not_compared"
    if verification.mismatches > verification.repaired:
        return "differs"
    return "repaired" if verification.mismatches else "same"


def field(name: str) -> str:
    return _FIELDS.get(name, name.replace("_", " "))


def _row(
    ctx: PageContext,
    type_: str,
    verification: VerificationResult | None,
    round_: VerificationRound | None,
) -> dict[str, object]:
    shown = verification or VerificationResult(type_, 0)
    return {
        "id": type_,
        "name": NAMES[type_],
        "state": state_of(verification),
        "verified_at": pd.Timestamp(verification.verified_at, unit="s", tz="UTC")
        if verification
        else None,
        "share": "" if shown.error else _share(shown) if verification else "",
        "whole": _covered(ctx, verification, round_, brief=True),
        "here": shown.here,
        "at_stripe": shown.at_stripe,
        "missing": shown.missing,
        "extra": shown.extra,
        "differing": shown.differing,
    }


def _share(verification: VerificationResult) -> str:
    part = verification.windows / verification.windows_of if verification.windows_of else 1.0
    return f"{part:.0%}" if not 0 < part < 0.01 else "< 1%"


def _covered(
    ctx: PageContext,
    verification: VerificationResult | None,
    round_: VerificationRound | None,
    *,
    brief: bool,
) -> str:
    """Since when everything was compared; before that, how far that is."""
    if round_ is None or verification is None:
        return ""
    if round_.covered_since is not None:
        since = day(round_.covered_since, ctx.timezone)
        return since if brief else f"Since {since}"
    part = 1 - round_.windows_left / verification.windows_of if verification.windows_of else 0.0
    so_far = f"{max(part, 0.0):.0%} so far"
    return so_far if brief else f"{so_far}; all by {day(round_.done_by, ctx.timezone)}"


def _panel(type_: str) -> None:
    ctx = require()
    verification = next(
        (one for one in ctx.services.sync.verifications() if one.type == type_), None
    )
    st.markdown(badges.badge(state_of(verification)))
    if verification is None:
        st.info("Not compared yet.", icon=":material/schedule:")
        return
    if verification.error:
        stop = sync_words.stop(verification.error)
        st.warning(escape(f"{stop.says} {stop.next_step}"), icon=":material/warning:")
    _done(verification)
    zone = ctx.timezone
    facts = [Fact("Compared", when(verification.verified_at, ctx.now, zone))]
    if not verification.error:
        facts += [
            Fact(
                "Share",
                f"{_share(verification)}: {verification.windows:,} of {verification.windows_of:,} parts",
            ),
            Fact(
                "Everything",
                _covered(ctx, verification, ctx.services.sync.rounds().get(type_), brief=False),
            ),
            Fact("In them", f"{verification.here:,} here, {verification.at_stripe:,} at Stripe"),
            Fact("Newest here", exact(verification.newest_here, zone)),
            Fact("Newest at Stripe", exact(verification.newest_at_stripe, zone)),
            Fact("Oldest here", exact(verification.oldest_here, zone)),
            Fact("Oldest at Stripe", exact(verification.oldest_at_stripe, zone)),
        ]
    layout.facts(facts)
    _findings(verification)


def _done(verification: VerificationResult) -> None:
    if not verification.mismatches:
        if not verification.error:
            st.markdown("Everything that was compared is the same on both sides.")
        if verification.late:
            st.caption(f"{plural(verification.late, 'change')} of other programs were read late.")
        return
    left = max(verification.mismatches - verification.repaired, 0)
    was = "was" if verification.mismatches == 1 else "were"
    done = "Onfile now has what Stripe has" if not left else f"{left:,} could not be repaired"
    st.markdown(f"{plural(verification.mismatches, 'difference')} {was} found. {done}.")


def _findings(verification: VerificationResult) -> None:
    for kind, (title, done) in _KINDS.items():
        findings = [finding for finding in verification.findings if finding.kind == kind]
        if not findings:
            continue
        st.markdown(f"**{title}**")
        st.caption(done)
        if not any(finding.fields for finding in findings):
            st.code("\n".join(finding.id for finding in findings), language=None)
            continue
        for finding in findings:
            with st.container(gap="xsmall"):
                st.code(finding.id, language=None)
                st.caption("Different: " + ", ".join(field(name) for name in finding.fields))
    total = verification.mismatches + verification.late
    if total > len(verification.findings) and verification.findings:
        st.caption(f"The first {LISTED_DIFFERENCES} of {total:,} are listed.")
