"""Spiking networks beside the same layers with ReLU: real data, several seeds, results kept as data.

With --update, each row's results go to a file of its own, which keeps the seeds that are not run again;
docs/spiking.md shows them. A run that is cut off goes on from its checkpoint in --folder.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seeded import rows_command, tell

if TYPE_CHECKING:
    from torch import Tensor, nn

RESULTS = Path(__file__).parent / "results" / "spiking_accuracy"


@dataclass(frozen=True)
class Row:
    """A spiking network, and the one with ReLU that learns the same in as many epochs.

    Args:
        family: of the spiking network.
        dataset: its name; the preset is called so, too, unless ``preset`` says otherwise.
        train: the fields of ``TrainSettings``.
        network: settings that replace the preset's.
        beside: family of the network with ReLU; none where that would train for hours.
    """

    family: str
    dataset: str
    train: dict[str, Any]
    network: dict[str, Any] = field(default_factory=dict)
    beside: str = ""


_MNIST = {"epochs": 4, "batch_size": 128, "learning_rate": 8e-3, "schedule": "one-cycle", "warmup": 0.3,
          "shift_pixels": 1, "precision": "bfloat16"}  # fmt: skip
_CIFAR = {"batch_size": 128, "learning_rate": 8e-3, "schedule": "one-cycle", "warmup": 0.25, "weight_decay": 2e-2,
          "label_smoothing": 0.05, "shift_pixels": 3, "flip": True, "precision": "bfloat16"}  # fmt: skip

ROWS = {
    "spiking-cnn-mnist": Row("spiking_cnn", "mnist", _MNIST, beside="cnn"),
    "hoyer-cnn-mnist": Row("hoyer_cnn", "mnist", {**_MNIST, "epochs": 8}),
    "hoyer-cnn-cifar10": Row("hoyer_cnn", "cifar10", {"epochs": 24, **_CIFAR}),
}


def measure(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train the row ``name`` and what stands beside it, and return the seed's figures as JSON-ready data."""
    row = ROWS[name]
    found = {"spiking": _train(name, row.family, row, seed, folder)}
    if row.beside:
        found["relu"] = _train(name, row.beside, row, seed, folder)
    return found


def _train(name: str, family: str, row: Row, seed: int, folder: Path) -> dict[str, Any]:
    import torch

    from toolkit import data, models
    from toolkit.learn import TrainSettings, loop

    dataset = data.load(row.dataset)
    torch.manual_seed(seed)
    model = models.build(family, row.dataset, **row.network)
    started, cpu_started = time.perf_counter(), time.process_time()
    result = loop.train(
        model,
        dataset,
        settings=TrainSettings(**row.train, seed=seed),
        checkpoint=folder / f"{name}-{family}-{seed}.pt",
        progress=tell(name, family),
    )
    core_seconds = time.process_time() - cpu_started  # what it had of a shared machine
    # Epochs before a cut ran in another process: their wall time is the most that they can have had.
    core_seconds += max(0.0, result.seconds - (time.perf_counter() - started))
    torch.save(model.state_dict(), folder / f"{name}-{family}-{seed}-weights.pt")
    found = {
        "accuracy": result.test_accuracy,
        "weights": sum(parameter.numel() for parameter in model.parameters() if parameter.dim() > 1),
        "seconds": round(result.seconds, 1),
        "core_seconds": round(core_seconds, 1),
    }
    share = _activity(model, torch.from_numpy(dataset.x_test[:1000]))
    return {**found, "activity": share} if share else found


def _activity(model: nn.Module, images: Tensor) -> float:
    """Return which share of all neurons spikes in a step, 0 where none can."""
    import torch

    from toolkit.spiking.methods.hoyer_snn import HoyerSpike
    from toolkit.spiking.neurons import LIF

    spikes, places = 0.0, 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal spikes, places
        spikes, places = spikes + float(output.sum()), places + output.numel()

    handles = [
        module.register_forward_hook(count)
        for module in model.modules()
        if isinstance(module, HoyerSpike | LIF)
    ]
    with torch.no_grad():
        model.eval()(images)
    for handle in handles:
        handle.remove()
    return round(spikes / places, 4) if places else 0.0


main = rows_command(
    ROWS,
    RESULTS,
    Path("build/spiking"),
    measure,
    "Train ROWS (all, unless named), and the same layers with ReLU beside them.",
)

if __name__ == "__main__":
    main()
