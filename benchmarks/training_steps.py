"""What one training step costs on an emulated Cortex-M4: memory from the ELF and the stack, instructions counted.

MobileNetV1 0.25 for 96 x 96 pictures of two classes, and a convolutional net of three layers for digits of 28 x 28,
both quantized to int8, with random weights: instructions and memory do not depend on what the weights are. A sample at
a time, plain gradient descent. Rows of one net are compared with full backpropagation of that net.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

TARGET = "mps2-an386"
ROWS: dict[str, dict[str, dict[str, Any]]] = {
    "MobileNetV1 0.25, 96 x 96": {
        "full backpropagation": {},
        "sparse: block 10, depthwise 12, classifier": {
            "layers": ("blocks.10.*", "blocks.12.depthwise.*", "fc")
        },
        "the same, a quarter of the channels": {
            "layers": ("blocks.10.*", "blocks.12.depthwise.*", "fc"),
            "channels": {"blocks.*": 0.25},
        },
        "the same, weights in int8": {
            "layers": ("blocks.10.*", "blocks.12.depthwise.*", "fc"),
            "weights": "int8",
        },
        "the same, both": {
            "layers": ("blocks.10.*", "blocks.12.depthwise.*", "fc"),
            "channels": {"blocks.*": 0.25},
            "weights": "int8",
        },
        "biases": {"only": "biases"},
        "classifier": {"layers": ("fc",)},
        "nearest-mean": {"rule": "nearest-mean"},
    },
    "CNN of 3 layers, 28 x 28": {
        "full backpropagation": {},
        "mono-forward": {"rule": "mono-forward"},
        "zeroth-order": {"rule": "zeroth-order"},
        "dfa": {"rule": "dfa"},
    },
}


@dataclass(frozen=True)
class Cost:
    """One training step as compiled: bytes from the linked image, instructions counted on the emulated core."""

    net: str
    what: str
    trained_values: int
    flash_bytes: int
    arena_bytes: int
    ram_bytes: int  # all static memory, and the stack as far as it was used
    instructions: float
    answer_instructions: float


def network(net: str) -> Any:
    """Return the int8 program of a net with random weights, and a sample."""
    import numpy as np
    import torch
    from torch import nn

    from toolkit import models
    from toolkit.program.quantize import quantize_ptq

    torch.manual_seed(0)
    if net.startswith("Mobile"):
        model, shape = models.build("mobilenet_v1", "mlperf"), (3, 96, 96)
    else:
        shape = (1, 28, 28)
        model = nn.Sequential(
            nn.Conv2d(1, 6, 5, 3),
            nn.ReLU(),
            nn.Conv2d(6, 12, 3, 2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(108, 10),
        )
    data = np.random.default_rng(0).normal(size=(8, *shape)).astype(np.float32)
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.momentum = 1.0  # the statistics of this one pass, whole
    model.train()(torch.from_numpy(data))
    return quantize_ptq(model.eval(), data), torch.zeros(1, *shape)


def measure(net: str, what: str, program: Any, sample: Any, folder: Path, toolchain: str | None) -> Cost:
    """Compile a training step of ``program``, run it, and return what it costs."""
    from toolkit import bundle
    from toolkit.measure.bench import bench
    from toolkit.program import pt2
    from toolkit.training.settings import StepSettings
    from toolkit.training.step import training_step

    step = training_step(program, sample, StepSettings(**ROWS[net][what]))
    pt2.save(step, folder / "step.pt2", {})
    pt2.save(program, folder / "answer.pt2", {})
    manifest = bundle.export(folder / "step.pt2", TARGET, folder / "step", golden_count=1)
    bundle.export(folder / "answer.pt2", TARGET, folder / "answer", golden_count=1)
    learnt, answered = (
        bench(folder / "step", toolchain=toolchain),
        bench(folder / "answer", toolchain=toolchain),
    )
    assert learnt.memory is not None
    assert learnt.instructions is not None
    assert answered.instructions is not None
    memory = learnt.memory
    changed = step.graph_signature.buffers_to_mutate.values()
    return Cost(
        net,
        what,
        sum(step.state_dict[name].numel() for name in changed),
        memory.flash_bytes,
        manifest["sizes"]["arena_bytes"],
        memory.arena_bytes + memory.other_static_bytes + (memory.stack_used_bytes or 0),
        learnt.instructions.value,
        answered.instructions.value,
    )


@click.command()
@click.option("--net", type=click.Choice(list(ROWS)), multiple=True, help="Only this one.")
@click.option(
    "--row",
    type=click.Choice(list(dict.fromkeys(what for rows in ROWS.values() for what in rows))),
    multiple=True,
    help="Only this one; full backpropagation is there to compare with.",
)
@click.option("--toolchain", help="zig or gcc.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(net: tuple[str, ...], row: tuple[str, ...], toolchain: str | None, as_json: bool) -> None:
    """Measure training steps and print a table."""
    costs = []
    for name in net or ROWS:
        program, sample = network(name)
        for what in ROWS[name]:
            if row and what not in row and what != "full backpropagation":
                continue
            print(f"{name}: {what}", file=sys.stderr)
            with tempfile.TemporaryDirectory() as folder:
                costs.append(measure(name, what, program, sample, Path(folder), toolchain))
    if as_json:
        print(json.dumps([asdict(cost) for cost in costs], indent=1))
        return
    print(
        "| net | what learns | values | flash | arena | RAM | instructions | answer | RAM / full | instr. / full |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for cost in costs:
        full = next(c for c in costs if c.net == cost.net and c.what == "full backpropagation")
        print(
            f"| {cost.net} | {cost.what} | {cost.trained_values:,} | {cost.flash_bytes:,} | {cost.arena_bytes:,} "
            f"| {cost.ram_bytes:,} | {cost.instructions:,.0f} | {cost.answer_instructions:,.0f} "
            f"| {cost.ram_bytes / full.ram_bytes:.2f} | {cost.instructions / full.instructions:.2f} |"
        )


if __name__ == "__main__":
    main()
