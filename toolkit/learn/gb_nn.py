"""Gradient boosting of neurons: groups of a hidden layer are added one after the other, each to mend what is wrong."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.errors import ToolkitError
from toolkit.learn.adamw import AdamW
from toolkit.learn.blocks import blocks
from toolkit.learn.local import needs_labels
from toolkit.learn.rule import Setup
from toolkit.learn.turns import Turns

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="gb-nn",
    title="Neurons added in groups by gradient boosting; the last groups can be switched off",
    paper="Sequential Training of Neural Networks with Gradient Boosting, Emami and Martinez-Munoz 2023, "
    "arXiv 1909.12098",
    kind="learn",
    cost="one hidden layer; keeps one group's activations and moments at a time",
)


@dataclass(frozen=True)
class Options:
    """How the hidden layer is cut.

    Args:
        groups: how many equal groups of neurons there are, each trained for an equal share of the steps.
        shrinkage: part of the best step that a group's answer counts with.
    """

    groups: int = between(1, 10_000, 4)
    shrinkage: float = between(0.01, 1.0, 0.5)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> BoostedNeurons:
    """Return what trains ``model`` group by group; see ``toolkit.learn.rule.Rule``."""
    needs_labels(METHOD.slug, setup)
    return BoostedNeurons(model, dataset, setup)


class BoostedNeurons:
    """A group learns, by squared error, minus the gradient of the loss at the answer of bias and groups before it.

    At the end of its turn its answer is scaled by Newton's step along it over all training data. Groups that have not
    learnt count as nothing, so the network is the smaller one until then.
    """

    def __init__(self, model: nn.Module, dataset: Dataset, setup: Setup) -> None:
        self.setup = setup
        self.front, self.name, self.hidden, self.output = _two_layers(model)
        groups, neurons = setup.options.groups, len(self.hidden.weight)
        self.width = neurons // groups
        if self.width * groups != neurons:
            raise ToolkitError(
                f"{neurons} hidden neurons do not make {groups} equal groups",
                at="[train] groups",
                fix="let groups divide the number of neurons",
            )
        self.x, self.y = torch.from_numpy(dataset.x_train), torch.from_numpy(dataset.y_train)
        self.turns = Turns(groups, len(self.x), setup.settings)
        self.steps = 0
        with torch.no_grad():
            # what is best without a look at the input; a class without samples is unlikely, not impossible
            counts = torch.bincount(self.y, minlength=len(self.output.weight)).clamp_min(1)
            self.output.bias.copy_((counts / counts.sum()).log())
            self.output.weight.zero_()
        self._begin(0)

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``; the loss is that of all groups so far."""
        del rate, decay  # each group has its own
        turn = self.turns.at(self.steps)
        if turn.part != self.part:
            self._begin(turn.part)
        with torch.no_grad():
            before = self._before(inputs)
        with self.setup.in_precision():
            answer = self._mine(inputs)
            loss = nn.functional.mse_loss(answer, self._residuals(before, inputs, targets))
        loss.backward()
        with torch.no_grad():
            seen = self.setup.objective(before + answer, inputs, targets)
        self.adamw.update(turn.rate, turn.decay)
        self._merge(self.setup.options.shrinkage * self._newton_step() if turn.last else 1.0)
        self.steps += 1
        return seen

    def _begin(self, part: int) -> None:
        """Let group ``part`` learn from now on, from the model's weights into it and weights out of it drawn anew."""
        rows = slice(part * self.width, (part + 1) * self.width)
        bound = len(self.hidden.weight) ** -0.5
        out = torch.empty(len(self.output.weight), self.width).uniform_(-bound, bound)
        first = (self.hidden.weight[rows], self.hidden.bias[rows], out)
        self.part, self.group = part, [nn.Parameter(each.detach().clone()) for each in first]
        self.adamw = AdamW(self.group, self.setup.settings)

    def _merge(self, scale: float) -> None:
        """Write the group into the model, its answers times ``scale``."""
        rows = slice(self.part * self.width, (self.part + 1) * self.width)
        with torch.no_grad():
            self.hidden.weight[rows], self.hidden.bias[rows] = self.group[0], self.group[1]
            self.output.weight[:, rows] = scale * self.group[2]

    def _neurons(self, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        mine = {f"{self.name}.weight": weight, f"{self.name}.bias": bias}
        activity: Tensor = torch.func.functional_call(self.front, mine, (inputs,))
        return activity

    def _before(self, inputs: Tensor) -> Tensor:
        """Return the logits of the bias and the groups before the one that learns."""
        count = self.part * self.width
        if not count:
            return self.output.bias.expand(len(inputs), -1)
        neurons = self._neurons(inputs, self.hidden.weight[:count], self.hidden.bias[:count])
        return nn.functional.linear(neurons, self.output.weight[:, :count], self.output.bias)

    def _mine(self, inputs: Tensor) -> Tensor:
        """Return what the group that learns adds to the logits."""
        return nn.functional.linear(self._neurons(inputs, *self.group[:2]), self.group[2])

    def _residuals(self, before: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return minus the gradient of each sample's loss at its logits."""
        with torch.enable_grad():
            logits = before.detach().requires_grad_()
            loss = self.setup.objective(logits, inputs, targets)
            (gradient,) = torch.autograd.grad(loss, logits)
        return -gradient * len(logits)

    @torch.no_grad()
    def _newton_step(self) -> float:
        """Return how far along the group's answer the loss of all training data is least, by one Newton step."""
        slope, curvature = 0.0, 0.0
        for inputs, targets in zip(self.x.split(500), self.y.split(500), strict=True):
            before, mine = self._before(inputs), self._mine(inputs)
            slope += float((mine * self._residuals(before, inputs, targets)).sum())
            chances = before.softmax(1)
            curvature += float((chances * mine**2).sum() - (chances * mine).sum(1).square().sum())
        return max(0.0, slope / curvature) if curvature > 0 else 0.0

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        group = [each.detach() for each in self.group]
        return {"steps": self.steps, "part": self.part, "group": group, "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.steps = state["steps"]
        self._begin(state["part"])
        with torch.no_grad():
            for mine, saved in zip(self.group, state["group"], strict=True):
                mine.copy_(saved)
        self.adamw.load_state_dict(state["adamw"])


def first_neurons(model: nn.Module, count: int) -> nn.Module:
    """Return ``model`` with the first ``count`` neurons of its hidden layer only: smaller, quicker, less accurate.

    Groups were trained in this order, each without knowing of those after it, so any of them may be left out from the
    end. ``model`` is not changed.

    Raises:
        ToolkitError: it has not one hidden layer, or fewer neurons.
    """
    smaller = copy.deepcopy(model)
    _, _, hidden, output = _two_layers(smaller)
    if not 1 <= count <= len(hidden.weight):
        raise ToolkitError(f"{count} neurons are asked of a hidden layer of {len(hidden.weight)}")
    hidden.weight, hidden.bias = (nn.Parameter(each[:count].clone()) for each in (hidden.weight, hidden.bias))
    output.weight = nn.Parameter(output.weight[:, :count].clone())
    hidden.out_features = output.in_features = count
    return smaller


def _two_layers(model: nn.Module) -> tuple[nn.Module, str, nn.Linear, nn.Linear]:
    """Return the block up to the output layer, the hidden layer's name and both layers.

    Raises:
        ToolkitError: there is something else that learns.
    """
    parts = blocks(model)
    layers = {name: layer for name, layer in model.named_modules() if type(layer) is nn.Linear}
    learning = {id(parameter) for layer in layers.values() for parameter in (layer.weight, layer.bias)}
    last: Any = parts[-1]
    ends_in_layer = [node.op for node in last.graph.nodes] == ["placeholder", "call_module", "output"]
    if (
        len(parts) != 2
        or len(layers) != 2
        or {id(p) for p in model.parameters()} != learning
        or not ends_in_layer
    ):
        others = [name for name, module in model.named_modules() if list(module.parameters(recurse=False))]
        raise ToolkitError(
            f"{METHOD.slug} trains two linear layers with biases, not {', '.join(others)}",
            at=type(model).__name__,
            fix='use family = "mlp" with one hidden layer, or another rule',
        )
    (name, hidden), (_, output) = layers.items()
    return parts[0], name, hidden, output
