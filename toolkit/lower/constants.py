"""Compute at once what a program computes from constants alone."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Quantization, Value

if TYPE_CHECKING:
    from torch.fx import Node

LARGEST_BYTES = 2**28  # of a folded constant: no device holds more, and a program may ask for anything
NAMESPACES = ("aten", "quantized_decomposed")
# These move integers as they move reals; per channel only where the axis can be followed.
MOVES = {"view", "reshape", "flatten", "unsqueeze", "squeeze", "expand", "slice", "permute", "transpose", "t"}
SHAPES = {
    "zeros_like",
    "ones_like",
    "full_like",
    "new_zeros",
    "new_ones",
    "new_full",
    "scalar_tensor",
}  # of these only it counts
PERMUTES = {"permute", "transpose", "t"}


def fold(node: Node, values: dict[Node, Value]) -> Value | None:
    """Return the value of a call whose inputs are all constants, or None where it is not one, or is not foldable.

    Quantized constants stay quantized where they are only moved; elsewhere they are the reals they stand for.
    """
    import torch

    target, meta, inputs = node.target, node.meta.get("val"), node.all_input_nodes
    if not isinstance(target, torch._ops.OpOverload) or target.namespace not in NAMESPACES:
        return None
    if target._schema.is_mutable or torch.Tag.nondeterministic_seeded in target.tags:
        return None
    kind = target._schema.name.removeprefix("aten::")
    if kind not in SHAPES and any(source not in values or values[source].data is None for source in inputs):
        return None
    if not isinstance(meta, torch.Tensor) or not all(isinstance(size, int) for size in meta.shape):
        return None
    dtype = str(meta.dtype).removeprefix("torch.")
    if dtype not in ITEMSIZE or prod(meta.shape) * ITEMSIZE[dtype] > LARGEST_BYTES:
        return None
    if kind in SHAPES:
        whole = torch.full(meta.shape, _filling(node, kind), dtype=meta.dtype).numpy()
        return Value(node.name, whole.shape, str(whole.dtype), data=whole)
    first = values[inputs[0]] if inputs else None
    quant = _moved(first, kind, node) if first is not None and len(inputs) == 1 else None
    data = {
        source: torch.from_numpy(np.array(values[source].data if quant else real(values[source])))
        for source in inputs
    }
    args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), lambda source: data[source])
    out = target(*args, **{name: "cpu" if name == "device" else value for name, value in kwargs.items()})
    array = out.contiguous().numpy()
    name = first.name if first is not None and kind in MOVES else node.name  # it is still this layer's weight
    return Value(name, array.shape, str(array.dtype), quant, array)


def _filling(node: Node, kind: str) -> float:
    names = {"full_like": 1, "new_full": 2, "scalar_tensor": 0}
    return float(node.args[names[kind]]) if kind in names else float("ones" in kind)  # type: ignore[arg-type]


def real(value: Value) -> np.ndarray:
    """Return a constant's data, as float32 where its integers stand for reals."""
    assert value.data is not None
    quant, shape = value.quant, [1] * value.data.ndim
    if quant is None:
        return value.data
    if quant.axis is not None:
        shape[quant.axis] = -1
    centred = value.data.astype(np.float64) - quant.zero_point.reshape(shape)
    return (centred * quant.scale.reshape(shape)).astype(np.float32)


def _moved(value: Value, kind: str, node: Node) -> Quantization | None:
    """Return the quantization of a constant moved by ``node``, or None where it does not keep one."""
    quant = value.quant
    if quant is None or kind not in MOVES:
        return None
    if quant.axis is None:
        return quant
    if kind not in PERMUTES:
        return None
    rank = len(value.shape)
    axes = np.arange(rank)
    if kind == "permute":
        axes = axes[list(node.args[1])]  # type: ignore[arg-type]
    elif kind == "transpose":
        a, b = (int(axis) for axis in node.args[1:3])  # type: ignore[arg-type]
        axes[[a, b]] = axes[[b, a]]
    else:
        axes = axes[::-1]
    turned = int(np.flatnonzero(axes == quant.axis % rank)[0])
    return Quantization(quant.scale, quant.zero_point, quant.qmin, quant.qmax, turned)
