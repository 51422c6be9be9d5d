"""Test cases for operators of two operands: every way to broadcast, constants on either side."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Case

Shape = tuple[int, ...]
ACTIVATIONS: tuple[tuple[Shape, Shape], ...] = (
    ((1, 1), (1, 1)),
    ((2, 257), (2, 257)),
    ((1, 4, 3, 6), (1, 1, 1, 6)),  # a gate per channel
    ((1, 4, 3, 6), (1, 4, 3, 1)),  # a gate per pixel
    ((1, 1, 3, 1), (1, 4, 1, 5)),  # both repeat
    ((2, 1, 3, 1), (1, 4, 1, 5)),
)
CONSTANTS: tuple[Shape, ...] = ((1, 1, 1, 6), (1, 4, 1, 1), (1, 1, 1, 1), (1, 4, 3, 6))


def broadcast_cases(
    op: str, scales: tuple[float, float, float], zeros: tuple[int, int, int] = (7, -100, -5)
) -> Iterable[Case]:
    """Yield cases of operator ``op`` with the scales and zero points of a, b and the output."""
    for kind in KINDS:
        for shapes in ACTIVATIONS:
            a, b = (
                activation(n, s, kind, c, z) for n, s, c, z in zip("ab", shapes, scales, zeros, strict=False)
            )
            out = np.broadcast_shapes(*shapes)
            step = Step(op, op, [a, b], activation("y", out, kind, scales[2], zeros[2]))
            yield Case(case_id("two", *shapes, kind), step, [sample(a, 1), sample(b, 2)])
        for constant in CONSTANTS:
            for first in (False, True):
                yield _constant_case(op, constant, first, kind, scales, zeros)


def _constant_case(
    op: str,
    shape: Shape,
    first: bool,
    kind: str,
    scales: tuple[float, float, float],
    zeros: tuple[int, int, int],
) -> Case:
    rng = np.random.default_rng([len(shape), *shape])
    activation_at = 1 if first else 0
    x = activation("x", (1, 4, 3, 6), kind, scales[activation_at], zeros[activation_at])
    c = Value("c", shape, data=(rng.choice([-1, 1], shape) * rng.uniform(0.3, 2, shape)).astype(np.float32))
    y = activation("y", x.shape, kind, scales[2], zeros[2])
    step = Step(op, op, [c, x] if first else [x, c], y, {"activation": (0.0, np.inf)})
    return Case(case_id("first" if first else "second", "constant", shape, kind), step, [sample(x, 3)])
