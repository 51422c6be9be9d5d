"""What operators share that draw a random number for each element, by its place in the tensor as torch has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Emitter, Operator, Reader

AXES = 4  # that kernels go along


class Drawn(Operator):
    """Inputs: what is changed, the draw's number (int32), and others of one element.

    ``attrs``: ``key``, two 32-bit numbers; ``order``, which of torch's axes each axis of the device's tensor is.
    """

    def read_drawn(
        self, x: Value, draw: Value, rest: list[Value], key: tuple[int, int], reader: Reader
    ) -> Step:
        """Return the step that changes ``x``.

        Raises:
            what ``reader`` says is unsupported: a constant is changed, or the draw is no whole number of the run.
        """
        if x.data is not None or x.dtype != "float32":
            raise reader.unsupported("other than float32 values of the run")
        if draw.data is not None or draw.dtype != "int32" or any(value.size != 1 for value in (draw, *rest)):
            raise reader.unsupported("a draw that is not one whole number in a buffer that forward() changes")
        attrs = {"key": tuple(number & 0xFFFFFFFF for number in key), "order": tuple(range(len(x.shape)))}
        return Step(self.name, "", [x, draw, *rest], Value("", ()), attrs)

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["order"] = tuple(step.attrs["order"][d] for d in dims)

    def overlap(self, step: Step, index: int) -> int | None:
        order = step.attrs["order"]
        return 0 if index == 0 and order == tuple(range(len(order))) else None

    def in_place(self, step: Step, index: int) -> bool:
        return index == 0  # in any order, as each value is read and written at its own place

    def key_arguments(self, step: Step) -> list[str]:
        """Return the C literals of the key."""
        return [f"{number}u" for number in step.attrs["key"]]

    def axes_argument(self, step: Step, emitter: Emitter) -> str:
        """Define the tensor's axes in torch's order, joined where they can be, and return their address."""
        merged: list[tuple[int, int]] = []  # size, stride
        for size, stride in _axes(step):
            if merged and merged[-1][1] == size * stride:
                merged[-1] = (merged[-1][0] * size, stride)
            elif size > 1:
                merged.append((size, stride))
        if not merged:
            merged = [(1, 1)]
        lacking = AXES - len(merged)
        sizes, strides = zip(*[(1, 0)] * lacking, *merged, strict=True)
        fields = (f"{{{', '.join(map(str, numbers))}}}" for numbers in (sizes, strides))
        return emitter.local("tk_axes", "axes", f"{{{', '.join(fields)}}}")


def as_the_device(drawn: np.ndarray, step: Step) -> np.ndarray:
    """Return numbers drawn in torch's order as the step's tensor lies."""
    order = step.attrs["order"]
    shape = [step.output.shape[order.index(axis)] for axis in range(len(order))]
    return drawn.reshape(shape).transpose(order)


def draw_number(drawn: np.ndarray) -> int:
    """Return the number of a draw as the counter has it."""
    return int(drawn.reshape(())) & 0xFFFFFFFF


def _axes(step: Step) -> list[tuple[int, int]]:
    """Return size and stride of each of torch's axes in the device's tensor."""
    shape, order = step.output.shape, step.attrs["order"]
    strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    return [(shape[order.index(axis)], strides[order.index(axis)]) for axis in range(len(order))]


def drawn_attrs(order: tuple[int, ...], **more: Any) -> dict[str, Any]:
    """Return a case's attributes."""
    return {"key": (7, 2**32 - 5), "order": order, **more}


CASES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((300,), (0,)),
    ((5, 3, 3, 7), (0, 1, 2, 3)),
    ((5, 3, 3, 7), (0, 2, 3, 1)),  # as convolutions hold weights
    ((6, 35), (1, 0)),
    ((2, 3, 4, 5), (3, 1, 0, 2)),
    ((1, 1), (0, 1)),
)  # shape on the device, order
