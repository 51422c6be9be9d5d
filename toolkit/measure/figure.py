"""A number and how it is known; nothing in the toolkit gives one without the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["measured", "counted", "estimated"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Figure:
    """A number and how it is known.

    Args:
        value: in the unit that its name says.
        kind: measured with a clock or a meter, counted exactly, or estimated from counts and published constants.
        source: what it rests on.
        uncertainty: of what was measured, in the value's unit: some 95 % of repetitions lie within ``value`` plus or
            minus as much; None where nobody said.
    """

    value: float
    kind: Kind
    source: str = ""
    uncertainty: float | None = None
