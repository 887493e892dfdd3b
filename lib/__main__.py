"""`python -m lib …`: the same services, permission checks and audit entries as the screens."""

from __future__ import annotations

import gc
import sys

# What is loaded stays: to look through it for garbage after each 700 objects took a fourteenth of a command's time.
gc.set_threshold(50_000)

from lib.cli.main import main  # noqa: E402 - not before that

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
