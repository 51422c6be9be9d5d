"""Losses of one sample, against a target of the logits' shape."""

from __future__ import annotations

import torch
from torch import Tensor

from toolkit.training.settings import StepSettings


def loss(logits: Tensor, target: Tensor, settings: StepSettings) -> Tensor:
    """Return the loss, shape (1,).

    Args:
        logits: (1, ..., classes).
        target: of the same shape; one-hot for cross entropy: with a one-hot target no gather is needed.
        settings: which loss.
    """
    if settings.loss == "mse":
        return torch.mean((logits - target) ** 2).reshape(1)
    if settings.label_smoothing:
        target = target * (1.0 - settings.label_smoothing) + settings.label_smoothing / logits.shape[-1]
    return -torch.sum(torch.log_softmax(logits, -1) * target).reshape(1)
