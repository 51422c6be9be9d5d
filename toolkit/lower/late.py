"""The pass that turns integers and halves to floats as late as possible, so that what lives long is the smaller."""

from __future__ import annotations

from dataclasses import replace

from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.quantized import remove_dead
from toolkit.lower.schedule import update_early
from toolkit.ops import operators
from toolkit.ops.cast import narrows, widens

MOVES = ("reshape", "permute", "concat")  # that go along with the values they move


def dequantize_late(model: Model) -> Model:
    """Dequantize in front of each float step that reads the result, once more where it is read far apart.

    What a training step keeps of its forward part for its gradients is then int8: a quarter of the memory. A state's
    integers are made late and again, too, as long as it has its old content. Programs whose values alive at one time do
    not become smaller by it stay as they are.
    """
    late = _moved(model)
    return late if _scheduled_peak(late) < _scheduled_peak(model) else model


def _scheduled_peak(model: Model) -> int:
    """Return the peak once updates run early: until then all gradients are alive in the end, and hide the rest."""
    return peak_bytes(update_early(replace(model)))


def _moved(model: Model) -> Model:
    makers = _made_again(model)
    steps: list[Step] = []
    made: dict[int, tuple[Value, int]] = {}  # a float's newest copy, and the last step that read it

    def copy(value: Value, reader: int) -> Value:
        maker = makers.get(id(value))
        if maker is None:
            return value
        newest = made.get(id(value))
        if newest is None or newest[1] < reader - 1:
            output = value if newest is None else replace(value, name=f"{value.name}_again")
            sources = [copy(source, reader) for source in maker.inputs]
            steps.append(replace(maker, inputs=sources, output=output, attrs=dict(maker.attrs)))
            newest = (output, reader)
        made[id(value)] = (newest[0], reader)
        return newest[0]

    others = [step for step in model.steps if id(step.output) not in makers]
    for reader, step in enumerate(others):
        inputs = [copy(value, reader) for value in step.inputs]
        steps.append(replace(step, inputs=inputs))
    outputs = [copy(value, len(others)) for value in model.outputs]
    return remove_dead(replace(model, steps=steps, outputs=outputs))


def _derived(steps: list[Step], value: Value) -> list[Step]:
    """Return the steps that read ``value``, or what was quantized, dequantized and moved of it, in order."""
    same, found = {id(value)}, []
    for step in steps:
        if any(id(read) in same for read in step.inputs):
            found.append(step)
            if step.op in ("quantize", "dequantize", "cast", *MOVES):
                same.add(id(step.output))
    return found


def _made_again(model: Model) -> dict[int, Step]:
    """Return the steps that may run late and again, by their output's id."""
    makers: dict[int, Step] = {}
    count = len(model.states)
    kept = {}  # states whose old content is there as long as anything made of it is read
    ends = model.inputs[len(model.inputs) - count :], model.outputs[len(model.outputs) - count :]
    for old, new in zip(*ends, strict=True):
        maker, readers = model.producer(new), _derived(model.steps, old)
        if maker is not None and readers and model.steps.index(readers[-1]) <= model.steps.index(maker):
            kept[id(old)] = old
    states = {id(value) for value in ends[0]}
    for step in model.steps:
        sources = {id(value) for value in step.activations}
        of_kept = bool(sources) and sources <= kept.keys()
        of_state = of_kept and (step.op in ("quantize", "concat") or widens(step))
        again = step.op == "dequantize" or (widens(step) and not sources & states)
        moves = step.op in MOVES or narrows(step)
        if again or of_state or (moves and sources and sources <= makers.keys()):
            makers[id(step.output)] = step
    return makers


def peak_bytes(model: Model) -> int:
    """Return the most bytes of values that are alive at one time; views count once, states' new content does not."""
    kept = {id(value) for value in model.outputs[len(model.outputs) - len(model.states) :]}
    owner: dict[int, Value] = {}
    span: dict[int, tuple[int, int, int]] = {id(value): (0, 0, value.nbytes) for value in model.inputs}

    def read(value: Value, time: int) -> None:
        key = id(owner.get(id(value), value))
        if key in span:
            first, _, size = span[key]
            span[key] = (first, time, size)

    for time, step in enumerate(model.steps, 1):
        for value in step.activations:
            read(value, time)
        if operators()[step.op].code_free and step.op != "join":
            owner[id(step.output)] = owner.get(id(step.inputs[0]), step.inputs[0])
        elif id(step.output) not in kept:
            span[id(step.output)] = (time, time, step.output.nbytes)
    for value in model.outputs:
        read(value, len(model.steps) + 1)
    changes = [0] * (len(model.steps) + 3)
    for first, last, size in span.values():
        changes[first] += size
        changes[last + 1] -= size
    alive = highest = 0
    for change in changes:
        alive += change
        highest = max(highest, alive)
    return highest
