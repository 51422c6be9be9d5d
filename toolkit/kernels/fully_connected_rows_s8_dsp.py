"""int8 fully connected layer with SMLAD: four channels at a time, to the outputs in one function of all layers."""

from __future__ import annotations

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.kernels.fully_connected_s8_dsp import rest_of_group
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack import pack_two_rows
from toolkit.ops.pack_pairs import finishing_words, fours, sums_range
from toolkit.ops.weighted import Folded, fold, is_int8


class FullyConnectedRowsS8Dsp(Kernel):
    """Four channels by four columns; weights packed by ``pack_two_rows``."""

    name = "tk_fully_connected_rows_s8_dsp"
    op = "fully_connected"
    sets = ("armv7em",)
    rank = 2

    def takes(self, step: Step) -> bool:
        return (
            is_int8(step) and step.inputs[1].shape[0] >= 4 and four_row_finish(fours(fold(step))) is not None
        )

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = fours(fold(step))
        words = four_row_finish(folded)
        assert words is not None
        packed = pack_two_rows(folded.weight.reshape(len(folded.bias), depth), folded.bias)
        w, finish = emitter.constant("weight", packed["weight"]), emitter.constant("finish", words)
        double = int(folded.rounding == "double")
        numbers = (double, folded.low, folded.high)
        shape = (step.output.size // channels, depth, channels)
        return Call(self.name, [x, w, finish, *map(str, numbers), y, *map(str, shape)])

    def reads_behind(self, step: Step) -> int:
        return rest_of_group(step)


def four_row_finish(folded: Folded) -> np.ndarray | None:
    """Return sixteen words for every four channels, flat int32, or None where a sum or its rounding does not fit.

    The sums' start as ``pack_two_rows`` has it, then multiplier, constant and shift of each channel.
    """
    low, high = sums_range(folded)
    if (low[1::2] < -(2**23)).any() or (high[1::2] >= 2**23).any():
        return None
    words = finishing_words(folded, np.tile([0, 8], len(low) // 2))
    if words is None:
        return None
    matrix = folded.weight.reshape(len(low), -1)
    start = pack_two_rows(matrix[:, :1], folded.bias)["bias"].reshape(-1, 4)
    return np.concatenate([start, words.reshape(-1, 12)], -1).astype(np.int32).reshape(-1)


KERNEL = FullyConnectedRowsS8Dsp()
