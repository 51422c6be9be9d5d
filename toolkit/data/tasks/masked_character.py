"""Characters blotted out of windows of a text, to be found from both sides: what a text encoder learns.

As BERT's (Devlin et al. 2019, arXiv 1810.04805), with 15 % blotted out; all of them become the blot, which is one
more class, the last.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.data.dataset import NOT_ASKED, Dataset
from toolkit.data.windows import windows

SHARE = 0.15
BLOT = "\N{REPLACEMENT CHARACTER}"


def make(dataset: Dataset, window: int) -> Dataset:
    """Return ``x`` int64 ``(n, window)`` with blots, ``y`` the characters under them and -1 elsewhere."""
    x_train, y_train = _blotted(dataset, windows(dataset, dataset.x_train, window), seed=0)
    x_test, y_test = _blotted(dataset, windows(dataset, dataset.x_test, window), seed=1)
    return replace(
        dataset,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=[*dataset.classes, BLOT],
    )


def _blotted(dataset: Dataset, text: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    blots = np.random.default_rng(seed).random(text.shape) < SHARE
    return np.where(blots, len(dataset.classes), text), np.where(blots, text, NOT_ASKED)
