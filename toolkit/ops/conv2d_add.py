"""2-d convolution and the addition of another activation, in one: the convolution's output never lies in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.add import OPERATOR as ADD
from toolkit.ops.add import every_sum
from toolkit.ops.add_linear import LinearForm, short_form
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.conv2d import OPERATOR as CONV
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.requantize import output_bounds

OWN = ("between", "sum_activation")  # attributes that are not the convolution's


class Conv2dAdd(Operator):
    """``output = conv2d(input) + addend``, both int8 and of one shape; the last input is the addend.

    Attributes: those of ``conv2d``; ``between``, the quantization of its output, to which it is rounded before the
    addition; and ``sum_activation``, the bounds of the sum or None.
    """

    name = "conv2d_add"
    quantization = "weighted"
    layout = "channels_last"

    def parts(self, step: Step) -> tuple[Step, ...]:
        attrs = {key: value for key, value in step.attrs.items() if key not in OWN}
        between = replace(step.output, name=f"{step.name}_between", quant=step.attrs["between"])
        conv = Step("conv2d", step.name, step.inputs[:-1], between, attrs, rounding=step.rounding)
        bounds = {"activation": step.attrs["sum_activation"]}
        return conv, Step("add", step.name, [between, step.inputs[-1]], step.output, bounds)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        conv, add = self.parts(step)
        return ADD.reference(add, [CONV.reference(conv, inputs[:1]), inputs[1]])

    def emit(self, step: Step, emitter: Emitter) -> Call:
        conv, add = self.parts(step)
        ends = Ends(emitter, conv.output, step.output)
        *first, output, window = CONV.emit(conv, ends).args
        return Call("tk_conv2d_add_s8", [*first, *sum_arguments(add, emitter), output, window])

    def macs(self, step: Step) -> int:
        return CONV.macs(self.parts(step)[0])

    def scratch_bytes(self, step: Step) -> int:
        return CONV.scratch_bytes(self.parts(step)[0])

    def overlap(self, step: Step, index: int) -> int | None:
        if index == len(step.inputs) - 1:
            return step.output.shape[-1]  # tiles lie across two pixels
        return CONV.overlap(self.parts(step)[0], index)

    def cases(self) -> Iterable[Case]:
        same, padded = (0.05, 3), ((1, 1), (1, 1))
        for rounding in ("single", "double"):
            yield _case((5, 7, 3), 5, (3, 3), same, pads=padded, rounding=rounding)
            yield _case((6, 5, 16), 8, (1, 1), same, rounding=rounding)
            yield _case((3, 3, 5), 7, (1, 1), (0.31, -90), rounding=rounding)
            yield _case((9, 8, 4), 6, (3, 3), (0.8, 20), stride=(2, 2), pads=padded, rounding=rounding)
        yield _case((11, 6, 1), 4, (5, 2), same, stride=(2, 1), pads=((2, 2), (0, 1)))
        yield _case((9, 9, 2), 3, (3, 3), (0.02, 0), dilation=(2, 3), pads=((2, 2), (3, 3)))
        yield _case((1, 1, 9), 1, (1, 1), same)
        yield _case((7, 5, 12), 9, (1, 1), same, bounds=(0.0, np.inf))
        yield _case((7, 4, 6), 6, (3, 3), (0.4, -5), pads=padded, bounds=(0.0, 6.0))
        yield _case((4, 4, 40), 4, (3, 3), (2.5, 0), extreme=True)


def form_of(add: Step) -> LinearForm | None:
    """Return the form in which an addition of two int8 activations is part of a convolution, if there is one."""
    return short_form(every_sum(add, add.inputs, 1))


def sum_arguments(add: Step, emitter: Emitter) -> list[str]:
    """Return the addend and the address of a ``tk_add_short``."""
    form = form_of(add)
    assert form is not None
    bounds = output_bounds(add.output, add.attrs.get("activation"))
    fields = ", ".join(map(str, (form.factor_a, form.factor_b, form.bias, *bounds)))
    return [emitter.pointer(add.inputs[1]), emitter.local("tk_add_short", "form", f"{{{fields}}}")]


class Ends:
    """An emitter for both steps: what lies between them is where the output is."""

    def __init__(self, emitter: Emitter, between: Value, output: Value) -> None:
        self.emitter, self.between, self.output = emitter, between, output
        self.constant, self.function, self.local = emitter.constant, emitter.function, emitter.local
        self.float_literal, self.scratch = emitter.float_literal, emitter.scratch

    def pointer(self, value: Value) -> str:
        return self.emitter.pointer(self.output if value is self.between else value)


def _case(
    in_shape: tuple[int, int, int],
    out_c: int,
    kernel: tuple[int, int],
    added: tuple[float, int],
    bounds: tuple[float, float] | None = None,
    **options: object,
) -> Case:
    """Return ``conv_case``'s convolution plus an activation of scale and zero point ``added``."""
    case = conv_case("conv2d", "int8", in_shape, out_c, kernel, **options)  # type: ignore[arg-type]
    made = case.step.output
    assert made.quant is not None
    addend = activation("addend", made.shape, "int8", *added)
    output = activation("y", made.shape, "int8", float(made.quant.scale[0]) + added[0], 11)
    attrs = {**case.step.attrs, "between": made.quant, "sum_activation": bounds}
    step = replace(case.step, op="conv2d_add", inputs=[*case.step.inputs, addend], output=output, attrs=attrs)
    data = sample(addend, extreme=bool(options.get("extreme")))
    return Case(case_id(case.id, added[0], *(bounds or ())), step, [*case.inputs, data])


OPERATOR = Conv2dAdd()
