"""The small spike-driven transformer: accuracy, spikes per layer, and what a step costs on an emulated Cortex-M4.

With --update, results go to benchmarks/results/meta_spikeformer.json, which docs/methods/meta-spikeformer.md shows. A
training that is cut off goes on from its checkpoint in --folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from seeded import keep, tell

if TYPE_CHECKING:
    from torch import nn

    from toolkit.data import Dataset

RESULTS = Path(__file__).parent / "results" / "meta_spikeformer.json"
TRAIN: dict[str, dict[str, Any]] = {
    "digits": {"epochs": 20, "batch_size": 64, "learning_rate": 1e-2},
    "mnist": {"epochs": 2, "batch_size": 128, "learning_rate": 8e-3, "schedule": "one-cycle", "warmup": 0.3,
              "shift_pixels": 1, "precision": "bfloat16"},
}  # fmt: skip


def measure(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train the family's preset ``name`` on the dataset of that name and return its figures as JSON-ready data."""
    import torch

    from toolkit import data, models
    from toolkit.learn import TrainSettings, loop

    dataset = data.load(name)
    torch.manual_seed(seed)
    model = models.build("meta_spikeformer", name)
    settings = TrainSettings(**TRAIN[name], seed=seed)
    checkpoint = folder / f"meta-spikeformer-{name}-{seed}.pt"
    result = loop.train(model, dataset, settings=settings, checkpoint=checkpoint, progress=tell(name))
    return {
        "accuracy": result.test_accuracy,
        "seconds": round(result.seconds),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "rates": rates(model, dataset),
        "step": on_board(model, dataset, folder / f"{name}-{seed}"),
        "int8": in_integers(model, dataset, folder / f"{name}-{seed}-int8"),
    }


def in_integers(model: nn.Module, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Return the accuracy after int8 quantization on the first 1,000 test samples, and what one answer costs."""
    from toolkit.learn.evaluate import accuracy
    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq

    program = quantize_ptq(model, dataset.x_train[:200])
    few = (dataset.x_test[:1000], dataset.y_test[:1000])
    folder.mkdir(parents=True, exist_ok=True)
    pt2.save(program, folder / "model.pt2")
    return {
        "samples": len(few[0]),
        "float_accuracy": accuracy(model, *few),
        "accuracy": accuracy(program, *few),
        **cost(folder / "model.pt2", folder / "bundle", dataset.x_test[:4]),
    }


def rates(model: nn.Module, dataset: Dataset) -> dict[str, float]:
    """Return how often a neuron of each layer spikes in a step, on the first 1,000 test samples."""
    import torch

    from toolkit.spiking.neurons import LIF

    found: dict[str, float] = {}

    def watch(name: str, layer: nn.Module) -> Any:
        def count(_: nn.Module, __: Any, spikes: Any) -> None:
            found[name] = round(float(spikes.mean()), 4)

        return layer.register_forward_hook(count)

    watches = [watch(name, layer) for name, layer in model.named_modules() if isinstance(layer, LIF)]
    with torch.no_grad():
        model(torch.from_numpy(dataset.x_test[:1000]))
    for each in watches:
        each.remove()
    return found


def on_board(model: Any, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Return what one step costs as float32 C."""
    import numpy as np
    import torch

    from toolkit.program import pt2
    from toolkit.spiking.time import streaming

    image, steps = torch.from_numpy(dataset.x_test[:1]), model.steps
    folder.mkdir(parents=True, exist_ok=True)
    step = streaming(model.layers, image)
    pt2.save(torch.export.export(step, (image,)).run_decompositions({}), folder / "step.pt2")
    shown = np.repeat(dataset.x_test[:1], steps, 0)
    return cost(folder / "step.pt2", folder / "bundle", shown)


def cost(program: Path, bundle: Path, golden: Any) -> dict[str, Any]:
    """Return what a run of a program costs on the emulated Cortex-M4, checked against the reference first."""
    from toolkit.bundle import export
    from toolkit.measure.bench import bench
    from toolkit.verify.verify import verify

    export(program, "cortex-m4", bundle, golden=golden, golden_count=len(golden))
    result = verify(bundle, fresh=0, layer_samples=len(golden))
    if not (result.ok and result.exact):
        raise click.ClickException(f"the board computes otherwise: {result.first_difference}")
    document = bench(bundle).to_json()
    return {
        "instructions": document["instructions"]["value"],
        "flash_bytes": document["memory"]["flash_bytes"],
        "ram_bytes": document["memory"]["ram_bytes"],
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1, type=click.Choice(list(TRAIN)))
@click.option(
    "--seed", "seeds", multiple=True, type=int, default=(0,), show_default=True, help="May be repeated."
)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("build/meta-spikeformer"), show_default=True,
              help="Where checkpoints and bundles are kept.")  # fmt: skip
@click.option("--update", "updates", is_flag=True, help=f"Write {RESULTS.name}.")
def main(names: tuple[str, ...], seeds: tuple[int, ...], folder: Path, updates: bool) -> None:
    """Train the presets NAMES (all, unless named) and measure them."""
    import torch

    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or tuple(TRAIN):
        for seed in seeds:
            found = measure(name, seed, folder)
            if updates:
                keep(RESULTS, name, seed, found)
            click.echo(f"{name}, seed {seed}: " + json.dumps(found))


if __name__ == "__main__":
    main()
