"""What training makes small."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from toolkit.data.dataset import NOT_ASKED
from toolkit.learn.settings import TrainSettings


def loss_of(outputs: Tensor, inputs: Tensor, targets: Tensor, settings: TrainSettings) -> Tensor:
    """Return the mean loss of a batch.

    Args:
        outputs: logits ``(n, classes)`` or ``(n, ..., classes)``; for "mse", of the inputs' shape.
        inputs: what the model was given.
        targets: labels ``(n,)`` or ``(n, ...)``; ``NOT_ASKED`` does not count.
        settings: which loss, how smooth.
    """
    if settings.loss == "mse":
        return functional.mse_loss(outputs, inputs)
    return cross_entropy(outputs, targets, label_smoothing=settings.label_smoothing)


def cross_entropy(
    outputs: Tensor, targets: Tensor, *, label_smoothing: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """Return the cross entropy in nats over all labels that are asked for."""
    return functional.cross_entropy(
        outputs.flatten(0, -2),
        targets.flatten(),
        ignore_index=NOT_ASKED,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )
