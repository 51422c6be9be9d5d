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


def distilled(loss: Tensor, outputs: Tensor, targets: Tensor, taught: Tensor, settings: TrainSettings) -> Tensor:
    """Return ``loss`` mixed with the cross entropy against a teacher's softened answers.

    Hinton et al. 2015, arXiv 1503.02531: both sides at one temperature T, their divergence times T squared, so that its
    gradients keep their size.

    Args:
        loss: against the labels.
        outputs: the student's logits, ``(n, ..., classes)``.
        targets: labels; where none is asked for, the teacher is not listened to either.
        taught: the teacher's logits.
        settings: the share ``distill`` and the ``temperature``.
    """
    asked = targets.flatten() != NOT_ASKED
    student = (outputs.flatten(0, -2)[asked].float() / settings.temperature).log_softmax(-1)
    teacher = (taught.flatten(0, -2)[asked].float() / settings.temperature).log_softmax(-1)
    divergence = functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
    return (1 - settings.distill) * loss + settings.distill * settings.temperature**2 * divergence
