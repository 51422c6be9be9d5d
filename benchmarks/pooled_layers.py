"""What computing a max pool with the convolution before it saves: LeNet-like networks, random weights, counted.

python benchmarks/pooled_layers.py
python benchmarks/pooled_layers.py --target cortex-m55
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from toolkit.backends import c
from toolkit.device import targets
from toolkit.device.run import run
from toolkit.device.targets import Target
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower
from toolkit.lower.pooled import fuse_pools
from toolkit.program.quantize import quantize_ptq
from toolkit.tune.image import build_alone

TARGETS = ("cortex-m4", "cortex-m55", "cortex-m0plus", "cortex-m3", "rv32imc")


def lenet() -> nn.Module:
    """LeNet-5 for 28x28 images."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def cifar() -> nn.Module:
    """The CNN for 32x32 colour images of CMSIS-NN's paper (Lai et al. 2018), its pools made to lie side by side."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 10),
    )  # fmt: skip


NETS = {"lenet": (lenet, (1, 28, 28)), "cifar": (cifar, (3, 32, 32))}


def measure(model: Model, target: Target) -> dict[str, int]:
    """Return instructions of one inference and arena bytes."""
    source = c.emit(choose_kernels(model, target.kernels))
    with tempfile.TemporaryDirectory(prefix="toolkit-pooled-") as folder:
        image = build_alone(Path(folder), source, model, target)
        ran = run(image, target, [bytes(model.inputs[0].nbytes)], profile=True)
    assert ran.profile is not None
    instructions = sum(ran.profile.by_layer().values())
    return {"instructions": instructions, "arena_bytes": source.arena.plan.arena_bytes}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--target", action="append", help=f"by default {', '.join(TARGETS)}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for name, (make, shape) in NETS.items():
        torch.manual_seed(0)
        images = np.random.default_rng(0).random((4, *shape), np.float32)
        program = quantize_ptq(make().eval(), images)
        for target in map(targets.load, options.target or TARGETS):
            apart = measure(lower(program), target)
            together = measure(fuse_pools(lower(program)), target)
            rows.append({"net": name, "target": target.name, "apart": apart, "together": together})
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print("| network | core | instructions | together | arena B | together |")
    print("|---|---|---:|---:|---:|---:|")
    for row in rows:
        apart, together = row["apart"], row["together"]
        cells = [f"{each[key]:,}" for key in ("instructions", "arena_bytes") for each in (apart, together)]
        print(f"| {row['net']} | {row['target']} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
