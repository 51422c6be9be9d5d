"""A bundle's files for other runtimes than C: written, run by the bundle's own ``run.py``, compared."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit import paths, tensors
from toolkit.errors import MISSING, ToolkitError
from toolkit.runtimes.kind import Kind, kinds
from toolkit.runtimes.run import run_files
from toolkit.verify.child import importable

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from toolkit.device.targets import Target
    from toolkit.runtimes.expected import Expected

FOLDER = "models"


@dataclass
class Additions:
    """What is being added to one bundle.

    Args:
        folder: of the bundle, whose C and golden data are there already.
        manifest: of the bundle; ``add`` gives it ``runtimes``.
        target: what the bundle is for.
        program: the model, as its source has it.
        rounding: the convention of ``toolkit.lower.rounding`` that it follows.
        inputs: golden inputs in the device's layout, one array per input, first axis the sample.
        wanted: names of runtimes; None for all of the target. What is wanted by name and cannot be is an error.
        progress: told what takes long.
    """

    folder: Path
    manifest: dict[str, Any]
    target: Target
    program: ExportedProgram
    rounding: str
    inputs: list[np.ndarray]
    wanted: Sequence[str] | None
    progress: Callable[[str], None]


def add(job: Additions) -> None:
    """Write the files that the target's runtimes take, run them and say in the manifest what came of it.

    Raises:
        ToolkitError: outputs further from the reference than their bound; a runtime that refuses a file; something
            wanted by name that cannot be.
    """
    programs, default = _programs(job)
    real = _real_inputs(job)
    described: dict[str, Any] = {"default": default, "golden_inputs": [], "files": [], "left_out": []}
    job.manifest["runtimes"] = described
    for i, array in enumerate(real):
        described["golden_inputs"].append(f"golden/real_{i}.npy")
        np.save(job.folder / described["golden_inputs"][i], array)
    if "c" in job.target.runtimes and _is_wanted(job, "c"):
        described["files"].append(_c_entry(job, default))
    written = []
    for kind in (each for each in _kinds(job) if not each.as_given or each.numbers == default):
        entry = _write(job, kind, programs)
        if entry is not None:
            described["files"].append(entry)
            written.append((kind, entry))
    if not job.target.bare_metal:
        _copy_programs(job)
    _check(job, written, programs, real)


def _is_wanted(job: Additions, runtime: str) -> bool:
    return job.wanted is None or runtime in job.wanted


def _programs(job: Additions) -> tuple[dict[str, ExportedProgram | None], str]:
    """Return the model's programs by their numbers, and which one it came as."""
    from toolkit.runtimes import programs

    if job.manifest.get("learns"):
        return {}, "float32"
    default = programs.numbers(job.program)
    made: dict[str, ExportedProgram | None] = {default: job.program}
    if default != "float32":
        made["float32"] = programs.as_float32(job.program)
    if default == "int8":
        made["int16"] = programs.as_int16(job.program)
    if _is_wanted(job, "executorch") and importable("torchao"):
        made["int4-dynamic"] = programs.as_dynamic_int4(job.program)
    return made, default


def _real_inputs(job: Additions) -> list[np.ndarray]:
    """Return the golden inputs as the program takes them: real numbers, or its integers."""
    types = {
        node.name: node.meta["val"].dtype for node in job.program.graph.nodes if node.op == "placeholder"
    }
    wanted = [
        str(types[str(name)]).removeprefix("torch.") for name in job.program.graph_signature.user_inputs
    ]
    pairs = zip(job.manifest["inputs"], job.inputs, wanted, strict=True)
    return [
        tensors.to_user(tensor, array, raw=dtype != "float32").astype(dtype) for tensor, array, dtype in pairs
    ]


def _kinds(job: Additions) -> list[Kind]:
    """Return the kinds of files that the target's runtimes take, the preferred runtime's first."""
    found = []
    for runtime, backends in job.target.runtimes.items():
        for kind in kinds(runtime) if _is_wanted(job, runtime) else []:
            if kind.backend in backends:
                found.append(kind)
            elif not kind.backend:
                found += [
                    replace(kind, backend=each, name=kind.name.format(backend=each)) for each in backends
                ]
    return found


def _write(job: Additions, kind: Kind, programs: dict[str, ExportedProgram | None]) -> dict[str, Any] | None:
    """Write one file and return its entry; None where it cannot be, which the manifest then says."""
    missing = [package for package in kind.packages if not importable(package)]
    program = programs.get(kind.numbers)
    if missing:
        what, fix = f"{', '.join(missing)} is not installed", f'pip install "edge-toolkit[{kind.runtime}]"'
        _left_out(job, kind, ToolkitError(what, fix=fix, exit_code=MISSING))
        return None
    if program is None:
        _left_out(job, kind, ToolkitError(_why_not(job, kind.numbers) if programs else _LEARNS), asked=False)
        return None
    job.progress(f"{FOLDER}/{kind.name}")
    path = job.folder / FOLDER / kind.name
    path.parent.mkdir(exist_ok=True)
    try:
        made = kind.write(program, path, kind.backend)
    except ToolkitError as error:
        path.unlink(missing_ok=True)
        _left_out(job, kind, error)
        return None
    inputs, outputs = made.ends or _programs_ends(job)
    return {
        "file": f"{FOLDER}/{kind.name}",
        "runtime": kind.runtime,
        "backend": kind.backend,
        "numbers": kind.numbers,
        "bytes": path.stat().st_size,
        "weight_bytes": made.weight_bytes,
        "not_delegated": made.not_delegated,
        "inputs": inputs,
        "outputs": outputs,
    }


_LEARNS = "a training step: `toolkit export --format executorch -o STEP.pte` writes one"
_WHY_NOT = {
    "int8": "the model is in float32: add --calibration SAMPLES.npy",
    "int16": "the model has no int8 activations to widen",
    "int4-dynamic": "no linear layer has a multiple of 32 inputs",
    "float32": "the model has no float32 program",
}


def _why_not(job: Additions, numbers: str) -> str:
    from toolkit.runtimes.programs import fires

    if numbers == "int4-dynamic" and fires(job.program):
        return "the rounding of an input may decide whether a neuron fires, so nothing bounds the difference"
    if numbers == "int8" and job.manifest["runtimes"]["default"] == "int16":
        return "the model has int16 activations"
    return _WHY_NOT[numbers]


def _left_out(job: Additions, kind: Kind, error: ToolkitError, asked: bool = True) -> None:
    """Say in the manifest why a file is not there; raise where its runtime was asked for by name."""
    if asked and job.wanted is not None:
        raise ToolkitError(
            f"{kind.name} cannot be written: {error.what}",
            at=error.at,
            fix=error.fix,
            exit_code=error.exit_code,
        )
    why = f"{error.what}: {' '.join(error.at.split())}" if error.at else error.what
    job.manifest["runtimes"]["left_out"].append(
        {
            "file": f"{FOLDER}/{kind.name}",
            "runtime": kind.runtime,
            "numbers": kind.numbers,
            "why": why,
            "fix": error.fix,
        }
    )


def _programs_ends(job: Additions) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return inputs and outputs as the program has them: its own layout, real numbers or integers."""
    values = {node.name: node.meta.get("val") for node in job.program.graph.nodes}
    signature = job.program.graph_signature
    ends = []
    for described, names in (
        (job.manifest["inputs"], signature.user_inputs),
        (job.manifest["outputs"], signature.user_outputs),
    ):
        own = []
        for tensor, name in zip(described, names, strict=True):
            dtype = str(getattr(values.get(str(name)), "dtype", "float32")).removeprefix("torch.")
            plain = {"scale": None, "zero_point": None} if dtype == "float32" else {}
            own.append(tensor | {"device_shape": tensor["shape"], "permute": None, "dtype": dtype} | plain)
        ends.append(own)
    return ends[0], ends[1]


def _c_entry(job: Additions, default: str) -> dict[str, Any]:
    sizes = job.manifest["sizes"]
    return {
        "file": f"{job.manifest['prefix']}.c",
        "runtime": "c",
        "backend": "library",
        "numbers": default,
        "bytes": sizes["constant_bytes"],
        "weight_bytes": sizes["weight_bytes"],
        "not_delegated": [],
        "prefix": job.manifest["prefix"],
        "states": len(job.manifest["states"]),
        "inputs": job.manifest["inputs"],
        "outputs": job.manifest["outputs"],
    }


def _copy_programs(job: Additions) -> None:
    """Bring ``run.py`` and the runners' sources."""
    source = paths.runtime_dir() / "phones"
    shutil.copyfile(source / "run.py", job.folder / "run.py")
    (job.folder / "run.py").chmod(0o755)
    (job.folder / "runner").mkdir()
    for file in ("runner.c", "executorch_runner.cpp"):
        shutil.copyfile(source / file, job.folder / "runner" / file)
    text = (source / "CMakeLists.txt").read_text(encoding="utf-8").replace("@PREFIX@", job.manifest["prefix"])
    (job.folder / "runner" / "CMakeLists.txt").write_text(text, encoding="utf-8", newline="\n")


def _check(
    job: Additions,
    written: list[tuple[Kind, dict[str, Any]]],
    programs: dict[str, ExportedProgram | None],
    real: list[np.ndarray],
) -> None:
    """Run every file and compare; say in each entry what came out."""
    from toolkit.runtimes.compare import check_c, hold
    from toolkit.runtimes.expected import expected

    (job.folder / "manifest.json").write_text(json.dumps(job.manifest), encoding="utf-8")
    for entry in job.manifest["runtimes"]["files"]:
        if entry["runtime"] == "c":
            check_c(job.folder, job.manifest, entry, job.target, job.progress)
    known: dict[str, Expected] = {}
    for kind, entry in written:
        program = programs[kind.numbers]
        assert program is not None
        if kind.numbers not in known:
            roundings = {each.rounding for each, _ in written if each.numbers == kind.numbers}
            known[kind.numbers] = expected(program, kind.numbers, real, job.rounding, roundings)
        if kind.not_run:
            hold(job.folder, entry, known[kind.numbers], kind.rounding, None, kind.not_run)
    for runtime in {kind.runtime for kind, _ in written}:
        runs = [(kind, entry) for kind, entry in written if kind.runtime == runtime and not kind.not_run]
        if runs:
            job.progress(f"run: {runtime}")
            found = _run(job, runs)
            for kind, entry in (each for each in runs if each[1]["file"] in found):
                hold(job.folder, entry, known[kind.numbers], kind.rounding, found[entry["file"]])


def _run(job: Additions, runs: list[tuple[Kind, dict[str, Any]]]) -> dict[str, list[np.ndarray]]:
    """Return what one runtime's files compute; leave out those that it refuses, unless it was asked for by name."""
    try:
        return run_files(job.folder, [entry["file"] for _, entry in runs])
    except ToolkitError:
        if job.wanted is not None:
            raise
    found: dict[str, list[np.ndarray]] = {}
    for kind, entry in runs:
        try:
            found |= run_files(job.folder, [entry["file"]])
        except ToolkitError as error:
            (job.folder / entry["file"]).unlink()
            job.manifest["runtimes"]["files"].remove(entry)
            _left_out(job, kind, error)
    return found
