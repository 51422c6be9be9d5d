"""Plain gradient descent without gradients in memory: what makes a weight's gradient makes the new weight of it."""

from __future__ import annotations

from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.quantized import remove_dead
from toolkit.ops import operators
from toolkit.ops.cast import narrows, widens

# what makes gradients by weights, and what steps down them
_STEPPING = {"conv2d_weight_gradient": "conv2d_weight_gradient", "batch_matmul": "matmul_step"}


def step_down(model: Model) -> Model:
    """Turn ``state - rate * gradient`` into one step; ``states`` are still among the model's inputs and outputs."""
    if not model.learns:
        return model
    for index in range(-len(model.states), 0):
        before, after = model.inputs[index], model.outputs[index]
        found = _gradient(model, before, after)
        if found is None:
            continue
        gradient, rate, used_up = found
        if gradient.op == "conv2d_weight_gradient":
            gradient.attrs["filter"] = gradient.output.shape
        gradient.op = _STEPPING[gradient.op]
        gradient.inputs = [*gradient.inputs, before, rate]
        gradient.output = after
        last = used_up[-1]  # the subtraction: all it read is there
        model.steps[model.steps.index(last)] = gradient
        model.steps.remove(gradient)  # its former place, which comes first
        model.steps = [step for step in model.steps if step not in used_up]
    return remove_dead(model)  # halves as float32 that only the steps used up read


def _gradient(model: Model, before: Value, after: Value) -> tuple[Step, Value, list[Step]] | None:
    """Return the step that makes the gradient, the rate, and the steps between it and ``after``, the last one last."""
    subtraction, rounding = model.producer(after), []
    if subtraction is not None and narrows(subtraction):  # a weight that is kept as halves
        rounding = [subtraction]
        subtraction = model.producer(subtraction.inputs[0])
    if subtraction is None or subtraction.op != "sub" or not _is_weight(model, subtraction.inputs[0], before):
        return None
    product = model.producer(subtraction.inputs[1])
    if (
        product is None
        or product.op != "mul"
        or any("activation" in step.attrs for step in (subtraction, product))
    ):
        return None
    rates = [value for value in product.inputs if value.size == 1 and value.data is None]
    factors = [value for value in product.inputs if not any(value is rate for rate in rates)]
    if len(rates) != 1 or len(factors) != 1:
        return None
    used_up = [product, subtraction, *rounding]
    gradient = model.producer(factors[0])
    while (
        gradient is not None and operators()[gradient.op].code_free and _only_reader(model, gradient.output)
    ):
        used_up.insert(0, gradient)
        gradient = model.producer(gradient.inputs[0])
    if gradient is None or gradient.op not in _STEPPING or not _plain(gradient, before):
        return None
    if not all(_only_reader(model, step.output) for step in (gradient, *used_up[:-1])):
        return None
    return gradient, rates[0], used_up


def _is_weight(model: Model, value: Value, before: Value) -> bool:
    """True when ``value`` is the weight ``before``, or its halves as float32."""
    maker = model.producer(value)
    return value is before or (maker is not None and widens(maker) and maker.inputs[0] is before)


def _only_reader(model: Model, value: Value) -> bool:
    return len(model.consumers(value)) == 1 and not any(value is output for output in model.outputs)


def _plain(step: Step, weight: Value) -> bool:
    """True when the step's output is the weight's gradient as it stands, in float32."""
    scaled = step.attrs.get("alpha", 1.0) != 1.0 or "activation" in step.attrs
    constant = any(value.data is not None for value in step.inputs)
    return not scaled and not constant and step.output.dtype == "float32" and step.output.size == weight.size
