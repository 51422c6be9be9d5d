"""Trained ReLU networks as spiking ones: accuracy against the number of steps, with and without what few steps need.

With --update, results go to benchmarks/results/conversion.json, which docs/methods/conversion.md shows.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from seeded import keep

if TYPE_CHECKING:
    from torch import nn

    from toolkit.data import Dataset

RESULTS = Path(__file__).parent / "results" / "conversion.json"
STEPS = (1, 2, 4, 8, 16, 32)
TRAIN: dict[str, dict[str, Any]] = {
    "digits": {"epochs": 20, "learning_rate": 5e-3},
    "mnist": {"epochs": 4, "batch_size": 128, "learning_rate": 8e-3, "shift_pixels": 1},
}
WAYS: dict[str, dict[str, Any]] = {
    "all": {},
    "without correction": {"correct": False},
    "percentile": {"correct": False, "balance": "percentile"},
    "percentile, potentials from 0": {"correct": False, "balance": "percentile", "initial": 0.0},
}


def measure(name: str, seed: int) -> dict[str, Any]:
    """Train a CNN on the dataset ``name``, convert it in every way, and return accuracies as JSON-ready data."""
    import torch

    from toolkit import data, models
    from toolkit.learn import TrainSettings, loop
    from toolkit.learn.evaluate import accuracy

    dataset = data.load(name)
    torch.manual_seed(seed)
    model = models.build("cnn", name)
    result = loop.train(model, dataset, settings=TrainSettings(**TRAIN[name], seed=seed))
    found: dict[str, Any] = {"relu": accuracy(model, dataset.x_test, dataset.y_test)}
    for way, settings in WAYS.items():
        found[way] = {str(steps): _converted(model, dataset, steps, settings) for steps in STEPS}
        click.echo(f"{name}, seed {seed}, ReLU {found['relu']:.2%}, {way}: {found[way]}", err=True)
    return {**found, "train_seconds": round(result.seconds, 1)}


def _converted(model: nn.Module, dataset: Dataset, steps: int, settings: dict[str, Any]) -> float:
    from toolkit.learn.evaluate import accuracy
    from toolkit.spiking.methods.conversion import convert

    made = convert(model, dataset.x_train[:512], steps=steps, **settings)
    return accuracy(made, dataset.x_test, dataset.y_test)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(TRAIN)))
@click.option(
    "--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True, help="May be repeated."
)
@click.option("--update", "updates", is_flag=True, help=f"Write {RESULTS.name}.")
def main(names: tuple[str, ...], seeds: tuple[int, ...], updates: bool) -> None:
    """Train a CNN on NAMES (all, unless named) and convert it."""
    import torch

    torch.set_num_threads(1)
    for name in names or tuple(TRAIN):
        for seed in seeds:
            found = measure(name, seed)
            if updates:
                keep(RESULTS, name, seed, found)
            click.echo(f"{name}, seed {seed}: " + json.dumps(found))


if __name__ == "__main__":
    main()
