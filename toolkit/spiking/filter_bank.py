"""Sound as spikes, frame by frame: a bank of filters, how loud each is, and a spike when that has changed.

All of it is made of layers that stream, so one frame of samples to one row of spikes can be part of an exported step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from toolkit.spiking.encoders import Delta
from toolkit.spiking.neurons import Neuron, States, Timing
from toolkit.spiking.time import EachStep

LOWEST_HZ, HIGHEST_HZ = 100.0, 3600.0


class WithPrevious(Neuron):
    """Each frame behind the one before it, ``(n, samples)`` to ``(n, 2 * samples)``; silence is before the first."""

    names = ("previous",)

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        return torch.cat([states[0], x], -1), (x,)


class FilterBank(nn.Module):
    """How loud each band is: ``log(1 + energy / floor)``, ``(n, samples)`` to ``(n, bands)``.

    A band is a cosine and a sine under a Hann window, at centres equally far apart on the mel scale (O'Shaughnessy
    1987); its energy is the sum of the two products' squares, 1 for a sine wave of full scale.

    Args:
        samples: of a frame, from -1 to 1.
        rate_hz: of the samples.
        bands: how many.
        floor: energy of what counts as silence.
    """

    filters: Tensor

    def __init__(self, samples: int, rate_hz: float, bands: int, floor: float) -> None:
        super().__init__()
        mels = torch.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), bands, dtype=torch.float64)
        self.hertz = 700.0 * (10.0 ** (mels / 2595.0) - 1.0)  # the bands' centres
        angles = 2.0 * math.pi / rate_hz * self.hertz[:, None] * torch.arange(samples, dtype=torch.float64)
        window = torch.hann_window(samples, periodic=True, dtype=torch.float64)
        waves = torch.cat([angles.cos(), angles.sin()]) * window * (2.0 / float(window.sum()))
        self.register_buffer("filters", waves.to(torch.float32))
        self.bands, self.gain = bands, 1.0 / floor

    def forward(self, x: Tensor) -> Tensor:
        """Return each band's loudness, 0 for silence."""
        both = nn.functional.linear(x, self.filters)
        squares = both * both
        return torch.log(1.0 + (squares[:, : self.bands] + squares[:, self.bands :]) * self.gain)


def spikes_of_sound(
    rate_hz: float, hop: int, bands: int, floor: float = 1e-7, threshold: float = 1.0
) -> nn.Sequential:
    """Return layers that make spikes ``(time, n, 2 * bands)`` of frames ``(time, n, hop)``.

    The first ``bands`` of them say that a band has become louder by ``threshold``, the others that it has become
    quieter.

    Args:
        rate_hz: of the samples, which are from -1 to 1.
        hop: samples of a frame; filters look at two frames.
        bands: of the filter bank.
        floor: energy of what counts as silence.
        threshold: change of a loudness (a natural logarithm) that makes a spike.
    """
    timing = Timing(hop / rate_hz)
    bank = FilterBank(2 * hop, rate_hz, bands, floor)
    return nn.Sequential(WithPrevious(timing), EachStep(bank), Delta(timing, threshold))


def _mel(hertz: float) -> float:
    return 2595.0 * math.log10(1.0 + hertz / 700.0)
