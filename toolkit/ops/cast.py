"""float32 to half precision and back: what is stored in two bytes is computed with in four."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Step, Value
from toolkit.ops.activation_cases import case_id
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.gradient_cases import normal
from toolkit.ops.where import OPERATOR as WHERE

_TYPES = {"float16", "float32"}


class Cast(Operator):
    """``output = input`` as float16 (IEEE 754 binary16, to nearest, ties to even) or float32.

    The only operator that programs may give float16; ``lower.halves`` lets others read and write it.
    """

    name = "cast"
    aten: ClassVar[tuple[str, ...]] = ("aten._to_copy.default", "aten.to.dtype")
    layout = "any"

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        x, wanted = reader.value(node.args[0]), str(node.meta["val"].dtype).removeprefix("torch.")
        if x.dtype == "bool":
            return WHERE.read(node, reader)
        if {x.dtype, wanted} != _TYPES:
            raise reader.unsupported(f"{x.dtype} to {wanted}")
        return Step(self.name, "", [x], Value("", ()))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            return inputs[0].astype(step.output.dtype)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call.typed("tk_cast", step.inputs[0], [*pointers, str(step.output.size)])

    def overlap(self, step: Step, index: int) -> int | None:
        return max(ITEMSIZE[step.output.dtype] - ITEMSIZE[step.inputs[0].dtype], 0) * step.output.size

    def cases(self) -> Iterable[Case]:
        every = np.arange(2**16, dtype=np.uint16).view(np.float16)
        yield _case("every-half", every[::7], "float32")
        yield _case(
            "far-halves", np.concatenate([every[:40], every[1000:1050], every[31700:32800]]), "float32"
        )
        reals = every[np.isfinite(every)].astype(np.float64)
        between = (reals[1:] + reals[:-1]) / 2  # ties, and what lies just beside them
        near = np.stack([between, np.nextafter(between, 9e9), np.nextafter(between, -9e9)])[:, ::11]
        yield _case("ties", near.astype(np.float32).ravel(), "float16")
        far = np.array(
            [65504, 65519.996, 65520, 1e38, np.inf, np.nan, 2**-24, 2**-25, 2.1 * 2**-26, 1e-40, 0]
        )
        yield _case("far", np.concatenate([far, -far]).astype(np.float32), "float16")
        for shape in ((1, 300), (1, 3, 5, 7)):
            yield _case(case_id(shape), normal(Value("x", shape)), "float16")


def narrows(step: Step) -> bool:
    """True for a step that makes halves of float32."""
    return step.op == "cast" and step.output.dtype == "float16"


def widens(step: Step) -> bool:
    """True for a step that makes float32 of halves."""
    return step.op == "cast" and step.output.dtype == "float32"


def _case(name: str, data: np.ndarray, dtype: str) -> Case:
    x, y = Value("x", data.shape, str(data.dtype)), Value("y", data.shape, dtype)
    return Case(f"{name}-{dtype}", Step("cast", "cast", [x], y), [data])


OPERATOR = Cast()
