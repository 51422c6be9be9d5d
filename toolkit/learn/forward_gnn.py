"""ForwardGNN: a graph network learns layer by layer, each node compared with one virtual node per class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.data.dataset import NOT_ASKED
from toolkit.errors import ToolkitError
from toolkit.learn.adamw import AdamW
from toolkit.learn.blocks import blocks
from toolkit.learn.local import needs_labels
from toolkit.learn.rule import Setup
from toolkit.learn.turns import Turns

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="forward-gnn",
    title="Forward learning of graph networks: each layer by virtual nodes, one per class",
    paper="Forward Learning of Graph Neural Networks, Park et al. 2024, arXiv 2403.11004",
    kind="learn",
    cost="a node more per class while training; keeps one layer's activations at a time",
)


@dataclass(frozen=True)
class Options:
    """``temperature`` divides the products of a node with the classes' virtual nodes."""

    temperature: float = between(1e-4, 1e4, 3.0)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> ForwardGraph:
    """Return what trains ``model`` layer by layer; see ``toolkit.learn.rule.Rule``."""
    needs_labels(METHOD.slug, setup)
    return ForwardGraph(model, dataset, setup)


class ForwardGraph:
    """Layers that learn one after the other from one pass each, the single-forward variant of the paper.

    A virtual node takes part in each layer: its class's training nodes lead to it, and it to none. The last layer's are
    the classes themselves, so that the trained model predicts as any other.
    """

    def __init__(self, model: nn.Module, dataset: Dataset, setup: Setup) -> None:
        labels = torch.from_numpy(dataset.y_train)
        name, graph = _graph_of(model, labels)
        self.setup = setup
        self.blocks = blocks(model)
        self.classes = len(dataset.classes)
        self.graph = {name: with_virtual_nodes(graph.detach(), labels[0], self.classes)}
        self.adamw = [AdamW(block.parameters(), setup.settings) for block in self.blocks]
        self.turns = Turns(len(self.blocks), len(labels), setup.settings)
        self.steps = 0

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``; the loss is that of the layer whose turn it is."""
        del rate, decay  # each layer has its own
        turn = self.turns.at(self.steps)
        values = torch.cat([inputs, torch.zeros(len(inputs), self.classes, inputs.shape[-1])], 1)
        with self.setup.in_precision():
            with torch.no_grad():
                for block in self.blocks[: turn.part]:
                    values = self._run(block, values)
            values = self._run(self.blocks[turn.part], values)
            logits, virtual = values.split([inputs.shape[1], self.classes], 1)
            if turn.part < len(self.blocks) - 1:
                logits = logits @ virtual.transpose(1, 2) / self.setup.options.temperature
            loss = self.setup.objective(logits, inputs, targets)
        loss.backward()
        self.adamw[turn.part].update(turn.rate, turn.decay)
        self.steps += 1
        return loss.detach()

    def _run(self, block: nn.Module, values: Tensor) -> Tensor:
        result: Tensor = torch.func.functional_call(block, self.graph, (values,))
        return result

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return {"steps": self.steps, "adamw": [each.state_dict() for each in self.adamw]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.steps = state["steps"]
        for mine, saved in zip(self.adamw, state["adamw"], strict=True):
            mine.load_state_dict(saved)


def _graph_of(model: nn.Module, labels: Tensor) -> tuple[str, Tensor]:
    """Return the name and the weights of the constant layer that mixes neighbours.

    Raises:
        ToolkitError: there is none, or the data are not the nodes of one graph.
    """
    nodes = labels.shape[1] if labels.dim() == 2 and len(labels) == 1 else 0
    for name, layer in model.named_modules():
        constant = not any(parameter.requires_grad for parameter in layer.parameters())
        if isinstance(layer, nn.Linear) and constant and layer.weight.shape == (nodes, nodes):
            return f"{name}.weight", layer.weight
    raise ToolkitError(
        f"{METHOD.slug} trains networks with a constant layer along the nodes of one graph",
        at=type(model).__name__,
        fix='use family = "gcn" with [data] task = "whole-graph", or another rule',
    )


def with_virtual_nodes(graph: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return a graph's matrix with a node more per class, to which the nodes of that class lead, and itself.

    Args:
        graph: adjacency with loops, divided by the roots of both nodes' degrees, ``(nodes, nodes)``.
        labels: ``(nodes,)``, ``NOT_ASKED`` for nodes of no known class.
        classes: how many there are; their nodes come last.
    """
    nodes = len(labels)
    larger = torch.zeros(nodes + classes, nodes + classes)
    larger[:nodes, :nodes] = graph
    known = (labels != NOT_ASKED).nonzero()[:, 0]
    degree = 1.0 + torch.bincount(labels[known], minlength=classes)
    root = graph.diagonal()[known].sqrt()  # a loop weighs 1 / degree
    larger[nodes + labels[known], known] = root * degree[labels[known]].rsqrt()
    larger[nodes:, nodes:] = torch.diag(1 / degree)
    return larger
