"""The ``toolkit`` command: one file here per subcommand, found by its being there.

Nothing heavy is imported until a command runs, so that ``toolkit --help`` answers at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

GARBAGE = (100_000, 50, 100)  # gc's thresholds: exporting makes millions of objects that live on


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Codes: 0 ok, 1 a check failed, 2 usage, 3 a tool is missing, 4 a device failed, 70 a bug, 130 stopped.
    """
    import gc
    import sys

    from toolkit.cli._failure import run_guarded
    from toolkit.cli._group import toolkit

    gc.set_threshold(*GARBAGE)
    sys.exit(run_guarded(toolkit, args))
