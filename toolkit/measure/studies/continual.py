"""Continual learning side by side: the same network learns the same tasks with and without what keeps old ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from toolkit import data, models
from toolkit.data.splits import by_classes
from toolkit.learn import continual
from toolkit.spiking.methods.hlop import Memory

if TYPE_CHECKING:
    from toolkit.learn import TrainSettings

SCHEMA = 1


@dataclass(frozen=True)
class Kept:
    """How one way to learn went.

    Args:
        way: "plain" or "hlop".
        result: accuracies of all tasks, after each.
        directions: by layer, in how many of its inputs' directions it may not change any more.
    """

    way: str
    result: continual.Continual
    directions: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return {"way": self.way, "average": self.result.average, "forgetting": self.result.forgetting,
                "accuracy": self.result.accuracy, "directions": self.directions}  # fmt: skip


def compare(
    dataset: str,
    family: str,
    settings: TrainSettings,
    *,
    tasks: int,
    left: float,
    shared: bool,
    network: dict[str, Any] | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Kept]:
    """Train one network from the same first weights, plainly and with ``hlop``.

    Args:
        dataset: one of ``toolkit.data.names()``, split by classes.
        family: of the network, linear layers only; its preset is that of the dataset's name where there is one.
        settings: of each task, the seed of the first weights included.
        tasks: how many.
        left: share of a layer's inputs' energy that may stay unprotected.
        shared: all tasks use the same outputs; else each has its own.
        network: settings that replace the preset's.
        progress: called after each epoch with epochs done, all epochs, and what runs.

    Raises:
        ToolkitError: the dataset, the family or the split is unknown or unfit.
    """
    parts = by_classes(data.load(dataset), tasks, shared=shared)
    found = []
    for number, (way, memory) in enumerate((("plain", None), ("hlop", Memory(left)))):

        def tell(done: int, total: int, note: str, number: int = number, way: str = way) -> None:
            if progress is not None:
                progress(number * total + done, 2 * total, f"{way}, {note}")

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            preset = dataset if dataset in models.presets(family) else None
            model = models.build(family, preset, **network or {})
        result = continual.train(model, parts, settings, memory, tell)
        lateral = memory.lateral if memory else {}
        directions = {name.removeprefix("model."): len(rows) for name, rows in lateral.items()}
        found.append(Kept(way, result, directions))
    return found
