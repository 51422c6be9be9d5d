"""What ternary layers cost on microcontrollers: every kernel that a core has for them, and a whole network.

Weights are random, 40 % of them zero unless ``--zeros`` says otherwise: kernels that skip zeros depend on that, the
others hardly. Instructions are counted on the emulated core, requantization and gathering included.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from mlperf_tiny import Cost, measure
from peers import METHOD, TERNARY_GEMV

if TYPE_CHECKING:
    from toolkit.lower.ir import Step

CORES = ("cortex-m4", "cortex-m7", "cortex-m55", "cortex-m0plus")
TOOLCHAINS = ("zig", "gcc")
NETWORK = "DS-CNN, ternary"
CALIBRATION_SAMPLES = 16
PIXELS = (25, 5)  # of the keyword spotting network


@dataclass(frozen=True)
class Row:
    """One kernel for one layer on one core."""

    layer: str
    weights: str  # ternary, or int8 for comparison
    core: str
    toolchain: str
    kernel: str
    chosen: bool  # without counting
    macs: int
    instructions: int
    code_bytes: int  # of the layer's own functions
    constant_bytes: int
    scratch_bytes: int


def layers(weights: str, zeros: float) -> dict[str, Step]:
    """Return the layers by name, with random weights that are "ternary" or "int8"."""
    import numpy as np

    from toolkit.lower.ir import Step, Value, per_channel, per_tensor

    rng = np.random.default_rng(0)
    limit = 1 if weights == "ternary" else 127

    def step(op: str, x_shape: tuple[int, ...], w_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> Step:
        data = rng.choice([-1, 0, 1], w_shape, p=[(1 - zeros) / 2, zeros, (1 - zeros) / 2])
        if weights == "int8":
            data = rng.integers(-limit, limit + 1, w_shape)
        deviation = float(np.std(data)) * 50 * (np.prod(w_shape) / w_shape[0]) ** 0.5
        x = Value("x", x_shape, "int8", per_tensor(1.0, -5))
        w = Value(
            "w", w_shape, "int8", per_channel(np.ones(w_shape[0]), 0, -limit, limit), data.astype(np.int8)
        )
        bias = Value("b", w_shape[:1], "int32", data=rng.integers(-200, 200, w_shape[0]).astype(np.int32))
        y = Value("y", y_shape, "int8", per_tensor(deviation / 40, 3))
        attrs: dict[str, Any] = {}
        if op == "conv2d":
            pad = w_shape[1] // 2
            attrs = {"stride": (1, 1), "dilation": (1, 1), "pads": ((pad, pad), (pad, pad))}
        return Step(op, "layer", [x, w, bias], y, attrs)

    image = (1, *PIXELS, 64)
    return {
        "GEMV 256x320": step("fully_connected", (1, 320), (256, 320), (1, 256)),
        "pointwise 64-64, 25x5": step("conv2d", image, (64, 1, 1, 64), image),
        "conv 3x3 64-64, 25x5": step("conv2d", image, (64, 3, 3, 64), image),
    }


def rows(core: str, toolchain: str, zeros: float) -> Iterator[Row]:
    """Count every kernel of ``core`` on every layer, and the best int8 kernel beside them."""
    from toolkit.device import targets
    from toolkit.kernels import candidates
    from toolkit.ops import operators
    from toolkit.tune.count import count

    target = targets.load(core)
    for weights in ("ternary", "int8"):
        for name, step in layers(weights, zeros).items():
            kernels = candidates(step, target.kernels)
            tried = [replace(step, kernel=k) for k in (kernels if weights == "ternary" else kernels[:1])]
            for one, cost in zip(tried, count(tried, target, toolchain=toolchain), strict=True):
                macs = operators()[step.op].macs(step)
                chosen = one.kernel == kernels[0]
                yield Row(name, weights, core, toolchain, one.kernel, chosen, macs, **asdict(cost))


def ternary_network(folder: Path) -> Path:
    """Write the keyword spotting network with random ternary weights as a program; return its file."""
    import numpy as np
    import torch

    from quantize.lowbit import bitnet158
    from toolkit import models
    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq

    torch.manual_seed(0)
    model = models.build("ds_cnn", "mlperf")
    shape = models.presets("ds_cnn")["mlperf"].input_shape
    calibration = np.random.default_rng(0).normal(size=(CALIBRATION_SAMPLES, *shape)).astype(np.float32)
    bitnet158.apply(model)
    for layer in model.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.momentum = 1.0  # the statistics of this one pass, whole
    model.train()(torch.from_numpy(calibration))
    program = folder / "ds_cnn_ternary.pt2"
    layers = bitnet158.bake(model.eval())
    assert layers == list(bitnet158.sparsity(model)), "every layer is ternary"
    pt2.save(quantize_ptq(model, calibration, weights="ternary"), program, {})
    return program


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-t", "--target", "cores", multiple=True, type=click.Choice(CORES), help="Only these cores.")
@click.option("--toolchain", "toolchains", multiple=True, type=click.Choice(TOOLCHAINS), help="Only these.")
@click.option(
    "--zeros", type=click.FloatRange(0, 1), default=0.4, show_default=True, help="Part of weights 0."
)
@click.option("--network/--no-network", default=True, help="Measure the keyword spotting network, too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(
    cores: tuple[str, ...], toolchains: tuple[str, ...], zeros: float, network: bool, as_json: bool
) -> None:
    """Count the instructions of ternary layers on microcontrollers."""
    found: list[Row] = []
    networks: dict[tuple[str, str, bool], Cost] = {}  # core, compiler, counted kernels
    with tempfile.TemporaryDirectory() as scratch:
        program = ternary_network(Path(scratch)) if network else None
        for core in cores or CORES:
            for toolchain in toolchains or TOOLCHAINS:
                if core == "cortex-m55" and toolchain == "gcc":
                    continue  # Debian's GCC 12 lacks some of Helium's instructions
                click.echo(f"{core}, {toolchain} …", err=True)
                found += rows(core, toolchain, zeros)
                for tune in (False, True) if program else ():
                    assert program is not None
                    cost = measure(program, core, toolchain, Path(scratch), tune=tune)
                    networks[core, toolchain, tune] = cost
    if as_json:
        click.echo(json.dumps(_document(found, networks, zeros), indent=1))
        return
    _print_layers(found)
    if networks:
        _print_networks(networks)
    click.echo("\nOthers, instr/MAC of a GEMV 256x320. " + METHOD)
    for tool, by_core in TERNARY_GEMV.items():
        click.echo(f"{tool:32}" + ", ".join(f"{core} {figure}" for core, figure in by_core.items()))


def _print_layers(found: list[Row]) -> None:
    click.echo("| layer | core | compiler | kernel | instr/MAC | constants B | code B | scratch B |")
    click.echo("|---|---|---|---|---:|---:|---:|---:|")
    for row in sorted(found, key=lambda r: (r.layer, CORES.index(r.core), r.toolchain, r.instructions)):
        kernel = f"int8: {row.kernel}" if row.weights == "int8" else row.kernel + " *" * row.chosen
        sizes = f"{row.constant_bytes:,} | {row.code_bytes:,} | {row.scratch_bytes:,}"
        per_mac = f"{row.instructions / row.macs:.3f}"
        click.echo(f"| {row.layer} | {row.core} | {row.toolchain} | {kernel} | {per_mac} | {sizes} |")
    click.echo("\n* chosen where nothing is counted. Functions that layers share are not in the code column.")


def _print_networks(networks: dict[tuple[str, str, bool], Cost]) -> None:
    columns = "compiler | kernels | instructions | instr/MAC | code B | weights B | arena B"
    click.echo(f"\n| {NETWORK} | {columns} |")
    click.echo("|---|---|---|---:|---:|---:|---:|---:|")
    for (core, toolchain, tune), cost in networks.items():
        kernels = "counted" if tune else "by rank"
        sizes = f"{cost.code_bytes:,} | {cost.weight_bytes:,} | {cost.arena_bytes:,}"
        per_mac = f"{cost.instructions / cost.macs:.2f}"
        click.echo(f"| {core} | {toolchain} | {kernels} | {cost.instructions:,} | {per_mac} | {sizes} |")


def _document(found: list[Row], networks: dict[tuple[str, str, bool], Cost], zeros: float) -> dict[str, Any]:
    return {
        "schema": 1,
        "zeros": zeros,
        "layers": [{**asdict(row), "instructions_per_mac": row.instructions / row.macs} for row in found],
        "networks": [
            {"network": NETWORK, "core": core, "toolchain": toolchain, "tuned": tune, **asdict(cost)}
            for (core, toolchain, tune), cost in networks.items()
        ],
        "peers": {"gemv_256x320_instructions_per_mac": TERNARY_GEMV, "method": METHOD},
    }


if __name__ == "__main__":
    main()
