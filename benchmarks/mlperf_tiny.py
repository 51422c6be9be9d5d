"""What the four MLPerf Tiny networks cost on a Cortex-M4 or another core, beside TensorFlow Lite Micro with CMSIS-NN.

The shapes are exact, the weights random, with batch normalization set so that activations keep their size as in a
trained network: instructions and memory then hardly depend on the weights. Accuracy is not measured here. As in the
reference models, the three classifiers end in a softmax. With ``--files`` the reference models themselves are measured,
as their ``.tflite`` files say, rounding twice where TensorFlow Lite does.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from peers import INSTRUCTIONS_PER_MAC, METHOD, MLPERF_TINY

FAMILIES = {
    "anomaly detection": "fc_autoencoder",
    "keyword spotting": "ds_cnn",
    "image classification": "resnet8",
    "visual wake words": "mobilenet_v1",
}
FILES = {  # as the MLPerf Tiny repository calls them
    "anomaly detection": "ad01_int8.tflite",
    "keyword spotting": "kws_ref_model.tflite",
    "image classification": "pretrainedResnet_quant.tflite",
    "visual wake words": "vww_96_int8.tflite",
}
CALIBRATION_SAMPLES = 16
FULLY_MEASURED = "cortex-m4"  # the family for which memory and cycles of other tools are known, too


@dataclass(frozen=True)
class Cost:
    """One network: what was counted on the emulated core. ``cycles`` are an estimate."""

    macs: int
    instructions: float
    cycles: float | None
    code_bytes: int
    weight_bytes: int
    arena_bytes: int
    stack_bytes: int | None


@dataclass(frozen=True)
class Network:
    """One network with random weights, in float and quantized."""

    model: Any  # torch.nn.Module
    calibration: Any  # float32 samples in the model's layout
    program: Path  # .pt2, int8


def prepare(name: str, folder: Path) -> Network:
    """Make and quantize the network ``name``; its program goes to ``folder``."""
    import numpy as np
    import torch
    from torch import nn

    from toolkit import models
    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq

    torch.manual_seed(0)
    family = FAMILIES[name]
    model = models.build(family, "mlperf")
    if family != "fc_autoencoder":
        model = nn.Sequential(model, nn.Softmax(-1))
    shape = models.presets(family)["mlperf"].input_shape
    calibration = np.random.default_rng(0).normal(size=(CALIBRATION_SAMPLES, *shape)).astype(np.float32)
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.momentum = 1.0  # the statistics of this one pass, whole
    model.train()(torch.from_numpy(calibration))
    program = folder / f"{family}.pt2"
    pt2.save(quantize_ptq(model.eval(), calibration), program, {})
    return Network(model, calibration, program)


def measure(
    source: Path,
    target: str,
    toolchain: str | None,
    folder: Path,
    optimize: str = "speed",
    tune: bool = False,
) -> Cost:
    """Compile and run the model in ``source`` once, and return what it costs."""
    from toolkit import bundle
    from toolkit.measure.bench import bench

    manifest = bundle.export(source, target, folder / "bundle", golden_count=1, optimize=optimize, tune=tune)
    result = bench(folder / "bundle", toolchain=toolchain)
    if result.instructions is None or result.memory is None:
        raise click.ClickException(f"{target} gives no counts: {'; '.join(result.notes)}")
    return Cost(
        macs=result.macs,
        instructions=result.instructions.value,
        cycles=result.cycles.value if result.cycles else None,
        code_bytes=result.memory.code_bytes,
        weight_bytes=result.memory.weight_bytes,
        arena_bytes=manifest["sizes"]["arena_bytes"],
        stack_bytes=result.memory.stack_used_bytes,
    )


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-t", "--target", default="cortex-m4", show_default=True)
@click.option("--toolchain", help="zig (default) or gcc.")
@click.option("--model", "chosen", multiple=True, type=click.Choice(list(FAMILIES)), help="Only these.")
@click.option("--files", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
              help="Measure the reference models there, those that are, instead of random ones.")  # fmt: skip
@click.option("--optimize", type=click.Choice(["speed", "size", "ram"]), default="speed", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(
    target: str,
    toolchain: str | None,
    chosen: tuple[str, ...],
    files: Path | None,
    optimize: str,
    as_json: bool,
) -> None:
    """Count instructions and memory of the four MLPerf Tiny networks, random weights, exact shapes."""
    from toolkit.device import targets

    family = targets.load(target).family
    with tempfile.TemporaryDirectory() as scratch:
        costs = {}
        for name in chosen or FAMILIES:
            if files is not None and not (files / FILES[name]).is_file():
                continue
            click.echo(f"{name} …", err=True)
            source = files / FILES[name] if files is not None else prepare(name, Path(scratch)).program
            costs[name] = measure(source, target, toolchain, Path(scratch), optimize)
    if as_json:
        click.echo(json.dumps(_document(costs, target, family, toolchain), indent=1))
    elif family == FULLY_MEASURED:
        _table(costs)
    else:
        _short_table(costs, INSTRUCTIONS_PER_MAC.get(family, {}))


def _document(costs: dict[str, Cost], target: str, family: str, toolchain: str | None) -> dict[str, Any]:
    models = {
        name: {"toolkit": asdict(cost), "tflm_cmsis_nn": _peer(name, family)} for name, cost in costs.items()
    }
    return {"schema": 1, "target": target, "toolchain": toolchain or "zig", "peers": METHOD, "models": models}


def _peer(name: str, family: str) -> dict[str, float] | None:
    if family == FULLY_MEASURED:
        return asdict(MLPERF_TINY[name])
    per_mac = INSTRUCTIONS_PER_MAC.get(family)
    return {"instructions_per_mac": per_mac[name]} if per_mac else None


def _table(costs: dict[str, Cost]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(header_style="bold", box=None)
    table.add_column("model", no_wrap=True)
    headings = ("MACs", "instructions", "TFLM", "ratio", "instr/MAC", "est. cycles/MAC", "CUBE-AI cycles/MAC",
                "arena", "TFLM", "code", "TFLM")  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, cost in costs.items():
        peer = MLPERF_TINY[name]
        table.add_row(
            name,
            f"{cost.macs:,}",
            f"{cost.instructions:,}",
            f"{peer.instructions:,}",
            f"{cost.instructions / peer.instructions:.2f}",
            f"{cost.instructions / cost.macs:.2f}",
            f"{cost.cycles / cost.macs:.2f}" if cost.cycles else "–",
            f"{peer.cube_ai_cycles_per_mac:.2f}",
            f"{cost.arena_bytes:,}",
            f"{peer.arena_bytes:,}",
            f"{cost.code_bytes:,}",
            f"{peer.code_bytes:,}",
        )
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
    console.print(table)
    console.print(f"\nTFLM: TensorFlow Lite Micro with CMSIS-NN. {METHOD}", style="dim")
    console.print("CUBE-AI: ST X-CUBE-AI v10.2, MLPerf Tiny v1.3 results on a real L4R5ZI.", style="dim")


def _short_table(costs: dict[str, Cost], peers: dict[str, float]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(header_style="bold", box=None)
    table.add_column("model", no_wrap=True)
    for heading in ("MACs", "instructions", "instr/MAC", "TFLM", "ratio", "arena", "code"):
        table.add_column(heading, justify="right")
    for name, cost in costs.items():
        per_mac, peer = cost.instructions / cost.macs, peers.get(name)
        table.add_row(
            name,
            f"{cost.macs:,}",
            f"{cost.instructions:,}",
            f"{per_mac:.3f}",
            f"{peer:.2f}" if peer else "–",
            f"{per_mac / peer:.2f}" if peer else "–",
            f"{cost.arena_bytes:,}",
            f"{cost.code_bytes:,}",
        )
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(table)
    if peers:
        console.print(f"\nTFLM: instr/MAC of TensorFlow Lite Micro with CMSIS-NN. {METHOD}", style="dim")


if __name__ == "__main__":
    main()
