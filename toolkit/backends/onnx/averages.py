"""Average pools that round halves as the toolkit does: see ``toolkit.backends.ties``."""

from __future__ import annotations

from math import prod

import numpy as np

from toolkit.backends.onnx.graph import Graph
from toolkit.backends.ties import stretch


def round_halves_away(graph: Graph) -> None:
    """Put a factor and an addend behind pools without padding, from integers to integers of the same scale."""
    for node in list(graph.nodes):
        if node.op_type != "AveragePool" or (before := graph.dequantized(node.input[0])) is None:
            continue
        readers = graph.readers(node.output[0])
        if not readers or any(reader.op_type != "QuantizeLinear" for reader in readers):
            continue
        scale, zero = (graph.array(name) for name in before.input[1:3])
        ends = [[graph.array(name) for name in reader.input[1:3]] for reader in readers]
        if (
            scale is None
            or zero is None
            or scale.size != 1
            or not all(_same((scale, zero), end) for end in ends)
        ):
            continue
        settings = {attribute.name: attribute for attribute in node.attribute}
        if "pads" in settings and any(settings["pads"].ints):
            continue
        values = prod(settings["kernel_shape"].ints)
        found = stretch(
            values, float(scale.reshape(())), int(zero.reshape(())), -int(np.iinfo(zero.dtype).min)
        )
        if found is None:
            continue
        names = [
            graph.add_constant(f"{node.output[0]}_{word}", np.array(value, np.float32))
            for word, value in zip(("factor", "addend"), found, strict=True)
        ]
        longer = graph.insert(readers[0], "Mul", [node.output[0], names[0]], f"{node.output[0]}_stretched")
        moved = graph.insert(readers[0], "Add", [longer, names[1]], f"{node.output[0]}_moved")
        for reader in readers:
            reader.input[0] = moved


def _same(one: tuple[np.ndarray, np.ndarray], other: list[np.ndarray | None]) -> bool:
    return all(b is not None and np.array_equal(a, b) for a, b in zip(one, other, strict=True))
