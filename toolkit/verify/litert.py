"""What LiteRT's reference kernels compute, in a process of their own: they end it where a file displeases them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.verify.child import Framework

# Operators whose int8 reference kernels in LiteRT 2.3 are no definition, by our names.
UNDEFINED = {
    "sum": "its int8 kernel reads the values as unsigned",
    "div": "its int8 kernel shifts quotients near zero by more than 31 bits, which C leaves undefined",
}
LITERT = Framework(
    name="LiteRT",
    label="LiteRT's reference kernels",
    package="ai_edge_litert.interpreter",
    module="toolkit.verify.litert",
    install='pip install "edge-toolkit[litert]"',
    fix="use another --rounding than litert: there is nothing to compare with",
)


class ReferenceKernels:
    """A file in LiteRT's interpreter, in this process; ``kernels`` for others than the reference ones."""

    def __init__(self, model: bytes, kernels: Any = None) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kernels = OpResolverType.BUILTIN_REF if kernels is None else kernels
        self.interpreter = Interpreter(
            model_content=model, experimental_op_resolver_type=kernels, num_threads=1
        )
        self.interpreter.allocate_tensors()

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the outputs for one sample; recurrent layers start anew, as ours do."""
        self.interpreter.reset_all_variables()
        for detail, data in zip(self.interpreter.get_input_details(), inputs, strict=True):
            self.interpreter.set_tensor(detail["index"], np.ascontiguousarray(data))
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(d["index"]).copy() for d in self.interpreter.get_output_details()]


def _main(model: str, given: str, made: str) -> None:
    kernels = ReferenceKernels(Path(model).read_bytes())
    with np.load(given) as arrays:
        given_inputs = [arrays[name] for name in arrays.files]
    details = kernels.interpreter.get_input_details()
    stored, real = given_inputs[: len(details)], given_inputs[len(details) :]
    inputs = [
        r if detail["dtype"] == np.float32 else s for detail, s, r in zip(details, stored, real, strict=True)
    ]
    rows = [
        [data[i].reshape(d["shape"]).astype(d["dtype"]) for d, data in zip(details, inputs, strict=True)]
        for i in range(len(inputs[0]))
    ]
    np.savez(made, *(np.stack(outputs) for outputs in zip(*map(kernels, rows), strict=True)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
