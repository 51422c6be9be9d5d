"""Weights moved along random noise that is made again whenever it is needed, and never kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.learn import philox
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Reader
from toolkit.ops.drawn import CASES, Drawn, as_the_device, draw_number, drawn_attrs


class Perturb(Drawn):
    """``output = input + scale * z``: z of ``toolkit.learn.philox``, -1 and 1 or ``attrs["normal"]``.

    Read from ``toolkit::perturb(input, draw, scale, seed, stream, normal)``; see ``toolkit.program.noise``.
    """

    name = "perturb"
    aten = ("toolkit.perturb.default",)
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step:
        x, draw, scale = (reader.value(arg) for arg in node.args[:3])
        seed, stream, *normal = node.args[3:]
        step = self.read_drawn(x, draw, [scale], (seed, stream), reader)
        step.attrs["normal"] = bool(normal and normal[0])
        return step

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        make = philox.normals if step.attrs["normal"] else philox.signs
        noise = as_the_device(make(step.attrs["key"], draw_number(inputs[1]), inputs[0].size), step)
        scale = inputs[2] if step.inputs[2].data is None else step.inputs[2].data
        assert scale is not None
        return inputs[0] + np.float32(scale.reshape(())) * noise

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, draw, scale = step.inputs
        distance = (
            emitter.pointer(scale)
            if scale.data is None
            else emitter.constant("scale", scale.data.reshape(1).astype(np.float32))
        )
        arguments = [emitter.pointer(x), emitter.pointer(draw), distance, *self.key_arguments(step)]
        kernel = "tk_perturb_normal_f32" if step.attrs["normal"] else "tk_perturb_signs_f32"
        axes = self.axes_argument(step, emitter)
        return Call(kernel, [*arguments, emitter.pointer(step.output), axes], "tk_perturb_f32")

    def cases(self) -> Iterable[Case]:
        for normal in (False, True):
            for number, (shape, order) in enumerate(CASES):
                x, y = activation("x", shape, "float32"), activation("y", shape, "float32")
                draw, scale = Value("draw", (), "int32"), Value("scale", (1,))
                data = [sample(x, 5), np.array(3 - number, np.int32), np.array([0.03], np.float32)]
                if number == 1:
                    scale, data = Value("scale", (1,), data=data[2]), data[:2]
                step = Step("perturb", "perturb", [x, draw, scale], y, drawn_attrs(order, normal=normal))
                yield Case(case_id("normal" if normal else "signs", shape, order), step, data)


OPERATOR = Perturb()
