"""What one model takes and computes in the file format of each framework, beside C.

The networks have exact shapes and random weights, with batch normalization set so that activations keep their size as
in a trained network. Every file runs in its own runtime on the same random samples; ``differ`` counts values that are
not equal to the toolkit's reference, by the runtime's own rounding, too; ``beyond one step`` those that are more than a
step of the output's scale away.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from toolkit.backends.formats import Format

SAMPLES = 64
NETWORKS = {"digits CNN": ("cnn", "digits"), "keyword spotting DS-CNN": ("ds_cnn", "mlperf")}
WEIGHTS = ("ternary", "int8")
REFERENCE = "the reference"


@dataclass(frozen=True)
class Row:
    """One network in one format; ``against`` says with what its outputs were compared."""

    network: str
    weights: str
    format: str
    runtime: str
    file_bytes: int | None
    weight_bytes: int
    types: str  # what weights are stored as
    against: str
    values: int
    differ: int
    beyond_one_step: int
    largest_steps: float | None
    same_class: str


def program(network: str, weights: str, file: Path) -> None:
    """Write ``network`` with random weights, ``ternary`` or ``int8``, as a program."""
    import numpy as np
    import torch

    from quantize.lowbit import bitnet158
    from toolkit import models
    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq

    torch.manual_seed(0)
    family, preset = NETWORKS[network]
    model = models.build(family, preset)
    shape = models.presets(family)[preset].input_shape
    calibration = np.random.default_rng(0).normal(size=(16, *shape)).astype(np.float32)
    if weights == "ternary":
        bitnet158.apply(model)
    for layer in model.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.momentum = 1.0  # the statistics of this one pass, whole
    model.train()(torch.from_numpy(calibration))
    if weights == "ternary":
        bitnet158.bake(model.eval())
    pt2.save(quantize_ptq(model.eval(), calibration, weights=weights), file, {})


def in_c(network: str, weights: str, source: Path, folder: Path) -> Row:
    """Return the row of the C that the toolkit writes, for this machine."""
    from toolkit import bundle
    from toolkit.verify.verify import verify

    manifest = bundle.export(source, "host", folder / "bundle", golden_count=SAMPLES)
    found = verify(folder / "bundle", fresh=0, layer_samples=0)
    host = found.comparisons[-1]
    types = sorted({layer["weight_type"] for layer in manifest["layers"] if layer["weight_type"]})
    size = manifest["sizes"]["weight_bytes"]
    return Row(network, weights, "c", "plain C", None, size, ", ".join(types), REFERENCE, host.values,
               host.differing, 0 if found.ok else host.differing, host.largest, "")  # fmt: skip


def in_formats(network: str, weights: str, source: Path, folder: Path) -> Iterator[Row]:
    """Yield the rows of every format whose packages are installed and that can hold the network."""
    from toolkit.errors import ToolkitError
    from toolkit.model_file import export_format
    from toolkit.program import pt2

    loaded, _ = pt2.load(source)
    for name, chosen in _formats():
        try:
            made = export_format(loaded, chosen, folder / f"model{chosen.suffix}", count=SAMPLES)
        except ToolkitError as error:
            click.echo(f"{network}, {weights}, {name}: {error.what}", err=True)
            continue
        total = sum(weight.bytes for weight in made.weights)
        types = ", ".join(sorted({weight.type for weight in made.weights}))
        for found in made.agreements:
            if not found.against.startswith(REFERENCE):
                continue
            yield Row(network, weights, name, made.runtime, made.bytes, total, types, found.against, found.values,
                      found.values - found.equal, found.beyond_one_step, found.largest_steps,
                      f"{found.same_class} of {found.samples}")  # fmt: skip


def _formats() -> Iterator[tuple[str, Format]]:
    """Yield all formats whose packages are installed; LiteRT's with the kernels that applications get, too."""
    from toolkit.backends import formats
    from toolkit.errors import ToolkitError

    for name in formats.names():
        try:
            chosen = formats.load(name)
        except ToolkitError as error:
            click.echo(f"{name}: {error.what}", err=True)
            continue
        yield name, chosen
        if name == "litert":
            from toolkit.backends.litert.run import run_default

            yield "litert, XNNPACK", replace(chosen, runtime="LiteRT with XNNPACK", run=run_default)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--network", "networks", multiple=True, type=click.Choice(list(NETWORKS)), help="Only these.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(networks: tuple[str, ...], as_json: bool) -> None:
    """Export the same networks to every format, run them and compare."""
    rows: list[Row] = []
    for network in networks or NETWORKS:
        for weights in WEIGHTS:
            click.echo(f"{network}, {weights} …", err=True)
            with tempfile.TemporaryDirectory() as scratch:
                source = Path(scratch) / "model.pt2"
                program(network, weights, source)
                rows.append(in_c(network, weights, source, Path(scratch)))
                rows += in_formats(network, weights, source, Path(scratch))
    if as_json:
        click.echo(
            json.dumps({"schema": 1, "samples": SAMPLES, "rows": [asdict(row) for row in rows]}, indent=1)
        )
        return
    click.echo(
        "| network | weights | format | file B | weights B | stored as | against | differ | beyond one step "
        "| largest, steps | same class |"
    )
    click.echo("|---|---|---|---:|---:|---|---|---:|---:|---:|---:|")
    for row in rows:
        size = "–" if row.file_bytes is None else f"{row.file_bytes:,}"
        counts = f"{row.differ:,} of {row.values:,} | {row.beyond_one_step:,} | {row.largest_steps or 0:.3g}"
        click.echo(f"| {row.network} | {row.weights} | {row.format} | {size} | {row.weight_bytes:,} | {row.types} "
                   f"| {row.against} | {counts} | {row.same_class or '–'} |")  # fmt: skip


if __name__ == "__main__":
    main()
