"""Which spiking neurons spike, from potentials in float32 or int16."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.int8_value import scale_of
from toolkit.ops.neuron import each_literal, numbers, period_of, read_each, threshold_of


class Fire(Operator):
    """``output = 1 where v >= threshold (+ rise), else 0``; int16 in, int8 out, whose scale is 1.

    Inputs are v[, rise], and thresholds where each neuron has its own: then ``attrs["each"]`` names them. Read from
    ``toolkit::fire``. ``attrs["density"]`` is the share of ones that was measured, or -1.
    """

    name = "fire"
    aten: ClassVar[tuple[str, ...]] = ("toolkit.fire.default",)
    quantization = "fixed"
    fixed_output = (1.0, 0)
    layout = "any"
    takes_int16 = True
    potentials = True
    float_constants = True

    def read(self, node: Any, reader: Reader) -> Step:
        v, rise, threshold, *rest = node.args
        inputs = [reader.value(arg) for arg in (v, rise) if arg is not None]
        if any(value.shape != inputs[0].shape for value in inputs):
            raise reader.unsupported("thresholds of another shape than the potentials")
        attrs = {"threshold": threshold, "strict": False, "density": -1.0}
        attrs.update(zip(("strict", "density"), rest, strict=False))
        each = read_each(("threshold",), rest[2:], inputs[0].shape, reader)
        attrs |= {"each": tuple(each)} if each else {}
        return Step(self.name, "", [*inputs, *each.values()], Value("", ()), attrs)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        v, *rises = inputs
        if step.output.quant is None:
            threshold = np.asarray(numbers(step)["threshold"], np.float32)
            level = rises[0] + threshold if rises else threshold
            return (v > level if step.attrs["strict"] else v >= level).astype(np.float32)
        least = least_potential(step)
        return (v >= (rises[0].astype(np.int64) + least if rises else least)).astype(np.int8)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        v, *rises = (emitter.pointer(value) for value in step.activations)
        integers = step.output.quant is not None
        each = "_each" if step.attrs.get("each") else ""
        if each:
            level = self._each(step, emitter, integers)
        elif integers:
            level = [str(least_potential(step))]
        else:
            level = [emitter.float_literal(step.attrs["threshold"]), str(int(step.attrs["strict"]))]
        rest = [*level, emitter.pointer(step.output), str(step.output.size)]
        kernel = f"tk_fire{each}_{'s16' if integers else 'f32'}"
        return Call(kernel, [v, *(rises or ["0"]), *rest], f"tk_fire{each}")

    def _each(self, step: Step, emitter: Emitter, integers: bool) -> list[str]:
        found = least_potential(step) if integers else numbers(step)["threshold"]
        literal = each_literal(step, emitter, "threshold", found, np.int32 if integers else np.float32)
        threshold = emitter.local(f"tk_each_{'s32' if integers else 'f32'}", "thresholds", literal)
        return [threshold, str(period_of(step)), *([] if integers else [str(int(step.attrs["strict"]))])]

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if index == 0 else None

    def cases(self) -> Iterable[Case]:
        for kind in ("float32", "int16"):
            for shape, rising, own in (
                ((1, 300), False, ()),
                ((1, 3, 5, 7), False, ()),
                ((1, 33), True, ()),
                ((1, 1), False, ()),
                ((1, 21), True, (1, 21)),
                ((1, 3, 5, 7), False, (1, 1, 1, 7)),
            ):
                yield self._case(kind, shape, rising, own)

    def _case(self, kind: str, shape: tuple[int, ...], rising: bool, own: tuple[int, ...]) -> Case:
        values = [activation(name, shape, kind) for name in "vr"[: 1 + rising]]
        y = activation("y", shape, "float32")
        if kind == "int16":
            y = Value("y", shape, "int8", per_tensor(*self.fixed_output))
        attrs = {"threshold": 1.0, "strict": rising, "density": -1.0}
        step = Step(self.name, "neurons", values, y, attrs)
        data = [sample(value, index) for index, value in enumerate(values)]
        data[0].flat[-1] = least_potential(step) if kind == "int16" else 1.0
        names = ["rise"] if rising else []
        if own:
            thresholds = np.random.default_rng(1).uniform(0.05, 1.5, own).astype(np.float32)
            constant = Value("threshold", own, "float32", None, thresholds)
            step = replace(step, inputs=[*values, constant], attrs={**attrs, "each": ("threshold",)})
            names.append("each")
        return Case(case_id(shape, *names, kind), step, data)


def least_potential(step: Step) -> Any:
    """Return the least potential that spikes, in steps of it; an array where each neuron has a threshold of its own."""
    v, *rises = (scale_of(value) for value in step.activations)
    if rises and rises[0] != v:
        raise ToolkitError("a threshold's rise has another scale than the potential", at=step.name)
    return threshold_of(step, v)


OPERATOR = Fire()
