"""The one exception users see: what went wrong, where, and how to fix it."""

from __future__ import annotations

import difflib
from collections.abc import Collection

CHECK_FAILED = 1  # accuracy, size or numeric mismatch
USAGE = 2  # wrong input, model or option
MISSING = 3  # a device or a tool is not there
DEVICE = 4  # a device failed or timed out


class ToolkitError(Exception):
    """An error a user can act on.

    Args:
        what: one sentence that says what is wrong.
        at: where (a layer, a file, a line of a file); empty when the sentence says it.
        fix: what to do about it, ideally the exact command.
        exit_code: one of ``CHECK_FAILED``, ``USAGE``, ``MISSING``, ``DEVICE``.
    """

    def __init__(self, what: str, *, at: str = "", fix: str = "", exit_code: int = USAGE) -> None:
        super().__init__(what)
        self.what = what
        self.at = at
        self.fix = fix
        self.exit_code = exit_code

    def __str__(self) -> str:
        lines = [self.what]
        if self.at:
            lines.append(f"  at: {self.at}")
        if self.fix:
            lines.append(f"  fix: {self.fix}")
        return "\n".join(lines)


def first_line(error: BaseException) -> str:
    """Return the first line of what another library's ``error`` says, or its type where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def suggestion(name: str, known: Collection[str]) -> str:
    """Return the ``fix`` for a name that is not ``known``: the nearest one that is, or all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"use one of: {', '.join(known)}" if known else "leave it out"
