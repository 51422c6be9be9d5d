"""What an operator says of itself; see ``docs/adding.md`` for a worked example."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from toolkit.lower.ir import Step, Value

# of kernels, by what they take
SUFFIXES = {"int8": "s8", "int16": "s16", "int32": "s32", "float16": "f16", "float32": "f32"}


class Reader(Protocol):
    """What ``Operator.read`` may ask while a program is read."""

    def value(self, arg: Any) -> Value:
        """Return the value an FX argument stands for; constants have ``data``."""

    def unsupported(self, why: str) -> Exception:
        """Return the error to raise for a form of the operator that nothing here computes."""


class Emitter(Protocol):
    """What ``Operator.emit`` may ask while C is written."""

    def pointer(self, value: Value) -> str:
        """Return the C expression for an activation's address, typed for its dtype."""

    def constant(self, suffix: str, data: np.ndarray) -> str:
        """Define a ``static const`` array for this layer and return its name."""

    def function(self, suffix: str, text: str) -> str:
        """Define a function that this layer needs, called NAME in its ``text``, and return its name."""

    def local(self, ctype: str, name: str, initialiser: str) -> str:
        """Define a constant struct inside the layer function and return its address."""

    def float_literal(self, value: float) -> str:
        """Return the C literal of a float32, infinities included."""

    def scratch(self, ctype: str = "int8_t") -> str:
        """Return the C expression for this layer's scratch memory."""


@dataclass(frozen=True)
class Call:
    """One kernel call: ``kernel(args)``, from ``header`` in ``runtime/include``."""

    kernel: str
    args: list[str]
    family: str = ""  # what the header is called where it has several kernels

    @property
    def header(self) -> str:
        """The header that defines the kernel."""
        return f"{self.family or self.kernel}.h"

    @classmethod
    def typed(cls, family: str, value: Value, args: list[str]) -> Call:
        """Return the call of a kernel that one header has for several types, for that of ``value``."""
        return cls(f"{family}_{SUFFIXES[value.dtype]}", args, family)


@dataclass(frozen=True)
class Loop:
    """Calls for every ``step`` rows of ``count``: in C, ``row`` is a strip's first, ``rows`` how many it has."""

    count: int
    step: int
    calls: list[Call]


@dataclass(frozen=True)
class Case:
    """One test case: a step with constants in place, and the inputs to feed it."""

    id: str
    step: Step
    inputs: list[np.ndarray]


class Operator(ABC):
    """One operator: how it is read, computed, written as C, and tested."""

    name: ClassVar[str]
    aten: ClassVar[tuple[str, ...]] = ()
    # How the int8 quantizer treats it: "weighted" (activation, weight, bias), "io" (inputs and output each have
    # their own range), "share" (output has the input's range), "fixed" (output range is `fixed_output`), "none".
    quantization: ClassVar[Literal["weighted", "io", "share", "fixed", "none"]] = "none"
    weight_channel_axis: ClassVar[int] = (
        0  # of a "weighted" operator's weight as torch holds it: output channels
    )
    fixed_output: ClassVar[tuple[float, int]] = (1 / 256, -128)  # scale, zero point for "fixed"
    # "channels_last": 4-d activations must be NHWC. "any": elementwise, order does not matter.
    # "axes": has axis attributes that `transpose` can rename. "fixed": the order of elements matters.
    layout: ClassVar[Literal["channels_last", "any", "axes", "fixed"]] = "fixed"
    float_constants: ClassVar[bool] = False  # its constants stay float in an int8 step: it folds them itself
    fuses_scale: ClassVar[bool] = (
        False  # a following multiplication by one positive number becomes part of it
    )
    fuses_activation: ClassVar[bool] = False  # a following relu/relu6/clamp becomes output bounds
    code_free: ClassVar[bool] = False  # the output lies in an input's memory, or an input in the output's
    integer_output: ClassVar[bool] = False  # takes int8 and gives int32 indices: no quantize follows
    moves_data: ClassVar[bool] = (
        False  # values pass unchanged, so integers may pass where a float was meant to
    )
    takes_int16: ClassVar[bool] = False  # as it is, without an operator of its own for them
    potentials: ClassVar[bool] = False  # its inputs are int16 in an int8 model, too
    sums_in_order: ClassVar[bool] = True  # in float32 the reference adds as the kernel does: equal to the bit
    # So many inputs from the first on may be float16, all or none, and ``half_also`` behind them, one by one. Of
    # float16 it gives "picked" float16 (values of its first input, zeros, bounds), "any" of float32 and float16 that
    # is rounded once, or one of the two. See ``lower.halves``.
    half_operands: ClassVar[int] = 0
    half_also: ClassVar[int] = 0
    of_halves: ClassVar[Literal["picked", "any", "float16", "float32"]] = "any"
    several_outputs: ClassVar[bool] = False  # each is read by `read_part` where the program takes it
    one_scale: ClassVar[bool] = False  # with "share": every input must come at the output's scale

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        """Turn one FX node into a step in torch's layout, with float or quantized values alike.

        Of several steps, in order, the last gives the node's output.
        """
        raise NotImplementedError(f"{self.name} is made by a pass, not read")

    def read_part(self, node: Any, index: int, reader: Reader) -> list[Step]:
        """Turn output ``index`` of an FX node with ``several_outputs`` into steps; the last gives it."""
        raise NotImplementedError(f"{self.name} has one output")

    @abstractmethod
    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        """Compute the output exactly as the device does. ``inputs`` are the activations, in device layout."""

    @abstractmethod
    def emit(self, step: Step, emitter: Emitter) -> Call | list[Call] | Loop:
        """Return the kernel call, or several in order, defining the constants they need."""

    def to_channels_last(self, step: Step) -> None:  # noqa: B027 - most operators have no constants to turn
        """Turn the step's constants from torch's layout to the kernel's; for ``layout = "channels_last"``."""

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:  # noqa: B027 - most have no axes
        """Rewrite axis attributes for 4-d activations transposed by ``dims``: new axis i is old axis dims[i]."""

    def parts(self, step: Step) -> tuple[Step, ...]:
        """Return the steps that one made of several stands for, in order."""
        return (step,)

    def macs(self, step: Step) -> int:
        """Multiply-accumulates per inference, padded taps included."""
        return 0

    def takes_half(self, step: Step) -> bool:
        """True when float16 in the place of its first ``half_operands`` inputs gives what float32 would."""
        return True

    def scratch_bytes(self, step: Step) -> int:
        """Arena bytes the kernel needs while it runs."""
        return 0

    def reads_behind(self, step: Step) -> int:
        """How many bytes behind its first input in the arena the kernel may read, whatever lies there."""
        return 0

    def overlap(self, step: Step, index: int) -> int | None:
        """Bytes by which the output must start below activation input ``index`` to share its memory.

        0 means in place. None means they must not share. See ``toolkit.lower.overlap``.
        """
        return None

    def in_place(self, step: Step, index: int) -> bool:
        """True when the output may be written exactly over activation input ``index``."""
        return self.overlap(step, index) == 0

    def cases(self) -> Iterable[Case]:
        """Yield test cases: ordinary, odd shapes, extremes of value."""
        return ()
