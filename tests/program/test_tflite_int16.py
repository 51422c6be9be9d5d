"""Operators on int16 activations (16x8 quantization) from ``.tflite`` files, against LiteRT, to the bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.program import tflite_files as files
from tests.program.test_tflite_operators import CASES
from toolkit.lower.ir import Quantization, Value, per_tensor
from toolkit.program.tflite.int16 import EXACT

LOWEST, LARGEST = -(2**15), 2**15 - 1
FINER = 150  # steps of int16 in one of int8
VERSIONS = {  # of the operators whose int16 kernels came later
    "ADD": 4, "AVERAGE_POOL_2D": 3, "BATCH_MATMUL": 4, "CONCATENATION": 3, "CONV_2D": 5, "DEPTHWISE_CONV_2D": 5,
    "FULLY_CONNECTED": 7, "LOGISTIC": 3, "MAX_POOL_2D": 3, "MUL": 4, "PAD": 3, "QUANTIZE": 3, "RELU": 3, "RELU6": 3,
    "SLICE": 4, "SPLIT": 4, "STRIDED_SLICE": 4, "SUB": 5, "TANH": 3, "TRANSPOSE": 4,
}  # fmt: skip
NAMES = [
    "conv-same", "conv-valid-relu", "conv-dilated", "conv-per-tensor", "conv-int4", "depthwise", "depthwise-multiplier",
    "dense", "dense-relu-rows", "dense-halves", "matmul", "matmul-turned-a", "add-0-0", "add-1-3", "add-channel",
    "sub-0-0", "mul-0-0", "mul-1-3", "mul-channel", "average_pool_2d-same", "average_pool_2d-valid", "max_pool_2d-same",
    "concat-3", "move-reshape", "move-transpose", "move-pad", "move-slice", "move-strided", "split", "nearest-up",
    "act-0.05-logistic", "act-0.05-tanh", "act-0.05-gelu", "act-0.05-relu", "act-0.05-relu6",
    "act-0.05-requantize-finer",
]  # fmt: skip


def _widened(value: Value) -> Value:
    """An int8 activation as int16, symmetric and finer."""
    if value.data is not None or value.dtype != "int8":
        return value
    assert value.quant is not None
    scale = float(np.float32(value.quant.scale[0] / FINER))
    return replace(value, dtype="int16", quant=per_tensor(scale, 0, LOWEST, LARGEST))


def _int64_bias(bias: Value, x: Value, weight: Value) -> Value:
    assert bias.data is not None
    assert x.quant is not None
    assert weight.quant is not None
    scale = (x.quant.scale * weight.quant.scale).astype(np.float32)
    quant = Quantization(scale, np.zeros(len(scale), np.int64), -(2**63), 2**63 - 1, 0)
    return replace(bias, dtype="int64", data=bias.data.astype(np.int64) * FINER, quant=quant)


@pytest.mark.parametrize("name", NAMES)
def test_equal_to_litert(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(len(name))
    operator, given, output, table, version = CASES[name](rng)
    outputs = [output] if isinstance(output, Value) else output
    wide = {id(v): _widened(v) for v in (*given, *outputs) if v is not None}
    inputs, outputs = [wide[id(v)] for v in given if v is not None], [wide[id(v)] for v in outputs]
    if operator in ("LOGISTIC", "TANH"):
        outputs = [replace(y, quant=per_tensor(2.0**-15, 0, LOWEST, LARGEST)) for y in outputs]
    if operator in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        inputs[2] = _int64_bias(inputs[2], inputs[0], inputs[1])
    if hasattr(table, "potScaleInt16"):
        table.potScaleInt16 = False
    model = files.one(operator, inputs, outputs, table, max(VERSIONS.get(operator, 0), version))
    activations = [v for v in inputs if v.data is None]
    samples = [
        [rng.integers(LOWEST, LARGEST + 1, v.shape).astype(np.int16) for v in activations] for _ in range(20)
    ]
    samples += [
        [rng.choice(np.array([LOWEST, LARGEST], np.int16), v.shape) for v in activations] for _ in range(4)
    ]
    assert operator in EXACT
    files.assert_equal_to_litert(model, tmp_path, samples)
