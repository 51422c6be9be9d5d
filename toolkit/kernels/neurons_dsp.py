"""Neurons' potentials in int16, two in one word: SSUB16 and SEL reset them, SMLAD moves them."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.fire import least_potential
from toolkit.ops.int16 import LARGEST
from toolkit.ops.integrate import neuron_fields
from toolkit.ops.neuron import neuron


class IntegrateS16Dsp(Kernel):
    """Without a rise of thresholds, which fit int16."""

    name = "tk_integrate_s16_dsp"
    op = "integrate"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        of_int16 = {value.dtype for value in (*step.inputs, step.output)} == {"int16"}
        return of_int16 and len(step.inputs) == 2 and neuron(step).threshold <= LARGEST

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, v = (emitter.pointer(value) for value in step.inputs)
        struct = emitter.local("tk_neuron_s16", "neuron", neuron_fields(step))
        rest = [emitter.pointer(step.output), str(step.output.size)]
        return Call(self.name, [x, v, struct, *rest], "tk_neurons_dsp")


class FireS16Dsp(Kernel):
    """Without a rise of thresholds, which fit int16."""

    name = "tk_fire_s16_dsp"
    op = "fire"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        return step.output.dtype == "int8" and len(step.inputs) == 1 and least_potential(step) <= LARGEST

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call(self.name, [x, str(least_potential(step)), y, str(step.output.size)], "tk_neurons_dsp")


KERNELS = [IntegrateS16Dsp(), FireS16Dsp()]
