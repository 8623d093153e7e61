"""`python -m dedupe`, and the `dedupe` command."""

from __future__ import annotations

import os
import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line; Ctrl-C while it loads ends it at once."""
    signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(130))
    from dedupe.cli import main as run

    run()


if __name__ == "__main__":
    main()
