"""Products of two activations' matrices."""

from __future__ import annotations

from toolkit.backends.litert.graph import Graph, relabelled
from toolkit.lower.ir import Step
from toolkit.ops.batch_matmul import matmul_step
from toolkit.program.tflite.writer import options


def batch_matmul(step: Step, graph: Graph) -> None:
    """A constant factor that the product takes in becomes part of the first operand's scale."""
    dense = matmul_step(step.op, *step.inputs).attrs
    assert all(step.attrs[key] == dense[key] for key in "ab"), "lowered with views"
    a, b = (x if x.data is None else graph.constant(x.name, x.data, x.quant) for x in step.inputs)
    made, alpha = step.output, step.attrs.get("alpha", 1.0)
    if alpha != 1.0 and step.output.quant is not None:
        scaled = relabelled(graph.between(a), alpha)
        graph.reshaped(a, scaled)
        a = scaled
    elif alpha != 1.0:
        made = graph.between(step.output)
    shape = (*step.attrs["batch"], step.attrs["rows"], step.attrs["columns"])
    whole = made if made.shape == shape else graph.between(made, shape)
    graph.add("BATCH_MATMUL", [a, b], whole, options("BatchMatMul"), 2 if made.quant is not None else 1)
    if whole is not made:
        graph.reshaped(whole, made)
    if made is not step.output:
        graph.add("MUL", [made, graph.number(alpha, made)], step.output, options("Mul"))
