"""When a neuron spikes and what that resets: explicit fields of every neuron that does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

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

    def fire(self, v: Tensor, threshold: Values, v_reset: Values | None = None) -> tuple[Tensor, Tensor]:
        """Return spikes (0.0 or 1.0) and the potential after them; ``v_reset`` replaces its own."""
        z = spike(v - threshold, self.surrogate, self.slope, self.fires == "above")
        spiked = z.detach()  # the reset is no way for gradients
        if self.reset == "zero":
            return z, v + spiked * ((self.v_reset if v_reset is None else v_reset) - v)
        if self.reset == "subtract":
            return z, v - spiked * threshold
        return z, v
