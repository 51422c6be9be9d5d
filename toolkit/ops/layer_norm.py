"""Layer normalization: over the last axes."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, ClassVar

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Case, Reader
from toolkit.ops.normalization import Normalization, Rows, norm_cases
from toolkit.ops.reading import real_input


class LayerNorm(Normalization):
    """Normalize over the last ``attrs["axes"]`` axes; one gamma and beta per element of them."""

    name = "layer_norm"
    aten: ClassVar[tuple[str, ...]] = ("aten.layer_norm.default", "aten.native_layer_norm.default")

    def read(self, node: Any, reader: Reader) -> Step:
        args = dict(enumerate(node.args))
        weight, bias = args.get(2, node.kwargs.get("weight")), args.get(3, node.kwargs.get("bias"))
        eps = float(args.get(4, node.kwargs.get("eps", 1e-5)))
        inputs = [real_input(node.args[0], reader), *norm_constants(weight, bias, reader)]
        return Step(self.name, "", inputs, Value("", ()), {"axes": len(args[1]), "eps": eps})

    def rows(self, step: Step) -> Rows:
        shape, axes = step.inputs[0].shape, step.attrs["axes"]
        return Rows(prod(shape[: len(shape) - axes]), prod(shape[len(shape) - axes :]), 1, 1)

    def cases(self) -> Iterable[Case]:
        yield from norm_cases(
            self.name,
            [
                ((1, 5, 12), 12, {"axes": 1}),
                ((2, 3, 7), 21, {"axes": 2}),
                ((1, 200), 200, {"axes": 1}),
                ((3, 1), 1, {"axes": 1}),
            ],
        )


def norm_constants(weight: Any, bias: Any, reader: Reader) -> list[Value]:
    """Return the constants of a normalization: none, gamma, or gamma and beta."""
    if weight is None and bias is not None:
        raise reader.unsupported("a bias without a weight")
    values = [reader.value(argument) for argument in (weight, bias) if argument is not None]
    if any(value.data is None or value.quant is not None for value in values):
        raise reader.unsupported("a weight or bias that is not a float constant")
    return values


OPERATOR = LayerNorm()
