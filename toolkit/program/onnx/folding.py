"""Constants computed while the file is read: what becomes of shapes, mostly.

`onnx.reference` computes them, for operators of which the size of the result is known before.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from toolkit.errors import first_line
from toolkit.program.onnx.node import RawNode
from toolkit.program.onnx.refusal import UnsupportedError

MAX_ELEMENTS = 1 << 24  # read and written by all of a model's constant nodes together
_Arrays = list[np.ndarray]


def _broadcast(arrays: _Arrays, raw: RawNode) -> int:
    return prod(np.broadcast_shapes(*(a.shape for a in arrays)))


def _first(arrays: _Arrays, raw: RawNode) -> int:
    return arrays[0].size


def _wanted(arrays: _Arrays, raw: RawNode) -> int:
    return prod(max(int(size), 1) for size in arrays[0].ravel())


def _expand(arrays: _Arrays, raw: RawNode) -> int:
    return prod(np.broadcast_shapes(arrays[0].shape, tuple(int(size) for size in arrays[1].ravel())))


def _tile(arrays: _Arrays, raw: RawNode) -> int:
    return arrays[0].size * prod(max(int(r), 1) for r in arrays[1].ravel())


def _range(arrays: _Arrays, raw: RawNode) -> int:
    start, limit, delta = (float(a.reshape(())) for a in arrays)
    count = (limit - start) / delta if delta else np.inf
    if not np.isfinite(count):
        raise UnsupportedError("a range without end")
    return max(int(count) + 1, 0)


def _gather(arrays: _Arrays, raw: RawNode) -> int:
    axis = int(raw.attributes.get("axis", 0))
    shape = arrays[0].shape
    return arrays[1].size * prod(shape) // max(shape[axis], 1)


def _pad(arrays: _Arrays, raw: RawNode) -> int:
    more = int(np.clip(arrays[1].astype(np.int64), 0, MAX_ELEMENTS).sum())
    return prod(size + more for size in arrays[0].shape)


def _one_hot(arrays: _Arrays, raw: RawNode) -> int:
    return arrays[0].size * max(int(arrays[1].reshape(())), 1)


def _sum(arrays: _Arrays, raw: RawNode) -> int:
    return sum(a.size for a in arrays)


# How many elements the result has at most; operators that are not here are not folded.
SIZES: dict[str, Callable[[_Arrays, RawNode], int]] = {
    **dict.fromkeys(
        [
            "Add",
            "Sub",
            "Mul",
            "Div",
            "Pow",
            "Mod",
            "Min",
            "Max",
            "Equal",
            "Greater",
            "GreaterOrEqual",
            "Less",
            "LessOrEqual",
            "And",
            "Or",
            "Xor",
            "Where",
            "Sum",
            "PRelu",
        ],
        _broadcast,
    ),
    **dict.fromkeys(
        [
            "Not",
            "Neg",
            "Abs",
            "Exp",
            "Log",
            "Sqrt",
            "Reciprocal",
            "Floor",
            "Ceil",
            "Round",
            "Sign",
            "Cast",
            "Relu",
            "Clip",
            "Sin",
            "Cos",
            "Tanh",
            "Sigmoid",
            "Erf",
            "Slice",
            "CumSum",
            "Trilu",
            "ScatterND",
            "ScatterElements",
            "ReduceMin",
            "ReduceMax",
            "ReduceSum",
            "ReduceMean",
            "ReduceProd",
            "ReduceL2",
            "Split",
            "EyeLike",
            "IsNaN",
            "IsInf",
            "ArgMax",
            "ArgMin",
            "Identity",
        ],
        _first,
    ),
    "ConstantOfShape": _wanted,
    "Expand": _expand,
    "Tile": _tile,
    "Range": _range,
    "Gather": _gather,
    "GatherElements": lambda arrays, raw: arrays[1].size,
    "Pad": _pad,
    "OneHot": _one_hot,
    "NonZero": lambda arrays, raw: arrays[0].size * arrays[0].ndim,
    "Concat": _sum,
}


class Folder:
    """Computes constant nodes until too much would be computed."""

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.elements = 0

    def can(self, raw: RawNode) -> bool:
        """True for an operator that is computed here."""
        return raw.op in SIZES and raw.domain == "" and raw.proto is not None

    def fold(self, raw: RawNode, arrays: list[np.ndarray | None]) -> list[np.ndarray]:
        """Return a node's outputs.

        Raises:
            UnsupportedError: the values do not fit together, or are too many.
        """
        from onnx.reference import ReferenceEvaluator

        given: _Arrays = [a for a in arrays if a is not None]
        try:
            self.elements += SIZES[raw.op](given, raw) + sum(a.size for a in given)
        except (ValueError, IndexError, TypeError, OverflowError) as error:
            raise UnsupportedError(first_line(error)) from error
        if self.elements > MAX_ELEMENTS:
            raise UnsupportedError(f"more than {MAX_ELEMENTS:,} constant values would be computed")
        feeds: dict[str, Any] = {name: a for name, a in zip(raw.inputs, arrays, strict=True) if a is not None}
        try:
            with np.errstate(all="ignore"):
                results = ReferenceEvaluator(raw.proto, opsets={"": self.opset}).run(None, feeds)
        except Exception as error:  # whatever numpy says to values that do not fit
            raise UnsupportedError(first_line(error)) from error
        return [np.asarray(result) for result in results]
