"""Every character's successor, in windows of a text: what a decoder language model learns."""

from __future__ import annotations

from dataclasses import replace

from toolkit.data.dataset import Dataset
from toolkit.data.windows import windows


def make(dataset: Dataset, window: int) -> Dataset:
    """Return ``x`` and ``y`` int64 ``(n, window)``; ``y`` holds the character after each of ``x``."""
    return replace(
        dataset,
        x_train=windows(dataset, dataset.x_train, window),
        y_train=windows(dataset, dataset.y_train, window),
        x_test=windows(dataset, dataset.x_test, window),
        y_test=windows(dataset, dataset.y_test, window),
    )
