"""Weights in as few bits as their range needs: INT2 for -1..1, INT4 for -7..7.

ONNX Runtime 1.31 reads INT2 in DequantizeLinear, but its default optimizations then put it into QLinearConv, QGemm and
QLinearMatMul, which refuse it; INT4 there means kernels in float32. A Cast to INT8 between the two is computed once,
when the model is loaded, and the layer gets its int8 kernel.
"""

from __future__ import annotations

from collections.abc import Mapping

import ml_dtypes
import numpy as np
from onnx import TensorProto

from toolkit.backends.onnx.graph import Graph

Range = tuple[int, int]
_TERNARY, _INT4 = (-1, 1), (-8, 7)


def narrow_weights(graph: Graph, ranges: Mapping[str, Range]) -> None:
    """Store the int8 constants in ``ranges``, by name, in the bits that their range needs."""
    for name, bounds in ranges.items():
        packed = _packed(bounds)
        weight = graph.array(name)
        if packed is None or weight is None or weight.dtype != np.int8:
            continue
        readers = graph.readers(name)
        graph.replace_constant(name, weight.astype(packed))
        wide = graph.insert(readers[0], "Cast", [name], f"{name}_int8", to=TensorProto.INT8)
        for reader in readers:
            reader.input[list(reader.input).index(name)] = wide


def opset(ranges: Mapping[str, Range]) -> int:
    """Return the first opset with the types that constants of ``ranges`` are stored in."""
    packed = {_packed(bounds) for bounds in ranges.values()}
    return 25 if ml_dtypes.int2 in packed else 21 if ml_dtypes.int4 in packed else 18


def _packed(bounds: Range) -> type | None:
    if bounds == _TERNARY:
        return ml_dtypes.int2
    return ml_dtypes.int4 if _INT4[0] <= bounds[0] and bounds[1] <= _INT4[1] else None
