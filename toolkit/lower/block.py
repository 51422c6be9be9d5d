"""The form of a model that takes several elements of a sequence at once, made from the one that takes one a run.

What states depend on is computed for all elements, one matrix product where there was one for each; everything else for
the last one only. States come out as they would element by element.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.kernels import candidates, implementation
from toolkit.kernels.sizing import Sizing
from toolkit.lower import reference
from toolkit.lower.ir import Model, State, Step, Value
from toolkit.ops.count_on import counted_on
from toolkit.ops.increment import counted


def with_block(model: Model, elements: int, kernel_set: str) -> Model:
    """Return ``model``, lowered and with its kernels chosen, with a ``block`` that takes ``elements`` at once.

    The block has inputs of ``elements`` in a row, the outputs of the last of them, and the same states.

    Raises:
        ToolkitError: the model keeps no states, or keeps them otherwise than by counting places and writing rows of a
            cache at them, or an operator goes across elements.
    """
    if not model.states:
        raise _refused("it keeps nothing from one run to the next", model.name)
    return replace(model, block=_Maker(model, elements, kernel_set).make())


def check_block(model: Model, inputs: list[np.ndarray]) -> None:
    """Prove on ``inputs``, elements in a row, that blocks leave and give what they do one by one, from two beginnings.

    Raises:
        ToolkitError: they do not.
    """
    assert model.block is not None
    elements = model.block.inputs[0].shape[0]
    singles, blocks = reference.Memory(model), reference.Memory(model.block)
    for start in (0, elements):
        parts = [np.take(x, range(start, start + elements), 0, mode="wrap") for x in inputs]
        for i in range(elements):
            expected = reference.run(model, [part[i : i + 1] for part in parts], singles)
        found = reference.run(model.block, parts, blocks)
        pairs = [*zip(expected, found, strict=True), *zip(singles.arrays, blocks.arrays, strict=True)]
        if not all(_equal(one, other) for one, other in pairs):
            raise _refused("elements at once do not give what they give one by one", model.name)


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    """Integers to the bit; float sums may be taken in another order."""
    return np.allclose(one, other, 1e-4, 1e-4) if one.dtype.kind == "f" else np.array_equal(one, other)


class _Weights(Sizing):
    """Keeps what a kernel packs weights to."""

    def __init__(self) -> None:
        super().__init__()
        self.packed: list[bytes] = []

    def constant(self, suffix: str, data: np.ndarray) -> str:
        if suffix.startswith("weight"):
            self.packed.append(data.tobytes())
        return super().constant(suffix, data)


def _weights(step: Step) -> list[bytes]:
    found = _Weights()
    implementation(step).emit(step, found)
    return found.packed


@dataclass(frozen=True)
class _Counter:
    """A state that each element counts on."""

    by: int
    modulus: int


class _Maker:
    def __init__(self, model: Model, elements: int, kernel_set: str) -> None:
        self.model, self.elements, self.kernel_set = model, elements, kernel_set
        self.steps: list[Step] = []
        self.wide: dict[int, Value] = {}  # by id of the one element's value
        self.last: dict[int, Value] = {}
        self.kept: dict[int, Value] = {}  # what caches have become
        self.counters = {id(s.before): c for s in model.states if (c := self._counter(s)) is not None}
        self.caches = {id(s.after): s for s in model.states if id(s.before) not in self.counters}
        self.writers = [step for step in model.steps if id(step.output) in self.caches]
        self._check_states()

    def make(self) -> Model:
        inputs = [self._widened(value) for value in self.model.inputs]
        self.wide |= {id(own): value for own, value in zip(self.model.inputs, inputs, strict=True)}
        needed, last_only = self._needed()
        for state in self.model.states:
            if (counter := self.counters.get(id(state.before))) is not None:
                self._places(state, counter)
        for step in self.model.steps:
            if step in self.writers:
                self._write(step)
            elif id(step.output) in needed:
                self._for_all(step)
            elif id(step.output) in last_only:
                self.last[id(step.output)] = output = replace(step.output, name=f"{step.output.name}_last")
                self.steps.append(replace(step, inputs=[self._last(v) for v in step.inputs], output=output))
        outputs = [self._last(value) for value in self.model.outputs]
        name = f"{self.model.name}_block"
        permutes = self.model.input_permutes, self.model.output_permutes
        return Model(name, inputs, outputs, self.steps, *permutes, self._states())

    def _counter(self, state: State) -> _Counter | None:
        """Return how each run counts ``state`` on, if that is all it does to it."""
        value, by, modulus = state.after, 0, 0
        while value is not state.before:
            step = self.model.producer(value)
            if step is None or step.op != "increment" or (step.attrs["modulus"] and value is not state.after):
                return None  # a remainder comes last
            by, modulus = by + step.attrs["by"], modulus or step.attrs["modulus"]
            value = step.inputs[0]
        initial = int(state.initial.reshape(-1)[0])
        if state.before.size != 1 or (modulus and not 0 <= initial < modulus):
            return None
        if modulus % self.elements:  # blocks from a reset on then never meet a new beginning inside
            raise _refused(
                f"{state.name} begins anew after {modulus}", state.name, f"choose a divisor of {modulus}"
            )
        return _Counter(by, modulus)

    def _check_states(self) -> None:
        befores = {id(state.before) for state in self.model.states} - self.counters.keys()
        for state in self.caches.values():
            writer = next((step for step in self.writers if step.output is state.after), None)
            if writer is None or writer.op != "index_copy" or writer.inputs[0] is not state.before:
                raise _refused(f"a run changes {state.name} otherwise than row by row", state.name)
        for step in self.model.steps:
            if step not in self.writers and any(id(value) in befores for value in step.inputs):
                raise _refused("it reads a cache before its own row is in it", step.name)
        for value in self.model.inputs:
            if value.shape[:1] != (1,):
                raise _refused(f"its input {value.name} does not begin with one element", value.name)

    def _needed(self) -> tuple[set[int], set[int]]:
        """Return, by id, the values that states depend on, and those that only the outputs do."""
        needed: set[int] = set()
        last = {id(value) for value in self.model.outputs}
        for step in reversed(self.model.steps):
            if step in self.writers:
                needed |= {id(value) for value in step.inputs[1:]}
            elif id(step.output) in needed:
                needed |= {id(value) for value in step.activations}
            elif id(step.output) in last:
                last |= {id(value) for value in step.activations}
        return needed, last

    def _places(self, state: State, counter: _Counter) -> None:
        before, by, modulus = state.before, counter.by, counter.modulus
        self.append(counted_on(before, state.name, by, modulus, self.elements))
        self.wide[id(before)] = self.steps[-1].output
        final = counted(before, by * (self.elements - 1), modulus)
        final.name = state.name
        final.output = Value(f"{before.name}_last", before.shape, "int32")
        self.append(final)
        self.last[id(before)] = final.output

    def _write(self, step: Step) -> None:
        """Write the rows of all elements to a cache."""
        cache, index, rows = step.inputs
        axis = step.attrs["axis"]
        if index.size != 1 or (rows.shape[0], rows.shape[axis]) != (1, 1):
            raise _refused("it writes more than one row a run", step.name)
        source = self.all_of(rows)
        if axis:
            dims = list(range(len(rows.shape)))
            dims[0], dims[axis] = axis, 0
            turned = replace(rows, name=f"{source.name}_turned", shape=tuple(source.shape[d] for d in dims))
            self.append(Step("permute", step.name, [source], turned, {"dims": tuple(dims)}))
            source = turned
        after = replace(step.output, name=f"{step.output.name}_all")
        self.append(replace(step, inputs=[cache, self.all_of(index), source], output=after))
        self.kept[id(step.output)] = after

    def _for_all(self, step: Step) -> None:
        rule = _RULES.get(step.op)
        output = self._widened(step.output)
        if rule is None or step.output.shape[:1] != (1,):
            raise _refused(f"{step.op} has no form for several elements at once", step.name)
        attrs, inputs = rule(step, self)
        made = replace(step, inputs=inputs, output=output, attrs={**step.attrs, **attrs})
        made.kernel = self._kernel(step, made)
        self.append(made)
        self.wide[id(step.output)] = output

    def _kernel(self, step: Step, made: Step) -> str:
        """Return the best kernel that shares the weights of the one for one element; "" where there are none."""
        names = candidates(made, self.kernel_set)
        weights = _weights(step)
        if not weights:
            return ""
        alike = [name for name in names if _weights(replace(made, kernel=name)) == weights]
        return (alike or [step.kernel if step.kernel in names else ""])[0]

    def append(self, step: Step) -> None:
        self.steps.append(step)

    def _widened(self, value: Value) -> Value:
        return replace(value, name=f"{value.name}_all", shape=(self.elements, *value.shape[1:]))

    def all_of(self, value: Value) -> Value:
        """Return ``value`` of all elements; caches and constants are the same for each."""
        if value.data is not None:
            return value
        return self.kept.get(id(value)) or self.wide[id(value)]

    def _last(self, value: Value) -> Value:
        """Return ``value`` of the last element."""
        if value.data is not None:
            return value
        if id(value) in self.kept:
            return self.kept[id(value)]
        if id(value) not in self.last:
            rest = value.shape[1:]
            attrs = {
                "start": (self.elements - 1, *(0,) * len(rest)),
                "count": value.shape,
                "step": (1,) * len(value.shape),
            }
            row = replace(value, name=f"{value.name}_last")
            self.append(Step("slice", value.name, [self.wide[id(value)]], row, attrs))
            self.last[id(value)] = row
        return self.last[id(value)]

    def _states(self) -> list[State]:
        states = []
        for state in self.model.states:
            counter = self.counters.get(id(state.before))
            if counter is None:
                after = self.kept[id(state.after)]
            else:
                counting = counted(state.before, counter.by * self.elements, counter.modulus)
                counting.name, after = state.name, replace(state.before, name=f"{state.name}_after")
                counting.output = after
                self.append(counting)
            states.append(replace(state, after=after))
        return states

    def is_cache(self, value: Value) -> bool:
        return id(value) in self.kept

    def by_place(self, step: Step | None) -> bool:
        """True where ``step`` hides from an element what lies at later places than its own."""
        if step is None or step.op != "masked_softmax" or len(step.inputs) < 2:
            return False
        hidden = all(start + count <= place + 1 for place, (start, count) in enumerate(step.attrs["kept"]))
        return id(step.inputs[1]) in self.counters and hidden


_Rule = Callable[[Step, _Maker], tuple[dict[str, Any], list[Value]]]


def _rows(step: Step, maker: _Maker) -> tuple[dict[str, Any], list[Value]]:
    """Each element is a row, and rows do not meet."""
    if any(maker.is_cache(value) for value in step.activations):
        raise _refused(f"{step.op} reads a cache", step.name)
    if len(step.activations) > 1 and len({len(value.shape) for value in step.activations}) > 1:
        raise _refused(f"{step.op} meets tensors of differing axes", step.name)
    return {}, [maker.all_of(value) for value in step.inputs]


def _normalize(step: Step, maker: _Maker) -> tuple[dict[str, Any], list[Value]]:
    if step.attrs["axes"] >= len(step.output.shape):
        raise _refused(f"{step.op} goes across elements", step.name)
    return _rows(step, maker)


def _slice(step: Step, maker: _Maker) -> tuple[dict[str, Any], list[Value]]:
    return {"count": (maker.elements, *step.attrs["count"][1:])}, _rows(step, maker)[1]


def _concat(step: Step, maker: _Maker) -> tuple[dict[str, Any], list[Value]]:
    if step.attrs["axis"] == 0 or any(value.data is not None for value in step.inputs):
        raise _refused("concat goes across elements", step.name)
    return _rows(step, maker)


def _permute(step: Step, maker: _Maker) -> tuple[dict[str, Any], list[Value]]:
    if step.attrs["dims"][0] != 0:
        raise _refused("permute moves the first axis", step.name)
    return _rows(step, maker)


def _masked_softmax(step: Step, maker: _Maker) -> tuple[dict[str, Any], list[Value]]:
    scores, *index = step.inputs
    if not index:
        return _rows(step, maker)
    if not maker.by_place(step):
        raise _refused("its mask shows later places than an element's own", step.name)
    (place,), each = index, prod(scores.shape[:-1])
    counter = maker.counters[id(place)]
    places = counted_on(place, step.name, counter.by, counter.modulus, maker.elements * each, each)
    maker.append(places)
    return {}, [maker.all_of(scores), places.output]


def _batch_matmul(step: Step, maker: _Maker) -> tuple[dict[str, Any], list[Value]]:
    if step.attrs["batch"][:1] != (1,):
        raise _refused("a matrix product goes across elements", step.name)
    attrs: dict[str, Any] = {"batch": (maker.elements, *step.attrs["batch"][1:])}
    for key, value in zip("ab", step.inputs, strict=True):
        same = value.data is not None or maker.is_cache(value)
        offset, strides = step.attrs[key]
        attrs[key] = (offset, (0 if same else value.size, *strides[1:]))
    readers = _readers(maker.model, step.output)
    hidden = maker.by_place(maker.model.producer(step.inputs[0])) or all(map(maker.by_place, readers))
    if any(maker.is_cache(value) for value in step.inputs) and not hidden:
        raise _refused("it reads places of a cache that no mask hides", step.name)
    return attrs, [maker.all_of(value) for value in step.inputs]


def _readers(model: Model, value: Value) -> list[Step]:
    """Return the steps that read ``value``, those behind a reshape in its place."""
    found = []
    for step in model.consumers(value):
        found += _readers(model, step.output) if step.op == "reshape" else [step]
    return found


_ROWS = (
    "add", "sub", "mul", "div", "maximum", "minimum", "table", "relu", "sigmoid", "tanh", "quantize", "dequantize",
    "increment", "reshape", "embedding", "fully_connected", "token_scale", "quantize_per_token",
    "dequantize_per_token", "fully_connected_per_token",
)  # fmt: skip
_RULES: dict[str, _Rule] = {
    **dict.fromkeys(_ROWS, _rows),
    "rms_norm": _normalize,
    "layer_norm": _normalize,
    "slice": _slice,
    "concat": _concat,
    "permute": _permute,
    "masked_softmax": _masked_softmax,
    "batch_matmul": _batch_matmul,
}


def _refused(
    why: str, at: str, fix: str = "leave --prompt-block out; elements then go one by one"
) -> ToolkitError:
    return ToolkitError(
        f"the model cannot take several elements of a sequence at once: {why}", at=at, fix=fix
    )
