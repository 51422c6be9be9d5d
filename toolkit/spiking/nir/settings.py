"""What NIR leaves open: length of a step, discretisation, reset, and the threshold itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, get_args

from toolkit.errors import ToolkitError
from toolkit.spiking.firing import Fires, Reset
from toolkit.spiking.nir.node import Node
from toolkit.spiking.surrogate import DERIVATIVES
from toolkit.spiking.timing import Discretisation

OURS = "toolkit"  # the group in a node's metadata
# As their own import and export take it. What is left of a spike is in no file, so it is the platform's default.
PLATFORMS = (
    "snnTorch: 1e-4, euler, zero or its neurons' own subtract; SpikingJelly: 1e-4, euler, zero; Norse: 1e-3, euler, "
    "zero; sinabs: 1 where r is 1, exact, subtract"
)
_CHOICES: dict[str, tuple[str, ...]] = {
    "discretisation": get_args(Discretisation),
    "reset": get_args(Reset),
    "fires": get_args(Fires),
    "surrogate": tuple(DERIVATIVES),
}


@dataclass(frozen=True)
class Settings:
    """How the equations of a file become steps, for nodes that do not say so themselves.

    Args:
        dt: length of a step, seconds.
        discretisation: "exact" or "euler"; see ``Timing``.
        reset: "zero" goes to ``v_reset`` as NIR's equations do, "subtract" or "none"; see ``Firing``.
        fires: "above" the threshold, as NIR's equations have it, or "at" it already.
    """

    dt: float | None = None
    discretisation: Discretisation | None = None
    reset: Reset | None = None
    fires: Fires | None = None

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name, None)
            if value not in (None, *choices):
                raise ToolkitError(f"there is no {name} {value!r}", fix=f"use one of: {', '.join(choices)}")
        if self.dt is not None and not 0 < self.dt < math.inf:
            raise ToolkitError(
                f"a time step of {self.dt} s", fix="give dt as a number of seconds greater than 0"
            )


def own_settings(node: Node, given: Settings, needed: tuple[str, ...]) -> dict[str, Any]:
    """Return what ``node`` runs with: what its metadata say, then what is ``given``; what neither says is left out.

    Raises:
        ToolkitError: metadata make no sense, or say something else than what is given.
    """
    written = node.metadata.get(OURS, {})
    found: dict[str, Any] = {}
    for name in needed:
        value = _checked(node, name, written.get(name) if isinstance(written, dict) else None)
        wanted = getattr(given, name, None)
        if value is not None and wanted is not None and value != wanted:
            raise node.error(
                f"says {name} = {value}, not {wanted}", f"leave {name} out: the file has its own"
            )
        if value is None:
            value = "above" if name == "fires" and wanted is None else wanted
        if value is not None:
            found[name] = value
    return found


def missing(lacking: dict[str, list[str]]) -> ToolkitError | None:
    """Return the error for settings that nodes need and nobody gives, all at once; None where nothing is missing."""
    if not lacking:
        return None
    parts = [f"{setting} of {_some(names)}" for setting, names in lacking.items()]
    flags = " ".join(f"--{setting} {_EXAMPLES[setting]}" for setting in lacking)
    return ToolkitError(
        f"nothing says the {'; the '.join(parts)}",
        fix=f"give what the model was trained with, as in {flags}; what platforms take: {PLATFORMS}",
    )


_EXAMPLES = {"dt": "1e-4", "discretisation": "euler", "reset": "subtract"}


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:4])
    return shown if len(names) <= 4 else f"{shown} and {len(names) - 4} more"


def _checked(node: Node, name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _CHOICES:
        if not isinstance(value, str) or value not in _CHOICES[name]:
            raise node.error(
                f"has {name} {value!r} in its metadata", f"use one of: {', '.join(_CHOICES[name])}"
            )
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise node.error(f"has a {name} of {value} in its metadata", "give a number greater than 0")
    return number
