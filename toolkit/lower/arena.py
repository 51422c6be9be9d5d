"""Give every activation and scratch area its place in the arena."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.kernels import implementation
from toolkit.lower.ir import Model, Value
from toolkit.lower.plan import Buffer, Overlap, Plan, plan

ALIGNMENT = 8  # so that any kernel may load whole words


@dataclass(frozen=True)
class Arena:
    """Where the model's activations live while it runs."""

    plan: Plan
    buffers: list[Buffer]
    storage: dict[int, str]  # id(value) -> buffer name; a reshape's output shares its input's buffer
    scratch: dict[int, str]  # step index -> buffer name

    def offset(self, value: Value) -> int:
        """Return the arena offset of an activation."""
        return self.plan.offsets[self.storage[id(value)]]

    def scratch_offset(self, step: int) -> int | None:
        """Return the arena offset of a step's scratch memory, or None when it needs none."""
        return self.plan.offsets[self.scratch[step]] if step in self.scratch else None


def place(model: Model) -> Arena:
    """Plan the arena of a lowered ``model`` whose kernels are chosen.

    Time 0 is the caller writing the inputs, time i + 1 is step i, and the outputs live on to the end.
    """
    storage: dict[int, str] = {}
    spans: dict[str, list[int]] = {}  # bytes, first, last

    def define(value: Value, time: int) -> None:
        name = f"{value.name}" if value.name not in spans else f"{value.name}_{time}"
        storage[id(value)] = name
        spans[name] = [value.nbytes, time, time]

    for value in model.inputs:
        define(value, 0)
    for i, step in enumerate(model.steps):
        for value in step.activations:
            spans[storage[id(value)]][2] = i + 1
        if step.op == "reshape":
            storage[id(step.output)] = storage[id(step.inputs[0])]
        else:
            define(step.output, i + 1)
    end = len(model.steps) + 1
    for value in model.outputs:
        spans[storage[id(value)]][2] = end
    buffers = [Buffer(name, size, first, last) for name, (size, first, last) in spans.items()]
    scratch = {}
    for i, step in enumerate(model.steps):
        if size := implementation(step).scratch_bytes(step):
            scratch[i] = f"scratch_{i}"
            buffers.append(Buffer(scratch[i], size, i + 1, i + 1, kind="scratch"))
    overlaps = _overlaps(model, storage, {b.name: b for b in buffers})
    return Arena(plan(buffers, overlaps, alignment=ALIGNMENT), buffers, storage, scratch)


def _overlaps(model: Model, storage: dict[int, str], buffers: dict[str, Buffer]) -> list[Overlap]:
    """Return which outputs may reach into an input that dies in the same step."""
    overlaps = []
    for i, step in enumerate(model.steps):
        if step.op == "reshape":
            continue
        out = buffers[storage[id(step.output)]]
        for index, value in enumerate(step.inputs):
            if value.data is not None:
                continue
            source = buffers[storage[id(value)]]
            gap = implementation(step).overlap(step, index)
            twice = sum(storage.get(id(v)) == source.name for v in step.activations) > 1
            if gap is not None and source.last == i + 1 and gap < out.bytes and not twice:
                overlaps.append(Overlap(out.name, source.name, gap))
    return overlaps
