"""A trained ReLU network as a spiking one: rates of spikes stand in for what rectifiers let through.

Each rectifier becomes neurons that integrate and fire. Weights are divided by how much a layer may give, found on
calibration data (Rueckauer et al. 2017, section 2.2), so that a neuron fires at every step for that much. Reset by
subtraction keeps what a potential has left. Potentials begin at half a threshold: a rate then is the activation
rounded, not cut off, to a number of spikes (Deng and Gu 2021, arXiv 2103.00476). What few steps still change of a
layer's mean activations is put into its biases (Li et al. 2021, arXiv 2106.06984, section 4.2).
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from quantize.method import Method
from toolkit.errors import ToolkitError
from toolkit.program.capture import samples
from toolkit.spiking.chain import Segment, segments
from toolkit.spiking.encoders import direct
from toolkit.spiking.neurons import IF, Firing, I, Timing
from toolkit.spiking.time import EachStep, InTime

METHOD = Method(
    slug="conversion",
    title="Spiking networks from trained ReLU networks",
    paper="Conversion of Continuous-Valued Deep Networks to Efficient Event-Driven Networks for Image Classification, "
    "Rueckauer et al. 2017, Frontiers in Neuroscience 11, 682",
    kind="spiking",
    cost="no training; more steps than a network takes that was trained with spikes",
)

_SEEN = 256  # how many calibration samples biases are corrected on
Balance = Literal["error", "percentile"]


class Converted(nn.Module):
    """``layers`` from each step's input to the sum of the logits so far, over ``steps`` steps of the same input."""

    def __init__(self, layers: InTime, steps: int) -> None:
        super().__init__()
        self.layers, self.steps = layers, steps

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)``, on the scale of the ReLU network's."""
        if torch.compiler.is_exporting():  # step by step: memory for the activations of one
            return self.layers.outputs([x] * self.steps)[-1]
        logits: Tensor = self.layers(direct(x, self.steps))[-1]
        return logits


@torch.no_grad()
def convert(
    model: nn.Module | ExportedProgram,
    calibration: np.ndarray,
    *,
    steps: int = 8,
    balance: Balance = "error",
    percentile: float = 99.9,
    initial: float = 0.5,
    correct: bool = True,
    dt: float = 1e-3,
) -> Converted:
    """Return a spiking copy of a chain of convolutions, linear layers, batch normalizations, ReLU and average pools.

    ``toolkit.spiking.time.streaming(converted.layers, image)`` goes step by step; its output after ``steps`` steps is
    what the whole gives.

    Args:
        model: trained, float32, in evaluation mode. Not changed.
        calibration: inputs like those of real use, samples first.
        steps: for how many steps an input is shown.
        balance: what a neuron that fires at every step stands for: the ``percentile`` of its layer's activations, or
            what makes the least mean squared "error" of them as numbers of spikes in ``steps``, up to that.
        percentile: of all activations of a layer, 0 to 100.
        initial: of the potentials, in thresholds.
        correct: move biases by what a layer's mean rates and logits are off on the calibration data.
        dt: length of a step, seconds.

    Raises:
        ToolkitError: a layer cannot be converted, or a setting makes no sense; both are named.
    """
    _check(steps, balance, percentile)
    x = samples(calibration)
    chain = segments(model, x[:1])
    timing, before, layers = Timing(dt), 1.0, []
    spikes = direct(x[:_SEEN], steps)  # what the layers so far give
    for segment in chain:
        hidden, scale = segment.bound is not None, 1.0
        x = nn.Sequential(*segment.layers)(x)
        if segment.bound is not None:
            x = x.clamp(0.0, segment.bound)
            scale = _scale(segment.name, x, steps, balance, percentile)
        _rescale(segment, before, scale)
        neurons = IF(timing, Firing(), 1.0 / dt, initial) if hidden else I(timing, 1.0 / (dt * steps))
        layer = nn.Sequential(EachStep(nn.Sequential(*segment.layers)), neurons)
        if correct:
            given = layer(spikes)
            _correct(segment, x[:_SEEN] / scale - (given.mean(0) if hidden else given[-1]))
            spikes = layer(spikes)
        layers += [*layer]
        before = scale
    return Converted(InTime(*layers), steps).eval()


def _check(steps: int, balance: str, percentile: float) -> None:
    for name, value, good in (
        ("steps", steps, steps >= 1),
        ("balance", balance, balance in get_args(Balance)),
        ("percentile", percentile, 0 < percentile <= 100),
    ):
        if not good:
            raise ToolkitError(f"{name} = {value!r} is not usable for a conversion", fix=f"correct {name}")


def _scale(name: str, x: Tensor, steps: int, balance: Balance, percentile: float) -> float:
    """Return what a spike at every step stands for, where a layer's activations are ``x``."""
    most = float(np.percentile(x.numpy(), percentile))
    if not most > 0:
        raise ToolkitError(
            f"{percentile:g} % of what calibration data make in this layer are nothing",
            at=name,
            fix="give a larger percentile, or data like those of real use",
        )
    return _least_error(x, most, steps) if balance == "error" else most


def _rescale(segment: Segment, before: float, after: float) -> None:
    """Let the segment take spikes that stand for ``before`` each, and give 1 for what was ``after``."""
    first, last = segment.weighted[0], segment.weighted[-1]
    first.weight.mul_(before)
    last.weight.div_(after)
    _bias(last).div_(after)


def _correct(segment: Segment, missing: Tensor) -> None:
    """Add to the last biases what is missing on average; ``missing`` is ``(n, channels, ...)``."""
    _bias(segment.weighted[-1]).add_(missing.mean([0, *range(2, missing.dim())]))


def _bias(layer: nn.Conv1d | nn.Conv2d | nn.Linear) -> Tensor:
    assert layer.bias is not None  # the chain's layers all have one
    return layer.bias


def _least_error(x: Tensor, most: float, steps: int) -> float:
    """Return what of 0.2 to 1 times ``most`` makes the least error where activations ``x`` become numbers of spikes."""

    def error(scale: float) -> float:
        spikes = (x * (steps / scale)).round().clamp(max=steps)
        return float((spikes * (scale / steps) - x).square().mean())

    return min((most * share for share in np.linspace(0.2, 1.0, 41)), key=error)
