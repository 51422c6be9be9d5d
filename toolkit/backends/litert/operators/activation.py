"""Functions of one number, softmax, and bounds."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolkit.backends.litert.graph import Graph, Unsupported, fused_kind
from toolkit.lower.ir import Step, Value
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.litert_tables import FIXED
from toolkit.ops.prelu import stored_slope
from toolkit.ops.table import table_of
from toolkit.program.tflite.writer import options

# Functions whose int8 kernels in LiteRT give what our reference's tables say, by its convention of rounding.
INT8 = {
    "sigmoid": ("LOGISTIC", 2),
    "tanh": ("TANH", 2),
    "hardswish": ("HARD_SWISH", 1),
    "leaky_relu": ("LEAKY_RELU", 2),
    "gelu": ("GELU", 2),
    "gelu_tanh": ("GELU", 2),
}
INT16 = ("sigmoid", "tanh", "gelu", "gelu_tanh")
FLOAT = {
    **{name: kernel for name, (kernel, _) in INT8.items()},
    **{
        name: name.upper()
        for name in ("exp", "log", "sqrt", "rsqrt", "abs", "neg", "sin", "cos", "floor", "sign")
    },
}
SMALLEST_SCALE = 2.0**-25  # of a softmax's input
RELU6 = schema.ActivationFunctionType.RELU6
BOUNDS = {getattr(schema.ActivationFunctionType, name): name for name in ("RELU", "RELU6", "RELU_N1_TO_1")}


def table(step: Step, graph: Graph) -> None:
    """A kernel of LiteRT where there is one that agrees; else, on int8, a table of 256 entries read by GATHER."""
    name, x, y = step.attrs["function"], step.inputs[0], step.output
    if y.quant is None:
        _float(step, graph)
    elif x.dtype == "int16":
        if name not in INT16:
            raise Unsupported(f"{name} of int16")
        if name in FIXED and scale_of(y) != 2.0**-15:
            raise Unsupported(f"an int16 output at a scale of {scale_of(y):.3g} instead of 1/32768")
        _one(step, graph, INT8[name][0], 2)
    elif name in INT8 and (name not in FIXED or FIXED[name] == (scale_of(y), zero_point_of(y))):
        _one(step, graph, *INT8[name])
    else:
        code = graph.between(x, dtype="int32", quant=None)
        types = {"inDataType": schema.TensorType.INT8, "outDataType": schema.TensorType.INT32}
        graph.add("CAST", [x], code, options("Cast", **types))
        index = graph.two("ADD", code, graph.integers([128]))
        entries = graph.constant(f"{step.name}_table", np.roll(table_of(step), 128), y.quant)  # from -128 on
        graph.add("GATHER", [entries, index], y, options("Gather"), 2)


def sigmoid(step: Step, graph: Graph) -> None:
    """As ``table``."""
    table(step, graph)


def tanh(step: Step, graph: Graph) -> None:
    """As ``table``."""
    table(step, graph)


def prelu(step: Step, graph: Graph) -> None:
    """A slope for each channel."""
    slope = stored_slope(step)
    assert slope.data is not None
    alphas = slope.data.reshape((1,) * (len(step.output.shape) - 2) + (-1,))
    graph.add("PRELU", [step.inputs[0], graph.constant(slope.name, alphas, slope.quant)], step.output)


def relu(step: Step, graph: Graph) -> None:
    """Bounds, and another scale where the output has one."""
    kind = fused_kind(step)
    if kind is not None and (BOUNDS[kind] != "RELU_N1_TO_1" or step.output.dtype != "int16"):
        graph.check_rescale(step.inputs[0], step.output)
        name = BOUNDS[kind]
        version = 2 if step.output.quant is not None and name != "RELU_N1_TO_1" else 1
        graph.add(name, [step.inputs[0]], step.output, None, version)
    else:
        graph.bounded(graph.rescaled(step.inputs[0], step.output), step)


def softmax(step: Step, graph: Graph) -> None:
    """Along any axis."""
    _along_last(step, graph, "SOFTMAX", options("Softmax", beta=1.0))


def log_softmax(step: Step, graph: Graph) -> None:
    """Along any axis."""
    _along_last(step, graph, "LOG_SOFTMAX", options("LogSoftmax"))


def masked_softmax(step: Step, graph: Graph) -> None:
    """Softmax over the part of each row that a constant mask keeps; the rest is padded."""
    x, y, kept = step.inputs[0], step.output, step.attrs["kept"]
    _check_scale(x)
    if len(step.inputs) > 1:
        raise Unsupported("a mask that is known at run time only")
    size, depth = len(kept), x.shape[-1]
    blocks = x.size // (size * depth)
    rows, fill = graph.between(x, (blocks, size, depth)), 0.0 if y.quant is None else float(zero_point_of(y))
    graph.reshaped(x, rows)
    parts = []
    for row, (start, count) in enumerate(kept):
        part, made = graph.between(x, (blocks, 1, count)), graph.between(y, (blocks, 1, count))
        box = [graph.integers([0, row, start]), graph.integers(part.shape)]
        graph.add("SLICE", [rows, *box], part, options("Slice"), 2)
        graph.add("SOFTMAX", [part], made, options("Softmax", beta=1.0), 2)
        parts.append(_with_sides(graph, made, start, depth - start - count, fill))
    whole = graph.between(y, (blocks, size, depth))
    graph.add("CONCATENATION", parts, whole, options("Concatenation", axis=1), 2)
    graph.reshaped(whole, y)


def _with_sides(graph: Graph, x: Value, before: int, after: int, fill: float) -> Value:
    if not before + after:
        return x
    made = graph.between(x, (*x.shape[:-1], before + x.shape[-1] + after))
    pads = graph.integers([[0, 0]] * (len(x.shape) - 1) + [[before, after]])
    graph.add("PADV2", [x, pads, graph.number(fill, x)], made, options("PadV2"), 2)
    return made


def _float(step: Step, graph: Graph) -> None:
    """Write a function of floats: a kernel, or a few."""
    name, parameters, x, y = step.attrs["function"], step.attrs["parameters"], step.inputs[0], step.output
    if name in FLOAT:
        _one(step, graph, FLOAT[name], 1)
    elif name == "silu":
        graph.add("MUL", [x, graph.one("LOGISTIC", x)], y, options("Mul"))
    elif name == "hardsigmoid":
        raised = graph.between(y)
        graph.add("ADD", [x, graph.number(3.0, x)], raised, options("Add", fusedActivationFunction=RELU6))
        graph.add("MUL", [raised, graph.number(1 / 6, x)], y, options("Mul"))
    elif name == "elu":
        _elu(graph, x, y, *(parameters or (1.0, 1.0, 1.0)))
    elif name == "pow":
        graph.add("POW", [x, graph.number(parameters[0], x)], y, options("Pow"))
    else:
        raise Unsupported(f"{name} of float32")


def _elu(graph: Graph, x: Value, y: Value, alpha: float, scale: float, input_scale: float) -> None:
    """Write ``scale * (max(x, 0) + alpha * (exp(min(x, 0) * input_scale) - 1))``: ELU has no reference kernel."""
    above, below = graph.one("RELU", x), graph.between(x)
    graph.add("MINIMUM", [x, graph.number(0.0, x)], below, options("MaximumMinimum"))
    power = graph.one("EXP", graph.two("MUL", below, graph.number(input_scale, x)))
    less = graph.two("SUB", power, graph.number(1.0, x))
    whole = graph.two("ADD", above, graph.two("MUL", less, graph.number(alpha, x)))
    graph.add("MUL", [whole, graph.number(scale, x)], y, options("Mul"))


def _one(step: Step, graph: Graph, name: str, version: int) -> None:
    fields = None
    if name == "GELU":
        fields = options("Gelu", approximate=step.attrs["function"] == "gelu_tanh")
    elif name == "LEAKY_RELU":
        fields = options("LeakyRelu", alpha=step.attrs["parameters"][0])
    graph.add(name, [step.inputs[0]], step.output, fields, version)


def _along_last(step: Step, graph: Graph, name: str, fields: object) -> None:
    x, y, axis = step.inputs[0], step.output, step.attrs["axis"]
    _check_scale(x)
    if axis == len(x.shape) - 1:
        graph.add(name, [x], y, fields, 2)
        return
    order = [*(i for i in range(len(x.shape)) if i != axis), axis]
    shape = tuple(x.shape[i] for i in order)
    turned, made = graph.between(x, shape), graph.between(y, shape)
    graph.transposed(x, order, turned)
    graph.add(name, [turned], made, fields, 2)
    graph.transposed(made, [int(i) for i in np.argsort(order)], y)


def _check_scale(x: Value) -> None:
    if x.quant is not None and scale_of(x) < SMALLEST_SCALE:
        raise Unsupported(f"an input scale of {scale_of(x):.3g}, below {SMALLEST_SCALE:.3g}, ends LiteRT")
