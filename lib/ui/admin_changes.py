"""Changes that wait for a second admin: saying so, deciding on them, and the invitation that may come of one."""

from __future__ import annotations

import streamlit as st

from lib.domain.actors import Permission
from lib.domain.admin_changes import AdminProposal
from lib.ui import navigation, outcome, second_look
from lib.ui.context import PageContext
from lib.ui.formats import escape, when

WAITS = "Another admin has to agree: it waits under Approvals."
_INVITATION = "users_invitation"


def tell(toast: outcome.Toast, made: object) -> bool:
    """Whether what an admin wanted waits for another one; the toast then says so."""
    is_waiting = isinstance(made, AdminProposal)
    if is_waiting:
        toast.message = WAITS
    return is_waiting


def waiting(ctx: PageContext) -> bool:
    """Limits, roles and accounts, for admins; True when there is any."""
    proposals = ctx.services.admin_proposals.to_decide(by=ctx.actor)
    show_invitation()
    if proposals:
        st.subheader("Limits, roles and admins", anchor=False)
    names = {user.username: user.name for user in ctx.services.users.list()} if proposals else {}
    for proposal in proposals:
        with st.container(border=True, gap="small"):
            st.markdown(f"**{escape(ctx.services.admin_proposals.in_words(proposal))}**")
            maker = names.get(proposal.proposed_by, proposal.proposed_by)
            at = when(proposal.proposed_at, ctx.now, ctx.timezone)
            st.caption(escape(f"Asked for by {maker}, {at}"))
            _decide(ctx, proposal, key=f"approvals_admin_{proposal.id}")
    return bool(proposals)


def _decide(ctx: PageContext, proposal: AdminProposal, *, key: str) -> None:
    proposals = ctx.services.admin_proposals
    if second_look.may_decide(ctx, makers={proposal.proposed_by}):
        decision = second_look.form(ctx, key, yes="Agree", reason=None)
        if decision is not None and decision.approves:
            with decision.beside, outcome.show("Done, as two admins agreed."):
                agreed = proposals.agree(proposal.id, by=ctx.actor, password=decision.password)
                if agreed.invitation is not None:
                    user = ctx.services.users.find(proposal.change.subject)
                    keep_invitation(user.name if user else "", agreed.invitation)
        elif decision is not None:
            with decision.beside, outcome.show("Rejected. Nothing was changed."):
                proposals.reject(proposal.id, by=ctx.actor, password=decision.password)
    if second_look.take_back(
        ctx, maker=proposal.proposed_by, key=key, permission=Permission.MANAGE_USERS
    ):
        with outcome.show("Taken back."):
            proposals.withdraw(proposal.id, by=ctx.actor)


def keep_invitation(name: str, address: str) -> None:
    """For the next run to show."""
    st.session_state[_INVITATION] = (name, address)


def show_invitation() -> None:
    """The one that was just made, until the page is left."""
    if navigation.has_arrived():
        st.session_state.pop(_INVITATION, None)
    made = st.session_state.get(_INVITATION)
    if made is not None:
        name, address = made
        st.info(
            f"Send this to {escape(name)}, and to nobody else. It works once, for three days: with it "
            "they choose their own password. It is not shown again.",
            icon=":material/key:",
        )
        st.code(address, language=None, wrap_lines=True)
