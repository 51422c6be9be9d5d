"""Training rules side by side: one network, the same passes over the data, by each rule; accuracy, memory, time."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from torch import nn

    from toolkit.data import Dataset
    from toolkit.learn import TrainSettings
    from toolkit.learn.loop import Progress


def run(
    rule: str,
    model: nn.Module,
    dataset: Dataset,
    settings: TrainSettings,
    options: dict[str, Any] | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train ``model`` by ``rule`` and return its test accuracy, a step's peak in bytes, and seconds."""
    import torch

    from toolkit.learn import find
    from toolkit.learn.loop import train
    from toolkit.learn.loss import Objective
    from toolkit.learn.memory import peak_bytes
    from toolkit.learn.rule import Setup

    chosen = find(rule).Options(**options or {})
    result = train(
        model, dataset, settings=settings, rule=rule, options=chosen, checkpoint=checkpoint, progress=progress
    )
    count = settings.batch_size
    batch = torch.from_numpy(dataset.x_train[:count]), torch.from_numpy(dataset.y_train[:count])
    learner = find(rule).learner(
        copy.deepcopy(model).train(), dataset, Setup(settings, chosen, Objective(settings))
    )
    return {
        "accuracy": result.test_accuracy,
        "peak_bytes": peak_bytes(learner, *batch),
        "seconds": round(result.seconds, 1),
    }


def measure(
    rule: str, family: str, preset: str, dataset_name: str, seeds: int, **train_settings: Any
) -> dict[str, Any]:
    """Train by ``rule`` with each seed from 0, and return its figures as JSON-ready data."""
    import torch

    from toolkit import data, models
    from toolkit.learn import TrainSettings, network

    dataset = data.load(dataset_name)
    runs = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        model = models.build(**{"family": family, "preset": preset, **network(rule)})
        runs.append(run(rule, model, dataset, TrainSettings(seed=seed, **train_settings)))
    scores = [round(float(each["accuracy"]), 4) for each in runs]
    return {
        "rule": rule,
        "accuracy": scores,
        "mean": round(sum(scores) / seeds, 4),
        "peak_bytes": runs[-1]["peak_bytes"],
        "seconds": round(sum(each["seconds"] for each in runs) / seeds, 1),
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("rules", nargs=-1)
@click.option("--family", default="cnn", show_default=True)
@click.option("--preset", default="digits", show_default=True)
@click.option("--dataset", default="digits", show_default=True)
@click.option("--epochs", default=20, show_default=True)
@click.option("--batch-size", default=32, show_default=True)
@click.option("--learning-rate", default=5e-3, show_default=True)
@click.option("--weight-decay", default=1e-2, show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(
    rules: tuple[str, ...], family: str, preset: str, dataset: str, seeds: int, as_json: bool, **train: Any
) -> None:
    """Train one network by RULES (all, unless named), from the same first weights for the same number of epochs.

    A rule that trains networks of its own kind only gets one of that kind.
    """
    import torch

    from toolkit import learn

    torch.set_num_threads(1)
    rows = []
    for rule in rules or sorted(learn.rules()):
        rows.append(row := measure(rule, family, preset, dataset, seeds, **train))
        if not as_json:
            cells = (
                f"`{rule}`",
                f"{row['mean']:.2%}".replace("%", " %"),
                f"{row['peak_bytes']:,}",
                f"{row['seconds']}",
            )
            click.echo(f"| {' | '.join(cells)} |")
    if as_json:
        click.echo(json.dumps({"schema": 1, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
