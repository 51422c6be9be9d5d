"""The typed steps between an exported program and C: values, steps, and the model that holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np

ITEMSIZE = {"int8": 1, "uint8": 1, "int16": 2, "int32": 4, "int64": 8, "float16": 2, "float32": 4, "bool": 1}


@dataclass(frozen=True, eq=False)
class Quantization:
    """How integers stand for reals: ``real = scale * (integer - zero_point)``, integers in ``qmin..qmax``.

    ``scale`` and ``zero_point`` have one entry per tensor, or one per index of ``axis``.
    The range is the storage type: -1..1 is ternary, -7..7 is int4, -128..127 is int8.
    """

    scale: np.ndarray  # float64, (1,) or (channels,)
    zero_point: np.ndarray  # int64, same shape
    qmin: int
    qmax: int
    axis: int | None = None

    @property
    def per_tensor(self) -> bool:
        """True when one scale serves the whole tensor."""
        return self.axis is None

    @property
    def is_ternary(self) -> bool:
        """True when the range is -1..1."""
        return (self.qmin, self.qmax) == (-1, 1)

    @property
    def is_int4(self) -> bool:
        """True when the range fits four bits, and is not -1..1."""
        return self.qmin >= -8 and self.qmax <= 7 and not self.is_ternary

    def same_as(self, other: Quantization | None) -> bool:
        """True when both map integers to the same reals."""
        return (
            other is not None
            and (self.qmin, self.qmax, self.axis) == (other.qmin, other.qmax, other.axis)
            and np.array_equal(self.scale, other.scale)
            and np.array_equal(self.zero_point, other.zero_point)
        )


def per_tensor(scale: float, zero_point: int = 0, qmin: int = -128, qmax: int = 127) -> Quantization:
    """Return a per-tensor quantization, int8 unless the range says otherwise."""
    return Quantization(np.array([scale], np.float64), np.array([zero_point], np.int64), qmin, qmax)


def per_channel(scales: np.ndarray, axis: int = 0, qmin: int = -127, qmax: int = 127) -> Quantization:
    """Return a symmetric per-channel quantization along ``axis``."""
    scales = np.asarray(scales, np.float64)
    return Quantization(scales, np.zeros(scales.shape, np.int64), qmin, qmax, axis)


@dataclass(eq=False)
class Value:
    """A tensor of the program: a constant when ``data`` is there, else an activation in the arena."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    quant: Quantization | None = None
    data: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes when stored unpacked."""
        return self.size * ITEMSIZE[self.dtype]

    def __repr__(self) -> str:
        return f"%{self.name}:{self.dtype}{list(self.shape)}"


@dataclass(eq=False)
class Step:
    """One operator applied to values. ``name`` is the layer's path in the user's model (``features.0.conv``)."""

    op: str
    name: str
    inputs: list[Value]
    output: Value
    attrs: dict[str, Any] = field(default_factory=dict)
    kernel: str = ""  # of toolkit.kernels, once chosen
    rounding: Literal["single", "double", "away"] = "single"  # how sums become integers; see lower.rounding

    @property
    def activations(self) -> list[Value]:
        """The inputs that live in the arena."""
        return [value for value in self.inputs if value.data is None]

    def __repr__(self) -> str:
        return f"{self.output!r} = {self.op}({', '.join(map(repr, self.inputs))}) {self.attrs}"


@dataclass(eq=False)
class State:
    """A tensor that a model keeps from one run to the next.

    ``before`` is what a run reads, ``after`` what it leaves for the next one; ``initial`` is what the first one reads.
    Once the passes are through, all three have one shape, type and scale, and ``between`` are what the tensor's memory
    holds in turn while a run makes the new content of the old one in place.
    """

    name: str  # the buffer's in the user's model
    before: Value
    after: Value
    initial: np.ndarray
    between: list[Value] = field(default_factory=list)


@dataclass
class Model:
    """A straight list of steps, in the order in which they run.

    While the passes run, what ``states`` read and leave are the last of ``inputs`` and ``outputs``: they are laid out
    and quantized like those. ``lower.states`` takes them out again.
    """

    name: str
    inputs: list[Value]
    outputs: list[Value]
    steps: list[Step]
    # how the device tensor's axes come from the user's (torch) tensor's: device = user.transpose(permute)
    input_permutes: list[tuple[int, ...] | None] = field(default_factory=list)
    output_permutes: list[tuple[int, ...] | None] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    learns: bool = False  # one run is a training step: lower.learning
    block: Model | None = None  # its form for several elements of a sequence at once: lower.block

    def timeline(self) -> Iterator[tuple[int, Step]]:
        """Yield every step with its time in the memory plan: those of ``block`` after the model's own."""
        yield from enumerate(self.steps, 1)
        if self.block is not None:
            yield from enumerate(self.block.steps, len(self.steps) + 2)

    def values(self) -> Iterator[Value]:
        """Yield every value once: inputs first, then by step."""
        seen: set[int] = set()
        states = [state.before for state in self.states]
        for value in [
            *self.inputs,
            *states,
            *(v for step in self.steps for v in (*step.inputs, step.output)),
        ]:
            if id(value) not in seen:
                seen.add(id(value))
                yield value

    def producer(self, value: Value) -> Step | None:
        """Return the step that makes ``value``, or None for inputs and constants."""
        return next((step for step in self.steps if step.output is value), None)

    def consumers(self, value: Value) -> list[Step]:
        """Return the steps that read ``value``."""
        return [step for step in self.steps if any(v is value for v in step.inputs)]

    def __repr__(self) -> str:
        return "\n".join(
            [f"{self.name}({self.inputs})", *(f"  {s!r}" for s in self.steps), f"  -> {self.outputs}"]
        )
