"""Group and instance normalization: over some channels and all positions, channels first."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Case, Reader
from toolkit.ops.layer_norm import norm_constants
from toolkit.ops.normalization import Normalization, Rows, norm_cases
from toolkit.ops.reading import real_input


class GroupNorm(Normalization):
    """Normalize each of ``attrs["groups"]`` groups of channels; one gamma and beta per channel."""

    name = "group_norm"
    aten = ("aten.group_norm.default", "aten.native_group_norm.default", "aten.instance_norm.default")

    def read(self, node: Any, reader: Reader) -> Step:
        args = dict(enumerate(node.args))
        x = real_input(node.args[0], reader)
        match str(node.target):
            case "aten.group_norm.default":
                groups, weight, bias, eps = args[1], args.get(2), args.get(3), args.get(4, 1e-5)
            case "aten.native_group_norm.default":
                weight, bias, groups, eps = args[1], args[2], args[6], args[7]
            case _:
                weight, bias, groups, eps = args[1], args[2], x.shape[1], args[7]
                if not args[5]:
                    raise reader.unsupported("running statistics")
        inputs = [x, *norm_constants(weight, bias, reader)]
        return Step(self.name, "", inputs, Value("", ()), {"groups": int(groups), "eps": float(eps)})

    def rows(self, step: Step) -> Rows:
        shape, groups = step.inputs[0].shape, step.attrs["groups"]
        return Rows(shape[0] * groups, shape[1] // groups, prod(shape[2:]), groups)

    def cases(self) -> Iterable[Case]:
        yield from norm_cases(
            self.name,
            [
                ((1, 6, 3, 5), 6, {"groups": 2}),
                ((1, 4, 7), 4, {"groups": 4}),
                ((2, 4, 2, 2), 4, {"groups": 1}),
            ],
        )


OPERATOR = GroupNorm()
