"""What only moves values: shapes, orders, parts, joins, padding, copies, rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from toolkit.backends.litert.graph import Graph
from toolkit.lower.ir import Step, Value
from toolkit.ops.concat import stored_inputs
from toolkit.ops.embedding import stored_table
from toolkit.ops.pad import stored_value
from toolkit.program.tflite.writer import BITS, options


def reshape(step: Step, graph: Graph) -> None:
    """Another shape."""
    graph.reshaped(step.inputs[0], step.output)


def permute(step: Step, graph: Graph) -> None:
    """Axes in another order."""
    graph.transposed(step.inputs[0], step.attrs["dims"], step.output)


def concat(step: Step, graph: Graph) -> None:
    """Inputs of other scales are brought to the output's."""
    inputs = [
        graph.rescaled(x, step.output) if x.data is None else graph.constant(x.name, x.data, x.quant)
        for x in stored_inputs(step)
    ]
    graph.add("CONCATENATION", inputs, step.output, options("Concatenation", axis=step.attrs["axis"]), 2)


def slice(step: Step, graph: Graph) -> None:
    """A box, of every value or every other, forwards or backwards."""
    x, starts, counts, steps = step.inputs[0], *(step.attrs[name] for name in ("start", "count", "step"))
    whole = _shaped(graph, step.output, tuple(counts))
    if all(by == 1 or count == 1 for by, count in zip(steps, counts, strict=True)):
        box = [graph.integers(starts), graph.integers(counts)]
        graph.add("SLICE", [x, *box], whole, options("Slice"), 2)
    else:
        picked = []
        for axis, (start, count, by) in enumerate(zip(starts, counts, steps, strict=True)):
            if (start, count, by) != (0, x.shape[axis], 1):
                picked.append((axis, start + by * np.arange(count)))
        _gathered(graph, x, picked, whole)
    if whole is not step.output:
        graph.reshaped(whole, step.output)


def take(step: Step, graph: Graph) -> None:
    """Entries along an axis."""
    _gathered(graph, step.inputs[0], [(step.attrs["axis"], step.attrs["index"])], step.output)


def expand(step: Step, graph: Graph) -> None:
    """Whole axes repeated."""
    graph.add("TILE", [step.inputs[0], graph.integers(step.attrs["times"])], step.output, options("Tile"))


def pad(step: Step, graph: Graph) -> None:
    """A constant around."""
    x, pads = step.inputs[0], graph.integers(np.array(step.attrs["pads"]))
    value = graph.number(stored_value(step), x)
    graph.add("PADV2", [x, pads, value], step.output, options("PadV2"), 2)


def embedding(step: Step, graph: Graph) -> None:
    """Rows of a constant table. GATHER takes int8 ones; of narrower ones EMBEDDING_LOOKUP makes floats."""
    table, index = step.inputs
    y = step.output
    stored = replace(table, data=stored_table(step), dtype=y.dtype, quant=table.quant or y.quant)
    width = table.shape[1]
    types = [
        kind for kind in ("int2", "int4") if width * BITS[kind] % 8 == 0
    ]  # LiteRT reads rows of whole bytes
    weight = graph.weight(step, stored, (*types, "int8"))
    if weight.dtype not in types:
        graph.add("GATHER", [weight, index], y, options("Gather"), 2 if weight.quant is not None else 1)
        return
    flat = index if len(index.shape) == 1 else graph.between(index, (index.size,))
    if flat is not index:
        graph.reshaped(index, flat)
    rows = graph.between(y, (flat.size, width), dtype="float32", quant=None)
    graph.add("EMBEDDING_LOOKUP", [flat, weight], rows, None, 4)
    whole = _shaped(graph, y, rows.shape)
    graph.add("QUANTIZE", [rows], whole, options("Quantize"))
    if whole is not y:
        graph.reshaped(whole, y)


def depth_to_space(step: Step, graph: Graph) -> None:
    """Channels to blocks of pixels, in torch's order of channels or TensorFlow's."""
    block, (_, h, w, _) = step.attrs["block"], step.inputs[0].shape
    channels = step.output.shape[3]
    first = step.attrs["channel_first"]
    shape = (h, w, channels, block, block) if first else (h, w, block, block, channels)
    _rearranged(step, graph, shape, (0, 3, 1, 4, 2) if first else (0, 2, 1, 3, 4))


def space_to_depth(step: Step, graph: Graph) -> None:
    """Blocks of pixels to channels."""
    block, (_, h, w, channels) = step.attrs["block"], step.inputs[0].shape
    order = (0, 2, 4, 1, 3) if step.attrs["channel_first"] else (0, 2, 1, 3, 4)
    _rearranged(step, graph, (h // block, block, w // block, block, channels), order)


def _rearranged(step: Step, graph: Graph, shape: tuple[int, ...], order: tuple[int, ...]) -> None:
    parts = graph.between(step.inputs[0], shape)
    graph.reshaped(step.inputs[0], parts)
    turned = graph.between(parts, tuple(shape[axis] for axis in order))
    graph.transposed(parts, order, turned)
    graph.reshaped(turned, step.output)


def _gathered(graph: Graph, x: Value, picked: Sequence[tuple[int, np.ndarray]], output: Value) -> None:
    """Take entries along one axis after the other."""
    for i, (axis, at) in enumerate(picked):
        shape = (*x.shape[:axis], len(at), *x.shape[axis + 1 :])
        made = output if i == len(picked) - 1 else graph.between(output, shape)
        graph.add("GATHER", [x, graph.integers(at)], made, options("Gather", axis=axis), 2)
        x = made


def _shaped(graph: Graph, output: Value, shape: tuple[int, ...]) -> Value:
    """Return ``output``, or a tensor of another shape that becomes it."""
    return output if output.shape == shape else graph.between(output, shape)
