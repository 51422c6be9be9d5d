"""What every training rule offers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from quantize.method import Method
from toolkit.learn.settings import Epoch, TrainResult, TrainSettings

if TYPE_CHECKING:
    from torch import nn

    from toolkit.data import Dataset

Progress = Callable[[Epoch], None]


class Rule(Protocol):
    """A module of ``toolkit.learn``: its ``METHOD`` and its ``train``."""

    METHOD: Method

    def train(
        self,
        model: nn.Module,
        dataset: Dataset,
        *,
        settings: TrainSettings,
        checkpoint: Path | None = None,
        progress: Progress | None = None,
    ) -> TrainResult:
        """Train ``model`` in place.

        Args:
            model: float32, with initial weights that the caller seeded.
            dataset: arrays, samples first.
            settings: everything the result depends on besides model and data.
            checkpoint: file written after each epoch; where it exists already, training goes on from it.
            progress: called after each epoch, those before a resumption included.

        Returns:
            The curves; ``model`` holds the last epoch's weights, in evaluation mode.

        Raises:
            ToolkitError: the loss is no longer finite, or the checkpoint is damaged or of another run.
        """
        ...
