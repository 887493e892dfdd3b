"""The last comparison of each type with Stripe: a table, and each one's findings in the drawer."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from lib.domain.progress import NAMES
from lib.domain.proofs import LISTED_FINDINGS, Proof
from lib.ui import badges, drawers, layout, tables
from lib.ui.context import PageContext, require
from lib.ui.formats import escape, exact, plural, when
from lib.ui.layout import Fact

PARAM = "proof"
TABLE = "sync_proofs"
_KINDS = {
    "missing": ("Missing here", "At Stripe, but not here. Onfile wrote them down."),
    "extra": (
        "Not at Stripe",
        "Here, but Stripe does not list them. Onfile asked for each: what is gone was removed.",
    ),
    "differs": ("Different", "Here with another value. Onfile wrote Stripe's value over its own."),
}
_FIELDS = {
    "name": "name", "email": "e-mail", "created": "when it was made", "status": "state",
    "customer_email": "customer's e-mail", "customer_name": "customer's name",
    "setup_intent": "SetupIntent", "client_reference_id": "reference", "link_id": "setup link",
    "expires_at": "when it expires", "usage": "use without the customer",
    "last_error_code": "last refusal", "payment_method": "saved method", "charge_id": "charge",
    "attempt": "attempt", "latest_charge": "charge at Stripe", "payment_intent": "payment",
    "amount_refunded": "refunded amount", "is_disputed": "disputed or not",
    "failure_code": "refusal", "failure_reason": "reason of the failure", "due_by": "due date",
    "last4": "last four digits", "exp_month": "month of expiry", "exp_year": "year of expiry",
    "funding": "kind of card", "billing_name": "name on the card", "billing_email": "e-mail",
    "charge": "charge at Stripe",
}  # fmt: skip


def table(ctx: PageContext) -> None:
    """Every type with what its last comparison found; a row opens the drawer."""
    proofs = {proof.type: proof for proof in ctx.services.sync.proofs()}
    st.subheader("Compared with Stripe", anchor=False)
    st.caption(
        "Onfile lists parts of everything at Stripe, compares every field, and repairs what "
        "differs. Newest and oldest always, others at random."
    )
    if not proofs:
        layout.empty(
            "fact_check", "Not compared yet",
            "Onfile does it once a day by itself, or when you press “Compare with Stripe”.",
        )  # fmt: skip
        return
    drawers.follow_address(PARAM, TABLE)
    chosen = tables.table(
        pd.DataFrame([_row(type_, proofs.get(type_)) for type_ in NAMES]),
        {
            "name": tables.text("What", width=130),
            "state": tables.state("Result", width=125),
            "proven_at": tables.ago("Compared", width=120),
            "parts": tables.text("Parts", width=95, help="Compared, of all. A part is about 80 objects; of saved methods, one customer."),
            "here": tables.number("Here", width=60, help="In the compared parts."),
            "at_stripe": tables.number("At Stripe", width=75, help="In the compared parts."),
            "missing": tables.number("Missing", width=70),
            "extra": tables.number("Extra", width=60),
            "differing": tables.number("Differing", width=75),
            "repaired": tables.number("Repaired", width=75),
        },
        key=TABLE, alt="The last comparison of each type with Stripe", timezone=ctx.timezone,
    )  # fmt: skip
    opened = drawers.opened(PARAM, chosen)
    if opened in NAMES:
        drawers.show(
            NAMES[opened], partial(_panel, opened), on_close=partial(drawers.close, PARAM, TABLE)
        )


def state_of(proof: Proof | None) -> str:
    if proof is None:
        return "not_yet"
    if proof.error:
        return "not_compared"
    if proof.found > proof.repaired:
        return "differs"
    return "repaired" if proof.found else "same"


def field(name: str) -> str:
    return _FIELDS.get(name, name.replace("_", " "))


def _row(type_: str, proof: Proof | None) -> dict[str, object]:
    shown = proof or Proof(type_, 0)
    return {
        "id": type_,
        "name": NAMES[type_],
        "state": state_of(proof),
        "proven_at": pd.Timestamp(proof.proven_at, unit="s", tz="UTC") if proof else None,
        "parts": f"{shown.windows:,} of {shown.windows_of:,}" if proof else "",
        "here": shown.here,
        "at_stripe": shown.at_stripe,
        "missing": shown.missing,
        "extra": shown.extra,
        "differing": shown.differing,
        "repaired": shown.repaired,
    }


def _panel(type_: str) -> None:
    ctx = require()
    proof = next((one for one in ctx.services.sync.proofs() if one.type == type_), None)
    st.markdown(badges.badge(state_of(proof)))
    if proof is None:
        st.info("Not compared yet.", icon=":material/schedule:")
        return
    if proof.error:
        st.warning(escape(proof.error), icon=":material/warning:")
    _done(proof)
    zone = ctx.timezone
    layout.facts(
        [
            Fact("Compared", when(proof.proven_at, ctx.now, zone)),
            Fact("Parts", f"{proof.windows:,} of {proof.windows_of:,}"),
            Fact("Objects", f"{proof.here:,} here, {proof.at_stripe:,} at Stripe"),
            Fact("Newest here", exact(proof.newest_here, zone)),
            Fact("Newest at Stripe", exact(proof.newest_at_stripe, zone)),
            Fact("Oldest here", exact(proof.oldest_here, zone)),
            Fact("Oldest at Stripe", exact(proof.oldest_at_stripe, zone)),
        ]
    )
    _findings(proof)


def _done(proof: Proof) -> None:
    if not proof.found:
        if not proof.error:
            st.markdown("Everything that was compared is the same on both sides.")
        return
    left = max(proof.found - proof.repaired, 0)
    was = "was" if proof.found == 1 else "were"
    done = "Stripe's word was written over ours" if not left else f"{left:,} could not be repaired"
    st.markdown(f"{plural(proof.found, 'difference')} {was} found. {done}.")


def _findings(proof: Proof) -> None:
    for kind, (title, done) in _KINDS.items():
        found = [finding for finding in proof.findings if finding.kind == kind]
        if not found:
            continue
        st.markdown(f"**{title}**")
        st.caption(done)
        if kind != "differs":
            st.code("\n".join(finding.id for finding in found), language=None)
            continue
        for finding in found:
            with st.container(gap="xsmall"):
                st.code(finding.id, language=None)
                st.caption("Different: " + ", ".join(field(name) for name in finding.fields))
    if proof.found > len(proof.findings) and proof.findings:
        st.caption(f"The first {LISTED_FINDINGS} of {proof.found:,} are listed.")
