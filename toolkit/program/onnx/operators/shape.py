"""Operators that give elements another shape or order, choose some of them, or ask for a shape."""

from __future__ import annotations

from math import prod

import numpy as np
import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Computed, Node, Tensor, apply, axis_of, reshaped, turned
from toolkit.program.onnx.refusal import UnsupportedError

_CAST_TO = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float32", 11: "float32", 16: "float32"}


def _reshape_to(node: Node, shape: tuple[int, ...]) -> Computed | Tensor:
    if prod(shape) != prod(node.x.shape):
        raise UnsupportedError(f"shape {list(node.x.shape)} cannot become {list(shape)}")
    if node.x.data is not None:
        return reshaped(node.x, shape)
    return apply(lambda x: x.reshape(shape), node.x)


def _reshape(node: Node) -> Computed | Tensor:
    wanted, x = node.integers(1, "the new shape"), node.x
    if not node.integer("allowzero", 0):
        if any(size == 0 and i >= len(x.shape) for i, size in enumerate(wanted)):
            raise UnsupportedError(f"the shape {wanted} copies an axis that is not there")
        wanted = [x.shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    if wanted.count(-1) == 1:
        others = -prod(wanted)
        if others == 0 or prod(x.shape) % others:
            raise UnsupportedError(f"shape {list(x.shape)} cannot become {wanted}")
        wanted[wanted.index(-1)] = prod(x.shape) // others
    if min(wanted, default=0) < 0:
        raise UnsupportedError(f"the shape {wanted}")
    return _reshape_to(node, tuple(wanted))


def _flatten(node: Node) -> Computed | Tensor:
    shape = node.x.shape
    axis = node.integer("axis", 1)
    if not -len(shape) <= axis <= len(shape):
        raise UnsupportedError(f"axis {axis} of a tensor with {len(shape)} axes")
    axis += len(shape) if axis < 0 else 0
    return _reshape_to(node, (prod(shape[:axis]), prod(shape[axis:])))


def _squeeze(node: Node) -> Computed | Tensor:
    shape, axes = node.x.shape, node.axes(1)
    gone = {axis_of(a, len(shape)) for a in axes} if axes else {i for i, s in enumerate(shape) if s == 1}
    if any(shape[a] != 1 for a in gone):
        raise UnsupportedError(f"squeezing axes {sorted(gone)} of shape {list(shape)}")
    return _reshape_to(node, tuple(s for i, s in enumerate(shape) if i not in gone))


def _unsqueeze(node: Node) -> Computed | Tensor:
    axes = node.axes(1)
    if axes is None:
        raise UnsupportedError("there are no axes")
    rank = len(node.x.shape) + len(axes)
    new = {axis_of(a, rank) for a in axes}
    if len(new) != len(axes):
        raise UnsupportedError(f"axes {axes} name one axis twice")
    sizes = iter(node.x.shape)
    return _reshape_to(node, tuple(1 if i in new else next(sizes) for i in range(rank)))


def _transpose(node: Node) -> Computed | Tensor:
    rank = len(node.x.shape)
    dims = node.numbers("perm") or list(reversed(range(rank)))
    if sorted(dims) != list(range(rank)):
        raise UnsupportedError(f"the permutation {dims} of {rank} axes")
    if node.x.data is not None:
        return turned(node.x, tuple(dims))
    return apply(lambda x: x.permute(dims), node.x)


def _concat(node: Node) -> Computed:
    axis = axis_of(node.integer("axis", 0), len(node.x.shape))
    return apply(lambda *xs: torch.cat(xs, axis), *node.inputs)


def _split(node: Node) -> Computed:
    axis = axis_of(node.integer("axis", 0), len(node.x.shape))
    size, parts = node.x.shape[axis], len(node.raw.outputs)
    if node.optional(1) is not None:
        sizes = node.integers(1, "the sizes")
    else:
        each = -(-size // node.integer("num_outputs", parts))
        sizes = [min(each, size - i * each) for i in range(parts)]
    if sum(sizes) != size or len(sizes) != parts or min(sizes) < 0:
        raise UnsupportedError(f"a split of {size} into {sizes}")
    return apply(lambda x: tuple(torch.split(x, sizes, axis)), node.x)


def _slice(node: Node) -> Computed | Tensor:
    shape = node.x.shape
    starts, ends = node.integers(1, "the starts"), node.integers(2, "the ends")
    axes = node.integers(3, "the axes") if node.optional(3) is not None else list(range(len(starts)))
    steps = node.integers(4, "the steps") if node.optional(4) is not None else [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise UnsupportedError("starts, ends, axes and steps that do not fit together")
    cuts, flips = [slice(None)] * len(shape), []
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        a = axis_of(axis, len(shape))
        chosen = range(*slice(start, end, step).indices(shape[a]))
        if step < 0 and len(chosen):  # torch takes no negative steps: cut forwards, then turn round
            flips.append(a)
            cuts[a] = slice(chosen[-1], chosen[0] + 1, -step)
        else:
            cuts[a] = slice(chosen.start, max(chosen.start, chosen.stop), max(step, 1))
    if (
        all(range(*cut.indices(size)) == range(size) for cut, size in zip(cuts, shape, strict=True))
        and not flips
    ):
        return node.x
    cut = tuple(cuts)
    return apply(lambda x: x[cut].flip(flips) if flips else x[cut], node.x)


def _gather(node: Node) -> Computed:
    x, chosen = node.x, node.input(1)
    axis = axis_of(node.integer("axis", 0), len(x.shape))
    if chosen.data is None:
        if x.data is None or axis != 0 or len(x.shape) != 2:
            raise UnsupportedError(
                "indices that are computed at run time, into anything but a constant table"
            )
        return apply(lambda i, table: F.embedding(i, table), chosen, x, names=("indices", "weight"))
    size = x.shape[axis]
    indices = chosen.data.astype(np.int64)
    if indices.size and not (-size <= indices.min() and indices.max() < size):
        raise UnsupportedError(f"an index outside the {size} that there are")
    indices = np.where(indices < 0, indices + size, indices)
    if indices.ndim == 0:
        one = int(indices)
        return apply(lambda x: x.select(axis, one), x)
    flat = indices.ravel()
    steps = np.diff(flat)
    new_shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    if flat.size and (flat.size == 1 or (steps[0] > 0 and (steps == steps[0]).all())):
        step = int(steps[0]) if flat.size > 1 else 1
        cut = (*[slice(None)] * axis, slice(int(flat[0]), int(flat[-1]) + 1, step))
        return apply(lambda x: x[cut].reshape(new_shape), x)
    index = Tensor("", flat.shape, "int64", flat)
    return apply(lambda x, i: x.index_select(axis, i).reshape(new_shape), x, index, names=("x", "indices"))


def _expand(node: Node) -> Computed | Tensor:
    wanted = node.integers(1, "the new shape")
    try:
        shape = np.broadcast_shapes(node.x.shape, tuple(wanted))
    except ValueError as error:
        raise UnsupportedError(f"shape {list(node.x.shape)} cannot be expanded to {wanted}") from error
    return node.x if shape == node.x.shape else apply(lambda x: x.expand(shape), node.x)


def _tile(node: Node) -> Computed | Tensor:
    repeats = node.integers(1, "the repeats")
    if len(repeats) != len(node.x.shape) or min(repeats, default=1) < 0:
        raise UnsupportedError(f"repeats {repeats} of shape {list(node.x.shape)}")
    return node.x if set(repeats) <= {1} else apply(lambda x: x.repeat(repeats), node.x)


def _pad(node: Node) -> Computed | Tensor:
    rank = len(node.x.shape)
    pads, mode = node.integers(1, "the pads"), node.text("mode", "constant")
    axes = (
        [axis_of(a, rank) for a in node.integers(3, "the axes")]
        if node.optional(3) is not None
        else list(range(rank))
    )
    if len(pads) != 2 * len(axes) or mode not in ("constant", "reflect", "edge", "wrap"):
        raise UnsupportedError(f"pads {pads} in mode {mode}")
    value = float(node.constant(2, "the value").reshape(())) if node.optional(2) is not None else 0.0
    both = dict(zip(axes, zip(pads[: len(axes)], pads[len(axes) :], strict=True), strict=True))
    if all(pair == (0, 0) for pair in both.values()):
        return node.x
    if mode == "constant":
        torch_pads = [p for axis in reversed(range(rank)) for p in both.get(axis, (0, 0))]
        while torch_pads[-2:] == [0, 0]:
            torch_pads = torch_pads[:-2]
        return apply(lambda x: F.pad(x, torch_pads, value=value), node.x)
    return apply(lambda x: _pad_with_own(x, both, mode), node.x)


def _pad_with_own(x: torch.Tensor, both: dict[int, tuple[int, int]], mode: str) -> torch.Tensor:
    """Pad by choosing from the tensor itself, axis by axis."""
    numpy_mode = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}[mode]
    for axis, (before, after) in both.items():
        size = x.shape[axis]
        if min(before, after) < 0 or max(before, after) > size:
            raise ValueError(f"{mode} padding of {before} and {after} for an axis of {size}")
        if (before, after) == (0, 0):
            continue
        chosen = np.pad(np.arange(size), (before, after), numpy_mode)  # type: ignore[call-overload]
        parts = [
            x.narrow(axis, int(run[0]), len(run))
            if run[0] <= run[-1]
            else x.narrow(axis, int(run[-1]), len(run)).flip(axis)
            for run in np.split(chosen, _breaks(chosen))
        ]
        x = torch.cat(parts, axis)
    return x


def _breaks(chosen: np.ndarray) -> list[int]:
    """Return where runs of ascending or descending indices end."""
    breaks, direction = [], 0
    for i in range(1, len(chosen)):
        step = int(chosen[i] - chosen[i - 1])
        if abs(step) != 1 or (direction and step != direction):
            breaks.append(i)
            direction = 0
        else:
            direction = step
    return breaks


def _depth_to_space(node: Node) -> Computed:
    block, mode = node.integer("blocksize", 0), node.text("mode", "DCR")
    n, c, h, w = _image(node)
    if block < 1 or c % (block * block) or mode not in ("DCR", "CRD"):
        raise UnsupportedError(f"blocksize {block} in mode {mode} for {c} channels")
    depth = c // (block * block)
    if mode == "CRD":
        return apply(lambda x: F.pixel_shuffle(x, block), node.x)

    def compute(x: torch.Tensor) -> torch.Tensor:
        x = x.reshape(n, block, block, depth, h, w).permute(0, 3, 4, 1, 5, 2)
        return x.reshape(n, depth, h * block, w * block)

    return apply(compute, node.x)


def _space_to_depth(node: Node) -> Computed:
    block = node.integer("blocksize", 0)
    n, c, h, w = _image(node)
    if block < 1 or h % block or w % block:
        raise UnsupportedError(f"blocksize {block} for an image of {h} x {w}")

    def compute(x: torch.Tensor) -> torch.Tensor:
        x = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
        return x.reshape(n, c * block * block, h // block, w // block)

    return apply(compute, node.x)


def _image(node: Node) -> tuple[int, int, int, int]:
    if len(node.x.shape) != 4:
        raise UnsupportedError(f"a tensor with {len(node.x.shape)} axes instead of 4")
    n, c, h, w = node.x.shape
    return n, c, h, w


def _shape(node: Node) -> Tensor:
    rank = len(node.x.shape)
    start, end = node.integer("start", 0), node.integer("end", rank)
    sizes = np.array(node.x.shape[slice(start, end)], np.int64)
    return Tensor("", sizes.shape, "int64", sizes)


def _size(node: Node) -> Tensor:
    return Tensor("", (), "int64", np.array(prod(node.x.shape), np.int64))


def _same(node: Node) -> Tensor:
    return node.x


def _dropout(node: Node) -> Tensor:
    """Dropout does nothing in inference; ``training_mode`` true would."""
    if node.optional(2) is not None and bool(node.constant(2, "training_mode").any()):
        raise UnsupportedError("training mode; export the model with model.eval()")
    if any(node.raw.outputs[1:]):
        raise UnsupportedError("the mask as an output")
    return node.x


def _cast(node: Node) -> Computed | Tensor:
    wanted = _CAST_TO.get(node.integer("to", 0))
    if wanted is None:
        raise UnsupportedError("a cast to that type at run time")
    if wanted == node.x.dtype:
        return node.x
    dtype = getattr(torch, wanted)
    return apply(lambda x: x.to(dtype), node.x)


RULES = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "Gather": _gather,
    "Expand": _expand,
    "Tile": _tile,
    "Pad": _pad,
    "DepthToSpace": _depth_to_space,
    "SpaceToDepth": _space_to_depth,
    "Shape": _shape,
    "Size": _size,
    "Identity": _same,
    "Dropout": _dropout,
    "Cast": _cast,
}
