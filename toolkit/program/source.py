"""Any model file to an exported program: .pt2, .tflite, .onnx and .nir by their names, and checkpoints."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from toolkit.program.imported import ImportedGraph
    from toolkit.spiking.nir import Settings


@dataclass(frozen=True)
class Source:
    """A program and where it came from."""

    path: Path
    program: ExportedProgram
    rounding: str  # the convention of ``toolkit.lower.rounding`` that the source's own framework follows
    kind: str  # "pt2", "tflite", "onnx", "nir" or "safetensors"
    info: dict[str, Any] = field(default_factory=dict)
    quantized_here: bool = False  # by `load`, with the user's data
    inputs: list[str] = field(default_factory=list)  # what the file calls them; empty for a .pt2
    outputs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what reading it decided for the user


def load(
    path: Path,
    *,
    calibration: np.ndarray | None = None,
    keep_float: bool = False,
    positions: int | None = None,
    nir: Settings | None = None,
) -> Source:
    """Read a model.

    Args:
        path: a ``.pt2``, ``.tflite``, ``.onnx`` or ``.nir`` file, or a checkpoint's folder or safetensors file;
            untrusted.
        calibration: samples in the layout of the model's input, first axis the sample, to quantize a float model with.
        keep_float: compile a float ``.tflite`` or ``.onnx`` as float32 C instead of asking for ``calibration``.
        positions: how many tokens the model of a checkpoint remembers; what it was made for by default.
        nir: what a ``.nir`` file leaves open; it becomes a program of one step that keeps its neurons' states.

    Raises:
        ToolkitError: the file cannot be read, or is float and there is no calibration data.
    """
    from toolkit.program import checkpoint, pt2

    if checkpoint.is_checkpoint(path):
        if calibration is not None:
            raise ToolkitError(
                "a checkpoint is quantized already", at=str(path), fix="leave --calibration out"
            )
        program, info, file = checkpoint.read(path, positions)
        return Source(file, program, "single", "safetensors", info)
    if positions is not None:
        raise ToolkitError(
            "only a language model's checkpoint takes --positions", at=str(path), fix="leave --positions out"
        )
    kind = path.suffix.lower().removeprefix(".")
    if nir is not None and kind != "nir":
        raise ToolkitError(
            "only a .nir file takes --dt, --discretisation, --reset and --fires",
            at=str(path),
            fix="leave them out",
        )
    if kind == "nir":
        return _spiking(path, nir, calibration)
    if kind == "pt2":
        program, info = pt2.load(path)
        if calibration is None:
            return Source(path, program, "single", kind, info)
        return Source(path, _quantized(program, calibration), "single", kind, info, quantized_here=True)
    if kind not in ("tflite", "onnx"):
        raise ToolkitError(
            f"{path.name} is no model file that can be read",
            at=str(path),
            fix="give a .pt2, .tflite, .onnx or .nir file, or the folder of a BitNet b1.58 checkpoint",
        )
    graph, rounding = _read(kind, path)
    inputs, outputs = [tensor.name for tensor in graph.inputs], list(graph.outputs)
    if graph.quantized and calibration is not None:
        raise ToolkitError(
            f"{path.name} is quantized already; its own scales are kept",
            at=str(path),
            fix="leave --calibration out, or give the float model",
        )
    if not graph.quantized and not keep_float and calibration is None:
        raise ToolkitError(
            f"{path.name} is a float model, and there is no data to quantize it with",
            at=str(path),
            fix="add --calibration SAMPLES.npy, or --float for float32 C",
        )
    program = graph.program()
    if calibration is None:
        rounding = rounding if graph.quantized else "single"
        return Source(path, program, rounding, kind, inputs=inputs, outputs=outputs, notes=graph.notes)
    program = _quantized(program, calibration)
    return Source(
        path, program, "single", kind, quantized_here=True, inputs=inputs, outputs=outputs, notes=graph.notes
    )


def _spiking(path: Path, settings: Settings | None, calibration: np.ndarray | None) -> Source:
    from toolkit.spiking.nir.program import step_program
    from toolkit.spiking.nir.read import NO_SETTINGS

    program, graph = step_program(path, settings or NO_SETTINGS)
    if calibration is not None:
        program = _quantized(program, calibration)
    here, ends = calibration is not None, (list(graph.inputs), list(graph.outputs))
    return Source(path, program, "single", "nir", quantized_here=here, inputs=ends[0], outputs=ends[1])


def _quantized(program: ExportedProgram, calibration: np.ndarray) -> ExportedProgram:
    from toolkit.program.quantize import quantize_ptq  # takes seconds to import

    return quantize_ptq(program, calibration)


def _read(kind: str, path: Path) -> tuple[ImportedGraph, str]:
    """Return the file's graph, and the convention by which its framework rounds."""
    if kind == "tflite":
        from toolkit.program import tflite

        return tflite.read(path), "litert"
    from toolkit.program import onnx

    return onnx.read(path), "single"
