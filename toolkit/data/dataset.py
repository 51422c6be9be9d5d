"""What a loaded dataset is: arrays for training and testing, and what one must know to use them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NOT_ASKED = -1  # the label of what is no part of the task


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs and labels of the two splits.

    Images are float32 ``(n, channels, height, width)`` from 0 to 1; labels are int64 ``(n,)``, indices into
    ``classes``. For a text, ``x`` holds each character's index and ``y`` that of the character after it. A sample may
    have many labels, ``(n, positions)``; ``NOT_ASKED`` stands where there is nothing to tell.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    classes: list[str]
    description: str
    licence: str

    def __post_init__(self) -> None:
        for split, x, y in (("train", self.x_train, self.y_train), ("test", self.x_test, self.y_test)):
            if len(x) != len(y):
                raise ValueError(f"{self.name}: {len(x)} {split} inputs but {len(y)} labels")
            lowest = 0 if y.ndim == 1 else NOT_ASKED
            if y.dtype != np.int64 or (len(y) and not lowest <= y.min() <= y.max() < len(self.classes)):
                raise ValueError(
                    f"{self.name}: {split} labels must be int64 from 0 to {len(self.classes) - 1}"
                )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the sample axis."""
        return self.x_train.shape[1:]


@dataclass(frozen=True, eq=False)
class AudioDataset(Dataset):
    """Recordings, float32 ``(n, 1, samples)`` from -1 to 1, with each one's speaker."""

    sample_rate_hz: int
    speaker_train: list[str]
    speaker_test: list[str]


@dataclass(frozen=True, eq=False)
class GraphDataset(Dataset):
    """One graph with classes of nodes; ``x`` and ``y`` are the rows of the training and the test nodes.

    ``features`` is float32 ``(nodes, features)``, ``labels`` int64 ``(nodes,)``, ``edges`` int64 ``(edges,
    2)`` with both directions of every edge, and the three splits are int64 node indices.
    """

    features: np.ndarray
    labels: np.ndarray
    edges: np.ndarray
    train_nodes: np.ndarray
    val_nodes: np.ndarray
    test_nodes: np.ndarray
