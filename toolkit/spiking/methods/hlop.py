"""Continual learning: lateral connections learn by Hebb's rule what inputs span, and weights change beside it.

After a task, lateral connections onto a layer's inputs extract their principal subspace: ``y = H x`` excites,
``x - H' y`` is what inhibition leaves, and ``H`` grows by ``y`` times that. Later gradients of the layer's weights,
sums of outer products with its inputs at each time step, are projected to the orthogonal complement, so what it answers
to the old tasks' inputs stays. Biases learn in the first task only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from quantize.method import Method
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from toolkit.learn.rule import Setup

METHOD = Method(
    slug="hlop",
    title="Continual learning beside the subspaces that lateral connections have learnt",
    paper="Hebbian Learning based Orthogonal Projection for Continual Learning of Spiking Neural Networks, "
    "Xiao et al. 2024, arXiv 2402.11984",
    kind="spiking",
    cost="a lateral weight per input and direction kept; two small products more for each update",
)

GROUP = 16  # lateral neurons that learn at once; the next ones learn from what these leave
STEPS, BATCH, RATE = 200, 256, 1.0


def extract(inputs: Tensor, known: Tensor, left: float) -> Tensor:
    """Return ``known`` with rows added, until they explain ``inputs`` to a rest of ``left``.

    Args:
        inputs: of a layer, ``(samples, n)``.
        known: lateral weights, ``(directions, n)``, rows nearly orthonormal.
        left: share of the inputs' energy (mean square) that may stay unexplained.
    """
    energy = inputs.square().sum(1).mean().clamp(min=1e-12)
    rest = inputs - inputs @ known.T @ known
    while rest.square().sum(1).mean() > left * energy and len(known) < known.shape[1]:
        rows = _hebbian(rest, known, min(GROUP, known.shape[1] - len(known)))
        known = torch.cat([known, rows])
        rest = rest - rest @ rows.T @ rows
    return known


def _hebbian(x: Tensor, known: Tensor, neurons: int) -> Tensor:
    """Return the weights ``(neurons, n)`` of lateral neurons that have learnt the principal subspace of ``x``.

    ``x`` is what ``known`` leaves of the inputs; the neurons begin beside it.
    """
    rate = RATE / float(x.square().sum(1).mean())
    h = torch.randn(neurons, x.shape[1])
    h = torch.linalg.qr((h - h @ known.T @ known).T)[0].T
    for _ in range(STEPS):
        batch = x[torch.randint(len(x), (BATCH,))]
        y = batch @ h.T
        h = h + rate * y.T @ (batch - y @ h) / len(batch)
    return torch.linalg.qr((h - h @ known.T @ known).T)[
        0
    ].T  # orthonormal, which Hebb's rule makes them nearly


class Memory:
    """What the layers' lateral connections know, by layer.

    Args:
        left: share of a layer's inputs' energy that its lateral connections may leave unexplained.
    """

    def __init__(self, left: float = 0.01) -> None:
        self.left = left
        self.lateral: dict[str, Tensor] = {}

    def learn(self, model: nn.Module, inputs: Tensor, *, head: bool = True) -> None:
        """Have the lateral connections learn what ``model`` makes of ``inputs``, a task's samples.

        Args:
            model: in evaluation mode.
            inputs: samples.
            head: the last layer, too; not where each task has outputs of its own.

        Raises:
            ToolkitError: the model has a layer that ``hlop`` cannot train.
        """
        seen: dict[str, Tensor] = {}
        handles = [
            layer.register_forward_pre_hook(lambda _, given, name=name: seen.update({name: given[0]}))
            for name, layer in linear_layers(model).items()
        ]
        with torch.no_grad():
            model(inputs)
            for handle in handles:
                handle.remove()
            for name, x in list(seen.items())[: None if head else -1]:
                flat = x.flatten(0, -2)
                known = self.lateral.get(name, flat[:0])
                self.lateral[name] = extract(flat, known, self.left)


class Hlop:
    """Gradient descent whose steps keep to what ``memory`` does not know; with an empty one, plain gradient descent.

    A ``toolkit.learn.rule.Learner``. No momentum and no decay: both would move weights where old tasks are.

    Raises:
        ToolkitError: the model has a layer that ``hlop`` cannot train, or old tasks take a layer's inputs whole.
    """

    def __init__(self, model: nn.Module, setup: Setup, memory: Memory) -> None:
        self.model, self.setup, self.memory = model, setup, memory
        self.layers = linear_layers(model)
        for name, lateral in memory.lateral.items():
            if len(lateral) >= lateral.shape[1]:
                raise ToolkitError(
                    f"old tasks take all {lateral.shape[1]} inputs of {name}: it can learn nothing more",
                    fix="take a wider network, or leave more unexplained",
                )

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``."""
        with self.setup.in_precision():
            loss = self.setup.objective(self.model(inputs), inputs, targets)
        loss.backward()
        with torch.no_grad():
            for name, layer in self.layers.items():
                known = self.memory.lateral.get(name)
                gradient = layer.weight.grad
                if gradient is not None:
                    layer.weight.sub_(
                        rate * (gradient if known is None else gradient - gradient @ known.T @ known)
                    )
                if layer.bias is not None and layer.bias.grad is not None and not self.memory.lateral:
                    layer.bias.sub_(rate * layer.bias.grad)
        self.model.zero_grad(set_to_none=True)
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return dict(self.memory.lateral)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.memory.lateral = dict(state)


def linear_layers(model: nn.Module) -> dict[str, nn.Linear]:
    """Return the linear layers of ``model`` by name.

    Raises:
        ToolkitError: something else in it has parameters; it is named.
    """
    layers: dict[str, nn.Linear] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            layers[name] = module
        elif any(True for _ in module.parameters(recurse=False)):
            raise ToolkitError(
                f"hlop trains linear layers, not a {type(module).__name__}",
                at=name,
                fix="take the family spiking_mlp, or mlp",
            )
    return layers
