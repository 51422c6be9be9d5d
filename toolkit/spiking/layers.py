"""Layers without a memory that networks of spikes have and torch has not."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from toolkit.spiking.firing import Fires
from toolkit.spiking.surrogate import Surrogate, spike


class Input(nn.Identity):
    """Where a graph, or one within a graph, begins."""


class Output(nn.Identity):
    """Where a graph, or one within a graph, ends."""


class Threshold(nn.Module):
    """One where a value is above ``threshold``, else zero; with ``fires`` "at", where it has reached it, too."""

    threshold: Tensor

    def __init__(
        self,
        threshold: Tensor,
        fires: Fires = "above",
        surrogate: Surrogate = "arctan",
        slope: float | None = None,
    ) -> None:
        super().__init__()
        self.register_buffer("threshold", threshold)
        self.fires, self.surrogate, self.slope = fires, surrogate, slope

    def forward(self, x: Tensor) -> Tensor:
        """Return spikes of the shape of ``x``."""
        return spike(x - self.threshold, self.surrogate, self.slope, self.fires == "above")


class Scale(nn.Module):
    """Each value times its own factor."""

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.scale = nn.Parameter(scale)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x * scale``."""
        return x * self.scale


class StackedLinear(nn.Module):
    """A linear layer for each of several rows: ``(n, ..., inputs)`` to ``(n, ..., outputs)``.

    Args:
        weight: ``(..., outputs, inputs)``.
        bias: ``(..., outputs)``, or ``(outputs,)`` for all rows; None for none.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return every row's outputs: a convolution over one place, with a group for each row."""
        *rows, outputs, inputs = self.weight.shape
        count = self.weight.numel() // (outputs * inputs)
        kernel = self.weight.reshape(count * outputs, inputs, 1)
        y = torch.nn.functional.conv1d(x.reshape(len(x), count * inputs, 1), kernel, groups=count)
        y = y.reshape(len(x), *rows, outputs)
        return y if self.bias is None else y + self.bias
