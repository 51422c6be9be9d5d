"""What each of a model's programs should compute, and how far a runtime may be from that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from toolkit import tensors
from toolkit.describe import describe_tensor
from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.model_file import torch_outputs

if TYPE_CHECKING:
    from torch import fx
    from torch.export import ExportedProgram

    from toolkit.lower.ir import Model

# Of float32 outputs, as a share of the largest magnitude: sums of a few thousand products in another order.
_FLOAT_SHARE = 1e-4
# Of an output whose layers find an 8-bit scale for each row: an input between two steps may fall to either. Of a
# network of n such layers, whose roundings are independent, sqrt(n) times as much.
_DYNAMIC_SHARE = 0.02
_ON_THE_GRID = 1e-3  # of a step: what float32 makes of an integer times a scale


@dataclass
class Expected:
    """Outputs of one program on the golden samples, in the user's layout, as real numbers.

    Args:
        against: what computed them.
        outputs: one array per output, first axis the sample.
        units: for each output the size of what differences are counted in: a step of its scale, or 1.
        unit: what that is called.
        bound: the largest difference allowed, in units.
        bound_from: where the bound comes from.
        equal_within: what counts as equal, in units.
        others: the same by other conventions of rounding, by their names.
        torchs: what torch computes from the program, after ``sum_in_integers``.
    """

    against: str
    outputs: list[np.ndarray]
    units: list[float]
    unit: str
    bound: float
    bound_from: str
    equal_within: float
    others: dict[str, Expected] = field(default_factory=dict)
    torchs: list[np.ndarray] = field(default_factory=list)


def expected(
    program: ExportedProgram, numbers: str, real: list[np.ndarray], rounding: str, roundings: Collection[str]
) -> Expected:
    """Return what ``program`` computes from ``real`` inputs, as the program takes them, first axis the sample.

    ``rounding`` is the model's own convention, ``roundings`` are those of the runtimes that it is for.

    Integers are the toolkit's reference's. Runtimes scale integer sums in float32, as torch does after
    ``sum_in_integers``: a value may be one step further from the reference than the farthest of torch's.
    """
    if numbers == "int4-dynamic":
        return _dynamic(program, real)
    model = lower(program, rounding=rounding)
    own = _reference(model, real, "the reference")
    torchs = _by_torch(program, model, real)
    quantized = [value.quant is not None for value in model.outputs]
    if not all(quantized):
        largest = max(float(np.abs(array).max(initial=0)) for array in own.outputs)
        own.units, own.unit, own.equal_within = [1.0] * len(own.outputs), "", _FLOAT_SHARE * largest
        between = max(_distance(*ends, 1.0) for ends in zip(own.outputs, torchs, strict=True))
        own.bound = _FLOAT_SHARE * largest + between
        own.bound_from = f"float32 sums in another order: {_FLOAT_SHARE:g} of the largest output"
        if between > _FLOAT_SHARE * largest:
            own.bound_from += f", and torch is {between:.2g} from the reference"
        return own
    _bound_in_steps(own, model, torchs)
    for name in sorted(set(roundings) - {rounding}):
        other = lower(program, rounding=name)
        own.others[name] = _reference(other, real, f"the reference, {name} rounding")
        _bound_in_steps(own.others[name], other, torchs)
    return own


def _bound_in_steps(found: Expected, model: Model, torchs: list[np.ndarray]) -> None:
    found.torchs = torchs
    found.units = [float(value.quant.scale[0]) for value in model.outputs if value.quant is not None]
    found.unit, found.equal_within = "steps", _ON_THE_GRID
    between = max(_distance(*ends) for ends in zip(found.outputs, torchs, found.units, strict=True))
    # two ways of rounding float32 may lie on either side of the exact sums, which 16 bits show and 8 seldom do
    times = 2 if any(value.dtype == "int16" for value in model.outputs) else 1
    found.bound = 1.0 + times * np.rint(between) + _ON_THE_GRID
    found.bound_from = "one step: a sum between two integers may be rounded to either"
    if np.rint(between):
        away = np.rint(between)
        more = f"{times * away:g}, as torch, which scales integer sums in float32, is {away:g} away"
        found.bound_from += f"; and {more}"


def _reference(model: Model, real: list[np.ndarray], against: str) -> Expected:
    described = [describe_tensor(*ends) for ends in zip(model.inputs, model.input_permutes, strict=True)]
    given = [tensors.to_device(each, array, "samples") for each, array in zip(described, real, strict=True)]
    described = [describe_tensor(*ends) for ends in zip(model.outputs, model.output_permutes, strict=True)]
    made = [tensors.to_user(*ends) for ends in zip(described, reference.run_batch(model, given), strict=True)]
    return Expected(against, made, [], "", 0.0, "", 0.0)


def _by_torch(program: ExportedProgram, model: Model, real: list[np.ndarray]) -> list[np.ndarray]:
    """Return what torch computes as real numbers, sums and halves as in runtimes with integer kernels."""
    from toolkit.backends.executorch.averages import round_halves_away
    from toolkit.runtimes.integer_sums import sum_in_integers

    def as_files(module: fx.GraphModule) -> None:
        round_halves_away(module)
        sum_in_integers(module)

    found = []
    for value, array in zip(model.outputs, torch_outputs(program, real, as_files), strict=True):
        if value.quant is not None and array.dtype.kind != "f":
            array = (array.astype(np.float32) - value.quant.zero_point[0]) * np.float32(value.quant.scale[0])
        found.append(array)
    return found


def _dynamic(program: ExportedProgram, real: list[np.ndarray]) -> Expected:
    made = torch_outputs(program, real)
    largest = max(float(np.abs(array).max(initial=0)) for array in made)
    layers = sum(str(node.target) == "aten.linear.default" for node in program.graph.nodes)
    share = _DYNAMIC_SHARE * max(layers, 1) ** 0.5
    why = f"{share:.2g} of the largest output: in {layers} layers, a row's 8-bit steps may be rounded to either side"
    within = _FLOAT_SHARE * largest
    return Expected("torch", made, [1.0] * len(made), "", share * largest, why, within)


def _distance(one: np.ndarray, other: np.ndarray, unit: float) -> float:
    return float((np.abs(one.astype(np.float64) - other) / unit).max(initial=0))
