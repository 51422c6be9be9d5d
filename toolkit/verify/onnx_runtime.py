"""What ONNX Runtime computes, in a process of its own: it ends it where a file displeases it."""

from __future__ import annotations

import sys

import numpy as np

from toolkit.verify.child import Framework

ONNX_RUNTIME = Framework(
    name="ONNX Runtime",
    label="ONNX Runtime",
    package="onnxruntime",
    module="toolkit.verify.onnx_runtime",
    install='pip install "edge-toolkit[onnx]"',
    fix="save the model as one file, and check that ONNX Runtime runs it",
)
_SHIFT = 128  # the device has uint8 tensors as int8, this much less


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
    if wanted == "tensor(int64)":
        return stored.astype(np.int64)
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
