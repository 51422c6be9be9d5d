"""A graph with fake quantization as a module that any training rule can train."""

from __future__ import annotations

import torch
from torch import fx, nn

from quantize.pt2e import disable_observer, enable_observer


class FakeQuantized(nn.Module):
    """Observes ranges while it trains, not while it is evaluated: test data must not leak in.

    The graph was captured in evaluation mode: it has no dropout, and its normalizations keep their
    statistics.

    Args:
        graph_module: the graph with fake quantization in it.
        sample: the input that it was captured with, first axis 1.
        names: its weights by node, as ``toolkit.program.quantizer.weighted`` names them.
    """

    def __init__(self, graph_module: fx.GraphModule, sample: torch.Tensor, names: dict[str, str]) -> None:
        super().__init__()
        self.graph_module = graph_module
        self.sample = sample
        self.names = names

    def train(self, mode: bool = True) -> FakeQuantized:
        """Switch observing on or off; an exported graph itself has no modes."""
        self.training = mode
        self.graph_module.apply(enable_observer if mode else disable_observer)
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the model's output with int8 rounding everywhere."""
        return self.graph_module(x)
