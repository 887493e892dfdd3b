"""Your own account: the time zone you see times in, your password and second factor."""

from lib.ui import account, layout, second_factor
from lib.ui.context import require

ctx = require(before_second_factor=True)
layout.header("Your account", "What only you see and decide.")
account.timezone_form(ctx)
account.password_form(ctx)
second_factor.panel(ctx)
