"""Zeroth-order training: gradients guessed from losses alone, with noise that is made again instead of kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.errors import ToolkitError
from toolkit.learn import philox
from toolkit.learn.blocks import blocks
from toolkit.learn.rule import Setup
from toolkit.program.fake_quantized import FakeQuantized

if TYPE_CHECKING:
    from toolkit.data import Dataset

Loss = Callable[..., Tensor]  # of the model as it is, or with other weights by name

METHOD = Method(
    slug="zeroth-order",
    title="Zeroth-order descent: the family of MeZO and its kin",
    paper="Revisiting Zeroth-Order Optimization for Memory-Efficient LLM Fine-Tuning: A Benchmark, Zhang et al. 2024, "
    "arXiv 2402.11592",
    kind="learn",
    cost="inference's memory (momentum, adam: one and two values more per weight); many more steps than by gradients",
)


@dataclass(frozen=True)
class Options:
    """Which member of the family.

    Args:
        optimizer: what is done with the guessed gradient; "conservative" takes the step, its opposite or none,
            whichever loses least.
        estimate: "two-sided" compares the losses on both sides of the weights; "forward-gradient" takes the exact slope
            along the noise by forward-mode differentiation.
        noise: "signs" are -1 and 1, a bit each, "normal" is Gaussian.
        queries: how many directions a step averages.
        epsilon: how far the weights are moved to compare.
        sparsity: fraction of weights that a direction leaves alone.
        block_wise: move one block of layers at a time, each with directions of its own.
        backprop_blocks: how many of the last blocks learn by their gradient instead.
        momentum: of "momentum" and "adam".
    """

    optimizer: Literal["sgd", "sign", "momentum", "adam", "conservative"] = "sgd"
    estimate: Literal["two-sided", "forward-gradient"] = "two-sided"
    noise: Literal["signs", "normal"] = "signs"
    queries: int = between(1, 10_000, 1)
    epsilon: float = between(1e-9, 1.0, 1e-3)
    sparsity: float = between(0.0, 0.999, 0.0)
    block_wise: bool = False
    backprop_blocks: int = between(0, 1000, 0)
    momentum: float = between(0.0, 0.9999, 0.9)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> ZerothOrder:
    """Return what trains ``model``; see ``toolkit.learn.rule.Rule``."""
    return ZerothOrder(model, setup)


class ZerothOrder:
    """Perturb, compare, step. Noise has parameter as key and step as counter, so that it is made again, not kept.

    The model stays in evaluation mode: what a normalization has learnt of its inputs holds, and nothing is dropped.
    """

    def __init__(self, model: nn.Module, setup: Setup) -> None:
        if isinstance(model, FakeQuantized):
            raise ToolkitError(
                f"{METHOD.slug} and its kin keep a model in evaluation mode, in which int8 rounding finds no ranges",
                at="[train] rule",
                fix='quantize by method = "int8-ptq", or train with another rule',
            )
        self.model, self.setup = model, setup
        self.steps = 0
        chain = blocks(model) if setup.options.block_wise or setup.options.backprop_blocks else [model]
        by_gradient = chain[len(chain) - setup.options.backprop_blocks :]
        self.by_gradient = _trained(by_gradient)
        moved = [_trained([part]) for part in chain[: len(chain) - len(by_gradient)]]
        self.parameters = [parameter for group in moved for parameter in group]
        if not self.parameters:
            raise ToolkitError(
                "no weight is left to move", at="[train] backprop_blocks", fix="make it smaller"
            )
        place = {id(parameter): index for index, parameter in enumerate(self.parameters)}
        self.groups = [[place[id(parameter)] for parameter in group] for group in moved if group]
        if not setup.options.block_wise:
            self.groups = [list(range(len(self.parameters)))]
        kept = {"momentum": 1, "adam": 2}.get(setup.options.optimizer, 0)
        self.moments = [[torch.zeros_like(parameter) for _ in range(kept)] for parameter in self.parameters]

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``; the loss is that around which the step was taken."""
        self.model.eval()

        def loss(weights: dict[str, Tensor] | None = None) -> Tensor:
            outputs = torch.func.functional_call(self.model, weights or {}, (inputs,))
            return self.setup.objective(outputs, inputs, targets)

        options, total = self.setup.options, torch.zeros(())
        with torch.no_grad():
            for group in self.groups:
                self.begin(group)
                slopes = []
                for query in range(options.queries):
                    slope, seen = self._slope(loss, group, query)
                    slopes.append(slope / options.queries)
                    total += seen / (len(self.groups) * options.queries)
                self._learn(loss, group, slopes, rate, decay)
        if self.by_gradient:
            gradients = torch.autograd.grad(loss(), self.by_gradient)
            with torch.no_grad():
                for parameter, gradient in zip(self.by_gradient, gradients, strict=True):
                    parameter.sub_(gradient, alpha=rate)
        self.steps += 1
        return total

    def begin(self, group: list[int]) -> None:
        """Look at the weights of a group before they are moved; for rules that choose by them."""

    def noise(self, index: int, query: int) -> Tensor:
        """Return this step's direction of a parameter, of its shape."""
        options, parameter = self.setup.options, self.parameters[index]
        draw = self.steps * options.queries + query
        key = (self.setup.settings.seed & 0xFFFFFFFF, index)
        make = philox.signs if options.noise == "signs" else philox.normals
        direction = make(key, draw, parameter.numel())
        if options.sparsity:
            drawn = philox.words((key[0], index | 1 << 31), draw << 32, -(-parameter.numel() // 4))
            direction[drawn.reshape(-1)[: parameter.numel()] < options.sparsity * 2**32] = 0
        return torch.from_numpy(direction).to(parameter.dtype).view_as(parameter)

    def _slope(self, loss: Loss, group: list[int], query: int) -> tuple[float, Tensor]:
        """Return how fast the loss grows along the noise, and a loss."""
        epsilon = self.setup.options.epsilon
        if self.setup.options.estimate == "forward-gradient":
            names = {id(parameter): name for name, parameter in self.model.named_parameters()}
            weights = {names[id(self.parameters[i])]: self.parameters[i].detach() for i in group}
            along = {names[id(self.parameters[i])]: self.noise(i, query) for i in group}
            result = torch.func.jvp(loss, (weights,), (along,))
            return float(result[1]), result[0]
        self._move(group, query, epsilon)
        above = loss()
        self._move(group, query, -2 * epsilon)
        below = loss()
        self._move(group, query, epsilon)
        return float(above - below) / (2 * epsilon), (above + below) / 2

    def _move(self, group: list[int], query: int, distance: float) -> None:
        for index in group:
            self.parameters[index].add_(self.noise(index, query), alpha=distance)

    def _learn(self, loss: Loss, group: list[int], slopes: list[float], rate: float, decay: float) -> None:
        before = loss() if self.setup.options.optimizer == "conservative" else None
        self._change(group, slopes, rate, decay)
        if before is None:
            return
        after = loss()
        self._change(group, slopes, -2 * rate, 0.0)
        other = loss()
        best = min(before, after, other)
        if best is not other:
            self._change(group, slopes, rate if best is before else 2 * rate, 0.0)

    def _change(self, group: list[int], slopes: list[float], rate: float, decay: float) -> None:
        options = self.setup.options
        for index in group:
            parameter = self.parameters[index]
            gradient = torch.zeros_like(parameter)
            for query, slope in enumerate(slopes):
                gradient.add_(self.noise(index, query), alpha=slope)
            if options.optimizer == "sign":
                gradient.sign_()
            elif options.optimizer == "momentum":
                gradient = self.moments[index][0].mul_(options.momentum).add_(gradient)
            elif options.optimizer == "adam":
                gradient = self._adam(self.moments[index], gradient)
            if parameter.dim() > 1:
                parameter.mul_(1 - rate * decay)
            parameter.sub_(gradient, alpha=rate)

    def _adam(self, moments: list[Tensor], gradient: Tensor) -> Tensor:
        """Return the direction that Adam makes of a gradient (Kingma and Ba 2015)."""
        mean, square = moments
        first, second, count = self.setup.options.momentum, 0.999, self.steps + 1
        mean.lerp_(gradient, 1 - first)
        square.lerp_(gradient * gradient, 1 - second)
        return mean / (1 - first**count) / ((square / (1 - second**count)).sqrt() + 1e-8)

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return {"steps": self.steps, "moments": self.moments}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.steps, self.moments = state["steps"], state["moments"]


def _trained(parts: list[nn.Module]) -> list[nn.Parameter]:
    return [parameter for part in parts for parameter in part.parameters() if parameter.requires_grad]
