"""What layers share whose int8 weights and int32 biases other steps make: those that are trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Case, Emitter, Operator
from toolkit.ops.weighted import Folded, fold, requant_fields

ENDING = "_trained"  # of these operators' names, behind that of the operator whose weights are constants


class Trained(Operator):
    """The operator ``constant`` on int8, its weights and biases being values of the run: equal to it to the bit.

    Weights lie as activations do, (O, KH, KW, I) or (O, I). Biases may be constants. The passes make such steps of
    float layers between quantize and dequantize.
    """

    constant: ClassVar[Operator]  # the operator whose weights are constants
    channel_axis: ClassVar[int] = 0  # of its weights
    quantization = "weighted"
    fuses_activation = True

    def constant_weight(self, weight: np.ndarray) -> np.ndarray:
        """Return weights as ``constant`` holds them."""
        return weight

    def trained_weight(self, weight: np.ndarray) -> np.ndarray:
        """Return weights of ``constant`` as this operator holds them."""
        return weight

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        values = iter(inputs)
        x, weight = next(values), next(values)
        bias = next(values, None) if len(step.inputs) > 2 and step.inputs[2].data is None else None
        return self.constant.reference(self._with_constants(step, weight, bias), [x])

    def folded(self, step: Step) -> Folded:
        """Return how sums become outputs; weights and biases are zeros in it.

        Raises:
            ToolkitError: halves are to be rounded away from zero, for which the weights must be known.
        """
        if step.rounding == "away":
            raise ToolkitError(
                "LiteRT rounds halves away from zero, which takes weights that do not change",
                at=step.name,
                fix="use --rounding single or double",
            )
        zeros = np.zeros(step.inputs[1].shape, np.int8)
        return fold(self._with_constants(step, zeros, None), self.channel_axis)

    def arguments(self, step: Step, emitter: Emitter) -> list[str]:
        """Return what all these kernels begin with: input, its zero point, weight, bias, requantization."""
        x, w = step.inputs[:2]
        assert x.quant is not None
        channels = w.shape[0]
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(self.folded(step), emitter))
        if len(step.inputs) > 2 and step.inputs[2].data is None:
            bias = emitter.pointer(step.inputs[2])
        else:
            known = step.inputs[2].data if len(step.inputs) > 2 else np.zeros(channels)
            bias = emitter.constant("bias", np.asarray(known, np.int32))
        return [emitter.pointer(x), str(int(x.quant.zero_point[0])), emitter.pointer(w), bias, requant]

    def macs(self, step: Step) -> int:
        return step.output.size * int(np.prod(step.inputs[1].shape[1:]))

    def cases(self) -> Iterable[Case]:
        chosen = [case for case in self.constant.cases() if case.step.inputs[1].dtype == "int8"]
        for index, case in enumerate(case for case in chosen if "int4" not in case.id):
            yield self._trained_case(case, constant_bias=index % 3 == 2)
        without = chosen[0].step
        yield self._trained_case(
            Case("without-bias", replace(without, inputs=without.inputs[:2]), chosen[0].inputs), False
        )

    def _with_constants(self, step: Step, weight: np.ndarray, bias: np.ndarray | None) -> Step:
        x, w, *biases = step.inputs
        assert w.quant is not None
        data = self.constant_weight(weight)
        axis = None if w.quant.axis is None else self.channel_axis
        inputs = [x, Value(w.name, data.shape, "int8", replace(w.quant, axis=axis), data)]
        if biases and bias is not None:
            inputs.append(replace(biases[0], data=bias))
        elif biases and biases[0].data is not None:
            inputs.append(biases[0])
        return replace(step, op=self.constant.name, inputs=inputs)

    def _trained_case(self, case: Case, constant_bias: bool) -> Case:
        x, w, *biases = case.step.inputs
        assert w.data is not None
        assert w.quant is not None
        weight = self.trained_weight(w.data)
        axis = None if w.quant.axis is None else 0
        inputs = [x, Value("w", weight.shape, "int8", replace(w.quant, axis=axis))]
        data = [*case.inputs, weight]
        for bias in biases:
            assert bias.data is not None
            inputs.append(bias if constant_bias else replace(bias, data=None))
            data += [] if constant_bias else [bias.data]
        step = replace(case.step, op=self.name, inputs=inputs, attrs=dict(case.step.attrs))
        return Case(case.id, step, data)
