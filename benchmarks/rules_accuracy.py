"""Training rules beside backpropagation: the same network, the same passes over the data, real data, several seeds.

With --update, each row's results go to a file of its own, which keeps the seeds that are not run again;
docs/methods/index.md shows them. A run that is cut off goes on from its checkpoint in --folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seeded import rows_command, tell

if TYPE_CHECKING:
    from torch import nn

    from toolkit.data import Dataset

RESULTS = Path(__file__).parent / "results" / "rules_accuracy"


@dataclass(frozen=True)
class Row:
    """One network, how a rule trains it, and what backpropagation does otherwise than the rule.

    Args:
        rule: its slug.
        family: of the network.
        preset: of the network; default: the family's first.
        dataset: its name.
        train: the fields of ``TrainSettings``.
        network: settings that replace the preset's.
        options: the rule's own settings.
        backprop: fields of ``TrainSettings`` tuned for backpropagation; epochs stay the same.
        task: what is asked of the dataset, where it is not its labels.
        backprop_network: settings of the network that replace those of the rule's.
        backprop_family: where the rule's family is of no use to backpropagation, the one with the same layers that is.
    """

    rule: str
    family: str
    dataset: str
    train: dict[str, Any]
    preset: str = ""
    network: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    backprop: dict[str, Any] = field(default_factory=dict)
    task: str = ""
    backprop_network: dict[str, Any] = field(default_factory=dict)
    backprop_family: str = ""


_MLP = {"hidden": [1000, 1000]}
_CIFAR = {
    "input_shape": [3, 32, 32],
    "layers": [[32, 1, 1], [64, 2, 1], [64, 1, 1], [96, 2, 1], [96, 1, 1], [96, 1, 0]],
}

# fmt: off
ROWS = {
    "mono-forward-mnist": Row(
        "mono-forward", "mlp", "mnist",
        {"epochs": 10, "batch_size": 256, "learning_rate": 2e-3, "schedule": "one-cycle", "warmup": 0.3,
         "weight_decay": 5e-2},
        preset="mnist", network=_MLP,
    ),
    "collaborative-ff-mnist": Row(
        "collaborative-ff", "ff_mlp", "mnist",
        {"epochs": 8, "batch_size": 128, "learning_rate": 1.5e-2, "weight_decay": 1e-2, "shift_pixels": 1,
         "precision": "bfloat16"},
        preset="mnist", backprop={"learning_rate": 3e-3}, backprop_family="mlp",
        network={"hidden": [500, 500]},
    ),
    "noprop-mnist": Row(
        "noprop", "noprop_cnn", "mnist",
        {"epochs": 8, "batch_size": 128, "learning_rate": 8e-3, "shift_pixels": 1, "precision": "bfloat16"},
        preset="mnist", network={"shared": True}, options={"block_loss": "cross-entropy"},
    ),
    "auglocal-mnist": Row(
        "auglocal", "cnn", "mnist",
        {"epochs": 8, "batch_size": 128, "learning_rate": 8e-3, "schedule": "one-cycle", "warmup": 0.3,
         "shift_pixels": 1, "precision": "bfloat16"},
        preset="mnist", options={"depth": 3},
    ),
    "momentum-aux-mnist": Row(
        "momentum-aux", "cnn", "mnist",
        {"epochs": 8, "batch_size": 128, "learning_rate": 8e-3, "schedule": "one-cycle", "warmup": 0.3,
         "shift_pixels": 1},
        preset="mnist",
    ),
    "auglocal-cifar10": Row(
        "auglocal", "cnn", "cifar10",
        {"epochs": 8, "batch_size": 128, "learning_rate": 8e-3, "schedule": "one-cycle", "warmup": 0.25,
         "shift_pixels": 3, "flip": True, "precision": "bfloat16"},
        preset="mnist", network=_CIFAR,
    ),
    "dfa-mnist": Row(
        "dfa", "cnn", "mnist",
        {"epochs": 12, "batch_size": 64, "learning_rate": 5e-3, "schedule": "one-cycle", "warmup": 0.3},
        preset="mnist",
    ),
    "dcls-delays-fsdd": Row(
        "dcls-delays", "spiking_delays", "fsdd",
        {"epochs": 20, "batch_size": 128, "learning_rate": 5e-3, "precision": "bfloat16"},
        preset="fsdd", task="sound-spikes", backprop_network={"max_delay": 0},
    ),
    "eprop-digits": Row(
        "eprop", "spiking_rnn", "digits", {"epochs": 12, "batch_size": 32, "learning_rate": 1e-2}, preset="digits",
    ),
    "eprop-online-digits": Row(
        "eprop", "spiking_rnn", "digits", {"epochs": 12, "batch_size": 32, "learning_rate": 1e-2}, preset="digits",
        options={"error": "step", "filtered": False},
    ),
    "eprop-random-digits": Row(
        "eprop", "spiking_rnn", "digits", {"epochs": 12, "batch_size": 32, "learning_rate": 1e-2}, preset="digits",
        options={"feedback": "random"},
    ),
    "forward-gnn-cora": Row(
        "forward-gnn", "gcn", "cora",
        {"epochs": 200, "batch_size": 1, "learning_rate": 3e-2, "weight_decay": 0.5},
        preset="cora", network={"hidden": 64}, task="whole-graph",
        backprop={"learning_rate": 1e-2, "weight_decay": 5e-2},
    ),
}
# fmt: on


def measure(name: str, seed: int, folder: Path) -> dict[str, Any]:
    """Train the row ``name`` by its rule and by backpropagation, and return the seed's figures as JSON-ready data."""
    from toolkit import data
    from toolkit.learn import TrainSettings
    from toolkit.measure.studies.rules import run

    row = ROWS[name]
    dataset = data.load(row.dataset, task=row.task)
    settings = TrainSettings(**row.train, seed=seed)
    plain = TrainSettings(**{**row.train, **row.backprop, "epochs": row.train["epochs"]}, seed=seed)
    found = {}
    for rule, chosen, options in ((row.rule, settings, row.options), ("backprop", plain, {})):
        checkpoint = folder / f"{name}-{rule}-{seed}.pt"
        model = _fresh(row, dataset, seed, by_backprop=rule == "backprop")
        found[rule] = run(rule, model, dataset, chosen, options, checkpoint, tell(name, rule))
    return {"rule": found[row.rule], "backprop": found["backprop"]}


def _fresh(row: Row, dataset: Dataset, seed: int, *, by_backprop: bool) -> nn.Module:
    import torch

    from toolkit import models
    from toolkit.data.dataset import GraphDataset

    torch.manual_seed(seed)
    family = (by_backprop and row.backprop_family) or row.family
    graph = {"edges": dataset.edges} if isinstance(dataset, GraphDataset) else {}
    settings = {**row.network, **(row.backprop_network if by_backprop else {})}
    return models.build(family, row.preset or None, **settings, **graph)


main = rows_command(
    ROWS,
    RESULTS,
    Path("build/rules"),
    measure,
    "Train ROWS (all, unless named) by their rule and by backpropagation.",
)

if __name__ == "__main__":
    main()
