"""See what was given back, asked for or turned down, of whichever charge."""

from lib.ui import money_back
from lib.ui.context import require

ctx = require()
money_back.draw(ctx, ctx.services.reports.refunds, money_back.REFUNDS)
