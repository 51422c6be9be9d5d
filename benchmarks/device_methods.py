"""On-device methods beside plain backpropagation: one net, one changed world, one table.

A convolutional net with batch normalization and hardswish learns MNIST's digits here. Then they are turned by 30
degrees, with noise, and it learns from one sample at a time, float32, plain gradient descent, by each method. Each has
the learning rate with which most samples were right before they were learnt. Accuracy is of the step's program run by
torch, which is what the device computes but for the order of sums; arena, flash and instructions are those of the
program compiled for an emulated Cortex-M4.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    Tests = tuple[np.ndarray, np.ndarray]

TARGET, TESTS = "mps2-an386", 1000
RATES = (0.001, 0.003, 0.01, 0.03)
ROWS: dict[str, dict[str, Any]] = {
    "backpropagation": {},
    "last layer alone": {"layers": ("fc",)},
    "gradient-filtering, patch 2": {"method": "gradient-filtering"},
    "gradient-filtering, patch 4": {"method": "gradient-filtering", "options": {"patch": 4}},
    "randomized-linear, share 0.25": {"method": "randomized-linear"},
    "mesa": {"method": "mesa"},
    "lowmem-bp": {"method": "lowmem-bp"},
    "fp16-odl": {"method": "fp16-odl"},
    "tune-mode-convbn": {"method": "tune-mode-convbn"},
}


@dataclass(frozen=True)
class Row:
    """One method: share of test images right after learning, and what a step costs on the device."""

    what: str
    rate: float
    accuracy: float
    arena_bytes: int
    flash_bytes: int
    instructions: float


def network() -> nn.Module:
    """Return the net: a convolution, five depthwise separable blocks, a mean and a linear layer."""
    from torch import nn

    def layer(into: int, out: int, side: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
        conv = nn.Conv2d(into, out, side, stride, side // 2, groups=groups, bias=False)
        return [conv, nn.BatchNorm2d(out), nn.Hardswish()]

    blocks = layer(1, 16, 3, 2)
    for into, out, stride in ((16, 16, 1), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)):
        blocks += layer(into, into, 3, stride, into) + layer(into, out, 1)
    return nn.Sequential(
        OrderedDict(
            blocks=nn.Sequential(*blocks),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(64, 10),
        )
    )


def learn(program: Any, x: np.ndarray, y: np.ndarray, tests: Tests, rate: float) -> tuple[float, float]:
    """Let ``program`` learn from ``x`` and ``y``; return how many it had right before, and of ``tests`` afterwards."""
    import torch

    module, eye = program.module(check_guards=False), torch.eye(10)

    def right(x: np.ndarray, y: np.ndarray, rate: float) -> float:
        hits = 0
        for sample, label in zip(x, y, strict=True):
            logits, _ = module(torch.from_numpy(sample[None]), eye[None, int(label)], torch.tensor([rate]))
            hits += int(logits.argmax()) == int(label)
        return hits / max(len(x), 1)

    with torch.no_grad():
        return right(x, y, rate), right(*tests, 0.0)


def cost(program: Any, folder: Path) -> tuple[int, int, float]:
    """Return the arena's and the flash's bytes and the instructions of a step."""
    from toolkit import bundle
    from toolkit.measure.bench import bench
    from toolkit.program import pt2

    pt2.save(program, folder / "step.pt2", {})
    manifest = bundle.export(folder / "step.pt2", TARGET, folder / "step", golden_count=1)
    found = bench(folder / "step")
    assert found.memory is not None
    assert found.instructions is not None
    return manifest["sizes"]["arena_bytes"], found.memory.flash_bytes, found.instructions.value


@click.command()
@click.option("--steps", default=1000, show_default=True, help="Samples to learn from.")
@click.option("--epochs", default=2, show_default=True, help="Of training before the world changes.")
@click.option("--row", multiple=True, type=click.Choice(list(ROWS)), help="Only this one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(steps: int, epochs: int, row: tuple[str, ...], as_json: bool) -> None:
    """Measure on-device methods and print a table."""
    import numpy as np
    import torch

    from toolkit import data
    from toolkit.finetune.world import turned
    from toolkit.learn import TrainSettings, loop
    from toolkit.training.settings import StepSettings
    from toolkit.training.step import training_step

    torch.set_num_threads(1)
    torch.manual_seed(0)
    digits, model, rng = data.load("mnist"), network(), np.random.default_rng(0)
    loop.train(model, digits, settings=TrainSettings(epochs=epochs, batch_size=64))
    model.eval()
    order = rng.permutation(len(digits.x_train))[:steps]
    x, y = turned(digits.x_train[order], rng), digits.y_train[order]
    tests = turned(digits.x_test[:TESTS], rng), digits.y_test[:TESTS]
    before = learn(training_step(model, torch.from_numpy(x[:1])), x[:0], y[:0], tests, 0.0)[1]
    print(f"before: {before:.1%}", file=sys.stderr)
    found = []
    for what in row or ROWS:
        program = training_step(model, torch.from_numpy(x[:1]), StepSettings(**ROWS[what]))
        with tempfile.TemporaryDirectory() as folder:
            costs = cost(program, Path(folder))
        _, rate, accuracy = max((during, rate, after) for rate in RATES
                                for during, after in [learn(program, x, y, tests, rate)])  # fmt: skip
        found.append(Row(what, rate, accuracy, *costs))
        print(found[-1], file=sys.stderr)
    if as_json:
        print(
            json.dumps({"before": before, "steps": steps, "rows": [asdict(each) for each in found]}, indent=1)
        )
        return
    full = found[0]
    print(f"before: {before:.1%}; {steps} samples learnt\n")
    print(
        "| a step by | right after | arena B | | flash B | instructions | |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    for each in found:
        arena, work = each.arena_bytes / full.arena_bytes, each.instructions / full.instructions
        print(
            f"| {each.what} | {each.rate:g} | {each.accuracy:.1%} | {each.arena_bytes:,} | {arena:.2f} "
            f"| {each.flash_bytes:,} | {each.instructions:,.0f} | {work:.2f} |"
        )


if __name__ == "__main__":
    main()
