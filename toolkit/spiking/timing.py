"""How time is cut up: an explicit field of every neuron."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, overload

import torch
from torch import Tensor

from toolkit.errors import ToolkitError

Discretisation = Literal["exact", "euler"]
Values = float | Tensor  # of a parameter: one for all neurons, or one for each in the shape of a step's input


@dataclass(frozen=True)
class Timing:
    """How a differential equation becomes steps.

    Args:
        dt: length of a step, seconds.
        discretisation: "exact" solves the equation over a step, "euler" follows its slope at the step's beginning.
    """

    dt: float = 1e-3
    discretisation: Discretisation = "exact"

    def __post_init__(self) -> None:
        if not 0 < self.dt < math.inf:
            raise ToolkitError(
                f"a time step of {self.dt} s", fix="give dt as a number of seconds greater than 0"
            )

    @overload
    def decay(self, tau: float) -> float: ...

    @overload
    def decay(self, tau: Tensor) -> Tensor: ...

    @overload
    def decay(self, tau: Values) -> Values: ...

    def decay(self, tau: Values) -> Values:
        """Return what is left after a step of what decays with the time constant ``tau``, seconds.

        Raises:
            ToolkitError: ``tau`` is not positive, or Euler's steps overshoot.
        """
        shortest = float(tau.min()) if isinstance(tau, Tensor) else tau
        if not shortest > 0:
            raise ToolkitError(f"a time constant of {shortest} s", fix="give tau as a number greater than 0")
        if self.discretisation == "exact":
            return torch.exp(-self.dt / tau.double()) if isinstance(tau, Tensor) else math.exp(-self.dt / tau)
        if self.dt > shortest:
            raise ToolkitError(
                f"Euler steps of {self.dt} s overshoot a time constant of {shortest} s",
                fix='take a smaller dt, or discretisation = "exact"',
            )
        return 1.0 - self.dt / (tau.double() if isinstance(tau, Tensor) else tau)
