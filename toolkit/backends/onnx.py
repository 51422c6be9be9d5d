"""``.onnx`` files, QuantizeLinear and DequantizeLinear around float operators, as ONNX Runtime runs them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit.backends.formats import Format, Sample, StoredWeight
from toolkit.measure.onnx_runtime import ONNX_RUNTIME

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def write(program: ExportedProgram, path: Path) -> list[StoredWeight]:
    """Write ``program`` as a QDQ model; see ``toolkit.backends.formats.Format``."""
    import onnx
    import torch

    made = torch.onnx.export(program, dynamo=True, optimize=False, opset_version=21, verbose=False)
    assert made is not None
    onnx.save(made.model_proto, path)
    return []


def run(path: Path, samples: list[Sample]) -> list[Sample]:
    """Return what ONNX Runtime computes with its default settings; see ``toolkit.backends.formats.Format``."""
    inputs = [np.concatenate(arrays) for arrays in zip(*samples, strict=True)]
    outputs = ONNX_RUNTIME.run(path, inputs, inputs)
    return [[array[i] for array in outputs] for i in range(len(samples))]


FORMAT = Format("onnx", ".onnx", "ONNX Runtime", ("onnx", "onnxscript", "onnxruntime"), write, run)
