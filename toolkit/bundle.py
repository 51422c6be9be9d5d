"""Export: a program and a target in, a folder out with C, runtime headers, build files, manifest and golden data."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit import atomic, tensors
from toolkit.backends import c
from toolkit.backends import prefix as prefixes
from toolkit.backends.runtime import runtime_headers
from toolkit.describe import describe_model
from toolkit.device import firmware, fit, targets
from toolkit.errors import ToolkitError
from toolkit.golden import fresh_inputs
from toolkit.lower import reference
from toolkit.lower.block import check_block, with_block
from toolkit.lower.choose import choose_kernels, pays
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower
from toolkit.lower.pooled import fuse_pools
from toolkit.lower.residual import fuse_adds
from toolkit.lower.rounding import CONVENTIONS

if TYPE_CHECKING:
    from toolkit.program.source import Source
    from toolkit.spiking.nir import Settings
    from toolkit.tune.budget import Choice

OPTIMIZE = ("speed", "size", "ram")
# What start-up, harness, kernels and layers take at least, so that a hopeless model is refused before it is built.
LEAST_CODE_BYTES = 1024


def export(
    source: Path,
    target: str,
    output: Path,
    *,
    name: str = "model",
    prefix: str = prefixes.DEFAULT,
    optimize: str = "speed",
    tune: bool = False,
    max_flash: int | None = None,
    max_ram: int | None = None,
    prompt_block: int = 0,
    calibration: np.ndarray | None = None,
    keep_float: bool = False,
    positions: int | None = None,
    rounding: str | None = None,
    nir: Settings | None = None,
    golden: np.ndarray | None = None,
    golden_count: int = 16,
    formats: Sequence[str] | None = ("c",),
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Compile ``source`` for ``target`` into the folder ``output`` and return the manifest.

    Args:
        source: a ``.pt2``, ``.tflite`` or ``.onnx`` file: int8 or ternary (``.pt2`` with q/dq nodes), or float32; a
            ``.nir`` file; or a BitNet b1.58 checkpoint, its folder or safetensors file.
        target: a name that ``toolkit targets`` lists.
        output: the bundle's folder, replaced as a whole.
        name: what the model is called in the manifest.
        prefix: how its C files and names begin; give two models of one program different ones.
        optimize: ``speed`` specialises the kernels for every layer, ``size`` shares them, ``ram`` takes the fastest
            that leave the arena as small as it gets.
        tune: choose each layer's kernel by instructions counted on the emulated core; ``ram`` and limits always do.
        max_flash: bytes of flash that the image may take, harness included.
        max_ram: bytes of RAM that it may take, stack included.
        prompt_block: of a model that takes one element of a sequence a run, how many a second entry takes at once, so
            that a prompt goes faster; 0 leaves it out. Limits count without it.
        calibration: samples in the layout of the file's input, first axis the sample, to quantize a float model with.
        keep_float: compile a float ``.tflite`` or ``.onnx`` as float32 C.
        positions: how many tokens the model of a checkpoint remembers; what it was made for by default.
        nir: what a ``.nir`` file leaves open: length of a step, discretisation, reset.
        rounding: a convention of ``toolkit.lower.rounding``; by default the one of the source's own framework.
        golden: real samples in the user's layout to keep as golden inputs (for the first input); random ones else.
        golden_count: how many golden samples to keep.
        formats: "c", and runtimes of the target, whose files are written, run and compared; None for all that it has.
        progress: told what takes long.

    Raises:
        ToolkitError: the file cannot be read, its operators cannot be compiled, or it does not fit the target.
    """
    from toolkit.program.source import load

    if optimize not in OPTIMIZE:
        raise ToolkitError(f"there is no --optimize {optimize}", fix=f"use one of: {', '.join(OPTIMIZE)}")
    if rounding not in (None, *CONVENTIONS):
        raise ToolkitError(f"there is no --rounding {rounding}", fix=f"use one of: {', '.join(CONVENTIONS)}")
    prefixes.check(prefix)
    source, output = Path(source), Path(output)
    chosen = targets.load(target)
    check_formats(chosen, formats)
    loaded = load(source, calibration=calibration, keep_float=keep_float, positions=positions, nir=nir)
    for note in loaded.notes:
        progress(note)
    rounding = rounding or loaded.rounding
    model = lower(loaded.program, rounding=rounding)
    model.name = prefix
    _name_ends(model, loaded)
    reference.check_one_sample(model, str(source))
    shared, bands = optimize == "size", None
    if tune or optimize == "ram" or max_flash is not None or max_ram is not None:
        choice = _tuned(model, chosen, optimize, max_flash, max_ram, progress)
        model, shared, bands = choice.model, choice.shared, choice.patches
    elif not shared:  # loops over strips share no kernels
        model = fuse_pools(model, lambda step: pays(step, chosen.kernels))
        model = fuse_adds(model, lambda step: pays(step, chosen.kernels))
    choose_kernels(model, chosen.kernels, smallest=shared)
    if prompt_block:
        model = with_block(model, prompt_block, chosen.kernels)
        assert model.block is not None
        choose_kernels(model.block, chosen.kernels, smallest=shared)
    emitted = c.emit(model, share_kernels=shared)
    _check_kernels(emitted, chosen)
    manifest = describe_model(model, emitted, chosen, name, loaded, rounding, "size" if shared else optimize)
    manifest["patches"] = None if bands is None else asdict(bands)
    _check_fit(manifest, chosen, output)
    inputs = _golden_inputs(manifest, model, golden, golden_count)
    if prompt_block:
        check_block(model, inputs)
    outputs = reference.run_batch(model, inputs)
    _check_replaceable(output)
    with atomic.replacing(output) as folder:
        _write(folder, emitted, chosen, loaded, prefix, with_c=formats is None or "c" in formats)
        (folder / "golden").mkdir()
        for kind, arrays in (("input", inputs), ("output", outputs)):
            for i, array in enumerate(arrays):
                np.save(folder / "golden" / f"{kind}_{i}.npy", array)
        manifest["golden"] = {
            "count": len(inputs[0]),
            "inputs": [f"golden/input_{i}.npy" for i in range(len(inputs))],
            "outputs": [f"golden/output_{i}.npy" for i in range(len(outputs))],
        }
        if formats is None or set(formats) != {"c"}:
            from toolkit.runtimes.bundle import Additions, add

            add(Additions(folder, manifest, chosen, loaded.program, rounding, inputs, formats, progress))
        manifest["files"] = {
            file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def _tuned(
    model: Model,
    target: targets.Target,
    goal: str,
    max_flash: int | None,
    max_ram: int | None,
    progress: Callable[[str], None],
) -> Choice:
    """Choose kernels by counting."""
    from toolkit.tune.budget import Budget, tune

    if not target.bare_metal:
        raise ToolkitError(
            f"{target.name} is no bare-metal target: nothing counts its instructions or links its memory",
            fix="leave --tune, --max-flash, --max-ram and --optimize ram out, or choose a microcontroller",
        )
    return tune(model, target, goal, Budget(max_flash, max_ram), progress=progress)


def _name_ends(model: Model, source: Source) -> None:
    """Call inputs and outputs what the source's file calls them."""
    ends = [*model.inputs, *model.outputs]
    taken = {value.name for value in model.values() if not any(value is end for end in ends)}
    for value, wanted in zip(ends, (*source.inputs, *source.outputs), strict=False):
        name = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_")
        if name and name not in taken:
            value.name = name
        taken.add(value.name)


def _check_kernels(emitted: c.Source, target: targets.Target) -> None:
    """Some cores run some kernels only: name all layers that need another one."""
    needed = [
        f"{layer.step.op} in {layer.step.name} ({kernel})"
        for layer in (*emitted.layers, *emitted.block_layers)
        for kernel in layer.kernels
        if target.only and kernel not in target.only
    ]
    if needed:
        raise ToolkitError(
            f"{target.name} cannot run {len(needed)} layer{'s' if len(needed) > 1 else ''} of the model",
            at="\n      ".join(dict.fromkeys(needed)),
            fix=f"replace them in the model, or choose another --target; {target.name} runs these kernels: "
            + ", ".join(target.only),
        )


def _check_fit(manifest: dict[str, Any], target: targets.Target, output: Path) -> None:
    if target.flash is None or target.ram is None:
        return
    sizes = manifest["sizes"]
    needed = fit.Sizes(
        sizes["constant_bytes"] + LEAST_CODE_BYTES, sizes["arena_bytes"] + (target.stack_bytes or 0)
    )
    if needed.flash_bytes > target.flash.bytes or needed.ram_bytes > target.ram.bytes:
        raise fit.refusal(target, needed, output)


def _golden_inputs(
    manifest: dict[str, Any], model: Model, golden: np.ndarray | None, count: int
) -> list[np.ndarray]:
    if golden is None:
        return fresh_inputs(manifest, max(count, 1), seed=0)
    if len(model.inputs) != 1:
        raise ToolkitError("golden samples need a model with one input", fix="leave the samples out")
    return [tensors.to_device(manifest["inputs"][0], golden[: max(count, 1)], at="golden samples")]


def _check_replaceable(output: Path) -> None:
    """Only a bundle or an empty folder is replaced: a mistyped ``-o`` must not cost anybody their files."""
    if output.is_dir() and any(output.iterdir()) and not (output / "manifest.json").is_file():
        raise ToolkitError(f"{output} is not empty and not a bundle", fix="choose another folder with -o")
    if output.exists() and not output.is_dir():
        raise ToolkitError(f"{output} is a file", fix="choose a folder with -o")


def check_formats(target: targets.Target, formats: Sequence[str] | None) -> None:
    """Raise ``ToolkitError`` for a format that nothing writes, or that nothing on ``target`` reads."""
    from toolkit.runtimes.kind import check_names

    check_names(list(formats or ()))
    wrong = [name for name in formats or () if name != "c" and name not in target.runtimes]
    if wrong:
        has = ", ".join(target.runtimes) or "c"
        raise ToolkitError(f"nothing on {target.name} reads --format {wrong[0]}", fix=f"it has: {has}")


def _write(
    folder: Path, emitted: c.Source, target: targets.Target, source: Source, prefix: str, *, with_c: bool
) -> None:
    from toolkit.program import pt2

    folder.mkdir()
    texts = {f"{prefix}.c": emitted.model_c, f"{prefix}.h": emitted.model_h}
    if prefix != prefixes.DEFAULT:
        texts["model.h"] = prefixes.alias_header(prefix)
    texts |= firmware.files(target)
    texts["CMakeLists.txt"] = _CMAKE.format(prefix=prefix)
    for file, text in texts.items() if with_c else ():
        (folder / file).write_text(text, encoding="utf-8", newline="\n")
    if source.kind in ("tflite", "onnx", "nir"):
        shutil.copyfile(source.path, folder / f"model.{source.kind}")
    if source.kind == "pt2" and not source.quantized_here:
        shutil.copyfile(source.path, folder / "model.pt2")
    else:
        pt2.save(source.program, folder / "model.pt2", source.info)
    if not with_c:
        return
    (folder / "runtime").mkdir()
    for header in runtime_headers(emitted.headers):
        (folder / "runtime" / header.name).write_bytes(header.read_bytes())


_CMAKE = """# The model as a library for any CMake project: add_subdirectory(this folder), link to toolkit_{prefix}.
cmake_minimum_required(VERSION 3.13)
project(toolkit_{prefix} C)
add_library(toolkit_{prefix} STATIC {prefix}.c)
target_include_directories(toolkit_{prefix} PUBLIC . PRIVATE runtime)
set_target_properties(toolkit_{prefix} PROPERTIES C_STANDARD 99 C_EXTENSIONS ON)
target_compile_options(toolkit_{prefix} PRIVATE $<$<C_COMPILER_ID:GNU>:-ffp-contract=off>)
"""
