"""How far another runtime's outputs are from the reference's: counted, and never more than that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.lower.ir import Value
from toolkit.verify.difference import differs

# A runtime that computes with float32 between the integers may round the other way here and there. Measured: 0.04 %
# of the values more than one step away after 25 layers; a wrong program moves most values.
MOST_BEYOND_ONE_STEP = 0.05
_FLOAT_STEP = 0.01  # of a float32 output's range: what counts as a step there
_ON_THE_GRID = 1e-3  # of a step: what float32 makes of an integer times a scale


@dataclass(frozen=True)
class Agreement:
    """One runtime's outputs held against one reference's.

    Args:
        against: which reference.
        samples: how many.
        values: of all outputs of all samples.
        equal: how many values are equal: integers to the bit, float32 within ``FLOAT_TOLERANCE``.
        beyond_one_step: how many are more than a step of the output's scale apart (float32: 1 % of its range).
        largest_steps: largest difference of integer outputs, in steps; None where all are float32.
        largest_difference: largest absolute difference of float32 outputs; None where there are none.
        same_class: of how many samples the largest value has the same index, where the one output is a vector.
    """

    against: str
    samples: int
    values: int
    equal: int
    beyond_one_step: int
    largest_steps: float | None
    largest_difference: float | None
    same_class: int | None

    @property
    def ok(self) -> bool:
        """True when no more differs than float32 arithmetic between the integers explains."""
        return self.beyond_one_step <= MOST_BEYOND_ONE_STEP * self.values

    @property
    def exact(self) -> bool:
        """True when every value is equal."""
        return self.equal == self.values


def agreement(
    against: str, outputs: list[Value], expected: list[np.ndarray], got: list[np.ndarray]
) -> Agreement:
    """Compare outputs in the user's layout, one array per output, first axis the sample.

    Args:
        against: which reference ``expected`` is of.
        outputs: the reference's outputs, whose scale makes the steps.
        expected: as the device has them: integers, or float32.
        got: as the runtime gives them: the same integers, or real numbers.
    """
    values = equal = beyond = 0
    steps: list[float] = []
    differences: list[float] = []
    for output, want, have in zip(outputs, expected, got, strict=True):
        values += want.size
        if want.dtype == np.float32:
            distance = np.abs(want.astype(np.float64) - have)
            equal += int((~differs(want, have)).sum())
            beyond += int((~(distance <= _FLOAT_STEP * float(np.ptp(want)) + 1e-4)).sum())
            differences.append(float(distance.max(initial=0)))
            continue
        distance = np.abs(_steps(output, have) - want)
        close = distance <= _ON_THE_GRID
        distance[close] = 0
        equal += int(close.sum())
        beyond += int((~(distance <= 1 + _ON_THE_GRID)).sum())
        steps.append(float(distance.max(initial=0)))
    return Agreement(
        against,
        len(expected[0]),
        values,
        equal,
        beyond,
        max(steps) if steps else None,
        max(differences) if differences else None,
        _same_class(expected, got),
    )


def _steps(output: Value, have: np.ndarray) -> np.ndarray:
    """Return what a runtime gives in steps of the reference's scale, as float64."""
    if have.dtype.kind != "f" or output.quant is None:
        return have.astype(np.float64)
    return have.astype(np.float64) / output.quant.scale[0] + int(output.quant.zero_point[0])


def _same_class(expected: list[np.ndarray], got: list[np.ndarray]) -> int | None:
    if len(expected) != 1 or expected[0].ndim != 2 or expected[0].shape[1] < 2:
        return None
    return int((expected[0].argmax(1) == got[0].argmax(1)).sum())
