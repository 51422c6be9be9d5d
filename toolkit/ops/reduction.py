"""What reductions over axes share: arguments, the axes as a kernel walks them, cases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from math import prod
from typing import Any, ClassVar

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Case, Emitter, Operator, Reader
from toolkit.ops.reading import node_shape, real_input


class ReductionOperator(Operator):
    """Reduces ``attrs["axes"]`` to one value each; the step keeps them as axes of size 1."""

    layout = "axes"
    aten: ClassVar[tuple[str, ...]]

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        x = real_input(node.args[0], reader)
        rank = len(x.shape)
        given = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        listed = [given] if isinstance(given, int) else list(given or range(rank))
        axes = tuple(sorted({int(axis) % rank for axis in listed}))
        kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
        steps = [Step(self.name, "", [x], Value("", ()), {"axes": axes})]
        if kept != node_shape(node):
            steps[0].output = Value(f"{node.name}_kept", kept)
            steps.append(Step("reshape", "", [steps[0].output], Value("", ())))
        return steps

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["axes"] = tuple(sorted(dims.index(axis) for axis in step.attrs["axes"]))

    def cases(self) -> Iterable[Case]:
        reductions: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
            ((1, 4, 5, 6), (1, 2)),
            ((1, 4, 5, 6), (3,)),
            ((2, 3, 4, 5), (1, 3)),
            ((3, 2, 2, 3, 5), (1, 3)),
            ((2, 7), (0, 1)),
            ((1, 1, 1), (1,)),
            ((300,), (0,)),
        ]
        for kind in KINDS:
            for shape, axes in reductions:
                x = activation("x", shape, kind, 0.05, -30)
                out = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
                y = activation("y", out, kind, *self.case_scale(prod(shape) // prod(out)))
                step = Step(self.name, self.name, [x], y, {"axes": axes})
                for extreme in (False, True):
                    name = case_id(shape, "over", axes, *(["extreme"] if extreme else []), kind)
                    yield Case(name, step, [sample(x, 13, extreme=extreme)])

    def case_scale(self, count: int) -> tuple[float, int]:
        """Return the output scale and zero point of a case that reduces ``count`` values."""
        return 0.05, -30


def reduced_count(step: Step) -> int:
    """Return how many values become one."""
    return step.inputs[0].size // step.output.size


def reduction_struct(step: Step, emitter: Emitter) -> str:
    """Define the ``tk_reduction`` of a step and return its address."""
    runs: list[tuple[bool, int]] = []
    long = [(axis in step.attrs["axes"], size) for axis, size in enumerate(step.inputs[0].shape) if size > 1]
    for reduced, group in groupby(long, key=lambda axis: axis[0]):
        runs.append((reduced, prod(size for _, size in group)))
    if runs and runs[0][0]:
        runs.insert(0, (False, 1))
    sizes = [size for _, size in runs] + [1] * (5 - len(runs))
    if len(sizes) > 5:
        raise ToolkitError(f"{step.op} over axes {step.attrs['axes']} that lie apart", at=step.name)
    kept, reduced_sizes = ", ".join(map(str, sizes[0::2])), ", ".join(map(str, sizes[1::2]))
    return emitter.local("tk_reduction", "shape", f"{{{{{kept}}}, {{{reduced_sizes}}}}}")


def taken_together(step: Step, x: np.ndarray) -> Iterator[np.ndarray]:
    """Yield arrays of the output's shape: the values that become one, in the kernel's order."""
    axes = step.attrs["axes"]
    for place in np.ndindex(*(x.shape[axis] for axis in axes)):
        picked = x
        for axis, at in zip(axes, place, strict=True):
            picked = picked.take([at], axis)
        yield picked
