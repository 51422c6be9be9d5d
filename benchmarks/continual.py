"""What a spiking network forgets on MNIST split into five tasks, plainly and with ``hlop``; several seeds.

With --update, results go to a file, which keeps the seeds that are not run again; docs/methods/hlop.md shows them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from seeded import recipe, update

RESULTS = Path(__file__).parent / "results" / "continual.json"


@dataclass(frozen=True)
class Row:
    """What is learnt, and how; see ``toolkit.measure.studies.continual.compare``."""

    dataset: str = "mnist"
    family: str = "spiking_mlp"
    network: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(
        default_factory=lambda: {"epochs": 2, "batch_size": 64, "learning_rate": 0.1}
    )
    tasks: int = 5
    left: float = 0.03
    shared: bool = True


ROW = Row()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True, help="May be repeated."
)
@click.option("--update", "updates", is_flag=True, help=f"Write {RESULTS.name}.")
def main(seeds: tuple[int, ...], updates: bool) -> None:
    """Learn the tasks one after another, and print what is left of them."""
    import torch

    from toolkit.learn import TrainSettings
    from toolkit.measure.studies.continual import compare

    torch.set_num_threads(1)
    for seed in seeds:
        started = time.process_time()
        settings = TrainSettings(**ROW.train, seed=seed)
        found = compare(
            ROW.dataset, ROW.family, settings,
            tasks=ROW.tasks, left=ROW.left, shared=ROW.shared, network=ROW.network,
        )  # fmt: skip
        if updates:
            ways = {each.way: {k: v for k, v in each.to_json().items() if k != "way"} for each in found}
            seconds = round(time.process_time() - started, 1)
            update(RESULTS, recipe(ROW), seed, {**ways, "core_seconds": seconds})
        for each in found:
            kept = f"average {each.result.average:.2%}, forgetting {100 * each.result.forgetting:.2f} points"
            click.echo(f"seed {seed}, {each.way}: {kept}")


if __name__ == "__main__":
    main()
