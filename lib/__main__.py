"""`python -m lib …`: the same services, permission checks and audit entries as the screens."""

from __future__ import annotations

import sys

from lib.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
