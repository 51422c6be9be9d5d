"""Texts cut into pieces of one length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.data.dataset import Dataset
from toolkit.errors import ToolkitError


def windows(dataset: Dataset, text: np.ndarray, length: int) -> np.ndarray:
    """Return ``text``, one index per character, as rows ``(n, length)`` side by side; a shorter rest is dropped.

    Raises:
        ToolkitError: the dataset is no text, or shorter than one window.
    """
    if text.ndim != 1 or text.dtype != np.int64:
        raise ToolkitError(
            f"{dataset.name} is not a text: windows are cut out of a text's characters",
            fix="use the dataset tinyshakespeare, or leave [data] task out",
        )
    if not 1 <= length <= len(text):
        raise ToolkitError(
            f"no window of {length} characters fits into {len(text):,}", fix="choose another [data] window"
        )
    count = len(text) // length
    return text[: count * length].reshape(count, length)


def in_a_row(dataset: Dataset) -> Dataset:
    """Return ``dataset`` with every element of its sequences as a sample of its own, ``x`` and ``y`` ``(n,)``.

    Raises:
        ToolkitError: its samples are not sequences with a label for each element.
    """
    if dataset.x_train.ndim != 2 or dataset.x_train.shape != dataset.y_train.shape:
        raise ToolkitError(
            f"{dataset.name} has no label for each element of a sequence",
            fix='set [data] task = "next-character"',
        )
    flat = {name: getattr(dataset, name).reshape(-1) for name in ("x_train", "y_train", "x_test", "y_test")}
    return replace(dataset, **flat)
