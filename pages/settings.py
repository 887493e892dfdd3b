"""See how this installation is set up."""

import streamlit as st

from lib.domain.actors import Permission
from lib.settings import Mode
from lib.ui import agreement_panel, layout, limits_panel
from lib.ui.context import require
from lib.ui.layout import Fact

ctx = require(Permission.MANAGE_USERS)
settings = ctx.services.settings

MODES = {
    Mode.PRACTICE: "Practice: Stripe is simulated on this machine. No money moves.",
    Mode.TEST: "Stripe test mode: real Stripe, test cards only.",
    Mode.LIVE: "Live: real cards, real money.",
}
rate = f"{settings.max_rps:g} a second of one kind" if settings.max_rps else "no ceiling"
address = (
    "the simulated Stripe on this machine"
    if settings.mode is Mode.PRACTICE
    else settings.stripe_api_base
)
webhooks = (
    "On: deliveries are checked and stored."
    if settings.webhook_secrets
    else "Off: no signing secret is set. Onfile asks Stripe instead, so news takes longer."
)

layout.header(
    "Settings",
    "Limits, and how this installation is set up: that is changed in the environment or secrets.toml, then restart.",
)
limits_panel.draw(ctx)
agreement_panel.draw(ctx)
st.subheader("Installation", anchor=False)
layout.facts(
    [
        Fact("Mode", MODES[settings.mode]),
        Fact("Requests go to", address),
        Fact("Most requests", rate),
        Fact("Webhooks", webhooks),
        Fact("Webhook address", f"{settings.public_url}/webhooks/stripe", copy=True),
        Fact("Public address", settings.public_url),
        Fact("Data folder", str(settings.data_dir)),
        Fact("Time zone", f"{settings.timezone}: of days, limits, findings and files"),
    ]
)
