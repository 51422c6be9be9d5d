"""The first layers computed band by band, so that their large activations never lie in memory whole.

A band is some rows of the last of these layers. What it needs of the layers before is computed for it alone, the rows
that two bands share twice: less memory for more work (Lin et al. 2021, MCUNetV2, arXiv 2110.15352, who cut patches in
both directions; whole rows lie together in memory, so bands need no copies).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from toolkit.lower.arena import ALIGNMENT, place
from toolkit.lower.ir import Model, Step, Value
from toolkit.ops import operators

WINDOWED = ("conv2d", "depthwise_conv2d")
BANDS = (2, 3, 4, 6, 8, 12)
MOST_LAYERS = 16  # later ones have small activations


@dataclass(frozen=True)
class Patches:
    """The first ``layers`` steps of a model in ``bands`` bands."""

    layers: int
    bands: int


@dataclass(frozen=True)
class _Rows:
    """Rows ``first`` to ``last``, the latter not included; either may lie outside the activation."""

    first: int
    last: int


def leading_chain(model: Model) -> int:
    """Return how many of the first steps form a chain of layers that can be computed in bands."""
    if len(model.inputs) != 1:
        return 0
    value, count = model.inputs[0], 0
    ends = [*model.outputs, *(state.after for state in model.states)]
    for step in model.steps:
        if (
            not _splits(step)
            or step.activations != [value]
            or model.consumers(value) != [step]
            or any(value is end for end in ends)
        ):
            break
        value, count = step.output, count + 1
    return count


def apply_patches(model: Model, patches: Patches) -> Model | None:
    """Return a copy of ``model`` with its first layers in bands.

    None where there is no such chain of layers, or bands would not lie on whole words.
    Layers are called ``<layer>.band<number>``. ``model`` is not changed.
    """
    if not (0 < patches.layers <= leading_chain(model) and patches.bands > 0):
        return None
    chain, rest = model.steps[: patches.layers], model.steps[patches.layers :]
    height = chain[-1].output.shape[1]
    edges = [height * band // patches.bands for band in range(patches.bands + 1)]
    if len(set(edges)) != len(edges):
        return None
    steps: list[Step] = []
    made: list[Value] = []
    for band, (first, last) in enumerate(pairwise(edges)):
        steps += _band(chain, _Rows(first, last), f"band{band}")
        made.append(steps[-1].output)
    joined = chain[-1].output
    steps.append(Step("join", f"{chain[-1].name}.join", list(made), joined))
    offset = 0
    for value in made:
        if offset % ALIGNMENT:
            return None
        offset += value.nbytes
    if any(_offset(step) % ALIGNMENT for step in steps if step.op == "band"):
        return None
    return replace(model, steps=[*steps, *rest])


def search(model: Model, arena_bytes: int | None = None) -> tuple[Model, Patches | None]:
    """Return ``model`` with its first layers in bands, kernels kept, and which; unchanged where that saves nothing.

    Of all ways tried, the one with the fewest multiply-accumulates whose arena is at most ``arena_bytes``; where there
    is no such way or no limit, the one with the smallest arena.
    """
    best, found = model, None
    smallest, work = place(model).plan.arena_bytes, 0
    for layers in range(2, min(leading_chain(model), MOST_LAYERS) + 1):
        together = model.inputs[0].nbytes + model.steps[layers - 1].output.nbytes
        for bands in BANDS if together < smallest else ():
            banded = apply_patches(model, Patches(layers, bands))
            if banded is None:
                continue
            arena = place(banded).plan.arena_bytes
            macs = sum(operators()[step.op].macs(step) for step in banded.steps)
            enough = arena_bytes is not None and max(arena, smallest) <= arena_bytes
            if (macs < work) if enough else (arena < smallest):
                best, found, smallest, work = banded, Patches(layers, bands), arena, macs
    return best, found


def _splits(step: Step) -> bool:
    """True when rows of the step's output can be computed from rows of its one input."""
    shape = step.output.shape
    if len(shape) != 4 or shape[0] != 1 or len(step.activations) != 1 or step.inputs[0].data is not None:
        return False
    return step.op in WINDOWED or (
        operators()[step.op].layout == "any" and step.inputs[0].shape == shape and len(step.inputs) == 1
    )


def _band(chain: list[Step], rows: _Rows, name: str) -> list[Step]:
    """Return the steps that compute ``rows`` of the chain's output, a view of the input first."""
    needed = [rows]
    for step in reversed(chain):
        needed.insert(0, _input_rows(step, _inside(needed[0], step.output)))
    source = chain[0].inputs[0]
    value = _rows_of(source, _inside(needed[0], source), name)
    steps = [
        Step(
            "band",
            f"{chain[0].name}.{name}_input",
            [source],
            value,
            {"first": _inside(needed[0], source).first},
        )
    ]
    for step, wanted, out in zip(chain, needed, needed[1:], strict=False):
        output = _rows_of(step.output, _inside(out, step.output), name)
        attrs = dict(step.attrs)
        if step.op in WINDOWED:
            have = _inside(wanted, step.inputs[0])
            attrs["pads"] = ((have.first - wanted.first, wanted.last - have.last), step.attrs["pads"][1])
        steps.append(
            replace(
                step, name=f"{step.name}.{name}", inputs=[value, *step.inputs[1:]], output=output, attrs=attrs
            )
        )
        value = output
    return steps


def _input_rows(step: Step, out: _Rows) -> _Rows:
    """Return the input rows that rows ``out`` of the output read, padding included."""
    if step.op not in WINDOWED:
        return out
    kernel = step.inputs[1].shape[1 if step.op == "conv2d" else 0]
    stride, dilation, top = step.attrs["stride"][0], step.attrs["dilation"][0], step.attrs["pads"][0][0]
    return _Rows(out.first * stride - top, (out.last - 1) * stride - top + (kernel - 1) * dilation + 1)


def _inside(rows: _Rows, value: Value) -> _Rows:
    return _Rows(max(rows.first, 0), min(rows.last, value.shape[1]))


def _rows_of(value: Value, rows: _Rows, name: str) -> Value:
    shape = (value.shape[0], rows.last - rows.first, *value.shape[2:])
    return replace(value, name=f"{value.name}.{name}", shape=shape)


def _offset(step: Step) -> int:
    return step.attrs["first"] * (step.output.nbytes // step.output.shape[1])
