"""TrAct: the first layer takes the step that a gradient on its pre-activations would ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from quantize.method import Method, between
from toolkit.errors import ToolkitError
from toolkit.learn.backprop import Backprop
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="tract",
    title="Backpropagation with trainable pre-activations in the first layer",
    paper="TrAct: Making First-layer Pre-Activations Trainable, Petersen et al. 2024, arXiv 2410.23970",
    kind="learn",
    cost="backpropagation's, and one inverse per step of the first layer's fan-in squared",
)


@dataclass(frozen=True)
class Options:
    """``regularization`` is added to the diagonal of the inputs' second moments."""

    regularization: float = between(1e-9, 1e9, 0.1)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> TrAct:
    """Return what trains ``model``; see ``toolkit.learn.rule.Rule``."""
    return TrAct(model, setup)


class TrAct(Backprop):
    """Backpropagation whose first layer has its gradient ``g`` turned to ``g (X'X / n + r I)^-1``."""

    def __init__(self, model: nn.Module, setup: Setup) -> None:
        super().__init__(model, setup)
        layers = (module for module in model.modules() if isinstance(module, nn.Linear | nn.Conv2d))
        first = next(layers, None)
        if first is not None and parametrize.is_parametrized(first):
            raise ToolkitError(
                f"{METHOD.slug} trains a first layer's own weights, not what they are rounded to",
                at=type(model).__name__,
                fix='set keep_first = true, or use rule = "backprop"',
            )
        plain = not isinstance(first, nn.Conv2d) or (first.groups == 1 and not isinstance(first.padding, str))
        if first is None or not plain:
            raise ToolkitError(
                f"{METHOD.slug} needs a linear layer or an ungrouped convolution with padding in numbers first",
                at=type(model).__name__,
                fix='use rule = "backprop"',
            )
        self.first = first
        first.register_forward_hook(self._observe)

    def _observe(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Any) -> None:
        if layer.training:
            with torch.no_grad():
                x = self._windows(inputs[0].float())
                self.moments = x.T @ x / len(x)

    def _windows(self, x: Tensor) -> Tensor:
        """Return what the layer multiplies its weights with, one row per output position."""
        first = self.first
        if isinstance(first, nn.Linear):
            return x.flatten(0, -2)
        assert not isinstance(first.padding, str)
        windows = nn.functional.unfold(x, first.kernel_size, first.dilation, first.padding, first.stride)
        return windows.transpose(1, 2).flatten(0, 1)

    def adjust_gradients(self) -> None:
        """Turn the first layer's gradient."""
        gradient = self.first.weight.grad
        if gradient is None:
            return
        matrix = self.moments + self.setup.options.regularization * torch.eye(len(self.moments))
        gradient.copy_(torch.linalg.solve(matrix, gradient.flatten(1).T).T.view_as(gradient))
