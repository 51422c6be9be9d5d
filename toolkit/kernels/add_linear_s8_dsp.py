"""int8 addition as one linear form, with SMLAW: two values a word, their factors whole."""

from __future__ import annotations

from toolkit.kernels.same_call import SameCall
from toolkit.lower.ir import Step
from toolkit.ops.add import every_sum
from toolkit.ops.add_linear import LinearForm, word_form
from toolkit.ops.base import Call, Emitter
from toolkit.ops.broadcast import integer_operands
from toolkit.ops.requantize import output_bounds


class AddLinearS8Dsp(SameCall):
    """As ``tk_add_linear_s8``, where products without their lowest bits are exact enough for every pair of values."""

    name = "tk_add_linear_s8_dsp"
    op = "add"
    portable = "tk_add_linear_s8"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        return super().takes(step) and _form(step) is not None

    def emit(self, step: Step, emitter: Emitter) -> Call:
        call, form = super().emit(step, emitter), _form(step)
        assert form is not None
        bounds = output_bounds(step.output, step.attrs.get("activation"))
        fields = ", ".join(map(str, (form.factor_a, form.factor_b, form.bias, form.shift, *bounds)))
        a, b, _, *rest = call.args
        return Call(self.name, [a, b, emitter.local("tk_add_words", "words", f"{{{fields}}}"), *rest])


def _form(step: Step) -> LinearForm | None:
    return word_form(every_sum(step, integer_operands(step), 1))


KERNEL = AddLinearS8Dsp()
