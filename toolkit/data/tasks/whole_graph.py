"""All nodes of a graph at once, since a graph network mixes neighbours: one sample, with the nodes' labels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.data.dataset import NOT_ASKED, Dataset, GraphDataset
from toolkit.errors import ToolkitError


def make(dataset: Dataset, window: int) -> GraphDataset:
    """Return ``x`` float32 ``(1, nodes, features)``, rows of sum 1, and ``y`` ``(1, nodes)``, -1 outside the split."""
    del window
    if not isinstance(dataset, GraphDataset):
        raise ToolkitError(
            f"{dataset.name} is not a graph", fix="use the dataset cora, or leave [data] task out"
        )
    # rows of sum 1: Kipf and Welling 2017, section 5.2
    words = dataset.features.sum(1, keepdims=True)
    x = (dataset.features / np.maximum(words, 1))[None]
    return replace(
        dataset,
        x_train=x,
        y_train=_only(dataset.labels, dataset.train_nodes),
        x_test=x,
        y_test=_only(dataset.labels, dataset.test_nodes),
    )


def _only(labels: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    asked = np.full_like(labels, NOT_ASKED)
    asked[nodes] = labels[nodes]
    return asked[None]
