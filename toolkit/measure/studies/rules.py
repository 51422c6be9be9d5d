"""Training rules side by side: one network, the same passes over the data, by each rule; accuracy, memory, time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from toolkit import data, models
from toolkit.errors import ToolkitError
from toolkit.learn import find, loop, network
from toolkit.learn.loss import Objective
from toolkit.learn.memory import peak_bytes
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from torch import nn

    from toolkit.data import Dataset
    from toolkit.learn import TrainSettings

SCHEMA = 1
BACKPROP = "backprop"


@dataclass(frozen=True)
class RuleResult:
    """What a rule made of a network, or why it did not.

    Args:
        rule: its slug.
        network: the family; that of the rule where it insists on one.
        accuracy: on the test set after the last epoch, a fraction.
        peak_bytes: measured: the most that tensors made in one training step had in use at once, weights left out.
        seconds: of all epochs, evaluation included.
        refused: what the rule cannot train; the figures are None then.
    """

    rule: str
    network: str
    accuracy: float | None = None
    peak_bytes: int | None = None
    seconds: float | None = None
    refused: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        return asdict(self)


def run(
    rule: str,
    model: nn.Module,
    dataset: Dataset,
    settings: TrainSettings,
    options: dict[str, Any] | None = None,
    checkpoint: Path | None = None,
    progress: loop.Progress | None = None,
) -> dict[str, Any]:
    """Train ``model`` by ``rule`` and return its test accuracy, a step's peak in bytes, and seconds.

    Raises:
        ToolkitError: as ``toolkit.learn.loop.train`` does.
    """
    chosen = find(rule).Options(**options or {})
    result = loop.train(
        model, dataset, settings=settings, rule=rule, options=chosen, checkpoint=checkpoint, progress=progress
    )
    count = settings.batch_size
    batch = torch.from_numpy(dataset.x_train[:count]), torch.from_numpy(dataset.y_train[:count])
    setup = Setup(settings, chosen, Objective(settings))
    learner = find(rule).learner(copy.deepcopy(model).train(), dataset, setup)
    return {
        "accuracy": result.test_accuracy,
        "peak_bytes": peak_bytes(learner, *batch),
        "seconds": round(result.seconds, 1),
    }


def compare(
    rules: Sequence[str],
    dataset: str,
    family: str,
    preset: str | None,
    settings: TrainSettings,
    progress: Callable[[int, int, str], None] | None = None,
) -> Iterator[RuleResult]:
    """Train the same network from the same first weights by each rule, backpropagation first, one result after another.

    Args:
        rules: slugs; a rule that trains networks of its own kind only gets one of that kind.
        dataset: one of ``toolkit.data.names()``.
        family: of the network.
        preset: of the network; the family's first where it is None.
        settings: of every run, the seed of the first weights included.
        progress: called after each epoch with epochs done, all epochs, and what runs.

    Raises:
        ToolkitError: a rule, the dataset or the network is unknown. What a rule cannot train is in its result.
    """
    ordered = [BACKPROP, *(rule for rule in dict.fromkeys(rules) if rule != BACKPROP)]
    nets = [network(rule) for rule in ordered]
    loaded = data.load(dataset)
    for index, (rule, own) in enumerate(zip(ordered, nets, strict=True)):

        def tell(epoch: Any, index: int = index, rule: str = rule) -> None:
            if progress is not None:
                done = index * settings.epochs + epoch.epoch
                progress(done, len(ordered) * settings.epochs, f"{rule}  {epoch.test_accuracy:.1%}")

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = models.build(**{"family": family, "preset": preset, **own})
        kind = str(own.get("family", family))
        try:
            yield RuleResult(rule, kind, **run(rule, model, loaded, settings, progress=tell))
        except ToolkitError as error:
            if rule == BACKPROP:
                raise
            yield RuleResult(rule, kind, refused=f"{error.what} ({error.at})" if error.at else error.what)
