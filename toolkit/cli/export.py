"""``toolkit export``: compile a program to a bundle of C."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli._files import show_files
from toolkit.cli._format import export_file, file_alone, load_format
from toolkit.cli._group import command
from toolkit.cli._options import PATH, ByteCount, common, nir_options, option
from toolkit.cli._project import write_project
from toolkit.cli._session import Session
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from toolkit.backends.formats import Format
    from toolkit.spiking.nir import Settings


@command("Model", 3)
@click.argument("model", type=PATH, required=False)
@option("--format", "formats", metavar="NAME", multiple=True,
        help="c, executorch, litert, onnx, ethos-u; all that the target runs. Without --target: one file.")  # fmt: skip
@option("-t", "--target", metavar="NAME", help="What to compile for; see `toolkit targets`.")
@option("-o", "--output", type=PATH, metavar="PATH", help="The bundle's folder, or the format's file.")
@option("--project", metavar="NAME", help="Write a project of a framework: platformio, arduino, zephyr, …")
@option("--name", metavar="WORD", help="What to call the model; the file's name by default.")
@option("--prefix", metavar="WORD", default="model", show_default=True,
        help="How C files and names begin; two models of one program need different ones.")  # fmt: skip
@option("--optimize", type=click.Choice(["speed", "size", "ram"]),
        help="Kernels specialised for each layer, shared by all, or with the smallest arena.")  # fmt: skip
@option("--tune", is_flag=True, help="Choose each layer's kernel by counting on the emulated core.")
@option(
    "--max-flash",
    type=ByteCount(),
    metavar="BYTES",
    help="Most bytes of flash that the image may take: 65536, 64k.",
)
@option(
    "--max-ram", type=ByteCount(), metavar="BYTES", help="Most bytes of RAM that it may take, stack included."
)
@option("--prompt-block", type=click.IntRange(0, 1024), default=None, metavar="N",
        help="Of a language model: also take N tokens of a prompt at once.")  # fmt: skip
@option("--calibration", type=PATH, metavar="FILE.npy",
        help="Samples to quantize a float model with, in the layout of its input.")  # fmt: skip
@option("--float", "keep_float", is_flag=True, help="Compile a float .tflite or .onnx as float32 C.")
@option("--rounding", type=click.Choice(["single", "double", "litert"]),
        help="How integer sums are rounded; as the model's own framework does by default.")  # fmt: skip
@option("--positions", type=click.IntRange(1), metavar="N",
        help="Tokens that the model of a checkpoint remembers; all it was made for by default.")  # fmt: skip
@option(
    "--golden", type=PATH, metavar="FILE.npy", help="Real samples to keep as golden inputs; random ones else."
)
@option(
    "--golden-count",
    type=click.IntRange(1, 4096),
    default=16,
    show_default=True,
    help="How many golden inputs to keep.",
)
@common
@click.pass_context
@nir_options
def export(
    ctx: click.Context,
    model: Path | None,
    formats: tuple[str, ...],
    target: str | None,
    output: Path | None,
    project: str | None,
    name: str | None,
    prefix: str,
    optimize: str | None,
    tune: bool,
    max_flash: int | None,
    max_ram: int | None,
    prompt_block: int | None,
    calibration: Path | None,
    keep_float: bool,
    rounding: str | None,
    positions: int | None,
    golden: Path | None,
    golden_count: int,
    nir: Settings | None,
) -> None:
    """Compile MODEL to a bundle: C, build files, manifest, golden data.

    MODEL is a .pt2, .tflite, .onnx or .nir file, a BitNet b1.58 checkpoint (its folder or .safetensors file), or a
    project's folder (this one by default), whose trained model is then used. For computers and phones the bundle
    holds files of ExecuTorch, LiteRT and ONNX Runtime, too. With --format and without --target one file is written
    alone. Every file is run in its own runtime and compared. With --project it becomes a project of PlatformIO,
    Arduino, Zephyr, ESP-IDF, CMake or STM32Cube, with an example.
    """
    from toolkit import tensors
    from toolkit.program.checkpoint import is_checkpoint

    session: Session = ctx.obj
    alone = file_alone(formats, target)
    chosen = load_format(ctx, alone) if alone else None
    samples = tensors.load_npy(golden) if golden else None
    observed = tensors.load_npy(calibration) if calibration else None
    if model is None or (model.is_dir() and not is_checkpoint(model)):
        model, defaults = _trained(session, model or Path("."), golden_count, chosen)
        built = defaults["output"].with_name(project) if project else defaults["output"]
        target, output = target or defaults["target"], output or built
        name, optimize = name or defaults["name"], optimize or defaults["optimize"]
        samples = defaults["golden"] if samples is None else samples
        tune = tune or defaults["tune"]
        prompt_block = defaults["prompt_block"] if prompt_block is None else prompt_block
        max_flash, max_ram = max_flash or defaults["max_flash"], max_ram or defaults["max_ram"]
    if chosen is not None:
        export_file(ctx, chosen, model, output, samples, golden_count, observed, keep_float, nir)
        return
    if project and {*formats} - {"c"}:
        raise ToolkitError("--project takes --format c only", fix="leave --format out")
    from toolkit import bundle
    from toolkit.device import targets

    if target is None:
        raise ToolkitError(
            "no target is given", at="toolkit export", fix="add --target; see `toolkit targets`"
        )
    if output is None:
        raise ToolkitError("no output folder is given", at="toolkit export", fix="add -o DIR")
    make = partial(
        bundle.export,
        model,
        target,
        name=name or _called(model),
        prefix=prefix,
        optimize=optimize or "speed",
        tune=tune,
        max_flash=max_flash,
        max_ram=max_ram,
        prompt_block=prompt_block or 0,
        progress=session.say,
        calibration=observed,
        keep_float=keep_float,
        rounding=rounding,
        positions=positions,
        nir=nir,
        golden=samples,
        golden_count=golden_count,
        formats=("c",) if project else formats or (None if targets.load(target).runtimes else ("c",)),
    )
    if project is not None:
        write_project(session, project, target, output, make)
        return
    manifest = make(output)
    sizes = manifest["sizes"]
    session.result({"bundle": str(output), "manifest": manifest})
    if not session.json:
        layers = len(manifest["layers"])
        click.echo(f"wrote {output}: {manifest['name']} for {manifest['target']}, {layers} layers")
        click.echo(
            f"  weights {sizes['weight_bytes']:,} B, arena {sizes['arena_bytes']:,} B, {sizes['macs']:,} MACs"
        )
        show_files(session, manifest.get("runtimes"))
    elsewhere = "runtimes" in manifest and not targets.load(target).bare_metal
    session.next(
        f"toolkit deploy {output} --host USER@HOST, or --adb SERIAL"
        if elsewhere
        else f"toolkit verify {output}"
    )


def _called(model: Path) -> str:
    """Return what a model is called after its file, or a checkpoint after its folder."""
    if model.suffix.lower() == ".safetensors":
        model = model.resolve().parent
    return model.resolve().name if model.is_dir() else model.stem


def _trained(
    session: Session, folder: Path, golden_count: int, chosen: Format | None
) -> tuple[Path, dict[str, Any]]:
    """Return the project's program, made when needed, and what its ``toolkit.toml`` says of the export."""
    from toolkit.cli._recipe import walk
    from toolkit.stages.train import load_dataset

    settings, _ = walk(session, folder, "quantize")
    return settings.build / "quantized.pt2", {
        "target": settings.export.target,
        "output": settings.build / (f"{settings.name}{chosen.suffix}" if chosen else "bundle"),
        "name": settings.name,
        "optimize": settings.export.optimize,
        "tune": settings.export.tune,
        "prompt_block": settings.export.prompt_block,
        "max_flash": settings.export.max_flash or None,
        "max_ram": settings.export.max_ram or None,
        "golden": load_dataset(settings).x_test[:golden_count],
    }
