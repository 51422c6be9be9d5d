"""The programs that ``hosts.py`` times: one network as our C, and in LiteRT, ONNX Runtime and PyTorch."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mlperf_tiny import Network

from toolkit import bundle
from toolkit.backends.litert.write import file_of
from toolkit.lower.passes import lower
from toolkit.program import pt2

Engine = Callable[[int], None]  # runs the network that many times
_LOOP = '#include "model.h"\nvoid run_many(int count) {\n    while (count-- > 0) model_run();\n}\n'


def our_c(network: Network, target: str, folder: Path, *flags: str) -> ctypes.CDLL:
    """Compile the network's bundle for ``target`` with this machine's ``cc -O2`` and load it."""
    if not (folder / "manifest.json").is_file():
        bundle.export(network.program, target, folder, golden_count=1)
    (folder / "loop.c").write_text(_LOOP, encoding="utf-8")
    library = folder / f"model{''.join(flags)}.so"
    sources = [str(folder / "model.c"), str(folder / "loop.c")]
    include = [f"-I{folder}", f"-I{folder / 'runtime'}"]
    subprocess.run(
        ["cc", "-O2", "-fPIC", "-shared", *flags, *include, *sources, "-o", str(library)], check=True
    )
    return ctypes.CDLL(str(library))


def compute(library: ctypes.CDLL, data: np.ndarray, size: int) -> np.ndarray:
    """Return what our C makes of one int8 input, ``size`` int8 values."""
    library.model_input.restype = library.model_output.restype = ctypes.c_void_p
    ctypes.memmove(library.model_input(), data.tobytes(), data.nbytes)
    library.run_many(1)
    return np.frombuffer(ctypes.string_at(library.model_output(), size), np.int8)


def litert(network: Network) -> tuple[Engine, Any]:
    """Return LiteRT with its XNNPACK kernels, one thread, on the same integers; and its interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    model = lower(pt2.load(network.program)[0], views=False)
    interpreter = Interpreter(model_content=file_of(model)[0], num_threads=1)
    interpreter.allocate_tensors()

    def run(count: int) -> None:
        for _ in range(count):
            interpreter.invoke()

    return run, interpreter


def onnx_runtime(network: Network, folder: Path) -> tuple[Engine, Engine]:
    """Return ONNX Runtime, one thread: float32, and int8 as its own tool quantizes it."""
    import onnxruntime as ort
    import torch
    from onnxruntime import quantization

    sample = network.calibration[:1]
    path = folder / "float.onnx"
    torch.onnx.export(
        network.model, (torch.from_numpy(sample),), str(path), dynamo=False, input_names=["input"]
    )

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(network.calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            item = next(self.left, None)
            return None if item is None else {"input": item[None]}

    quantized = folder / "int8.onnx"
    int8 = quantization.QuantType.QInt8
    quantization.quantize_static(
        str(path), str(quantized), Reader(), per_channel=True, activation_type=int8, weight_type=int8
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    def engine(file: Path) -> Engine:
        session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

        def run(count: int) -> None:
            for _ in range(count):
                session.run(None, {"input": sample})

        return run

    return engine(path), engine(quantized)


def torch_eager(network: Network) -> Engine:
    """Return PyTorch in eager mode, float32, one thread."""
    import torch

    torch.set_num_threads(1)
    sample = torch.from_numpy(network.calibration[:1])

    def run(count: int) -> None:
        with torch.inference_mode():
            for _ in range(count):
                network.model(sample)

    return run
