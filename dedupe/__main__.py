"""`python -m dedupe`, and the `dedupe` command."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from dedupe.distribution import find_intruder


def main() -> NoReturn:
    """Run the command line; Ctrl-C while it loads ends it at once."""
    signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(130))
    if trouble := find_intruder(Path(__file__).parent):
        sys.exit(f"dedupe: {trouble}")
    from dedupe.cli import main as run

    run()


if __name__ == "__main__":
    main()
