"""Auxiliary classifiers on a block's output, used in training only."""

from __future__ import annotations

import math

from torch import nn


def averaged(features: tuple[int, ...], side: int = 1) -> tuple[nn.Module, int]:
    """Return what flattens a block's output, and to how many values.

    Args:
        features: the output's shape without the batch; an image ``(channels, height, width)`` is averaged first.
        side: to how many places each way an image is averaged.
    """
    if len(features) != 3:
        return nn.Flatten(), math.prod(features)
    rows, columns = (min(side, size) for size in features[1:])
    return nn.Sequential(nn.AdaptiveAvgPool2d((rows, columns)), nn.Flatten()), features[0] * rows * columns


def pooled_classifier(features: tuple[int, ...], classes: int) -> nn.Module:
    """Return a linear classifier of ``averaged`` outputs of the shape ``features``."""
    average, width = averaged(features)
    return nn.Sequential(average, nn.Linear(width, classes))
