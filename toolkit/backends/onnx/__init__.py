"""``.onnx`` files: float operators between QuantizeLinear and DequantizeLinear, as ONNX Runtime runs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.backends.formats import Format, Sample, StoredWeight
from toolkit.verify.onnx_runtime import ONNX_RUNTIME

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def _write(program: ExportedProgram, path: Path) -> list[StoredWeight]:
    from toolkit.backends.onnx.write import write  # needs onnx and torch

    return write(program, path)


def _run(path: Path, samples: list[Sample]) -> list[Sample]:
    """Return what ONNX Runtime computes with its default settings."""
    inputs = [np.concatenate(arrays) for arrays in zip(*samples, strict=True)]
    outputs = ONNX_RUNTIME.run(path, inputs, inputs)
    return [[array[i] for array in outputs] for i in range(len(samples))]


FORMAT = Format("onnx", ".onnx", "ONNX Runtime", ("onnx", "onnxscript", "onnxruntime"), _write, _run)
