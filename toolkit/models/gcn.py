"""Graph convolutional network: linear layers whose results are averaged over each node's neighbours.

T. Kipf and M. Welling, "Semi-Supervised Classification with Graph Convolutional Networks", 2017.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from toolkit.models._preset import Preset

PRESETS = {
    "cora": Preset(
        "Cora's 2,708 papers of 1,433 words, 16 hidden, 7 classes: 23 k weights (5.8 KB at 2 bits)",
        (2708, 1433),
        {"hidden": 16, "classes": 7, "dropout": 0.5},
    ),
}


class Gcn(nn.Module):
    """``fc1``, ``propagate``, ReLU, ``fc2``, ``propagate``, for all nodes of one graph at once.

    ``edges`` holds pairs of nodes ``(edges, 2)``, both directions of each; without them every node is alone.
    """

    def __init__(
        self,
        input_shape: tuple[int, int],
        hidden: int = 16,
        classes: int = 7,
        dropout: float = 0.5,
        edges: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        nodes, features = input_shape
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(features, hidden)
        self.relu = nn.ReLU()
        self.fc2 = nn.Linear(hidden, classes)
        # a linear layer along the nodes: a constant of the graph, not learnt
        self.propagate = nn.Linear(nodes, nodes, bias=False)
        self.propagate.weight = nn.Parameter(neighbourhood(nodes, edges), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, nodes, classes)`` for the nodes' features ``(n, nodes, features)``."""
        x = self.relu(self._mix(self.fc1(self.dropout(x))))
        return self._mix(self.fc2(self.dropout(x)))

    def _mix(self, x: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = self.propagate(x.transpose(1, 2))
        return mixed.transpose(1, 2)


def neighbourhood(nodes: int, edges: np.ndarray | None) -> torch.Tensor:
    """Return the adjacency with loops, divided by the roots of both nodes' degrees, ``(nodes, nodes)``."""
    adjacency = torch.eye(nodes)
    if edges is not None:
        adjacency[edges[:, 0], edges[:, 1]] = 1
    root = adjacency.sum(1).rsqrt()
    return root[:, None] * adjacency * root


MODEL = Gcn
