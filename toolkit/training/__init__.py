"""One training step as an exported program, for devices that learn."""

from __future__ import annotations

from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step

__all__ = ["StepSettings", "training_step"]
