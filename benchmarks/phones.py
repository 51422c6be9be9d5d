"""Every model family in every file that a phone or a small computer runs, each held against the toolkit's reference.

Weights are random, with batch normalization set so that activations keep their size as in a trained network. Integers
are an int8 quantization's; inputs are 64 random samples. ``largest`` is the largest difference of an output value: in
steps of the output's scale for int8 and int16, a share of the largest output for float32.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np

SAMPLES = 64
RESULTS = Path(__file__).parent / "results" / "phones.json"
# By family: the preset and settings that make it small; the first preset and none where a family is not named.
SIZES: dict[str, tuple[str, dict[str, Any]]] = {
    "gcn": ("cora", {"input_shape": (40, 12), "classes": 2}),
    "text_encoder": ("masked", {"input_shape": (16,)}),
    "decoder": ("micro", {"input_shape": (16,), "vocabulary": 65}),
    "encoder_decoder": ("lines", {"input_shape": (16,)}),
}


def program(family: str, file: Path) -> np.ndarray:
    """Write an int8 program of ``family`` with random weights; return samples for it."""
    import numpy as np
    import torch

    from toolkit import models
    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq

    preset, settings = SIZES.get(family, (next(iter(models.presets(family))), {}))
    torch.manual_seed(0)
    model = models.build(family, preset, **settings)
    chosen = models.presets(family)[preset]
    shape = settings.get("input_shape", chosen.input_shape)
    rng = np.random.default_rng(0)
    size = (SAMPLES, *shape)
    vocabulary = {**chosen.settings, **settings}.get("vocabulary")
    samples = (
        rng.normal(size=size).astype(np.float32)
        if vocabulary is None
        else rng.integers(vocabulary, size=size)
    )
    for layer in model.modules():
        if isinstance(layer, torch.nn.modules.batchnorm._BatchNorm):
            layer.momentum = 1.0  # the statistics of this one pass, whole
    first = torch.from_numpy(samples[:16])
    if vocabulary is None and not family.startswith("gcn"):
        model.train()(first)
    pt2.save(quantize_ptq(model.eval(), samples[:16]), file, {})
    return samples


def rows(family: str, target: str, formats: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return what every file of ``family`` computes, and what was left out; ``formats`` narrows it."""
    from toolkit import bundle
    from toolkit.errors import ToolkitError

    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "model.pt2"
        try:
            samples = program(family, source)
            manifest = bundle.export(
                source,
                target,
                Path(scratch) / "bundle",
                formats=formats or None,
                golden=samples,
                golden_count=SAMPLES,
            )
        except ToolkitError as error:
            return {"family": family, "error": str(error), "files": [], "left_out": []}
    kept = ("file", "runtime", "numbers", "bytes", "weight_bytes", "not_delegated", "against", "unit", "bound",
            "bound_from", "run_here", "run_by", "values", "differing", "largest", "same_class",
            "differing_from_torch", "largest_from_torch")  # fmt: skip
    files = [{key: entry.get(key) for key in kept} for entry in manifest["runtimes"]["files"]]
    return {"family": family, "error": None, "files": files, "left_out": manifest["runtimes"]["left_out"]}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--family", "families", multiple=True, help="Only these; what was measured of others is kept.")
@click.option(
    "--format",
    "formats",
    multiple=True,
    help="Only these runtimes' files; what was measured of others is kept.",
)
@click.option("--target", default="rpi", show_default=True)
def main(families: tuple[str, ...], formats: tuple[str, ...], target: str) -> None:
    """Measure, write results/phones.json and print the table."""
    from toolkit import models

    known = {row["family"]: row for row in _stored()["families"]}
    for family in families or models.families():
        click.echo(f"{family} …", err=True)
        found = rows(family, target, formats)
        known[family] = _merged(known[family], found, formats) if formats and family in known else found
        ordered = [known[name] for name in sorted(known)]
        RESULTS.write_text(
            json.dumps({"schema": 1, "samples": SAMPLES, "target": target, "families": ordered}, indent=1)
            + "\n",
            encoding="utf-8",
        )
    click.echo(table(_stored()))


def _merged(before: dict[str, Any], found: dict[str, Any], formats: tuple[str, ...]) -> dict[str, Any]:
    """Return ``found``, measured of some runtimes alone, with what was known of the others in front."""
    parts = {part: [each for each in before[part] if each["runtime"] not in formats] + found[part]
             for part in ("files", "left_out")}  # fmt: skip
    return {**found, **parts}


def _stored() -> dict[str, Any]:
    empty: dict[str, Any] = {"families": []}
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else empty


def table(found: dict[str, Any]) -> str:
    """Return the rows of int8 and of float32 as Markdown: values that differ, and the largest difference."""
    lines = [
        "| family | file | bytes | values that differ | largest | not delegated |",
        "|---|---|---:|---:|---:|---|",
    ]
    for row in found["families"]:
        for entry in row["files"]:
            unit = f" {entry['unit']}" if entry["unit"] else ""
            largest = f"{entry['largest']:.2g}{unit}" if entry["differing"] else "–"
            lines.append(
                f"| {row['family']} | {entry['file'].removeprefix('models/')} | {entry['bytes']:,} "
                f"| {entry['differing']:,} of {entry['values']:,} | {largest} | {', '.join(entry['not_delegated'])} |"
            )
        if row["error"]:
            lines.append(f"| {row['family']} | {row['error'].splitlines()[0]} | | | | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
