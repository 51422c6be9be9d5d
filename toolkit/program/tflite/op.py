"""What converters ask of an operator of the file, and the layer they make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Quantization
from toolkit.program.imported import dequantized, quantized
from toolkit.program.tflite.file import Operator, Tensor
from toolkit.program.tflite.tables import Tables

INTEGER_FIX = (
    "quantize all of it to int8, with a representative dataset; or convert it in float and add --calibration"
)
INTEGERS = ("int8", "int16")  # that activations may have
NARROW = ("int4", "int2")  # that only constants may have
_REQUIRED: Any = object()


class Unsupported(Exception):
    """A form of an operator that nothing here computes; gathered, then raised together."""


@dataclass(frozen=True)
class Constant:
    """A constant as a layer stores it: the numbers, and what they stand for."""

    data: np.ndarray
    quant: Quantization | None = None


@dataclass(frozen=True)
class Layer:
    """An operator as torch computes it, on the integers or floats of the file."""

    op: Op
    compute: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]
    inputs: list[Tensor]  # activations
    constants: dict[str, np.ndarray]


@dataclass
class Op:
    """One operator, with its inputs as they are known by now: constant ones may have been computed."""

    operator: Operator
    inputs: list[Tensor | None]
    tables: Tables

    @property
    def name(self) -> str:
        """What the layer is called: ``conv_2d_3`` is operator 3 of the file."""
        return f"{self.operator.kind.lower().replace(' ', '_')}_{self.operator.index}"

    # What the file says.

    def damaged(self, what: str) -> ToolkitError:
        """Return the error for an operator that contradicts itself."""
        return self.tables.damaged(f"{self.name}: {what}")

    def optional(self, index: int) -> Tensor | None:
        """Return an input that may be left out."""
        found = self.inputs[index] if index < len(self.inputs) else None
        return None if found is None else self._usable(found)

    def input(self, index: int) -> Tensor:
        """Return an input that must be there."""
        found = self.optional(index)
        if found is None:
            raise self.damaged(f"input {index} is missing")
        return found

    @property
    def outputs(self) -> list[Tensor]:
        """All outputs."""
        return [self._usable(tensor) for tensor in self.operator.outputs]

    @property
    def output(self) -> Tensor:
        """The only output."""
        if len(self.operator.outputs) != 1:
            raise self.damaged(f"{len(self.operator.outputs)} outputs instead of one")
        return self.outputs[0]

    def integers(self, index: int) -> list[int]:
        """Return a constant input of integers (axes, sizes, paddings), flat."""
        tensor = self.input(index)
        if tensor.data is None:
            raise Unsupported(f"{tensor} is computed at run time; C code needs fixed sizes")
        if tensor.dtype not in ("int32", "int64") or tensor.data.size > 64:
            raise self.damaged(f"{tensor} holds no few integers")
        return [int(n) for n in tensor.data.reshape(-1)]

    def option(self, name: str, default: Any = _REQUIRED) -> Any:
        """Return a field of the options table; ``default`` where the file has no table."""
        if self.operator.options is None:
            if default is _REQUIRED:
                raise self.damaged("its options are missing")
            return default
        kind = self.operator.options_kind
        accessor = getattr(schema, kind, None)
        if accessor is None or not hasattr(accessor, name):
            raise self.damaged(f"its options are {kind or 'of an unknown kind'}")
        return self.tables.field(self.tables.accessor(accessor, self.operator.options), name)

    def sizes(self, *names: str) -> tuple[int, ...]:
        """Return options that are sizes: positive, and not absurd."""
        found = tuple(int(self.option(name)) for name in names)
        if not all(0 < size <= 2**16 for size in found):
            raise self.damaged(f"{', '.join(names)} are {found}")
        return found

    def demand_one_scale(self, *indices: int) -> None:
        """Check that inputs (the first alone by default) and outputs have one scale: the operator moves integers."""
        values = [*(self.input(i) for i in indices or (0,)), *self.outputs]
        for value in values:
            one, other = values[0].quant, value.quant
            if values[0].dtype in INTEGERS and not (one and one.same_as(other)):
                raise Unsupported(f"{values[0]} and {value} have different scales")

    def demand_float(self) -> None:
        """Check that the operator computes floats."""
        if self.output.dtype != "float32":
            raise Unsupported(f"{self.output.dtype}")

    def _usable(self, tensor: Tensor) -> Tensor:
        """Return the tensor if the compiler knows its type and size.

        Raises:
            Unsupported: it is quantized in a way or of a type that no kernel has.
        """
        if 0 in tensor.shape:
            raise Unsupported(f"{tensor} is empty: shape {list(tensor.shape)}")
        if tensor.dtype not in ("float32", "float16", *INTEGERS, "int32", "int64", "bool", *NARROW):
            raise Unsupported(f"{tensor} is {tensor.dtype}; int8, int16 and float32 have kernels")
        if tensor.dtype in NARROW and tensor.data is None:
            raise Unsupported(f"{tensor} is an activation of {tensor.dtype.removeprefix('int')} bits")
        if tensor.data is None and tensor.dtype in INTEGERS:
            if tensor.quant is None:
                raise Unsupported(f"{tensor} is {tensor.dtype} and has no scale")
            if tensor.dtype == "int16" and tensor.quant.zero_point.any():
                raise Unsupported(f"{tensor} is int16 and has a zero point other than 0")
            if tensor.quant.axis is not None:
                raise Unsupported(f"{tensor} is an activation quantized per channel")
        return tensor

    # What the converter makes of it.

    def layer(
        self,
        compute: Callable[..., torch.Tensor | tuple[torch.Tensor, ...]],
        *tensors: Tensor,
        **constants: Constant | None,
    ) -> Layer:
        """Return the layer that calls ``compute`` on real numbers.

        Args:
            compute: takes ``tensors`` in order and ``constants`` by name; returns one tensor per output. Integers
                become real numbers before it and integers after it, as the file's scales say.
            tensors: inputs of the file, activations or constants.
            constants: weights and the like, as the layer is to store them; None is passed on.
        """
        stored: dict[str, np.ndarray] = {}
        readers: list[_Real] = []
        for i, tensor in enumerate(tensors):
            if (
                tensor.quant is not None
                and tensor.quant.axis is not None
                and tensor.dtype in (*INTEGERS, *NARROW)
            ):
                raise Unsupported(f"its operand {tensor} is quantized per channel")
            if tensor.data is None:
                readers.append(_Real("", tensor.quant if tensor.dtype in INTEGERS else None))
            else:
                readers.append(
                    _store(stored, f"constant_{i}", Constant(tensor.data, _constant_quant(tensor)))
                )
        named = {k: None if c is None else _store(stored, k, c) for k, c in constants.items()}
        outputs = self.outputs

        def run(*activations: torch.Tensor, **data: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
            waiting = iter(activations)
            real = [reader(data[reader.name] if reader.name else next(waiting), data) for reader in readers]
            keywords = {k: None if r is None else r(data[r.name], data) for k, r in named.items()}
            found = compute(*real, **keywords)
            results = found if isinstance(found, tuple) else (found,)
            if len(results) != len(outputs):
                raise ValueError(f"{len(results)} results for {len(outputs)} outputs")
            given = tuple(_as_stored(x, tensor) for x, tensor in zip(results, outputs, strict=True))
            return given if len(given) > 1 else given[0]

        return Layer(self, run, [tensor for tensor in tensors if tensor.data is None], stored)

    def stored(self, x: torch.Tensor) -> torch.Tensor:
        """Round ``x`` to what the only output can hold; what follows may only move values.

        A layer with weights becomes one on integers only where its result is quantized at once.
        """
        tensor = self.output
        if tensor.dtype not in INTEGERS:
            return x
        assert tensor.quant is not None
        return dequantized(quantized(x, tensor.quant, tensor.dtype), tensor.quant)


@dataclass(frozen=True)
class _Real:
    """Turns what is stored into real numbers."""

    name: str  # of the constant; empty for an activation
    quant: Quantization | None

    def __call__(self, x: torch.Tensor, data: dict[str, torch.Tensor]) -> torch.Tensor:
        if self.quant is None:
            return x
        if self.quant.axis is None:
            return dequantized(x, self.quant)
        scales = {kind: data[f"{self.name}_{kind}"] for kind in ("scale", "zero_point")}
        return dequantized(x, self.quant, **scales)


def _store(stored: dict[str, np.ndarray], name: str, constant: Constant) -> _Real:
    """Add a constant, and its scales where there are several, to what the layer stores."""
    data = constant.data
    stored[name] = (
        np.array(data, data.dtype.newbyteorder("=")) if data.dtype != np.float16 else data.astype("f4")
    )
    quant = constant.quant
    if quant is not None and quant.axis is not None:
        stored[f"{name}_scale"] = quant.scale.astype(np.float32)
        stored[f"{name}_zero_point"] = quant.zero_point
    return _Real(name, quant)


def _constant_quant(tensor: Tensor) -> Quantization | None:
    return tensor.quant if tensor.dtype in (*INTEGERS, *NARROW) else None


def _as_stored(x: torch.Tensor, tensor: Tensor) -> torch.Tensor:
    if tensor.dtype in INTEGERS and x.dtype == torch.float32:
        assert tensor.quant is not None
        return quantized(x, tensor.quant, tensor.dtype)
    return x
