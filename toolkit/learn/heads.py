"""Auxiliary classifiers on a block's output, used in training only."""

from __future__ import annotations

import math

from torch import nn


def pooled_classifier(features: tuple[int, ...], classes: int, side: int = 1) -> nn.Module:
    """Return a linear classifier of a block's output.

    Args:
        features: the output's shape without the batch; an image ``(channels, height, width)`` is averaged first.
        classes: how many logits.
        side: to how many places each way an image is averaged.
    """
    if len(features) == 3:
        rows, columns = (min(side, size) for size in features[1:])
        pool = nn.AdaptiveAvgPool2d((rows, columns))
        return nn.Sequential(pool, nn.Flatten(), nn.Linear(features[0] * rows * columns, classes))
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(features), classes))
