"""What training makes small."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from toolkit.data.dataset import NOT_ASKED
from toolkit.learn.settings import TrainSettings
from toolkit.learn.teacher import Teacher


@dataclass(frozen=True)
class Objective:
    """The mean loss of a batch: against labels or inputs, and against a ``teacher``'s answers.

    A teacher needs labels to be beside: not with the loss "mse".
    """

    settings: TrainSettings
    teacher: Teacher | None = None

    def __call__(self, outputs: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss.

        Args:
            outputs: logits ``(n, classes)`` or ``(n, ..., classes)``; for "mse", of the inputs' shape.
            inputs: what the model was given.
            targets: labels ``(n,)`` or ``(n, ...)``; ``NOT_ASKED`` does not count.
        """
        if self.settings.loss == "mse":
            return functional.mse_loss(outputs, inputs)
        loss = cross_entropy(outputs, targets, label_smoothing=self.settings.label_smoothing)
        return loss if self.teacher is None else self.teacher.loss(loss, outputs, inputs)


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
