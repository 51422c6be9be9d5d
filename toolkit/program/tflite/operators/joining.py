"""Parts of tensors taken, tensors joined and padded."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from toolkit.program.tflite.fused import bounded, fused_bounds
from toolkit.program.tflite.op import INTEGERS, Layer, Op, Unsupported

MOST_MIRRORED = 64


def concatenation(op: Op) -> Layer:
    """Tensors of one scale, side by side along an axis."""
    op.demand_one_scale(*range(len(op.inputs)))
    axis, bounds = _axis(op, int(op.option("Axis", 0)), len(op.output.shape)), fused_bounds(op)
    inputs = [op.input(i) for i in range(len(op.inputs))]
    return op.layer(lambda *xs: bounded(torch.cat(xs, axis), bounds, op.output), *inputs)


def split(op: Op) -> Layer:
    """Equal parts along a constant axis (input 0) of input 1."""
    (axis,) = op.integers(0)
    x, count = op.input(1), len(op.outputs)
    axis = _axis(op, axis, len(x.shape))
    if not count or x.shape[axis] % count:
        raise op.damaged(f"{x.shape[axis]} into {count} equal parts")
    return _parts(op, axis, [x.shape[axis] // count] * count, 1)


def split_v(op: Op) -> Layer:
    """Parts of constant sizes (input 1) along a constant axis (input 2) of input 0."""
    sizes, (axis,), x = op.integers(1), op.integers(2), op.input(0)
    axis = _axis(op, axis, len(x.shape))
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = x.shape[axis] - sum(sizes) - 1
    if min(sizes, default=0) < 1 or sum(sizes) != x.shape[axis] or len(sizes) != len(op.outputs):
        raise op.damaged(f"{x.shape[axis]} into parts of {sizes}")
    return _parts(op, axis, sizes, 0)


def slice(op: Op) -> Layer:
    """A box from constant begins (input 1) of constant sizes (input 2, -1: the rest)."""
    op.demand_one_scale()
    x, begins, sizes = op.input(0), op.integers(1), op.integers(2)
    if not len(begins) == len(sizes) == len(x.shape):
        raise op.damaged(f"begins {begins} and sizes {sizes} of {len(x.shape)} axes")
    ranges = []
    for whole, begin, size in zip(x.shape, begins, sizes, strict=True):
        size = whole - begin if size == -1 else size
        if begin < 0 or size < 1 or begin + size > whole:
            raise op.damaged(f"{size} from {begin} of {whole}")
        ranges.append((begin, size))

    def compute(x: torch.Tensor) -> torch.Tensor:
        for axis, (begin, size) in enumerate(ranges):
            if size != x.shape[axis]:
                x = x.narrow(axis, begin, size)
        return (
            x if any(size != n for n, (_, size) in zip(op.input(0).shape, ranges, strict=True)) else x.clone()
        )

    return op.layer(compute, x)


def strided_slice(op: Op) -> Layer:
    """A box with steps; bits of the masks leave a begin or an end open, or drop an axis."""
    op.demand_one_scale()
    x, (begins, ends, steps) = op.input(0), (op.integers(i) for i in (1, 2, 3))
    if op.option("EllipsisMask", 0) or op.option("NewAxisMask", 0):
        raise Unsupported("an ellipsis or a new axis")
    if not len(begins) == len(ends) == len(steps) <= len(x.shape) or 0 in steps:
        raise op.damaged(f"begins {begins}, ends {ends}, steps {steps} of {len(x.shape)} axes")
    if min(steps, default=1) < 0:
        raise Unsupported("a negative step")
    open_begin, open_end, drop = (op.option(n, 0) for n in ("BeginMask", "EndMask", "ShrinkAxisMask"))
    if op.option("Offset", False):
        ends = [begin + end for begin, end in zip(begins, ends, strict=True)]
    box: list[tuple[int, int, int]] = []
    for axis, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        if drop >> axis & 1:
            if not -x.shape[axis] <= begin < x.shape[axis]:
                raise op.damaged(f"index {begin} of {x.shape[axis]}")
            box.append((begin % x.shape[axis], begin % x.shape[axis] + 1, 1))
            continue
        begin = 0 if open_begin >> axis & 1 else begin
        end = x.shape[axis] if open_end >> axis & 1 else end
        found = range(x.shape[axis])[begin:end:step]
        if not found:
            raise op.damaged(f"nothing is left of axis {axis}")
        box.append((found.start, found.stop, step))

    def compute(x: torch.Tensor) -> torch.Tensor:
        for axis, (begin, end, step) in enumerate(box):
            if (begin, step) != (0, 1) or end < x.shape[axis]:
                x = torch.ops.aten.slice.Tensor(x, axis, begin, end, step)
        return x.reshape(op.output.shape)

    return op.layer(compute, x)


def gather(op: Op) -> Layer:
    """Rows by constant indices."""
    op.demand_one_scale()
    x, indices = op.input(0), op.input(1)
    if op.option("BatchDims", 0):
        raise Unsupported("batch axes")
    axis = _axis(op, int(op.option("Axis", 0)), len(x.shape))
    if indices.dtype != "int32":
        raise Unsupported(f"{indices.dtype} indices; int32 ones have kernels")
    if indices.data is not None and not ((indices.data >= 0) & (indices.data < x.shape[axis])).all():
        raise op.damaged(f"an index outside 0..{x.shape[axis] - 1}")
    if x.data is not None and indices.data is None and axis == 0:
        if len(x.shape) != 2:
            raise Unsupported(
                f"a constant of shape {list(x.shape)}, read by indices that are computed at run time"
            )
        return op.layer(lambda x, i: F.embedding(i, x), x, indices)

    def compute(x: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        return torch.index_select(x, axis, indices.reshape(-1)).reshape(op.output.shape)

    return op.layer(compute, x, indices)


def embedding_lookup(op: Op) -> Layer:
    """Rows (input 0) of a constant table (input 1)."""
    op.demand_one_scale(1)
    ids, table = op.input(0), op.input(1)
    if ids.dtype != "int32" or table.data is None:
        raise Unsupported(f"{ids.dtype} indices, or a table that is not constant")
    return op.layer(lambda ids, table: F.embedding(ids, table), ids, table)


def pad(op: Op) -> Layer:
    """Zeros around constant sides."""
    op.demand_one_scale()
    flat = _pads(op)
    return op.layer(lambda x: F.pad(x, flat), op.input(0))


def padv2(op: Op) -> Layer:
    """A constant value around constant sides."""
    op.demand_one_scale()
    flat, tensor = _pads(op), op.input(2)
    if tensor.data is None or tensor.data.size != 1:
        raise Unsupported("a value that is no constant number")
    value = float(tensor.data.reshape(-1)[0])
    if tensor.dtype in INTEGERS:
        quant = op.input(0).quant
        if tensor.quant is None or quant is None or not quant.same_as(tensor.quant):
            raise Unsupported("a value at another scale than the input's")
        value = (value - int(quant.zero_point[0])) * float(quant.scale[0])
    return op.layer(lambda x: F.pad(x, flat, value=value), op.input(0))


def mirror_pad(op: Op) -> Layer:
    """The input's own values around constant sides, in mirror order."""
    op.demand_one_scale()
    x, flat = op.input(0), _pads(op)
    twice = int(op.option("Mode"))  # 1: the edge itself is repeated, too
    sides = list(zip(flat[-2::-2], flat[::-2], strict=True))
    if max(flat) > MOST_MIRRORED:
        raise Unsupported(f"more than {MOST_MIRRORED} values on a side")
    if any(max(side) > size - 1 + twice for side, size in zip(sides, x.shape, strict=True)):
        raise op.damaged(f"padding {sides} of {list(x.shape)}")

    def compute(x: torch.Tensor) -> torch.Tensor:
        for axis, (before, after) in enumerate(sides):
            size = x.shape[axis]
            left = range(before - twice, -twice, -1)
            right = range(size - 2 + twice, size - 2 + twice - after, -1)
            if before or after:
                parts = [x.narrow(axis, i, 1) for i in left], [x], [x.narrow(axis, i, 1) for i in right]
                x = op.stored(torch.cat([part for some in parts for part in some], axis))
        return x

    return op.layer(compute, x)


def _parts(op: Op, axis: int, sizes: list[int], index: int) -> Layer:
    op.demand_one_scale(index)
    begins = [sum(sizes[:i]) for i in range(len(sizes))]

    def compute(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(x.narrow(axis, begin, size) for begin, size in zip(begins, sizes, strict=True))

    return op.layer(compute, op.input(index))


def _pads(op: Op) -> list[int]:
    """Return paddings as torch wants them: last axis first, before and after."""
    x, numbers = op.input(0), op.integers(1)
    pairs = list(zip(numbers[::2], numbers[1::2], strict=False))
    if len(numbers) != 2 * len(x.shape) or min(numbers) < 0 or max(numbers) > 2**16:
        raise op.damaged(f"padding {pairs} of {list(x.shape)}")
    return [n for pair in pairs[::-1] for n in pair]


def _axis(op: Op, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise op.damaged(f"axis {axis} of {rank}")
    return axis % rank
