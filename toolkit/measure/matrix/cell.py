"""One cell of a matrix: a model on a target, done one way; what it depends on, and how it is benched."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import toolkit
from toolkit import own_code
from toolkit.device import targets
from toolkit.device.build import read_manifest
from toolkit.device.emulators.native import runs_here
from toolkit.device.target import Target
from toolkit.device.versions import package_version, program_version
from toolkit.measure.matrix.model_files import MANIFEST, digest

DEFAULT_TOOLCHAIN = "zig"


@dataclass(frozen=True)
class Cell:
    """One bench to be done.

    Args:
        model: its name, unique in the matrix.
        path: a model's file, a checkpoint's folder, or a bundle.
        target: one of ``toolkit.device.targets.names()``; a bundle's own.
        optimize: as for ``toolkit.bundle.export``; empty for a bundle, which is exported already.
        tune: choose kernels by counting.
        toolchain: a compiler that the target lists; empty for Zig.
        emulator: one that the target lists; empty for its first.
        calibration: samples to quantize a float model with.
    """

    model: str
    path: Path
    target: str
    optimize: str = ""
    tune: bool = False
    toolchain: str = ""
    emulator: str = ""
    calibration: Path | None = None

    @property
    def ways(self) -> dict[str, str]:
        """What tells the cell from others of its model and target."""
        chosen = {
            "optimize": self.optimize,
            "tune": "yes" if self.tune else "",
            "toolchain": self.toolchain,
            "emulator": self.emulator,
        }
        return {way: value for way, value in chosen.items() if value}

    @property
    def is_bundle(self) -> bool:
        """True when it is compiled already."""
        return (self.path / MANIFEST).is_file()

    @property
    def timed(self) -> bool:
        """True when time is measured on this machine, so that nothing else should run beside it."""
        target = targets.load(self.target)
        return _emulator(self, target) == "native" and runs_here(target.arch)

    def key(self) -> str:
        """Return the hash of all that the result depends on: bytes, target, tools, options, this package.

        Raises:
            ToolkitError: the model's file or the bundle cannot be read, or there is no such target.
        """
        if self.is_bundle:
            read_manifest(self.path)
        target, test = targets.load(self.target), self.path.parent / "test.json"
        depends = {
            "model": digest(self.path),
            "calibration": self.calibration and digest(self.calibration),
            "test": digest(test) if self.is_bundle and test.is_file() else None,
            "target": repr(sorted((name, value) for name, value in vars(target).items() if name != "folder")),
            "tools": self.tools(),
            "ways": self.ways,
            "toolkit": [toolkit.__version__, *_code()],
        }
        return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()

    def tools(self) -> dict[str, str]:
        """Return the versions of what compiles, builds and runs it."""
        target = targets.load(self.target)
        toolchain, emulator = self.toolchain or DEFAULT_TOOLCHAIN, _emulator(self, target)
        found = {name: package_version(name) for name in ("torch", "numpy", "unicorn", "capstone")}
        if toolchain == DEFAULT_TOOLCHAIN:
            found["ziglang"] = package_version("ziglang")
        elif toolchain in target.compilers:
            found[toolchain] = _version(target.compilers[toolchain].command[0])
        if emulator in target.emulators and (program := target.emulators[emulator].command):
            found[emulator] = _version(program)
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the cell as JSON-ready data."""
        return {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Cell:
        """Return the cell that ``to_json`` wrote."""
        given = data["calibration"]
        return cls(**{**data, "path": Path(data["path"]), "calibration": given and Path(given)})


def perform(cell: Cell, scratch: Path, timeout_s: float) -> dict[str, Any]:
    """Export, build and run a cell, and return its bench's document.

    Args:
        cell: what to do.
        scratch: an empty folder for the bundle.
        timeout_s: limit for each run of the emulator.

    Raises:
        ToolkitError: as ``toolkit.bundle.export`` and ``toolkit.measure.bench.bench`` do.
    """
    from toolkit.measure.bench import bench

    folder = cell.path
    if not cell.is_bundle:
        from toolkit import bundle, tensors  # torch, which a bundle does without

        folder = scratch / "bundle"
        observed = None if cell.calibration is None else tensors.load_npy(cell.calibration)
        bundle.export(
            cell.path, cell.target, folder, name=cell.model, optimize=cell.optimize or "speed", tune=cell.tune,
            calibration=observed,
        )  # fmt: skip
    found = bench(
        folder, toolchain=cell.toolchain or None, emulator=cell.emulator or None, timeout_s=timeout_s
    )
    return {**found.to_json(), "model": cell.model, "tune": "yes" if cell.tune else "no"}


def of_bundle(folder: Path, model: str = "", toolchain: str = "", emulator: str = "") -> Cell:
    """Return the cell of a bundle, called ``model`` or as its manifest says."""
    manifest = read_manifest(folder)
    name = model or str(manifest.get("name", folder.name))
    return Cell(name, folder, manifest["target"], toolchain=toolchain, emulator=emulator)


def _emulator(cell: Cell, target: Target) -> str:
    return cell.emulator or next(iter(target.emulators), "")


@cache
def _version(program: str) -> str:
    return program_version(program)


@cache
def _code() -> tuple[str, ...]:
    return tuple(own_code.digest(part) for part in ("", "quantize", "runtime", "targets"))
