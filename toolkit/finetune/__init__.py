"""A model trained here goes on learning on a board, when the world there is another."""

from __future__ import annotations

from toolkit.finetune.methods import METHODS, Method, method, side_by_side
from toolkit.finetune.outcome import Cost, Outcome
from toolkit.finetune.run import Comparison, finetune
from toolkit.finetune.world import World, load, worlds

__all__ = [
    "METHODS",
    "Comparison",
    "Cost",
    "Method",
    "Outcome",
    "World",
    "finetune",
    "load",
    "method",
    "side_by_side",
    "worlds",
]
