"""Constant padding that no convolution took in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input
from toolkit.ops.requantize import quantize_real
from toolkit.ops.strided import itemsize

KERNEL_AXES = 4
# torch's names of the modes and operators, and numpy's of the modes.
MODES = {
    "constant": "constant",
    "constant_pad_nd": "constant",
    "reflect": "reflect",
    "reflection_pad1d": "reflect",
    "reflection_pad2d": "reflect",
    "replicate": "edge",
    "replication_pad1d": "edge",
    "replication_pad2d": "edge",
    "circular": "wrap",
}


class Pad(Operator):
    """Surround the input with ``attrs["value"]``, a real; ``attrs["pads"]`` has (before, after) per axis."""

    name = "pad"
    aten = (
        "aten.constant_pad_nd.default",
        "aten.pad.default",
        *(f"aten.{mode}_pad{axes}d.default" for mode in ("reflection", "replication") for axes in (1, 2)),
    )
    quantization = "share"
    moves_data = True
    takes_int16 = True
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        x = real_input(node.args[0], reader)
        name = str(node.target).split(".")[1]
        names = ("mode", "value") if name == "pad" else ("value",)
        args = {**dict(zip(names, node.args[2:], strict=False)), **node.kwargs}
        flat = [int(n) for n in node.args[1]]
        last_first = list(zip(flat[::2], flat[1::2], strict=True))  # torch lists the last axis first
        pads = (*[(0, 0)] * (len(x.shape) - len(last_first)), *last_first[::-1])
        mode = MODES.get(name) or MODES[args.get("mode", "constant")]
        if mode == "constant":
            return _constant_steps(x, pads, float(args.get("value") or 0.0))
        return _mirrored_steps(x, pads, mode)

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["pads"] = tuple(step.attrs["pads"][d] for d in dims)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        value = stored_value(step)
        return np.pad(inputs[0], step.attrs["pads"], constant_values=np.asarray(value, inputs[0].dtype))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        boxes = _merged(step.inputs[0].shape, step.attrs["pads"])
        if len(boxes) > KERNEL_AXES:
            raise ToolkitError(f"padding {step.attrs['pads']} of more than {KERNEL_AXES} axes", at=step.name)
        boxes = [(1, 1, 0)] * (KERNEL_AXES - len(boxes)) + boxes
        fields = ", ".join("{" + ", ".join(map(str, part)) + "}" for part in zip(*boxes, strict=True))
        box = emitter.local("tk_box", "box", f"{{{fields}}}")
        value = stored_value(step)
        filling = (
            emitter.local(f"{step.output.dtype}_t", "value", str(value))
            if isinstance(value, int)
            else emitter.local("float", "value", emitter.float_literal(value))
        )
        return Call(
            "tk_pad",
            [emitter.pointer(step.inputs[0]), filling, emitter.pointer(step.output), itemsize(step), box],
        )

    def cases(self) -> Iterable[Case]:
        paddings: list[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]] = [
            ((1, 3, 4, 2), ((0, 0), (1, 2), (2, 0), (0, 0))),
            ((1, 2, 3, 2), ((1, 0), (0, 1), (0, 0), (2, 3))),
            ((1, 7), ((0, 0), (0, 5))),
            ((3,), ((4, 0),)),
            ((2, 2), ((0, 0), (0, 0))),
            ((2, 1, 2, 3, 2), ((0, 0), (1, 1), (0, 0), (0, 0), (1, 0))),
        ]
        for kind in WITH_INT16:
            for (shape, pads), value in zip(paddings, (0.0, -1.5, 1e9, 0.0, 0.0, 2.0), strict=True):
                x = activation("x", shape, kind)
                out = tuple(n + before + after for n, (before, after) in zip(shape, pads, strict=True))
                step = Step("pad", "pad", [x], activation("y", out, kind), {"pads": pads, "value": value})
                yield Case(case_id(shape, "to", out, kind), step, [sample(x, 10)])


def _constant_steps(x: Value, pads: tuple[tuple[int, int], ...], value: float) -> list[Step]:
    """Return the padding, after a slice where some of it is negative."""
    steps: list[Step] = []
    if min(map(min, pads), default=0) < 0:
        start = tuple(max(-before, 0) for before, _ in pads)
        count = tuple(n + min(a, 0) + min(b, 0) for n, (a, b) in zip(x.shape, pads, strict=True))
        attrs = {"start": start, "count": count, "step": (1,) * len(pads)}
        steps.append(Step("slice", "", [x], Value(f"{x.name}_cut", count, x.dtype, x.quant), attrs))
        pads = tuple((max(a, 0), max(b, 0)) for a, b in pads)
        if not any(map(any, pads)):
            return steps
        x = steps[0].output
    return [*steps, Step("pad", "", [x], Value("", ()), {"pads": pads, "value": value})]


def _mirrored_steps(x: Value, pads: tuple[tuple[int, int], ...], mode: str) -> list[Step]:
    """Return one step per padded axis, which takes its values from inside the axis."""
    steps: list[Step] = []
    for axis, (size, pad) in enumerate(zip(x.shape, pads, strict=True)):
        if pad != (0, 0):
            index = tuple(np.pad(np.arange(size), pad, mode=mode).tolist())  # type: ignore[call-overload]
            shape = (*x.shape[:axis], len(index), *x.shape[axis + 1 :])
            output = Value(f"{x.name}_{mode}", shape, x.dtype, x.quant)
            steps.append(Step("take", "", [x], output, {"axis": axis, "index": index}))
            x = output
    return steps or [Step("reshape", "", [x], Value("", ()))]


def stored_value(step: Step) -> int | float:
    """Return the padding as stored: an integer at the input's scale, or a float."""
    quant = step.inputs[0].quant
    return float(step.attrs["value"]) if quant is None else quantize_real(step.attrs["value"], quant)


def _merged(shape: tuple[int, ...], pads: tuple[tuple[int, int], ...]) -> list[tuple[int, int, int]]:
    """Return (outer, inner, before) per axis; an axis without padding joins the one before it."""
    boxes: list[tuple[int, int, int]] = []
    for size, (before, after) in zip(shape, pads, strict=True):
        if boxes and before == after == 0:
            boxes[-1] = (boxes[-1][0] * size, boxes[-1][1] * size, boxes[-1][2] * size)
        else:
            boxes.append((before + size + after, size, before))
    return boxes


OPERATOR = Pad()
