"""The errors about ``.pt2`` files that several layers raise."""

from __future__ import annotations

from toolkit.errors import ToolkitError

SAVE = "save it with torch.export.save(program, 'model.pt2')"


def refuse(why: str, fix: str = SAVE) -> ToolkitError:
    """Return the error for a file that is not a program written by ``torch.export.save``."""
    return ToolkitError(f"not a program that can be read: {why}", fix=fix)


def malformed(where: str) -> ToolkitError:
    """Return the error for JSON that is not what torch writes."""
    return refuse(f"{where} is malformed")


def dynamic(where: str = "the program") -> ToolkitError:
    """Return the error for sizes or values that are only known when the program runs."""
    return ToolkitError(
        f"{where} has a dynamic shape",
        fix="export with fixed sizes: "
        "torch.export.export(model, (torch.zeros(1, ...),)) without dynamic_shapes",
    )
