"""`python -m exportstream` and the command `exportstream`."""

from __future__ import annotations

import os
import sys

from exportstream.cli import run


def main() -> int:
    """Run the command line of this process; the exit code."""
    return run(sys.argv[1:], os.environ)


if __name__ == "__main__":
    sys.exit(main())
