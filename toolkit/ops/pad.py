"""Constant padding that no convolution took in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input
from toolkit.ops.requantize import quantize_real

KERNEL_AXES = 4


class Pad(Operator):
    """Surround the input with ``attrs["value"]``, a real; ``attrs["pads"]`` has (before, after) per axis."""

    name = "pad"
    aten = ("aten.constant_pad_nd.default", "aten.pad.default")
    quantization = "share"
    moves_data = True
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step:
        x = real_input(node.args[0], reader)
        names = ("mode", "value") if str(node.target) == "aten.pad.default" else ("value",)
        args = {**dict(zip(names, node.args[2:], strict=False)), **node.kwargs}
        if args.get("mode", "constant") != "constant":
            raise reader.unsupported(f"{args['mode']} padding")
        flat = [int(n) for n in node.args[1]]
        if min(flat, default=0) < 0:
            raise reader.unsupported("negative padding")
        last_first = list(zip(flat[::2], flat[1::2], strict=True))  # torch lists the last axis first
        pads = (*[(0, 0)] * (len(x.shape) - len(last_first)), *last_first[::-1])
        return Step(
            self.name, "", [x], Value("", ()), {"pads": pads, "value": float(args.get("value") or 0.0)}
        )

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["pads"] = tuple(step.attrs["pads"][d] for d in dims)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        value = _value(step)
        return np.pad(inputs[0], step.attrs["pads"], constant_values=np.asarray(value, inputs[0].dtype))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        boxes = _merged(step.inputs[0].shape, step.attrs["pads"])
        if len(boxes) > KERNEL_AXES:
            raise ToolkitError(f"padding {step.attrs['pads']} of more than {KERNEL_AXES} axes", at=step.name)
        boxes = [(1, 1, 0)] * (KERNEL_AXES - len(boxes)) + boxes
        fields = ", ".join("{" + ", ".join(map(str, part)) + "}" for part in zip(*boxes, strict=True))
        box = emitter.local("tk_box", "box", f"{{{fields}}}")
        value = _value(step)
        literal = str(value) if isinstance(value, int) else emitter.float_literal(value)
        kernel = "tk_pad_s8" if isinstance(value, int) else "tk_pad_f32"
        return Call(kernel, [emitter.pointer(step.inputs[0]), literal, emitter.pointer(step.output), box])

    def cases(self) -> Iterable[Case]:
        paddings: list[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]] = [
            ((1, 3, 4, 2), ((0, 0), (1, 2), (2, 0), (0, 0))),
            ((1, 2, 3, 2), ((1, 0), (0, 1), (0, 0), (2, 3))),
            ((1, 7), ((0, 0), (0, 5))),
            ((3,), ((4, 0),)),
            ((2, 2), ((0, 0), (0, 0))),
            ((2, 1, 2, 3, 2), ((0, 0), (1, 1), (0, 0), (0, 0), (1, 0))),
        ]
        for kind in KINDS:
            for (shape, pads), value in zip(paddings, (0.0, -1.5, 1e9, 0.0, 0.0, 2.0), strict=True):
                x = activation("x", shape, kind)
                out = tuple(n + before + after for n, (before, after) in zip(shape, pads, strict=True))
                step = Step("pad", "pad", [x], activation("y", out, kind), {"pads": pads, "value": value})
                yield Case(case_id(shape, "to", out, kind), step, [sample(x, 10)])


def _value(step: Step) -> int | float:
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
