"""Whose turn it is to learn, for rules that train a model's parts one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.errors import ToolkitError
from toolkit.learn.batches import steps_per_epoch
from toolkit.learn.schedule import learning_rate, weight_decay
from toolkit.learn.settings import TrainSettings


@dataclass(frozen=True)
class Turn:
    """One step of a part: its learning rate and weight decay are those of a run as long as the part's turn."""

    part: int
    rate: float
    decay: float
    last: bool  # of the part's steps


class Turns:
    """All steps of a run in equal shares, part by part.

    Args:
        parts: how many there are.
        samples: of the training data.
        settings: of the run.

    Raises:
        ToolkitError: there are fewer steps than parts.
    """

    def __init__(self, parts: int, samples: int, settings: TrainSettings) -> None:
        self.settings = settings
        steps = steps_per_epoch(samples, settings) * settings.epochs
        if steps < parts:
            raise ToolkitError(
                f"{parts} parts that learn one after the other cannot share {steps} steps",
                at="[train] epochs",
                fix="train for more epochs, or with a smaller batch_size",
            )
        self.ends = [steps * (part + 1) // parts for part in range(parts)]

    def at(self, step: int) -> Turn:
        """Return whose turn step number ``step`` is, counted from 0; the last part takes what comes after the end."""
        part = next((part for part, end in enumerate(self.ends) if step < end), len(self.ends) - 1)
        first = self.ends[part - 1] if part else 0
        count = self.ends[part] - first
        rate, decay = (of(step - first, count, self.settings) for of in (learning_rate, weight_decay))
        return Turn(part, rate, decay, step == self.ends[part] - 1)
