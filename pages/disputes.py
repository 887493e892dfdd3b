"""See what customers disputed at their banks, and until when to answer."""

from lib.ui import money_back
from lib.ui.context import require

ctx = require()
money_back.draw(ctx, ctx.services.reports.disputes, money_back.DISPUTES)
