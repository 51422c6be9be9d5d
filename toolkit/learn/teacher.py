"""Distillation: a student learns from a teacher's answers besides the labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Teacher:
    """Whom to learn from, and how much (Hinton et al. 2015, arXiv 1503.02531).

    Args:
        model: answers the same samples as the student; in evaluation mode.
        share: of the loss that its answers make up; the labels make up the rest.
        temperature: at which both sides' answers are compared.
    """

    model: nn.Module
    share: float
    temperature: float = 2.0

    def loss(self, labelled: Tensor, outputs: Tensor, inputs: Tensor) -> Tensor:
        """Return the loss to make small.

        Args:
            labelled: the loss against the labels.
            outputs: the student's logits, ``(n, ..., classes)``.
            inputs: what it was given.

        The teacher is heard where no label is known, too: that is how a graph's other nodes teach.
        """
        with torch.no_grad():
            answers = self.model(inputs)
        student, teacher = (
            (logits.flatten(0, -2).float() / self.temperature).log_softmax(-1)
            for logits in (outputs, answers)
        )
        divergence = functional.kl_div(student, teacher, reduction="batchmean", log_target=True)
        # times the temperature squared, so that the gradients keep their size
        return (1 - self.share) * labelled + self.share * self.temperature**2 * divergence

    def state(self) -> list[Tensor]:
        """Return all that a student's training depends on."""
        return [torch.tensor([self.share, self.temperature]), *self.model.state_dict().values()]
