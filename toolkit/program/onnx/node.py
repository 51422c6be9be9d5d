"""What an operator's rule sees: a node with its tensors, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from toolkit.lower.ir import Quantization
from toolkit.program.imported import dequantized
from toolkit.program.onnx.refusal import UnsupportedError


@dataclass(eq=False)
class Tensor:
    """What is known of a tensor while the file is read.

    ``data`` is there for constants. With ``quant``, ``data`` or what is computed at run time are integers:
    of a constant of dtype float32 (weights), these stand for its values; else the tensor's own.
    ``unsigned`` integers, the file's uint8, are held as int8, 128 less.
    ``stored`` is the range of a constant's type in the file, where that is narrower than int8.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    data: np.ndarray | None = None
    quant: Quantization | None = None
    unsigned: bool = False
    stored: tuple[int, int] | None = None

    @property
    def is_integer(self) -> bool:
        """True for a run-time tensor of 8-bit integers."""
        return self.data is None and self.dtype == "int8"


@dataclass
class Computed:
    """A layer: ``compute`` of ``inputs`` and, by keyword, ``constants``."""

    compute: Callable[..., Any]
    inputs: list[Tensor]
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    quant: Quantization | None = None  # of an integer output
    unsigned: bool = False


@dataclass
class RawNode:
    """A node as the file has it, or as it stands for one there; tensors are names, empty where left out."""

    op: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    domain: str = ""
    proto: Any = None  # as the file has it, where it has it

    @property
    def key(self) -> str:
        """What rules are found by: the operator, behind its domain where that is not ONNX's own."""
        return f"{self.domain}::{self.op}" if self.domain else self.op

    @property
    def label(self) -> str:
        """The node's name, or that of its first output when it has none."""
        return self.name or next((name for name in self.outputs if name), self.op)


@dataclass
class Node:
    """A node whose inputs are known."""

    raw: RawNode
    inputs: list[Tensor | None]
    opset: int

    @property
    def x(self) -> Tensor:
        """The first input."""
        return self.input(0)

    def input(self, index: int) -> Tensor:
        """Return an input that must be there."""
        tensor = self.inputs[index] if index < len(self.inputs) else None
        if tensor is None:
            raise UnsupportedError(f"input {index} is missing")
        return tensor

    def optional(self, index: int) -> Tensor | None:
        """Return an input, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def constant(self, index: int, what: str) -> np.ndarray:
        """Return the value of a constant input, ``what`` for the error."""
        tensor = self.input(index)
        if tensor.data is None:
            raise UnsupportedError(f"{what} is computed at run time")
        return real(tensor)

    def integers(self, index: int, what: str) -> list[int]:
        """Return a constant input of integers as a list."""
        values = self.constant(index, what)
        if values.dtype.kind not in "iu":
            raise UnsupportedError(f"{what} holds no integers")
        return [int(v) for v in values.ravel()]

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        return self._attribute(name, default, int)

    def number(self, name: str, default: float) -> float:
        """Return a real attribute."""
        return self._attribute(name, default, (int, float))

    def text(self, name: str, default: str) -> str:
        """Return a text attribute."""
        value = self._attribute(name, default, (str, bytes))
        return value.decode(errors="replace") if isinstance(value, bytes) else value

    def numbers(self, name: str, default: list[int] | None = None) -> list[int] | None:
        """Return a list of integers, or ``default`` where the attribute is left out."""
        value = self._attribute(name, default, (list, type(None)))
        if value is not None and any(not isinstance(v, int) for v in value):
            raise UnsupportedError(f"attribute {name} holds no integers")
        return value

    def axes(self, index: int) -> list[int] | None:
        """Return axes from the attribute of old opsets or the constant input of new ones; None where left out."""
        if "axes" in self.raw.attributes:
            return self.numbers("axes")
        return None if self.optional(index) is None else self.integers(index, "axes")

    def _attribute(self, name: str, default: Any, kinds: Any) -> Any:
        value = self.raw.attributes.get(name, default)
        if not isinstance(value, kinds):
            raise UnsupportedError(f"attribute {name} is of another type than the operator's")
        return value


def real(tensor: Tensor) -> np.ndarray:
    """Return a constant's values; those of integers that stand for reals as float32."""
    assert tensor.data is not None
    if tensor.quant is None or tensor.dtype != "float32":
        return tensor.data
    quant, shape = tensor.quant, [1] * tensor.data.ndim
    if quant.axis is not None:
        shape[quant.axis] = -1
    zero_point, scale = quant.zero_point.reshape(shape), quant.scale.reshape(shape)
    return ((tensor.data.astype(np.float64) - zero_point) * scale).astype(np.float32)


def axis_of(axis: int, rank: int) -> int:
    """Return ``axis`` counted from the front."""
    if not -rank <= axis < rank:
        raise UnsupportedError(f"axis {axis} of a tensor with {rank} axes")
    return axis % rank


def apply(function: Callable[..., Any], *tensors: Tensor | None, names: tuple[str, ...] = ()) -> Computed:
    """Return the layer that calls ``function`` with one torch tensor (or None) for each of ``tensors``.

    A constant is a buffer of the layer under its name of ``names`` (the weight is what the layer is called after), a
    scalar one a Python number; weights held as integers are dequantized.
    """
    inputs: list[Tensor] = []
    constants: dict[str, np.ndarray] = {}
    slots: list[_Slot] = []
    for i, tensor in enumerate(tensors):
        if tensor is None:
            slots.append(_nothing)
        elif tensor.data is None:
            slots.append(_input(len(inputs)))
            inputs.append(tensor)
        elif tensor.shape == () and tensor.quant is None and tensor.dtype == "float32":
            slots.append(_number(float(tensor.data)))
        else:
            name = names[i] if i < len(names) else f"constant_{i}"
            if name == "weight" and tensor.quant is not None and tensor.quant.zero_point.any():
                raise UnsupportedError(
                    "a weight whose zero point is not in the middle; quantize weights symmetrically"
                )
            constants |= _held(name, tensor)
            slots.append(_reader(name, tensor))

    def compute(*xs: torch.Tensor, **c: torch.Tensor) -> Any:
        return function(*(slot(xs, c) for slot in slots))

    return Computed(compute, inputs, constants)


_Slot = Callable[[tuple[torch.Tensor, ...], dict[str, torch.Tensor]], Any]


def _nothing(xs: tuple[torch.Tensor, ...], c: dict[str, torch.Tensor]) -> None:
    return None


def _input(index: int) -> _Slot:
    return lambda xs, c: xs[index]


def _number(value: float) -> _Slot:
    return lambda xs, c: value


def _held(name: str, tensor: Tensor) -> dict[str, np.ndarray]:
    assert tensor.data is not None
    held = {name: tensor.data}
    if tensor.quant is not None and tensor.quant.axis is not None:
        held[f"{name}_scale"] = tensor.quant.scale.astype(np.float32)
        held[f"{name}_zero_point"] = tensor.quant.zero_point
    return held


def _reader(name: str, tensor: Tensor) -> _Slot:
    quant = tensor.quant
    if quant is None or tensor.dtype != "float32":
        return lambda xs, c: c[name]
    if quant.axis is None:
        return lambda xs, c: dequantized(c[name], quant)
    return lambda xs, c: dequantized(
        c[name], quant, scale=c[f"{name}_scale"], zero_point=c[f"{name}_zero_point"]
    )


def turned(tensor: Tensor, dims: tuple[int, ...]) -> Tensor:
    """Return a constant with its axes in another order."""
    assert tensor.data is not None
    quant = tensor.quant
    if quant is not None and quant.axis is not None:
        quant = Quantization(quant.scale, quant.zero_point, quant.qmin, quant.qmax, dims.index(quant.axis))
    data = np.ascontiguousarray(tensor.data.transpose(dims))
    return Tensor(tensor.name, data.shape, tensor.dtype, data, quant, tensor.unsigned)


def reshaped(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a constant in another shape of as many elements.

    Raises:
        UnsupportedError: the axis of its scales would not survive.
    """
    assert tensor.data is not None
    data, quant = tensor.data.reshape(shape), tensor.quant
    if quant is not None and quant.axis is not None:
        size, before = tensor.shape[quant.axis], int(np.prod(tensor.shape[: quant.axis]))
        found = [a for a, s in enumerate(data.shape) if s == size and int(np.prod(data.shape[:a])) == before]
        if not found:
            raise UnsupportedError("a reshape across the axis along which the weight's scales differ")
        quant = Quantization(quant.scale, quant.zero_point, quant.qmin, quant.qmax, found[0])
    return Tensor(tensor.name, data.shape, tensor.dtype, data, quant, tensor.unsigned)
