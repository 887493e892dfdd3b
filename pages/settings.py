"""See how this installation is set up."""

from lib.domain.actors import Permission
from lib.settings import Mode
from lib.ui import layout, limits_panel
from lib.ui.context import require
from lib.ui.layout import Fact

ctx = require(Permission.MANAGE_USERS)
settings = ctx.services.settings

MODES = {
    Mode.PRACTICE: "Practice: an embedded double of Stripe. No money moves.",
    Mode.TEST: "Stripe test mode: real Stripe, test cards only.",
    Mode.LIVE: "Live: real cards, real money.",
}
rate = f"{settings.max_rps:g} a second to one endpoint" if settings.max_rps else "no ceiling"
address = "the embedded double" if settings.mode is Mode.PRACTICE else settings.stripe_api_base
webhooks = (
    "On: deliveries are checked and stored."
    if settings.webhook_secrets
    else "Off: no signing secret is set. Onfile asks Stripe instead, so news takes longer."
)

layout.header(
    "Settings",
    "How this installation is set up. Change it in the environment or secrets.toml, then restart.",
)
layout.facts(
    [
        Fact("Mode", MODES[settings.mode]),
        Fact("Requests go to", address),
        Fact("Most requests", rate),
        Fact("Webhooks", webhooks),
        Fact("Webhook address", f"{settings.public_url}/webhooks/stripe", copy=True),
        Fact("Public address", settings.public_url),
        Fact("Data folder", str(settings.data_dir)),
        Fact("Your time zone", str(ctx.timezone)),
    ]
)
limits_panel.draw(ctx)
