"""Give every activation and scratch area its place in the arena."""

from __future__ import annotations

from dataclasses import dataclass, replace

from toolkit.kernels import implementation
from toolkit.lower.ir import Model, Value
from toolkit.lower.plan import NODE_LIMIT, Buffer, Overlap, Plan, plan
from toolkit.ops import operators

ALIGNMENT = 8  # so that any kernel may load whole words


@dataclass(frozen=True)
class Place:
    """The buffer that holds a value, alone or with others, and where in it."""

    buffer: str
    offset: int
    alone: bool  # as big as the buffer


@dataclass(frozen=True)
class Arena:
    """Where the model's activations live while it runs."""

    plan: Plan
    buffers: list[Buffer]
    storage: dict[int, Place]  # by id(value)
    scratch: dict[int, str]  # a step's time -> buffer name

    def offset(self, value: Value) -> int:
        """Return the arena offset of an activation."""
        place = self.storage[id(value)]
        return self.plan.offsets[place.buffer] + place.offset

    def scratch_offset(self, time: int) -> int | None:
        """Return the arena offset of the scratch memory of the step at ``time``, or None when it needs none."""
        return self.plan.offsets[self.scratch[time]] if time in self.scratch else None


def place(model: Model, effort: int = NODE_LIMIT) -> Arena:
    """Plan the arena of a lowered ``model`` whose kernels are chosen, with its ``block``.

    Time 0 is the caller writing the inputs, time i + 1 is step i, and the outputs live on to the end; there the caller
    writes the block's inputs. States are there all the time, and so share their memory with nothing but what they
    become. ``effort`` is that of ``plan``.
    """
    storage: dict[int, Place] = {}
    spans: dict[str, list[int]] = {}  # bytes, first, last
    owners = _owners(model)

    def define(value: Value, time: int) -> None:
        owner, offset = owners.get(id(value), (value, 0))
        if id(owner) not in storage:
            name = owner.name if owner.name not in spans else f"{owner.name}_{time}"
            storage[id(owner)] = Place(name, 0, alone=True)
            spans[name] = [owner.nbytes, time, time]
        if value is not owner:
            storage[id(value)] = Place(storage[id(owner)].buffer, offset, value.nbytes == owner.nbytes)

    states = [state.before for state in model.states]
    for value in [*model.inputs, *states]:
        define(value, 0)
    between = len(model.steps) + 1
    if model.block is not None:
        for value in model.block.inputs:
            define(value, between)
    end = between
    for end, step in model.timeline():
        for value in step.activations:
            spans[storage[id(value)].buffer][2] = end
        define(step.output, end)
    end = max(end + 1, between)
    for value in model.outputs:
        spans[storage[id(value)].buffer][2] = between
    for value in [*(model.block.outputs if model.block else ()), *states]:
        spans[storage[id(value)].buffer][2] = end
    kept = {storage[id(value)].buffer for value in states}
    buffers = [
        Buffer(name, size, first, last, "state" if name in kept else "activation")
        for name, (size, first, last) in spans.items()
    ]
    scratch = {}
    for time, step in model.timeline():
        if size := implementation(step).scratch_bytes(step):
            scratch[time] = f"scratch_{time - 1}"
            buffers.append(Buffer(scratch[time], size, time, time, kind="scratch"))
    overlaps = _overlaps(model, storage, {b.name: b for b in buffers})
    planned = plan(buffers, overlaps, alignment=ALIGNMENT, node_limit=effort)
    return _with_reach(model, Arena(planned, buffers, storage, scratch))


def _with_reach(model: Model, arena: Arena) -> Arena:
    """Return the arena, larger where a kernel reads behind its end."""
    ends = [arena.plan.arena_bytes]
    for _, step in model.timeline():
        if behind := implementation(step).reads_behind(step):
            value = step.activations[0]
            ends.append(arena.offset(value) + value.nbytes + behind)
    size = -(-max(ends) // ALIGNMENT) * ALIGNMENT
    optimal = arena.plan.optimal and size == arena.plan.arena_bytes
    return replace(arena, plan=replace(arena.plan, arena_bytes=size, optimal=optimal))


def _owners(model: Model) -> dict[int, tuple[Value, int]]:
    """Return, by id, the values that lie in another one's memory: that one, and the byte offset in it."""
    states = [*model.states, *(model.block.states if model.block else ())]
    steps = [step for _, step in model.timeline()]
    owners = {id(value): (state.before, 0) for state in states for value in (*state.between, state.after)}

    def owner(value: Value) -> tuple[Value, int]:
        return owners.get(id(value), (value, 0))

    for step in reversed(steps):  # a join's parts, the last join first: it may be part of another
        if step.op == "join":
            whole, start = owner(step.output)
            for part in step.inputs:
                owners[id(part)] = (whole, start)
                start += part.nbytes
    for step in steps:
        if operators()[step.op].code_free and step.op != "join":
            whole, start = owner(step.inputs[0])
            row = step.output.nbytes // step.output.shape[1] if step.op == "band" else 0
            owners[id(step.output)] = (whole, start + step.attrs.get("first", 0) * row)
    return owners


def _overlaps(model: Model, storage: dict[int, Place], buffers: dict[str, Buffer]) -> list[Overlap]:
    """Return which outputs may reach into an input that dies in the same step."""
    overlaps = []
    for time, step in model.timeline():
        place = storage[id(step.output)]
        if operators()[step.op].code_free or not place.alone:
            continue
        out = buffers[place.buffer]
        if out.first != time:
            continue  # a state's memory, in use before
        for index, value in enumerate(step.inputs):
            if value.data is not None:
                continue
            if not storage[id(value)].alone:
                continue
            source = buffers[storage[id(value)].buffer]
            gap = implementation(step).overlap(step, index)
            twice = sum(storage[id(v)].buffer == source.name for v in step.activations) > 1
            if gap is not None and source.last == time and gap < out.bytes and not twice:
                overlaps.append(Overlap(out.name, source.name, gap))
    return overlaps
