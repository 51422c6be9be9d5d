"""The gradient of relu, relu6 and hardtanh."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import case_id
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.gradient_cases import normal
from toolkit.ops.half import bytes_of_input, halved, suffix, widened


class ReluGradient(Operator):
    """``output = gradient where low < x < high, else 0``, for ``attrs["bounds"]``; x may be what the relu gave."""

    name = "relu_gradient"
    aten: ClassVar[tuple[str, ...]] = ("aten.threshold_backward.default", "aten.hardtanh_backward.default")
    layout = "any"
    half_operands = 1
    half_also = 1
    of_halves = "picked"

    def read(self, node: Any, reader: Reader) -> Step:
        gradient, x, *bounds = node.args
        if str(node.target) == "aten.hardtanh_backward.default":
            x = _bounded(x, bounds)
        low, high = (float(bound) for bound in (*bounds, math.inf)[:2])
        inputs = [reader.value(gradient), reader.value(x)]
        return Step(self.name, "", inputs, Value("", ()), {"bounds": (low, high)})

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        gradient, x = inputs[0], widened(inputs[1])
        low, high = (np.float32(bound) for bound in step.attrs["bounds"])
        return np.where((x > low) & ((x < high) | np.isinf(high)), gradient, gradient.dtype.type(0))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        gradient, x, y = (emitter.pointer(value) for value in (*step.inputs, step.output))
        bounds = [emitter.float_literal(bound) for bound in step.attrs["bounds"]]
        arguments = [gradient, x, *bounds, y, str(step.output.size), *bytes_of_input(step)]
        return Call(f"tk_relu_gradient_{suffix(step)}", arguments, "tk_relu_gradient_f32")

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if step.inputs[index].dtype == step.output.dtype else None

    def cases(self) -> Iterable[Case]:
        for shape in ((1, 300), (1, 3, 5, 7), (1,)):
            for bounds in ((0.0, math.inf), (0.0, 1.0)):
                gradient, x = Value("gradient", shape), Value("x", shape)
                step = Step(self.name, "relu", [gradient, x], Value("y", shape), {"bounds": bounds})
                data = np.clip(normal(x), 0, 1) if len(shape) == 4 else normal(x)
                case = Case(case_id(shape, bounds), step, [normal(gradient), data.astype(np.float32)])
                yield case
                yield halved(case, 2 if len(shape) == 4 else 1)


def _bounded(x: Any, bounds: list[Any]) -> Any:
    """Return the node that keeps ``x`` within ``bounds``, if there is one: it says the same, and is kept anyway."""
    spelled = ("aten.hardtanh.default", "aten.clamp.default")
    return next((user for user in x.users if str(user.target) in spelled and user.args == (x, *bounds)), x)


OPERATOR = ReluGradient()
