"""The form with which a second person decides on what another one asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from lib.domain.actors import Actor, Permission
from lib.ui import asked_again, outcome
from lib.ui.context import PageContext


@dataclass(frozen=True, slots=True)
class SecondLook:
    approves: bool
    password: str
    note: str
    beside: DeltaGenerator
    """Under the fields: where to say what is missing, `with decision.beside, outcome.show()`."""


def may_decide(ctx: PageContext, *, makers: set[str | None]) -> bool:
    """Whether this person may; says so when it is only that they asked for it themself."""
    if not ctx.actor.may(Permission.APPROVE):
        return False
    if ctx.actor.username in makers:
        st.caption("You prepared it, so somebody else decides.")
        return False
    return True


def take_back(
    ctx: PageContext, *, maker: str, key: str, permission: Permission = Permission.CHARGE
) -> bool:
    """The maker's own button while nobody has decided; True when it was pressed."""
    if not ctx.actor.may(permission) or ctx.actor.username != maker:
        return False
    return st.button("Take back", key=f"{key}_withdraw", icon=":material/undo:")


def form(
    ctx: PageContext,
    key: str,
    *,
    yes: str = "Approve",
    no: str | None = "Reject",
    reason: str | None = "",
) -> SecondLook | None:
    """
    None until a button is pressed.

    Args:
        no: None where there is nothing to reject.
        reason: the label of the note; None where none is asked for.
    """
    with st.form(f"{key}_decide_form", border=False):
        password = asked_again.field(ctx, f"{key}_password")
        note = (
            st.text_input(reason or "Reason (to reject)", key=f"{key}_reason", autocomplete="off")
            if reason is not None
            else ""
        )
        beside = st.container()
        with st.container(horizontal=True):
            approves = st.form_submit_button(
                yes, key=f"{key}_approve", type="primary", icon=":material/thumb_up:"
            )
            rejects = no is not None and st.form_submit_button(
                no, key=f"{key}_reject", icon=":material/thumb_down:"
            )
    return SecondLook(approves, password, note, beside) if approves or rejects else None


class _Proposal(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def proposed_by(self) -> str: ...


class _ByHand(Protocol):
    """What settles by two people, of charges or of refunds."""

    def approve(self, proposal_id: str, *, by: Actor, password: str) -> object: ...
    def reject(self, proposal_id: str, *, by: Actor, password: str, note: str) -> object: ...
    def withdraw(self, proposal_id: str, *, by: Actor) -> object: ...


def settle(ctx: PageContext, by_hand: _ByHand, proposal: _Proposal, *, key: str) -> None:
    """Agree to what became of an unknown outcome, disagree or take it back: each only where it may."""
    key = f"{key}_{proposal.id}"
    if may_decide(ctx, makers={proposal.proposed_by}):
        decision = form(ctx, key, yes="Agree")
        if decision is not None and decision.approves:
            with decision.beside, outcome.show("Settled by two people."):
                by_hand.approve(proposal.id, by=ctx.actor, password=decision.password)
        elif decision is not None:
            with decision.beside, outcome.show("Rejected. The outcome is still unknown."):
                by_hand.reject(
                    proposal.id, by=ctx.actor, password=decision.password, note=decision.note
                )
    if take_back(ctx, maker=proposal.proposed_by, key=key):
        with outcome.show("Taken back."):
            by_hand.withdraw(proposal.id, by=ctx.actor)
