"""When a neuron spikes and what that resets: explicit fields of every neuron that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from toolkit.program.spikes import reset_of
from toolkit.spiking.surrogate import Surrogate, spike
from toolkit.spiking.timing import Values

Reset = Literal["zero", "subtract", "none"]
Fires = Literal["at", "above"]


@dataclass(frozen=True)
class Firing:
    """When a neuron spikes, and what of its potential is left.

    Args:
        v_threshold: potential at which it spikes.
        reset: "zero" sets the potential to ``v_reset``, "subtract" takes the threshold away from it, "none" leaves it.
        v_reset: potential after a spike.
        surrogate: gradient of a spike while training.
        slope: of the surrogate; None: its own.
        fires: "at" spikes when the potential has reached the threshold, "above" only when it is larger, as NIR has it.
    """

    v_threshold: Values = 1.0
    reset: Reset = "subtract"
    v_reset: Values = 0.0
    surrogate: Surrogate = "arctan"
    slope: float | None = None
    fires: Fires = "at"

    def spikes(self, v: Tensor, level: Values) -> Tensor:
        """Return 1.0 where a potential has reached ``level``, its threshold, else 0.0."""
        return spike(v - level, self.surrogate, self.slope, self.fires == "above")

    def after(self, v: Tensor, level: Values, v_reset: Values) -> Tensor:
        """Return potentials after the reset of what has reached ``level``; who spikes is no way for gradients."""
        reached = v.detach() > level if self.fires == "above" else v.detach() >= level
        return reset_of(v, reached, level, self.reset, v_reset)
