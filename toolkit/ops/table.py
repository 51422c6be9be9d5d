"""Any function of one number: a table of 256 entries on int8, arithmetic on float32."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.functions_f32 import NAMES, evaluate_f32
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.litert_tables import litert_table
from toolkit.ops.reading import real_input
from toolkit.ops.real_functions import evaluate

SELU = (1.6732632423543772, 1.0507009873554805, 1.0)
# Functions that aten spells as we do, with the defaults of the arguments behind the first.
ARGUMENTS: dict[str, tuple[tuple[str, float], ...]] = {
    "elu": (("alpha", 1.0), ("scale", 1.0), ("input_scale", 1.0)),
    "leaky_relu": (("negative_slope", 0.01),),
    "softplus": (("beta", 1.0), ("threshold", 20.0)),
    "threshold": (("threshold", 0.0), ("value", 0.0)),
    "hardshrink": (("lambd", 0.5),),
    "softshrink": (("lambd", 0.5),),
    **dict.fromkeys(
        ("silu", "mish", "hardswish", "hardsigmoid", "log_sigmoid", "erf", "exp", "expm1", "log", "log1p",
         "sqrt", "rsqrt", "reciprocal", "abs", "neg", "sin", "cos", "sign", "floor", "ceil", "round",
         "trunc", "frac", "erfc", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh"),
        (),
    ),
}  # fmt: skip
SPELLINGS = (
    *(f"aten.{name}.default" for name in ARGUMENTS),
    *(f"aten.{name}_.default" for name in ARGUMENTS if name not in ("log_sigmoid",)),
    "aten.gelu.default",
    "aten.gelu_.default",
    "aten.selu.default",
    "aten.selu_.default",
    "aten.celu.default",
    "aten.celu_.default",
    *(f"aten.{name}{mark}.default" for name in ("exp2", "log2", "log10") for mark in ("", "_")),
    "aten.square.default",
    "aten.pow.Tensor_Scalar",
    "aten.pow.Scalar",
)


class Table(Operator):
    """``output = f(input)`` for ``attrs["function"]`` of ``toolkit.ops.real_functions`` and ``attrs["parameters"]``.

    int8: an entry is f of the real number that the code stands for, computed in float64, divided by the output's
    scale and rounded once, half up. Where sums round as in TensorFlow Lite (``rounding`` "double"), and for sigmoid and
    tanh, an entry is what its kernel gives; see ``litert_tables``. float32: see ``tk_functions_f32.h`` for the errors.
    """

    name = "table"
    aten: ClassVar[tuple[str, ...]] = SPELLINGS
    quantization: ClassVar[Literal["io", "fixed"]] = "io"
    layout = "any"
    functions: ClassVar[tuple[str, ...]] = tuple(name for name in NAMES if name not in ("sigmoid", "tanh"))

    def read(self, node: Any, reader: Reader) -> Step:
        function, parameters = _function(node, reader)
        x = real_input(node.args[1 if str(node.target) == "aten.pow.Scalar" else 0], reader)
        return Step(self.name, "", [x], Value("", ()), {"function": function, "parameters": parameters})

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        if step.output.quant is None:
            return evaluate_f32(step.attrs["function"], inputs[0], step.attrs["parameters"])
        return table_of(step)[np.ascontiguousarray(inputs[0]).view(np.uint8)]

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y, size = emitter.pointer(step.inputs[0]), emitter.pointer(step.output), str(step.output.size)
        if step.output.quant is not None:
            return Call("tk_table_s8", [x, emitter.constant("table", table_of(step)), y, size])
        function, parameters = step.attrs["function"], step.attrs["parameters"]
        if function == "exponential":
            parameters = (math.log(parameters[0]),)
        literals = [emitter.float_literal(p) for p in (*parameters, 0.0, 0.0, 0.0)[:3]]
        return Call("tk_function_f32", [x, f"TK_{function.upper()}", *literals, y, size])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for function in self.functions:
            for kind in KINDS:
                yield _case(self.name, function, kind)
        for scale, rounding in ((1e-3, "single"), (0.7, "single"), (0.02, "double"), (0.1, "double")):
            yield _case(self.name, self.functions[0], "int8", scale, rounding)


def table_of(step: Step) -> np.ndarray:
    """Return the 256 int8 entries by the input's bits as a uint8: 0..127, then -128..-1."""
    x, y = step.inputs[0], step.output
    assert y.quant is not None
    (scale_in, zero_in), (scale_out, zero_out) = scaling = [(scale_of(v), zero_point_of(v)) for v in (x, y)]
    name, parameters = step.attrs["function"], step.attrs["parameters"]
    entries = litert_table(name, scaling[0], scaling[1], parameters, step.rounding)
    if entries is None:
        real = scale_in * (np.arange(-128, 128) - zero_in)
        limit = 2.0**20  # beyond every code
        scaled = evaluate(name, real, parameters) / scale_out
        scaled = np.clip(np.nan_to_num(scaled, nan=0.0, posinf=limit, neginf=-limit), -limit, limit)
        entries = np.floor(scaled + 0.5).astype(np.int64) + zero_out
    return np.roll(np.clip(entries, y.quant.qmin, y.quant.qmax), -128).astype(np.int8)


def _function(node: Any, reader: Reader) -> tuple[str, tuple[float, ...]]:
    """Return the function's name and parameters."""
    _, name, overload = str(node.target).split(".")
    name, rest, given = name.rstrip("_"), list(node.args[1:]), node.kwargs
    if name in ("gelu",):
        approximate = rest[0] if rest else given.get("approximate", "none")
        return ("gelu_tanh" if approximate == "tanh" else "gelu"), ()
    if name == "selu":
        return "elu", SELU
    if name == "celu":
        alpha = float(rest[0] if rest else given.get("alpha", 1.0))
        return "elu", (alpha, 1.0, 1.0 / alpha)
    if name == "exp2":
        return "exponential", (2.0,)
    if name in ("log2", "log10"):
        return "log_scaled", (1.0 / math.log(float(name[3:])),)
    if name == "square":
        return "pow", (2.0,)
    if name == "pow":
        return ("exponential", (float(node.args[0]),)) if overload == "Scalar" else ("pow", (float(rest[0]),))
    if name in ("sigmoid", "tanh"):
        return name, ()
    values = [
        rest[i] if i < len(rest) else given.get(argument, default)
        for i, (argument, default) in enumerate(ARGUMENTS[name])
    ]
    return name, tuple(float(value) for value in values)


_PARAMETERS = {
    "elu": (1.3, 1.1, 0.8),
    "leaky_relu": (0.1,),
    "softplus": (2.0, 20.0),
    "pow": (3.0,),
    "exponential": (2.0,),
    "log_scaled": (1.5,),
    "threshold": (0.3, -0.7),
    "hardshrink": (0.5,),
    "softshrink": (0.5,),
}


def _case(op: str, function: str, kind: str, scale: float = 0.04, rounding: Any = "single") -> Case:
    shape = (1, 256) if kind == "int8" else (2, 3, 50)
    out_scale, zero = {"sigmoid": (1 / 256, -128), "tanh": (1 / 128, 0)}.get(function, (0.05, -7))
    x, y = activation("x", shape, kind, scale, 5), activation("y", shape, kind, out_scale, zero)
    data = np.arange(-128, 128).astype(np.int8).reshape(shape) if kind == "int8" else sample(x, 9) * 3
    if kind == "float32":
        data.ravel()[:8] = [0, 1, -1, 0.5, 1e-3, 20, -20, 1.5]
        if function in ("asin", "acos", "atanh"):
            data = np.clip(data / 4, np.float32(-0.99), np.float32(0.99))
        if function == "acosh":
            data = np.abs(data) + np.float32(1)
        if function in ("log", "log_scaled", "log1p", "sqrt", "rsqrt", "reciprocal"):
            data = np.abs(data) + np.float32(1e-6)
    attrs = {"function": function, "parameters": _PARAMETERS.get(function, ())}
    step = Step(op, "act", [x], y, attrs, rounding=rounding)
    return Case(case_id(function, scale, rounding, kind), step, [data.astype(x.dtype)])


OPERATOR = Table()
