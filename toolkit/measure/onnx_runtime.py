"""What ONNX Runtime computes, in a process of its own: it ends it where a file displeases it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np

from toolkit.errors import MISSING, ToolkitError
from toolkit.measure.child import run_in_child

INSTALL = 'pip install "edge-toolkit[onnx]"'
LABEL = "ONNX Runtime"
_SHIFT = 128  # the device has uint8 tensors as int8, this much less


def installed() -> bool:
    """True when ONNX Runtime can be imported."""
    return importlib.util.find_spec("onnxruntime") is not None


def run_reference(
    model: Path, stored: list[np.ndarray], real: list[np.ndarray], timeout_s: float = 600.0
) -> list[np.ndarray]:
    """Return the outputs of an ``.onnx`` file for samples, computed by ONNX Runtime's own kernels for this machine.

    Args:
        model: the file.
        stored: one array per input, first axis the sample, in the file's layout, as a device takes them.
        real: the same as real numbers, for inputs that are float32 in the file.
        timeout_s: for all samples together.

    Returns:
        One array per output, first axis the sample, then the file's axes; uint8 as int8, 128 less, as a device has it.

    Raises:
        ToolkitError: ONNX Runtime is not installed, refuses the file or ends without an answer.
    """
    if not installed():
        raise ToolkitError("ONNX Runtime is not installed", fix=INSTALL, exit_code=MISSING)
    fix = "save the model as one file, and check that ONNX Runtime runs it"
    return run_in_child(__name__, "ONNX Runtime", model, [*stored, *real], fix=fix, timeout_s=timeout_s)


def _main(model: str, given: str, made: str) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    with np.load(given) as arrays:
        given_inputs = [arrays[name] for name in arrays.files]
    described = session.get_inputs()
    stored, real = given_inputs[: len(described)], given_inputs[len(described) :]
    feeds = {d.name: _as_file(d.type, s, r) for d, s, r in zip(described, stored, real, strict=True)}
    samples = [
        session.run(None, {name: array[i : i + 1] for name, array in feeds.items()})
        for i in range(len(stored[0]))
    ]
    outputs = [np.stack(arrays) for arrays in zip(*samples, strict=True)]
    np.savez(made, *(_as_device(array) for array in outputs))


def _as_file(wanted: str, stored: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return an input in the file's type, as ONNX Runtime writes it: ``tensor(uint8)``."""
    if wanted == "tensor(uint8)":
        return (stored.astype(np.int16) + _SHIFT).astype(np.uint8)
    if wanted in ("tensor(float)", "tensor(float16)", "tensor(double)"):
        return real.astype(
            {"tensor(float16)": np.float16, "tensor(double)": np.float64}.get(wanted, np.float32)
        )
    return stored


def _as_device(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return (array.astype(np.int16) - _SHIFT).astype(np.int8)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


if __name__ == "__main__":
    _main(*sys.argv[1:])
