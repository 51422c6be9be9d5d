"""int8 fully connected layer with SMLAD: two output rows in one multiply."""

from __future__ import annotations

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack import pack_two_rows
from toolkit.ops.weighted import Folded, fold, is_int8, requant_fields


class FullyConnectedS8Dsp(Kernel):
    """Four rows by four columns at a time; weights packed by ``pack_two_rows``."""

    name = "tk_fully_connected_s8_dsp"
    op = "fully_connected"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        return is_int8(step) and part_groups(*matrix(fold(step))) > 0

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return two_row_call(step, fold(step), emitter)

    def reads_behind(self, step: Step) -> int:
        return rest_of_group(step)


def two_row_call(step: Step, folded: Folded, emitter: Emitter) -> Call:
    """Return the call that multiplies rows of the input by the weight as a matrix, (channels, depth)."""
    weight, starts = matrix(folded)
    channels, depth = weight.shape
    x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
    requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
    w, bias = (emitter.constant(n, d) for n, d in pack_two_rows(weight, starts).items())
    shape = (step.output.size // channels, depth, channels, part_groups(weight, starts))
    return Call(FullyConnectedS8Dsp.name, [x, w, bias, requant, y, *map(str, shape)])


def rest_of_group(step: Step) -> int:
    """Return how many columns the last group of four lacks: a row is read in whole groups."""
    return -step.inputs[1].shape[1] % 4


def matrix(folded: Folded) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights as (channels, depth), and the biases."""
    return folded.weight.reshape(folded.weight.shape[0], -1), folded.bias


def part_groups(weight: np.ndarray, bias: np.ndarray) -> int:
    """Return how many groups of four columns a sum may have so that two rows separate: of all, half, a quarter, ...

    Every second row's sum over each such part, the first with the bias, must lie within 2**23. 0 where nothing helps.
    """
    rows = weight.astype(np.int64)[1::2]
    rows = np.pad(rows, [(0, 0), (0, -rows.shape[1] % 4)])
    part = rows.shape[1] // 4
    while part > 0:
        starts = np.arange(0, rows.shape[1], 4 * part)
        for value, other in ((-128, 127), (127, -128)):
            ends = np.add.reduceat(np.where(rows > 0, rows * value, rows * other), starts, axis=1)
            ends[:, 0] += bias[1::2]
            if ends.size and not (ends.min() >= -(2**23) and ends.max() < 2**23):
                break
        else:
            return part
        part = -(-part // 2) if part > 1 else 0
    return 0


KERNEL = FullyConnectedS8Dsp()
