"""Ternary beside float and int8: every family trained in float, rounded to int8, trained on to ternary, on real data.

Training goes on from the checkpoints in --folder, so a long run may be cut off. With --update, a results file keeps the
rows that are not run again; docs/methods/ternary.md shows it.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    from torch import nn
    from torch.export import ExportedProgram

    from toolkit.data import Dataset

RESULTS = Path(__file__).parent / "results" / "ternary_training.json"


@dataclass(frozen=True)
class Row:
    """One network: what it learns, how in float, and how it goes on from there to ternary weights."""

    family: str
    dataset: str
    train: dict[str, Any]
    ternary: dict[str, Any]
    preset: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    task: str = ""
    window: int = 64


_CIFAR = [[32, 1, 1], [64, 2, 1], [64, 1, 1], [96, 2, 1], [96, 1, 1], [96, 1, 0]]
_TEXT = {"batch_size": 32, "weight_decay": 0.1, "clip_norm": 1.0}

ROWS = {
    "digits-mlp": Row(
        "mlp", "digits",
        {"epochs": 40, "batch_size": 32, "learning_rate": 2e-2, "weight_decay": 5e-2, "label_smoothing": 0.05},
        {"epochs": 40, "learning_rate": 1e-2, "distill": 0.5, "per_channel": True},
    ),
    "digits-cnn": Row(
        "cnn", "digits", {"epochs": 20, "learning_rate": 5e-3}, {"epochs": 20, "learning_rate": 5e-3, "distill": 0.5}
    ),
    "mnist-cnn": Row(
        "cnn", "mnist",
        {"epochs": 3, "batch_size": 128, "learning_rate": 8e-3, "shift_pixels": 1},
        {"epochs": 6, "learning_rate": 5e-3},
        preset="mnist",
    ),
    "cifar10-cnn": Row(
        "cnn", "cifar10",
        {"epochs": 16, "batch_size": 128, "learning_rate": 8e-3, "schedule": "one-cycle", "warmup": 0.25,
         "weight_decay": 2e-2, "label_smoothing": 0.05, "shift_pixels": 3, "flip": True, "precision": "bfloat16"},
        {"epochs": 6, "learning_rate": 4e-3, "distill": 0.7},
        preset="mnist", options={"input_shape": [3, 32, 32], "layers": _CIFAR},
    ),
    "cora-gcn": Row(
        "gcn", "cora",
        {"epochs": 200, "batch_size": 1, "learning_rate": 1e-2, "weight_decay": 5e-2},
        {"epochs": 150, "learning_rate": 2e-2, "distill": 1.0, "temperature": 1.0, "per_channel": True},
        preset="cora", task="whole-graph",
    ),
    "shakespeare-encoder": Row(
        "text_encoder", "tinyshakespeare",
        {"epochs": 3, "learning_rate": 5e-3, **_TEXT},
        {"epochs": 3, "learning_rate": 3e-3, "distill": 0.5, "temperature": 1.0},
        preset="masked", task="masked-character",
    ),
    "shakespeare-encoder-decoder": Row(
        "encoder_decoder", "tinyshakespeare",
        {"epochs": 2, "learning_rate": 5e-3, **_TEXT},
        {"epochs": 2, "learning_rate": 3e-3, "distill": 0.5, "temperature": 1.0},
        preset="lines", task="restored-line", window=48,
    ),
    "shakespeare-decoder-micro": Row(
        "decoder", "tinyshakespeare",
        {"epochs": 6, "learning_rate": 5e-3, **_TEXT},
        {"epochs": 6, "learning_rate": 3e-3, "distill": 0.5, "temperature": 1.0},
        preset="micro", task="next-character",
    ),
    "shakespeare-decoder": Row(
        "decoder", "tinyshakespeare",
        {"epochs": 8, "learning_rate": 3e-3, "precision": "bfloat16", **_TEXT},
        {"epochs": 8, "learning_rate": 2e-3, "distill": 0.5, "temperature": 1.0},
        preset="tiny", task="next-character", window=128,
    ),
}  # fmt: skip


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Train the row ``name``, going on from what lies in ``folder``, and return its figures as JSON-ready data."""
    from quantize.lowbit import bitnet158
    from toolkit import data
    from toolkit.learn import TrainSettings, loop
    from toolkit.program.flow import quantize_by
    from toolkit.program.zeros import zeros

    row, started = ROWS[name], time.perf_counter()
    dataset = data.load(row.dataset, task=row.task, window=row.window)
    settings = TrainSettings(**row.train)
    model = _fresh(row, dataset)
    trained = loop.train(
        model,
        dataset,
        settings=settings,
        checkpoint=folder / f"{name}-float.pt",
        progress=_tell(name, "float"),
    )
    found: dict[str, Any] = {
        "family": row.family,
        "dataset": row.dataset,
        "task": row.task,
        "weights": sum(p.numel() for p in model.parameters() if p.requires_grad and p.dim() > 1),
        "float": {**_scores(model, dataset), "seconds": round(trained.seconds)},
    }
    options = bitnet158.Options(**row.ternary)
    program, result = quantize_by(
        "bitnet158", model, dataset, options=options, settings=settings,
        checkpoint=folder / f"{name}-ternary.pt", progress=_tell(name, "ternary"),
    )  # fmt: skip
    assert result is not None
    last = result.epochs[-1]
    found["ternary"] = {
        "accuracy": last.test_accuracy,
        "loss": last.test_loss,
        "seconds": round(result.seconds),
        "program": _scores(program, dataset),
        "zeros": {layer: round(share, 3) for layer, share in zeros(program).items()},
    }
    int8 = quantize_by("int8-ptq", model, dataset)[0]
    found["int8"] = {"program": _scores(int8, dataset)}
    found |= {"recipe": asdict(row), "minutes": round((time.perf_counter() - started) / 60, 1)}
    return found


def _fresh(row: Row, dataset: Dataset) -> nn.Module:
    import torch

    from toolkit import models

    options = dict(row.options)
    if row.task == "whole-graph":
        options["edges"] = dataset.edges  # type: ignore[attr-defined]
    torch.manual_seed(0)
    return models.build(row.family, row.preset or None, **options)


def _scores(model: nn.Module | ExportedProgram, dataset: Dataset) -> dict[str, float]:
    """Return accuracy and cross entropy in nats on the test set."""
    import torch

    from toolkit.data.dataset import NOT_ASKED
    from toolkit.learn.evaluate import predict
    from toolkit.learn.loss import cross_entropy

    outputs = predict(model, dataset.x_test)
    asked: np.ndarray = dataset.y_test != NOT_ASKED
    hits = (outputs.argmax(-1) == dataset.y_test)[asked]
    loss = cross_entropy(torch.from_numpy(outputs), torch.from_numpy(dataset.y_test))
    return {"accuracy": round(float(hits.mean()), 5), "loss": round(float(loss), 4)}


def _tell(name: str, what: str) -> Any:
    def tell(epoch: Any) -> None:
        score = f"loss {epoch.test_loss:.4f}  {epoch.test_accuracy:.2%}"
        click.echo(f"{name}  {what} {epoch.epoch}  {score}  {epoch.seconds:.0f} s", err=True)

    return tell


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("rows", nargs=-1, type=click.Choice(list(ROWS)))
@click.option("--folder", type=click.Path(path_type=Path), default=Path("build/ternary"), show_default=True,
              help="Where checkpoints are kept.")  # fmt: skip
@click.option("--update", is_flag=True, help=f"Write the rows into {RESULTS.name}.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(rows: tuple[str, ...], folder: Path, update: bool, as_json: bool) -> None:
    """Train ROWS (all, unless named) in float and ternary, and compare them with each other and with int8."""
    import torch

    torch.set_num_threads(1)  # small nets are quickest on one
    folder.mkdir(parents=True, exist_ok=True)
    document = {"schema": 1, "rows": {}}
    if update and RESULTS.exists():
        document = json.loads(RESULTS.read_text(encoding="utf-8"))
    for name in rows or tuple(ROWS):
        found = document["rows"][name] = measure(name, folder)
        if update:
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        if not as_json:
            scores = (found["float"], found["int8"]["program"], found["ternary"]["program"])
            line = "  ".join(f"{score['accuracy']:.2%} {score['loss']:.4f}" for score in scores)
            click.echo(f"{name}: float, int8, ternary: {line}")
    if as_json:
        click.echo(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
