"""Spiking network with a learnt delay for each synapse: layers of leaky neurons over the steps of a sequence."""

from __future__ import annotations

import torch
from torch import nn

from toolkit.models._preset import Preset
from toolkit.spiking.delayed_linear import DelayedLinear
from toolkit.spiking.neurons import LI, LIF, Discretisation, Firing, Reset, Timing
from toolkit.spiking.surrogate import Surrogate
from toolkit.spiking.time import EachStep

PRESETS = {
    "fsdd": Preset("spoken digits as spikes of a filter bank: 16,320 weights", (50, 64), {}),
}


class SpikingDelays(nn.Module):
    """Weights with delays, BatchNorm and LIF neurons for each of ``hidden``; weights with delays and an LI read-out.

    ``max_delay`` is in steps; with 0 there are no delays. Times are in seconds. While it trains, spikes
    are left out by chance: ``input_dropout`` of what comes in, ``dropout`` of what neurons send.
    """

    def __init__(
        self,
        input_shape: tuple[int, int],
        hidden: tuple[int, ...] = (96, 96),
        classes: int = 10,
        max_delay: int = 12,
        dt: float = 16e-3,
        discretisation: Discretisation = "exact",
        tau: float = 16e-3,
        tau_readout: float = 100e-3,
        reset: Reset = "subtract",
        surrogate: Surrogate = "arctan",
        slope: float | None = None,
        dropout: float = 0.2,
        input_dropout: float = 0.2,
    ) -> None:
        super().__init__()
        timing = Timing(dt, discretisation)
        inputs = input_shape[1]
        layers: list[nn.Module] = [nn.Dropout(input_dropout)]
        for count in hidden:
            layers.append(_weights(timing, inputs, count, max_delay))
            layers.append(EachStep(nn.BatchNorm1d(count)))
            layers.append(
                LIF(
                    timing,
                    Firing(reset=reset, surrogate=surrogate, slope=slope),
                    tau,
                    1.0 / (1.0 - timing.decay(tau)),
                )
            )
            layers.append(nn.Dropout(dropout))
            inputs = count
        layers.append(_weights(timing, inputs, classes, max_delay))
        layers.append(LI(timing, tau_readout, 1.0 / (1.0 - timing.decay(tau_readout))))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for spikes ``(n, time, inputs)``: the read-out's mean over time."""
        logits: torch.Tensor = self.layers(x.transpose(0, 1)).mean(0)
        return logits


def _weights(timing: Timing, inputs: int, outputs: int, max_delay: int) -> nn.Module:
    if max_delay == 0:
        return EachStep(nn.Linear(inputs, outputs, bias=False))
    return DelayedLinear(timing, inputs, outputs, max_delay)


MODEL = SpikingDelays
